//! A node as one file: its store, its keys and its configuration; and a data directory made of such a file.
//!
//! What comes back is a copy whose original may have gone on, so it opens new logs: the store is marked for that when
//! it is restored, before anything of it can be started.

use crate::config::CONFIG_FILE;
use crate::datadir::write_whole;
use crate::runtime::{KEY_FILE, PEERS_FILE};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tidepool_home::write_private;
use tidepool_protocol::{NetworkGenesis, TimeMs};
use tidepool_store::{BackedUp, Backup, SledReader, TransferError};

/// The name under which a backup holds its network's genesis document.
pub(crate) const NETWORK_FILE: &str = "network.json";

/// What stands beside the store: the node's keys, its configuration, the peers that it knew.
const FILES: [&str; 3] = [KEY_FILE, CONFIG_FILE, PEERS_FILE];

/// Where a backup is written: into `wanted` itself, or under a name of its own when that is a directory.
pub(crate) fn place(wanted: &Path, made_ms: TimeMs) -> PathBuf {
    if wanted.is_dir() { wanted.join(format!("tidepool-{}.backup", made_ms.0)) } else { wanted.to_owned() }
}

/// Writes a backup of the node in `directory` into `file`.
pub(crate) fn make(
    directory: &Path,
    genesis: &NetworkGenesis,
    reader: &SledReader,
    file: &Path,
    made_ms: TimeMs,
) -> Result<BackedUp, TransferError> {
    let mut files = vec![(NETWORK_FILE.to_owned(), genesis.to_json().into_bytes().into())];
    for name in FILES {
        let path = directory.join(name);
        match fs::read(&path) {
            Ok(bytes) => files.push((name.to_owned(), bytes.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(TransferError::Io { path, source }),
        }
    }
    tidepool_store::backup(reader, &Backup { network: genesis.id(), made_ms, files }, file)
}

/// Puts the files of a backup into a new data directory. Names that no backup of ours holds are left out.
pub(crate) fn put_files(directory: &Path, files: &[(String, bytes::Bytes)]) -> io::Result<()> {
    for (name, bytes) in files {
        if name == KEY_FILE {
            write_private(&directory.join(name), bytes)?;
        } else if FILES.contains(&name.as_str()) || name == NETWORK_FILE {
            write_whole(&directory.join(name), bytes)?;
        }
    }
    Ok(())
}
