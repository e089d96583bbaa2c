//! The fold: what one admitted envelope changes in the views.
//!
//! A deterministic function of the rows before it and the envelope: never of the time, never of randomness. Folding one
//! log in its order gives the same rows again.

use crate::index::{self, Entry};
use crate::overlay::Overlay;
use crate::port::{Cursor, ReadError, Stored};
use tidepool_protocol::{EnvelopeId, NetworkGenesis, Slot, TimeMs};

/// An envelope that left the log: its position holds two lower ids, and no kept head descends from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evicted {
    /// Which.
    pub id: EnvelopeId,
    /// The slot whose digest it leaves.
    pub slot: Slot,
    /// Its time, by which the digest finds it.
    pub time_ms: TimeMs,
    /// Where the log holds it; may lie in the open batch.
    pub cursor: Cursor,
}

/// What a fold did beside writing rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// What left the log, perhaps the envelope that was folded itself. Its rows are gone already.
    pub evicted: Vec<Evicted>,
    /// Whether jobs wait: call [`crate::void::run_jobs`] soon.
    pub jobs: bool,
}

/// Folds an admitted envelope into the views.
///
/// The caller has pushed `stored` into the overlay, or it lies in the log already (after a crash, or to reindex). An
/// envelope that the index knows is not folded again: nothing changes.
///
/// # Errors
/// When the store fails.
pub fn fold(overlay: &mut Overlay<'_>, stored: &Stored, genesis: &NetworkGenesis) -> Result<Folded, ReadError> {
    let _ = genesis;
    let id = stored.envelope.id();
    if index::get(overlay, &id)?.is_some() {
        return Ok(Folded::default());
    }
    let entry = Entry {
        id,
        cursor: stored.cursor,
        kind: stored.envelope.header().kind,
        body: stored.envelope.body().is_some(),
        applied: false,
        core: None,
        content: None,
    };
    index::put(overlay, &entry);
    Ok(Folded::default())
}
