//! Posts: an add-set. A post counts from its coming, whatever was said of it before waits under its spot.

use super::item::{self, Item, Place};
use super::keys::{author_tag, scope_tag};
use super::refs::Waiting;
use super::register::Step;
use super::{About, marks, moderation, refs, shown, trees, votes};
use crate::index::Spot;
use crate::overlay::Overlay;
use crate::port::{ReadError, Stored};
use tidepool_protocol::Header;

/// A post or comment as it stands once its own envelope is here: with the marks and votes that waited for it.
pub(crate) fn arrive(
    overlay: &Overlay<'_>,
    spot: Spot,
    header: &Header,
    place: Option<Place>,
    waiting: Waiting,
) -> Result<Item, ReadError> {
    let scope = scope_tag(&header.scope);
    let mut item = Item {
        author: header.author,
        time: header.time_ms,
        scope,
        place,
        attached: place.is_none(),
        removed: false,
        hidden: false,
        pinned: false,
        locked: false,
        own_vote: 0,
        title_edit: None,
        content_edit: None,
    };
    if waiting.votes {
        item.own_vote = votes::value(overlay, spot, &scope, &author_tag(&header.author))?;
    }
    if waiting.marks {
        marks::read_into(overlay, spot, &mut item)?;
    }
    if waiting.acts {
        moderation::read_into(overlay, spot, &mut item)?;
    }
    Ok(item)
}

pub(crate) fn change(overlay: &mut Overlay<'_>, stored: &Stored, about: About, step: Step) -> Result<(), ReadError> {
    match step {
        Step::Apply => apply(overlay, stored, about),
        Step::Retract => retract(overlay, stored, about.spot),
    }
}

fn apply(overlay: &mut Overlay<'_>, stored: &Stored, about: About) -> Result<(), ReadError> {
    let header = stored.envelope.header();
    let id = stored.envelope.id().short();
    let (spot, waiting) = (about.spot, about.waiting(overlay)?);
    let item = arrive(overlay, spot, header, None, waiting)?;
    item::put(overlay, spot, &item);
    refs::judge_waiting(overlay, spot, &item, waiting, true)?;
    if item.visible() {
        shown::show(overlay, (&id, spot), &item, Step::Apply)?;
    }
    if waiting.answers { trees::settle(overlay, &id) } else { Ok(()) }
}

fn retract(overlay: &mut Overlay<'_>, stored: &Stored, spot: Spot) -> Result<(), ReadError> {
    let id = stored.envelope.id().short();
    let Some(item) = item::get(overlay, spot)? else { return Ok(()) };
    if item.visible() {
        shown::show(overlay, (&id, spot), &item, Step::Retract)?;
    }
    let waiting = Waiting::about(overlay, spot)?;
    refs::judge_waiting(overlay, spot, &item, waiting, false)?;
    item::delete(overlay, spot);
    if waiting.answers { trees::settle(overlay, &id) } else { Ok(()) }
}
