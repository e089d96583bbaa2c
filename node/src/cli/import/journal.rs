//! What was imported before: which file it came from, a record's id in it and its envelope, in a file beside the store,
//! one line each. Ids are a file's own: two files may both have a first post, and comments mean that of their own file.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use tidepool_protocol::EnvelopeId;
use tidepool_protocol::ids::sha256;

/// The file's name in the data directory.
const FILE: &str = "imported.tsv";

/// The journal.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    source: String,
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
    /// Opens the journal of a data directory for the file that begins with `first_line`. A last line that an interrupted import left half written is passed over.
    pub(super) fn open(directory: &Path, first_line: &str) -> Result<Self, JournalError> {
        let path = directory.join(FILE);
        // A file that has grown since is the same file: its beginning tells it from others.
        let source = EnvelopeId(sha256(&[first_line.trim().as_bytes()])).to_string();
        Self::open_file(&path, source).map_err(|source| JournalError { path, source })
    }

    fn open_file(path: &Path, source: String) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let mut known = HashMap::new();
        let mut whole = true;
        for line in BufReader::new(&file).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            let mut parts = line.splitn(3, '\t');
            let parsed = (|| Some((parts.next()?, parts.next()?, parts.next()?.parse().ok()?)))();
            whole = parsed.is_some();
            known.extend(parsed.filter(|(of, ..)| *of == source).map(|(_, id, envelope)| (id.to_owned(), envelope)));
        }
        if !whole {
            file.write_all(b"\n")?;
        }
        Ok(Self { file, source, known })
    }

    /// The envelope of a record that was imported.
    pub(super) fn get(&self, id: &str) -> Option<EnvelopeId> {
        self.known.get(id).copied()
    }

    /// Notes records whose envelopes are on disk.
    pub(super) fn add(&mut self, pairs: Vec<(String, EnvelopeId)>) -> io::Result<()> {
        let mut text = String::new();
        for (id, envelope) in &pairs {
            text.push_str(&format!("{}\t{id}\t{envelope}\n", self.source));
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
        let mut journal = Journal::open(directory.path(), "one").unwrap();
        journal.add(vec![("a".to_owned(), first)]).unwrap();
        journal.file.write_all(b"x\tb\tbafyhalf").unwrap();
        let mut journal = Journal::open(directory.path(), "one").unwrap();
        assert_eq!((journal.get("a"), journal.get("b")), (Some(first), None));
        journal.add(vec![("b".to_owned(), second)]).unwrap();
        let journal = Journal::open(directory.path(), "one\n").unwrap();
        assert_eq!((journal.get("a"), journal.get("b")), (Some(first), Some(second)));
    }

    #[test]
    fn an_id_of_another_file_is_another_record() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (EnvelopeId([1; 32]), EnvelopeId([2; 32]));
        Journal::open(directory.path(), "one").unwrap().add(vec![("a".to_owned(), first)]).unwrap();
        let mut other = Journal::open(directory.path(), "two").unwrap();
        assert_eq!(other.get("a"), None);
        other.add(vec![("a".to_owned(), second)]).unwrap();
        assert_eq!(Journal::open(directory.path(), "one").unwrap().get("a"), Some(first));
        assert_eq!(Journal::open(directory.path(), "two").unwrap().get("a"), Some(second));
    }
}
