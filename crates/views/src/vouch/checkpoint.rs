//! Checkpoints: lists of an agent's log heads. Those that the home countersigned stand through a fork.
//!
//! They matter only where a log is broken, so heads are written into logs only then. The checkpoint's own place in its
//! log has no part in it: its weight is the home's signature. The home must be the one of the agent's state at the
//! checkpoint's `auth`, on a branch that stands.

use super::{Voucher, newest, row_key};
use crate::codec;
use crate::identity::{self, branch};
use crate::logs::edit::logs_from;
use crate::logs::place::LogAt;
use crate::logs::{chain, path};
use crate::overlay::Overlay;
use crate::port::{Cursor, ReadError, ReadPort, Stored};
use crate::rows;
use crate::work::Work;
use tidepool_protocol::body::{Checkpoint, Head, checkpoint_message};
use tidepool_protocol::signer::{Domain, verify_signature};
use tidepool_protocol::{AuthorId, Body, EnvelopeId, Scope, TimeMs};

/// What a checkpoint's countersignature is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Holds,
    No,
    /// The node operation that it names is not here yet.
    Waits(EnvelopeId),
}

fn body(stored: &Stored) -> Option<Checkpoint> {
    let header = stored.envelope.header();
    match Body::decode(header.kind, stored.envelope.body()?) {
        Ok(Some(Body::Checkpoint(checkpoint))) if header.scope == Scope::Agent(header.author.as_agent()) => {
            Some(checkpoint)
        }
        Ok(_) | Err(_) => None,
    }
}

fn word(port: &dyn ReadPort, stored: &Stored, checkpoint: &Checkpoint) -> Result<Word, ReadError> {
    let header = stored.envelope.header();
    let Some(signature) = &checkpoint.home else { return Ok(Word::No) };
    let Some(agent) = identity::state_at(port, header.author, &header.auth)? else { return Ok(Word::No) };
    let Some(home) = agent.home else { return Ok(Word::No) };
    let Some(node) = identity::state_at(port, home.into(), &signature.node_auth)? else {
        return Ok(Word::Waits(signature.node_auth));
    };
    let message = checkpoint_message(header.network, header.author, header.time_ms, &checkpoint.heads);
    let holds = node.is_node
        && node.signing.iter().any(|entry| entry.key == signature.key)
        && verify_signature(&signature.key, Domain::Checkpoint, &message, &signature.signature);
    Ok(if holds { Word::Holds } else { Word::No })
}

fn voucher_key(stored: &Stored) -> Vec<u8> {
    let header = stored.envelope.header();
    row_key(rows::CHECKPOINT, &codec::short(&header.author.0), header.time_ms, &stored.envelope.id())
}

fn waits_key(operation: &EnvelopeId, cursor: Cursor) -> Vec<u8> {
    codec::key(rows::CHECKPOINT_WAITS, &[&operation.short(), &cursor.0.to_be_bytes()])
}

/// The newest checkpoints of `author` that its home countersigned, newest first, at most `limit`: their times and heads.
///
/// # Errors
/// When the store fails.
pub fn countersigned(
    port: &dyn ReadPort,
    author: AuthorId,
    limit: usize,
) -> Result<Vec<(TimeMs, Vec<Head>)>, ReadError> {
    let mut found = Vec::new();
    for (_, voucher) in newest(port, rows::CHECKPOINT, &codec::short(&author.0), limit)? {
        let Some(stored) = port.stored(voucher.cursor)? else { continue };
        let header = stored.envelope.header();
        found.extend(body(&stored).filter(|_| header.author == author).map(|said| (header.time_ms, said.heads)));
    }
    Ok(found)
}

/// Weighs a checkpoint that is held now, or whose node operation came.
pub(crate) fn arrived(overlay: &mut Overlay<'_>, stored: &Stored, work: &mut Work) -> Result<(), ReadError> {
    let Some(checkpoint) = body(stored) else { return Ok(()) };
    match word(overlay, stored, &checkpoint)? {
        Word::No => Ok(()),
        Word::Waits(operation) => {
            overlay.put(waits_key(&operation, stored.cursor), Vec::new());
            Ok(())
        }
        Word::Holds => {
            overlay.put(voucher_key(stored), Voucher { cursor: stored.cursor, counts: true }.encode());
            let header = stored.envelope.header();
            for head in &checkpoint.heads {
                work.broken.insert(LogAt::new(&header.author, &head.scope, &head.key, head.epoch));
            }
            Ok(())
        }
    }
}

/// Forgets a checkpoint that left the log.
pub(crate) fn left(overlay: &mut Overlay<'_>, stored: &Stored, work: &mut Work) -> Result<(), ReadError> {
    let Some(checkpoint) = body(stored) else { return Ok(()) };
    if let Some(signature) = checkpoint.home {
        overlay.delete(waits_key(&signature.node_auth, stored.cursor));
    }
    let key = voucher_key(stored);
    let port: &dyn ReadPort = overlay;
    if port.get(&key)?.is_some() {
        overlay.delete(key);
        work.recheck.insert(codec::short(&stored.envelope.header().author.0));
    }
    Ok(())
}

/// A node operation is here: weighs the checkpoints that waited for it.
pub(crate) fn operation_arrived(
    overlay: &mut Overlay<'_>,
    operation: &EnvelopeId,
    work: &mut Work,
) -> Result<(), ReadError> {
    let from = codec::key(rows::CHECKPOINT_WAITS, &[&operation.short()]);
    let to = codec::prefix_end(&from);
    let mut waiting = Vec::new();
    let port: &dyn ReadPort = overlay;
    port.scan(&from, &to, &mut |key, _| {
        waiting.extend(key.last_chunk::<8>().map(|cursor| (key.to_vec(), Cursor(u64::from_be_bytes(*cursor)))));
        true
    })?;
    for (key, cursor) in waiting {
        overlay.delete(key);
        let port: &dyn ReadPort = overlay;
        if let Some(stored) = port.stored(cursor)? {
            arrived(overlay, &stored, work)?;
        }
    }
    Ok(())
}

/// Looks for countersigned heads in the line of `at`, when one of its logs is broken.
pub(crate) fn gather(overlay: &mut Overlay<'_>, at: LogAt, work: &mut Work) -> Result<(), ReadError> {
    let line = chain::line(overlay, &at)?;
    if line.iter().all(|log| log.row.clean_below() == u64::MAX) {
        return Ok(());
    }
    let mut author = [0; 16];
    author.copy_from_slice(at.author());
    for (_, voucher) in newest(overlay, rows::CHECKPOINT, &author, usize::MAX)? {
        let port: &dyn ReadPort = overlay;
        let Some(stored) = port.stored(voucher.cursor)? else { continue };
        let header = stored.envelope.header();
        let Some(checkpoint) = body(&stored) else { continue };
        let Some(summary) = identity::summary(overlay, header.author)? else { continue };
        if branch::reason(overlay, &summary.branch, &header.auth)?.is_some() {
            continue;
        }
        for head in &checkpoint.heads {
            let place = LogAt::new(&header.author, &head.scope, &head.key, head.epoch);
            if place.line() == at.line() {
                path::name(overlay, place, head, false, &mut work.dirty)?;
            }
        }
    }
    Ok(())
}

/// Weighs all checkpoints of an author anew, after one of them or a branch of its identity lost its weight.
pub(crate) fn recheck(overlay: &mut Overlay<'_>, author: &[u8; 16], work: &mut Work) -> Result<(), ReadError> {
    let touched = path::unmark(overlay, author, false)?;
    for log in logs_from(overlay, author, author, usize::MAX)? {
        if log.row.clean_below() != u64::MAX {
            gather(overlay, log.at, work)?;
        }
    }
    for at in touched {
        chain::evaluate(overlay, at, 0, u64::MAX, &mut work.dirty)?;
    }
    Ok(())
}
