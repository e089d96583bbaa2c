//! `tidepool config show|check`.

use super::{Failure, Run, output};
use crate::config::{self, Config, ConfigError, CoverageWord};
use crate::datadir::DataDir;
use crate::exit::Exit;
use crate::runtime::{self, StartError};
use figment::Figment;
use figment::value::{Dict, Value};
use serde::Serialize;
use std::collections::BTreeSet;
use tidepool_net::duty_shards;
use tidepool_protocol::NetworkGenesis;

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Config, error)
    }
}

pub(super) fn check(run: &Run) -> Result<Exit, Failure> {
    let config = config::load(run)?;
    let genesis = config::network(&config)?;
    DataDir::check(&config.data_dir, genesis.id()).map_err(|error| Failure::from(StartError::from(error)))?;
    let coverage = Covered::of(&config, &genesis);
    if run.place.json {
        let network = genesis.id().to_string();
        output::print_json(&serde_json::json!({ "ok": true, "network": network, "coverage": coverage }))?;
    } else {
        let mut text = format!("the configuration can be used; network {} ({})\n", genesis.name, genesis.id());
        text.push_str(&coverage.shown());
        if let Some(key) = &config.net.network_key {
            // Safe to show: it says which key it is, and not what it is.
            text.push_str(&format!("private: key {}; QUIC is off, its key protects TCP only\n", key.fingerprint()));
        }
        if config.faults.gossip_drop_percent > 0 {
            let percent = config.faults.gossip_drop_percent;
            text.push_str(&format!("faults on purpose: {percent} % of gossip is dropped\n"));
        }
        output::print(&text)?;
    }
    Ok(Exit::Done)
}

/// What the node would hold, as far as it is known before it runs.
#[derive(Serialize)]
struct Covered {
    /// Whether it is all, or some.
    word: CoverageWord,
    /// Shards that the operator names.
    named: BTreeSet<u16>,
    /// The node's duty shards, when it has a key by now.
    duty: Option<BTreeSet<u16>>,
    /// How many shards there are.
    of: u16,
}

impl Covered {
    fn of(config: &Config, genesis: &NetworkGenesis) -> Self {
        let params = &genesis.params;
        let key = config.data_dir.join(runtime::KEY_FILE);
        // Looked at only: whoever checks makes no key.
        let keys = key.exists().then(|| runtime::node_keys(&config.data_dir).ok()).flatten();
        let duty = keys.map(|keys| duty_shards(&keys.public_key(), params.shards, params.generation));
        Self {
            word: config.node.coverage,
            named: config.node.shards.clone(),
            duty: duty.map(|shards| shards.into_iter().map(|shard| shard.0).collect()),
            of: params.shards,
        }
    }

    fn shown(&self) -> String {
        let list = |numbers: &BTreeSet<u16>| numbers.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let of = self.of;
        match (self.word, &self.duty) {
            (CoverageWord::Archive, _) => format!("coverage: archive, all of {of} shards\n"),
            (CoverageWord::Shards, duty) => {
                let named = if self.named.is_empty() { "none".to_owned() } else { list(&self.named) };
                let duty = duty.as_ref().map_or_else(|| "known once it has a key".to_owned(), list);
                format!(
                    "coverage: shards of {of}: {named} named; this node's duty {duty}; and those that its agents read or \
                     write\n"
                )
            }
        }
    }
}

pub(super) fn show(run: &Run) -> Result<Exit, Failure> {
    let layers = config::layers(run)?;
    let config = config::load(run)?;
    if run.place.json {
        output::print_json(&config)?;
        return Ok(Exit::Done);
    }
    let values: Dict = layers.extract().map_err(|error| ConfigError::Value(Box::new(error)))?;
    let mut rows = vec![["key", "value", "from"].map(str::to_owned).to_vec()];
    list(&layers, "", &values, &mut rows);
    output::print(&output::table(&rows))?;
    Ok(Exit::Done)
}

fn list(layers: &Figment, prefix: &str, values: &Dict, rows: &mut Vec<Vec<String>>) {
    for (name, value) in values {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        if let Value::Dict(_, inner) = value {
            list(layers, &key, inner, rows);
            continue;
        }
        let text = serde_json::to_string(value).unwrap_or_else(|_| "?".to_owned());
        rows.push(vec![key.clone(), text, origin(layers, &key)]);
    }
}

/// Where a value came from: a default, the file by its path, the environment, or a flag.
fn origin(layers: &Figment, key: &str) -> String {
    let Some(metadata) = layers.find_metadata(key) else { return "default".to_owned() };
    match &metadata.source {
        Some(figment::Source::File(path)) => path.display().to_string(),
        Some(figment::Source::Code(_)) if metadata.name.contains("Config") => "default".to_owned(),
        Some(figment::Source::Code(_)) => "flag".to_owned(),
        Some(_) | None => metadata.name.to_string(),
    }
}
