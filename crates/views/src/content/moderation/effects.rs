//! What acts that stand do: registers of removal, pin and lock for each target, and the community's log of moderation.

use super::super::item::{self, Item};
use super::super::keys::{self, Short, scope_tag, tail_id};
use super::super::register::{self, Order, Step, Winner};
use super::super::{refs, shown};
use super::set;
use crate::index::Spot;
use crate::overlay::Overlay;
use crate::port::{ReadError, Rows, Stored};
use crate::rank::time_key;
use crate::void::VoidReason;
use tidepool_protocol::Body;
use tidepool_protocol::body::{Action, Deed};

/// Registers of one target.
pub(crate) const REMOVAL: u8 = 0;
pub(crate) const PIN: u8 = 1;
pub(crate) const LOCK: u8 = 2;

pub(crate) const fn register_of(deed: Deed) -> u8 {
    match deed {
        Deed::Remove | Deed::Restore => REMOVAL,
        Deed::Pin | Deed::Unpin => PIN,
        Deed::Lock | Deed::Unlock => LOCK,
    }
}

fn is_on(winner: Option<&Winner>) -> bool {
    winner.is_some_and(|winner| winner.value.first() == Some(&1))
}

/// Lets an act take effect, or ends that.
pub(super) fn enact(overlay: &mut Overlay<'_>, stored: &Stored, body: &Body, step: Step) -> Result<(), ReadError> {
    note(overlay, stored, step)?;
    match body {
        Body::Action(action) => change(overlay, stored, action, step),
        _ => set(overlay, stored, body, step),
    }
}

/// Writes an act into the community's log of moderation, or takes it out.
pub(super) fn note(overlay: &mut Overlay<'_>, stored: &Stored, step: Step) -> Result<(), ReadError> {
    let header = stored.envelope.header();
    let list = keys::moderation(&scope_tag(&header.scope));
    let key = [&time_key(header.time_ms)[..], &stored.envelope.id().short()].concat();
    match step {
        Step::Apply => list.insert(overlay, &key, &[])?,
        Step::Retract => list.remove(overlay, &key)?,
    };
    Ok(())
}

/// Sets what moderators did to `item` in it.
pub(crate) fn read_into(rows: &dyn Rows, spot: Spot, item: &mut Item) -> Result<(), ReadError> {
    let all = keys::moderated(spot, &item.scope);
    let on = |register: u8| Ok::<_, ReadError>(is_on(register::winner(rows, &all, &[register])?.as_ref()));
    item.hidden = on(REMOVAL)?;
    item.pinned = item.place.is_none() && on(PIN)?;
    item.locked = item.place.is_none() && on(LOCK)?;
    Ok(())
}

fn misfit(item: &Item, scope: &Short, register: u8) -> Option<VoidReason> {
    if item.scope != *scope {
        Some(VoidReason::ScopeMismatch)
    } else if item.place.is_some() && register != REMOVAL {
        Some(VoidReason::TargetKind)
    } else {
        None
    }
}

fn change(overlay: &mut Overlay<'_>, stored: &Stored, action: &Action, step: Step) -> Result<(), ReadError> {
    let id = action.target.short();
    let Some(target) = refs::target(overlay, &id, stored, step)? else { return Ok(()) };
    let scope = scope_tag(&stored.envelope.header().scope);
    let (order, register) = (Order::of(&stored.envelope), register_of(action.deed));
    let all = keys::moderated(target, &scope);
    let value = [u8::from(action.deed.begins())];
    let change = register::change(overlay, &all, &[register], (&order, &value), step)?;
    if register == PIN {
        pin(overlay, (&scope, &id), change.before.as_ref(), change.after.as_ref())?;
    }
    let Some(item) = item::get(overlay, target)? else {
        return if step == Step::Retract { refs::release(overlay, &id) } else { Ok(()) };
    };
    if let Some(reason) = misfit(&item, &scope, register) {
        return refs::mark(overlay, &order.id(), if step == Step::Apply { Some(reason) } else { None });
    }
    let mut changed = item.clone();
    read_into(overlay, target, &mut changed)?;
    shown::replace(overlay, (&id, target), &item, &changed)
}

/// Pinned posts of a community stand by the order of the action that pins them.
fn pin(
    overlay: &mut Overlay<'_>,
    (scope, post): (&Short, &Short),
    before: Option<&Winner>,
    after: Option<&Winner>,
) -> Result<(), ReadError> {
    let list = keys::pins(scope);
    let key = |winner: &Winner| [winner.order.bytes(), post].concat();
    if let Some(before) = before.filter(|before| is_on(Some(before))) {
        list.remove(overlay, &key(before))?;
    }
    if let Some(after) = after.filter(|after| is_on(Some(after))) {
        list.insert(overlay, &key(after), &[])?;
    }
    Ok(())
}

/// Marks actions that cannot be about the item that begins to stand; takes the marks away when it ends.
pub(crate) fn judge_waiting(overlay: &mut Overlay<'_>, spot: Spot, item: &Item, stands: bool) -> Result<(), ReadError> {
    let fitting = keys::moderated(spot, &item.scope);
    let mut judged: Vec<(Short, VoidReason)> =
        refs::outside(overlay, &keys::about(keys::MODERATED, spot), fitting.prefix())?
            .into_iter()
            .map(|id| (id, VoidReason::ScopeMismatch))
            .collect();
    if item.place.is_some() {
        fitting.visit_part(overlay, &[], &mut |key, _| {
            if key.first() != Some(&REMOVAL) {
                judged.extend(tail_id(key).map(|id| (id, VoidReason::TargetKind)));
            }
            true
        })?;
    }
    for (id, reason) in judged {
        refs::mark(overlay, &id, stands.then_some(reason))?;
    }
    Ok(())
}
