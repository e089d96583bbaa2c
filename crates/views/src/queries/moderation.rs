//! Moderation of a community: who may act, what was done and by which rule, what is pinned, what was reported.

use super::load::{self, Loader};
use super::{AuthorBrief, Page, Paging, Post, QueryError, Signed, list_page};
use crate::chunks::Direction;
use crate::content::item::{self, Item};
use crate::content::keys::{self, Short, author_tag, scope_tag, tail_id};
use crate::content::{moderation, register};
use crate::index::{self, Spot};
use crate::port::{ReadError, ReadPort};
use std::ops::Bound;
use tidepool_protocol::body::{Action, Deed, Powers, Report, Settings};
use tidepool_protocol::{AuthorId, Body, EnvelopeId, Scope, TimeMs};

/// The most grants of a community that are looked at: withdrawn ones stay in the list.
pub const GRANTS_MAX: usize = 1_000;

/// The most pinned posts that are shown of a community: the latest.
pub const PINS_MAX: usize = 3;

/// A grant that stands and was not withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moderator {
    /// Who.
    pub agent: AuthorBrief,
    /// The grant, which an act names.
    pub grant: EnvelopeId,
    /// What it allows.
    pub powers: Powers,
    /// Since when.
    pub since_ms: TimeMs,
}

fn moderator(port: &dyn ReadPort, loader: &mut Loader<'_>, id: &Short) -> Result<Option<Moderator>, ReadError> {
    let Some(row) = moderation::grant_row(port, id)? else { return Ok(None) };
    if !moderation::withdrawals(port, id, &row.scope)?.is_empty() {
        return Ok(None);
    }
    let Some((stored, Body::Grant(_))) = load::shown(port, id)? else { return Ok(None) };
    let (grant, since_ms) = (stored.envelope.id(), stored.envelope.header().time_ms);
    Ok(Some(Moderator { agent: loader.author(&row.agent)?, grant, powers: row.powers, since_ms }))
}

/// The moderators of a community, by agent; an agent with several grants comes several times. The founder is none of them.
///
/// # Errors
/// When the store fails.
pub fn moderators(port: &dyn ReadPort, scope: &Scope) -> Result<Vec<Moderator>, ReadError> {
    of(port, scope, &[])
}

/// The grants of one agent in a community.
///
/// # Errors
/// When the store fails.
pub fn grants_of(port: &dyn ReadPort, scope: &Scope, agent: &AuthorId) -> Result<Vec<Moderator>, ReadError> {
    let mut found = of(port, scope, &author_tag(agent))?;
    found.retain(|moderator| moderator.agent.id == *agent);
    Ok(found)
}

fn of(port: &dyn ReadPort, scope: &Scope, part: &[u8]) -> Result<Vec<Moderator>, ReadError> {
    let mut ids = Vec::new();
    keys::grants(&scope_tag(scope)).visit_part(port, part, &mut |key, _| {
        ids.extend(tail_id(key));
        ids.len() < GRANTS_MAX
    })?;
    let mut loader = Loader::new(port);
    let mut found = Vec::new();
    for id in ids {
        found.extend(moderator(port, &mut loader, &id)?);
    }
    Ok(found)
}

/// What a moderator or founder did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Something to a post or comment.
    Action {
        /// What.
        deed: Deed,
        /// To what.
        target: EnvelopeId,
        /// Whether that is a comment; `false` also while it is not here.
        is_comment: bool,
        /// By which rule.
        rule: String,
        /// What decides of the same thing now; `None` when it is this.
        now: Option<EnvelopeId>,
    },
    /// It made an agent a moderator.
    Grant {
        /// Whom.
        agent: AuthorBrief,
        /// With which powers.
        powers: Powers,
        /// Whether it was withdrawn.
        is_withdrawn: bool,
    },
    /// It took a grant back.
    Withdraw {
        /// Which.
        grant: EnvelopeId,
        /// Whose it was, when the grant is here.
        agent: Option<AuthorBrief>,
        /// How many heads it names as standing.
        heads: usize,
    },
    /// It changed settings.
    Settings(Box<Settings>),
}

/// An entry of a community's log of moderation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it comes from.
    pub signed: Signed,
    /// Who did it.
    pub author: AuthorBrief,
    /// By which grant; `None` for the founder.
    pub grant: Option<EnvelopeId>,
    /// What.
    pub what: What,
}

fn read(port: &dyn ReadPort, loader: &mut Loader<'_>, id: &Short) -> Result<Option<Entry>, ReadError> {
    let Some((stored, body)) = load::shown(port, id)? else { return Ok(None) };
    let scope = scope_tag(&stored.envelope.header().scope);
    let (grant, what) = match body {
        Body::Action(action) => {
            let now = decides(port, &action.target.short(), &scope, action.deed)?;
            let now = now.filter(|now| *now != stored.envelope.id());
            let is_comment = item::find(port, &action.target.short())?.is_some_and(|(_, item)| item.place.is_some());
            let Action { deed, target, rule, grant } = action;
            (grant, What::Action { deed, target, is_comment, rule, now })
        }
        Body::Grant(grant) => {
            let is_withdrawn = !moderation::withdrawals(port, id, &scope)?.is_empty();
            let agent = loader.author(&grant.agent.into())?;
            (None, What::Grant { agent, powers: grant.powers, is_withdrawn })
        }
        Body::Withdraw(withdraw) => {
            let row = moderation::grant_row(port, &withdraw.grant.short())?.filter(|row| row.scope == scope);
            let agent = row.map(|row| loader.author(&row.agent)).transpose()?;
            (None, What::Withdraw { grant: withdraw.grant, agent, heads: withdraw.heads.len() })
        }
        Body::Settings(settings) => (settings.grant, What::Settings(Box::new(settings))),
        _ => return Ok(None),
    };
    let author = loader.author(&stored.envelope.header().author)?;
    Ok(Some(Entry { signed: load::signed(&stored), author, grant, what }))
}

/// One act by its id; `None` when it is not here, is void, or is no act of moderation.
///
/// # Errors
/// When the store fails.
pub fn entry(port: &dyn ReadPort, id: &EnvelopeId) -> Result<Option<Entry>, ReadError> {
    let found = read(port, &mut Loader::new(port), &id.short())?;
    Ok(found.filter(|entry| entry.signed.id == *id))
}

/// A page of what stands of a community's moderation, the latest first.
///
/// # Errors
/// When the store fails.
pub fn log(port: &dyn ReadPort, scope: &Scope, paging: Paging<'_>) -> Result<Page<Entry>, QueryError> {
    let mut loader = Loader::new(port);
    list_page(port, &keys::moderation(&scope_tag(scope)), Direction::Down, paging, |key, _| match tail_id(key) {
        Some(id) => read(port, &mut loader, &id),
        None => Ok(None),
    })
}

/// The action that decides what `deed` is about.
fn decides(port: &dyn ReadPort, target: &Short, scope: &Short, deed: Deed) -> Result<Option<EnvelopeId>, ReadError> {
    let Some(spot) = index::spot(port, target)? else { return Ok(None) };
    let all = keys::moderated(spot, scope);
    let register = [moderation::register_of(deed)];
    let Some(winner) = register::winner(port, &all, &register)? else { return Ok(None) };
    Ok(index::by_short(port, &winner.order.id())?.map(|entry| entry.id))
}

/// The action that took an item away.
pub(crate) fn removed_by(port: &dyn ReadPort, spot: Spot, item: &Item) -> Result<Option<EnvelopeId>, ReadError> {
    if !item.hidden {
        return Ok(None);
    }
    let all = keys::moderated(spot, &item.scope);
    let winner = register::winner(port, &all, &[moderation::REMOVAL])?;
    let Some(winner) = winner else { return Ok(None) };
    Ok(index::by_short(port, &winner.order.id())?.map(|entry| entry.id))
}

/// The pinned posts of a community that are visible, the latest pin first, at most [`PINS_MAX`].
///
/// # Errors
/// When the store fails.
pub fn pins(port: &dyn ReadPort, scope: &Scope) -> Result<Vec<Post>, ReadError> {
    let tag = scope_tag(scope);
    let mut ids = Vec::new();
    keys::pins(&tag).visit(port, (Bound::Unbounded, Bound::Unbounded), Direction::Down, &mut |key, _| {
        ids.extend(tail_id(key));
        ids.len() < GRANTS_MAX
    })?;
    let mut loader = Loader::new(port);
    let mut found = Vec::new();
    for id in ids {
        if found.len() == PINS_MAX {
            break;
        }
        let Some((_, item)) = item::find(port, &id)? else { continue };
        if item.scope == tag && item.pinned && item.visible() {
            found.extend(loader.post(&id)?);
        }
    }
    Ok(found)
}

/// A report as a community's moderators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported {
    /// Where it comes from.
    pub signed: Signed,
    /// Who reports.
    pub author: AuthorBrief,
    /// Of what.
    pub target: EnvelopeId,
    /// Why.
    pub reason: String,
}

/// A page of the reports in a community, the latest first.
///
/// # Errors
/// When the store fails.
pub fn reports(port: &dyn ReadPort, scope: &Scope, paging: Paging<'_>) -> Result<Page<Reported>, QueryError> {
    let tag = scope_tag(scope);
    let mut loader = Loader::new(port);
    list_page(port, &keys::reports(&tag), Direction::Down, paging, |key, target| {
        let Some(id) = tail_id(key) else { return Ok(None) };
        let target: Option<Short> = target.try_into().ok();
        let is_here = match target {
            Some(target) => item::find(port, &target)?.is_some_and(|(_, item)| item.scope == tag),
            None => false,
        };
        let Some((stored, Body::Report(Report { target, reason, .. }))) = load::shown(port, &id)?.filter(|_| is_here)
        else {
            return Ok(None);
        };
        let author = loader.author(&stored.envelope.header().author)?;
        Ok(Some(Reported { signed: load::signed(&stored), author, target, reason }))
    })
}

/// Whether `author` founded the community of this scope.
#[must_use]
pub fn is_founder(scope: &Scope, author: &AuthorId) -> bool {
    crate::content::communities::founded_by(scope, *author)
}
