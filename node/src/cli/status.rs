//! `tidepool status`: what a running node holds and how it is.

use super::{Ask, Failure, ask, output};
use crate::exit::Exit;
use serde_json::Value;

const SHARD_COLUMNS: [&str; 5] = ["shard", "state_count", "state_digest", "content_count", "content_digest"];

pub(super) fn status(wanted: &Ask) -> Result<Exit, Failure> {
    let base = ask::base_url(wanted)?;
    let node = ask::get(&base, "/api/v1/node")?;
    if wanted.json {
        output::print_json(&node)?;
    } else {
        output::print(&shown(&base, &node))?;
    }
    Ok(Exit::Done)
}

/// A value as people read it: texts without quotes, lists by their length.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.len().to_string(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| format!("{name} {}", plain(value))).collect::<Vec<_>>().join(", ")
        }
        Value::Null => "-".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn shown(base: &str, node: &Value) -> String {
    let mut rows = vec![vec!["api".to_owned(), base.to_owned()]];
    let mut shards = vec![SHARD_COLUMNS.map(str::to_owned).to_vec()];
    for (name, value) in node.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            // Beside their number, peers have a command of their own.
            ("success" | "peers", _) => {}
            ("peer_count", _) => rows.push(vec!["peers".to_owned(), plain(value)]),
            ("shards", Value::Array(entries)) => shards.extend(
                entries
                    .iter()
                    .map(|entry| SHARD_COLUMNS.map(|field| plain(entry.get(field).unwrap_or(&Value::Null))).to_vec()),
            ),
            ("listen", Value::Array(entries)) => {
                rows.extend(entries.iter().map(|entry| vec!["listen".to_owned(), plain(entry)]));
            }
            _ => rows.push(vec![name.clone(), plain(value)]),
        }
    }
    format!("{}\n{}", output::table(&rows), output::table(&shards))
}
