//! Posts: an add-set. A post counts from its coming, whatever came before it waits under its id.

use super::item::{self, Item, Place};
use super::keys::{Short, author_tag, scope_tag};
use super::refs::Waiting;
use super::register::Step;
use super::{marks, refs, shown, trees, votes};
use crate::overlay::Overlay;
use crate::port::{ReadError, Stored};
use tidepool_protocol::Header;

/// A post or comment as it stands once its own envelope is here: with the marks and votes that waited for it.
pub(crate) fn arrive(
    overlay: &Overlay<'_>,
    id: &Short,
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
        own_vote: 0,
        title_edit: None,
        content_edit: None,
    };
    if waiting.votes {
        item.own_vote = votes::value(overlay, id, &scope, &author_tag(&header.author))?;
    }
    if waiting.marks {
        marks::read_into(overlay, id, &mut item)?;
    }
    Ok(item)
}

pub(crate) fn change(overlay: &mut Overlay<'_>, stored: &Stored, step: Step) -> Result<(), ReadError> {
    match step {
        Step::Apply => apply(overlay, stored),
        Step::Retract => retract(overlay, stored),
    }
}

fn apply(overlay: &mut Overlay<'_>, stored: &Stored) -> Result<(), ReadError> {
    let header = stored.envelope.header();
    let id = stored.envelope.id().short();
    let waiting = Waiting::about(overlay, &id)?;
    let item = arrive(overlay, &id, header, None, waiting)?;
    item::put(overlay, &id, &item);
    refs::judge_waiting(overlay, &id, &item, waiting, true)?;
    if item.visible() {
        shown::show(overlay, &id, &item, Step::Apply)?;
    }
    if waiting.answers { trees::settle(overlay, &id) } else { Ok(()) }
}

fn retract(overlay: &mut Overlay<'_>, stored: &Stored) -> Result<(), ReadError> {
    let id = stored.envelope.id().short();
    let Some(item) = item::get(overlay, &id)? else { return Ok(()) };
    if item.visible() {
        shown::show(overlay, &id, &item, Step::Retract)?;
    }
    let waiting = Waiting::about(overlay, &id)?;
    refs::judge_waiting(overlay, &id, &item, waiting, false)?;
    item::delete(overlay, &id);
    if waiting.answers { trees::settle(overlay, &id) } else { Ok(()) }
}
