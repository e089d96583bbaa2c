//! The verifying threads: real signatures, checked once for each byte string of a run.
//!
//! Whether bytes verify depends on nothing but the bytes, so a second look gives what the first gave. Without this a
//! network of a thousand nodes would check each signature a thousand times.

use bytes::Bytes;
use std::collections::BTreeMap;
use tidepool_kernel::Invalid;
use tidepool_protocol::ids::{Hash, sha256};
use tidepool_protocol::{Envelope, Verified, verify};

/// What was verified so far.
#[derive(Debug, Default)]
pub(crate) struct Verifier {
    known: BTreeMap<Hash, Result<Verified<Envelope>, Invalid>>,
}

impl Verifier {
    pub(crate) fn check(&mut self, bytes: Bytes) -> Result<Verified<Envelope>, Invalid> {
        let hash = sha256(&[&bytes]);
        if let Some(known) = self.known.get(&hash) {
            return known.clone();
        }
        let result = fresh(bytes);
        self.known.insert(hash, result.clone());
        result
    }

    /// How many signatures were checked.
    pub(crate) fn checked(&self) -> usize {
        self.known.len()
    }
}

/// Decodes and verifies, whatever was found before.
pub(crate) fn fresh(bytes: Bytes) -> Result<Verified<Envelope>, Invalid> {
    Ok(verify(Envelope::decode(bytes)?)?)
}
