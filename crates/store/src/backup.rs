//! A backup: one file with the durable rows and the log of a store as they were at one moment, and the files that a node
//! keeps beside it. Made while the node runs or of one that does not; what comes back opens new logs.
//!
//! Rows come first: what they speak of lies in the log below the head that was noted with them. An envelope that was
//! evicted while the log was read is missing; peers have it or nobody needs it.

use crate::frames::{Format, FrameReader, FrameWriter};
use crate::sled::{OpenSettings, SledReader};
use crate::transfer::{
    Counted, FILE, TransferError, check_header, damaged, export_log, export_rows, fill, io, make, take_file,
    write_private,
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use tidepool_protocol::{NetworkId, TimeMs};
use tidepool_views::Cursor;

const FORMAT: Format = Format { name: "backup", version: 1 };

/// What a backup is of.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The network, which the file names.
    pub network: NetworkId,
    /// When it is made.
    pub made_ms: TimeMs,
    /// Files that go with the store, by name: keys, configuration.
    pub files: Vec<(String, Bytes)>,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// Envelopes and rows.
    pub counted: Counted,
    /// The last envelope of the log at that moment.
    pub head: Cursor,
}

/// What a backup brought back.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Envelopes and rows.
    pub counted: Counted,
    /// When the backup was made.
    pub made_ms: TimeMs,
    /// The files that were in it, by name.
    pub files: Vec<(String, Bytes)>,
}

/// Writes a backup into a new file, which appears whole or not at all and which its owner alone reads.
///
/// # Errors
/// When there is a file already, or reading or writing fails.
pub fn backup(reader: &SledReader, what: &Backup, path: &Path) -> Result<BackedUp, TransferError> {
    if path.exists() {
        return Err(TransferError::FileExists { path: path.to_owned() });
    }
    write_private(path, |file| write(reader, what, file))
}

fn write(reader: &SledReader, what: &Backup, into: impl Write) -> Result<BackedUp, TransferError> {
    let mut header = BytesMut::new();
    header.put_slice(what.network.as_bytes());
    header.put_u64(what.made_ms.0);
    let mut file = FrameWriter::new(into, FORMAT, &header)?;
    for (name, bytes) in &what.files {
        let mut frame = BytesMut::new();
        frame.put_u8(FILE);
        crate::codec::put_bytes(&mut frame, name.as_bytes());
        frame.put_slice(bytes);
        file.frame(&frame)?;
    }
    let (head, rows) =
        reader.at_one_moment(|moment, head| Ok::<_, TransferError>((head, export_rows(moment, &mut file)?)))?;
    let envelopes = export_log(reader, head, &mut file)?;
    file.finish(envelopes + rows + what.files.len() as u64)?;
    Ok(BackedUp { counted: Counted { envelopes, rows }, head })
}

/// What a backup says of itself before its rows.
#[derive(Clone, Debug)]
pub struct About {
    /// The network.
    pub network: NetworkId,
    /// When it was made.
    pub made_ms: TimeMs,
    /// The files in it, by name.
    pub files: Vec<(String, Bytes)>,
}

/// Reads what stands at the beginning of a backup. Whether the rest holds is known when it is restored.
///
/// # Errors
/// When the file is no backup or cannot be read.
pub fn about(file: &Path) -> Result<About, TransferError> {
    let mut from = FrameReader::open(BufReader::new(File::open(file).map_err(io(file))?), FORMAT)?;
    let (network, made_ms) = read_header(&from.header)?;
    let mut files = Vec::new();
    while let Some(mut frame) = from.next_frame(files.len() as u64)? {
        if frame.first() != Some(&FILE) {
            break;
        }
        frame.advance(1);
        files.push(take_file(&mut frame).map_err(|error| damaged(files.len() as u64, &error))?);
    }
    Ok(About { network, made_ms, files })
}

fn read_header(header: &[u8]) -> Result<(NetworkId, TimeMs), TransferError> {
    let short = || crate::FrameError::Damaged { items: 0, reason: "the header is too short".to_owned() };
    let (network, rest) = header.split_first_chunk::<{ NetworkId::LEN }>().ok_or_else(short)?;
    let (made_ms, _) = rest.split_first_chunk::<8>().ok_or_else(short)?;
    Ok((NetworkId(*network), TimeMs(u64::from_be_bytes(*made_ms))))
}

/// Makes a new store at `path` from a backup: all of it, or nothing. Its first start opens new logs.
///
/// # Errors
/// When `path` is taken, or the file is foreign, of another network, of a newer format, cut short or damaged.
pub fn restore(file: &Path, path: &Path, settings: &OpenSettings) -> Result<Restored, TransferError> {
    let from = FrameReader::open(BufReader::new(File::open(file).map_err(io(file))?), FORMAT)?;
    check_header(&from.header, settings.network)?;
    let (_, made_ms) = read_header(&from.header)?;
    let filled = make(path, |beside| fill(from, beside, settings, true))?;
    Ok(Restored { counted: filled.counted, made_ms, files: filled.files })
}
