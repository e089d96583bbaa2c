//! The derived rows of one checkpoint, safe in a file of their own before the first page is touched.
//!
//! A checkpoint is many engine batches, because one would stall readers for half a second. While it is under way the
//! pages are neither the old state nor the new one; with this file above them they are the new one, whichever were
//! written, because it holds whole rows and no differences. It goes when the last page and the marker are on disk.

use crate::codec::{put_row, take_row, take_u32, take_u64};
use crate::family::is_durable;
use crate::frames::{FRAME_BYTES_TARGET, Format, FrameError, FrameReader, FrameWriter};
use crate::layers::Memtable;
use bytes::{BufMut, Bytes, BytesMut};
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use tidepool_views::{Cursor, RowWrite};

const FORMAT: Format = Format { name: "redo", version: 1 };

/// What a checkpoint makes true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) batch: u64,
    pub(crate) derived_upto: Cursor,
    pub(crate) generation: u32,
}

fn path(directory: &Path) -> PathBuf {
    directory.join("checkpoint")
}

/// Writes the derived ones of `rows`; when it returns they are on disk, in the place of those before.
pub(crate) fn write(directory: &Path, target: Target, rows: &Memtable) -> Result<(), FrameError> {
    let mut header = BytesMut::new();
    header.put_u64(target.batch);
    header.put_u64(target.derived_upto.0);
    header.put_u32(target.generation);
    let fresh = directory.join("checkpoint.new");
    let mut writer = FrameWriter::new(BufWriter::new(File::create(&fresh)?), FORMAT, &header)?;
    let mut frame = BytesMut::new();
    let mut items = 0;
    for (key, value) in rows.iter().filter(|(key, _)| key.first().is_some_and(|family| !is_durable(*family))) {
        put_row(&mut frame, key, value.as_ref());
        items += 1;
        if frame.len() >= FRAME_BYTES_TARGET {
            writer.frame(&frame)?;
            frame.clear();
        }
    }
    writer.frame(&frame)?;
    let file = writer.finish(items)?.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path(directory))?;
    Ok(File::open(directory)?.sync_all()?)
}

/// What is there, whole: its target and its rows.
pub(crate) fn read(directory: &Path) -> Result<Option<(Target, Vec<RowWrite>)>, FrameError> {
    let file = match File::open(path(directory)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let damaged =
        |items| move |error: crate::codec::CodecError| FrameError::Damaged { items, reason: error.to_string() };
    let mut reader = FrameReader::open(BufReader::new(file), FORMAT)?;
    let mut header = Bytes::from(std::mem::take(&mut reader.header));
    let target = Target {
        batch: take_u64(&mut header).map_err(damaged(0))?,
        derived_upto: Cursor(take_u64(&mut header).map_err(damaged(0))?),
        generation: take_u32(&mut header).map_err(damaged(0))?,
    };
    let mut rows = Vec::new();
    let mut items = 0;
    while let Some(mut frame) = reader.next_frame(items)? {
        while !frame.is_empty() {
            let (key, value) = take_row(&mut frame).map_err(damaged(items))?;
            rows.push(RowWrite { key, value });
            items += 1;
        }
    }
    Ok(Some((target, rows)))
}

/// Takes it away: its rows are in the pages, or no longer wanted.
pub(crate) fn remove(directory: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path(directory)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
