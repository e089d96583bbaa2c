//! The rows of takedowns and of the audit log.

use crate::error::HomeError;
use crate::model::Subject;
use crate::rows::key;
use bytes::Bytes;
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};
use tidepool_protocol::{AuthorId, EnvelopeId, TimeMs};
use tidepool_views::ReadError;

/// [`subject_key`] → [`TakedownRow`].
const TAKEDOWN: u8 = 0x9b;
/// Number → [`AuditRow`].
const AUDIT: u8 = 0x9c;

/// A takedown that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct TakedownRow {
    pub(crate) reason: String,
    pub(crate) list: Option<String>,
    pub(crate) since_ms: TimeMs,
}

/// An act on a subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct AuditRow {
    pub(crate) time_ms: TimeMs,
    /// Whether it was taken down, or is shown again.
    pub(crate) is_takedown: bool,
    /// As [`subject_key`] writes it.
    pub(crate) subject: ByteBuf,
    pub(crate) reason: String,
    pub(crate) list: Option<String>,
}

/// What a subject is, in a byte, and its id.
pub(crate) fn subject_key(subject: &Subject) -> Vec<u8> {
    match subject {
        Subject::Envelope(id) => [&[0], &id.0[..]].concat(),
        Subject::Author(id) => [&[1], &id.0[..]].concat(),
    }
}

/// The subject at the end of a key.
pub(crate) fn subject_of(bytes: &[u8]) -> Result<Subject, HomeError> {
    let damaged = || HomeError::Store(ReadError { reason: "a row of the home: no subject of a takedown".to_owned() });
    let (kind, id) = bytes.split_last_chunk::<32>().ok_or_else(damaged)?;
    match kind.last() {
        Some(0) => Ok(Subject::Envelope(EnvelopeId(*id))),
        Some(1) => Ok(Subject::Author(AuthorId(*id))),
        Some(_) | None => Err(damaged()),
    }
}

pub(crate) fn takedown_key(subject: &Subject) -> Bytes {
    key(TAKEDOWN, &subject_key(subject))
}

pub(crate) fn takedowns_range() -> (Bytes, Bytes) {
    (key(TAKEDOWN, &[]), key(TAKEDOWN + 1, &[]))
}

pub(crate) fn audit_key(number: u64) -> Bytes {
    key(AUDIT, &number.to_be_bytes())
}

pub(crate) fn audit_range() -> (Bytes, Bytes) {
    (key(AUDIT, &[]), key(AUDIT + 1, &[]))
}

/// The number of an act.
pub(crate) fn number_of(key: &[u8]) -> Result<u64, HomeError> {
    let number = key.last_chunk::<8>().map(|number| u64::from_be_bytes(*number));
    number.ok_or_else(|| HomeError::Store(ReadError { reason: "a row of the home: no number of an act".to_owned() }))
}
