//! Ids in paths: whatever is no id names nothing, which is 404 and not 400, because ids are opaque to clients.

use crate::error::{ApiError, seen};
use tidepool_protocol::EnvelopeId;

/// The id of a post, comment or envelope.
pub(crate) fn envelope_id(what: &'static str, text: &str) -> Result<EnvelopeId, ApiError> {
    text.parse().map_err(|_| ApiError::NoSuchId { what, seen: seen(text) })
}
