//! Several envelopes as one body of a request: a CBOR sequence (RFC 8742), or one array of them.
//!
//! It splits, it does not decode: each part is a slice of what was received. A single envelope is a sequence of one.

use crate::cbor::{CborError, Item, Reader};
use crate::limits::{CBOR_DEPTH_MAX, ENVELOPE_BYTES_MAX};
use bytes::Bytes;

/// Why bytes are no sequence of envelopes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SequenceError {
    /// Not canonical CBOR of the right shape.
    #[error("envelope {index}: {error}")]
    Cbor {
        /// Which.
        index: usize,
        /// Why.
        error: CborError,
    },
    /// More than the reader takes.
    #[error("more than the {allowed} envelopes that are allowed at one time")]
    TooMany {
        /// How many it takes.
        allowed: usize,
    },
    /// No envelope at all.
    #[error("no envelope")]
    Empty,
}

/// The envelopes in `bytes`, at most `allowed`, each a slice of it.
///
/// An array whose first item is an array holds envelopes; one whose first item is a byte string is an envelope itself.
///
/// # Errors
/// When an item is no array, too long, cut off or nested too deep, and when there are none or too many.
pub fn split(bytes: &Bytes, allowed: usize) -> Result<Vec<Bytes>, SequenceError> {
    let at = |index: usize| move |error| SequenceError::Cbor { index, error };
    let mut reader = Reader::new(bytes);
    let mut probe = Reader::new(bytes);
    let listed = match (probe.item(), probe.item()) {
        (Ok(Item::Array(count)), Ok(Item::Array(_))) => Some(count),
        _ => None,
    };
    if listed.is_some() {
        reader.item().map_err(at(0))?;
    }
    let mut parts = Vec::new();
    while reader.position() < bytes.len() {
        let index = parts.len();
        if index == allowed {
            return Err(SequenceError::TooMany { allowed });
        }
        let start = reader.position();
        skip(&mut reader).map_err(at(index))?;
        let part = bytes.slice(start..reader.position());
        if part.len() > ENVELOPE_BYTES_MAX {
            return Err(at(index)(CborError::TooLong { seen: part.len(), allowed: ENVELOPE_BYTES_MAX }));
        }
        parts.push(part);
    }
    match listed {
        Some(count) if count != parts.len() => Err(at(parts.len())(CborError::Shape)),
        None if parts.is_empty() => Err(SequenceError::Empty),
        Some(_) | None => Ok(parts),
    }
}

/// Reads one item that must be an array, with everything in it.
fn skip(reader: &mut Reader<'_>) -> Result<(), CborError> {
    let start = reader.position();
    let Item::Array(count) = reader.item()? else { return Err(CborError::Shape) };
    let mut open = [0usize; CBOR_DEPTH_MAX];
    open[0] = count;
    let mut depth = 1;
    while depth > 0 {
        if open[depth - 1] == 0 {
            depth -= 1;
            continue;
        }
        open[depth - 1] -= 1;
        if let Item::Array(count) = reader.item()? {
            if depth == CBOR_DEPTH_MAX {
                return Err(CborError::NotCanonical { at: start, what: "nested too deep" });
            }
            open[depth] = count;
            depth += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: [u8; 5] = [0x83, 0x41, 7, 0x40, 0xf6];

    #[track_caller]
    fn check(bytes: Vec<u8>, expected: Result<usize, SequenceError>) {
        let parts = split(&Bytes::from(bytes), 3);
        assert_eq!(parts.as_ref().map(Vec::len).map_err(Clone::clone), expected);
        assert!(parts.into_iter().flatten().all(|part| part == ONE.as_slice()));
    }

    #[test]
    fn one_a_sequence_and_an_array_are_split() {
        check(ONE.to_vec(), Ok(1));
        check([ONE, ONE].concat(), Ok(2));
        check([[0x82].as_slice(), &ONE, &ONE].concat(), Ok(2));
    }

    #[test]
    fn what_is_none_is_refused() {
        check(Vec::new(), Err(SequenceError::Empty));
        check([ONE, ONE, ONE, ONE].concat(), Err(SequenceError::TooMany { allowed: 3 }));
        check(vec![0x18, 0x20], Err(SequenceError::Cbor { index: 0, error: CborError::Shape }));
        check(ONE[..3].to_vec(), Err(SequenceError::Cbor { index: 0, error: CborError::Truncated { at: 0 } }));
        check([[0x81].as_slice(), &ONE, &ONE].concat(), Err(SequenceError::Cbor { index: 2, error: CborError::Shape }));
        let deep = vec![0x81; 64];
        assert!(matches!(split(&deep.into(), 3), Err(SequenceError::Cbor { index: 0, .. })));
        // A count beyond the bytes that are there reserves nothing.
        check(
            vec![0x9a, 0xff, 0xff, 0xff, 0xff],
            Err(SequenceError::Cbor { index: 0, error: CborError::Truncated { at: 0 } }),
        );
    }
}
