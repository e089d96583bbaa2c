//! Canonical CBOR: the one form in which anything signed may be written.
//!
//! ciborium reads and writes the values; the form is held here, because ciborium accepts longer integers than needed,
//! leaves trailing bytes unread and takes a length for a fact. Before anything is decoded, [`check`] walks the bytes
//! without allocating: definite lengths, shortest integers, no floats, no tags, no maps, at most
//! [`CBOR_DEPTH_MAX`] levels, no length beyond the bytes that are there, valid UTF-8, nothing behind the end. After
//! decoding, the value is encoded again and must give the same bytes. Source: RFC 8949, section 4.2.1.

use crate::limits::CBOR_DEPTH_MAX;
use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::marker::PhantomData;

/// Why bytes are not the canonical form of a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// More bytes than such a value may have.
    #[error("{seen} bytes, at most {allowed} are allowed")]
    TooLong {
        /// How many there are.
        seen: usize,
        /// How many there may be.
        allowed: usize,
    },
    /// The bytes end within a value, or a length claims more than is there.
    #[error("cut short at byte {at}")]
    Truncated {
        /// Where the value that does not fit begins.
        at: usize,
    },
    /// Bytes behind the value.
    #[error("{count} bytes behind the end of the value")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// Valid CBOR that is not in canonical form, or of a type that is not used here.
    #[error("byte {at}: {what}")]
    NotCanonical {
        /// Where.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// Canonical CBOR of another shape than the value asked for.
    #[error("the bytes do not have the shape of the value")]
    Shape,
}

/// The head of one item: its major type and its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    Unsigned(u64),
    Negative(u64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(usize),
    Bool(bool),
    Null,
}

/// Reads items one by one in canonical form; never allocates.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn finish(self) -> Result<(), CborError> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            count => Err(CborError::Trailing { count }),
        }
    }

    fn take(&mut self, count: usize, start: usize) -> Result<&'a [u8], CborError> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(CborError::Truncated { at: start })?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn argument(&mut self, low: u8, start: usize) -> Result<u64, CborError> {
        let not_shortest =
            CborError::NotCanonical { at: start, what: "an integer or length is not in its shortest form" };
        let (value, least) = match low {
            0..=23 => return Ok(u64::from(low)),
            24 => (u64::from(self.take(1, start)?[0]), 24),
            25 => (self.big_endian(2, start)?, 0x100),
            26 => (self.big_endian(4, start)?, 0x1_0000),
            27 => (self.big_endian(8, start)?, 0x1_0000_0000),
            31 => return Err(CborError::NotCanonical { at: start, what: "an indefinite length" }),
            _ => return Err(CborError::NotCanonical { at: start, what: "a reserved additional information" }),
        };
        if value < least { Err(not_shortest) } else { Ok(value) }
    }

    fn big_endian(&mut self, count: usize, start: usize) -> Result<u64, CborError> {
        Ok(self.take(count, start)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn length(&mut self, low: u8, start: usize) -> Result<usize, CborError> {
        let claimed = self.argument(low, start)?;
        // Every item takes a byte at least, so no honest length is beyond the bytes that are left.
        let left = self.bytes.len() - self.at;
        usize::try_from(claimed).ok().filter(|n| *n <= left).ok_or(CborError::Truncated { at: start })
    }

    pub(crate) fn item(&mut self) -> Result<Item<'a>, CborError> {
        let start = self.at;
        let first = self.take(1, start)?[0];
        let low = first & 0x1f;
        match first >> 5 {
            0 => Ok(Item::Unsigned(self.argument(low, start)?)),
            1 => Ok(Item::Negative(self.argument(low, start)?)),
            2 => {
                let count = self.length(low, start)?;
                Ok(Item::Bytes(self.take(count, start)?))
            }
            3 => {
                let count = self.length(low, start)?;
                let text = std::str::from_utf8(self.take(count, start)?);
                text.map(Item::Text).map_err(|_| CborError::NotCanonical { at: start, what: "a text is not UTF-8" })
            }
            4 => Ok(Item::Array(self.length(low, start)?)),
            5 => Err(CborError::NotCanonical { at: start, what: "a map" }),
            6 => Err(CborError::NotCanonical { at: start, what: "a tag" }),
            _ => match low {
                20 => Ok(Item::Bool(false)),
                21 => Ok(Item::Bool(true)),
                22 => Ok(Item::Null),
                _ => Err(CborError::NotCanonical { at: start, what: "a float or an unassigned simple value" }),
            },
        }
    }
}

/// Checks that `bytes` are exactly one item in canonical form. Allocates nothing but a stack of
/// [`CBOR_DEPTH_MAX`] counters.
///
/// # Errors
/// What is wrong, and at which byte.
pub fn check(bytes: &[u8]) -> Result<(), CborError> {
    let mut reader = Reader::new(bytes);
    let mut open = [0usize; CBOR_DEPTH_MAX];
    let mut depth = 0;
    loop {
        let start = reader.position();
        if let Item::Array(count) = reader.item()? {
            if depth == CBOR_DEPTH_MAX {
                return Err(CborError::NotCanonical { at: start, what: "nested too deep" });
            }
            open[depth] = count;
            depth += 1;
        }
        // Close every array that is complete; the outermost item's end is the end of the bytes.
        while depth > 0 && open[depth - 1] == 0 {
            depth -= 1;
        }
        if depth == 0 {
            return reader.finish();
        }
        open[depth - 1] -= 1;
    }
}

/// Encodes `value` in canonical form.
///
/// # Panics
/// When `value` serializes to what canonical form has no place for (a map, a float): a mistake in this crate's types,
/// which the round-trip tests of each of them would show.
#[must_use]
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    ciborium::into_writer(value, &mut bytes).expect("writing to a vector cannot fail, and wire types always serialize");
    debug_assert_eq!(check(&bytes), Ok(()), "a wire type serialized to a form that is not canonical");
    bytes
}

/// Decodes the canonical form of a `T` that is no longer than `allowed` bytes.
///
/// # Errors
/// When the bytes are too long, not canonical, of another shape, or not what encoding the value again gives.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8], allowed: usize) -> Result<T, CborError> {
    if bytes.len() > allowed {
        return Err(CborError::TooLong { seen: bytes.len(), allowed });
    }
    check(bytes)?;
    let value: T = ciborium::from_reader(bytes).map_err(|_| CborError::Shape)?;
    if encode(&value) == bytes { Ok(value) } else { Err(CborError::Shape) }
}

/// For `#[serde(deserialize_with = "cbor::list::<_, _, MAX>")]`: reads a list of at most `MAX` entries, which grows with
/// the entries that were read.
///
/// serde's own reserves for as many entries as the list claims, up to 1 MiB, and knows no end: a body of zeros would
/// take twenty times its size.
///
/// # Errors
/// When there are more entries, and what an entry's own reader says.
pub fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct Entries<T, const MAX: usize>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Entries<T, MAX> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "a list of at most {MAX} entries")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(entry) = entries.next_element()? {
                if list.len() == MAX {
                    return Err(serde::de::Error::invalid_length(MAX + 1, &self));
                }
                list.push(entry);
            }
            Ok(list)
        }
    }
    deserializer.deserialize_seq(Entries::<T, MAX>(PhantomData))
}

/// [`list`] for a list that may be null.
///
/// # Errors
/// When there are more entries, and what an entry's own reader says.
pub fn optional_list<'de, T: Deserialize<'de>, D: Deserializer<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    struct Listed<T, const MAX: usize>(Vec<T>);
    impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Listed<T, MAX> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            list::<T, D, MAX>(deserializer).map(Self)
        }
    }
    Ok(Option::<Listed<T, MAX>>::deserialize(deserializer)?.map(|listed| listed.0))
}

#[cfg(test)]
mod tests;
