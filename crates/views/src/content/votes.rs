//! Votes: a register of (voter, target), counted where the target's scope is theirs, and never on what is the voter's own.

use super::item::{self, recount};
use super::keys::{self, Short, author_tag, scope_tag};
use super::register::{self, Order, Step, Winner};
use super::{refs, shown};
use crate::index::Spot;
use crate::overlay::Overlay;
use crate::port::{ReadError, Rows, Stored};
use crate::void::VoidReason;
use tidepool_protocol::body::Vote;

fn shown_value(winner: Option<&Winner>) -> i8 {
    winner.and_then(|winner| winner.value.first()).map_or(0, |byte| i8::from_be_bytes([*byte]))
}

/// The vote of `voter` on what stands at `target` that stands in `scope`.
pub(crate) fn value(rows: &dyn Rows, target: Spot, scope: &Short, voter: &Short) -> Result<i8, ReadError> {
    Ok(shown_value(register::winner(rows, &keys::votes(target, scope), voter)?.as_ref()))
}

pub(crate) fn change(overlay: &mut Overlay<'_>, stored: &Stored, vote: &Vote, step: Step) -> Result<(), ReadError> {
    let id = vote.target.short();
    let Some(target) = refs::target(overlay, &id, stored, step)? else { return Ok(()) };
    cast(overlay, stored, (&id, target), vote.value, step)?;
    if step == Step::Retract { refs::release(overlay, &id) } else { Ok(()) }
}

fn cast(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    (id, target): (&Short, Spot),
    value: i8,
    step: Step,
) -> Result<(), ReadError> {
    let header = stored.envelope.header();
    let scope = scope_tag(&header.scope);
    let voter = author_tag(&header.author);
    let order = Order::of(&stored.envelope);
    let entry = (&order, &value.to_be_bytes()[..]);
    let change = register::change(overlay, &keys::votes(target, &scope), &voter, entry, step)?;
    let (before, after) = (shown_value(change.before.as_ref()), shown_value(change.after.as_ref()));
    let raw = item::raw_votes(overlay, target, &scope)?;
    if before != after {
        item::put_raw_votes(overlay, target, &scope, recount(raw, before, after));
    }
    let Some(mut item) = item::get(overlay, target)? else { return Ok(()) };
    let own = author_tag(&item.author) == voter;
    let reason = match (item.scope == scope, own) {
        (false, _) => Some(VoidReason::ScopeMismatch),
        (true, true) => Some(VoidReason::OwnVote),
        (true, false) => None,
    };
    if reason.is_some() {
        let vote = stored.envelope.id().short();
        refs::mark(overlay, &vote, if step == Step::Apply { reason } else { None })?;
    }
    if item.scope != scope || before == after {
        return Ok(());
    }
    if own {
        item.own_vote = after;
        item::put(overlay, target, &item);
        return Ok(());
    }
    let counted = recount(raw, item.own_vote, 0);
    shown::rescore(overlay, id, &item, counted, recount(counted, before, after))
}
