//! Taking the body of an old envelope away: id, header and signature stay, in the log as in the digests, and content is
//! told as if the envelope had never said anything. Folding the pruned log again gives the same answers.

use crate::content;
use crate::index::{self, Entry};
use crate::overlay::Overlay;
use crate::port::{Cursor, ReadError, ReadPort, Stored};
use tidepool_protocol::{Body, Envelope, Kind, NetworkGenesis};

/// Whether the bodies of this kind may go: texts, which are long and begin with a salt. Votes and tombstones are shorter
/// than their headers, and what they say outlives what they say it of.
#[must_use]
pub const fn is_prunable(kind: Kind) -> bool {
    matches!(kind, Kind::POST | Kind::COMMENT | Kind::EDIT)
}

/// The length of the body of `envelope` that may go; 0 when it has none, or one that stays.
#[must_use]
pub fn prunable_bytes(envelope: &Envelope) -> u64 {
    let body = envelope.body().filter(|_| is_prunable(envelope.header().kind));
    body.map_or(0, |body| body.len() as u64)
}

/// Takes the body of the envelope at `cursor` away, in the views: what the log must hold in its place. `None` when there
/// is none that may go.
///
/// # Errors
/// When the store fails.
pub fn prune(overlay: &mut Overlay<'_>, cursor: Cursor, genesis: &NetworkGenesis) -> Result<Option<Stored>, ReadError> {
    let port: &dyn ReadPort = overlay;
    let Some(stored) = port.stored(cursor)? else { return Ok(None) };
    let header = stored.envelope.header();
    let Some(body) = stored.envelope.body().filter(|_| is_prunable(header.kind)) else { return Ok(None) };
    let id = stored.envelope.id();
    let Some(entry) = index::get(overlay, &id)?.filter(|entry| entry.cursor == cursor) else { return Ok(None) };
    if entry.applied
        && let Ok(Some(body)) = Body::decode(header.kind, body)
    {
        content::retract(overlay, &stored, &body, entry.spot, genesis)?;
    }
    // Content may have taken back its own reason.
    let entry = index::get(overlay, &id)?.unwrap_or(entry);
    index::put(overlay, &Entry { body: false, applied: false, content: None, ..entry });
    Ok(Some(Stored { envelope: stored.envelope.erased(), ..stored }))
}
