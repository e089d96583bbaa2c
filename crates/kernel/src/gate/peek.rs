//! An envelope's id from its bytes, before anything of it is believed: so that a known one costs a hash and a look-up.

use tidepool_protocol::EnvelopeId;
use tidepool_protocol::ids::sha256;
use tidepool_protocol::limits::HEADER_BYTES_MAX;

/// The id that `envelope` would have if it were one. Whether it is, only decoding and verifying say.
pub(crate) fn id(envelope: &[u8]) -> Option<EnvelopeId> {
    // `[header: bytes, ...]` in canonical CBOR: an array of three, then a byte string of 24 bytes to 64 KiB.
    let rest = envelope.strip_prefix(&[0x83])?;
    let (length, rest) = match rest {
        [0x58, length, rest @ ..] => (usize::from(*length), rest),
        [0x59, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        _ => return None,
    };
    let header = rest.get(..length).filter(|header| header.len() <= HEADER_BYTES_MAX)?;
    Some(EnvelopeId(sha256(&[header])))
}
