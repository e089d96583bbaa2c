//! The newest segments of the engine's data file, kept in memory while it opens: an engine that finds damage there takes
//! it for the end of its log and writes over what stands behind it. A start that comes to nothing puts them back.

use super::carve;
use super::engine::SEGMENT_BYTES;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use tidepool_views::Cursor;

/// Behind its last snapshot the engine writes a few segments before the next.
const SEGMENTS: usize = 8;

/// The engine's numbers stand in a segment's header, behind its check sum, turned around so that zeroes show.
const NUMBER_MASK: u64 = 0x7fff_ffff_ffff_ffff;

/// Segments of the data file by the number of their first entry, which grows, and where they begin.
pub(super) fn segments(db: &File) -> io::Result<Vec<(u64, u64)>> {
    let mut found = Vec::new();
    for at in (0..db.metadata()?.len()).step_by(SEGMENT_BYTES) {
        let mut header = [0; 12];
        if db.read_exact_at(&mut header, at).is_ok()
            && let Some(number) = header.last_chunk::<8>()
        {
            found.push((u64::from_le_bytes(*number) ^ NUMBER_MASK, at));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// One segment, as far as it is there.
pub(super) fn segment(db: &File, at: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; SEGMENT_BYTES];
    let mut read = 0;
    while let Some(rest) = bytes.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match db.read_at(rest, at + read as u64)? {
            0 => break,
            some => read += some,
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}

/// What may be lost by opening.
pub(super) struct Tail {
    length: u64,
    segments: Vec<(u64, Vec<u8>)>,
}

impl Tail {
    /// Reads it; nothing where there is no engine yet.
    pub(super) fn read(directory: &Path) -> io::Result<Option<Self>> {
        let db = match File::open(directory.join("db")) {
            Ok(db) => db,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // A segment that was never written has no number.
        let written = segments(&db)?.into_iter().filter(|(number, _)| *number != NUMBER_MASK);
        let read = written.rev().take(SEGMENTS).map(|(_, at)| Ok((at, segment(&db, at)?)));
        Ok(Some(Self { length: db.metadata()?.len(), segments: read.collect::<io::Result<_>>()? }))
    }

    /// Whether it holds a batch beyond `head`: then the log was not cut there, it only cannot be read further.
    pub(super) fn goes_beyond(&self, head: Cursor) -> bool {
        self.segments.iter().any(|(_, bytes)| carve::goes_beyond(bytes, head))
    }

    /// Makes the data file end as it did, once the engine has let go of it.
    pub(super) fn put_back(&self, directory: &Path) -> io::Result<()> {
        let db = OpenOptions::new().write(true).open(directory.join("db"))?;
        for (at, bytes) in &self.segments {
            db.write_all_at(bytes, *at)?;
        }
        db.set_len(self.length)?;
        db.sync_all()
    }
}
