//! How far other nodes' logs were read: durable rows, so that a node that is killed while it joins goes on from there.
//!
//! | row | key | value |
//! |---|---|---|
//! | cursor | `62 peer's key (32)` | cursor (8), when it was written (8) |

use crate::peer::Peer;
use bytes::Bytes;
use tidepool_protocol::{PublicKey, TimeMs};
use tidepool_views::{ReadError, RowWrite, Rows};

/// The family of these rows.
pub(crate) const FAMILY: u8 = 0x62;

/// The most rows: whoever has more forgets the oldest, and reads that peer's log from its start if it must.
pub(crate) const CURSORS_MAX: usize = 16;

/// A row as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) peer: Peer,
    pub(crate) cursor: u64,
    pub(crate) at: TimeMs,
}

pub(crate) fn key(peer: &Peer) -> Bytes {
    [&[FAMILY][..], &peer.0].concat().into()
}

/// The row that says that `peer`'s log is read up to `cursor`; none for `None`.
pub(crate) fn row(peer: &Peer, cursor: Option<u64>, now: TimeMs) -> RowWrite {
    let value = cursor.map(|cursor| [cursor.to_be_bytes(), now.0.to_be_bytes()].concat().into());
    RowWrite { key: key(peer), value }
}

/// The cursor of a row.
pub(crate) fn read(key: &[u8], value: &[u8]) -> Option<Read> {
    let peer = PublicKey::from_slice(key.get(1..)?)?;
    let (cursor, at) = value.split_first_chunk::<8>()?;
    let at = TimeMs(u64::from_be_bytes(at.try_into().ok()?));
    Some(Read { peer, cursor: u64::from_be_bytes(*cursor), at })
}

/// All rows.
pub(crate) fn all(rows: &dyn Rows) -> Result<Vec<Read>, ReadError> {
    let mut found = Vec::new();
    rows.scan(&[FAMILY], &[FAMILY + 1], &mut |key, value| {
        found.extend(read(key, value));
        true
    })?;
    Ok(found)
}
