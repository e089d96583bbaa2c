//! Digests: for every slot and class, how many envelopes it holds and the sum of their ids, over any range of
//! `(time_ms, id)` in O(log n).
//!
//! Kept as derived rows, so they are folded again from the log like any view. Every other room reads them through
//! [`slot`], [`shard`] and [`all`]; sync reads ranges through [`sum`], [`split`] and [`scan`].

mod node;
#[cfg(test)]
mod tests;
mod tree;

pub use tree::{insert, remove, scan, split, sum};

use node::Meta;
use tidepool_protocol::digest::SetSum;
use tidepool_protocol::limits::SLOTS;
use tidepool_protocol::sync::{Class, Point};
use tidepool_protocol::{Envelope, Shard, Slot};
use tidepool_views::{ReadError, Rows};

/// The family of the rows that say where a tree's root is and what it holds in all.
pub(crate) const META: u8 = 0x68;

/// The family of the rows that hold the trees' nodes.
pub(crate) const NODES: u8 = 0x69;

/// One tree: a slot and a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tree {
    /// The slot.
    pub slot: Slot,
    /// The class.
    pub class: Class,
}

impl Tree {
    /// The tree in which `envelope` is counted.
    #[must_use]
    pub fn of(envelope: &Envelope) -> Self {
        let header = envelope.header();
        Self { slot: header.slot(), class: Class::of(header.kind) }
    }
}

/// The place of `envelope` in its tree.
#[must_use]
pub fn point_of(envelope: &Envelope) -> Point {
    Point { time_ms: envelope.header().time_ms, id: envelope.id() }
}

/// Both sums of a run of slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Everything but the content group.
    pub state: SetSum,
    /// The content group.
    pub content: SetSum,
}

impl Sums {
    /// The sum of one class.
    #[must_use]
    pub const fn class(&self, class: Class) -> &SetSum {
        match class {
            Class::State => &self.state,
            Class::Content => &self.content,
        }
    }

    /// The sum of one class, to be changed.
    pub(crate) const fn class_mut(&mut self, class: Class) -> &mut SetSum {
        match class {
            Class::State => &mut self.state,
            Class::Content => &mut self.content,
        }
    }

    /// Adds those of other slots.
    pub fn join(&mut self, other: &Self) {
        self.state.join(&other.state);
        self.content.join(&other.content);
    }

    /// Both classes together: what two nodes show to say that they hold the same.
    #[must_use]
    pub fn together(&self) -> SetSum {
        let mut sum = self.state;
        sum.join(&self.content);
        sum
    }
}

/// The sums of one slot.
///
/// # Errors
/// When the store cannot be read.
pub fn slot(rows: &dyn Rows, slot: Slot) -> Result<Sums, ReadError> {
    run(rows, slot, slot)
}

/// The sums of one shard of `shards`.
///
/// # Errors
/// When the store cannot be read.
pub fn shard(rows: &dyn Rows, shard: Shard, shards: u16) -> Result<Sums, ReadError> {
    let width = SLOTS / shards.max(1);
    let first = shard.0.saturating_mul(width);
    let last = first.saturating_add(width.saturating_sub(1)).min(SLOTS - 1);
    match Slot::new(first).zip(Slot::new(last)) {
        Some((first, last)) => run(rows, first, last),
        None => Ok(Sums::default()),
    }
}

/// The sums of everything that this node holds, `ctl` included.
///
/// # Errors
/// When the store cannot be read.
pub fn all(rows: &dyn Rows) -> Result<Sums, ReadError> {
    let mut sums = Sums::default();
    each(rows, 0, SLOTS, &mut |_, of| sums.join(&of))?;
    Ok(sums)
}

/// The sums of the slots from `first` to `last`, both included.
///
/// # Errors
/// When the store cannot be read.
pub fn run(rows: &dyn Rows, first: Slot, last: Slot) -> Result<Sums, ReadError> {
    let mut sums = Sums::default();
    each(rows, first.number(), last.number(), &mut |_, of| sums.join(&of))?;
    Ok(sums)
}

/// Visits the sums of every slot from `first` to `last` that has some, one class at a time. One row each.
pub(crate) fn each(rows: &dyn Rows, first: u16, last: u16, visit: &mut dyn FnMut(Slot, Sums)) -> Result<(), ReadError> {
    let key = |slot: u16| [&[META][..], &slot.to_be_bytes()].concat();
    let mut wrong = None;
    rows.scan(&key(first), &key(last + 1), &mut |key, value| {
        let read = node::tree_of(key).zip(Meta::decode(value));
        let Some((tree, meta)) = read else {
            wrong = Some(node::unreadable("a digest's root row"));
            return false;
        };
        let mut sums = Sums::default();
        *sums.class_mut(tree.class) = meta.sum;
        visit(tree.slot, sums);
        true
    })?;
    wrong.map_or(Ok(()), Err)
}
