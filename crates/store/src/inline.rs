//! Keys of ordered maps with their first bytes beside them: most comparisons end there, without a look at the key's own
//! memory.

use bytes::Bytes;
use equivalent::{Comparable, Equivalent};
use std::cmp::Ordering;

/// The bytes that lie beside a key: a family, a spot and a scope, say.
const FIRST_BYTES: usize = 24;

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    first: [u64; 3],
    pub(crate) bytes: Bytes,
}

/// A key to look for.
pub(crate) struct Probe<'k> {
    first: [u64; 3],
    bytes: &'k [u8],
}

/// The first bytes, as numbers of the same order.
fn first_of(key: &[u8]) -> [u64; 3] {
    let mut bytes = [0; FIRST_BYTES];
    let length = key.len().min(FIRST_BYTES);
    bytes[..length].copy_from_slice(&key[..length]);
    let mut first = [0; 3];
    for (number, bytes) in first.iter_mut().zip(bytes.chunks_exact(8)) {
        *number = bytes.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    }
    first
}

impl From<Bytes> for Key {
    fn from(bytes: Bytes) -> Self {
        Self { first: first_of(&bytes), bytes }
    }
}

impl<'k> From<&'k [u8]> for Probe<'k> {
    fn from(bytes: &'k [u8]) -> Self {
        Self { first: first_of(bytes), bytes }
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.first.cmp(&other.first).then_with(|| self.bytes.cmp(&other.bytes))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Equivalent<Key> for Probe<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.first == key.first && self.bytes == key.bytes.as_ref()
    }
}

impl Comparable<Key> for Probe<'_> {
    fn compare(&self, key: &Key) -> Ordering {
        self.first.cmp(&key.first).then_with(|| self.bytes.cmp(key.bytes.as_ref()))
    }
}
