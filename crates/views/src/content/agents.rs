//! What agents say of themselves and of one another: profile, card, mail key, follows, subscriptions.

use super::counters::{change_agent, change_community, change_totals};
use super::keys::{self, scope_tag};
use super::lists::put;
use super::register::{self, Order, Step, Winner};
use super::{communities, refs};
use crate::overlay::Overlay;
use crate::port::{ReadError, Stored};
use crate::rank::time_key_down;
use crate::void::VoidReason;
use tidepool_protocol::body::{Follow, Profile, Subscribe};
use tidepool_protocol::identity::IdentityState;
use tidepool_protocol::{AuthorId, Scope};

/// Fields of an agent.
pub(crate) const DISPLAY_NAME: u8 = 0;
pub(crate) const DESCRIPTION: u8 = 1;
pub(crate) const METADATA: u8 = 2;
pub(crate) const AVATAR: u8 = 3;
pub(crate) const CARD: u8 = 4;
pub(crate) const MAIL_KEY: u8 = 5;

/// Lists an agent whose genesis is here.
pub(crate) fn began(overlay: &mut Overlay<'_>, agent: &IdentityState) -> Result<(), ReadError> {
    if keys::recent_agents().insert(overlay, &began_key(agent), &[])?.is_none() {
        change_totals(overlay, |totals| totals.agents += 1)?;
    }
    Ok(())
}

/// Takes an agent from the list.
pub(crate) fn ended(overlay: &mut Overlay<'_>, agent: &IdentityState) -> Result<(), ReadError> {
    if keys::recent_agents().remove(overlay, &began_key(agent))?.is_some() {
        change_totals(overlay, |totals| totals.agents -= 1)?;
    }
    Ok(())
}

fn began_key(agent: &IdentityState) -> Vec<u8> {
    [&time_key_down(agent.genesis_ms)[..], &agent.author.0].concat()
}

/// Whether the envelope lies in its author's own scope; marks it void when it begins to stand elsewhere.
fn at_home(overlay: &mut Overlay<'_>, stored: &Stored, step: Step) -> Result<bool, ReadError> {
    let header = stored.envelope.header();
    if header.scope == Scope::Agent(header.author.as_agent()) {
        return Ok(true);
    }
    not_permitted(overlay, stored, VoidReason::NotPermitted, step)?;
    Ok(false)
}

/// Marks an envelope that means nothing whatever else is known.
pub(crate) fn not_permitted(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    reason: VoidReason,
    step: Step,
) -> Result<(), ReadError> {
    let reason = if step == Step::Apply { Some(reason) } else { None };
    refs::mark(overlay, &stored.envelope.id().short(), reason)
}

/// Fields that have no effect but to be read: each a register of its own.
pub(crate) fn fields(overlay: &mut Overlay<'_>, stored: &Stored, named: &[u8], step: Step) -> Result<(), ReadError> {
    if !at_home(overlay, stored, step)? {
        return Ok(());
    }
    let all = keys::of_author(keys::FIELDS, &stored.envelope.header().author);
    let order = Order::of(&stored.envelope);
    for field in named {
        register::change(overlay, &all, &[*field], (&order, &[]), step)?;
    }
    Ok(())
}

/// The fields that a profile sets.
pub(crate) fn named_by(profile: &Profile) -> Vec<u8> {
    let named = [
        (DISPLAY_NAME, profile.display_name.is_some()),
        (DESCRIPTION, profile.description.is_some()),
        (METADATA, profile.metadata.is_some()),
        (AVATAR, profile.avatar.is_some()),
    ];
    named.into_iter().filter_map(|(field, set)| set.then_some(field)).collect()
}

/// Whether a register of yes and no says yes.
pub(crate) fn is_on(winner: Option<&Winner>) -> bool {
    winner.is_some_and(|winner| winner.value.first() == Some(&1))
}

/// Where the one side's list is kept, by the time of the register's winner, the latest first.
fn listed(winner: Option<&Winner>, name: &[u8]) -> Option<Vec<u8>> {
    winner.filter(|winner| is_on(Some(*winner))).map(|winner| [&time_key_down(winner.order.time())[..], name].concat())
}

pub(crate) fn follow(overlay: &mut Overlay<'_>, stored: &Stored, follow: &Follow, step: Step) -> Result<(), ReadError> {
    let header = stored.envelope.header();
    let (author, target) = (header.author, AuthorId::from(follow.target));
    let own = Scope::Agent(author.as_agent());
    if target == author || (header.scope != own && header.scope != Scope::Agent(follow.target)) {
        let reason = if target == author { VoidReason::NotPermitted } else { VoidReason::ScopeMismatch };
        return not_permitted(overlay, stored, reason, step);
    }
    let order = Order::of(&stored.envelope);
    let entry = (&order, &[u8::from(follow.on)][..]);
    if header.scope == own {
        let all = keys::of_author(keys::FOLLOWING_REGISTER, &author);
        let change = register::change(overlay, &all, &target.0, entry, step)?;
        let (before, after) = (listed(change.before.as_ref(), &target.0), listed(change.after.as_ref(), &target.0));
        let list = keys::of_author(keys::FOLLOWING, &author);
        let difference = relist(overlay, &list, before.as_deref(), after.as_deref(), &[])?;
        return change_agent(overlay, &author, |agent| agent.following += difference);
    }
    let all = keys::of_author(keys::FOLLOWER_REGISTER, &target);
    let change = register::change(overlay, &all, &author.0, entry, step)?;
    let (before, after) = (is_on(change.before.as_ref()), is_on(change.after.as_ref()));
    if before != after {
        let list = keys::of_author(keys::FOLLOWERS, &target);
        put(overlay, &list, &author.0, &[], if after { Step::Apply } else { Step::Retract })?;
        change_agent(overlay, &target, |agent| agent.followers += if after { 1 } else { -1 })?;
    }
    Ok(())
}

/// Moves an entry of a list; the difference that it makes to the list's length.
fn relist(
    overlay: &mut Overlay<'_>,
    list: &crate::chunks::Chunks,
    before: Option<&[u8]>,
    after: Option<&[u8]>,
    value: &[u8],
) -> Result<i64, ReadError> {
    match (before, after) {
        (None, None) => Ok(0),
        (None, Some(to)) => list.insert(overlay, to, value).map(|_| 1),
        (Some(from), None) => list.remove(overlay, from).map(|_| -1),
        (Some(from), Some(to)) if from == to => Ok(0),
        (Some(from), Some(to)) => list.replace(overlay, from, to, value).map(|_| 0),
    }
}

pub(crate) fn subscribe(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    subscribe: &Subscribe,
    step: Step,
) -> Result<(), ReadError> {
    if !at_home(overlay, stored, step)? {
        return Ok(());
    }
    let author = stored.envelope.header().author;
    let community = scope_tag(&subscribe.community);
    let name = subscribe.community.to_string();
    let all = keys::of_author(keys::SUBSCRIPTION_REGISTER, &author);
    let order = Order::of(&stored.envelope);
    let change = register::change(overlay, &all, &community, (&order, &[u8::from(subscribe.on)]), step)?;
    let (before, after) = (listed(change.before.as_ref(), &community), listed(change.after.as_ref(), &community));
    let list = keys::of_author(keys::SUBSCRIPTIONS, &author);
    let difference = relist(overlay, &list, before.as_deref(), after.as_deref(), name.as_bytes())?;
    if difference == 0 {
        return Ok(());
    }
    change_agent(overlay, &author, |agent| agent.subscriptions += difference)?;
    let mut subscribers_before = 0;
    let row = change_community(overlay, &community, |row| {
        subscribers_before = row.subscribers;
        row.subscribers += difference;
    })?;
    communities::resubscribed(overlay, &name, row, subscribers_before)
}
