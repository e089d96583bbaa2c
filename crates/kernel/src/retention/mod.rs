//! What a node keeps of content: everything, or the bodies of so many days, or of so many bytes in each shard.
//!
//! A *horizon* is the beginning of a day (UTC). Of texts that others signed and that claim an earlier time, the bodies
//! go; ids, headers and signatures stay, so logs and digests do not change. Where a horizon lies follows from the set of
//! envelopes, the policy and the day alone, so nodes of one policy that hold the same drop the same.
//!
//! | row | key | value |
//! |---|---|---|
//! | horizon, durable | `64 shard (2)` | the horizon, and up to which one bodies are gone (8 each) |
//! | pruned, durable | `65` | how many batches took bodies away (8) |
//! | pruned, derived | `6b` | the same, as far as derived rows know (8) |
//! | day, derived | `6a shard (2) day (4)` | bytes of all texts; number and bytes of those that others signed (8 each) |

mod job;

pub(crate) use job::Pruning;

use bytes::Bytes;
use tidepool_protocol::sync::Horizon;
use tidepool_protocol::{NetworkGenesis, Shard, Slot, TimeMs};
use tidepool_views::prune::prunable_bytes;
use tidepool_views::{Evicted, Origin, Overlay, ReadError, RowWrite, Rows, Stored};

const HORIZON: u8 = 0x64;
const PRUNED: [u8; 1] = [0x65];
const DAYS: u8 = 0x6a;
const PRUNED_KNOWN: [u8; 1] = [0x6b];

/// A day is over when so much of the next has passed, four rounds of anti-entropy: they bring what gossip lost of its last moments
/// out of a home that prunes. Behind its horizon nobody asks for it any more.
const SETTLE_MS: u64 = 2 * 60 * 1_000;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// What a node keeps of content. The state class is never pruned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Texts of so many whole days, and of today; 0 for all.
    pub days: u64,
    /// The newest days of each shard whose texts have no more bytes than this together, and today; 0 for all.
    pub bytes_per_shard: u64,
}

impl Retention {
    /// Everything.
    pub const ARCHIVE: Self = Self { days: 0, bytes_per_shard: 0 };
}

/// What pruning one shard takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardPlan {
    /// The shard.
    pub shard: Shard,
    /// Where its horizon lies; 0 for nowhere.
    pub horizon: TimeMs,
    /// Texts of others that would lose their bodies.
    pub envelopes: u64,
    /// The bytes of those bodies.
    pub bytes: u64,
    /// Bytes of texts that stay.
    pub kept_bytes: u64,
}

/// What pruning takes away at `now`, shard by shard: a function of rows, policy and day. A shard that the node holds no
/// longer is pruned like the others: what was kept of it is kept as long as anything else.
///
/// # Errors
/// When the store cannot be read.
pub fn plan(
    rows: &dyn Rows,
    genesis: &NetworkGenesis,
    retention: Retention,
    now: TimeMs,
) -> Result<Vec<ShardPlan>, ReadError> {
    let shards = (0..genesis.params.shards).map(Shard);
    shards.map(|shard| plan_shard(rows, shard, retention, now)).collect()
}

fn plan_shard(rows: &dyn Rows, shard: Shard, retention: Retention, now: TimeMs) -> Result<ShardPlan, ReadError> {
    let today = now.0.saturating_sub(SETTLE_MS) / DAY_MS;
    let mut days: Vec<(u64, Day)> = Vec::new();
    let prefix = |end: u16| [&[DAYS][..], &end.to_be_bytes()].concat();
    rows.scan_back(&prefix(shard.0), &prefix(shard.0.saturating_add(1)), &mut |key, value| {
        let day = key.last_chunk::<4>().map(|day| u64::from(u32::from_be_bytes(*day)));
        days.extend(day.zip(Day::read(value)));
        true
    })?;
    let mut first_kept = 0;
    if retention.days > 0 {
        first_kept = today.saturating_sub(retention.days);
    }
    if retention.bytes_per_shard > 0 {
        let mut sum = 0u64;
        for (day, of) in &days {
            sum = sum.saturating_add(of.all_bytes);
            if sum > retention.bytes_per_shard {
                first_kept = first_kept.max((day + 1).min(today));
                break;
            }
        }
    }
    let known = horizon_of(rows, shard)?.horizon;
    let horizon = TimeMs(first_kept.saturating_mul(DAY_MS)).max(known);
    let mut plan = ShardPlan { shard, horizon, envelopes: 0, bytes: 0, kept_bytes: 0 };
    for (day, of) in days {
        if day * DAY_MS < horizon.0 {
            plan.envelopes += of.foreign;
            plan.bytes += of.foreign_bytes;
            plan.kept_bytes += of.all_bytes.saturating_sub(of.foreign_bytes);
        } else {
            plan.kept_bytes += of.all_bytes;
        }
    }
    Ok(plan)
}

/// Texts of one day in one shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Day {
    all_bytes: u64,
    foreign: u64,
    foreign_bytes: u64,
}

impl Day {
    fn read(value: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u64::from_be_bytes(value.get(at..at + 8)?.try_into().ok()?));
        Some(Self { all_bytes: number(0)?, foreign: number(8)?, foreign_bytes: number(16)? })
    }

    fn encode(self) -> Vec<u8> {
        [self.all_bytes, self.foreign, self.foreign_bytes].map(u64::to_be_bytes).concat()
    }
}

fn day_key(shard: Shard, time: TimeMs) -> Vec<u8> {
    let day = u32::try_from(time.0 / DAY_MS).unwrap_or(u32::MAX);
    [&[DAYS][..], &shard.0.to_be_bytes(), &day.to_be_bytes()].concat()
}

/// Counts the text of an envelope that is held now, or no longer.
pub(crate) fn count(
    rows: &mut Overlay<'_>,
    shards: u16,
    slot: Slot,
    counted: Counted,
    is_held: bool,
) -> Result<(), ReadError> {
    let Some(shard) = Shard::of(slot, shards).filter(|_| counted.bytes > 0) else { return Ok(()) };
    let key = day_key(shard, counted.time_ms);
    let mut day = rows.get(&key)?.and_then(|value| Day::read(&value)).unwrap_or_default();
    let foreign = u64::from(counted.foreign);
    if is_held {
        day.all_bytes += counted.bytes;
        day.foreign += foreign;
        day.foreign_bytes += foreign * counted.bytes;
    } else {
        day.all_bytes = day.all_bytes.saturating_sub(counted.bytes);
        day.foreign = day.foreign.saturating_sub(foreign);
        day.foreign_bytes = day.foreign_bytes.saturating_sub(foreign * counted.bytes);
    }
    if day == Day::default() {
        rows.delete(key);
    } else {
        rows.put(key, day.encode());
    }
    Ok(())
}

/// What of an envelope is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted {
    pub(crate) time_ms: TimeMs,
    pub(crate) bytes: u64,
    pub(crate) foreign: bool,
}

impl Counted {
    pub(crate) fn of_evicted(evicted: &Evicted) -> Self {
        let (time_ms, bytes) = (evicted.time_ms, evicted.prunable_bytes);
        Self { time_ms, bytes, foreign: evicted.origin != Origin::Local }
    }

    pub(crate) fn of(stored: &Stored) -> Self {
        Self {
            time_ms: stored.envelope.header().time_ms,
            bytes: prunable_bytes(&stored.envelope),
            foreign: stored.origin != Origin::Local,
        }
    }
}

/// A shard's horizon, and up to which one its bodies are gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct HorizonRow {
    horizon: TimeMs,
    done: TimeMs,
}

fn horizon_key(shard: Shard) -> Bytes {
    [&[HORIZON][..], &shard.0.to_be_bytes()].concat().into()
}

fn horizon_row(shard: Shard, row: HorizonRow) -> RowWrite {
    let value = [row.horizon.0.to_be_bytes(), row.done.0.to_be_bytes()].concat();
    RowWrite { key: horizon_key(shard), value: Some(value.into()) }
}

fn horizon_of(rows: &dyn Rows, shard: Shard) -> Result<HorizonRow, ReadError> {
    let value = rows.get(&horizon_key(shard))?;
    let number = |value: &Bytes, at: usize| Some(TimeMs(u64::from_be_bytes(value.get(at..at + 8)?.try_into().ok()?)));
    let row = value.and_then(|value| Some(HorizonRow { horizon: number(&value, 0)?, done: number(&value, 8)? }));
    Ok(row.unwrap_or_default())
}

/// What a node says that it no longer holds.
///
/// # Errors
/// When the store cannot be read.
pub fn horizons(rows: &dyn Rows, shards: u16) -> Result<Vec<Horizon>, ReadError> {
    let mut horizons = Vec::new();
    for shard in (0..shards).map(Shard) {
        let from = horizon_of(rows, shard)?.horizon;
        let mut slots = shard.slots(shards);
        if let Some(first) = slots.next().filter(|_| from > TimeMs(0)) {
            horizons.push(Horizon { first, last: slots.last().unwrap_or(first), from });
        }
    }
    Ok(horizons)
}

fn number(rows: &dyn Rows, key: &[u8]) -> Result<u64, ReadError> {
    let value = rows.get(key)?;
    Ok(value.and_then(|value| value.as_ref().try_into().ok().map(u64::from_be_bytes)).unwrap_or(0))
}

/// Whether derived rows are older than the last bodies that went: then content was told of what is gone, and nobody can
/// take that back but a fold from the start.
pub(crate) fn is_behind(rows: &dyn Rows) -> Result<bool, ReadError> {
    Ok(number(rows, &PRUNED)? != number(rows, &PRUNED_KNOWN)?)
}

/// Derived rows are as new as the log: after a fold from the start.
pub(crate) fn caught_up(rows: &mut Overlay<'_>) -> Result<(), ReadError> {
    let pruned = number(rows, &PRUNED)?;
    if number(rows, &PRUNED_KNOWN)? != pruned {
        rows.put(PRUNED_KNOWN.to_vec(), pruned.to_be_bytes().to_vec());
    }
    Ok(())
}

/// Whether an envelope of `slot` that claims `time` loses its body at once.
pub(crate) fn is_below(cover: &crate::Cover, slot: Slot, time: TimeMs) -> bool {
    cover.from(slot).is_some_and(|from| time < from)
}
