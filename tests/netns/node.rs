//! A `tidepool` process in a namespace.

use super::ground::Place;
use super::support::{PATIENCE, http, try_http, wait_for};
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Node {
    pub place: Place,
    child: Child,
    directory: PathBuf,
    api: String,
    /// Its first address, with `/p2p/…`.
    pub listen: String,
    pub peer_id: String,
}

impl Node {
    /// Starts a node in `place`, which listens on TCP and QUIC there and knows `seeds`; `more` are flags.
    pub fn start(directory: &Path, place: &Place, seeds: &[String], more: &[(&str, &str)]) -> Self {
        let directory = directory.join(&place.name);
        std::fs::create_dir_all(&directory).unwrap();
        let log = File::create(directory.join("log")).unwrap();
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &place.name, env!("CARGO_BIN_EXE_tidepool"), "run", "--data-dir"]);
        command.arg(directory.join("pool"));
        command.args(["--api", &format!("{}:4480", place.management), "--log", "info,libp2p_kad=error"]);
        command.args(["--listen", &format!("/ip4/{}/tcp/4490", place.address)]);
        command.args(["--listen", &format!("/ip4/{}/udp/4490/quic-v1", place.address)]);
        for seed in seeds {
            command.args(["--seed", seed]);
        }
        for (name, _) in std::env::vars() {
            if name.starts_with("TIDEPOOL_") {
                command.env_remove(name);
            }
        }
        // On the management bridge everybody would hear everybody.
        command.env("TIDEPOOL_NET__MDNS", "false");
        for (name, value) in more {
            command.env(name, value);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut child = command.spawn().unwrap();
        let ready = directory.join("pool/ready.json");
        let ready: Value = wait_for("ready.json", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the node ended with {status}:\n{}", std::fs::read_to_string(directory.join("log")).unwrap());
            }
            serde_json::from_slice(&std::fs::read(&ready).ok()?).ok()
        });
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (api, listen) = (text(&ready["api"]), text(&ready["listen"][0]));
        Self { place: place.clone(), child, directory, api, listen, peer_id: text(&ready["peer_id"]) }
    }

    pub fn api(&self) -> &str {
        &self.api
    }

    /// `GET /api/v1/node`; null when it does not answer now.
    pub fn status(&self) -> Value {
        try_http(&self.api, "GET", "/api/v1/node", None, None).map_or(Value::Null, |(_, body)| body)
    }

    pub fn get(&self, path: &str) -> Value {
        http(&self.api, "GET", path, None, None).1
    }

    /// The digest over everything that it holds, and how many envelopes these are.
    pub fn digest(&self) -> Option<(String, u64)> {
        let status = self.status();
        Some((status["digest"].as_str()?.to_owned(), status["envelopes"].as_u64()?))
    }

    /// Peer ids of its connected peers.
    pub fn peers(&self) -> Vec<String> {
        let status = self.status();
        let peers = status["peers"].as_array().into_iter().flatten();
        peers.filter_map(|peer| peer["peer_id"].as_str().map(str::to_owned)).collect()
    }

    /// What it says of its connection to the peer `id`.
    pub fn peer(&self, id: &str) -> Option<Value> {
        self.status()["peers"].as_array()?.iter().find(|peer| peer["peer_id"] == id).cloned()
    }

    /// Registers an agent and returns its API key.
    pub fn register(&self, name: &str) -> String {
        let body = json!({"name": name, "description": "a test's agent"});
        let (status, answer) = http(&self.api, "POST", "/api/v1/agents/register", None, Some(&body));
        assert_eq!(status, 201, "{answer}");
        answer["agent"]["api_key"].as_str().unwrap().to_owned()
    }

    /// The end of its log, for whoever looks into a failure.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<_> = log.lines().rev().take(20).collect();
            eprintln!("the last lines of {}:", self.place.name);
            tail.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
    }
}

/// Posts in `general`; the id when it was acknowledged.
pub fn say(api: &str, key: &str, title: &str) -> Result<String, String> {
    let body = json!({"submolt_name": "general", "title": title, "content": "said by a test"});
    match try_http(api, "POST", "/api/v1/posts", Some(key), Some(&body)) {
        Ok((201, answer)) => Ok(answer["post"]["id"].as_str().unwrap().to_owned()),
        Ok((status, answer)) => Err(format!("{status}: {answer}")),
        Err(error) => Err(error.to_string()),
    }
}

/// Waits until all nodes hold the same; says how many envelopes that are and how long it took.
pub fn until_equal(what: &str, nodes: &[Node], patience: Duration) -> (u64, Duration) {
    let began = Instant::now();
    loop {
        let digests: Vec<_> = nodes.iter().map(Node::digest).collect();
        if let Some((_, count)) = &digests[0]
            && digests.iter().all(|digest| *digest == digests[0])
        {
            return (*count, began.elapsed());
        }
        let counts: Vec<_> = digests.iter().flatten().map(|(_, count)| *count).collect();
        assert!(began.elapsed() < patience, "{what}: not equal after {patience:?}: {counts:?}");
        pause(Duration::from_millis(100));
    }
}

/// Lets `time` pass: partitions and loads last as long as they last.
pub fn pause(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}

/// How long anything may take that should happen at once.
pub const SOON: Duration = PATIENCE;
