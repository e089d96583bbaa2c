//! `tidepool peers`: whom a running node is connected to, and how.

use super::{Ask, Failure, ask, output};
use crate::exit::Exit;
use serde_json::Value;

const COLUMNS: [&str; 8] = ["peer_id", "via", "direction", "since", "score", "rtt_ms", "addresses", "agent_version"];

pub(super) fn peers(wanted: &Ask) -> Result<Exit, Failure> {
    let base = ask::base_url(wanted)?;
    let node = ask::get(&base, "/api/v1/node")?;
    let peers = node.get("peers").cloned().unwrap_or(Value::Array(Vec::new()));
    if wanted.json {
        output::print_json(&peers)?;
        return Ok(Exit::Done);
    }
    let mut rows = vec![COLUMNS.map(str::to_owned).to_vec()];
    for peer in peers.as_array().into_iter().flatten() {
        rows.push(COLUMNS.map(|column| cell(peer, column)).to_vec());
    }
    output::print(&output::table(&rows))?;
    Ok(Exit::Done)
}

fn cell(peer: &Value, column: &str) -> String {
    match peer.get(column) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        None | Some(Value::Null) => "-".to_owned(),
        Some(other) => other.to_string(),
    }
}
