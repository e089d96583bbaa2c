//! The control socket of a running node: `control` in its data directory, for whoever may write there and nobody else.
//!
//! One line of JSON asks, one line answers. What it does needs the node's own hands on its store, or is its operator's alone;
//! everything that a caller over HTTP may ask stands in the API instead.

use super::clock;
use super::takedowns::{self, Act, Taken, Wish};
use crate::backup;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tidepool_home::Home;
use tidepool_kernel::Retention;
use tidepool_kernel::retention::{ShardPlan, plan};
use tidepool_protocol::NetworkGenesis;
use tidepool_store::SledReader;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::{JoinHandle, JoinSet};

/// The socket's name in the data directory.
const SOCKET: &str = "control";

/// The longest line that is read of a caller.
pub(crate) const ASK_BYTES_MAX: u64 = 64 * 1024;

/// The longest line that a caller reads.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// Callers at one time; the next one waits.
const CALLERS_MAX: usize = 8;

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
    /// Takes things down on this node.
    TakeDown {
        /// What, and why.
        wishes: Vec<Wish>,
        /// The list that they are of.
        list: Option<String>,
    },
    /// Shows things again.
    Lift {
        /// What.
        subjects: Vec<String>,
        /// Why.
        reason: String,
    },
    /// Shows again all that was taken down with a list.
    LiftList {
        /// Its name.
        list: String,
        /// Why.
        reason: String,
    },
    /// A page of what is taken down.
    Takedowns {
        /// The last subject of the page before.
        after: Option<String>,
    },
    /// A page of the audit log, the latest first.
    Audit {
        /// The number of the last act of the page before.
        below: Option<u64>,
    },
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
    /// Things were taken down or are shown again.
    Changed {
        /// How many were changed.
        changed: usize,
        /// How many were so before.
        unchanged: usize,
    },
    /// A page of what is taken down.
    Takedowns {
        /// In the order of their ids; empty behind the last.
        items: Vec<Taken>,
    },
    /// A page of the audit log.
    Audit {
        /// The latest first; empty behind the first.
        acts: Vec<Act>,
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
    pub(crate) home: Home,
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
                tracing::warn!(path = %path.display(), %error, "no control socket: this node can be backed up only when it is stopped, and nothing be taken down; give it a data directory with a shorter path");
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

async fn serve(listener: UnixListener, hands: Arc<Hands>) {
    let places = Arc::new(Semaphore::new(CALLERS_MAX));
    // What reads the whole log: one after the other.
    let heavy = Arc::new(Mutex::new(()));
    let mut callers = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (hands, heavy) = (Arc::clone(&hands), Arc::clone(&heavy));
                callers.spawn(async move {
                    if let Err(error) = answer(stream, &hands, &heavy).await {
                        tracing::warn!(%error, "the control socket's caller went away");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::error!(%error, "the control socket ended");
                return;
            }
        }
        while callers.try_join_next().is_some() {}
    }
}

async fn answer(stream: UnixStream, hands: &Arc<Hands>, heavy: &Mutex<()>) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut lines = tokio::io::BufReader::new(read.take(ASK_BYTES_MAX));
    tokio::time::timeout(ASK_MAX, lines.read_line(&mut line)).await.map_err(io::Error::other)??;
    let answer = match serde_json::from_str::<Ask>(&line) {
        Ok(ask) => carry_out(hands, heavy, ask).await?,
        Err(error) => Answer::Failed { reason: format!("not understood: {error}") },
    };
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    write.write_all(&text).await
}

async fn carry_out(hands: &Arc<Hands>, heavy: &Mutex<()>, ask: Ask) -> io::Result<Answer> {
    let home = &hands.home;
    Ok(match ask {
        Ask::Backup { path } => alone(hands, heavy, move |hands| hands.back_up(&path)).await?,
        Ask::PrunePlan {} => alone(hands, heavy, Hands::prune_plan).await?,
        Ask::TakeDown { wishes, list } => takedowns::take_down(home, wishes, list).await,
        Ask::Lift { subjects, reason } => takedowns::changed(home.lift(subjects, reason).await),
        Ask::LiftList { list, reason } => takedowns::changed(home.lift_list(list, reason).await),
        Ask::Takedowns { after } => takedowns::page(home, after.as_deref()).await,
        Ask::Audit { below } => takedowns::audit(home, below).await,
    })
}

/// Does what reads the whole log, on a thread that may wait for the disk.
async fn alone(
    hands: &Arc<Hands>,
    heavy: &Mutex<()>,
    job: impl FnOnce(&Hands) -> Answer + Send + 'static,
) -> io::Result<Answer> {
    let _turn = heavy.lock().await;
    let hands = Arc::clone(hands);
    tokio::task::spawn_blocking(move || job(&hands)).await.map_err(io::Error::other)
}

impl Hands {
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
    BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut text)?;
    serde_json::from_str(&text).map_err(io::Error::other)
}
