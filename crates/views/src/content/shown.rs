//! What begins and ends with a post or comment being visible: lists, counters, karma.

use super::counters::{change_agent, change_community, change_totals};
use super::item::{self, Item};
use super::keys::Short;
use super::lists;
use super::register::Step;
use crate::overlay::Overlay;
use crate::port::ReadError;
use crate::rank::Votes;

const fn sign(step: Step) -> i64 {
    match step {
        Step::Apply => 1,
        Step::Retract => -1,
    }
}

/// Lets a visible item count and stand in lists, or ends that. The item's own row is the caller's.
pub(crate) fn show(overlay: &mut Overlay<'_>, id: &Short, item: &Item, step: Step) -> Result<(), ReadError> {
    let one = sign(step);
    let votes = item::votes(overlay, id, item)?;
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
            item::change_tree(overlay, &place.root, |tree| {
                tree.comments = match step {
                    Step::Apply => tree.comments + 1,
                    Step::Retract => tree.comments.saturating_sub(1),
                };
            })
        }
    }
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
        Some(place) if place.depth == 0 => lists::move_root(overlay, (&place.root, id), item, before, after),
        None | Some(_) => Ok(()),
    }
}
