//! What was imported before: pairs of a record's id and its envelope, in a file beside the store, one line each.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use tidepool_protocol::EnvelopeId;

/// The file's name in the data directory.
const FILE: &str = "imported.tsv";

/// The journal.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    known: HashMap<String, EnvelopeId>,
}

/// The journal cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}; move the file away to import everything anew")]
pub(super) struct JournalError {
    path: PathBuf,
    source: io::Error,
}

impl Journal {
    /// Opens the journal of a data directory. A last line that an interrupted import left half written is passed over.
    pub(super) fn open(directory: &Path) -> Result<Self, JournalError> {
        let path = directory.join(FILE);
        Self::open_file(&path).map_err(|source| JournalError { path, source })
    }

    fn open_file(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let mut known = HashMap::new();
        let mut whole = true;
        for line in BufReader::new(&file).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            let pair = line.split_once('\t').and_then(|(id, cid)| Some((id.to_owned(), cid.parse().ok()?)));
            whole = pair.is_some();
            known.extend(pair);
        }
        if !whole {
            file.write_all(b"\n")?;
        }
        Ok(Self { file, known })
    }

    /// The envelope of a record that was imported.
    pub(super) fn get(&self, id: &str) -> Option<EnvelopeId> {
        self.known.get(id).copied()
    }

    /// Notes records whose envelopes are on disk.
    pub(super) fn add(&mut self, pairs: Vec<(String, EnvelopeId)>) -> io::Result<()> {
        let mut text = String::new();
        for (id, envelope) in &pairs {
            text.push_str(&format!("{id}\t{envelope}\n"));
        }
        self.file.write_all(text.as_bytes())?;
        self.known.extend(pairs);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_half_written_last_line_is_passed_over_and_what_follows_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (EnvelopeId([1; 32]), EnvelopeId([2; 32]));
        let mut journal = Journal::open(directory.path()).unwrap();
        journal.add(vec![("a".to_owned(), first)]).unwrap();
        journal.file.write_all(b"b\tbafyhalf").unwrap();
        let mut journal = Journal::open(directory.path()).unwrap();
        assert_eq!((journal.get("a"), journal.get("b")), (Some(first), None));
        journal.add(vec![("b".to_owned(), second)]).unwrap();
        let journal = Journal::open(directory.path()).unwrap();
        assert_eq!((journal.get("a"), journal.get("b")), (Some(first), Some(second)));
    }
}
