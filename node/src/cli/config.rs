//! `tidepool config show|check`.

use super::{Failure, Run, output};
use crate::config::{self, ConfigError};
use crate::exit::Exit;
use figment::Figment;
use figment::value::{Dict, Value};

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Config, error)
    }
}

pub(super) fn check(run: &Run) -> Result<Exit, Failure> {
    let config = config::load(run)?;
    let genesis = config::network(&config)?;
    if run.place.json {
        output::print_json(&serde_json::json!({ "ok": true, "network": genesis.id().to_string() }))?;
    } else {
        let mut text = format!("the configuration can be used; network {} ({})\n", genesis.name, genesis.id());
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
