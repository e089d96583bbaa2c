//! Trees of comments. A comment is *attached* when everything between it and its post is here and fits; what is not
//! attached waits under its parent's id.
//!
//! Every comment that claims a parent stands in the parent's collection of answers, keyed by a hash of what it claims
//! (scope, post, depth): the answers that fit are one range of it. When a post or comment comes or goes, its answers are
//! brought in line with it and what hangs below them follows: up to [`AT_ONCE_MAX`] at once, the rest as jobs. While jobs
//! wait, readers look at all that is above a comment ([`is_reachable`]), so what is void is not shown.

use super::item::{self, Item, Place};
use super::keys::{self, Short};
use super::register::Step;
use super::{lists, refs, shown};
use crate::chunks::Direction;
use crate::codec::{self, damaged, key, prefix_end};
use crate::index::{self, Spot};
use crate::overlay::Overlay;
use crate::port::{ReadError, Rows};
use crate::rank::time_key;
use crate::void::{AT_ONCE_MAX, VoidReason};
use bytes::Bytes;
use std::ops::Bound;
use tidepool_protocol::ids::sha256;
use tidepool_protocol::limits::COMMENT_DEPTH_MAX;

/// What an answer claims of its place, as the key of a parent's answers begins.
pub(crate) type Claim = Short;

fn claim(scope: &Short, root: &Short, depth: u8) -> Claim {
    codec::short(&sha256(&[scope, root, &[depth]]))
}

/// The claim of the answers that fit below `parent`.
pub(crate) fn claim_below(id: &Short, parent: &Item) -> Claim {
    match &parent.place {
        None => claim(&parent.scope, id, 0),
        Some(place) => claim(&parent.scope, &place.root, place.depth.saturating_add(1)),
    }
}

/// Where an answer stands among those to its parent.
pub(crate) fn answer_key(item: &Item, place: &Place, id: &Short) -> Vec<u8> {
    [&claim(&item.scope, &place.root, place.depth)[..], &time_key(item.time), id].concat()
}

/// Why `item` cannot answer `parent`; `None` when it can.
pub(crate) fn misfit(id: &Short, parent: &Item, item: &Item, place: &Place) -> Option<VoidReason> {
    if parent.scope != item.scope {
        return Some(VoidReason::ScopeMismatch);
    }
    let fits = match &parent.place {
        None => place.root == *id && place.depth == 0,
        Some(above) => place.root == above.root && place.depth == above.depth.saturating_add(1),
    };
    if fits { None } else { Some(VoidReason::ParentMismatch) }
}

/// Attaches one comment, which answers what stands at `above`, or detaches it: what it adds to its parent, its post and the
/// lists. What hangs below it is not touched.
pub(crate) fn flip(
    overlay: &mut Overlay<'_>,
    (id, spot): (&Short, Spot),
    mut item: Item,
    (place, above): (&Place, Spot),
    step: Step,
) -> Result<(), ReadError> {
    item.attached = step == Step::Apply;
    item::put(overlay, spot, &item);
    item::change_tree(overlay, above, |tree| {
        tree.replies = match step {
            Step::Apply => tree.replies + 1,
            Step::Retract => tree.replies.saturating_sub(1),
        };
    })?;
    if place.depth == 0 {
        lists::place_root(overlay, above, (id, spot), &item, step)?;
    }
    if !item.gone() {
        shown::show(overlay, (id, spot), &item, step)?;
    }
    Ok(())
}

/// Answers that are yet to be brought in line.
struct Job {
    parent: Short,
    /// Whether the parent itself came or went, so that answers which cannot fit are marked or unmarked.
    judge: bool,
    /// Behind which answer it goes on.
    after: Bytes,
}

impl Job {
    /// Keeps it for later. What an earlier one for the same parent had left to judge is not forgotten.
    fn put(&self, overlay: &mut Overlay<'_>) -> Result<(), ReadError> {
        let key = keys::tree_job(&self.parent);
        let judge = self.judge || overlay.get(&key)?.is_some_and(|earlier| earlier.first() == Some(&1));
        overlay.put(key, [&[u8::from(judge)][..], &self.after].concat());
        Ok(())
    }

    fn first(rows: &dyn Rows) -> Result<Option<Self>, ReadError> {
        let all = key(keys::TREE_JOB, &[]);
        let found = rows.first(&all, &prefix_end(&all))?;
        match found.map(|(key, value)| (keys::tail_id(&key), value)) {
            None => Ok(None),
            Some((Some(parent), value)) if !value.is_empty() => {
                Ok(Some(Self { parent, judge: value[0] != 0, after: value.slice(1..) }))
            }
            Some(_) => Err(damaged(keys::TREE_JOB, "it names no parent")),
        }
    }
}

/// Whether answers wait to be brought in line.
pub(crate) fn jobs_wait(rows: &dyn Rows) -> Result<bool, ReadError> {
    Ok(Job::first(rows)?.is_some())
}

/// Goes on with what waits, at most `budget` answers; `true` when more is left.
pub(crate) fn run_jobs(overlay: &mut Overlay<'_>, mut budget: usize) -> Result<bool, ReadError> {
    while budget > 0 {
        let Some(job) = Job::first(overlay)? else { return Ok(false) };
        overlay.delete(keys::tree_job(&job.parent));
        work(overlay, job, &mut budget)?;
    }
    jobs_wait(overlay)
}

/// A post or comment has come, or is gone: its answers, and what hangs below them, are brought in line with it.
pub(crate) fn settle(overlay: &mut Overlay<'_>, id: &Short) -> Result<(), ReadError> {
    let mut budget = AT_ONCE_MAX;
    work(overlay, Job { parent: *id, judge: true, after: Bytes::new() }, &mut budget)
}

/// Brings answers in line until the budget is used up; what is left becomes jobs.
fn work(overlay: &mut Overlay<'_>, first: Job, budget: &mut usize) -> Result<(), ReadError> {
    let mut waiting = vec![first];
    while let Some(job) = waiting.pop() {
        if *budget == 0 {
            job.put(overlay)?;
            continue;
        }
        let limit = *budget;
        let Some(above) = index::spot(overlay, &job.parent)? else { continue };
        let answers = answers_behind(overlay, above, &job, limit)?;
        *budget -= answers.len();
        let last = answers.last().filter(|_| answers.len() == limit).cloned();
        let parent = item::get(overlay, above)?;
        for answer in answers {
            let Some(id) = keys::tail_id(&answer) else { continue };
            if bring_in_line(overlay, &job, (above, parent.as_ref()), &id)? {
                waiting.push(Job { parent: id, judge: false, after: Bytes::new() });
            }
        }
        if let Some(after) = last {
            Job { after, ..job }.put(overlay)?;
        }
    }
    Ok(())
}

fn answers_behind(rows: &dyn Rows, above: Spot, job: &Job, limit: usize) -> Result<Vec<Bytes>, ReadError> {
    let low = if job.after.is_empty() { Bound::Unbounded } else { Bound::Excluded(&job.after[..]) };
    let mut found = Vec::new();
    keys::kids(above).visit(rows, (low, Bound::Unbounded), Direction::Up, &mut |key, _| {
        found.push(Bytes::copy_from_slice(key));
        found.len() < limit
    })?;
    Ok(found)
}

/// Marks, attaches or detaches one answer; whether what hangs below it must follow.
fn bring_in_line(
    overlay: &mut Overlay<'_>,
    job: &Job,
    (above, parent): (Spot, Option<&Item>),
    id: &Short,
) -> Result<bool, ReadError> {
    let Some((spot, item)) = item::find(overlay, id)? else { return Ok(false) };
    let Some(place) = item.place else { return Ok(false) };
    let reason = parent.and_then(|parent| misfit(&job.parent, parent, &item, &place));
    if job.judge {
        refs::mark(overlay, id, reason)?;
    }
    let attached = reason.is_none() && parent.is_some_and(|parent| parent.attached);
    if attached == item.attached {
        return Ok(false);
    }
    flip(overlay, (id, spot), item, (&place, above), if attached { Step::Apply } else { Step::Retract })?;
    Ok(true)
}

/// Whether everything above an attached comment is still here and attached: only while jobs wait can it be otherwise.
pub(crate) fn is_reachable(rows: &dyn Rows, item: &Item) -> Result<bool, ReadError> {
    let mut next = item.place.map(|place| place.parent);
    for _ in 0..=COMMENT_DEPTH_MAX {
        let Some(id) = next else { return Ok(true) };
        match item::find(rows, &id)? {
            Some((_, above)) if above.attached => next = above.place.map(|place| place.parent),
            Some(_) | None => return Ok(false),
        }
    }
    Ok(next.is_none())
}
