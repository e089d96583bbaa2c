//! What was said about a post or comment before it came: votes, edits, tombstones and moderators' actions wait under its
//! spot.
//!
//! Those that fit it are found by their key (target, scope, and for edits and tombstones the author). The others are void
//! from the moment that the target stands, and wait again when it stands no longer: the index is marked accordingly.

use super::item::Item;
use super::keys::{self, Short, author_tag};
use super::moderation;
use super::register::Step;
use crate::chunks;
use crate::codec::{key, prefix_end};
use crate::index::{self, Found, Spot};
use crate::overlay::Overlay;
use crate::port::{ReadError, Rows, Stored};
use crate::void::{VoidReason, mark_content, unmark_content};

/// Marks the envelope whose id begins with `id`, or takes the mark away; one that has left the log needs none.
pub(crate) fn mark(overlay: &mut Overlay<'_>, id: &Short, reason: Option<VoidReason>) -> Result<(), ReadError> {
    let Some(entry) = index::by_short(overlay, id)? else { return Ok(()) };
    match reason {
        Some(reason) => mark_content(overlay, &entry.id, reason),
        None if entry.content.is_some() => unmark_content(overlay, &entry.id),
        None => Ok(()),
    }
}

/// Where rows stand about what `stored` is about. One that begins to speak of it gives it a spot; `None` when the step
/// ends what nothing began.
pub(crate) fn target(
    overlay: &mut Overlay<'_>,
    id: &Short,
    stored: &Stored,
    step: Step,
) -> Result<Option<Spot>, ReadError> {
    match step {
        Step::Apply => index::spot_spoken_of(overlay, id, stored.cursor).map(Some),
        Step::Retract => index::spot(overlay, id),
    }
}

/// One that spoke of `id` does so no longer: when nobody else does, and its envelope is not here, it has no spot.
pub(crate) fn release(overlay: &mut Overlay<'_>, id: &Short) -> Result<(), ReadError> {
    match index::find(overlay, id)? {
        Some(Found::SpokenOf(spot)) if !is_spoken_of(overlay, spot)? => index::forget(overlay, id),
        Some(Found::SpokenOf(_) | Found::Here(_)) | None => {}
    }
    Ok(())
}

/// Whether rows stand under a spot that are not its envelope's own.
pub(crate) fn is_spoken_of(rows: &dyn Rows, spot: Spot) -> Result<bool, ReadError> {
    let Waiting { votes, marks, answers, acts } = Waiting::about(rows, spot)?;
    Ok(votes || marks || answers || acts || rows.get(&keys::tree(spot))?.is_some())
}

/// What was said about an id before its envelope came: mostly nothing, which one look at each family tells.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) votes: bool,
    pub(crate) marks: bool,
    pub(crate) answers: bool,
    pub(crate) acts: bool,
}

impl Waiting {
    pub(crate) fn about(rows: &dyn Rows, spot: Spot) -> Result<Self, ReadError> {
        let any = |family| {
            let prefix = keys::about(family, spot);
            Ok::<_, ReadError>(rows.first(&prefix, &prefix_end(&prefix))?.is_some())
        };
        Ok(Self {
            votes: any(keys::VOTES)?,
            marks: any(keys::MARKS)?,
            answers: any(keys::KIDS)?,
            acts: any(keys::MODERATED)?,
        })
    }
}

/// The short ids at the ends of all entries of the chunks with `from <= row key < to`.
fn ids_between(rows: &dyn Rows, from: &[u8], to: &[u8], found: &mut Vec<Short>) -> Result<(), ReadError> {
    let mut failed = None;
    rows.scan(from, to, &mut |_, chunk| {
        let read = chunks::visit_keys(chunk, &mut |key| found.extend(keys::tail_id(key)));
        failed = read.err();
        failed.is_none()
    })?;
    failed.map_or(Ok(()), Err)
}

/// Ids of what lies under the key prefix `all` but not under `fitting`, which begins with it.
pub(crate) fn outside(rows: &dyn Rows, all: &[u8], fitting: &[u8]) -> Result<Vec<Short>, ReadError> {
    let mut found = Vec::new();
    ids_between(rows, all, fitting, &mut found)?;
    ids_between(rows, &prefix_end(fitting), &prefix_end(all), &mut found)?;
    Ok(found)
}

/// Marks what cannot be about the item that begins to stand; takes the marks away when it ends.
pub(crate) fn judge_waiting(
    overlay: &mut Overlay<'_>,
    spot: Spot,
    item: &Item,
    waiting: Waiting,
    stands: bool,
) -> Result<(), ReadError> {
    let author = author_tag(&item.author);
    let mut judged = Vec::new();
    if waiting.votes {
        let votes = keys::votes(spot, &item.scope);
        let mut own = Vec::new();
        votes.visit_part(overlay, &author, &mut |key, _| {
            own.extend(keys::tail_id(key));
            true
        })?;
        let strays = outside(overlay, &keys::about(keys::VOTES, spot), votes.prefix())?;
        judged.extend([(own, VoidReason::OwnVote), (strays, VoidReason::ScopeMismatch)]);
    }
    if waiting.marks {
        let marks = keys::marks(spot, &author, &item.scope);
        let by_author = key(keys::MARKS, &[&spot.bytes(), &author]);
        let foreign = outside(overlay, &keys::about(keys::MARKS, spot), &by_author)?;
        let strays = outside(overlay, &by_author, marks.prefix())?;
        judged.extend([(foreign, VoidReason::ForeignTarget), (strays, VoidReason::ScopeMismatch)]);
    }
    for (ids, reason) in judged {
        for said in ids {
            mark(overlay, &said, stands.then_some(reason))?;
        }
    }
    if waiting.acts { moderation::judge_waiting(overlay, spot, item, stands) } else { Ok(()) }
}
