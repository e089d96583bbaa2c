//! `Started`: fold what the store's derived rows lack, reload the outbox, join topics, set timers.

use crate::custody::Custody;
use crate::digest;
use crate::effect::Effect;
use crate::heads;
use crate::input::Timer;
use crate::node::Node;
use crate::outbox::{self, Item};
use crate::planted::Defect;
use crate::retention;
use crate::store::{Batch, Store, StoreError};
use tidepool_protocol::limits::SLOTS;
use tidepool_views::{Cursor, ReadError, void};

/// How many envelopes are folded between two appends during recovery: derived rows only, so no reader waits for them.
const FOLD_AT_ONCE: usize = 1_024;

/// How many envelopes a step of a views' job may touch.
pub(super) const JOB_BUDGET: usize = 1_000;

impl<S: Store, C: Custody> Node<S, C> {
    pub(super) fn on_started(&mut self) -> Result<(), StoreError> {
        let sums = &mut self.sums;
        digest::each(&self.store, 0, SLOTS, &mut |slot, of| {
            if let Some(sums) = sums.get_mut(usize::from(slot.number())) {
                sums.join(&of);
            }
        })?;
        self.fold_the_rest()?;
        if !self.planted.is(Defect::RestoreForgotten) {
            self.heads.restored = heads::restored(&self.store)?;
        }
        self.reload_outbox()?;
        self.forget_cursors()?;
        self.reload_checkpoints()?;
        self.start_coverage()?;
        self.start_retention();
        for topic in self.settings.coverage.topics(self.rules.genesis()) {
            self.out.push(Effect::Join(topic));
        }
        let interval = self.settings.anti_entropy_ms;
        self.set_timer(Timer::AntiEntropy, self.steady.plus_ms(interval));
        self.set_timer(Timer::Outbox, self.steady.plus_ms(super::timer::OUTBOX_MS));
        self.set_timer(Timer::Presence, self.steady.plus_ms(super::timer::PRESENCE_MS));
        Ok(())
    }

    /// Folds every envelope whose derived rows a crash or a reindex took.
    fn fold_the_rest(&mut self) -> Result<(), StoreError> {
        let at = self.store.derived_upto();
        if retention::is_behind(&self.store)? {
            // Content was told of bodies that are gone since, and nobody can take that back.
            self.fold_anew()?;
        } else if at >= self.store.head() {
            return Ok(());
        } else {
            match self.fold_from(at) {
                // Rows from before the eviction of an envelope do not go with a log from after it: they are built anew.
                Err(StoreError::Read(_)) if at > Cursor::START => self.fold_anew()?,
                folded => folded?,
            }
        }
        self.turn.overlay(&self.store, retention::caught_up)?;
        self.append_derived()?;
        self.store.derived_complete()
    }

    fn fold_anew(&mut self) -> Result<(), StoreError> {
        self.turn.take_derived();
        self.sums.fill(digest::Sums::default());
        self.store.clear_derived()?;
        self.fold_from(Cursor::START)
    }

    fn fold_from(&mut self, mut at: Cursor) -> Result<(), StoreError> {
        loop {
            let next = self.store.stored_after(at, FOLD_AT_ONCE)?;
            let Some(last) = next.last() else { break };
            at = last.cursor;
            for stored in &next {
                self.fold(stored, None, false)?;
            }
            let genesis = self.rules.genesis();
            while self.turn.overlay(&self.store, |rows| void::run_jobs(rows, genesis, JOB_BUDGET))? {}
            self.append_derived()?;
        }
        Ok(())
    }

    /// Writes derived rows of envelopes that are in the log already, and what they evicted.
    fn append_derived(&mut self) -> Result<(), StoreError> {
        let (derived, erased) = self.turn.take_derived();
        self.store.append(Batch::new(Vec::new(), derived, Vec::new(), erased))
    }

    fn reload_outbox(&mut self) -> Result<(), StoreError> {
        let mut rows: Vec<(Cursor, Vec<Cursor>)> = Vec::new();
        self.store.scan(&[outbox::FAMILY], &[outbox::FAMILY + 1], &mut |key, value| {
            let first = key.get(1..9).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
            rows.extend(first.map(|first| (Cursor(first), outbox::read_row(value))));
            true
        })?;
        for (row, cursors) in rows {
            let items = self.items(&cursors)?;
            if items.is_empty() {
                self.turn.write_lazily(tidepool_views::RowWrite { key: outbox::row_key(row), value: None });
            }
            let gone = self.outgoing.add(row, &items, false);
            self.turn.write_all_lazily(gone);
        }
        Ok(())
    }

    fn items(&self, cursors: &[Cursor]) -> Result<Vec<Item>, ReadError> {
        let mut items = Vec::new();
        for cursor in cursors {
            if let Some(stored) = self.store.stored(*cursor)? {
                items.push(self.item(&stored.envelope, *cursor));
            }
        }
        Ok(items)
    }
}
