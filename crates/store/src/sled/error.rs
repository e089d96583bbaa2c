//! Why a directory could not be opened as a store, and what its operator can do.

use super::marker::Acknowledged;
use std::path::PathBuf;

/// A directory that is no usable store. Nothing in it was changed, unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process (or another handle of this one) has it open.
    #[error("the store {} is in use by another node; stop that one, or pass another --data-dir", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It belongs to another network.
    #[error(
        "the store {} belongs to network {found}, this node is of network {expected}; pass the other network's file, or \
         another --data-dir", path.display()
    )]
    OtherNetwork {
        /// The directory.
        path: PathBuf,
        /// The network that it names, in hex.
        found: String,
        /// This node's, in hex.
        expected: String,
    },
    /// It was written by a newer program.
    #[error(
        "the store {} has format {found}, this program reads up to {supported}; run the newer program, or start with \
         another --data-dir", path.display()
    )]
    NewerVersion {
        /// The directory.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest that this program knows.
        supported: u32,
    },
    /// It is not empty and holds something else.
    #[error("the directory {} is not empty and is no store of this program; pass another --data-dir", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// What is in it cannot be read back. It was moved aside.
    #[error(
        "the store was damaged and is now at {}: {reason}. Start again: a new store is made of what can be read there, \
         accounts and keys of agents at home here included, and peers bring back the rest. Or put an export or a backup \
         in its place first (`tidepool import-store FILE`)",
        quarantined.display()
    )]
    Damaged {
        /// Where it is now.
        quarantined: PathBuf,
        /// What the engine said.
        reason: String,
    },
    /// The same, and it was left where it is.
    #[error(
        "the store {} is damaged: {reason}. Nothing was changed. `tidepool run` moves it aside, and makes a new one of what \
         can be read", path.display()
    )]
    Unreadable {
        /// The directory.
        path: PathBuf,
        /// What the engine said.
        reason: String,
    },
    /// The files are readable, but batches that were acknowledged are not in them: a file was cut or an old copy put back.
    #[error(
        "the store {} ends at cursor {} (batch {}), but cursor {} (batch {}) was acknowledged: its tail is lost. Restore \
         the files or an export; or start with --accept-lost-tail: what is missing comes back from peers, except what \
         agents at home here did in that time", path.display(), found.cursor.0, found.batch, acknowledged.cursor.0,
         acknowledged.batch
    )]
    TailLost {
        /// The directory.
        path: PathBuf,
        /// The last batch whose durability was spoken of.
        acknowledged: Acknowledged,
        /// The last batch that is there.
        found: Acknowledged,
    },
    /// A file of the store could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl OpenError {
    pub(super) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}
