//! `Timer`: what is due.

use super::started::JOB_BUDGET;
use crate::custody::Custody;
use crate::input::Timer;
use crate::node::Node;
use crate::store::{Store, StoreError};
use tidepool_views::void;

/// How often the outbox is looked through.
pub(super) const OUTBOX_MS: u64 = 5_000;

/// How often presence is expired.
pub(super) const PRESENCE_MS: u64 = 10_000;

impl<S: Store, C: Custody> Node<S, C> {
    pub(super) fn on_timer(&mut self, timer: Timer) -> Result<(), StoreError> {
        match timer {
            Timer::Bundle => {
                let numbers = &mut self.numbers;
                let closed = self.bundler.close_all(&mut || numbers.ticket());
                self.publish(closed);
                Ok(())
            }
            Timer::AntiEntropy => self.on_anti_entropy_timer(),
            Timer::Pending => {
                let dropped = self.pending.expire(self.steady);
                self.counters.pending_dropped += u64::try_from(dropped).unwrap_or(0);
                self.expire_searches()?;
                self.ask_for_pending()?;
                self.set_pending_timer();
                Ok(())
            }
            Timer::LogHeads => self.on_heads_timer(),
            Timer::Outbox => {
                self.set_timer(Timer::Outbox, self.steady.plus_ms(OUTBOX_MS));
                self.turn.settle();
                if self.connected.is_empty() { Ok(()) } else { self.offer(None) }
            }
            Timer::Jobs => {
                let genesis = self.rules.genesis();
                let more = self.turn.overlay(&self.store, |rows| void::run_jobs(rows, genesis, JOB_BUDGET))?;
                if more {
                    self.set_timer(Timer::Jobs, self.steady.plus_ms(1));
                }
                Ok(())
            }
            Timer::Gaps => self.on_gaps_timer(),
            Timer::Prune => self.on_prune_timer(),
            Timer::Checkpoints => self.on_checkpoints_timer(),
            Timer::Presence => {
                self.expire_presence();
                self.set_timer(Timer::Presence, self.steady.plus_ms(PRESENCE_MS));
                Ok(())
            }
        }
    }
}
