//! The contract between core and content: what content is told, and when.
//!
//! The core calls [`apply`] when an envelope begins to stand and [`retract`] when it becomes void or leaves the log.
//! For one envelope the two alternate, starting with `apply`. `retract` is the exact inverse: afterwards every answer is
//! as if the envelope had never come. Neither is called for identity operations, `keep`, checkpoints, unknown kinds,
//! bodies that do not fit, and envelopes without a body.
//!
//! Content may hold an applied envelope for void for reasons of its own; it records that with
//! [`crate::void::mark_content`], takes it back with [`crate::void::unmark_content`], and is not called again for it.
//! Both see the envelope itself in the index.

mod keys;

use crate::overlay::Overlay;
use crate::port::{ReadError, Stored};
use tidepool_protocol::{Body, NetworkGenesis};

/// `stored`, whose decoded body is `body`, stands from now on.
///
/// # Errors
/// When the store fails.
pub fn apply(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    body: &Body,
    genesis: &NetworkGenesis,
) -> Result<(), ReadError> {
    let _ = (overlay, stored, body, genesis);
    Ok(())
}

/// `stored` stands no longer.
///
/// # Errors
/// When the store fails.
pub fn retract(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    body: &Body,
    genesis: &NetworkGenesis,
) -> Result<(), ReadError> {
    let _ = (overlay, stored, body, genesis);
    Ok(())
}
