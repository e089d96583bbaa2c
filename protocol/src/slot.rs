//! Slots and shards: where a name or an agent lies, and which gossip topic carries it.

use crate::ids::{NetworkId, sha256};
use crate::limits::{CTL_SLOT, SLOTS};
use crate::text;

/// One of the 1,024 hash ranges of names and agents, or [`Slot::CTL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(into = "u16", try_from = "u16")]
pub struct Slot(u16);

/// A number that is no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("slot {0}, 0 to {CTL_SLOT} are known")]
pub struct SlotError(pub u16);

impl From<Slot> for u16 {
    fn from(slot: Slot) -> Self {
        slot.0
    }
}

impl TryFrom<u16> for Slot {
    type Error = SlotError;
    fn try_from(number: u16) -> Result<Self, SlotError> {
        Self::new(number).ok_or(SlotError(number))
    }
}

impl Slot {
    /// The slot of identity and node operations other than a genesis; every node holds it whole.
    pub const CTL: Self = Self(CTL_SLOT);

    /// The slot with this number; `None` beyond 1,024.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number <= CTL_SLOT { Some(Self(number)) } else { None }
    }

    /// The slot in which `bytes` (a community's name, an agent's or node's id) lies: the top ten bits of their SHA-256.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let hash = sha256(&[bytes]);
        Self(u16::from_be_bytes([hash[0], hash[1]]) >> 6)
    }

    /// Its number, 0 to 1,024.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// All slots, `ctl` last.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=CTL_SLOT).map(Self)
    }
}

/// A range of slots that is one gossip topic; there are `shards` of them, a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Shard(pub u16);

impl Shard {
    /// The shard that carries `slot` when there are `shards` of them (a power of two up to 1,024). `None` for `ctl`.
    #[must_use]
    pub const fn of(slot: Slot, shards: u16) -> Option<Self> {
        if slot.0 == CTL_SLOT { None } else { Some(Self(slot.0 / (SLOTS / shards))) }
    }

    /// The slots that this shard carries when there are `shards` of them; none when it is not among those.
    pub fn slots(self, shards: u16) -> impl Iterator<Item = Slot> {
        let width = SLOTS / shards;
        let first = self.0.saturating_mul(width).min(SLOTS);
        (first..first.saturating_add(width).min(SLOTS)).map(Slot)
    }
}

/// What a gossip topic carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Envelopes of one shard, in one generation of the number of shards.
    Shard {
        /// Counts the changes of the number of shards.
        generation: u32,
        /// Which one.
        shard: Shard,
    },
    /// Identity and node operations other than a genesis.
    Ctl,
}

impl Topic {
    /// `/tidepool/<network>/g<generation>/s/<shard>` or `/tidepool/<network>/ctl`.
    #[must_use]
    pub fn name(&self, network: NetworkId) -> String {
        let network = text::network(network);
        match self {
            Self::Shard { generation, shard } => format!("/tidepool/{network}/g{generation}/s/{}", shard.0),
            Self::Ctl => format!("/tidepool/{network}/ctl"),
        }
    }
}

#[cfg(test)]
mod tests;
