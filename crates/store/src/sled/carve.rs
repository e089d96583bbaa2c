//! The last resort for durable rows, when the engine cannot find its way through its own files: every value that the store
//! ever gave it begins like a frame of zstd and carries a check sum, so values are found in the bytes without the engine.
//!
//! Segments are read in the order of their log numbers, so that a newer value goes over an older one. A page also takes
//! away what lies between its first and last row and is not in it. What was deleted at the very edge of a page may come
//! back: a start after this says so, and it is better than to lose every account. Envelopes are not looked for here:
//! peers have them, and what was evicted must not come back.

use super::layout::Record;
use super::salvage::page_rows;
use super::tail::{segment, segments};
use crate::codec;
use crate::family::is_durable;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use tidepool_views::{Cursor, RowWrite};

/// What a frame of zstd begins with.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A part of the engine's files, and the number that says when it was begun.
enum Part {
    Segment(u64),
    Blob(PathBuf),
}

/// All durable rows that are found in the engine's files in `directory`.
pub(super) fn durable_rows(directory: &Path) -> io::Result<Vec<RowWrite>> {
    let db = File::open(directory.join("db"))?;
    let mut parts: Vec<(u64, Part)> =
        segments(&db)?.into_iter().map(|(number, at)| (number, Part::Segment(at))).collect();
    if let Ok(blobs) = fs::read_dir(directory.join("blobs")) {
        for blob in blobs {
            let blob = blob?;
            let number = blob.file_name().to_string_lossy().parse().unwrap_or_default();
            parts.push((number, Part::Blob(blob.path())));
        }
    }
    parts.sort_by_key(|(number, _)| *number);
    let mut rows = BTreeMap::new();
    for (_, part) in parts {
        let bytes = match part {
            Part::Segment(at) => segment(&db, at)?,
            Part::Blob(path) => fs::read(path)?,
        };
        each_value(&bytes, &mut |sealed| apply(sealed, &mut rows));
    }
    Ok(rows.into_iter().map(|(key, value)| RowWrite { key, value: Some(value) }).collect())
}

/// Whether there is a record of a batch in `bytes` that goes beyond `head`.
pub(super) fn goes_beyond(bytes: &[u8], head: Cursor) -> bool {
    let mut beyond = false;
    each_value(bytes, &mut |sealed| {
        let record = Record::open(sealed).ok();
        beyond |= record.is_some_and(|record| {
            record.head > head && !record.rows.is_empty() && record.rows.iter().all(|row| is_of_home(&row.key))
        });
    });
    beyond
}

/// Everything in `bytes` that looks like a value of the store.
fn each_value(bytes: &[u8], found: &mut dyn FnMut(&[u8])) {
    let mut at = 4;
    while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() > MAGIC.len()) {
        let size = rest.starts_with(&MAGIC).then(|| zstd::zstd_safe::find_frame_compressed_size(rest).ok()).flatten();
        match size.and_then(|size| bytes.get(at - 4..at + size)) {
            Some(sealed) => {
                found(sealed);
                at += sealed.len() - 4;
            }
            None => at += 1,
        }
    }
}

fn is_of_home(key: &[u8]) -> bool {
    key.first().is_some_and(|family| is_durable(*family))
}

/// Puts the rows of a page or a record over those that were found before; what is neither changes nothing.
fn apply(sealed: &[u8], rows: &mut BTreeMap<Bytes, Bytes>) {
    if codec::open(sealed).is_err() {
        return;
    }
    if let Ok(page) = page_rows(sealed)
        && let (Some(first), Some(last)) = (page.first(), page.last())
        && page.iter().all(|row| is_of_home(&row.key))
        && page.is_sorted_by(|one, other| one.key < other.key)
    {
        let gone: Vec<Bytes> = rows.range(first.key.clone()..=last.key.clone()).map(|(key, _)| key.clone()).collect();
        for key in gone {
            rows.remove(&key);
        }
        rows.extend(page.into_iter().filter_map(|row| Some((row.key, row.value?))));
    } else if let Ok(record) = Record::open(sealed)
        && record.rows.iter().all(|row| is_of_home(&row.key))
    {
        for row in record.rows {
            match row.value {
                Some(value) => drop(rows.insert(row.key, value)),
                None => drop(rows.remove(&row.key)),
            }
        }
    }
}
