//! Asking a running node over its API: finds it by `ready.json` or by its URL.

use super::{Ask, Failure};
use crate::config::DEFAULT_DATA_DIR;
use crate::datadir;
use crate::exit::Exit;
use std::path::PathBuf;
use std::time::Duration;

/// A node that does not answer within this is called unreachable.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The base URL of the node that `ask` means.
pub(super) fn base_url(ask: &Ask) -> Result<String, Failure> {
    if let Some(api) = &ask.api {
        return Ok(api.trim_end_matches('/').to_owned());
    }
    let path = ask.data_dir.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR));
    match datadir::read_ready(&path) {
        Ok(ready) => Ok(ready.api),
        Err(error) => Err(Failure::new(
            Exit::Unreachable,
            format!(
                "no node is serving on {}: {}/ready.json: {error}; start one with `tidepool run --data-dir {}`, or pass --api URL",
                path.display(),
                path.display(),
                path.display()
            ),
        )),
    }
}

/// `GET base/path` as JSON.
pub(super) fn get(base: &str, path: &str) -> Result<serde_json::Value, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let url = format!("{base}{path}");
        let unreachable = |error: &dyn std::fmt::Display| {
            Failure::new(Exit::Unreachable, format!("{url} does not answer: {error}; is the node running?"))
        };
        let client = reqwest::Client::builder().timeout(ANSWER_MAX).build().map_err(|error| unreachable(&error))?;
        let answer = client.get(&url).send().await.map_err(|error| unreachable(&error))?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(|error| unreachable(&error))?;
        if !status.is_success() {
            return Err(Failure::new(Exit::Failed, format!("{url} answered {status}")));
        }
        serde_json::from_slice(&body)
            .map_err(|error| Failure::new(Exit::Failed, format!("{url} answered something else than JSON: {error}")))
    })
}
