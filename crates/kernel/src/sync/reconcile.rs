//! Negentropy over the points of a range that is small: finds `d` differences among `n` points in some rounds of
//! messages whose length grows with `d`, not with `n`.
//!
//! Nothing is kept between two messages: each is answered from the points as they are then, so a set that changes
//! meanwhile costs precision and nothing else.

use crate::digest::{self, Tree};
use negentropy::{Id, Negentropy, NegentropyStorageVector};
use tidepool_protocol::sync::{Point, RECONCILE_BYTES_MAX, RECONCILE_POINTS_MAX, Range};
use tidepool_protocol::{EnvelopeId, TimeMs};
use tidepool_views::{Overlay, ReadError};

/// The points of one range, or that there are too many.
pub(crate) struct Points(NegentropyStorageVector);

/// What a message of the peer's says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Ids that the peer has and this node lacks, ascending.
    pub(crate) need: Vec<EnvelopeId>,
    /// What to send next; `None` when nothing is left to find.
    pub(crate) next: Option<Vec<u8>>,
}

impl Points {
    /// Reads the points of `range`; `None` when they are more than may be.
    pub(crate) fn read(rows: &Overlay<'_>, tree: Tree, range: &Range) -> Result<Option<Self>, ReadError> {
        let count = digest::sum(rows, tree, range)?.count;
        if count > RECONCILE_POINTS_MAX {
            return Ok(None);
        }
        let mut points = NegentropyStorageVector::with_capacity(usize::try_from(count).unwrap_or(0));
        let mut refused = false;
        digest::scan(rows, tree, range, &mut |point| {
            refused |= points.insert(point.time_ms.0, Id::from_byte_array(point.id.0)).is_err();
            !refused
        })?;
        let sealed = points.seal().is_ok();
        Ok((sealed && !refused).then_some(Self(points)))
    }

    /// The first message.
    pub(crate) fn begin(&self) -> Option<Vec<u8>> {
        self.machine()?.initiate().ok()
    }

    /// The answer to a peer's message; `None` when it is none.
    pub(crate) fn answer(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.machine()?.reconcile(message).ok()
    }

    /// What follows from the peer's answer; `None` when it is none.
    pub(crate) fn go_on(&self, message: &[u8]) -> Option<Step> {
        let mut machine = self.machine()?;
        machine.set_initiator();
        let (mut have, mut need) = (Vec::new(), Vec::new());
        let next = machine.reconcile_with_ids(message, &mut have, &mut need).ok()?;
        let mut need: Vec<EnvelopeId> = need.iter().map(|id| EnvelopeId(id.to_bytes())).collect();
        need.sort_unstable();
        Some(Step { need, next })
    }

    fn machine(&self) -> Option<Negentropy<'_, NegentropyStorageVector>> {
        let limit = u64::try_from(RECONCILE_BYTES_MAX).unwrap_or(u64::MAX);
        Negentropy::borrowed(&self.0, limit).ok()
    }

    #[cfg(test)]
    pub(crate) fn of(points: &[Point]) -> Self {
        let mut storage = NegentropyStorageVector::new();
        for point in points {
            storage.insert(point.time_ms.0, Id::from_byte_array(point.id.0)).expect("it is not sealed");
        }
        storage.seal().expect("it is sealed once");
        Self(storage)
    }
}

/// Where a message of our own begins: below it, nothing is left to find. The first bound that is not skipped.
pub(crate) fn bound(message: &[u8]) -> Option<Point> {
    let mut rest = message.get(1..)?;
    let time = varint(&mut rest)?;
    // Times are sent as differences, one up; 0 is the end of time.
    let at = time.checked_sub(1)?;
    let length = usize::try_from(varint(&mut rest)?).ok()?;
    let prefix = rest.get(..length).filter(|prefix| prefix.len() <= 32)?;
    rest = rest.get(length..)?;
    let skipped = varint(&mut rest)? == 0;
    let mut id = [0; 32];
    id[..length].copy_from_slice(prefix);
    skipped.then_some(Point { time_ms: TimeMs(at), id: EnvelopeId(id) })
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value: u64 = 0;
    loop {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value = value.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
}
