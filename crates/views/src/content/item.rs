//! The row of one post or comment that stands: what lists, trees and counters need of it without its envelope.

use super::keys::{self, Short};
use crate::codec::Unpack;
use crate::index::{self, Spot};
use crate::overlay::Overlay;
use crate::port::{ReadError, Rows};
use crate::rank::Votes;
use tidepool_protocol::{AuthorId, TimeMs};

/// A post or comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) author: AuthorId,
    pub(crate) time: TimeMs,
    /// Its scope's tag.
    pub(crate) scope: Short,
    /// Where a comment stands; `None` for a post.
    pub(crate) place: Option<Place>,
    /// Whether every comment between it and its post, and the post, is here and fits. Always so for a post.
    pub(crate) attached: bool,
    /// Whether its author took it away.
    pub(crate) removed: bool,
    /// Whether a moderator took it away.
    pub(crate) hidden: bool,
    /// Whether it is a post that moderators pinned.
    pub(crate) pinned: bool,
    /// Whether it is a post that moderators closed to comments.
    pub(crate) locked: bool,
    /// The author's own vote, which does not count.
    pub(crate) own_vote: i8,
    /// The edit whose title is shown.
    pub(crate) title_edit: Option<Short>,
    /// The edit whose text is shown.
    pub(crate) content_edit: Option<Short>,
}

/// Where a comment says that it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) root: Short,
    pub(crate) parent: Short,
    pub(crate) depth: u8,
}

const COMMENT: u8 = 1;
const ATTACHED: u8 = 2;
const REMOVED: u8 = 4;
const TITLE: u8 = 8;
const CONTENT: u8 = 16;
const HIDDEN: u8 = 32;
const PINNED: u8 = 64;
const LOCKED: u8 = 128;

impl Item {
    /// Whether its text is gone.
    pub(crate) const fn gone(&self) -> bool {
        self.removed || self.hidden
    }

    /// Whether it is shown with its text.
    pub(crate) const fn visible(&self) -> bool {
        self.attached && !self.gone()
    }

    fn write(&self) -> Vec<u8> {
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let flags = flag(self.place.is_some(), COMMENT)
            | flag(self.attached, ATTACHED)
            | flag(self.removed, REMOVED)
            | flag(self.hidden, HIDDEN)
            | flag(self.pinned, PINNED)
            | flag(self.locked, LOCKED)
            | flag(self.title_edit.is_some(), TITLE)
            | flag(self.content_edit.is_some(), CONTENT);
        let mut row = Vec::with_capacity(128);
        row.push(flags);
        row.push(self.own_vote.to_be_bytes()[0]);
        row.extend_from_slice(&self.author.0);
        row.extend_from_slice(&self.time.0.to_be_bytes());
        row.extend_from_slice(&self.scope);
        if let Some(place) = &self.place {
            row.extend_from_slice(&place.root);
            row.extend_from_slice(&place.parent);
            row.push(place.depth);
        }
        for edit in [&self.title_edit, &self.content_edit].into_iter().flatten() {
            row.extend_from_slice(edit);
        }
        row
    }

    fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        let mut row = Unpack::new(keys::ITEM, bytes);
        let flags = row.u8()?;
        let own_vote = i8::from_be_bytes(row.array()?);
        let author = AuthorId(row.array()?);
        let time = TimeMs(row.u64()?);
        let scope = row.array()?;
        let place = if flags & COMMENT == 0 {
            None
        } else {
            Some(Place { root: row.array()?, parent: row.array()?, depth: row.u8()? })
        };
        let title_edit = if flags & TITLE == 0 { None } else { Some(row.array()?) };
        let content_edit = if flags & CONTENT == 0 { None } else { Some(row.array()?) };
        row.finish()?;
        let is = |bit: u8| flags & bit != 0;
        Ok(Self {
            author,
            time,
            scope,
            place,
            attached: is(ATTACHED),
            removed: is(REMOVED),
            hidden: is(HIDDEN),
            pinned: is(PINNED),
            locked: is(LOCKED),
            own_vote,
            title_edit,
            content_edit,
        })
    }
}

/// The item at `spot`, if it stands.
pub(crate) fn get(rows: &dyn Rows, spot: Spot) -> Result<Option<Item>, ReadError> {
    rows.get(&keys::item(spot))?.map(|row| Item::read(&row)).transpose()
}

/// The item with this id, if it stands, and where.
pub(crate) fn find(rows: &dyn Rows, id: &Short) -> Result<Option<(Spot, Item)>, ReadError> {
    let Some(spot) = index::spot(rows, id)? else { return Ok(None) };
    Ok(get(rows, spot)?.map(|item| (spot, item)))
}

pub(crate) fn put(overlay: &mut Overlay<'_>, spot: Spot, item: &Item) {
    overlay.put(keys::item(spot), item.write());
}

pub(crate) fn delete(overlay: &mut Overlay<'_>, spot: Spot) {
    overlay.delete(keys::item(spot));
}

/// What hangs below a post or comment. Kept whether that is here or not, because its answers may leave it later than it
/// goes, and come to it later than it comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    /// Attached comments that answer it directly.
    pub(crate) replies: u32,
    /// Visible comments in a post's whole tree.
    pub(crate) comments: u32,
}

/// What hangs below the item at `spot`.
pub(crate) fn tree(rows: &dyn Rows, spot: Spot) -> Result<Tree, ReadError> {
    let Some(row) = rows.get(&keys::tree(spot))? else { return Ok(Tree::default()) };
    let mut row = Unpack::new(keys::TREE, &row);
    let tree = Tree { replies: u32::from_be_bytes(row.array()?), comments: u32::from_be_bytes(row.array()?) };
    row.finish()?;
    Ok(tree)
}

/// Changes what hangs below the item at `spot`.
pub(crate) fn change_tree(
    overlay: &mut Overlay<'_>,
    spot: Spot,
    change: impl FnOnce(&mut Tree),
) -> Result<(), ReadError> {
    let mut tree = tree(overlay, spot)?;
    change(&mut tree);
    let key = keys::tree(spot);
    if tree == Tree::default() {
        overlay.delete(key);
    } else {
        overlay.put(key, [tree.replies.to_be_bytes(), tree.comments.to_be_bytes()].concat());
    }
    Ok(())
}

/// All votes on a target in one scope, the author's own among them.
pub(crate) fn raw_votes(rows: &dyn Rows, target: Spot, scope: &Short) -> Result<Votes, ReadError> {
    let Some(row) = rows.get(&keys::counts(target, scope))? else { return Ok(Votes::default()) };
    let mut row = Unpack::new(keys::COUNTS, &row);
    let votes = Votes { up: u32::from_be_bytes(row.array()?), down: u32::from_be_bytes(row.array()?) };
    row.finish()?;
    Ok(votes)
}

pub(crate) fn put_raw_votes(overlay: &mut Overlay<'_>, target: Spot, scope: &Short, votes: Votes) {
    let key = keys::counts(target, scope);
    if votes == Votes::default() {
        overlay.delete(key);
    } else {
        overlay.put(key, [votes.up.to_be_bytes(), votes.down.to_be_bytes()].concat());
    }
}

/// One vote's share of the counts.
pub(crate) const fn share(value: i8) -> Votes {
    Votes { up: (value > 0) as u32, down: (value < 0) as u32 }
}

/// `votes` with one register's value changed.
pub(crate) const fn recount(votes: Votes, before: i8, after: i8) -> Votes {
    let (less, more) = (share(before), share(after));
    Votes { up: (votes.up + more.up).saturating_sub(less.up), down: (votes.down + more.down).saturating_sub(less.down) }
}

/// The votes that count on the item at `spot`.
pub(crate) fn votes(rows: &dyn Rows, spot: Spot, item: &Item) -> Result<Votes, ReadError> {
    Ok(recount(raw_votes(rows, spot, &item.scope)?, item.own_vote, 0))
}
