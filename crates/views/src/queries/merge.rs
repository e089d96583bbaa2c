//! Merging ordered lists into one, from their greatest keys down: feeds over many communities, windows over many days.

use crate::chunks::{Chunks, Direction, Entry};
use crate::port::{ReadError, Rows};
use bytes::Bytes;
use std::collections::{BinaryHeap, VecDeque};

/// How many entries of a list are read at once: a page mostly needs few of each.
const READ_AHEAD: usize = 16;

struct Source {
    list: Chunks,
    waiting: VecDeque<Entry>,
    /// Behind what the next read goes on; `None` once the list has no more.
    after: Option<Bytes>,
    ended: bool,
}

/// The entries of several lists in descending order of their keys; one that stands in several lists comes once.
pub(crate) struct Merge<'r> {
    rows: &'r dyn Rows,
    sources: Vec<Source>,
    heads: BinaryHeap<(Bytes, usize)>,
    last: Option<Bytes>,
    read_ahead: usize,
}

impl<'r> Merge<'r> {
    /// All entries with keys below `after`; of every list from its end when it is `None`. `hint`: how many will be asked for.
    pub(crate) fn new(
        rows: &'r dyn Rows,
        lists: Vec<Chunks>,
        after: Option<&[u8]>,
        hint: usize,
    ) -> Result<Self, ReadError> {
        let read_ahead = if lists.len() == 1 { hint.max(1) } else { READ_AHEAD };
        let source =
            |list| Source { list, waiting: VecDeque::new(), after: after.map(Bytes::copy_from_slice), ended: false };
        let sources: Vec<_> = lists.into_iter().map(source).collect();
        let mut merge = Self { rows, heads: BinaryHeap::with_capacity(sources.len()), sources, last: None, read_ahead };
        for index in 0..merge.sources.len() {
            merge.advance(index)?;
        }
        Ok(merge)
    }

    /// Brings the next entry of one source to the heads.
    fn advance(&mut self, index: usize) -> Result<(), ReadError> {
        let source = &mut self.sources[index];
        if source.waiting.is_empty() && !source.ended {
            let page = source.list.page(self.rows, source.after.as_deref(), Direction::Down, self.read_ahead)?;
            source.ended = page.len() < self.read_ahead;
            source.after = page.last().map(|(key, _)| key.clone());
            source.waiting = page.into();
        }
        if let Some((key, _)) = source.waiting.front() {
            self.heads.push((key.clone(), index));
        }
        Ok(())
    }

    /// The next entry.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        while let Some((key, index)) = self.heads.pop() {
            let entry = self.sources[index].waiting.pop_front();
            self.advance(index)?;
            if self.last.as_ref() == Some(&key) {
                continue;
            }
            self.last = Some(key);
            if entry.is_some() {
                return Ok(entry);
            }
        }
        Ok(None)
    }
}
