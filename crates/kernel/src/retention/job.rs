//! Pruning: once an hour, in steps, so that local work never waits long. A node that dies in between goes on.
//!
//! First the horizon is durable and peers are told; then the bodies go. So a node never promises what it has not got.

use super::{
    Counted, DAY_MS, HorizonRow, PRUNED, PRUNED_KNOWN, Retention, SETTLE_MS, count, horizon_of, horizon_row, number,
    plan,
};
use crate::custody::Custody;
use crate::digest::{self, Tree};
use crate::input::Timer;
use crate::node::Node;
use crate::planted::Defect;
use crate::store::{Store, StoreError};
use std::collections::VecDeque;
use tidepool_protocol::sync::{Class, Point, Range};
use tidepool_protocol::{EnvelopeId, Shard, Slot, TimeMs};
use tidepool_views::prune::{self, prunable_bytes};
use tidepool_views::{Origin, Overlay, ReadError, RowWrite, index};

/// How often it is looked whether a horizon moved: they move once a day.
const EVERY_MS: u64 = 60 * 60 * 1_000;

/// The pause between two steps.
const STEP_MS: u64 = 50;

/// Bodies that are taken away in one batch: each is a block written over.
const BODIES_IN_BATCH: usize = 128;

/// Points looked at in one step.
const POINTS_AT_ONCE: usize = 512;

/// What a run of pruning has still to do.
#[derive(Debug, Default)]
pub(crate) struct Pruning {
    left: VecDeque<(Slot, Point, TimeMs)>,
    shards: Vec<(Shard, TimeMs)>,
}

impl Pruning {
    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.left.is_empty() && self.shards.is_empty()
    }
}

impl<S: Store, C: Custody> Node<S, C> {
    /// Sets the time for the first look.
    pub(crate) fn start_retention(&mut self) {
        if self.settings.retention != Retention::ARCHIVE {
            self.set_timer(Timer::Prune, self.steady.plus_ms(STEP_MS));
        }
    }

    pub(crate) fn on_prune_timer(&mut self) -> Result<(), StoreError> {
        if self.pruning.is_idle() {
            self.begin_pruning()?;
        }
        self.prune_some()?;
        let into_day_ms = self.now.0.saturating_sub(SETTLE_MS) % DAY_MS;
        let pause_ms = if self.pruning.is_idle() { EVERY_MS.min(DAY_MS - into_day_ms) } else { STEP_MS };
        self.set_timer(Timer::Prune, self.steady.plus_ms(pause_ms.max(1)));
        Ok(())
    }

    /// Finds out how far each shard is to be pruned, and makes that known before anything goes.
    fn begin_pruning(&mut self) -> Result<(), StoreError> {
        let shards = self.rules.genesis().params.shards;
        let plans = plan(&self.store, self.rules.genesis(), self.settings.retention, self.now)?;
        for mut plan in plans {
            if self.planted.is(Defect::HorizonDayLate) {
                plan.horizon = TimeMs(plan.horizon.0.saturating_sub(DAY_MS));
            }
            // What lies behind a horizon nobody asks this node for: what nobody else has yet must lie this side of it.
            if let Some(unsent) = self.outgoing.oldest_content(plan.shard, shards) {
                plan.horizon = plan.horizon.min(TimeMs(unsent.0 / DAY_MS * DAY_MS));
            }
            let row = horizon_of(&self.store, plan.shard)?;
            if plan.horizon > row.horizon {
                self.turn.write(horizon_row(plan.shard, HorizonRow { horizon: plan.horizon, ..row }));
            }
            if plan.horizon > row.done {
                let from = Point { time_ms: row.done, ..Point::START };
                self.pruning.left.extend(plan.shard.slots(shards).map(|slot| (slot, from, plan.horizon)));
                self.pruning.shards.push((plan.shard, plan.horizon));
            }
        }
        if !self.pruning.is_idle() {
            self.close_turn()?;
            self.cover_anew()?;
        }
        Ok(())
    }

    fn prune_some(&mut self) -> Result<(), StoreError> {
        let mut budget = POINTS_AT_ONCE;
        while budget > 0
            && let Some((slot, from, horizon)) = self.pruning.left.pop_front()
        {
            let (points, next) = self.points(slot, from, horizon, budget)?;
            budget -= points.len().min(budget);
            for part in points.chunks(BODIES_IN_BATCH) {
                self.prune_points(slot, part)?;
            }
            if let Some(next) = next {
                self.pruning.left.push_front((slot, next, horizon));
            }
        }
        if self.pruning.left.is_empty() {
            for (shard, horizon) in std::mem::take(&mut self.pruning.shards) {
                let row = horizon_of(&self.store, shard)?;
                self.turn.write(horizon_row(shard, HorizonRow { done: horizon, ..row }));
            }
        }
        Ok(())
    }

    fn points(
        &mut self,
        slot: Slot,
        from: Point,
        horizon: TimeMs,
        limit: usize,
    ) -> Result<(Vec<EnvelopeId>, Option<Point>), ReadError> {
        let range = Range { from, to: Some(Point { time_ms: horizon, ..Point::START }) };
        let (mut ids, mut next) = (Vec::new(), None);
        self.read(|rows| {
            digest::scan(rows, Tree { slot, class: Class::Content }, &range, &mut |point| {
                if ids.len() == limit {
                    next = Some(point);
                    return false;
                }
                ids.push(point.id);
                true
            })
        })?;
        Ok((ids, next))
    }

    /// Takes the bodies of these away that others signed, in one batch.
    fn prune_points(&mut self, slot: Slot, ids: &[EnvelopeId]) -> Result<(), StoreError> {
        // What is replaced must lie in the log, not in the open batch.
        self.close_turn()?;
        let (genesis, shards) = (self.rules.genesis(), self.rules.genesis().params.shards);
        let replaced = self.turn.overlay(&self.store, |rows: &mut Overlay<'_>| {
            let mut replaced = Vec::new();
            for id in ids {
                let Some((entry, stored)) = index::envelope(rows, id)? else { continue };
                if stored.origin == Origin::Local || prunable_bytes(&stored.envelope) == 0 {
                    continue;
                }
                if let Some(bare) = prune::prune(rows, entry.cursor, genesis)? {
                    count(rows, shards, slot, Counted::of(&stored), false)?;
                    replaced.push(bare);
                }
            }
            if !replaced.is_empty() {
                let pruned = number(rows, &PRUNED)?.saturating_add(1);
                rows.put(PRUNED_KNOWN.to_vec(), pruned.to_be_bytes().to_vec());
            }
            Ok::<_, ReadError>(replaced)
        })?;
        if replaced.is_empty() {
            return Ok(());
        }
        let pruned = number(&self.store, &PRUNED)?.saturating_add(1);
        self.turn.write(RowWrite { key: PRUNED.to_vec().into(), value: Some(pruned.to_be_bytes().to_vec().into()) });
        self.counters.pruned += replaced.len() as u64;
        self.turn.replace(replaced);
        self.close_turn()
    }
}
