//! Token buckets of peers in a bounded table.

use crate::clock::Steady;
use crate::peer::Peer;
use std::collections::BTreeMap;

/// How a bucket fills.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Tokens at most.
    pub(crate) burst: u32,
    /// Tokens a second.
    pub(crate) per_s: u32,
}

/// Thousandths of a token, and when they were counted.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    milli: u64,
    at: Steady,
}

/// One bucket for each of a bounded number of peers. A full bucket is the same as none, so full ones are forgotten first.
#[derive(Debug)]
pub(crate) struct Buckets {
    rate: Rate,
    peers_max: usize,
    buckets: BTreeMap<Peer, Bucket>,
}

impl Buckets {
    pub(crate) const fn new(rate: Rate, peers_max: usize) -> Self {
        Self { rate, peers_max, buckets: BTreeMap::new() }
    }

    /// Takes `tokens` of `peer`'s bucket; `false`, and nothing is taken, when it holds fewer.
    ///
    /// One that never could hold as many is asked for all it holds, so that nothing is refused for ever.
    pub(crate) fn take(&mut self, peer: Peer, tokens: u32, now: Steady) -> bool {
        let full = u64::from(self.rate.burst) * 1_000;
        let wanted = (u64::from(tokens) * 1_000).min(full);
        if !self.buckets.contains_key(&peer) && self.buckets.len() >= self.peers_max {
            self.forget(now);
        }
        let rate = self.rate;
        let bucket = self.buckets.entry(peer).or_insert(Bucket { milli: full, at: now });
        bucket.milli = filled(*bucket, rate, now);
        bucket.at = now;
        if bucket.milli < wanted {
            return false;
        }
        bucket.milli -= wanted;
        true
    }

    /// Takes `tokens`, or all that there are: for what was already done.
    pub(crate) fn spend(&mut self, peer: Peer, tokens: u32, now: Steady) {
        if let Some(bucket) = self.buckets.get_mut(&peer) {
            bucket.milli = filled(*bucket, self.rate, now).saturating_sub(u64::from(tokens) * 1_000);
            bucket.at = now;
        }
    }

    /// Forgets the fullest bucket.
    fn forget(&mut self, now: Steady) {
        let fullest = self.buckets.iter().max_by_key(|(_, bucket)| filled(**bucket, self.rate, now));
        if let Some(peer) = fullest.map(|(peer, _)| *peer) {
            self.buckets.remove(&peer);
        }
    }
}

fn filled(bucket: Bucket, rate: Rate, now: Steady) -> u64 {
    let gained = now.since_ms(bucket.at).saturating_mul(u64::from(rate.per_s));
    bucket.milli.saturating_add(gained).min(u64::from(rate.burst) * 1_000)
}
