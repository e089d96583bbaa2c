//! An identity operation arrives: the state it makes, and what it changes in its author's identity.

use super::branch::{self, decide};
use super::row::{Operation, Summary};
use crate::codec;
use crate::content;
use crate::index;
use crate::overlay::Overlay;
use crate::port::{ReadError, Stored};
use crate::rows;
use crate::void::{Range, VoidReason};
use crate::vouch::{checkpoint, keep};
use crate::work::Work;
use tidepool_protocol::cbor;
use tidepool_protocol::identity::{Change, IdentityError, IdentityState, OperationBody, begin, extend, rank};
use tidepool_protocol::limits::BODY_BYTES_MAX;
use tidepool_protocol::{EnvelopeId, Kind, NetworkGenesis};

/// Takes in an operation. Admission has checked it, and what it extends is here; one for which that does not hold is
/// void and changes nothing.
pub(crate) fn arrived(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    admitted: Option<&IdentityState>,
    genesis: &NetworkGenesis,
    work: &mut Work,
) -> Result<Option<VoidReason>, ReadError> {
    let admitted = admitted.filter(|state| state.operation == stored.envelope.id());
    if stored.envelope.header().kind.is_genesis() {
        return begun(overlay, stored, admitted, genesis, work);
    }
    let header = stored.envelope.header();
    let Some(before) = Summary::get(overlay, &header.author)? else { return Ok(Some(VoidReason::Body)) };
    let Some(state) = before.state_at(overlay, &header.auth)? else { return Ok(Some(VoidReason::Body)) };
    let Ok(operation) = operation(&state, stored, admitted, genesis) else { return Ok(Some(VoidReason::Body)) };
    operation.put(overlay);
    let operations = Operation::all(overlay, &header.author)?;
    let after = decide(&before, &operations);
    after.put(overlay);
    let (old, new) = (before.current(overlay)?, after.current(overlay)?);
    set_home(overlay, Some(&old), &new);
    checkpoint::operation_arrived(overlay, &stored.envelope.id(), work)?;
    let keepers = after.keepers(overlay)?;
    let lost_keeper = before.keepers(overlay)?.iter().any(|key| !keepers.contains(key));
    if lost_keeper || !only_grew(&before, &after) {
        reweigh(overlay, &before, &after, &operations, work)?;
    }
    branch::reason(overlay, &after.branch, &stored.envelope.id())
}

fn begun(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    admitted: Option<&IdentityState>,
    genesis: &NetworkGenesis,
    work: &mut Work,
) -> Result<Option<VoidReason>, ReadError> {
    let state = match admitted {
        Some(state) => state.clone(),
        None => match begin(&stored.envelope, &genesis.params) {
            Ok(state) => state,
            Err(_) => return Ok(Some(VoidReason::Body)),
        },
    };
    match Summary::get(overlay, &state.author)? {
        None => {
            if !state.is_node {
                overlay.put(handle_key(&state), Vec::new());
            }
            set_home(overlay, None, &state);
            content::identity_began(overlay, &state, genesis)?;
            Summary::new(state).put(overlay);
        }
        Some(known) => another_genesis(overlay, stored, state, known, genesis)?,
    }
    checkpoint::operation_arrived(overlay, &stored.envelope.id(), work)?;
    Ok(None)
}

/// Geneses of one core differ in their time and proofs only: all are the beginning of one chain, which shows the lowest.
fn another_genesis(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    state: IdentityState,
    mut known: Summary,
    genesis: &NetworkGenesis,
) -> Result<(), ReadError> {
    let mut beside = state;
    if beside.operation < known.genesis.operation {
        std::mem::swap(&mut known.genesis, &mut beside);
        content::identity_ended(overlay, &beside)?;
        content::identity_began(overlay, &known.genesis, genesis)?;
    }
    let cursor = index::get(overlay, &beside.operation)?.map_or(stored.cursor, |entry| entry.cursor);
    Operation { state: beside, extends: EnvelopeId::ZERO, majority: false, priority: 0, stands: None, cursor }
        .put(overlay);
    let operations = Operation::all(overlay, &known.genesis.author)?;
    decide(&known, &operations).put(overlay);
    Ok(())
}

fn operation(
    extended: &IdentityState,
    stored: &Stored,
    admitted: Option<&IdentityState>,
    genesis: &NetworkGenesis,
) -> Result<Operation, IdentityError> {
    let envelope = &stored.envelope;
    let header = envelope.header();
    let state = match admitted {
        Some(state) => state.clone(),
        None => extend(extended, envelope, &genesis.params)?,
    };
    let rank = rank(extended, envelope)?;
    let stands = if header.kind == Kind::RESOLVE { resolved(envelope.body().unwrap_or_default())? } else { None };
    let extends = header.auth;
    let cursor = stored.cursor;
    Ok(Operation { state, extends, majority: false, priority: 0, stands, cursor }.ranked(rank))
}

fn resolved(body: &[u8]) -> Result<Option<EnvelopeId>, IdentityError> {
    let body: OperationBody = cbor::decode(body, BODY_BYTES_MAX)?;
    match Change::decode(Kind::RESOLVE, &body.change)? {
        Some(Change::Resolve(resolve)) => Ok(Some(resolve.stands)),
        Some(Change::Rotate(_) | Change::Revoke(_) | Change::MoveHome(_) | Change::NodeRotate(_)) | None => Ok(None),
    }
}

fn handle_key(state: &IdentityState) -> Vec<u8> {
    codec::key(rows::HANDLE, &[state.handle.to_ascii_lowercase().as_bytes(), &[0], &state.author.0])
}

/// Moves the agent from the list of its home before to that of its home now.
fn set_home(overlay: &mut Overlay<'_>, before: Option<&IdentityState>, now: &IdentityState) {
    let key = |state: &IdentityState| state.home.map(|home| codec::key(rows::HOME, &[&home.0, &state.author.0]));
    let (old, new) = (before.and_then(key), key(now));
    if old != new {
        if let Some(old) = old {
            overlay.delete(old);
        }
        if let Some(new) = new {
            overlay.put(new, Vec::new());
        }
    }
}

/// Whether the branch only went on, and closed nothing: then no verdict of before changes.
fn only_grew(before: &Summary, after: &Summary) -> bool {
    after.branch.path.starts_with(&before.branch.path)
        && after.branch.closed == before.branch.closed
        && after.branch.tied.is_empty()
        && before.branch.tied.is_empty()
        && after.branch.operations
            == before.branch.operations + (after.branch.path.len() - before.branch.path.len()) as u64
}

/// Passes on what another branch, a freeze or closed keys change.
fn reweigh(
    overlay: &mut Overlay<'_>,
    before: &Summary,
    after: &Summary,
    operations: &[Operation],
    work: &mut Work,
) -> Result<(), ReadError> {
    for operation in operations {
        let id = operation.state.operation;
        let reason = branch::reason(overlay, &after.branch, &id)?;
        if let Some(mut entry) = index::get(overlay, &id)?
            && entry.core != reason
        {
            entry.core = reason;
            index::put(overlay, &entry);
        }
    }
    let author = codec::short(&after.genesis.author.0);
    let same_branch = after.branch.path.starts_with(&before.branch.path) && after.branch.tied == before.branch.tied;
    if same_branch
        && after.branch.closed == before.branch.closed
        && after.keepers(overlay)? == before.keepers(overlay)?
    {
        return Ok(());
    }
    if !same_branch {
        work.recheck.insert(author);
    }
    work.rebuild.extend(keep::scopes(overlay, &author)?);
    work.dirty.push(Range::all(&author));
    Ok(())
}
