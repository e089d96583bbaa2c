//! `tidepool prune`: takes away what retention does not keep, or says what that is.

use super::{Failure, Place, output, store};
use crate::config;
use crate::exit::Exit;
use crate::runtime;
use crate::runtime::control::{self, Answer, Ask, Pruned};
use clap::Args;
use tidepool_kernel::retention::plan;
use tidepool_kernel::{Custody, Input, Node, NodeSettings, Outbox, StoreError, Timer};
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{PublicKey, Signature, TimeMs};

/// What to prune.
#[derive(Clone, Debug, Args)]
pub(super) struct PruneArgs {
    /// Say what would go, and change nothing. Also of a running node, which prunes by itself once an hour.
    #[arg(long)]
    dry_run: bool,
    /// The node.
    #[command(flatten)]
    place: Place,
}

/// Pruning signs nothing.
struct NoKeys;

impl Custody for NoKeys {
    fn sign(&self, _key: &PublicKey, _domain: Domain, _message: &[u8]) -> Option<Signature> {
        None
    }
}

pub(super) fn prune(wanted: &PruneArgs) -> Result<Exit, Failure> {
    let shards = match store::hold(&wanted.place) {
        Ok(held) => {
            let store = held.open()?;
            let retention = held.config.store.retention();
            let planned = plan(&store, &held.genesis, retention, runtime::now());
            let planned = planned.map_err(StoreError::from)?;
            if wanted.dry_run {
                store.close()?;
            } else {
                carry_out(&held, store)?;
            }
            planned.into_iter().map(Pruned::from).collect()
        }
        Err(failure) if failure.exit == Exit::Locked && wanted.dry_run => of_running(wanted, &failure)?,
        Err(failure) if failure.exit == Exit::Locked => {
            let text =
                format!("{}; a running node prunes by itself once an hour, --dry-run says what", failure.message);
            return Err(Failure::new(Exit::Locked, text));
        }
        Err(failure) => return Err(failure),
    };
    told(wanted, &shards)
}

fn of_running(wanted: &PruneArgs, locked: &Failure) -> Result<Vec<Pruned>, Failure> {
    let config = config::load(&super::Run::of(&wanted.place))?;
    match control::ask(&config.data_dir, &Ask::PrunePlan {}) {
        Ok(Answer::PrunePlan { shards }) => Ok(shards),
        Ok(Answer::Failed { reason }) => Err(Failure::new(Exit::Failed, reason)),
        Ok(other) => Err(Failure::new(Exit::Failed, format!("the node answered something else: {other:?}"))),
        Err(error) => Err(Failure::new(Exit::Locked, format!("{}; its control socket: {error}", locked.message))),
    }
}

/// Lets a kernel prune that does nothing else.
fn carry_out(held: &store::Held, store: tidepool_store::SledStore) -> Result<(), Failure> {
    let keys = runtime::node_keys(held.directory.path())?;
    let settings = NodeSettings {
        coverage: tidepool_kernel::held(&store).map_err(StoreError::from)?,
        retention: held.config.store.retention(),
        checkpoint_ms: 0,
        ..NodeSettings::archive(held.genesis.clone(), keys.node_id(), keys.public_key())
    };
    let mut node = Node::new(store, NoKeys, settings);
    let mut out = Outbox::default();
    node.step(Input::Started, runtime::now(), &mut out);
    loop {
        let before = node.counters().pruned;
        node.step(Input::Timer(Timer::Prune), runtime::now(), &mut out);
        node.step(Input::TurnEnded, runtime::now(), &mut out);
        for effect in out.0.drain(..) {
            if let tidepool_kernel::Effect::Halt { error } = effect {
                return Err(error.into());
            }
        }
        if !node.is_pruning() && node.counters().pruned == before {
            break;
        }
    }
    Ok(node.into_store().close()?)
}

/// From when on texts are kept; `None` where all are.
fn date(horizon_ms: u64) -> Option<String> {
    (horizon_ms > 0).then(|| tidepool_api::iso(TimeMs(horizon_ms)))
}

fn told(wanted: &PruneArgs, shards: &[Pruned]) -> Result<Exit, Failure> {
    let (envelopes, bytes) = shards.iter().fold((0, 0), |(n, b), shard| (n + shard.envelopes, b + shard.bytes));
    if wanted.place.json {
        let shards: Vec<_> = shards
            .iter()
            .map(|shard| {
                let Pruned { shard, horizon_ms, envelopes, bytes, kept_bytes } = *shard;
                serde_json::json!({
                    "shard": shard,
                    "horizon": date(horizon_ms),
                    "horizon_ms": horizon_ms,
                    "envelopes": envelopes,
                    "bytes": bytes,
                    "kept_bytes": kept_bytes,
                })
            })
            .collect();
        output::print_json(&serde_json::json!({
            "dry_run": wanted.dry_run,
            "envelopes": envelopes,
            "bytes": bytes,
            "shards": shards,
        }))?;
        return Ok(Exit::Done);
    }
    let mut rows = vec![["shard", "kept from", "texts", "bytes", "kept bytes"].map(str::to_owned).to_vec()];
    for shard in shards {
        let Pruned { shard, horizon_ms, envelopes, bytes, kept_bytes } = *shard;
        let from = date(horizon_ms).unwrap_or_else(|| "all".to_owned());
        let [shard, envelopes, bytes, kept] =
            [u64::from(shard), envelopes, bytes, kept_bytes].map(|number| number.to_string());
        rows.push(vec![shard, from, envelopes, bytes, kept]);
    }
    let verb = if wanted.dry_run { "would lose" } else { "lost" };
    output::print(&format!("{}\n{envelopes} texts {verb} their bodies, {bytes} bytes\n", output::table(&rows)))?;
    Ok(Exit::Done)
}
