//! Who vouches for heads of logs: `keep`s of rotation keys, and checkpoints that the home countersigned.

pub(crate) mod checkpoint;
pub(crate) mod keep;

pub use checkpoint::countersigned;

use crate::codec::{self, Unpack};
use crate::port::{Cursor, ReadError, Rows};
use tidepool_protocol::{EnvelopeId, TimeMs};

/// Where a `keep` or checkpoint lies, and whether it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Voucher {
    pub(crate) cursor: Cursor,
    pub(crate) counts: bool,
}

impl Voucher {
    fn encode(self) -> Vec<u8> {
        let mut value = self.cursor.0.to_be_bytes().to_vec();
        value.push(u8::from(self.counts));
        value
    }

    fn decode(family: u8, bytes: &[u8]) -> Result<Self, ReadError> {
        let mut value = Unpack::new(family, bytes);
        let cursor = Cursor(value.u64()?);
        let counts = value.u8()? != 0;
        value.finish()?;
        Ok(Self { cursor, counts })
    }
}

fn row_key(family: u8, prefix: &[u8], time: TimeMs, id: &EnvelopeId) -> Vec<u8> {
    codec::key(family, &[prefix, &time.0.to_be_bytes(), &id.short()])
}

/// The vouchers whose keys start with `prefix`, newest first, at most `limit`, with their keys.
fn newest(rows: &dyn Rows, family: u8, prefix: &[u8], limit: usize) -> Result<Vec<(Vec<u8>, Voucher)>, ReadError> {
    let from = codec::key(family, &[prefix]);
    let to = codec::prefix_end(&from);
    let mut found = Vec::new();
    rows.scan_back(&from, &to, &mut |key, value| {
        found.push((key.to_vec(), value.clone()));
        found.len() < limit
    })?;
    found.into_iter().map(|(key, value)| Ok((key, Voucher::decode(family, &value)?))).collect()
}
