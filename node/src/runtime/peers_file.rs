//! The addresses of known peers between two runs: read at the start, written while the node runs, so that one that is
//! killed finds its network again without its seeds.

use crate::datadir::write_whole;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tidepool_net::{KnownPeer, NetHandle};
use tokio::task::JoinHandle;

/// The file of a data directory.
pub(crate) const PEERS_FILE: &str = "peers.json";

/// How often the book is looked at; it is written when it has changed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// When it has not, it is written all the same after this time: when peers were last seen goes on.
const WRITE_EVERY: Duration = Duration::from_secs(10 * 60);

/// The file, and the task that writes it until it is dropped.
pub(crate) struct PeersFile {
    path: PathBuf,
    keeper: JoinHandle<()>,
}

/// Whom the last run knew.
pub(crate) fn read(directory: &Path) -> Vec<KnownPeer> {
    let path = directory.join(PEERS_FILE);
    let Ok(bytes) = std::fs::read(&path) else { return Vec::new() };
    serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        // Nothing is lost: seeds and Kademlia find peers again.
        tracing::warn!(path = %path.display(), %error, "known peers are not readable and are forgotten");
        Vec::new()
    })
}

impl PeersFile {
    /// Keeps the file of `directory` as long as this lives.
    pub(crate) fn keep(directory: &Path, net: NetHandle) -> Self {
        let path = directory.join(PEERS_FILE);
        let keeper = tokio::spawn(keep(path.clone(), net));
        Self { path, keeper }
    }

    /// Writes it a last time.
    pub(crate) async fn close(&self, net: &NetHandle) {
        self.keeper.abort();
        write(self.path.clone(), net.known_peers().await).await;
    }
}

impl Drop for PeersFile {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

async fn keep(path: PathBuf, net: NetHandle) {
    let mut every = tokio::time::interval(LOOK_EVERY);
    let mut written = (Vec::new(), Instant::now());
    loop {
        every.tick().await;
        let known = net.known_peers().await;
        if known.is_empty() || (same(&known, &written.0) && written.1.elapsed() < WRITE_EVERY) {
            continue;
        }
        written = (known.clone(), Instant::now());
        write(path.clone(), known).await;
    }
}

/// Whether both say the same but for when peers were seen.
fn same(one: &[KnownPeer], other: &[KnownPeer]) -> bool {
    let told = |known: &KnownPeer| (known.peer, known.addresses.clone(), known.seen_ms > 0);
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| told(one) == told(other))
}

async fn write(path: PathBuf, known: Vec<KnownPeer>) {
    let written = tokio::task::spawn_blocking(move || {
        let bytes = serde_json::to_vec_pretty(&known).map_err(std::io::Error::other);
        if let Err(error) = bytes.and_then(|bytes| write_whole(&path, &bytes)) {
            tracing::warn!(path = %path.display(), %error, "known peers were not written");
        }
    });
    if let Err(error) = written.await {
        tracing::warn!(%error, "known peers were not written");
    }
}
