//! Comments: an add-set of trees. A comment that comes is put among the answers to what it claims to answer, and is
//! attached if that is; what hangs below it follows (`trees`).

use super::item::{self, Place};
use super::keys::{self, Short};
use super::refs::Waiting;
use super::register::Step;
use super::trees::{self, answer_key, misfit};
use super::{About, posts, refs};
use crate::index::{self, Spot};
use crate::overlay::Overlay;
use crate::port::{ReadError, Stored};
use tidepool_protocol::body::Comment;

pub(crate) fn change(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    body: &Comment,
    about: About,
    step: Step,
) -> Result<(), ReadError> {
    let id = stored.envelope.id().short();
    match step {
        Step::Apply => apply(overlay, &id, stored, body, about),
        Step::Retract => retract(overlay, &id, about.spot),
    }
}

fn apply(
    overlay: &mut Overlay<'_>,
    id: &Short,
    stored: &Stored,
    body: &Comment,
    about: About,
) -> Result<(), ReadError> {
    // The body's own check holds the depth under 65.
    let depth = u8::try_from(body.depth).unwrap_or(u8::MAX);
    let place = Place { root: body.root.short(), parent: body.parent.short(), depth };
    let (spot, waiting) = (about.spot, about.waiting(overlay)?);
    let item = posts::arrive(overlay, spot, stored.envelope.header(), Some(place), waiting)?;
    item::put(overlay, spot, &item);
    refs::judge_waiting(overlay, spot, &item, waiting, true)?;
    let above = index::spot_spoken_of(overlay, &place.parent, stored.cursor)?;
    keys::kids(above).insert(overlay, &answer_key(&item, &place, id), &[])?;
    if let Some(parent) = item::get(overlay, above)? {
        match misfit(&place.parent, &parent, &item, &place) {
            Some(reason) => refs::mark(overlay, id, Some(reason))?,
            None if parent.attached => trees::flip(overlay, (id, spot), item, (&place, above), Step::Apply)?,
            None => {}
        }
    }
    if waiting.answers { trees::settle(overlay, id) } else { Ok(()) }
}

fn retract(overlay: &mut Overlay<'_>, id: &Short, spot: Spot) -> Result<(), ReadError> {
    let Some(item) = item::get(overlay, spot)? else { return Ok(()) };
    let Some(place) = item.place else { return Ok(()) };
    let Some(above) = index::spot(overlay, &place.parent)? else { return Ok(()) };
    if item.attached {
        trees::flip(overlay, (id, spot), item.clone(), (&place, above), Step::Retract)?;
    }
    refs::mark(overlay, id, None)?;
    let waiting = Waiting::about(overlay, spot)?;
    keys::kids(above).remove(overlay, &answer_key(&item, &place, id))?;
    refs::judge_waiting(overlay, spot, &item, waiting, false)?;
    item::delete(overlay, spot);
    refs::release(overlay, &place.parent)?;
    if waiting.answers { trees::settle(overlay, id) } else { Ok(()) }
}
