//! Comments: an add-set of trees. A comment that comes is put among the answers to what it claims to answer, and is
//! attached if that is; what hangs below it follows (`trees`).

use super::item::{self, Place};
use super::keys::{self, Short};
use super::refs::Waiting;
use super::register::Step;
use super::trees::{self, answer_key, misfit};
use super::{posts, refs};
use crate::overlay::Overlay;
use crate::port::{ReadError, Stored};
use tidepool_protocol::body::Comment;

pub(crate) fn change(overlay: &mut Overlay<'_>, stored: &Stored, body: &Comment, step: Step) -> Result<(), ReadError> {
    let id = stored.envelope.id().short();
    match step {
        Step::Apply => apply(overlay, &id, stored, body),
        Step::Retract => retract(overlay, &id),
    }
}

fn apply(overlay: &mut Overlay<'_>, id: &Short, stored: &Stored, body: &Comment) -> Result<(), ReadError> {
    // The body's own check holds the depth under 65.
    let depth = u8::try_from(body.depth).unwrap_or(u8::MAX);
    let place = Place { root: body.root.short(), parent: body.parent.short(), depth };
    let waiting = Waiting::about(overlay, id)?;
    let item = posts::arrive(overlay, id, stored.envelope.header(), Some(place), waiting)?;
    item::put(overlay, id, &item);
    refs::judge_waiting(overlay, id, &item, waiting, true)?;
    keys::kids(&place.parent).insert(overlay, &answer_key(&item, &place, id), &[])?;
    if let Some(parent) = item::get(overlay, &place.parent)? {
        match misfit(&place.parent, &parent, &item, &place) {
            Some(reason) => refs::mark(overlay, id, Some(reason))?,
            None if parent.attached => trees::flip(overlay, id, item, &place, Step::Apply)?,
            None => {}
        }
    }
    if waiting.answers { trees::settle(overlay, id) } else { Ok(()) }
}

fn retract(overlay: &mut Overlay<'_>, id: &Short) -> Result<(), ReadError> {
    let Some(item) = item::get(overlay, id)? else { return Ok(()) };
    let Some(place) = item.place else { return Ok(()) };
    if item.attached {
        trees::flip(overlay, id, item.clone(), &place, Step::Retract)?;
    }
    refs::mark(overlay, id, None)?;
    let waiting = Waiting::about(overlay, id)?;
    keys::kids(&place.parent).remove(overlay, &answer_key(&item, &place, id))?;
    refs::judge_waiting(overlay, id, &item, waiting, false)?;
    item::delete(overlay, id);
    if waiting.answers { trees::settle(overlay, id) } else { Ok(()) }
}
