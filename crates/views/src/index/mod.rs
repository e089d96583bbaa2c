//! The index of envelopes: id -> where it lies in this node's log, its kind, and whether it is shown.
//!
//! Keys are the first sixteen bytes of the id, the value holds the rest: an entry is always of exactly the id asked for.

use crate::codec::{self, Unpack, damaged};
use crate::overlay::Overlay;
use crate::port::{Cursor, ReadError, ReadPort, Rows, Stored};
use crate::rows;
use crate::void::VoidReason;
use tidepool_protocol::{EnvelopeId, Kind};

/// What is known of one envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: EnvelopeId,
    /// Its place in this node's log.
    pub cursor: Cursor,
    /// Its kind.
    pub kind: Kind,
    /// Whether its body is there.
    pub body: bool,
    /// Whether content has applied it and not retracted it.
    pub applied: bool,
    /// Why the core holds it for void, as of the last time content was told.
    pub core: Option<VoidReason>,
    /// Why content holds it for void.
    pub content: Option<VoidReason>,
}

impl Entry {
    /// Why it is void, as recorded. While a job runs, [`crate::void::verdict`] knows better.
    #[must_use]
    pub fn void(&self) -> Option<VoidReason> {
        self.core.or(self.content)
    }
}

const BODY: u8 = 1;
const APPLIED: u8 = 2;

fn row_key(short: &[u8; 16]) -> Vec<u8> {
    codec::key(rows::INDEX, &[short])
}

fn reason(code: u8) -> Result<Option<VoidReason>, ReadError> {
    match code {
        0 => Ok(None),
        code => VoidReason::from_code(code).map(Some).ok_or_else(|| damaged(rows::INDEX, "an unknown reason")),
    }
}

fn read(short: &[u8; 16], value: &[u8]) -> Result<Entry, ReadError> {
    let mut value = Unpack::new(rows::INDEX, value);
    let mut id = [0; 32];
    id[..16].copy_from_slice(short);
    id[16..].copy_from_slice(value.take(16)?);
    let cursor = Cursor(value.u64()?);
    let kind = Kind(value.u16()?);
    let flags = value.u8()?;
    let core = reason(value.u8()?)?;
    let content = reason(value.u8()?)?;
    value.finish()?;
    let (body, applied) = (flags & BODY != 0, flags & APPLIED != 0);
    Ok(Entry { id: EnvelopeId(id), cursor, kind, body, applied, core, content })
}

/// The entry of the envelope whose id starts with `short`.
///
/// # Errors
/// When the store fails.
pub fn by_short(rows: &dyn Rows, short: &[u8; 16]) -> Result<Option<Entry>, ReadError> {
    rows.get(&row_key(short))?.map(|value| read(short, &value)).transpose()
}

/// The entry of the envelope `id`.
///
/// # Errors
/// When the store fails.
pub fn get(rows: &dyn Rows, id: &EnvelopeId) -> Result<Option<Entry>, ReadError> {
    Ok(by_short(rows, &id.short())?.filter(|entry| entry.id == *id))
}

/// The entry and the envelope `id`.
///
/// # Errors
/// When the store fails, or the index names an envelope that the log does not hold.
pub fn envelope(port: &dyn ReadPort, id: &EnvelopeId) -> Result<Option<(Entry, Stored)>, ReadError> {
    let Some(entry) = get(port, id)? else { return Ok(None) };
    stored(port, &entry).map(|stored| Some((entry, stored)))
}

/// The envelope of an entry.
///
/// # Errors
/// When the store fails, or the log does not hold it.
pub fn stored(port: &dyn ReadPort, entry: &Entry) -> Result<Stored, ReadError> {
    match port.stored(entry.cursor)? {
        Some(stored) if stored.envelope.id() == entry.id => Ok(stored),
        Some(_) | None => Err(damaged(rows::INDEX, "it names an envelope that the log does not hold")),
    }
}

pub(crate) fn put(overlay: &mut Overlay<'_>, entry: &Entry) {
    let mut value = Vec::with_capacity(29);
    value.extend_from_slice(&entry.id.0[16..]);
    value.extend_from_slice(&entry.cursor.0.to_be_bytes());
    value.extend_from_slice(&entry.kind.0.to_be_bytes());
    value.push(if entry.body { BODY } else { 0 } | if entry.applied { APPLIED } else { 0 });
    value.push(entry.core.map_or(0, VoidReason::code));
    value.push(entry.content.map_or(0, VoidReason::code));
    overlay.put(row_key(&entry.id.short()), value);
}

pub(crate) fn delete(overlay: &mut Overlay<'_>, id: &EnvelopeId) {
    overlay.delete(row_key(&id.short()));
}
