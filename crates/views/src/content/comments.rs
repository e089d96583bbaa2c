//! Comments: an add-set of trees. A comment is *attached* when everything between it and its post is here and fits; what
//! is not attached waits under its parent's id, and is attached, with all that waits below it, once the parent is.
//!
//! Every comment that claims a parent stands in the parent's collection of answers, keyed by a hash of what it claims
//! (scope, post, depth): the answers that fit are one range of it. A change of one comment that others wait for takes
//! time in proportion to what hangs below it.

use super::item::{self, Item, Place};
use super::keys::{self, Short};
use super::refs::Waiting;
use super::register::Step;
use super::{lists, posts, refs, shown};
use crate::codec;
use crate::overlay::Overlay;
use crate::port::{ReadError, Rows, Stored};
use crate::rank::time_key;
use crate::void::VoidReason;
use tidepool_protocol::body::Comment;
use tidepool_protocol::ids::sha256;

/// What an answer claims of its place, as the key of a parent's answers begins.
pub(crate) type Claim = Short;

fn claim(scope: &Short, root: &Short, depth: u8) -> Claim {
    codec::short(&sha256(&[scope, root, &[depth]]))
}

/// The claim of the answers that fit below `parent`.
pub(crate) fn claim_below(id: &Short, parent: &Item) -> Claim {
    match &parent.place {
        None => claim(&parent.scope, id, 0),
        Some(place) => claim(&parent.scope, &place.root, place.depth.saturating_add(1)),
    }
}

fn answer_key(item: &Item, place: &Place, id: &Short) -> Vec<u8> {
    [&claim(&item.scope, &place.root, place.depth)[..], &time_key(item.time), id].concat()
}

/// Why `item` cannot answer `parent`; `None` when it can.
fn misfit(id: &Short, parent: &Item, item: &Item, place: &Place) -> Option<VoidReason> {
    if parent.scope != item.scope {
        return Some(VoidReason::ScopeMismatch);
    }
    let fits = match &parent.place {
        None => place.root == *id && place.depth == 0,
        Some(above) => place.root == above.root && place.depth == above.depth.saturating_add(1),
    };
    if fits { None } else { Some(VoidReason::ParentMismatch) }
}

pub(crate) fn change(overlay: &mut Overlay<'_>, stored: &Stored, body: &Comment, step: Step) -> Result<(), ReadError> {
    match step {
        Step::Apply => apply(overlay, stored, body),
        Step::Retract => retract(overlay, stored),
    }
}

fn apply(overlay: &mut Overlay<'_>, stored: &Stored, body: &Comment) -> Result<(), ReadError> {
    let id = stored.envelope.id().short();
    // The body's own check holds the depth under 65.
    let depth = u8::try_from(body.depth).unwrap_or(u8::MAX);
    let place = Place { root: body.root.short(), parent: body.parent.short(), depth };
    let waiting = Waiting::about(overlay, &id)?;
    let item = posts::arrive(overlay, &id, stored.envelope.header(), Some(place), waiting)?;
    item::put(overlay, &id, &item);
    refs::judge_waiting(overlay, &id, &item, waiting, true)?;
    keys::kids(&place.parent).insert(overlay, &answer_key(&item, &place, &id), &[])?;
    if waiting.answers {
        judge_unattached_answers(overlay, &id, &item, true)?;
    }
    let Some(parent) = item::get(overlay, &place.parent)? else { return Ok(()) };
    match misfit(&place.parent, &parent, &item, &place) {
        Some(reason) => refs::mark(overlay, &id, Some(reason)),
        None if parent.attached => attach(overlay, id),
        None => Ok(()),
    }
}

fn retract(overlay: &mut Overlay<'_>, stored: &Stored) -> Result<(), ReadError> {
    let id = stored.envelope.id().short();
    let Some(item) = item::get(overlay, &id)? else { return Ok(()) };
    let Some(place) = item.place else { return Ok(()) };
    if item.attached {
        detach(overlay, id)?;
    }
    refs::mark(overlay, &id, None)?;
    let waiting = Waiting::about(overlay, &id)?;
    if waiting.answers {
        judge_unattached_answers(overlay, &id, &item, false)?;
    }
    keys::kids(&place.parent).remove(overlay, &answer_key(&item, &place, &id))?;
    refs::judge_waiting(overlay, &id, &item, waiting, false)?;
    item::delete(overlay, &id);
    Ok(())
}

/// A post has come or goes: its answers are judged, and attached or detached with all below them.
pub(crate) fn judge_answers(overlay: &mut Overlay<'_>, id: &Short, stands: bool) -> Result<(), ReadError> {
    let Some(post) = item::get(overlay, id)? else { return Ok(()) };
    judge_unattached_answers(overlay, id, &post, stands)?;
    for answer in fitting(overlay, id, &post)? {
        if stands {
            attach(overlay, answer)?;
        } else {
            detach(overlay, answer)?;
        }
    }
    Ok(())
}

/// The answers to `parent` whose claims fit, in the order of their times.
fn fitting(rows: &dyn Rows, id: &Short, parent: &Item) -> Result<Vec<Short>, ReadError> {
    let mut found = Vec::new();
    keys::kids(id).visit_part(rows, &claim_below(id, parent), &mut |key, _| {
        found.extend(keys::tail_id(key));
        true
    })?;
    Ok(found)
}

/// Marks the answers to an item that can never fit while it stands, or takes the marks away.
fn judge_unattached_answers(
    overlay: &mut Overlay<'_>,
    id: &Short,
    parent: &Item,
    stands: bool,
) -> Result<(), ReadError> {
    let fits = claim_below(id, parent);
    let mut others = Vec::new();
    keys::kids(id).visit_part(overlay, &[], &mut |key, _| {
        if !key.starts_with(&fits) {
            others.extend(keys::tail_id(key));
        }
        true
    })?;
    for answer in others {
        let Some(item) = item::get(overlay, &answer)? else { continue };
        let Some(place) = item.place else { continue };
        let reason = misfit(id, parent, &item, &place);
        refs::mark(overlay, &answer, if stands { reason } else { None })?;
    }
    Ok(())
}

/// Attaches a comment whose parent is attached, and all below it.
fn attach(overlay: &mut Overlay<'_>, first: Short) -> Result<(), ReadError> {
    let mut waiting = vec![first];
    while let Some(id) = waiting.pop() {
        let Some(mut item) = item::get(overlay, &id)? else { continue };
        let Some(place) = item.place else { continue };
        if item.attached {
            continue;
        }
        item.attached = true;
        item::put(overlay, &id, &item);
        link(overlay, &id, &item, &place, Step::Apply)?;
        waiting.extend(fitting(overlay, &id, &item)?);
    }
    Ok(())
}

/// Detaches a comment and all below it.
fn detach(overlay: &mut Overlay<'_>, first: Short) -> Result<(), ReadError> {
    let mut waiting = vec![first];
    while let Some(id) = waiting.pop() {
        let Some(item) = item::get(overlay, &id)? else { continue };
        let Some(place) = item.place else { continue };
        if !item.attached {
            continue;
        }
        link(overlay, &id, &item, &place, Step::Retract)?;
        waiting.extend(fitting(overlay, &id, &item)?);
        // Read again: taking it from its post's counters may have written this very row.
        if let Some(mut item) = item::get(overlay, &id)? {
            item.attached = false;
            item::put(overlay, &id, &item);
        }
    }
    Ok(())
}

/// What an attached comment adds to its parent, its post and the lists.
fn link(overlay: &mut Overlay<'_>, id: &Short, item: &Item, place: &Place, step: Step) -> Result<(), ReadError> {
    if let Some(mut parent) = item::get(overlay, &place.parent)? {
        parent.replies = match step {
            Step::Apply => parent.replies + 1,
            Step::Retract => parent.replies.saturating_sub(1),
        };
        item::put(overlay, &place.parent, &parent);
    }
    if place.depth == 0 {
        lists::place_root(overlay, &place.root, id, item, step)?;
    }
    if !item.removed {
        shown::show(overlay, id, item, step)?;
    }
    Ok(())
}
