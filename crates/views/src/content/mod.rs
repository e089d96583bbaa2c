//! The contract between core and content: what content is told, and when.
//!
//! The core calls [`apply`] when an envelope begins to stand and [`retract`] when it becomes void or leaves the log.
//! For one envelope the two alternate, starting with `apply`. `retract` is the exact inverse: afterwards every answer is
//! as if the envelope had never come. Neither is called for identity operations, `keep`, checkpoints, unknown kinds,
//! bodies that do not fit, and envelopes without a body.
//!
//! Content may hold an applied envelope for void for reasons of its own; it records that with
//! [`crate::void::mark_content`], takes it back with [`crate::void::unmark_content`], and is not called again for it.
//! Both see the envelope itself in the index.

pub(crate) mod agents;
mod comments;
pub(crate) mod communities;
pub(crate) mod counters;
pub(crate) mod item;
pub(crate) mod keys;
pub(crate) mod lists;
pub(crate) mod marks;
pub(crate) mod moderation;
mod posts;
mod refs;
pub(crate) mod register;
mod shown;
#[cfg(test)]
mod tests;
pub(crate) mod trees;
pub(crate) mod votes;

use crate::index::Spot;
use crate::overlay::Overlay;
use crate::port::{ReadError, Rows, Stored};
use crate::void::VoidReason;
use refs::Waiting;
use register::Step;
use tidepool_protocol::identity::IdentityState;
use tidepool_protocol::{Body, NetworkGenesis};

/// Where rows about an envelope stand, and whether there can be any yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Its spot.
    pub spot: Spot,
    /// It has just come, and nobody spoke of it before.
    pub unheard_of: bool,
}

impl About {
    /// What was said of it before it came.
    fn waiting(self, rows: &dyn Rows) -> Result<Waiting, ReadError> {
        if self.unheard_of { Ok(Waiting::default()) } else { Waiting::about(rows, self.spot) }
    }
}

/// `stored`, whose decoded body is `body`, stands from now on.
///
/// # Errors
/// When the store fails.
pub fn apply(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    body: &Body,
    about: About,
    genesis: &NetworkGenesis,
) -> Result<(), ReadError> {
    communities::begin(overlay, genesis)?;
    change(overlay, stored, (body, about), genesis, Step::Apply)
}

/// `stored` stands no longer.
///
/// # Errors
/// When the store fails.
pub fn retract(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    body: &Body,
    spot: Spot,
    genesis: &NetworkGenesis,
) -> Result<(), ReadError> {
    let about = About { spot, unheard_of: false };
    change(overlay, stored, (body, about), genesis, Step::Retract)
}

/// `stored` is held since now, whether it stands or not.
///
/// # Errors
/// When the store fails.
pub(crate) fn came(overlay: &mut Overlay<'_>, stored: &Stored) -> Result<(), ReadError> {
    moderation::came(overlay, stored)
}

/// `stored` is held no longer, and is out of the index.
///
/// # Errors
/// When the store fails.
pub(crate) fn left(overlay: &mut Overlay<'_>, stored: &Stored) -> Result<(), ReadError> {
    moderation::left(overlay, stored)
}

/// Whether others spoke of the envelope about which rows stand at `spot`.
///
/// # Errors
/// When the store fails.
pub(crate) fn is_spoken_of(rows: &dyn Rows, spot: Spot) -> Result<bool, ReadError> {
    refs::is_spoken_of(rows, spot)
}

/// The genesis of an identity is here, and `state` is what it makes: the core calls this once for each, in whatever
/// order; nodes are not listed. Also the place where the open communities are written, because a node's own genesis is
/// the first envelope of its log.
///
/// # Errors
/// When the store fails.
pub fn identity_began(
    overlay: &mut Overlay<'_>,
    state: &IdentityState,
    genesis: &NetworkGenesis,
) -> Result<(), ReadError> {
    communities::begin(overlay, genesis)?;
    if state.is_node { Ok(()) } else { agents::began(overlay, state) }
}

/// The identity's genesis left the log.
///
/// # Errors
/// When the store fails.
pub fn identity_ended(overlay: &mut Overlay<'_>, state: &IdentityState) -> Result<(), ReadError> {
    if state.is_node { Ok(()) } else { agents::ended(overlay, state) }
}

/// Whether [`run_jobs`] has something to do. While it has, answers about trees are exact, counters are not yet.
///
/// # Errors
/// When the store fails.
pub fn jobs_wait(rows: &dyn Rows) -> Result<bool, ReadError> {
    trees::jobs_wait(rows)
}

/// Whether a job was put into the overlay and waits.
pub(crate) fn has_put_jobs(overlay: &Overlay<'_>) -> bool {
    overlay.has_set(keys::TREE_JOB)
}

/// Goes on with trees of comments whose post or parent came or went, at most `budget` comments. `true` when more is left.
/// [`crate::void::run_jobs`] calls it.
///
/// # Errors
/// When the store fails.
pub fn run_jobs(overlay: &mut Overlay<'_>, budget: usize) -> Result<bool, ReadError> {
    trees::run_jobs(overlay, budget)
}

fn change(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    (body, about): (&Body, About),
    genesis: &NetworkGenesis,
    step: Step,
) -> Result<(), ReadError> {
    let scope = &stored.envelope.header().scope;
    match body {
        Body::Post(_) | Body::Comment(_) | Body::Edit(_) | Body::Tombstone(_) | Body::Vote(_)
            if !communities::is_place(scope, genesis) =>
        {
            agents::not_permitted(overlay, stored, VoidReason::NotPermitted, step)
        }
        Body::Post(_) => posts::change(overlay, stored, about, step),
        Body::Comment(comment) => comments::change(overlay, stored, comment, about, step),
        Body::Edit(edit) => marks::edit(overlay, stored, edit, step),
        Body::Tombstone(tombstone) => marks::tombstone(overlay, stored, tombstone, step),
        Body::Vote(vote) => votes::change(overlay, stored, vote, step),
        Body::Profile(profile) => agents::fields(overlay, stored, &agents::named_by(profile), step),
        Body::Card(_) => agents::fields(overlay, stored, &[agents::CARD], step),
        Body::MailKey(_) => agents::fields(overlay, stored, &[agents::MAIL_KEY], step),
        Body::Subscribe(subscribe) => agents::subscribe(overlay, stored, subscribe, step),
        Body::Follow(follow) => agents::follow(overlay, stored, follow, step),
        Body::Charter(_) => communities::charter(overlay, stored, step),
        Body::Settings(_) | Body::Action(_) => moderation::act(overlay, stored, body, step),
        Body::Grant(grant) => moderation::grant(overlay, stored, grant, step),
        Body::Withdraw(withdraw) => moderation::withdraw(overlay, stored, withdraw, step),
        Body::Report(report) => moderation::report(overlay, stored, report, genesis, step),
        Body::Keep(_) | Body::Checkpoint(_) | Body::Presence(_) => Ok(()),
    }
}
