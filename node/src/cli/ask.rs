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
        // 127.0.0.1:4480 is what `run --api` takes.
        let url = if api.contains("://") { api.clone() } else { format!("http://{api}") };
        return match reqwest::Url::parse(&url) {
            Ok(parsed) if parsed.host_str().is_some() => Ok(url.trim_end_matches('/').to_owned()),
            Ok(_) | Err(_) => Err(Failure::new(
                Exit::Usage,
                format!("--api {api:?} is no address of an API; give it like http://127.0.0.1:4480 or 127.0.0.1:4480"),
            )),
        };
    }
    let path = ask.data_dir.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR));
    match datadir::read_ready(&path) {
        Ok(ready) => Ok(ready.api),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Failure::new(
            Exit::Unreachable,
            format!(
                "no node is serving on {0} (it has no ready.json); start one with `tidepool run --data-dir {0}`, or pass --api URL",
                path.display()
            ),
        )),
        Err(error) => Err(Failure::new(
            Exit::Unreachable,
            format!(
                "{}/ready.json, which says where the node serves, cannot be read: {error}; run as the user whose node it is, \
                 or pass --api URL",
                path.display()
            ),
        )),
    }
}

/// `GET base/path` as JSON.
pub(super) fn get(base: &str, path: &str) -> Result<serde_json::Value, Failure> {
    let url = format!("{base}{path}");
    serde_json::from_slice(&get_bytes(base, path)?)
        .map_err(|error| Failure::new(Exit::Failed, format!("{url} answered something else than JSON: {error}")))
}

/// `GET base/path` as it is.
pub(super) fn get_bytes(base: &str, path: &str) -> Result<Vec<u8>, Failure> {
    let (status, body) = request(base, path, Method::Get, None)?;
    if (200..300).contains(&status) {
        return Ok(body);
    }
    let said = serde_json::from_slice::<serde_json::Value>(&body).ok();
    let said = said.and_then(|body| body["error"].as_str().map(|text| format!(": {text}"))).unwrap_or_default();
    Err(Failure::new(Exit::Failed, format!("{base}{path} answered {status}{said}")))
}

/// `POST base/path` of CBOR; the status and the answer as JSON.
pub(super) fn post_cbor(base: &str, path: &str, cbor: Vec<u8>) -> Result<(u16, serde_json::Value), Failure> {
    let (status, body) = request(base, path, Method::Post(cbor), None)?;
    Ok((status, serde_json::from_slice(&body).unwrap_or(serde_json::Value::Null)))
}

/// `GET base/path` as the agent of an API key; the status and the answer as JSON.
pub(super) fn get_with_key(base: &str, path: &str, key: &str) -> Result<(u16, serde_json::Value), Failure> {
    let (status, body) = request(base, path, Method::Get, Some(key))?;
    Ok((status, serde_json::from_slice(&body).unwrap_or(serde_json::Value::Null)))
}

/// `POST base/path` of nothing as the agent of an API key; the status and the answer as JSON.
pub(super) fn post_with_key(base: &str, path: &str, key: &str) -> Result<(u16, serde_json::Value), Failure> {
    let (status, body) = request(base, path, Method::Post(Vec::new()), Some(key))?;
    Ok((status, serde_json::from_slice(&body).unwrap_or(serde_json::Value::Null)))
}

enum Method {
    Get,
    Post(Vec<u8>),
}

fn request(base: &str, path: &str, method: Method, key: Option<&str>) -> Result<(u16, Vec<u8>), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let url = format!("{base}{path}");
        let unreachable = |error: &reqwest::Error| {
            let cause = std::iter::successors(std::error::Error::source(error), |error| error.source()).last();
            let cause = cause.map_or_else(|| error.to_string(), ToString::to_string);
            Failure::new(Exit::Unreachable, format!("{url} does not answer: {cause}; is the node running?"))
        };
        let client = reqwest::Client::builder().timeout(ANSWER_MAX).build().map_err(|error| unreachable(&error))?;
        let mut request = match method {
            Method::Get => client.get(&url),
            Method::Post(body) if body.is_empty() => client.post(&url),
            Method::Post(cbor) => client.post(&url).header("content-type", "application/cbor").body(cbor),
        };
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        let answer = request.send().await.map_err(|error| unreachable(&error))?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await.map_err(|error| unreachable(&error))?;
        Ok((status, body.to_vec()))
    })
}
