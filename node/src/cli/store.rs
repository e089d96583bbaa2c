//! `tidepool export|import-store|verify|reindex`: what is done with a store whose node does not run.

use super::{Failure, Place, Run, output};
use crate::config::{self, Config};
use crate::datadir::{DataDir, DataDirError};
use crate::exit::Exit;
use crate::runtime::{self, StartError};
use clap::Args;
use std::path::{Path, PathBuf};
use tidepool_kernel::{Store, StoreError};
use tidepool_protocol::{NetworkGenesis, NetworkId};
use tidepool_store::{Export, OnDamage, OpenSettings, SledStore, TransferError};

/// What to export.
#[derive(Clone, Debug, Args)]
pub(super) struct ExportArgs {
    /// The file to write; it must not be there yet.
    file: PathBuf,
    /// With the rows that only this node has: accounts, hashes of API keys, sealed keys. Keep such a file like the data
    /// directory; without node.key it opens nothing.
    #[arg(long)]
    with_accounts: bool,
    /// The node.
    #[command(flatten)]
    place: Place,
}

/// What to import.
#[derive(Clone, Debug, Args)]
pub(super) struct ImportArgs {
    /// A file that `tidepool export` wrote.
    file: PathBuf,
    /// The node; its data directory must not hold a store yet.
    #[command(flatten)]
    place: Place,
}

/// What to salvage.
#[derive(Clone, Debug, Args)]
pub(super) struct SalvageArgs {
    /// The damaged store: `store.quarantined-N` in a data directory, or a copy of it.
    from: PathBuf,
    /// The node whose store is made of it; its data directory must not hold a store yet. Without the node.key that the
    /// damaged store belonged to, its accounts open nothing.
    #[command(flatten)]
    place: Place,
}

/// A data directory that is held while something is done with its store.
pub(super) struct Held {
    pub(super) config: Config,
    pub(super) genesis: NetworkGenesis,
    pub(super) directory: DataDir,
}

/// Holds a data directory that is there: who only looks makes none.
pub(super) fn hold(place: &Place) -> Result<Held, Failure> {
    hold_by(place, DataDir::open_existing)
}

/// Holds a data directory, made when it is not there.
fn hold_new(place: &Place) -> Result<Held, Failure> {
    hold_by(place, DataDir::open)
}

fn hold_by(
    place: &Place,
    open: impl FnOnce(&Path, NetworkId, &str) -> Result<DataDir, DataDirError>,
) -> Result<Held, Failure> {
    let config = config::load(&Run::of(place))?;
    let genesis = config::network(&config)?;
    let directory = open(&config.data_dir, genesis.id(), &genesis.name).map_err(StartError::from)?;
    Ok(Held { config, genesis, directory })
}

impl Held {
    /// Opens the store, and leaves it where it is when it is damaged.
    pub(super) fn open(&self) -> Result<SledStore, Failure> {
        let settings = runtime::store_settings(self.genesis.id(), &self.config.store);
        let settings = OpenSettings { on_damage: OnDamage::Leave, ..settings };
        let opened = SledStore::open(&runtime::store_path(&self.directory), &settings);
        Ok(opened.map_err(StartError::from)?)
    }
}

impl From<TransferError> for Failure {
    fn from(error: TransferError) -> Self {
        Self::new(Exit::Failed, error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(Exit::Store, error)
    }
}

pub(super) fn export(wanted: &ExportArgs) -> Result<Exit, Failure> {
    let held = hold(&wanted.place)?;
    let store = held.open()?;
    let what = Export { network: held.genesis.id(), durable_rows: wanted.with_accounts };
    let counted = tidepool_store::export_file(&store, what, &wanted.file)?;
    store.close()?;
    told(&wanted.place, "exported", counted.envelopes, counted.rows)
}

pub(super) fn salvage(wanted: &SalvageArgs) -> Result<Exit, Failure> {
    let held = hold_new(&wanted.place)?;
    let settings = runtime::store_settings(held.genesis.id(), &held.config.store);
    let salvaged = tidepool_store::salvage(&wanted.from, &runtime::store_path(&held.directory), &settings)?;
    if wanted.place.json {
        output::print_json(&serde_json::json!({ "salvaged": {
            "envelopes": salvaged.envelopes,
            "account_rows": salvaged.rows,
            "head": salvaged.head.0,
            "fault_count": salvaged.fault_count,
            "faults": salvaged.faults,
        }}))?;
    } else {
        let mut text = format!(
            "salvaged {} envelopes and {} rows of accounts; the log goes on behind cursor {}, {} places could not be read\n",
            salvaged.envelopes, salvaged.rows, salvaged.head.0, salvaged.fault_count
        );
        salvaged.faults.iter().for_each(|fault| text.push_str(&format!("  {fault}\n")));
        output::print(&text)?;
    }
    Ok(Exit::Done)
}

pub(super) fn import(wanted: &ImportArgs) -> Result<Exit, Failure> {
    let held = hold_new(&wanted.place)?;
    let settings = runtime::store_settings(held.genesis.id(), &held.config.store);
    let counted = tidepool_store::import(&wanted.file, &runtime::store_path(&held.directory), &settings)?;
    told(&wanted.place, "imported", counted.envelopes, counted.rows)
}

pub(super) fn verify(place: &Place) -> Result<Exit, Failure> {
    let held = hold(place)?;
    let store = held.open()?;
    let report = tidepool_store::verify(&store, held.genesis.id());
    store.close()?;
    if place.json {
        output::print_json(&serde_json::json!({
            "envelopes": report.envelopes,
            "envelope_bytes": report.envelope_bytes,
            "rows": report.rows,
            "fault_count": report.fault_count,
            "faults": report.faults,
        }))?;
    } else {
        let mut text = format!(
            "{} envelopes ({} bytes) and {} rows read, {} faults\n",
            report.envelopes, report.envelope_bytes, report.rows, report.fault_count
        );
        report.faults.iter().for_each(|fault| text.push_str(&format!("  {fault}\n")));
        output::print(&text)?;
    }
    Ok(if report.fault_count == 0 { Exit::Done } else { Exit::CheckFailed })
}

pub(super) fn reindex(place: &Place) -> Result<Exit, Failure> {
    let held = hold(place)?;
    let mut store = held.open()?;
    let head = Store::head(&store);
    store.clear_derived()?;
    store.close()?;
    // The next start folds the whole log again before it serves.
    if place.json {
        output::print_json(&serde_json::json!({ "envelopes": head.0 }))?;
    } else {
        output::print(&format!("every view is dropped; the next start folds {} envelopes again\n", head.0))?;
    }
    Ok(Exit::Done)
}

fn told(place: &Place, what: &str, envelopes: u64, rows: u64) -> Result<Exit, Failure> {
    if place.json {
        output::print_json(&serde_json::json!({ what: { "envelopes": envelopes, "account_rows": rows } }))?;
    } else {
        output::print(&format!("{what} {envelopes} envelopes and {rows} rows of accounts\n"))?;
    }
    Ok(Exit::Done)
}
