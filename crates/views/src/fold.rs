//! The fold: what one admitted envelope changes in the views.
//!
//! A deterministic function of the rows before it and the envelope: never of the time, never of randomness. Folding one
//! log in its order gives the same rows again.

use crate::content;
use crate::identity;
use crate::index::{self, Entry, Found, Spot};
use crate::logs::insert::{Placed, check_crowd, insert, trim};
use crate::overlay::Overlay;
use crate::port::{Cursor, Envelopes, Origin, ReadError, Stored};
use crate::void::{self, Author, VoidReason, evict, is_unfit, settle, settle_one};
use crate::vouch::{checkpoint, keep};
use crate::work::Work;
use tidepool_protocol::identity::IdentityState;
use tidepool_protocol::{EnvelopeId, Kind, NetworkGenesis, Slot, TimeMs};

/// An envelope that left the log: its position holds two lower ids, and no kept head descends from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evicted {
    /// Which.
    pub id: EnvelopeId,
    /// The slot whose digest it leaves.
    pub slot: Slot,
    /// Its time, by which the digest finds it.
    pub time_ms: TimeMs,
    /// Where the log holds it; may lie in the open batch.
    pub cursor: Cursor,
    /// How it had come.
    pub origin: Origin,
    /// The bytes of its body, when it had one that could have been pruned.
    pub prunable_bytes: u64,
}

/// What a fold did beside writing rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// What left the log, perhaps the envelope that was folded itself. Its rows are gone already.
    pub evicted: Vec<Evicted>,
    /// Whether jobs were put into the overlay, now or before: call [`crate::void::run_jobs`] soon.
    pub jobs: bool,
    /// Whether nothing is held at the position before the envelope, in its log.
    pub gap: bool,
    /// Whether it came second to a position of a log that held one: the author forked that log, which nobody knew here.
    pub forks: bool,
}

/// Folds an admitted envelope into the views.
///
/// The caller has pushed `stored` into the overlay, or it lies in the log already (after a crash, or to reindex). An
/// envelope that the index knows is not folded again: nothing changes. Ephemeral envelopes and mail are never folded.
///
/// # Errors
/// When the store fails.
pub fn fold(overlay: &mut Overlay<'_>, stored: &Stored, genesis: &NetworkGenesis) -> Result<Folded, ReadError> {
    fold_into(overlay, stored, None, genesis, Work::default())
}

/// [`fold`] of an identity operation whose admission made `state` of it: its proofs are not checked a second time.
///
/// # Errors
/// When the store fails.
pub fn fold_admitted(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    state: &IdentityState,
    genesis: &NetworkGenesis,
) -> Result<Folded, ReadError> {
    fold_into(overlay, stored, Some(state), genesis, Work::default())
}

/// Folds an envelope of the log that was folded before, into rows that do not know it: after a crash, or to reindex.
///
/// Nothing leaves the log here: what it still holds was held when the node stopped, perhaps for a `keep` that lies
/// further on. (What was evicted is gone from it.)
///
/// # Errors
/// When the store fails; and when the rows are older than the eviction of an envelope that they hold: then they must be
/// dropped and the log folded from its start.
pub fn fold_again(overlay: &mut Overlay<'_>, stored: &Stored, genesis: &NetworkGenesis) -> Result<Folded, ReadError> {
    fold_into(overlay, stored, None, genesis, Work { again: true, ..Work::default() })
}

fn fold_into(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    admitted: Option<&IdentityState>,
    genesis: &NetworkGenesis,
    mut work: Work,
) -> Result<Folded, ReadError> {
    let id = stored.envelope.id();
    let spoken_of = match index::find(overlay, &id.short())? {
        Some(Found::Here(_)) => return Ok(Folded::default()),
        Some(Found::SpokenOf(spot)) => Some(spot),
        None => None,
    };
    work.unheard_of = spoken_of.is_none();
    let spot = spoken_of.unwrap_or(Spot::of(stored.cursor));
    let kind = stored.envelope.header().kind;
    let body = stored.envelope.body().is_some();
    let entry = Entry { id, spot, cursor: stored.cursor, kind, body, applied: false, core: None, content: None };
    index::put(overlay, &entry);
    if kind.is_identity_operation() {
        let core = identity::fold::arrived(overlay, stored, admitted, genesis, &mut work)?;
        if core.is_some() {
            index::put(overlay, &Entry { core, ..entry });
        }
    } else {
        logged(overlay, stored, entry, genesis, &mut work)?;
    }
    finish(overlay, work, genesis)
}

/// [`fold_again`] for the envelopes of the log behind `after`, at most `limit`. Says up to where it came, which is `after`
/// itself when nothing is left, and whether jobs wait.
///
/// # Errors
/// When the store fails.
pub fn refold(
    overlay: &mut Overlay<'_>,
    after: Cursor,
    limit: usize,
    genesis: &NetworkGenesis,
) -> Result<(Cursor, bool), ReadError> {
    let mut upto = after;
    for stored in overlay.stored_after(after, limit)? {
        fold_again(overlay, &stored, genesis)?;
        upto = stored.cursor;
    }
    Ok((upto, void::pending(overlay)? || content::jobs_wait(overlay)?))
}

fn logged(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    mut entry: Entry,
    genesis: &NetworkGenesis,
    work: &mut Work,
) -> Result<(), ReadError> {
    let header = stored.envelope.header();
    if is_unfit(stored) {
        entry.core = Some(VoidReason::Body);
    } else if header.kind == Kind::KEEP && !keep::by_rotation_key(overlay, header)? {
        entry.core = Some(VoidReason::NotRotationKey);
    }
    if entry.core.is_some() {
        index::put(overlay, &entry);
    }
    match insert(overlay, stored, work)? {
        Placed::Refused => {
            work.evicted.push(stored.cursor);
            return Ok(());
        }
        Placed::Plain => {
            content::came(overlay, stored)?;
            let core = Author::default().judge(overlay, &entry, header, Default::default())?;
            settle_one(overlay, stored, &entry, (core, work.unheard_of), genesis)?;
        }
        Placed::Judged => content::came(overlay, stored)?,
    }
    if header.kind == Kind::KEEP {
        keep::arrived(overlay, stored, work);
    } else if header.kind == Kind::CHECKPOINT {
        checkpoint::arrived(overlay, stored, work)?;
    }
    Ok(())
}

/// Does what a fold left to do, until nothing is left, then tells content.
fn finish(overlay: &mut Overlay<'_>, mut work: Work, genesis: &NetworkGenesis) -> Result<Folded, ReadError> {
    let mut evicted = Vec::new();
    loop {
        if let Some(cursor) = work.evicted.pop() {
            evicted.extend(evict(overlay, cursor, genesis, &mut work)?);
        } else if let Some(scope) = work.rebuild.pop_first() {
            keep::rebuild(overlay, &scope, &mut work)?;
        } else if let Some(author) = work.recheck.pop_first() {
            checkpoint::recheck(overlay, &author, &mut work)?;
        } else if let Some(cursor) = work.keeps.pop() {
            keep::weigh(overlay, cursor, &mut work)?;
        } else if let Some(at) = work.broken.pop_first() {
            checkpoint::gather(overlay, at, &mut work)?;
        } else if let Some((at, seq)) = work.crowded.pop_first() {
            if work.again {
                check_crowd(overlay, at, seq)?;
            } else {
                trim(overlay, at, seq, &mut work)?;
            }
        } else {
            break;
        }
    }
    settle(overlay, work.dirty, genesis)?;
    Ok(Folded {
        evicted,
        jobs: void::has_put(overlay) || content::has_put_jobs(overlay),
        gap: work.gap,
        forks: work.forks,
    })
}
