//! Taking a store out of its engine and into another: a file of frames with the log in order and, if wanted, the home's
//! durable rows; and reading everything again to see whether it holds.
//!
//! The file belongs to one network and to no engine. What it holds was admitted by the node that wrote it; an import
//! checks every signature anew and trusts that node's admission, so it is for an operator's own files. Derived rows are
//! not in it: the kernel folds the log at the next start.

use crate::codec::{CodecError, put_row, take_bytes, take_row, take_u8};
use crate::family::{Parts, is_durable};
use crate::frames::{FRAME_BYTES_TARGET, Format, FrameError, FrameReader, FrameWriter};
use crate::log::Entry;
use crate::sled::{OpenError, OpenSettings, SledStore};
use bytes::{BufMut, Bytes, BytesMut};
use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use tidepool_kernel::{Store, StoreError};
use tidepool_protocol::{NetworkId, TimeMs, verify as verify_envelope};
use tidepool_views::{Cursor, ReadError, ReadPort, RowWrite, Stored};

const FORMAT: Format = Format { name: "export", version: 1 };

/// What a frame holds, in its first byte.
const ENVELOPES: u8 = 1;
const ROWS: u8 = 2;
pub(crate) const FILE: u8 = 3;

/// Envelopes that are read, or checked and written, at once.
const PAGE: usize = 1024;

/// Rows that are written at once.
const ROWS_AT_ONCE: usize = 512;

/// Faults that a report lists; it counts the others.
const FAULTS_MAX: usize = 20;

/// What to take out.
#[derive(Clone, Copy, Debug)]
pub struct Export {
    /// The network, which the file names.
    pub network: NetworkId,
    /// With the durable rows: accounts, key hashes, sealed keys. Such a file is as secret as the data directory.
    pub durable_rows: bool,
}

/// What went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Envelopes.
    pub envelopes: u64,
    /// Durable rows.
    pub rows: u64,
}

/// Why an export or import ended early. An import leaves nothing behind then.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The file is not usable.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// It belongs to another network.
    #[error("the file belongs to network {found}, this node is of network {expected}; nothing was imported")]
    OtherNetwork {
        /// The network in the file, in hex.
        found: String,
        /// This node's, in hex.
        expected: String,
    },
    /// An envelope in it does not hold.
    #[error("envelope {cursor} in the file does not hold: {reason}; nothing was imported")]
    Envelope {
        /// Its cursor.
        cursor: u64,
        /// Why.
        reason: String,
    },
    /// There is something where the import would go.
    #[error("{} exists, and a new store is made only where there is none: move that away, or pass another --data-dir", path.display())]
    Occupied {
        /// Where.
        path: PathBuf,
    },
    /// There is a file where one would be written.
    #[error("{} exists and is not written over; give another name, or move it away", path.display())]
    FileExists {
        /// Which.
        path: PathBuf,
    },
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The new store could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The new store could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> TransferError {
    let path = path.to_owned();
    move |source| TransferError::Io { path, source }
}

fn hex(network: NetworkId) -> String {
    network.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes the log in order, then the durable rows if wanted, as a stream.
///
/// # Errors
/// When the store cannot be read or the stream cannot be written.
pub fn export(store: &dyn ReadPort, what: Export, into: impl Write) -> Result<Counted, TransferError> {
    let mut header = BytesMut::new();
    header.put_slice(what.network.as_bytes());
    header.put_u8(u8::from(what.durable_rows));
    let mut file = FrameWriter::new(into, FORMAT, &header)?;
    let mut counted = Counted { envelopes: export_log(store, Cursor(u64::MAX), &mut file)?, rows: 0 };
    if what.durable_rows {
        counted.rows = export_rows(store, &mut file)?;
    }
    file.finish(counted.envelopes + counted.rows)?;
    Ok(counted)
}

/// Writes the envelopes of the log up to `upto`, in order; how many.
pub(crate) fn export_log(
    store: &dyn ReadPort,
    upto: Cursor,
    file: &mut FrameWriter<impl Write>,
) -> Result<u64, TransferError> {
    let mut envelopes = 0;
    let mut frame = BytesMut::new();
    let mut after = Cursor::START;
    loop {
        let page = store.stored_after(after, PAGE)?;
        let Some(last) = page.last() else { break };
        after = last.cursor;
        for stored in page.iter().take_while(|stored| stored.cursor <= upto) {
            if frame.is_empty() {
                frame.put_u8(ENVELOPES);
            }
            Entry::from(stored).put(&mut frame);
            envelopes += 1;
            if frame.len() >= FRAME_BYTES_TARGET {
                file.frame(&frame.split())?;
            }
        }
        if after >= upto {
            break;
        }
    }
    file.frame(&frame)?;
    Ok(envelopes)
}

/// Writes all durable rows; how many.
pub(crate) fn export_rows(store: &dyn ReadPort, file: &mut FrameWriter<impl Write>) -> Result<u64, TransferError> {
    let mut rows = 0;
    let mut frame = BytesMut::new();
    for family in (0..=u8::MAX).filter(|family| is_durable(*family)) {
        let mut failed = None;
        store.scan(&[family], &[family + 1], &mut |key, value| {
            if frame.is_empty() {
                frame.put_u8(ROWS);
            }
            put_row(&mut frame, key, Some(value));
            rows += 1;
            if frame.len() >= FRAME_BYTES_TARGET {
                failed = file.frame(&frame.split()).err();
            }
            failed.is_none()
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
    }
    file.frame(&frame)?;
    Ok(rows)
}

/// The same into a file that appears whole or not at all, readable by its owner only.
///
/// # Errors
/// As [`export`], and when there is a file already.
pub fn export_file(store: &dyn ReadPort, what: Export, path: &Path) -> Result<Counted, TransferError> {
    if path.exists() {
        return Err(TransferError::FileExists { path: path.to_owned() });
    }
    write_private(path, |file| export(store, what, file))
}

/// Writes a file that appears whole or not at all, readable by its owner only.
pub(crate) fn write_private<T>(
    path: &Path,
    write: impl FnOnce(BufWriter<&File>) -> Result<T, TransferError>,
) -> Result<T, TransferError> {
    let part = path.with_extension("part");
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&part).map_err(io(&part))?;
    // A part of an earlier try keeps the mode that it had.
    file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(io(&part))?;
    let written = write(BufWriter::new(&file))?;
    file.sync_all().map_err(io(&part))?;
    fs::rename(&part, path).map_err(io(path))?;
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(io(directory))?;
    }
    Ok(written)
}

/// Makes a new store at `path` from a file: all of it, or nothing. With durable rows it is a copy of a home, whose
/// original may have gone on: it opens new logs.
///
/// # Errors
/// When `path` is taken, or the file is foreign, of another network, of a newer format, cut short or damaged.
pub fn import(file: &Path, path: &Path, settings: &OpenSettings) -> Result<Counted, TransferError> {
    let from = FrameReader::open(BufReader::new(File::open(file).map_err(io(file))?), FORMAT)?;
    check_header(&from.header, settings.network)?;
    let copy = from.header.get(NetworkId::LEN).is_some_and(|rows| *rows != 0);
    make(path, |beside| fill(from, beside, settings, copy).map(|filled| filled.counted))
}

/// Makes a store by `fill` beside `path`, and moves it there when it is whole.
pub(crate) fn make<T>(path: &Path, fill: impl FnOnce(&Path) -> Result<T, TransferError>) -> Result<T, TransferError> {
    let is_taken = fs::read_dir(path).map(|mut entries| entries.next().is_some()).unwrap_or(path.exists());
    if is_taken {
        return Err(TransferError::Occupied { path: path.to_owned() });
    }
    // Made beside its place and moved there when it is whole; what an earlier try left goes.
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = path.with_file_name(format!("{name}.importing"));
    let clear = || match fs::remove_dir_all(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io(&beside)(error)),
        Ok(()) | Err(_) => Ok(()),
    };
    clear()?;
    let made = fill(&beside).inspect_err(|_| {
        let _ = clear();
    })?;
    let _ = fs::remove_dir(path);
    fs::rename(&beside, path).map_err(io(path))?;
    Ok(made)
}

pub(crate) fn check_header(header: &[u8], expected: NetworkId) -> Result<(), TransferError> {
    match header.split_first_chunk::<{ NetworkId::LEN }>() {
        Some((found, _)) if *found == *expected.as_bytes() => Ok(()),
        Some((found, _)) => Err(TransferError::OtherNetwork { found: hex(NetworkId(*found)), expected: hex(expected) }),
        None => Err(FrameError::Damaged { items: 0, reason: "the header is too short".to_owned() }.into()),
    }
}

/// What a file brought.
#[derive(Default)]
pub(crate) struct Filled {
    pub(crate) counted: Counted,
    /// Files that stood in it, by name.
    pub(crate) files: Vec<(String, Bytes)>,
}

/// Now, by the system's clock: it tells one restore from another.
pub(crate) fn now() -> TimeMs {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    TimeMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Fills a new store; `copy` when it is to open new logs.
pub(crate) fn fill(
    mut from: FrameReader<impl Read>,
    path: &Path,
    settings: &OpenSettings,
    copy: bool,
) -> Result<Filled, TransferError> {
    let store = SledStore::open(path, settings)?;
    store.lacks_derived();
    let Filled { mut counted, mut files } = Filled::default();
    loop {
        let items = counted.envelopes + counted.rows + files.len() as u64;
        let broken = |error: CodecError| damaged(items, &error);
        let Some(mut frame) = from.next_frame(items)? else { break };
        match take_u8(&mut frame).map_err(broken)? {
            ENVELOPES => {
                let mut entries = Vec::new();
                while !frame.is_empty() {
                    entries.push(Entry::take(&mut frame).map_err(broken)?);
                }
                let stored = checked(&entries, settings.network)?;
                for part in stored.chunks(tidepool_kernel::Batch::ENVELOPES_MAX) {
                    store.append_parts(Parts { stored: part, ..Parts::default() })?;
                }
                counted.envelopes += stored.len() as u64;
            }
            ROWS => {
                let mut rows = Vec::new();
                while !frame.is_empty() {
                    let (key, value) = take_row(&mut frame).map_err(broken)?;
                    rows.push(RowWrite { key, value });
                }
                for part in rows.chunks(ROWS_AT_ONCE) {
                    store.append_parts(Parts { durable: part, ..Parts::default() })?;
                }
                counted.rows += rows.len() as u64;
            }
            FILE => files.push(take_file(&mut frame).map_err(broken)?),
            _ => return Err(broken(CodecError::Shape)),
        }
    }
    if copy {
        let restored = [tidepool_kernel::restored_row(Store::head(&store), now())];
        store.append_parts(Parts { durable: &restored, ..Parts::default() })?;
    }
    store.close()?;
    Ok(Filled { counted, files })
}

/// A file in a frame: its name, then its bytes.
pub(crate) fn take_file(frame: &mut Bytes) -> Result<(String, Bytes), CodecError> {
    let name = String::from_utf8(take_bytes(frame)?.to_vec()).map_err(|_| CodecError::Shape)?;
    Ok((name, std::mem::take(frame)))
}

pub(crate) fn damaged(items: u64, error: &CodecError) -> TransferError {
    FrameError::Damaged { items, reason: error.to_string() }.into()
}

/// Decodes and verifies, on all cores.
fn checked(entries: &[Entry], network: NetworkId) -> Result<Vec<Stored>, TransferError> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = entries.len().div_ceil(threads).max(1);
    let mut stored = Vec::with_capacity(entries.len());
    let parts: Vec<Result<Vec<Stored>, TransferError>> = thread::scope(|scope| {
        let running: Vec<_> = entries
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(|entry| check_entry(entry, network)).collect()))
            .collect();
        running
            .into_iter()
            .map(|thread| {
                thread.join().unwrap_or_else(|_| Err(ReadError { reason: "a verifying thread died".to_owned() }.into()))
            })
            .collect()
    });
    for part in parts {
        stored.extend(part?);
    }
    Ok(stored)
}

fn check_entry(entry: &Entry, network: NetworkId) -> Result<Stored, TransferError> {
    let fault = |reason: String| TransferError::Envelope { cursor: entry.cursor.0, reason };
    let stored = entry.stored().map_err(|error| fault(error.reason))?;
    let of = stored.envelope.header().network;
    if of != network {
        return Err(fault(format!("it is of network {}", hex(of))));
    }
    let envelope = verify_envelope(stored.envelope.into_inner()).map_err(|error| fault(error.to_string()))?;
    Ok(Stored { envelope, ..stored })
}

/// What re-reading a store showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Envelopes that were read.
    pub envelopes: u64,
    /// Rows that were read, of both kinds.
    pub rows: u64,
    /// Bytes of those envelopes.
    pub envelope_bytes: u64,
    /// How many faults there are.
    pub fault_count: u64,
    /// The first of them, in words.
    pub faults: Vec<String>,
}

impl VerifyReport {
    fn fault(&mut self, fault: String) {
        self.fault_count += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }
}

/// Reads every envelope and every row, and checks signatures, order and network. Reading stops where the engine fails.
#[must_use]
pub fn verify(store: &dyn ReadPort, network: NetworkId) -> VerifyReport {
    let mut report = VerifyReport::default();
    let mut after = Cursor::START;
    loop {
        let page = match store.stored_after(after, PAGE) {
            Ok(page) => page,
            Err(error) => {
                report.fault(format!("behind cursor {}: {}", after.0, error.reason));
                break;
            }
        };
        let Some(last) = page.last() else { break };
        after = last.cursor;
        for stored in &page {
            report.envelopes += 1;
            report.envelope_bytes += stored.envelope.bytes().len() as u64;
            if let Err(error) = check_entry(&Entry::from(stored), network) {
                report.fault(error.to_string());
            }
        }
    }
    let mut rows = 0;
    let mut last: Option<Bytes> = None;
    let mut disorder = 0_u64;
    let scanned = store.scan(&[], &[0xff; 256], &mut |key, _| {
        rows += 1;
        if last.as_ref().is_some_and(|last| last.as_ref() >= key) {
            disorder += 1;
        }
        last = Some(Bytes::copy_from_slice(key));
        true
    });
    report.rows = rows;
    if disorder > 0 {
        report.fault(format!("{disorder} rows out of order"));
    }
    if let Err(error) = scanned {
        report.fault(format!("rows: {}", error.reason));
    }
    report
}
