//! A counted B+ tree of points with the sum of every subtree: insert, remove, range sums, cuts by count, scans.
//!
//! Envelopes mostly arrive in the order of their times, so a node that overflows at the tree's right end leaves its
//! entries behind full and starts a new one; any other is cut in the middle. Nodes that become empty go; others are not
//! merged.

use super::Tree;
use super::node::{
    CHILD, Child, ENTRIES_MAX, Key, Meta, below, child_for, id_of, key_of, meta_key, node_key, point_at, unreadable,
};
use bytes::Bytes;
use tidepool_protocol::digest::SetSum;
use tidepool_protocol::sync::{Part, Point, Range};
use tidepool_views::{Overlay, ReadError, Rows};

/// What an insertion made of a node.
enum Inserted {
    /// The point was there.
    Present,
    /// It is there now; with the right half, if the node was cut.
    Added(Option<Child>),
}

/// A node with an entry put in at `at`.
fn with(row: &[u8], at: usize, entry: &[u8]) -> Vec<u8> {
    let (below, above) = row.split_at(at);
    [below, entry, above].concat()
}

struct Writer<'w, 'a> {
    rows: &'w mut Overlay<'a>,
    tree: Tree,
    meta: Meta,
}

/// Adds a point; `false` when it was there.
///
/// # Errors
/// When the store cannot be read.
pub fn insert(rows: &mut Overlay<'_>, tree: Tree, point: &Point) -> Result<bool, ReadError> {
    let meta = meta(rows, tree)?;
    let mut writer = Writer { rows, tree, meta };
    let key = key_of(point);
    if writer.meta.next == 0 {
        writer.meta.next = 1;
        writer.put(0, key.to_vec());
    } else {
        let (root, height) = (writer.meta.root, writer.meta.height);
        match writer.insert(root, height, &key, true)? {
            Inserted::Present => return Ok(false),
            Inserted::Added(None) => {}
            Inserted::Added(Some(right)) => writer.grow(&key, right)?,
        }
    }
    writer.meta.sum.add(&point.id);
    writer.finish();
    Ok(true)
}

/// Takes a point away; `false` when it was not there.
///
/// # Errors
/// When the store cannot be read.
pub fn remove(rows: &mut Overlay<'_>, tree: Tree, point: &Point) -> Result<bool, ReadError> {
    let meta = meta(rows, tree)?;
    if meta.next == 0 {
        return Ok(false);
    }
    let mut writer = Writer { rows, tree, meta };
    if !writer.remove(meta.root, meta.height, &key_of(point))? {
        return Ok(false);
    }
    writer.meta.sum.remove(&point.id);
    writer.shrink()?;
    writer.finish();
    Ok(true)
}

impl Writer<'_, '_> {
    fn put(&mut self, number: u32, row: Vec<u8>) {
        self.rows.put(node_key(self.tree, number), row);
    }

    fn finish(self) {
        if self.meta.sum.count == 0 {
            self.rows.delete(node_key(self.tree, self.meta.root));
            self.rows.delete(meta_key(self.tree));
        } else {
            self.rows.put(meta_key(self.tree), self.meta.encode());
        }
    }

    /// `rightmost`: whether the node lies on the tree's right edge.
    fn insert(&mut self, number: u32, height: u8, key: &Key, rightmost: bool) -> Result<Inserted, ReadError> {
        let row = node(self.rows, self.tree, number)?;
        if height == 0 {
            let at = below(&row, 40, key);
            if row.get(at * 40..at * 40 + 40) == Some(&key[..]) {
                return Ok(Inserted::Present);
            }
            let appended = rightmost && at * 40 == row.len();
            let row = with(&row, at * 40, key);
            return Ok(Inserted::Added(self.place(number, row, 40, appended)?));
        }
        let at = child_for(&row, key);
        let last = (at + 1) * CHILD == row.len();
        let mut child = child_at(&row, at)?;
        let right = match self.insert(child.number, height - 1, key, rightmost && last)? {
            Inserted::Present => return Ok(Inserted::Present),
            Inserted::Added(right) => right,
        };
        child.sum.add(&id_of(key).ok_or_else(|| unreadable("a digest's point"))?);
        child.first = child.first.min(*key);
        let mut row = match right {
            Some(right) => {
                child.sum.leave(&right.sum);
                with(&row, (at + 1) * CHILD, &right.encode())
            }
            None => row.to_vec(),
        };
        row[at * CHILD..(at + 1) * CHILD].copy_from_slice(&child.encode());
        Ok(Inserted::Added(self.place(number, row, CHILD, rightmost && last)?))
    }

    /// Writes a node, cut in two when it has too many entries; returns the right half.
    fn place(
        &mut self,
        number: u32,
        mut row: Vec<u8>,
        width: usize,
        appended: bool,
    ) -> Result<Option<Child>, ReadError> {
        let count = row.len() / width;
        if count <= ENTRIES_MAX {
            self.put(number, row);
            return Ok(None);
        }
        let keep = if appended { ENTRIES_MAX } else { count / 2 };
        let right = row.split_off(keep * width);
        self.put(number, row);
        let first = right[..40].try_into().map_err(|_| unreadable("a digest's node"))?;
        let child = Child { first, sum: sum_of(&right, width)?, number: self.meta.next };
        self.meta.next += 1;
        self.put(child.number, right);
        Ok(Some(child))
    }

    /// Puts a new root over the old one and its right half.
    fn grow(&mut self, key: &Key, right: Child) -> Result<(), ReadError> {
        let left_row = node(self.rows, self.tree, self.meta.root)?;
        let first = left_row.get(..40).and_then(|first| first.try_into().ok());
        let first: Key = first.ok_or_else(|| unreadable("a digest's root"))?;
        let mut sum = self.meta.sum;
        sum.add(&id_of(key).ok_or_else(|| unreadable("a digest's point"))?);
        sum.leave(&right.sum);
        let left = Child { first, sum, number: self.meta.root };
        self.meta.root = self.meta.next;
        self.meta.next += 1;
        self.meta.height += 1;
        self.put(self.meta.root, [left.encode(), right.encode()].concat());
        Ok(())
    }

    fn remove(&mut self, number: u32, height: u8, key: &Key) -> Result<bool, ReadError> {
        let row = node(self.rows, self.tree, number)?;
        if height == 0 {
            let at = below(&row, 40, key);
            if row.get(at * 40..at * 40 + 40) != Some(&key[..]) {
                return Ok(false);
            }
            let mut row = row.to_vec();
            row.drain(at * 40..at * 40 + 40);
            self.put(number, row);
            return Ok(true);
        }
        let at = child_for(&row, key);
        let mut child = child_at(&row, at)?;
        if !self.remove(child.number, height - 1, key)? {
            return Ok(false);
        }
        child.sum.remove(&id_of(key).ok_or_else(|| unreadable("a digest's point"))?);
        let mut row = row.to_vec();
        if child.sum.count == 0 {
            self.rows.delete(node_key(self.tree, child.number));
            row.drain(at * CHILD..(at + 1) * CHILD);
        } else {
            row[at * CHILD..(at + 1) * CHILD].copy_from_slice(&child.encode());
        }
        self.put(number, row);
        Ok(true)
    }

    /// While the root is a branch with one child, that child is the root.
    fn shrink(&mut self) -> Result<(), ReadError> {
        while self.meta.height > 0 && self.meta.sum.count > 0 {
            let row = node(self.rows, self.tree, self.meta.root)?;
            if row.len() != CHILD {
                break;
            }
            self.rows.delete(node_key(self.tree, self.meta.root));
            self.meta.root = child_at(&row, 0)?.number;
            self.meta.height -= 1;
        }
        Ok(())
    }
}

fn meta(rows: &dyn Rows, tree: Tree) -> Result<Meta, ReadError> {
    match rows.get(&meta_key(tree))? {
        None => Ok(Meta::default()),
        Some(row) => Meta::decode(&row).ok_or_else(|| unreadable("a digest's root row")),
    }
}

fn node(rows: &dyn Rows, tree: Tree, number: u32) -> Result<Bytes, ReadError> {
    rows.get(&node_key(tree, number))?.ok_or_else(|| unreadable("a digest's node"))
}

fn child_at(row: &[u8], at: usize) -> Result<Child, ReadError> {
    row.get(at * CHILD..(at + 1) * CHILD).and_then(Child::decode).ok_or_else(|| unreadable("a digest's branch"))
}

fn sum_of(row: &[u8], width: usize) -> Result<SetSum, ReadError> {
    let mut sum = SetSum::default();
    for entry in row.chunks_exact(width) {
        if width == 40 {
            sum.add(&id_of(entry).ok_or_else(|| unreadable("a digest's point"))?);
        } else {
            sum.join(&Child::decode(entry).ok_or_else(|| unreadable("a digest's branch"))?.sum);
        }
    }
    Ok(sum)
}

/// The sum of all points below `key`.
fn prefix(rows: &dyn Rows, tree: Tree, meta: &Meta, key: &Key) -> Result<SetSum, ReadError> {
    let mut sum = SetSum::default();
    let mut number = meta.root;
    for _ in 0..meta.height {
        let row = node(rows, tree, number)?;
        let at = child_for(&row, key);
        for before in 0..at {
            sum.join(&child_at(&row, before)?.sum);
        }
        number = child_at(&row, at)?.number;
    }
    let row = node(rows, tree, number)?;
    let count = below(&row, 40, key);
    sum.join(&sum_of(&row[..count * 40], 40)?);
    Ok(sum)
}

/// Count and sum of the points of `range`.
///
/// # Errors
/// When the store cannot be read.
pub fn sum(rows: &dyn Rows, tree: Tree, range: &Range) -> Result<SetSum, ReadError> {
    let meta = meta(rows, tree)?;
    if meta.next == 0 || range.to.is_some_and(|to| to <= range.from) {
        return Ok(SetSum::default());
    }
    let mut sum = match &range.to {
        None => meta.sum,
        Some(to) => prefix(rows, tree, &meta, &key_of(to))?,
    };
    if range.from > Point::START {
        sum.leave(&prefix(rows, tree, &meta, &key_of(&range.from))?);
    }
    Ok(sum)
}

/// The point that has exactly `rank` points of the tree below it.
fn select(rows: &dyn Rows, tree: Tree, meta: &Meta, mut rank: u64) -> Result<Option<Point>, ReadError> {
    let mut number = meta.root;
    for _ in 0..meta.height {
        let row = node(rows, tree, number)?;
        let mut found = None;
        for at in 0..row.len() / CHILD {
            let child = child_at(&row, at)?;
            if rank < child.sum.count {
                found = Some(child.number);
                break;
            }
            rank -= child.sum.count;
        }
        match found {
            Some(child) => number = child,
            None => return Ok(None),
        }
    }
    let row = node(rows, tree, number)?;
    let at = usize::try_from(rank).unwrap_or(usize::MAX).saturating_mul(40);
    Ok(row.get(at..at.saturating_add(40)).and_then(point_at))
}

/// Cuts `range` into at most `parts` parts of equal count, and gives each with its digest: by count, not by time, so
/// that one bucket stuffed by an attacker stops nobody. An empty range is one part.
///
/// # Errors
/// When the store cannot be read.
pub fn split(rows: &dyn Rows, tree: Tree, range: &Range, parts: u8) -> Result<Vec<Part>, ReadError> {
    let total = sum(rows, tree, range)?;
    let meta = meta(rows, tree)?;
    let parts = u64::from(parts).clamp(1, total.count.max(1));
    let before = if total.count == 0 { 0 } else { prefix(rows, tree, &meta, &key_of(&range.from))?.count };
    let mut cuts = Vec::new();
    let mut from = range.from;
    for part in 1..=parts {
        let to = if part == parts {
            range.to
        } else {
            let rank = before + total.count * part / parts;
            Some(select(rows, tree, &meta, rank)?.ok_or_else(|| unreadable("a digest's tree"))?)
        };
        let of = if parts == 1 { total } else { sum(rows, tree, &Range { from, to })? };
        cuts.push(Part { to, count: of.count, fingerprint: of.fingerprint() });
        from = to.unwrap_or(from);
    }
    Ok(cuts)
}

/// Visits the points of `range` in ascending order until `visit` returns `false`.
///
/// # Errors
/// When the store cannot be read.
pub fn scan(rows: &dyn Rows, tree: Tree, range: &Range, visit: &mut dyn FnMut(Point) -> bool) -> Result<(), ReadError> {
    let meta = meta(rows, tree)?;
    if meta.next != 0 {
        walk(rows, tree, (meta.root, meta.height), range, visit)?;
    }
    Ok(())
}

fn walk(
    rows: &dyn Rows,
    tree: Tree,
    (number, height): (u32, u8),
    range: &Range,
    visit: &mut dyn FnMut(Point) -> bool,
) -> Result<bool, ReadError> {
    let row = node(rows, tree, number)?;
    let from = key_of(&range.from);
    if height == 0 {
        for entry in row.chunks_exact(40).skip(below(&row, 40, &from)) {
            let point = point_at(entry).ok_or_else(|| unreadable("a digest's point"))?;
            if !range.contains(&point) || !visit(point) {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    for at in child_for(&row, &from)..row.len() / CHILD {
        if !walk(rows, tree, (child_at(&row, at)?.number, height - 1), range, visit)? {
            return Ok(false);
        }
    }
    Ok(true)
}
