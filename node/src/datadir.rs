//! The data directory of one node: its lock, what version and network it belongs to, `ready.json`.
//!
//! Whoever holds a [`DataDir`] holds the lock; the operating system gives it back when the process ends, however it ends.

use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tidepool_protocol::NetworkId;

/// The version of the directory's layout; a node opens its own and refuses newer ones.
const LAYOUT_VERSION: u32 = 1;

/// A locked data directory.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Held for its lock.
    _lock: File,
}

/// `tidepool.json`: what the directory is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Label {
    layout: u32,
    network: String,
    network_name: String,
}

/// `ready.json`: how to reach the node that runs here; there from when it serves until it stops.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Ready {
    /// The base URL of the HTTP API.
    pub api: String,
    /// The libp2p peer id.
    pub peer_id: String,
    /// Multiaddresses with `/p2p/…`.
    pub listen: Vec<String>,
    /// The process.
    pub pid: u32,
    /// The node's version.
    pub version: String,
}

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process holds the lock.
    #[error("data directory {0} is locked by another node; stop it or pass another --data-dir")]
    Locked(PathBuf),
    /// A file or the directory itself cannot be read or written.
    #[error("data directory: {path}: {source}; {hint}", hint = hint(.source))]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It was made by a newer version.
    #[error(
        "data directory {path} has layout {seen}, this version reads up to {LAYOUT_VERSION}; run the newer tidepool that made it"
    )]
    Newer {
        /// The directory.
        path: PathBuf,
        /// Its layout.
        seen: u32,
    },
    /// It belongs to another network.
    #[error(
        "data directory {path} belongs to network {seen_name} ({seen}), this node was started for {wanted}; pass its --network file or another --data-dir"
    )]
    OtherNetwork {
        /// The directory.
        path: PathBuf,
        /// The network it belongs to.
        seen: String,
        /// That network's name.
        seen_name: String,
        /// The network asked for.
        wanted: NetworkId,
    },
    /// Its label is not readable as one.
    #[error("{path} is damaged ({reason}); restore it from a backup, or move the directory away and start empty")]
    Label {
        /// The label's file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is none.
    #[error("there is no data directory at {0}; check --data-dir, or make one with `tidepool init`")]
    Absent(PathBuf),
    /// It has no label, yet it is not empty.
    #[error("{0} is not empty and is no data directory of tidepool; pass an empty or new --data-dir")]
    Foreign(PathBuf),
}

impl DataDir {
    /// Opens the directory for `network`, making it (mode 0700) when it is not there, and takes its lock.
    ///
    /// # Errors
    /// When it is locked, of another network or of a newer version, damaged, foreign, or cannot be read or written.
    pub fn open(path: &Path, network: NetworkId, network_name: &str) -> Result<Self, DataDirError> {
        let fail = |path: &Path| {
            let path = path.to_owned();
            move |source| DataDirError::Io { path, source }
        };
        let fresh = !path.exists();
        fs::create_dir_all(path).map_err(fail(path))?;
        let label_path = path.join("tidepool.json");
        let labelled = label_path.exists();
        if !labelled && is_foreign(path).map_err(fail(path))? {
            return Err(DataDirError::Foreign(path.to_owned()));
        }
        if fresh {
            private_directory(path).map_err(fail(path))?;
        } else {
            warn_if_open(path);
        }
        let lock_path = path.join("lock");
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path).map_err(fail(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DataDirError::Locked(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(DataDirError::Io { path: lock_path, source }),
        }
        if labelled {
            check_label(path, &label_path, network)?;
        } else {
            let label =
                Label { layout: LAYOUT_VERSION, network: network.to_string(), network_name: network_name.to_owned() };
            let text = serde_json::to_vec_pretty(&label).expect("a label of plain fields serializes");
            write_whole(&label_path, &text).map_err(fail(&label_path))?;
        }
        let opened = Self { path: path.to_owned(), _lock: lock };
        // A node that was killed left it; it is not true any more.
        opened.remove_ready();
        Ok(opened)
    }

    /// Whether a node of `network` could open what is at `path`, as far as its label says; what is not there yet can be made.
    ///
    /// # Errors
    /// When it is of another network or of a newer version, or its label is damaged.
    pub fn check(path: &Path, network: NetworkId) -> Result<(), DataDirError> {
        let label = path.join("tidepool.json");
        if label.exists() { check_label(path, &label, network) } else { Ok(()) }
    }

    /// The same as [`DataDir::open`] for a directory that must be there already.
    ///
    /// # Errors
    /// As [`DataDir::open`], and when it is not there.
    pub fn open_existing(path: &Path, network: NetworkId, network_name: &str) -> Result<Self, DataDirError> {
        if path.join("tidepool.json").exists() {
            Self::open(path, network, network_name)
        } else if path.exists() && is_foreign(path).unwrap_or(true) {
            Err(DataDirError::Foreign(path.to_owned()))
        } else {
            Err(DataDirError::Absent(path.to_owned()))
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says how the node is reached.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_ready(&self, ready: &Ready) -> Result<(), DataDirError> {
        let path = self.path.join("ready.json");
        let text = serde_json::to_vec_pretty(ready).expect("plain fields serialize");
        write_whole(&path, &text).map_err(|source| DataDirError::Io { path, source })
    }

    /// Takes `ready.json` away, if it is there.
    pub fn remove_ready(&self) {
        let _ = fs::remove_file(self.path.join("ready.json"));
    }
}

/// Reads `ready.json` of the node that runs on `path`.
///
/// # Errors
/// When it is not there (no node runs, or it is not serving yet) or not readable.
pub fn read_ready(path: &Path) -> Result<Ready, io::Error> {
    let bytes = fs::read(path.join("ready.json"))?;
    serde_json::from_slice(&bytes).map_err(io::Error::other)
}

fn check_label(path: &Path, label_path: &Path, network: NetworkId) -> Result<(), DataDirError> {
    let damaged = |reason: String| DataDirError::Label { path: label_path.to_owned(), reason };
    let text =
        fs::read_to_string(label_path).map_err(|source| DataDirError::Io { path: label_path.to_owned(), source })?;
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    // The layout is read alone first: of a newer one, nothing else is known.
    if let Some(seen) = value.get("layout").and_then(serde_json::Value::as_u64)
        && seen > u64::from(LAYOUT_VERSION)
    {
        return Err(DataDirError::Newer { path: path.to_owned(), seen: u32::try_from(seen).unwrap_or(u32::MAX) });
    }
    let label: Label = serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
    if label.network != network.to_string() {
        return Err(DataDirError::OtherNetwork {
            path: path.to_owned(),
            seen: label.network,
            seen_name: label.network_name,
            wanted: network,
        });
    }
    Ok(())
}

/// What to do about a file that cannot be read or written.
fn hint(error: &io::Error) -> &'static str {
    use io::ErrorKind::{
        AlreadyExists, IsADirectory, NotADirectory, NotFound, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem,
        StorageFull,
    };
    match error.kind() {
        AlreadyExists | NotADirectory => "a file is in the way: move it, or pass another --data-dir",
        IsADirectory => "a directory stands where a file belongs: move it away",
        PermissionDenied => "run as the user to whom it belongs, or pass another --data-dir",
        NotFound => "nothing can be made there: pass another --data-dir",
        ReadOnlyFilesystem => "it lies on a read-only file system: pass another --data-dir",
        StorageFull | QuotaExceeded => "free some space there, or pass another --data-dir",
        _ => "check the disk and the directory's owner and mode",
    }
}

/// Whether an unlabelled directory holds anything but a lock that an interrupted first start left.
fn is_foreign(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        if name != "lock" && name != "tidepool.toml" && name != "tidepool.json.new" {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(unix)]
fn private_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

/// What stands in it is as secret as the keys: whoever may read the store reads its sealed accounts and their owners'
/// addresses. A directory that somebody else made keeps the mode that it was given.
#[cfg(unix)]
fn warn_if_open(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(mode) = fs::metadata(path).map(|found| found.permissions().mode() & 0o777) else { return };
    if mode & 0o077 != 0 {
        tracing::warn!(
            path = %path.display(), mode = format!("{mode:04o}"),
            "others may read the data directory; `chmod 700` closes it"
        );
    }
}

#[cfg(not(unix))]
fn warn_if_open(_path: &Path) {}

#[cfg(not(unix))]
fn private_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Writes a file so that it is there whole or not at all, also after a crash.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "datadir_tests.rs"]
mod tests;
