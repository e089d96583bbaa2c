//! The index of envelopes: id -> where it lies in this node's log, its kind, whether it is shown, and its *spot*.
//!
//! Keys are the first sixteen bytes of the id, the value holds the rest: an entry is always of exactly the id asked for.
//! An id that was only spoken of so far (voted on, answered) has a row too, with its spot alone.

use crate::codec::{self, Unpack, damaged};
use crate::overlay::Overlay;
use crate::port::{Cursor, ReadError, ReadPort, Rows, Stored};
use crate::rows;
use crate::void::VoidReason;
use tidepool_protocol::{EnvelopeId, Kind};

/// The number under which rows about one envelope stand on this node, in place of its id. Spots follow the order in which
/// the node heard of envelopes, so rows about what is talked of now lie side by side; ids would scatter them over all
/// that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot(u64);

impl Spot {
    /// The spot of an envelope of which nothing was heard before it came to `cursor`.
    #[must_use]
    pub const fn of(cursor: Cursor) -> Self {
        Self(cursor.0 << 1)
    }

    /// The spot of an id that the envelope at `cursor` was the first to speak of. It speaks of one id only.
    const fn spoken_of_at(cursor: Cursor) -> Self {
        Self(cursor.0 << 1 | 1)
    }

    /// As keys hold it.
    pub(crate) const fn bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

/// What is known of one envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: EnvelopeId,
    /// Where rows about it stand.
    pub spot: Spot,
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

/// A row of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The envelope is here.
    Here(Entry),
    /// Others spoke of it.
    SpokenOf(Spot),
}

impl Found {
    pub(crate) const fn spot(&self) -> Spot {
        match self {
            Self::Here(entry) => entry.spot,
            Self::SpokenOf(spot) => *spot,
        }
    }
}

const BODY: u8 = 1;
const APPLIED: u8 = 2;
/// It was spoken of before it came: its spot stands at the end.
const SPOKEN_OF: u8 = 4;

fn row_key(short: &[u8; 16]) -> Vec<u8> {
    codec::key(rows::INDEX, &[short])
}

fn reason(code: u8) -> Result<Option<VoidReason>, ReadError> {
    match code {
        0 => Ok(None),
        code => VoidReason::from_code(code).map(Some).ok_or_else(|| damaged(rows::INDEX, "an unknown reason")),
    }
}

pub(crate) fn read(short: &[u8; 16], value: &[u8]) -> Result<Found, ReadError> {
    if let Ok(spot) = value.try_into() {
        return Ok(Found::SpokenOf(Spot(u64::from_be_bytes(spot))));
    }
    let mut value = Unpack::new(rows::INDEX, value);
    let mut id = [0; 32];
    id[..16].copy_from_slice(short);
    id[16..].copy_from_slice(value.take(16)?);
    let cursor = Cursor(value.u64()?);
    let kind = Kind(value.u16()?);
    let flags = value.u8()?;
    let core = reason(value.u8()?)?;
    let content = reason(value.u8()?)?;
    let spot = if flags & SPOKEN_OF == 0 { Spot::of(cursor) } else { Spot(value.u64()?) };
    value.finish()?;
    let (body, applied) = (flags & BODY != 0, flags & APPLIED != 0);
    Ok(Found::Here(Entry { id: EnvelopeId(id), spot, cursor, kind, body, applied, core, content }))
}

/// What is known of the envelope whose id starts with `short`.
pub(crate) fn find(rows: &dyn Rows, short: &[u8; 16]) -> Result<Option<Found>, ReadError> {
    rows.get(&row_key(short))?.map(|value| read(short, &value)).transpose()
}

/// Where rows about the envelope whose id starts with `short` stand; `None` when nobody spoke of it.
pub(crate) fn spot(rows: &dyn Rows, short: &[u8; 16]) -> Result<Option<Spot>, ReadError> {
    Ok(find(rows, short)?.map(|found| found.spot()))
}

/// The same for what the envelope at `by` speaks of: it gets a spot if it has none.
pub(crate) fn spot_spoken_of(overlay: &mut Overlay<'_>, short: &[u8; 16], by: Cursor) -> Result<Spot, ReadError> {
    if let Some(spot) = spot(overlay, short)? {
        return Ok(spot);
    }
    let spot = Spot::spoken_of_at(by);
    put_spot(overlay, short, spot);
    Ok(spot)
}

fn put_spot(overlay: &mut Overlay<'_>, short: &[u8; 16], spot: Spot) {
    overlay.put(row_key(short), spot.bytes().to_vec());
}

/// The entry of the envelope whose id starts with `short`.
///
/// # Errors
/// When the store fails.
pub fn by_short(rows: &dyn Rows, short: &[u8; 16]) -> Result<Option<Entry>, ReadError> {
    Ok(match find(rows, short)? {
        Some(Found::Here(entry)) => Some(entry),
        Some(Found::SpokenOf(_)) | None => None,
    })
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
    let mut value = Vec::with_capacity(37);
    value.extend_from_slice(&entry.id.0[16..]);
    value.extend_from_slice(&entry.cursor.0.to_be_bytes());
    value.extend_from_slice(&entry.kind.0.to_be_bytes());
    let spoken_of = entry.spot != Spot::of(entry.cursor);
    let flag = |on: bool, bit: u8| if on { bit } else { 0 };
    value.push(flag(entry.body, BODY) | flag(entry.applied, APPLIED) | flag(spoken_of, SPOKEN_OF));
    value.push(entry.core.map_or(0, VoidReason::code));
    value.push(entry.content.map_or(0, VoidReason::code));
    if spoken_of {
        value.extend_from_slice(&entry.spot.bytes());
    }
    overlay.put(row_key(&entry.id.short()), value);
}

/// Takes the entry away. While others speak of it, its spot stays.
pub(crate) fn delete(overlay: &mut Overlay<'_>, entry: &Entry, is_spoken_of: bool) {
    if is_spoken_of {
        put_spot(overlay, &entry.id.short(), entry.spot);
    } else {
        overlay.delete(row_key(&entry.id.short()));
    }
}

/// Nobody speaks of this id any more. Only for one whose envelope is not here.
pub(crate) fn forget(overlay: &mut Overlay<'_>, short: &[u8; 16]) {
    overlay.delete(row_key(short));
}
