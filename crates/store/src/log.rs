//! Blocks of the log: up to 32 envelopes with what this node noted about each, packed into one value.
//!
//! A block decodes into offsets; an envelope is cut out of it only when it is asked for, and shares its bytes.

use crate::codec::{self, CodecError, put_bytes, take_bytes, take_u8, take_u64};
use bytes::{BufMut, Bytes, BytesMut};
use tidepool_protocol::{Envelope, PublicKey, TimeMs, Verified};
use tidepool_views::{Cursor, Origin, ReadError, Stored};

/// At most this many envelopes share a block: more would cost a reader of one of them too much unpacking.
pub(crate) const BLOCK_ENVELOPES_MAX: usize = 32;

/// A block closes before it passes this many bytes, unpacked, unless one envelope is larger: the engine keeps sixteen
/// values in a leaf, and leaves beyond a quarter of a segment become files of their own.
pub(crate) const BLOCK_BYTES_MAX: usize = 24 * 1024;

/// One envelope of a block, its bytes unread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) cursor: Cursor,
    received_ms: TimeMs,
    origin: Origin,
    bytes: Bytes,
}

impl From<&Stored> for Entry {
    fn from(stored: &Stored) -> Self {
        Self {
            cursor: stored.cursor,
            received_ms: stored.received_ms,
            origin: stored.origin,
            bytes: stored.envelope.bytes().clone(),
        }
    }
}

impl Entry {
    /// The envelope, decoded. It was verified before it was written.
    pub(crate) fn stored(&self) -> Result<Stored, ReadError> {
        let envelope = Envelope::decode(self.bytes.clone())
            .map_err(|error| ReadError { reason: format!("envelope {} of the log: {error}", self.cursor.0) })?;
        Ok(Stored {
            cursor: self.cursor,
            received_ms: self.received_ms,
            origin: self.origin,
            envelope: Verified::from_own_store(envelope),
        })
    }

    /// What it takes in a block, unpacked.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + 64
    }

    pub(crate) fn put(&self, into: &mut BytesMut) {
        into.put_u64(self.cursor.0);
        into.put_u64(self.received_ms.0);
        match &self.origin {
            Origin::Local => into.put_u8(0),
            Origin::Peer(key) => {
                into.put_u8(1);
                into.put_slice(key.as_bytes());
            }
        }
        put_bytes(into, &self.bytes);
    }

    pub(crate) fn take(from: &mut Bytes) -> Result<Self, CodecError> {
        let cursor = Cursor(take_u64(from)?);
        let received_ms = TimeMs(take_u64(from)?);
        let origin = match take_u8(from)? {
            0 => Origin::Local,
            1 if from.len() >= PublicKey::LEN => {
                let key = from.split_to(PublicKey::LEN);
                Origin::Peer(PublicKey::from_slice(&key).ok_or(CodecError::Shape)?)
            }
            _ => return Err(CodecError::Shape),
        };
        Ok(Self { cursor, received_ms, origin, bytes: take_bytes(from)? })
    }
}

/// A block, unpacked.
#[derive(Debug)]
pub(crate) struct Block {
    /// Where it stands: its first cursor when it was made, which may have been erased since.
    pub(crate) start: Cursor,
    /// Ascending by cursor, none missing a cursor above the one before.
    pub(crate) entries: Vec<Entry>,
    /// Memory that it holds.
    pub(crate) bytes: usize,
}

impl Block {
    pub(crate) fn new(start: Cursor, entries: Vec<Entry>) -> Self {
        let bytes = entries.iter().map(|entry| entry.len() + size_of::<Entry>()).sum();
        Self { start, entries, bytes }
    }

    /// The entry at `cursor`.
    pub(crate) fn entry(&self, cursor: Cursor) -> Option<&Entry> {
        let at = self.entries.binary_search_by_key(&cursor, |entry| entry.cursor).ok()?;
        self.entries.get(at)
    }

    /// Packs it.
    pub(crate) fn seal(&self) -> Result<Vec<u8>, CodecError> {
        let mut raw = BytesMut::with_capacity(self.bytes);
        for entry in &self.entries {
            entry.put(&mut raw);
        }
        codec::seal(&raw)
    }

    /// Unpacks it.
    pub(crate) fn open(start: Cursor, sealed: &[u8]) -> Result<Self, CodecError> {
        let mut raw = codec::open(sealed)?;
        let mut entries: Vec<Entry> = Vec::with_capacity(BLOCK_ENVELOPES_MAX);
        while !raw.is_empty() {
            let entry = Entry::take(&mut raw)?;
            if entries.last().is_some_and(|last| last.cursor >= entry.cursor) {
                return Err(CodecError::Shape);
            }
            entries.push(entry);
        }
        Ok(Self::new(start, entries))
    }
}

/// Cuts entries into blocks, in order.
pub(crate) fn blocks(entries: impl IntoIterator<Item = Entry>) -> Vec<Block> {
    let mut blocks = Vec::new();
    let close = |entries: Vec<Entry>| Block::new(entries.first().map_or(Cursor::START, |first| first.cursor), entries);
    let mut open: Vec<Entry> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        let full = open.len() >= BLOCK_ENVELOPES_MAX || bytes + entry.len() > BLOCK_BYTES_MAX;
        if full && !open.is_empty() {
            blocks.push(close(std::mem::take(&mut open)));
            bytes = 0;
        }
        bytes += entry.len();
        open.push(entry);
    }
    if !open.is_empty() {
        blocks.push(close(open));
    }
    blocks
}
