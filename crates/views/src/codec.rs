//! How keys and values of rows are written: fixed-width big-endian keys, packed or CBOR values. A damaged row is a
//! [`ReadError`] that names it, never a panic.

use crate::port::ReadError;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A key of `family` made of `parts`.
#[must_use]
pub fn key(family: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(family);
    for part in parts {
        key.extend_from_slice(part);
    }
    key
}

/// The first key behind all that start with `prefix`; no family is 0xff, so there always is one.
#[must_use]
pub fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}

/// The first sixteen bytes of an id.
#[must_use]
pub fn short(id: &[u8; 32]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&id[..16]);
    short
}

/// Sixteen bytes that a key holds, zeros where it is shorter.
#[must_use]
pub fn short_of(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(bytes) {
        *to = *from;
    }
    short
}

/// What a row that does not read is reported as.
#[must_use]
pub fn damaged(family: u8, what: &str) -> ReadError {
    ReadError { reason: format!("a row of family {family:#04x} is damaged: {what}; `tidepool reindex` builds it anew") }
}

/// A value as CBOR.
///
/// # Panics
/// Never for the row types of this crate: writing to a vector cannot fail, and they have no maps with odd keys.
#[must_use]
pub fn to_cbor<T: Serialize>(value: &T) -> Bytes {
    let mut bytes = Vec::with_capacity(128);
    ciborium::into_writer(value, &mut bytes).expect("writing to a vector cannot fail");
    bytes.into()
}

/// Reads what [`to_cbor`] wrote.
///
/// # Errors
/// When the bytes are not the CBOR of a `T`.
pub fn from_cbor<T: DeserializeOwned>(family: u8, bytes: &[u8]) -> Result<T, ReadError> {
    ciborium::from_reader(bytes).map_err(|error| damaged(family, &error.to_string()))
}

/// Reads a packed value front to back.
pub struct Unpack<'a> {
    family: u8,
    rest: &'a [u8],
}

impl<'a> Unpack<'a> {
    /// Over the value of a row of `family`.
    #[must_use]
    pub const fn new(family: u8, bytes: &'a [u8]) -> Self {
        Self { family, rest: bytes }
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], ReadError> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or_else(|| damaged(self.family, "cut short"))?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        self.take(N)?.try_into().map_err(|_| damaged(self.family, "cut short"))
    }

    /// The next byte.
    ///
    /// # Errors
    /// When none is left.
    pub fn u8(&mut self) -> Result<u8, ReadError> {
        Ok(self.array::<1>()?[0])
    }

    /// The next two bytes, big-endian.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn u16(&mut self) -> Result<u16, ReadError> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next eight bytes, big-endian.
    ///
    /// # Errors
    /// When fewer are left.
    pub fn u64(&mut self) -> Result<u64, ReadError> {
        self.array().map(u64::from_be_bytes)
    }

    /// What was not read yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.rest.len()
    }

    /// Whether everything was read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Refuses what is left over.
    ///
    /// # Errors
    /// When bytes are left.
    pub fn finish(self) -> Result<(), ReadError> {
        if self.rest.is_empty() { Ok(()) } else { Err(damaged(self.family, "bytes behind its end")) }
    }
}
