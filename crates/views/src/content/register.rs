//! Registers: of everything that was said about one thing, the greatest by `(time_ms, epoch, seq, id)` is shown.
//!
//! A register keeps all that was said, so that taking the winner back brings the next one forward. Many registers (of all
//! voters of a post, say) share one sorted collection: an entry's key is the register's own key and the [`Order`].

use super::keys::Short;
use crate::chunks::Chunks;
use crate::codec::damaged;
use crate::overlay::Overlay;
use crate::port::{ReadError, Rows};
use crate::rank::{time_key, time_of};
use bytes::Bytes;
use tidepool_protocol::{Envelope, TimeMs};

/// The length of an [`Order`].
const ORDER_LEN: usize = 6 + 4 + 4 + 16;

/// `(time_ms, epoch, seq, id)` in bytes that sort like it. Ends with the envelope's short id.
///
/// Epochs and positions beyond 32 bits are held there; admission lets neither come near.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Order([u8; ORDER_LEN]);

impl Order {
    pub(crate) fn of(envelope: &Envelope) -> Self {
        let header = envelope.header();
        let held = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
        let mut bytes = [0; ORDER_LEN];
        bytes[..6].copy_from_slice(&time_key(header.time_ms));
        bytes[6..10].copy_from_slice(&held(header.epoch.0));
        bytes[10..14].copy_from_slice(&held(header.seq));
        bytes[14..].copy_from_slice(&envelope.id().short());
        Self(bytes)
    }

    fn at_end_of(key: &[u8]) -> Option<Self> {
        let at = key.len().checked_sub(ORDER_LEN)?;
        key[at..].try_into().ok().map(Self)
    }

    pub(crate) fn id(&self) -> Short {
        let mut id = [0; 16];
        id.copy_from_slice(&self.0[14..]);
        id
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn time(&self) -> TimeMs {
        time_of(&self.0).unwrap_or_default()
    }
}

/// What a register shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Winner {
    pub(crate) order: Order,
    pub(crate) value: Bytes,
}

/// What a register showed and shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) before: Option<Winner>,
    pub(crate) after: Option<Winner>,
}

/// Whether something begins to count or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Apply,
    Retract,
}

fn read((key, value): (Bytes, Bytes)) -> Result<Winner, ReadError> {
    let order = Order::at_end_of(&key).ok_or_else(|| damaged(0x30, "a register's entry is too short"))?;
    Ok(Winner { order, value })
}

/// What the register `name` of a collection shows.
pub(crate) fn winner(rows: &dyn Rows, all: &Chunks, name: &[u8]) -> Result<Option<Winner>, ReadError> {
    all.last_of(rows, name)?.map(read).transpose()
}

/// The earliest entry of the register `name`.
pub(crate) fn earliest(rows: &dyn Rows, all: &Chunks, name: &[u8]) -> Result<Option<Winner>, ReadError> {
    all.first_of(rows, name)?.map(read).transpose()
}

/// Puts an entry into the register `name`, or takes it out.
pub(crate) fn change(
    overlay: &mut Overlay<'_>,
    all: &Chunks,
    name: &[u8],
    entry: (&Order, &[u8]),
    step: Step,
) -> Result<Change, ReadError> {
    let (order, value) = entry;
    let before = winner(overlay, all, name)?;
    let key = [name, &order.0].concat();
    let after = match step {
        Step::Apply => {
            all.insert(overlay, &key, value)?;
            match &before {
                Some(before) if before.order > *order => Some(before.clone()),
                Some(_) | None => Some(Winner { order: *order, value: Bytes::copy_from_slice(value) }),
            }
        }
        Step::Retract => {
            all.remove(overlay, &key)?;
            match &before {
                Some(before) if before.order == *order => winner(overlay, all, name)?,
                Some(_) | None => before.clone(),
            }
        }
    };
    Ok(Change { before, after })
}
