//! What an agent voted.

use crate::content::item;
use crate::content::keys::author_tag;
use crate::content::votes;
use crate::port::{ReadError, ReadPort};
use tidepool_protocol::{AuthorId, EnvelopeId};

/// The vote of `voter` on `target` that stands: 1, -1, or 0 for none. Nobody votes on what is its own, nor on what is not
/// here yet.
///
/// # Errors
/// When the store fails.
pub fn of(port: &dyn ReadPort, voter: &AuthorId, target: &EnvelopeId) -> Result<i8, ReadError> {
    match item::find(port, &target.short())? {
        Some((spot, item)) if item.author != *voter => votes::value(port, spot, &item.scope, &author_tag(voter)),
        Some(_) | None => Ok(0),
    }
}
