//! Edits and tombstones: what an author says of its own posts and comments, whether they are here yet or not.
//!
//! They wait in one collection for each (target, author, scope), so that only those of the target's author in the target's
//! scope are ever read. An edit is a register for the title and one for the text; a tombstone stands until it is void.

use super::item::{self, Item};
use super::keys::{self, Short, author_tag, scope_tag};
use super::register::{self, Order, Step};
use super::{refs, shown};
use crate::chunks::Chunks;
use crate::index::{self, Spot};
use crate::overlay::Overlay;
use crate::port::{ReadError, Rows, Stored};
use crate::void::VoidReason;
use tidepool_protocol::Header;
use tidepool_protocol::body::{Edit, Tombstone};
use tidepool_protocol::limits::COMMENT_CHARS_MAX;

const TOMBSTONE: u8 = 0;
const TITLE: u8 = 1;
/// A text that fits a comment and a post.
const CONTENT: u8 = 2;
/// A text that fits a post only: too long for a comment, or empty.
const POST_CONTENT: u8 = 3;
/// An edit that changes nothing: kept so that it, too, is judged when its target comes.
const NOTHING: u8 = 4;

/// Sets what waited for `item` in it.
pub(crate) fn read_into(rows: &dyn Rows, spot: Spot, item: &mut Item) -> Result<(), ReadError> {
    let all = keys::marks(spot, &author_tag(&item.author), &item.scope);
    let newest = |field: u8| Ok::<_, ReadError>(register::winner(rows, &all, &[field])?.map(|winner| winner.order));
    item.removed = newest(TOMBSTONE)?.is_some();
    let content = newest(CONTENT)?;
    let is_post = item.place.is_none();
    item.title_edit = if is_post { newest(TITLE)?.map(|order| order.id()) } else { None };
    item.content_edit = if is_post { content.max(newest(POST_CONTENT)?) } else { content }.map(|order| order.id());
    Ok(())
}

/// Whether the author of `header` took the thing `target` in its scope away.
pub(crate) fn is_removed(rows: &dyn Rows, header: &Header, target: &Short) -> Result<bool, ReadError> {
    let Some(spot) = index::spot(rows, target)? else { return Ok(false) };
    let all = keys::marks(spot, &author_tag(&header.author), &scope_tag(&header.scope));
    Ok(register::winner(rows, &all, &[TOMBSTONE])?.is_some())
}

fn collection(stored: &Stored, target: Spot) -> Chunks {
    let header = stored.envelope.header();
    keys::marks(target, &author_tag(&header.author), &scope_tag(&header.scope))
}

pub(crate) fn edit(overlay: &mut Overlay<'_>, stored: &Stored, edit: &Edit, step: Step) -> Result<(), ReadError> {
    let id = edit.target.short();
    let Some(target) = refs::target(overlay, &id, stored, step)? else { return Ok(()) };
    let all = collection(stored, target);
    let order = Order::of(&stored.envelope);
    let mut fields = Vec::with_capacity(2);
    if edit.title.is_some() {
        fields.push(TITLE);
    }
    if let Some(content) = &edit.content {
        let fits = (1..=COMMENT_CHARS_MAX).contains(&content.chars().count());
        fields.push(if fits { CONTENT } else { POST_CONTENT });
    }
    if fields.is_empty() {
        fields.push(NOTHING);
    }
    for field in fields {
        register::change(overlay, &all, &[field], (&order, &[]), step)?;
    }
    tell(overlay, stored, (&id, target), step)
}

pub(crate) fn tombstone(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    tombstone: &Tombstone,
    step: Step,
) -> Result<(), ReadError> {
    let id = tombstone.target.short();
    let Some(target) = refs::target(overlay, &id, stored, step)? else { return Ok(()) };
    let order = Order::of(&stored.envelope);
    register::change(overlay, &collection(stored, target), &[TOMBSTONE], (&order, &[]), step)?;
    tell(overlay, stored, (&id, target), step)
}

/// Lets the target know, if it is here, or judges the envelope that cannot be about it.
fn tell(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    (target, spot): (&Short, Spot),
    step: Step,
) -> Result<(), ReadError> {
    let Some(item) = item::get(overlay, spot)? else {
        return if step == Step::Retract { refs::release(overlay, target) } else { Ok(()) };
    };
    let header = stored.envelope.header();
    let reason = if author_tag(&item.author) != author_tag(&header.author) {
        Some(VoidReason::ForeignTarget)
    } else if item.scope != scope_tag(&header.scope) {
        Some(VoidReason::ScopeMismatch)
    } else {
        None
    };
    if reason.is_some() {
        let id = stored.envelope.id().short();
        return refs::mark(overlay, &id, if step == Step::Apply { reason } else { None });
    }
    let mut changed = item.clone();
    read_into(overlay, spot, &mut changed)?;
    shown::replace(overlay, (target, spot), &item, &changed)
}
