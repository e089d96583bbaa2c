//! The rows of a digest's tree, as bytes: nodes are read and changed in place, never decoded whole.
//!
//! | row | key | value |
//! |---|---|---|
//! | root | `68 slot class` | sum of all (40), root's number (4), height (1), next free number (4) |
//! | leaf | `69 slot class number` | points of 40 bytes, ascending |
//! | branch | the same | children of 84 bytes: first point (40), sum (40), number (4), ascending |
//!
//! Whether a node is a leaf follows from the height, which counts the levels of branches above the leaves.

use super::{META, NODES, Tree};
use tidepool_protocol::digest::SetSum;
use tidepool_protocol::sync::{Class, Point};
use tidepool_protocol::{EnvelopeId, Slot, TimeMs};
use tidepool_views::ReadError;

/// The most entries of a node: a row stays under 5.4 KB.
pub(super) const ENTRIES_MAX: usize = 64;

/// A point as it is ordered: time, big-endian, then id.
pub(super) type Key = [u8; 40];

/// The length of a branch's child.
pub(super) const CHILD: usize = 40 + SetSum::LEN + 4;

pub(super) fn key_of(point: &Point) -> Key {
    let mut key = [0; 40];
    key[..8].copy_from_slice(&point.time_ms.0.to_be_bytes());
    key[8..].copy_from_slice(&point.id.0);
    key
}

pub(super) fn point_at(key: &[u8]) -> Option<Point> {
    let (time, id) = key.split_at_checked(8)?;
    Some(Point { time_ms: TimeMs(u64::from_be_bytes(time.try_into().ok()?)), id: EnvelopeId::from_slice(id)? })
}

pub(super) fn id_of(key: &[u8]) -> Option<EnvelopeId> {
    EnvelopeId::from_slice(key.get(8..40)?)
}

/// Where a tree's root is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) sum: SetSum,
    pub(super) root: u32,
    pub(super) height: u8,
    pub(super) next: u32,
}

impl Meta {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SetSum::LEN + 9);
        bytes.extend_from_slice(&self.sum.to_bytes());
        bytes.extend_from_slice(&self.root.to_be_bytes());
        bytes.push(self.height);
        bytes.extend_from_slice(&self.next.to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (sum, rest) = bytes.split_at_checked(SetSum::LEN)?;
        let rest: [u8; 9] = rest.try_into().ok()?;
        let [a, b, c, d, height, e, f, g, h] = rest;
        let (root, next) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
        Some(Self { sum: SetSum::from_bytes(sum)?, root, height, next })
    }
}

fn prefix(family: u8, tree: Tree) -> [u8; 4] {
    let [high, low] = tree.slot.number().to_be_bytes();
    [family, high, low, u8::from(tree.class)]
}

pub(super) fn meta_key(tree: Tree) -> Vec<u8> {
    prefix(META, tree).to_vec()
}

pub(super) fn node_key(tree: Tree, number: u32) -> Vec<u8> {
    [&prefix(NODES, tree)[..], &number.to_be_bytes()].concat()
}

/// The tree whose root row has this key.
pub(super) fn tree_of(key: &[u8]) -> Option<Tree> {
    let [META, high, low, class] = *key else { return None };
    let slot = Slot::new(u16::from_be_bytes([high, low]))?;
    Some(Tree { slot, class: Class::try_from(class).ok()? })
}

pub(super) fn unreadable(what: &str) -> ReadError {
    ReadError { reason: format!("{what} is not in its form; run `tidepool reindex`") }
}

/// A branch's child.
#[derive(Clone, Copy, Debug)]
pub(super) struct Child {
    pub(super) first: Key,
    pub(super) sum: SetSum,
    pub(super) number: u32,
}

impl Child {
    pub(super) fn encode(&self) -> [u8; CHILD] {
        let mut bytes = [0; CHILD];
        bytes[..40].copy_from_slice(&self.first);
        bytes[40..80].copy_from_slice(&self.sum.to_bytes());
        bytes[80..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let first = bytes.get(..40)?.try_into().ok()?;
        let sum = SetSum::from_bytes(bytes.get(40..80)?)?;
        let number = u32::from_be_bytes(bytes.get(80..CHILD)?.try_into().ok()?);
        Some(Self { first, sum, number })
    }
}

/// How many of the entries of `width` bytes in `row` begin with a key below `key`.
pub(super) fn below(row: &[u8], width: usize, key: &Key) -> usize {
    let (mut low, mut high) = (0, row.len() / width);
    while low < high {
        let middle = low.midpoint(high);
        if row[middle * width..middle * width + 40] < key[..] {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// The place of the child of `row` under which `key` belongs: the last that begins at or before it, or the first.
pub(super) fn child_for(row: &[u8], key: &Key) -> usize {
    let at = below(row, CHILD, key);
    let begins_there = row.get(at * CHILD..at * CHILD + 40).is_some_and(|first| first == key);
    if begins_there { at } else { at.saturating_sub(1) }
}
