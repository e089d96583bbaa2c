//! The only place that calls sled: it panics on damaged bytes, and its flush is not fsync.

use ::sled::{Batch, Config, Db, IVec, Iter};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tidepool_views::ReadError;

use crate::sync::lock;

/// Values beyond a quarter of a segment, leaves of sixteen values included, become files of their own: at 1 MiB a leaf of
/// blocks and a leaf of pages stay inside. The engine refuses a directory that was made with another size.
pub(super) const SEGMENT_BYTES: usize = 1024 * 1024;

/// Why the engine did not open.
#[derive(Debug)]
pub(crate) enum EngineOpenError {
    InUse,
    Io(std::io::Error),
    Damaged(String),
}

pub(crate) struct Engine {
    db: Db,
    /// A handle of our own on the engine's data file: `fdatasync` reaches the file, whoever wrote it.
    file: File,
    blobs: PathBuf,
    suspect: Arc<Path>,
    synced_blobs: Mutex<BTreeSet<OsString>>,
}

/// Where it is noted that something could not be read back, in the directory of the store.
pub(crate) fn suspect_path(directory: &Path) -> PathBuf {
    directory.join("suspect")
}

/// What one guarded call gave, or what the engine said, or how it died. Damage is noted at `suspect`: also a write or a
/// checkpoint may come upon it.
fn guarded<R>(suspect: &Path, call: impl FnOnce() -> ::sled::Result<R>) -> Result<R, ReadError> {
    let reason = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(result)) => return Ok(result),
        Ok(Err(error @ ::sled::Error::Corruption { .. })) => engine_text(&error),
        Ok(Err(error)) => return Err(ReadError { reason: error.to_string() }),
        Err(panic) => format!("the engine died: {}", panic_text(panic.as_ref())),
    };
    if let Err(error) = std::fs::write(suspect, &reason) {
        tracing::error!(%error, "could not note that the store is damaged");
    }
    Err(ReadError { reason })
}

/// Whether an error of reading means that bytes are missing or wrong, not that the disk or the permissions are.
fn is_damage(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::InvalidData)
}

/// What the engine said, without its names for places.
fn engine_text(error: &::sled::Error) -> String {
    match error {
        ::sled::Error::Corruption { at: Some(at), .. } => {
            format!("the bytes at {} of the engine's file are not those that were written", at.lid())
        }
        ::sled::Error::Corruption { at: None, .. } => {
            "bytes of the engine's file are not those that were written".to_owned()
        }
        other => other.to_string(),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".to_owned())
}

impl Engine {
    /// Opens it in a thread of its own, which may die of damaged bytes.
    pub(crate) fn open(path: &Path, cache_capacity: u64) -> Result<Self, EngineOpenError> {
        let config =
            Config::new().path(path).segment_size(SEGMENT_BYTES).cache_capacity(cache_capacity).flush_every_ms(None);
        let opened = std::thread::Builder::new()
            .name("store-open".to_owned())
            .spawn(move || config.open())
            .map_err(EngineOpenError::Io)?
            .join();
        let db = match opened {
            Ok(Ok(db)) => db,
            Ok(Err(::sled::Error::Io(error))) if error.to_string().contains("could not acquire lock") => {
                return Err(EngineOpenError::InUse);
            }
            Ok(Err(::sled::Error::Io(error))) if !is_damage(&error) => return Err(EngineOpenError::Io(error)),
            Ok(Err(error)) => return Err(EngineOpenError::Damaged(engine_text(&error))),
            Err(panic) => return Err(EngineOpenError::Damaged(panic_text(panic.as_ref()))),
        };
        let file = File::open(path.join("db")).map_err(EngineOpenError::Io)?;
        let suspect = suspect_path(path.parent().unwrap_or(path)).into();
        Ok(Self { db, file, blobs: path.join("blobs"), suspect, synced_blobs: Mutex::default() })
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<IVec>, ReadError> {
        guarded(&self.suspect, || self.db.get(key))
    }

    /// The row at `key`, or the last one before it that is not before `low`.
    pub(crate) fn at_or_before(&self, low: &[u8], key: &[u8]) -> Result<Option<(IVec, IVec)>, ReadError> {
        guarded(&self.suspect, || self.db.range(low..=key).next_back().transpose())
    }

    /// Rows in order. Each step sees whole batches, two steps may see different ones.
    pub(crate) fn range(&self, from: Bound<&[u8]>, to: Bound<&[u8]>) -> EngineIter {
        EngineIter(self.db.range::<&[u8], _>((from, to)), Arc::clone(&self.suspect))
    }

    /// Writes all or nothing; visible at once, not durable.
    pub(crate) fn apply(&self, batch: Batch) -> Result<(), ReadError> {
        guarded(&self.suspect, || self.db.apply_batch(batch))
    }

    /// Writes the engine's buffers to its files. On Linux that does not reach the disk.
    pub(crate) fn write_out(&self) -> Result<(), ReadError> {
        guarded(&self.suspect, || self.db.flush()).map(|_| ())
    }

    /// Brings everything written out to the disk: the data file, and the files of values too large for it.
    pub(crate) fn sync(&self) -> std::io::Result<()> {
        self.sync_blobs()?;
        self.file.sync_data()
    }

    fn sync_blobs(&self) -> std::io::Result<()> {
        let mut synced = lock(&self.synced_blobs);
        let mut present = BTreeSet::new();
        let mut fresh = false;
        for entry in std::fs::read_dir(&self.blobs)? {
            let name = entry?.file_name();
            if !synced.contains(&name) {
                match File::open(self.blobs.join(&name)) {
                    Ok(file) => file.sync_data()?,
                    // The engine collected it meanwhile: a newer value stands.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                }
                fresh = true;
            }
            present.insert(name);
        }
        if fresh {
            File::open(&self.blobs)?.sync_all()?;
        }
        *synced = present;
        Ok(())
    }

    /// Bytes of the engine's files.
    pub(crate) fn bytes_on_disk(&self) -> Result<u64, ReadError> {
        guarded(&self.suspect, || self.db.size_on_disk())
    }
}

pub(crate) struct EngineIter(Iter, Arc<Path>);

impl Iterator for EngineIter {
    type Item = Result<(IVec, IVec), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        guarded(&self.1, || self.0.next().transpose()).transpose()
    }
}

impl DoubleEndedIterator for EngineIter {
    fn next_back(&mut self) -> Option<Self::Item> {
        guarded(&self.1, || self.0.next_back().transpose()).transpose()
    }
}
