//! What agents at home here published and no peer is known to have: kept on disk, offered again until a peer has it.
//!
//! One durable row for each batch, `0x60` and its first cursor, holds the cursors of the envelopes that were published
//! in it; it goes when all of them are done. An envelope older than [`GOSSIP_AGE_MS_MAX`] is no longer offered:
//! anti-entropy carries it, and its row goes when a peer's digest covers it.

#[cfg(test)]
mod tests;

use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use tidepool_protocol::limits::GOSSIP_AGE_MS_MAX;
use tidepool_protocol::slot::Topic;
use tidepool_protocol::sync::{Class, Point, Range, SlotRun};
use tidepool_protocol::{Shard, Slot, TimeMs};
use tidepool_views::{Cursor, RowWrite};

use crate::digest::Tree;
use crate::input::PublishOutcome;

/// The family of the outbox's rows.
pub(crate) const FAMILY: u8 = 0x60;

/// How an envelope stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// To be offered.
    Waits,
    /// In a bundle that is open or under way.
    Offered,
    /// Gossip cannot carry it any more; some peer's digest must cover it.
    LeftToSync,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    row: Cursor,
    topic: Topic,
    tree: Tree,
    point: Point,
    standing: Standing,
}

/// An envelope of the outbox: where it lies, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) cursor: Cursor,
    pub(crate) topic: Topic,
    pub(crate) tree: Tree,
    pub(crate) point: Point,
}

/// The outbox in memory.
#[derive(Debug)]
pub(crate) struct Outgoing {
    max: usize,
    entries: BTreeMap<Cursor, Entry>,
    /// The same by tree, so that a digest that covers a slot costs what it covers.
    of_tree: BTreeMap<Tree, BTreeSet<Cursor>>,
    rows: BTreeMap<Cursor, usize>,
}

impl Outgoing {
    pub(crate) const fn new(max: usize) -> Self {
        Self { max, entries: BTreeMap::new(), of_tree: BTreeMap::new(), rows: BTreeMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The slots in which something waits.
    pub(crate) fn slots(&self) -> BTreeSet<Slot> {
        self.of_tree.keys().map(|tree| tree.slot).collect()
    }

    /// The time of the oldest text of `shard` that waits.
    pub(crate) fn oldest_content(&self, shard: Shard, shards: u16) -> Option<TimeMs> {
        let lies = |tree: &Tree| tree.class == Class::Content && Shard::of(tree.slot, shards) == Some(shard);
        let waiting = self.of_tree.iter().filter(|(tree, _)| lies(tree)).flat_map(|(_, cursors)| cursors);
        waiting.filter_map(|cursor| self.entries.get(cursor)).map(|entry| entry.point.time_ms).min()
    }

    /// Takes in what `row` holds. Returns rows that have to go, when the outbox is full: the oldest are left to
    /// anti-entropy, which carries everything.
    pub(crate) fn add(&mut self, row: Cursor, items: &[Item], offered: bool) -> Vec<RowWrite> {
        let standing = if offered { Standing::Offered } else { Standing::Waits };
        for item in items {
            let Item { cursor, topic, tree, point } = *item;
            self.entries.insert(cursor, Entry { row, topic, tree, point, standing });
            self.of_tree.entry(tree).or_default().insert(cursor);
        }
        if !items.is_empty() {
            *self.rows.entry(row).or_default() += items.len();
        }
        let over = self.entries.len().saturating_sub(self.max);
        let oldest: Vec<Cursor> = self.entries.keys().take(over).copied().collect();
        self.done(&oldest)
    }

    /// Too old for gossip from the start.
    pub(crate) fn leave_to_sync(&mut self, cursor: Cursor) {
        if let Some(entry) = self.entries.get_mut(&cursor) {
            entry.standing = Standing::LeftToSync;
        }
    }

    /// These need no more care. Returns the rows that go.
    fn done(&mut self, cursors: &[Cursor]) -> Vec<RowWrite> {
        let mut gone = Vec::new();
        for cursor in cursors {
            let Some(entry) = self.entries.remove(cursor) else { continue };
            if let Some(of_tree) = self.of_tree.get_mut(&entry.tree) {
                of_tree.remove(cursor);
                if of_tree.is_empty() {
                    self.of_tree.remove(&entry.tree);
                }
            }
            let left = self.rows.get_mut(&entry.row).map(|left| {
                *left -= 1;
                *left
            });
            if left == Some(0) {
                self.rows.remove(&entry.row);
                gone.push(RowWrite { key: row_key(entry.row), value: None });
            }
        }
        gone
    }

    /// What gossip said of a bundle that held these. Returns the rows that go.
    pub(crate) fn published(&mut self, cursors: &[Cursor], outcome: PublishOutcome) -> Vec<RowWrite> {
        let standing = match outcome {
            PublishOutcome::Sent => return self.done(cursors),
            PublishOutcome::NoPeers => Standing::Waits,
            PublishOutcome::Duplicate | PublishOutcome::QueuesFull | PublishOutcome::Refused => Standing::LeftToSync,
        };
        for cursor in cursors {
            if let Some(entry) = self.entries.get_mut(cursor) {
                entry.standing = standing;
            }
        }
        Vec::new()
    }

    /// What is to be offered again, on one topic or on all; the old is left to anti-entropy.
    pub(crate) fn offer(&mut self, topic: Option<Topic>, now: TimeMs, limit: usize) -> Vec<Cursor> {
        let mut offered = Vec::new();
        for (cursor, entry) in &mut self.entries {
            if entry.standing != Standing::Waits || topic.is_some_and(|topic| topic != entry.topic) {
                continue;
            }
            if now.since_ms(entry.point.time_ms) > GOSSIP_AGE_MS_MAX {
                entry.standing = Standing::LeftToSync;
            } else if offered.len() < limit {
                entry.standing = Standing::Offered;
                offered.push(*cursor);
            }
        }
        offered
    }

    /// A peer holds everything that we hold in this run of slots. Returns the rows that go.
    pub(crate) fn covered(&mut self, run: &SlotRun) -> Vec<RowWrite> {
        let range = Range { from: Point { time_ms: run.from, ..Point::START }, to: None };
        let first = Tree { slot: run.first, class: Class::State };
        let trees: Vec<Tree> = self.of_tree.range(first..).map(|(tree, _)| *tree).collect();
        let within = trees.into_iter().take_while(|tree| tree.slot <= run.last).filter(|tree| tree.class == run.class);
        within.flat_map(|tree| self.covered_range(tree, &range)).collect()
    }

    /// A peer holds everything that we hold in this range. Returns the rows that go.
    pub(crate) fn covered_range(&mut self, tree: Tree, range: &Range) -> Vec<RowWrite> {
        let within = |cursor: &&Cursor| self.entries.get(cursor).is_some_and(|entry| range.contains(&entry.point));
        let covered: Vec<Cursor> = self.of_tree.get(&tree).into_iter().flatten().filter(within).copied().collect();
        self.done(&covered)
    }
}

/// The key of the row of the batch whose first published envelope is at `first`.
pub(crate) fn row_key(first: Cursor) -> Bytes {
    let mut key = vec![FAMILY];
    key.extend_from_slice(&first.0.to_be_bytes());
    key.into()
}

/// A row for `cursors`.
pub(crate) fn row(cursors: &[Cursor]) -> Option<RowWrite> {
    let first = *cursors.first()?;
    let value: Vec<u8> = cursors.iter().flat_map(|cursor| cursor.0.to_be_bytes()).collect();
    Some(RowWrite { key: row_key(first), value: Some(value.into()) })
}

/// The cursors that a row holds.
pub(crate) fn read_row(value: &[u8]) -> Vec<Cursor> {
    value.chunks_exact(8).filter_map(|bytes| bytes.try_into().ok().map(u64::from_be_bytes)).map(Cursor).collect()
}
