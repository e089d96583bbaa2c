//! Chance by seed: everything that a simulated world leaves open is decided here, and the same seed decides the same.

/// A SplitMix64 generator (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of `seed` for one purpose: what one part of the world draws does not move what another draws.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let mut chance = Self(purpose.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, fold));
        chance.next();
        chance
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        let drawn = self.next();
        if bound == 0 { 0 } else { drawn % bound }
    }

    /// A number from `low` to `high`, both included; `low` when there is nothing between.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// True so many times in a thousand.
    pub const fn per_mille(&mut self, times: u64) -> bool {
        self.below(1_000) < times
    }

    /// A place in a list of `length`; 0 when it is empty.
    pub fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length).unwrap_or(u64::MAX))).unwrap_or(0)
    }

    /// One of `items`.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.place(items.len()))
    }

    /// Up to `count` of `items`, each at most once, in an order of chance.
    pub fn some<T: Copy>(&mut self, items: &[T], count: usize) -> Vec<T> {
        let mut left = items.to_vec();
        let mut chosen = Vec::new();
        while chosen.len() < count && !left.is_empty() {
            chosen.push(left.swap_remove(self.place(left.len())));
        }
        chosen
    }

    /// Thirty-two bytes.
    pub fn bytes32(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for part in bytes.chunks_exact_mut(8) {
            part.copy_from_slice(&self.next().to_be_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_purpose_draw_the_same() {
        let draw = |seed, purpose| (0..4).map(|_| Chance::new(seed, purpose).next()).collect::<Vec<_>>();
        assert_eq!(draw(1, "links"), draw(1, "links"));
        assert_ne!(draw(1, "links"), draw(1, "work"));
        assert_ne!(draw(1, "links"), draw(2, "links"));
    }

    #[test]
    fn numbers_stay_within_their_bounds() {
        let mut chance = Chance::new(7, "bounds");
        for _ in 0..1_000 {
            assert!(chance.below(3) < 3);
            assert!((5..=9).contains(&chance.between(5, 9)));
        }
        assert_eq!(chance.below(0), 0);
        assert_eq!(chance.between(4, 4), 4);
        assert_eq!(chance.some(&[1, 2, 3], 9).len(), 3);
        assert!(!chance.per_mille(0) && chance.per_mille(1_000));
    }
}
