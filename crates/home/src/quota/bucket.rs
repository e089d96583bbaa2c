//! The buckets, and who has which. Whole numbers only.

use super::{Allowance, Caller, Limit, QuotaConfig, QuotaRefusal, Use};
use crate::limits::QUOTA_CALLERS_MAX;
use lru::LruCache;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tidepool_protocol::TimeMs;

/// One bucket: what it held, in microseconds of filling, and when that was.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    level_us: u64,
    at: TimeMs,
}

/// A limit in the bucket's unit: a full bucket is worth `per_s` seconds of filling, a use costs its share of that.
#[derive(Clone, Copy, Debug)]
struct Measure {
    limit: Limit,
    new_agent: bool,
    full_us: u64,
    cost_us: u64,
}

impl Measure {
    fn of(limit: Limit, new_agent: bool) -> Self {
        let full_us = u64::from(limit.per_s.max(1)) * 1_000_000;
        // A limit of no uses at all costs more than a bucket ever holds.
        let cost_us = full_us.checked_div(u64::from(limit.count)).map_or(u64::MAX, |cost| cost.max(1));
        Self { limit, new_agent, full_us, cost_us }
    }

    fn level(&self, bucket: Option<&Bucket>, now: TimeMs) -> u64 {
        bucket.map_or(self.full_us, |bucket| {
            let filled = now.since_ms(bucket.at).saturating_mul(1000);
            bucket.level_us.saturating_add(filled).min(self.full_us)
        })
    }

    fn remaining(&self, level: u64) -> u32 {
        u32::try_from(level / self.cost_us).unwrap_or(u32::MAX).min(self.limit.count)
    }

    fn reset(&self, level: u64, now: TimeMs) -> TimeMs {
        now.plus_ms((self.full_us - level).div_ceil(1000))
    }
}

/// All buckets of a home.
#[derive(Debug)]
pub(crate) struct Quotas {
    config: QuotaConfig,
    callers: Mutex<LruCache<Caller, BTreeMap<Use, Bucket>>>,
}

impl Quotas {
    pub(crate) fn new(config: QuotaConfig) -> Self {
        let most = NonZeroUsize::new(QUOTA_CALLERS_MAX).expect("a bound above zero");
        Self { config, callers: Mutex::new(LruCache::new(most)) }
    }

    /// Takes one use of each of `uses`, or none of any. Answers what is left of the first.
    pub(crate) fn charge(&self, caller: Caller, uses: &[Use], now: TimeMs) -> Result<Allowance, QuotaRefusal> {
        let mut callers = self.lock();
        let buckets = callers.get_or_insert_mut(caller, BTreeMap::new);
        for rule in uses {
            let measure = self.measure(caller, *rule, now);
            let level = measure.level(buckets.get(rule), now);
            if level < measure.cost_us {
                let daily = Use::CommentDaily;
                let daily_remaining = uses.contains(&daily).then(|| {
                    let measure = self.measure(caller, daily, now);
                    measure.remaining(measure.level(buckets.get(&daily), now))
                });
                return Err(QuotaRefusal {
                    rule: *rule,
                    limit: measure.limit.count,
                    per_s: measure.limit.per_s,
                    new_agent: measure.new_agent,
                    retry_after_ms: (measure.cost_us.min(measure.full_us) - level.min(measure.full_us)).div_ceil(1000),
                    reset_ms: measure.reset(level, now),
                    daily_remaining,
                });
            }
        }
        let mut first = None;
        for rule in uses {
            let measure = self.measure(caller, *rule, now);
            let level = measure.level(buckets.get(rule), now) - measure.cost_us;
            buckets.insert(*rule, Bucket { level_us: level, at: now });
            first.get_or_insert(Allowance {
                rule: *rule,
                limit: measure.limit.count,
                remaining: measure.remaining(level),
                reset_ms: measure.reset(level, now),
            });
        }
        Ok(first.expect("a charge names at least one use"))
    }

    /// Gives back what a charge took, when what it was for did not happen.
    pub(crate) fn refund(&self, caller: Caller, uses: &[Use], now: TimeMs) {
        let mut callers = self.lock();
        let Some(buckets) = callers.get_mut(&caller) else { return };
        for rule in uses {
            let measure = self.measure(caller, *rule, now);
            let level = measure.level(buckets.get(rule), now).saturating_add(measure.cost_us).min(measure.full_us);
            buckets.insert(*rule, Bucket { level_us: level, at: now });
        }
    }

    fn measure(&self, caller: Caller, rule: Use, now: TimeMs) -> Measure {
        let config = &self.config;
        let young = match caller {
            Caller::Agent { since, .. } => {
                config.new_agent.filter(|new| now.since_ms(since) < u64::from(new.for_s) * 1000)
            }
            Caller::Address(_) => None,
        };
        match (rule, young) {
            (Use::Post, Some(new)) => Measure::of(new.posts, true),
            (Use::Comment, Some(new)) => Measure::of(new.comments, true),
            (Use::CommentDaily, Some(new)) => Measure::of(new.comments_daily, true),
            (Use::Community, Some(new)) => Measure::of(new.communities, true),
            (Use::Read, _) => Measure::of(config.reads, false),
            (Use::Write, _) => Measure::of(config.writes, false),
            (Use::Search, _) => Measure::of(config.searches, false),
            (Use::Post, None) => Measure::of(config.posts, false),
            (Use::Comment, None) => Measure::of(config.comments, false),
            (Use::CommentDaily, None) => Measure::of(config.comments_daily, false),
            (Use::Community, None) => Measure::of(config.communities, false),
            (Use::Register, _) => Measure::of(config.registrations, false),
        }
    }

    /// How many callers are counted.
    #[cfg(test)]
    pub(super) fn callers(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Caller, BTreeMap<Use, Bucket>>> {
        // A bucket is a plain number: a panic elsewhere while it was held leaves nothing half done.
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
