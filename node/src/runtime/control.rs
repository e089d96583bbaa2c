//! The control socket of a running node: `control` in its data directory, for whoever may write there and nobody else.
//!
//! One line of JSON asks, one line answers. What it does needs the node's own hands on its store; everything that a
//! caller over HTTP may ask stands in the API instead.

use super::clock;
use crate::backup;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tidepool_kernel::Retention;
use tidepool_kernel::retention::{ShardPlan, plan};
use tidepool_protocol::NetworkGenesis;
use tidepool_store::SledReader;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// The socket's name in the data directory.
const SOCKET: &str = "control";

/// The longest line that is read.
const LINE_BYTES_MAX: u64 = 16 * 1024;

/// A caller that says nothing for so long is hung up on.
const ASK_MAX: Duration = Duration::from_secs(10);

/// How long a caller waits: a backup of a large log takes minutes.
const ANSWER_MAX: Duration = Duration::from_secs(60 * 60);

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Ask {
    /// A backup into this file, which must not be there yet; or into a directory, under a name of its own.
    Backup {
        /// An absolute path.
        path: PathBuf,
    },
    /// What pruning would take away now.
    PrunePlan {},
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// A backup was written.
    Backup {
        /// Where.
        file: PathBuf,
        /// Envelopes in it.
        envelopes: u64,
        /// Rows of accounts in it.
        rows: u64,
    },
    /// What pruning would take away.
    PrunePlan {
        /// Shard by shard.
        shards: Vec<Pruned>,
    },
    /// It was not done.
    Failed {
        /// Why.
        reason: String,
    },
}

/// What pruning takes away of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pruned {
    /// Its number.
    pub(crate) shard: u16,
    /// Texts that claim an earlier time lose their bodies; 0 for none.
    pub(crate) horizon_ms: u64,
    /// How many.
    pub(crate) envelopes: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Bytes of texts that stay.
    pub(crate) kept_bytes: u64,
}

impl From<ShardPlan> for Pruned {
    fn from(plan: ShardPlan) -> Self {
        let ShardPlan { shard, horizon, envelopes, bytes, kept_bytes } = plan;
        Self { shard: shard.0, horizon_ms: horizon.0, envelopes, bytes, kept_bytes }
    }
}

/// What the socket works with.
pub(crate) struct Hands {
    pub(crate) directory: PathBuf,
    pub(crate) genesis: Arc<NetworkGenesis>,
    pub(crate) reader: SledReader,
    pub(crate) retention: Retention,
}

/// Listens until it is dropped.
pub(crate) struct Control {
    task: Option<JoinHandle<()>>,
    path: PathBuf,
}

impl Control {
    /// Opens the socket. A node whose data directory has too long a path for one runs without, and says so.
    pub(crate) fn start(hands: Hands) -> Self {
        let path = hands.directory.join(SOCKET);
        let _ = std::fs::remove_file(&path);
        let task = match listen(&path) {
            Ok(listener) => Some(tokio::spawn(serve(listener, Arc::new(hands)))),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "no control socket: back up this node when it is stopped");
                None
            }
        };
        Self { task, path }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt;
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// One caller after another: what is asked here is heavy.
async fn serve(listener: UnixListener, hands: Arc<Hands>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Err(error) = answer(stream, &hands).await {
                    tracing::warn!(%error, "the control socket's caller went away");
                }
            }
            Err(error) => {
                tracing::error!(%error, "the control socket ended");
                return;
            }
        }
    }
}

async fn answer(stream: UnixStream, hands: &Arc<Hands>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut lines = tokio::io::BufReader::new(read.take(LINE_BYTES_MAX));
    tokio::time::timeout(ASK_MAX, lines.read_line(&mut line)).await.map_err(io::Error::other)??;
    let answer = match serde_json::from_str::<Ask>(&line) {
        Ok(ask) => {
            let hands = Arc::clone(hands);
            tokio::task::spawn_blocking(move || hands.carry_out(ask)).await.map_err(io::Error::other)?
        }
        Err(error) => Answer::Failed { reason: format!("not understood: {error}") },
    };
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    write.write_all(&text).await
}

impl Hands {
    fn carry_out(&self, ask: Ask) -> Answer {
        match ask {
            Ask::Backup { path } => self.back_up(&path),
            Ask::PrunePlan {} => self.prune_plan(),
        }
    }

    fn prune_plan(&self) -> Answer {
        let planned = plan(&self.reader, &self.genesis, self.retention, clock::now());
        match planned {
            Ok(shards) => Answer::PrunePlan { shards: shards.into_iter().map(Pruned::from).collect() },
            Err(error) => Answer::Failed { reason: error.to_string() },
        }
    }

    fn back_up(&self, path: &Path) -> Answer {
        let made_ms = clock::now();
        let file = backup::place(path, made_ms);
        match backup::make(&self.directory, &self.genesis, &self.reader, &file, made_ms) {
            Ok(done) => {
                tracing::info!(file = %file.display(), head = done.head.0, "backed up");
                Answer::Backup { file, envelopes: done.counted.envelopes, rows: done.counted.rows }
            }
            Err(error) => Answer::Failed { reason: error.to_string() },
        }
    }
}

/// Asks the node that runs on `directory`.
///
/// # Errors
/// When it does not answer.
pub(crate) fn ask(directory: &Path, ask: &Ask) -> io::Result<Answer> {
    let mut stream = std::os::unix::net::UnixStream::connect(directory.join(SOCKET))?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    let mut line = serde_json::to_vec(ask)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut text = String::new();
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_line(&mut text)?;
    serde_json::from_str(&text).map_err(io::Error::other)
}
