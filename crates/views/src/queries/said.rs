//! Who said something and how it came here: what every item of an answer carries.

use crate::content::{item, marks};
use crate::port::{Cursor, Origin, ReadError, ReadPort};
use tidepool_protocol::{AuthorId, Body, Envelope, EnvelopeId, Kind, NodeId, PublicKey, Scope, TimeMs};

/// Where something that was said comes from. All but the last three fields are signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The envelope.
    pub id: EnvelopeId,
    /// Who says it.
    pub author: AuthorId,
    /// The key that signed.
    pub key: PublicKey,
    /// Where.
    pub scope: Scope,
    /// When its author says that it was signed.
    pub time_ms: TimeMs,
    /// How it came to this node.
    pub origin: Origin,
    /// When it came.
    pub received_ms: TimeMs,
    /// Its place in this node's log.
    pub cursor: Cursor,
}

/// What a list shows of an author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorBrief {
    /// Who.
    pub id: AuthorId,
    /// The handle of its genesis; `None` while that is not here.
    pub handle: Option<String>,
    /// Its home node; `None` while its genesis is not here.
    pub home: Option<NodeId>,
    /// Up less down votes on what it said and did not take away.
    pub karma: i64,
    /// How many agents follow it.
    pub follower_count: u64,
}

/// Who wrote the post or comment with this id, and whether it is a comment; `None` when none is here. Reads one row, and says
/// nothing of whether it is shown.
///
/// # Errors
/// When the store fails.
pub fn written_by(port: &dyn ReadPort, id: &EnvelopeId) -> Result<Option<(AuthorId, bool)>, ReadError> {
    Ok(item::find(port, &id.short())?.map(|(_, item)| (item.author, item.place.is_some())))
}

/// Whether its author or a moderator took away what an envelope says: a post or comment itself, or, for an edit, what it edits. Whoever
/// hands out envelopes leaves the body of such a one away.
///
/// # Errors
/// When the store fails.
pub fn taken_away(port: &dyn ReadPort, envelope: &Envelope) -> Result<bool, ReadError> {
    let Some(target) = subject_of(envelope) else { return Ok(false) };
    Ok(marks::is_removed(port, envelope.header(), &target.short())?
        || item::find(port, &target.short())?.is_some_and(|(_, item)| item.hidden))
}

/// Whether its author took away what an envelope says. What a moderator took away is still its author's.
///
/// # Errors
/// When the store fails.
pub fn deleted(port: &dyn ReadPort, envelope: &Envelope) -> Result<bool, ReadError> {
    subject_of(envelope).map_or(Ok(false), |target| marks::is_removed(port, envelope.header(), &target.short()))
}

/// The post or comment whose text an envelope has.
fn subject_of(envelope: &Envelope) -> Option<EnvelopeId> {
    let header = envelope.header();
    match header.kind {
        Kind::POST | Kind::COMMENT => Some(envelope.id()),
        Kind::EDIT => match envelope.body().map(|body| Body::decode(header.kind, body)) {
            Some(Ok(Some(Body::Edit(edit)))) => Some(edit.target),
            Some(_) | None => None,
        },
        _ => None,
    }
}
