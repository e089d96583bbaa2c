//! `Durable`, `TurnEnded`, `Published`, `Shutdown`: what was promised is said, and the next batch is written.

use crate::custody::Custody;
use crate::effect::Effect;
use crate::input::PublishOutcome;
use crate::local::Ticket;
use crate::node::{Node, Phase};
use crate::store::{Store, StoreError};
use tidepool_views::Cursor;

impl<S: Store, C: Custody> Node<S, C> {
    pub(super) fn on_durable(&mut self, upto: Cursor) -> Result<(), StoreError> {
        let before = self.turn.durable();
        let (said, flush) = self.turn.flushed(upto);
        if upto > before {
            self.out.push(Effect::Notify { upto });
        }
        for speech in said {
            self.say(speech)?;
        }
        if flush {
            self.counters.flushes += 1;
            self.out.push(Effect::Flush);
        }
        Ok(())
    }

    /// Writes the open batch, unless a flush is under way: then what comes meanwhile goes into the same batch, which is
    /// written when the flush is answered; or unless a sync goes on that fills it, and nobody waits for it. A full batch never
    /// waits.
    pub(super) fn on_turn_ended(&mut self) -> Result<(), StoreError> {
        self.syncing_turn_ended()?;
        let gathers = self.turn.is_unpromised() && self.syncing.is_verifying();
        if self.turn.has_open() && !self.turn.is_flushing() && !gathers {
            self.close_turn()?;
        }
        Ok(())
    }

    pub(super) fn on_published(&mut self, ticket: Ticket, outcome: PublishOutcome) -> Result<(), StoreError> {
        if let Some((_, cursors)) = self.bundler.published(ticket) {
            let gone = self.outgoing.published(&cursors, outcome);
            self.turn.write_all_lazily(gone);
        }
        match outcome {
            PublishOutcome::Sent | PublishOutcome::NoPeers => {}
            PublishOutcome::Duplicate | PublishOutcome::QueuesFull | PublishOutcome::Refused => {
                self.counters.drop_frame("publish");
                self.syncing.gossip_dropped();
            }
        }
        Ok(())
    }

    pub(super) fn on_shutdown(&mut self) -> Result<(), StoreError> {
        self.phase = Phase::Stopping;
        self.stop_local()?;
        let numbers = &mut self.numbers;
        let closed = self.bundler.close_all(&mut || numbers.ticket());
        self.publish(closed);
        self.turn.settle();
        self.close_turn()
    }
}
