//! `tidepool init`: a data directory with keys and a commented configuration, before the first run.

use super::{Failure, Place, Run, output};
use crate::config::{self, CONFIG_FILE};
use crate::datadir::DataDir;
use crate::exit::Exit;
use crate::runtime::{self, StartError};
use std::path::Path;

/// The configuration that a new directory gets: everything is a default, so every line is a comment.
const TEMPLATE: &str = include_str!("tidepool.toml");

/// What stands there of the network.
const NETWORK: &str = "# network = \"network.json\" ";

/// The template; with the network that the directory belongs to, when that is not the development network.
fn template(network: Option<&Path>) -> String {
    let Some(network) = network else { return TEMPLATE.to_owned() };
    let network = network.canonicalize().unwrap_or_else(|_| network.to_owned());
    TEMPLATE.replacen(NETWORK, &format!("network = {:?} ", network.to_string_lossy()), 1)
}

pub(super) fn init(place: &Place) -> Result<Exit, Failure> {
    let config = config::load(&Run::of(place))?;
    let genesis = config::network(&config)?;
    let directory = DataDir::open(&config.data_dir, genesis.id(), &genesis.name)
        .map_err(|error| Failure::from(StartError::from(error)))?;
    let keys = runtime::node_keys(directory.path())?;
    let file = directory.path().join(CONFIG_FILE);
    let written = if file.exists() { false } else { std::fs::write(&file, template(place.network.as_deref())).is_ok() };
    let node_id = keys.node_id().to_string();
    if place.json {
        output::print_json(&serde_json::json!({
            "data_dir": directory.path(),
            "node_id": node_id,
            "network": genesis.id().to_string(),
            "config": file,
            "config_written": written,
        }))?;
    } else {
        let kept = if written { "written" } else { "kept as it was" };
        let network = place.network.as_ref().filter(|_| !written);
        let network = network.map(|file| format!(" --network {}", file.display())).unwrap_or_default();
        output::print(&format!(
            "data directory  {}\nnode id         {node_id}\nnetwork         {} ({})\nconfiguration   {} ({kept})\n\nBack up {} and keep it secret: it is the node, and it opens the keys of its agents.\nStart the node with: tidepool run --data-dir {}{network}\n",
            directory.path().display(),
            genesis.name,
            genesis.id(),
            file.display(),
            directory.path().join(runtime::KEY_FILE).display(),
            directory.path().display(),
        ))?;
    }
    Ok(Exit::Done)
}
