//! What begins and ends with a post or comment being visible: lists, counters, karma.

use super::counters::{change_agent, change_community, change_totals};
use super::item::{self, Item};
use super::keys::{self, Short};
use super::register::Step;
use super::{lists, refs};
use crate::codec::damaged;
use crate::index::{self, Spot};
use crate::overlay::Overlay;
use crate::port::{ReadError, Rows};
use crate::rank::Votes;

const fn sign(step: Step) -> i64 {
    match step {
        Step::Apply => 1,
        Step::Retract => -1,
    }
}

/// Lets a visible item count and stand in lists, or ends that. The item's own row is the caller's.
pub(crate) fn show(
    overlay: &mut Overlay<'_>,
    (id, spot): (&Short, Spot),
    item: &Item,
    step: Step,
) -> Result<(), ReadError> {
    let one = sign(step);
    let votes = item::votes(overlay, spot, item)?;
    let karma = one * votes.score();
    match &item.place {
        None => {
            lists::place_post(overlay, id, item, votes, step)?;
            change_agent(overlay, &item.author, |agent| {
                agent.posts += one;
                agent.karma += karma;
            })?;
            change_community(overlay, &item.scope, |community| community.posts += one)?;
            change_totals(overlay, |totals| totals.posts += one)
        }
        Some(place) => {
            lists::place_comment(overlay, id, item, step)?;
            change_agent(overlay, &item.author, |agent| {
                agent.comments += one;
                agent.karma += karma;
            })?;
            change_community(overlay, &item.scope, |community| community.comments += one)?;
            change_totals(overlay, |totals| totals.comments += one)?;
            let root = root_of(overlay, &place.root)?;
            item::change_tree(overlay, root, |tree| {
                tree.comments = match step {
                    Step::Apply => tree.comments + 1,
                    Step::Retract => tree.comments.saturating_sub(1),
                };
            })?;
            // The post may have left before what hangs below it.
            if step == Step::Retract { refs::release(overlay, &place.root) } else { Ok(()) }
        }
    }
}

/// Writes an item's changed row, and lets it count and stand in lists as that says.
pub(crate) fn replace(
    overlay: &mut Overlay<'_>,
    (id, spot): (&Short, Spot),
    item: &Item,
    changed: &Item,
) -> Result<(), ReadError> {
    if changed == item {
        return Ok(());
    }
    // Counters and lists change before the row: they read it, and write the rows of others.
    if item.visible() && !changed.visible() {
        show(overlay, (id, spot), item, Step::Retract)?;
    }
    item::put(overlay, spot, changed);
    if !item.visible() && changed.visible() {
        show(overlay, (id, spot), changed, Step::Apply)?;
    }
    Ok(())
}

/// Where rows about the post stand to which an attached comment belongs: as long as it counts there, it has a spot.
fn root_of(rows: &dyn Rows, post: &Short) -> Result<Spot, ReadError> {
    index::spot(rows, post)?.ok_or_else(|| damaged(keys::ITEM, "a comment stands below a post that nobody spoke of"))
}

/// Moves an item whose counted votes changed.
pub(crate) fn rescore(
    overlay: &mut Overlay<'_>,
    id: &Short,
    item: &Item,
    before: Votes,
    after: Votes,
) -> Result<(), ReadError> {
    if before == after || !item.attached {
        return Ok(());
    }
    if item.visible() {
        let change = after.score() - before.score();
        change_agent(overlay, &item.author, |agent| agent.karma += change)?;
    }
    match &item.place {
        None if item.visible() => lists::move_post(overlay, id, item, before, after),
        Some(place) if place.depth == 0 => {
            let root = root_of(overlay, &place.root)?;
            lists::move_root(overlay, (root, id), item, before, after)
        }
        None | Some(_) => Ok(()),
    }
}
