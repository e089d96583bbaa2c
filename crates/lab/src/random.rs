//! Seeded pseudo-random numbers and the few distributions that a workload needs. Same seed, same choices.

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, good enough for choosing what an agent does next.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Evenly in `0..bound`; 0 when the bound is 0.
    #[allow(clippy::cast_possible_truncation, reason = "the remainder is below a usize")]
    pub(crate) const fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next() % bound as u64) as usize }
    }

    /// Evenly in [0, 1).
    #[allow(clippy::cast_precision_loss, reason = "53 bits are kept, as many as the mantissa has")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Waiting times of a Poisson process with `rate` events a second, in seconds.
    pub(crate) fn exponential(&mut self, rate: f64) -> f64 {
        -(1.0 - self.unit()).ln() / rate
    }

    /// A rank in `0..bound` whose probability falls as `1 / (rank + 1)^exponent`, by inversion of the continuous form.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "ranks are small and not negative"
    )]
    pub(crate) fn zipf(&mut self, bound: usize, exponent: f64) -> usize {
        if bound <= 1 {
            return 0;
        }
        let power = 1.0 - exponent;
        let top = (bound as f64 + 1.0).powf(power) - 1.0;
        let rank = (self.unit() * top + 1.0).powf(1.0 / power) - 1.0;
        (rank as usize).min(bound - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_choices() {
        let choices = |seed| {
            let mut random = Random::from_seed(seed);
            (0..50).map(|_| random.zipf(1000, 1.7)).collect::<Vec<_>>()
        };
        assert_eq!(choices(7), choices(7));
        assert_ne!(choices(7), choices(8));
    }

    #[test]
    fn low_ranks_are_chosen_most() {
        let mut random = Random::from_seed(1);
        let low = (0..10_000).filter(|_| random.zipf(1000, 1.7) < 10).count();
        assert!(low > 7_000, "{low} of 10,000 are among the first ten");
    }
}
