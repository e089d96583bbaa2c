//! Rows and a log in memory, and what the kernel does with an envelope that it admits.

use crate::fold::{Folded, fold, refold};
use crate::logs::{self, Hold};
use crate::overlay::{Overlay, Pending};
use crate::port::{Cursor, Envelopes, Origin, ReadError, Rows, Stored};
use crate::prune::prune;
use crate::{index, void};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Bound;
use tidepool_protocol::{Envelope, NetworkGenesis, TimeMs, Verified};

/// A node's rows and log, in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    rows: BTreeMap<Bytes, Bytes>,
    log: BTreeMap<Cursor, Stored>,
    last: Cursor,
}

impl Memory {
    /// With nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an admissible envelope in as the kernel does: not twice, and only when its position holds it. `None` when
    /// it was not taken.
    ///
    /// # Errors
    /// When a row is damaged.
    pub fn admit(
        &mut self,
        envelope: &Verified<Envelope>,
        genesis: &NetworkGenesis,
    ) -> Result<Option<Folded>, ReadError> {
        let id = envelope.id();
        let known = index::get(self, &id)?.is_some();
        if known || logs::holds(self, envelope.header(), &id)? == Hold::Refused {
            return Ok(None);
        }
        let stored = Stored {
            cursor: self.last.next(),
            received_ms: envelope.header().time_ms,
            origin: Origin::Local,
            envelope: envelope.clone(),
        };
        self.last = stored.cursor;
        let mut overlay = Overlay::new(self, Pending::default());
        overlay.push(stored.clone());
        let folded = fold(&mut overlay, &stored, genesis)?;
        let pending = overlay.into_pending();
        self.commit(pending);
        for evicted in &folded.evicted {
            self.log.remove(&evicted.cursor);
        }
        Ok(Some(folded))
    }

    /// Admits what can be, in turns, until nothing more is taken: what anti-entropy comes to. An identity operation or
    /// an envelope whose `auth` is unknown waits, as in the kernel.
    ///
    /// # Errors
    /// When a row is damaged.
    pub fn admit_all(&mut self, envelopes: &[Verified<Envelope>], genesis: &NetworkGenesis) -> Result<(), ReadError> {
        // Each turn takes at least one envelope that the log did not hold before it; evictions only ever lower ids.
        for _ in 0..=envelopes.len() * 4 {
            let mut taken = false;
            for envelope in envelopes {
                let header = envelope.header();
                let ready =
                    header.kind.is_genesis() || crate::identity::state_at(self, header.author, &header.auth)?.is_some();
                if ready && self.admit(envelope, genesis)?.is_some() {
                    taken = true;
                }
            }
            if !taken {
                break;
            }
        }
        self.finish_jobs(genesis)
    }

    /// Takes the bodies away of texts that claim a time before `horizon`, as retention does.
    ///
    /// # Errors
    /// When a row is damaged.
    pub fn prune_before(&mut self, horizon: TimeMs, genesis: &NetworkGenesis) -> Result<(), ReadError> {
        let old = |stored: &&Stored| stored.envelope.header().time_ms < horizon;
        let cursors: Vec<Cursor> = self.log.values().filter(old).map(|stored| stored.cursor).collect();
        for cursor in cursors {
            let mut overlay = Overlay::new(self, Pending::default());
            let bare = prune(&mut overlay, cursor, genesis)?;
            let pending = overlay.into_pending();
            self.commit(pending);
            self.log.extend(bare.map(|bare| (cursor, bare)));
        }
        self.finish_jobs(genesis)
    }

    /// Runs jobs until none is left.
    ///
    /// # Errors
    /// When a row is damaged.
    pub fn finish_jobs(&mut self, genesis: &NetworkGenesis) -> Result<(), ReadError> {
        loop {
            let mut overlay = Overlay::new(self, Pending::default());
            let more = void::run_jobs(&mut overlay, genesis, 100)?;
            let pending = overlay.into_pending();
            self.commit(pending);
            if !more {
                return Ok(());
            }
        }
    }

    /// The same log folded from its start into no rows.
    ///
    /// # Errors
    /// When a row is damaged.
    pub fn reindexed(&self, genesis: &NetworkGenesis) -> Result<Self, ReadError> {
        let mut fresh = Self { rows: BTreeMap::new(), log: self.log.clone(), last: self.last };
        let mut after = Cursor::START;
        loop {
            let mut overlay = Overlay::new(&fresh, Pending::default());
            let (upto, _) = refold(&mut overlay, after, 100, genesis)?;
            let pending = overlay.into_pending();
            fresh.commit(pending);
            if upto == after {
                break;
            }
            after = upto;
        }
        fresh.finish_jobs(genesis)?;
        Ok(fresh)
    }

    /// These rows beside the log of `other`: what a crash leaves that takes rows back further than the log.
    #[must_use]
    pub fn with_log_of(&self, other: &Self) -> Self {
        Self { rows: self.rows.clone(), log: other.log.clone(), last: other.last }
    }

    /// Writes what an overlay gathered.
    pub fn commit(&mut self, pending: Pending) {
        let (rows, stored) = pending.into_parts();
        for row in rows {
            match row.value {
                Some(value) => self.rows.insert(row.key, value),
                None => self.rows.remove(&row.key),
            };
        }
        self.log.extend(stored.into_iter().map(|stored| (stored.cursor, stored)));
    }

    /// Every row, in the order of keys.
    pub fn rows(&self) -> impl Iterator<Item = (&Bytes, &Bytes)> {
        self.rows.iter()
    }

    /// Puts a row, for tests of damaged ones.
    pub fn put(&mut self, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.rows.insert(key.into(), value.into());
    }

    /// Every envelope, in the order of the log.
    pub fn envelopes(&self) -> impl Iterator<Item = &Stored> {
        self.log.values()
    }
}

impl Rows for Memory {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ReadError> {
        Ok(self.rows.get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        if from < to {
            for (key, value) in self.rows.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to))) {
                if !visit(key, value) {
                    break;
                }
            }
        }
        Ok(())
    }

    fn scan_back(&self, from: &[u8], to: &[u8], visit: &mut dyn FnMut(&[u8], &Bytes) -> bool) -> Result<(), ReadError> {
        if from < to {
            for (key, value) in self.rows.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to))).rev() {
                if !visit(key, value) {
                    break;
                }
            }
        }
        Ok(())
    }
}

impl Envelopes for Memory {
    fn stored(&self, cursor: Cursor) -> Result<Option<Stored>, ReadError> {
        Ok(self.log.get(&cursor).cloned())
    }

    fn stored_after(&self, after: Cursor, limit: usize) -> Result<Vec<Stored>, ReadError> {
        Ok(self.log.range((Bound::Excluded(after), Bound::Unbounded)).take(limit).map(|(_, s)| s.clone()).collect())
    }
}
