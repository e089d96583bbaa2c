//! The rows of one log, packed: a summary with the newest positions, and chunks of older ones.

use crate::codec::{Unpack, damaged};
use crate::port::{Cursor, ReadError};
use crate::rows;
use crate::void::VoidReason;
use tidepool_protocol::{PublicKey, Scope};

/// Positions per chunk: an append rewrites half of this on average, at some 34 bytes each.
pub(crate) const CHUNK_POSITIONS: u64 = 32;

/// What is known of an envelope at a position, beyond its id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits(u8);

impl Bits {
    /// It is a kept head or an ancestor of one.
    pub(crate) const KEPT: Self = Self(1);
    /// It is a countersigned head or an ancestor of one.
    pub(crate) const COUNTERSIGNED: Self = Self(2);
    const FORK: Self = Self(4);
    const AFTER: Self = Self(8);
    const PREDECESSOR: Self = Self(16);
    /// It is a `keep`.
    pub(crate) const IS_KEEP: Self = Self(128);
    const HAS_PREV: u8 = 32;
    const PREV_IS_BELOW: u8 = 64;
    const CHAIN: u8 = Self::FORK.0 | Self::AFTER.0 | Self::PREDECESSOR.0;

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    #[must_use]
    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Why its log voids it as long as its key is open.
    pub(crate) const fn chain(self) -> Option<VoidReason> {
        if self.has(Self::FORK) {
            Some(VoidReason::Fork)
        } else if self.has(Self::PREDECESSOR) {
            Some(VoidReason::Predecessor)
        } else if self.has(Self::AFTER) {
            Some(VoidReason::AfterFork)
        } else {
            None
        }
    }

    /// The same with another verdict of its log.
    #[must_use]
    pub(crate) fn with_chain(self, reason: Option<VoidReason>) -> Self {
        let clear = Self(self.0 & !Self::CHAIN);
        match reason {
            Some(VoidReason::Fork) => clear.with(Self::FORK),
            Some(VoidReason::Predecessor) => clear.with(Self::PREDECESSOR),
            Some(_) => clear.with(Self::AFTER),
            None => clear,
        }
    }
}

/// One envelope at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) seq: u64,
    pub(crate) id: [u8; 16],
    pub(crate) prev: Option<[u8; 16]>,
    pub(crate) time_ms: u64,
    pub(crate) cursor: Cursor,
    pub(crate) bits: Bits,
}

/// The envelopes at [`CHUNK_POSITIONS`] positions, by position and id.
pub(crate) type Chunk = Vec<At>;

/// A head that a `keep` or a checkpoint names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    /// Whether by a `keep`; else by a countersigned checkpoint.
    pub(crate) kept: bool,
    pub(crate) seq: u64,
    pub(crate) id: [u8; 16],
}

/// The summary of one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogRow {
    pub(crate) key: PublicKey,
    pub(crate) scope: Scope,
    /// The lowest position that is forked or contradicts what is known of the one before it in this log.
    pub(crate) broken: Option<u64>,
    /// Whether the log goes on from an envelope that its own log voids, or that contradicts its first one.
    pub(crate) inherits: bool,
    /// Sorted.
    pub(crate) named: Vec<Named>,
    /// The number of the newest chunk.
    pub(crate) tail: u64,
    pub(crate) newest: Chunk,
}

const BROKEN: u8 = 1;
const INHERITS: u8 = 2;

impl LogRow {
    pub(crate) fn new(key: PublicKey, scope: Scope) -> Self {
        Self { key, scope, broken: None, inherits: false, named: Vec::new(), tail: 0, newest: Vec::new() }
    }

    /// Below this position everything stands as far as the log goes.
    pub(crate) fn clean_below(&self) -> u64 {
        if self.inherits { 0 } else { self.broken.unwrap_or(u64::MAX) }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let scope = self.scope.to_string();
        let mut out = Vec::with_capacity(128 + self.newest.len() * 50);
        out.extend_from_slice(&self.key.0);
        out.push(u8::try_from(scope.len()).expect("a scope has at most 64 bytes"));
        out.extend_from_slice(scope.as_bytes());
        out.push(if self.broken.is_some() { BROKEN } else { 0 } | if self.inherits { INHERITS } else { 0 });
        if let Some(broken) = self.broken {
            out.extend_from_slice(&broken.to_be_bytes());
        }
        out.extend_from_slice(&(self.named.len() as u64).to_be_bytes());
        for named in &self.named {
            out.push(u8::from(named.kept));
            out.extend_from_slice(&named.seq.to_be_bytes());
            out.extend_from_slice(&named.id);
        }
        out.extend_from_slice(&self.tail.to_be_bytes());
        encode_chunk(self.tail, &self.newest, &mut out);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, ReadError> {
        let mut value = Unpack::new(rows::LOG, bytes);
        let key = PublicKey(value.array()?);
        let length = usize::from(value.u8()?);
        let scope = std::str::from_utf8(value.take(length)?).ok().and_then(|text| text.parse().ok());
        let scope = scope.ok_or_else(|| damaged(rows::LOG, "no scope"))?;
        let flags = value.u8()?;
        let broken = if flags & BROKEN != 0 { Some(value.u64()?) } else { None };
        let mut named = Vec::new();
        for _ in 0..value.u64()? {
            let kept = value.u8()? != 0;
            named.push(Named { kept, seq: value.u64()?, id: value.array()? });
        }
        let tail = value.u64()?;
        let newest = decode_entries(tail, &mut value)?;
        Ok(Self { key, scope, broken, inherits: flags & INHERITS != 0, named, tail, newest })
    }
}

/// Appends `chunk`, whose number is `number`, to `out`.
pub(crate) fn encode_chunk(number: u64, chunk: &[At], out: &mut Vec<u8>) {
    let mut below: Option<&At> = None;
    for at in chunk {
        // What follows the entry before it in the ordinary way need not name it.
        let elided = match (below, at.prev) {
            (Some(below), Some(prev)) => below.seq + 1 == at.seq && below.id == prev,
            _ => false,
        };
        let offset = at.seq - number * CHUNK_POSITIONS;
        out.push(u8::try_from(offset).unwrap_or(u8::MAX));
        let flags = if at.prev.is_some() { Bits::HAS_PREV } else { 0 } | if elided { Bits::PREV_IS_BELOW } else { 0 };
        out.push(at.bits.0 | flags);
        out.extend_from_slice(&at.id);
        if let (Some(prev), false) = (at.prev, elided) {
            out.extend_from_slice(&prev);
        }
        out.extend_from_slice(&at.time_ms.to_be_bytes());
        out.extend_from_slice(&at.cursor.0.to_be_bytes());
        below = Some(at);
    }
}

/// Reads a whole row of older positions.
pub(crate) fn decode_chunk(number: u64, bytes: &[u8]) -> Result<Chunk, ReadError> {
    decode_entries(number, &mut Unpack::new(rows::LOG_CHUNK, bytes))
}

fn decode_entries(number: u64, value: &mut Unpack<'_>) -> Result<Chunk, ReadError> {
    let base = number.checked_mul(CHUNK_POSITIONS).ok_or_else(|| damaged(rows::LOG_CHUNK, "a position too high"))?;
    // The shortest entry: offset, bits, id, time, cursor. One more will likely be put in.
    let mut chunk: Chunk = Vec::with_capacity(value.left() / (2 + 16 + 8 + 8) + 1);
    while !value.is_empty() {
        let offset = u64::from(value.u8()?);
        if offset >= CHUNK_POSITIONS {
            return Err(damaged(rows::LOG_CHUNK, "a position of another chunk"));
        }
        let flags = value.u8()?;
        let id = value.array()?;
        let prev = if flags & Bits::HAS_PREV == 0 {
            None
        } else if flags & Bits::PREV_IS_BELOW != 0 {
            Some(chunk.last().ok_or_else(|| damaged(rows::LOG_CHUNK, "no entry below"))?.id)
        } else {
            Some(value.array()?)
        };
        let bits = Bits(flags & !(Bits::HAS_PREV | Bits::PREV_IS_BELOW));
        let seq = base.checked_add(offset).ok_or_else(|| damaged(rows::LOG_CHUNK, "a position too high"))?;
        chunk.push(At { seq, id, prev, time_ms: value.u64()?, cursor: Cursor(value.u64()?), bits });
    }
    Ok(chunk)
}
