//! Logs: which envelopes stand at which positions, which are kept, what is missing.

use crate::port::{ReadError, Rows};
use tidepool_protocol::body::Head;
use tidepool_protocol::envelope::LogId;
use tidepool_protocol::{AuthorId, EnvelopeId, Epoch, Header, PublicKey, Scope};

/// What becomes of an arriving envelope at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It is held.
    Held,
    /// It is held, and this one leaves.
    Evicts(EnvelopeId),
    /// Two lower ids stand at its position, and no kept head descends from it: it is not held.
    Refused,
}

/// Whether an arriving envelope would be held, and whom it would evict.
///
/// # Errors
/// When the store fails.
pub fn holds(rows: &dyn Rows, header: &Header, id: &EnvelopeId) -> Result<Hold, ReadError> {
    let _ = (rows, header, id);
    Ok(Hold::Held)
}

/// The newest head of one key of one author in one scope: the greatest epoch and in it the greatest position; the lowest id there.
///
/// # Errors
/// When the store fails.
pub fn head(rows: &dyn Rows, author: AuthorId, key: PublicKey, scope: &Scope) -> Result<Option<Head>, ReadError> {
    let _ = (rows, author, key, scope);
    Ok(None)
}

/// Heads of `author`'s logs behind `after` in the order of the rows, at most `limit`.
///
/// # Errors
/// When the store fails.
pub fn heads(rows: &dyn Rows, author: AuthorId, after: Option<&LogId>, limit: usize) -> Result<Vec<Head>, ReadError> {
    let _ = (rows, author, after, limit);
    Ok(Vec::new())
}

/// The ids held in `log` at positions `from` to `to` (inclusive), at most `limit`, in order of position and id.
///
/// # Errors
/// When the store fails.
pub fn range(rows: &dyn Rows, log: &LogId, from: u64, to: u64, limit: usize) -> Result<Vec<EnvelopeId>, ReadError> {
    let _ = (rows, log, from, to, limit);
    Ok(Vec::new())
}

/// The positions below the head of `log` at which nothing is held, as inclusive ranges, at most `limit`.
///
/// # Errors
/// When the store fails.
pub fn gaps(rows: &dyn Rows, log: &LogId, limit: usize) -> Result<Vec<(u64, u64)>, ReadError> {
    let _ = (rows, log, limit);
    Ok(Vec::new())
}

/// The greatest epoch in which `key` of `author` has a log in `scope`.
///
/// # Errors
/// When the store fails.
pub fn last_epoch(
    rows: &dyn Rows,
    author: AuthorId,
    key: PublicKey,
    scope: &Scope,
) -> Result<Option<Epoch>, ReadError> {
    Ok(head(rows, author, key, scope)?.map(|head| head.epoch))
}
