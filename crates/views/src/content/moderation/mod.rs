//! Moderation of owned communities: who may act, which acts stand, and what they do.
//!
//! The founder may do everything. A moderator acts by a grant that its act names: the act stands while the grant does,
//! allows it, and either nobody withdrew it or a withdrawal names a head that the act is an ancestor of. All of that is
//! a function of the set of envelopes: an act that comes before its grant waits, and one whose grant is withdrawn leaves
//! the registers as if it had never come.
//!
//! Acts under one grant are looked at anew when the grant, a withdrawal of it or a part of a named line comes or goes.
//! That is as much work as there are acts under that grant: log quotas bound it.

mod effects;
mod line;

pub(crate) use effects::{REMOVAL, judge_waiting, read_into, register_of};
pub(crate) use line::{came, left};

use super::agents::not_permitted;
use super::communities::{self, is_founder, is_place};
use super::keys::{self, Short, author_tag, scope_tag, tail_id};
use super::refs;
use super::register::{Order, Step};
use crate::codec::Unpack;
use crate::index;
use crate::overlay::Overlay;
use crate::port::{ReadError, ReadPort, Rows, Stored};
use crate::rank::time_key;
use crate::void::VoidReason;
use tidepool_protocol::body::{Grant, Powers, Report, Withdraw};
use tidepool_protocol::{AuthorId, Body, EnvelopeId, Header, NetworkGenesis};

/// A grant that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GrantRow {
    pub(crate) scope: Short,
    pub(crate) agent: AuthorId,
    pub(crate) powers: Powers,
}

/// The grant whose id begins with `id`, if it stands.
pub(crate) fn grant_row(rows: &dyn Rows, id: &Short) -> Result<Option<GrantRow>, ReadError> {
    let Some(row) = rows.get(&keys::grant(id))? else { return Ok(None) };
    let mut row = Unpack::new(keys::GRANT, &row);
    let found = GrantRow { scope: row.array()?, agent: AuthorId(row.array()?), powers: Powers(row.u16()?) };
    row.finish()?;
    Ok(Some(found))
}

/// The withdrawals of a grant that were signed in `scope`, in the order of their ids.
pub(crate) fn withdrawals(rows: &dyn Rows, grant: &Short, scope: &Short) -> Result<Vec<Short>, ReadError> {
    let mut found = Vec::new();
    keys::withdrawals(grant).visit_part(rows, &[], &mut |key, value| {
        if value == scope {
            found.extend(tail_id(key));
        }
        true
    })?;
    Ok(found)
}

/// What an act asks for: the grant that it names, and the power that it takes.
fn asks(body: &Body) -> Option<(Option<EnvelopeId>, Powers)> {
    match body {
        Body::Action(action) => Some((action.grant, action.deed.power())),
        Body::Settings(settings) => Some((settings.grant, Powers::SETTINGS)),
        _ => None,
    }
}

/// Whether the act `id` stands by `grant`, of which it needs `power`.
fn permits(rows: &dyn Rows, header: &Header, id: &Short, (grant, power): (&Short, Powers)) -> Result<bool, ReadError> {
    let Some(row) = grant_row(rows, grant)? else { return Ok(false) };
    if row.scope != scope_tag(&header.scope) || row.agent != header.author || !row.powers.has(power) {
        return Ok(false);
    }
    Ok(withdrawals(rows, grant, &row.scope)?.is_empty() || line::is_named(rows, grant, id)?)
}

/// An action, or settings.
pub(crate) fn act(overlay: &mut Overlay<'_>, stored: &Stored, body: &Body, step: Step) -> Result<(), ReadError> {
    let header = stored.envelope.header();
    let Some((grant, power)) = asks(body) else { return Ok(()) };
    if is_founder(header) {
        return effects::enact(overlay, stored, body, step);
    }
    let Some(grant) = grant.map(|grant| grant.short()) else {
        return not_permitted(overlay, stored, VoidReason::NotPermitted, step);
    };
    let (order, acts) = (Order::of(&stored.envelope), keys::acts(&grant));
    match step {
        Step::Apply => {
            let stands = permits(overlay, header, &order.id(), (&grant, power))?;
            acts.insert(overlay, order.bytes(), &[u8::from(stands)])?;
            settle(overlay, stored, body, stands)
        }
        Step::Retract => match acts.remove(overlay, order.bytes())?.as_deref() {
            Some([1]) => effects::enact(overlay, stored, body, Step::Retract),
            Some(_) | None => refs::mark(overlay, &order.id(), None),
        },
    }
}

fn settle(overlay: &mut Overlay<'_>, stored: &Stored, body: &Body, stands: bool) -> Result<(), ReadError> {
    if stands {
        effects::enact(overlay, stored, body, Step::Apply)
    } else {
        not_permitted(overlay, stored, VoidReason::NotPermitted, Step::Apply)
    }
}

/// Looks at every act under a grant anew.
fn reconsider(overlay: &mut Overlay<'_>, grant: &Short) -> Result<(), ReadError> {
    let acts = keys::acts(grant);
    let mut all = Vec::new();
    acts.visit_part(overlay, &[], &mut |key, value| {
        all.push((key.to_vec(), value == [1]));
        true
    })?;
    for (key, stood) in all {
        let Some(id) = tail_id(&key) else { continue };
        let Some(entry) = index::by_short(overlay, &id)? else { continue };
        let stored = index::stored(overlay, &entry)?;
        let header = stored.envelope.header();
        let Some(body) = read(&stored) else { continue };
        let Some((_, power)) = asks(&body) else { continue };
        let stands = permits(overlay, header, &id, (grant, power))?;
        if stands == stood {
            continue;
        }
        acts.insert(overlay, &key, &[u8::from(stands)])?;
        if stands {
            refs::mark(overlay, &id, None)?;
        } else {
            effects::enact(overlay, &stored, &body, Step::Retract)?;
        }
        settle(overlay, &stored, &body, stands)?;
    }
    Ok(())
}

fn read(stored: &Stored) -> Option<Body> {
    Body::decode(stored.envelope.header().kind, stored.envelope.body()?).ok().flatten()
}

/// Makes an agent a moderator.
pub(crate) fn grant(overlay: &mut Overlay<'_>, stored: &Stored, body: &Grant, step: Step) -> Result<(), ReadError> {
    let header = stored.envelope.header();
    if !is_founder(header) {
        return not_permitted(overlay, stored, VoidReason::NotPermitted, step);
    }
    let (id, scope, agent) = (stored.envelope.id().short(), scope_tag(&header.scope), AuthorId::from(body.agent));
    let (row, list) = (keys::grant(&id), keys::grants(&scope));
    let listed = [&author_tag(&agent)[..], &time_key(header.time_ms), &id].concat();
    match step {
        Step::Apply => {
            overlay.put(row, [&scope[..], &agent.0, &body.powers.0.to_be_bytes()].concat());
            list.insert(overlay, &listed, &[])?;
        }
        Step::Retract => {
            overlay.delete(row);
            list.remove(overlay, &listed)?;
        }
    }
    effects::note(overlay, stored, step)?;
    reconsider(overlay, &id)
}

/// Takes a grant back.
pub(crate) fn withdraw(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    body: &Withdraw,
    step: Step,
) -> Result<(), ReadError> {
    let header = stored.envelope.header();
    if !is_founder(header) {
        return not_permitted(overlay, stored, VoidReason::NotPermitted, step);
    }
    let (id, scope, grant) = (stored.envelope.id().short(), scope_tag(&header.scope), body.grant.short());
    let list = keys::withdrawals(&grant);
    match step {
        Step::Apply => {
            list.insert(overlay, &id, &scope)?;
            line::name(overlay, stored, body)?;
        }
        Step::Retract => {
            list.remove(overlay, &id)?;
            line::rebuild(overlay, &grant)?;
        }
    }
    effects::note(overlay, stored, step)?;
    reconsider(overlay, &grant)
}

/// Tells moderators of something.
pub(crate) fn report(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    report: &Report,
    genesis: &NetworkGenesis,
    step: Step,
) -> Result<(), ReadError> {
    let header = stored.envelope.header();
    if !is_place(&header.scope, genesis) {
        return not_permitted(overlay, stored, VoidReason::NotPermitted, step);
    }
    let list = keys::reports(&scope_tag(&header.scope));
    let key = [&time_key(header.time_ms)[..], &stored.envelope.id().short()].concat();
    match step {
        Step::Apply => list.insert(overlay, &key, &report.target.short())?,
        Step::Retract => list.remove(overlay, &key)?,
    };
    Ok(())
}

/// Settings, once it is known that their author may set them.
fn set(overlay: &mut Overlay<'_>, stored: &Stored, body: &Body, step: Step) -> Result<(), ReadError> {
    match body {
        Body::Settings(settings) => communities::settings(overlay, stored, settings, step),
        _ => Ok(()),
    }
}

/// The withdrawal's body, for a walk.
fn withdrawal(port: &dyn ReadPort, id: &Short) -> Result<Option<(Stored, Withdraw)>, ReadError> {
    let Some(entry) = index::by_short(port, id)? else { return Ok(None) };
    let stored = index::stored(port, &entry)?;
    Ok(match read(&stored) {
        Some(Body::Withdraw(withdraw)) => Some((stored, withdraw)),
        Some(_) | None => None,
    })
}
