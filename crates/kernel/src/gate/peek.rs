//! An envelope's id and time from its bytes, before anything of it is believed: so that a known one costs a hash and a look-up,
//! and one that is too old not even that.

use tidepool_protocol::ids::sha256;
use tidepool_protocol::limits::HEADER_BYTES_MAX;
use tidepool_protocol::{EnvelopeId, Kind, TimeMs};

/// What a header has before its time: version, network, author, auth, key, scope, epoch, seq, prev.
const BEFORE_TIME: usize = 9;

/// The id that `envelope` would have if it were one. Whether it is, only decoding and verifying say.
pub(crate) fn id(envelope: &[u8]) -> Option<EnvelopeId> {
    Some(EnvelopeId(sha256(&[header(envelope)?])))
}

/// The time and the kind that `envelope` claims.
pub(crate) fn time(envelope: &[u8]) -> Option<(TimeMs, Kind)> {
    // An array of thirteen.
    let mut rest = header(envelope)?.strip_prefix(&[0x8D])?;
    for _ in 0..BEFORE_TIME {
        rest = match head(rest)? {
            (2 | 3, length, rest) => rest.get(usize::try_from(length).ok()?..)?,
            // A number, or null.
            (0 | 7, _, rest) => rest,
            _ => return None,
        };
    }
    let (0, time, rest) = head(rest)? else { return None };
    let (0, kind, _) = head(rest)? else { return None };
    Some((TimeMs(time), Kind(u16::try_from(kind).ok()?)))
}

fn header(envelope: &[u8]) -> Option<&[u8]> {
    // `[header: bytes, ...]` in canonical CBOR: an array of three, then a byte string of 24 bytes to 64 KiB.
    let rest = envelope.strip_prefix(&[0x83])?;
    let (length, rest) = match rest {
        [0x58, length, rest @ ..] => (usize::from(*length), rest),
        [0x59, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return None,
    };
    rest.get(..length).filter(|header| header.len() <= HEADER_BYTES_MAX)
}

/// The major type and the argument of the item at the front, and what follows them.
fn head(bytes: &[u8]) -> Option<(u8, u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (major, short) = (first >> 5, first & 31);
    let long = match short {
        0..=23 => return Some((major, u64::from(short), rest)),
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let argument = rest.get(..long)?.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    Some((major, argument, &rest[long..]))
}
