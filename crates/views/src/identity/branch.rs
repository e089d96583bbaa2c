//! Which branch of an identity wins, and what that makes of envelopes that name another.
//!
//! Of the operations that extend one state the one with the greatest rank wins. Equals freeze the identity, unless a
//! resolve of that rank names one of them; resolves that name different ones freeze it too.

use super::row::{Branch, Operation, Summary};
use crate::port::{ReadError, Rows};
use crate::void::VoidReason;
use std::collections::{BTreeMap, BTreeSet};
use tidepool_protocol::EnvelopeId;
use tidepool_protocol::identity::IdentityState;

/// The winning branch of `summary`'s author, as it follows from all `operations`.
pub(crate) fn decide(summary: &Summary, operations: &[Operation]) -> Summary {
    let mut decided = Summary::new(summary.genesis.clone());
    decided.branch.operations = operations.len() as u64;
    let mut children: BTreeMap<EnvelopeId, Vec<&Operation>> = BTreeMap::new();
    // Whatever extends another genesis of the same core extends the beginning of the one chain.
    let beginnings: BTreeSet<EnvelopeId> = operations
        .iter()
        .filter(|operation| operation.extends == EnvelopeId::ZERO)
        .map(|operation| operation.state.operation)
        .collect();
    for operation in operations.iter().filter(|operation| operation.extends != EnvelopeId::ZERO) {
        let extends = operation.extends;
        let extends = if beginnings.contains(&extends) { summary.genesis.operation } else { extends };
        children.entry(extends).or_default().push(operation);
    }
    let mut state = &summary.genesis;
    // Every step goes to an operation behind the one before it, so this ends.
    while let Some(siblings) = children.get(&state.operation) {
        match winner(siblings) {
            Winner::Plain(next) => {
                decided.branch.path.push(next.state.operation);
                close(&mut decided, state, &next.state);
                state = &next.state;
            }
            Winner::Resolved(next, resolves) => {
                decided.branch.resolves.extend(resolves);
                decided.branch.path.push(next.state.operation);
                close(&mut decided, state, &next.state);
                state = &next.state;
            }
            Winner::Tied(tied) => {
                decided.branch.tied = tied;
                break;
            }
        }
    }
    decided
}

enum Winner<'a> {
    Plain(&'a Operation),
    Resolved(&'a Operation, Vec<EnvelopeId>),
    Tied(Vec<EnvelopeId>),
}

fn winner<'a>(siblings: &[&'a Operation]) -> Winner<'a> {
    let best = siblings.iter().map(|operation| operation.rank()).max();
    let best: Vec<&'a Operation> =
        siblings.iter().copied().filter(|operation| Some(operation.rank()) == best).collect();
    let ids = |operations: &[&Operation]| operations.iter().map(|operation| operation.state.operation).collect();
    let resolves: Vec<&Operation> = best.iter().copied().filter(|operation| operation.stands.is_some()).collect();
    let named: BTreeSet<EnvelopeId> = resolves.iter().filter_map(|operation| operation.stands).collect();
    match (resolves.is_empty(), best.as_slice()) {
        (true, [single]) => Winner::Plain(single),
        (true, _) => Winner::Tied(ids(&best)),
        (false, _) => {
            let stands = siblings
                .iter()
                .copied()
                .find(|operation| operation.stands.is_none() && named.contains(&operation.state.operation));
            match stands {
                Some(stands) if named.len() == 1 => Winner::Resolved(stands, ids(&resolves)),
                Some(_) | None => Winner::Tied(ids(&best)),
            }
        }
    }
}

/// What `next` no longer lists is closed for good; an operation that this version does not know closes nothing.
fn close(decided: &mut Summary, before: &IdentityState, next: &IdentityState) {
    if next.ended_by.is_some() {
        return;
    }
    let listed = |key| next.rotation.contains(key) || next.signing.iter().any(|entry| entry.key == *key);
    for key in before.signing.iter().map(|entry| &entry.key).chain(&before.rotation) {
        if !listed(key) && !decided.branch.closed.contains(key) {
            decided.branch.closed.push(*key);
        }
    }
}

/// Why an envelope whose `auth` is `operation` is void for its branch.
pub(crate) fn reason(
    rows: &dyn Rows,
    branch: &Branch,
    operation: &EnvelopeId,
) -> Result<Option<VoidReason>, ReadError> {
    let mut at = *operation;
    // A chain is no longer than its operations.
    for _ in 0..=branch.operations {
        if branch.is_on_path(&at) {
            return Ok(None);
        }
        let Some(found) = Operation::get(rows, &branch.author, &at)? else { return Ok(None) };
        if found.extends == EnvelopeId::ZERO {
            // Another genesis of the same core: it stands, and what came down to it here has lost.
            return Ok((at != *operation).then_some(VoidReason::BranchLost));
        }
        if branch.tied.contains(&at) {
            return Ok(Some(VoidReason::BranchFrozen));
        }
        if branch.is_on_path(&found.extends) {
            return Ok(Some(VoidReason::BranchLost));
        }
        at = found.extends;
    }
    Ok(None)
}
