//! Fingerprints of sets of envelopes: equal sets give equal digests, whatever the order in which they came.

use crate::ids::{EnvelopeId, sha256};
use serde::{Deserialize, Serialize};

/// The sum of the ids of a set modulo 2^256, and how many there are. Sets can be joined and taken apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetSum {
    /// Little-endian limbs of the sum.
    limbs: [u64; 4],
    /// How many ids were added.
    pub count: u64,
}

/// What two nodes compare: the first 16 bytes of SHA-256 over sum (32 bytes, little-endian) and count (8 bytes, little-endian).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(#[serde(with = "serde_bytes")] pub [u8; 16]);

fn limbs_of(id: &EnvelopeId) -> [u64; 4] {
    let mut limbs = [0; 4];
    for (limb, bytes) in limbs.iter_mut().zip(id.0.chunks_exact(8)) {
        *limb = bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
    }
    limbs
}

impl SetSum {
    /// Its length in bytes when written down.
    pub const LEN: usize = 40;

    /// Adds one id.
    pub fn add(&mut self, id: &EnvelopeId) {
        self.add_limbs(limbs_of(id));
        self.count += 1;
    }

    /// Takes one id out that was added before.
    pub fn remove(&mut self, id: &EnvelopeId) {
        self.sub_limbs(limbs_of(id));
        self.count = self.count.saturating_sub(1);
    }

    /// Adds all ids of another, disjoint set.
    pub fn join(&mut self, other: &Self) {
        self.add_limbs(other.limbs);
        self.count += other.count;
    }

    /// Takes all ids of a subset out.
    pub fn leave(&mut self, subset: &Self) {
        self.sub_limbs(subset.limbs);
        self.count = self.count.saturating_sub(subset.count);
    }

    fn add_limbs(&mut self, other: [u64; 4]) {
        let mut carry = false;
        for (limb, other) in self.limbs.iter_mut().zip(other) {
            let (sum, first) = limb.overflowing_add(other);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            *limb = sum;
            carry = first || second;
        }
    }

    fn sub_limbs(&mut self, other: [u64; 4]) {
        let mut borrow = false;
        for (limb, other) in self.limbs.iter_mut().zip(other) {
            let (rest, first) = limb.overflowing_sub(other);
            let (rest, second) = rest.overflowing_sub(u64::from(borrow));
            *limb = rest;
            borrow = first || second;
        }
    }

    /// Sum (little-endian) and count (little-endian) in 40 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        for (place, limb) in bytes.chunks_exact_mut(8).zip(self.limbs.iter().chain([&self.count])) {
            place.copy_from_slice(&limb.to_le_bytes());
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote; `None` when the length differs.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::LEN {
            return None;
        }
        let mut numbers = bytes.chunks_exact(8).map(|b| b.iter().rev().fold(0u64, |v, byte| v << 8 | u64::from(*byte)));
        let limbs = [numbers.next()?, numbers.next()?, numbers.next()?, numbers.next()?];
        Some(Self { limbs, count: numbers.next()? })
    }

    /// What is compared.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let hash = sha256(&[&self.to_bytes()]);
        let mut first = [0; 16];
        first.copy_from_slice(&hash[..16]);
        Fingerprint(first)
    }
}

#[cfg(test)]
mod tests;
