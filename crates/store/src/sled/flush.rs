//! Group commit: whoever asks while a flush runs shares the next one.

use super::marker::Acknowledged;
use super::settings::Point;
use super::shared::{Shared, unwritten};
use crate::sync::lock;
use std::sync::{Condvar, Mutex, PoisonError};
use tidepool_kernel::StoreError;
use tidepool_views::Cursor;

#[derive(Clone)]
struct State {
    appended: Acknowledged,
    durable: Acknowledged,
    running: bool,
    failed: Option<StoreError>,
}

pub(crate) struct Flush {
    state: Mutex<State>,
    changed: Condvar,
}

impl Flush {
    /// Everything that a start found counts as durable: it came from the disk.
    pub(crate) fn new(batch: u64, cursor: Cursor) -> Self {
        let found = Acknowledged { batch, cursor };
        let state = State { appended: found, durable: found, running: false, failed: None };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The engine has taken this batch.
    pub(crate) fn appended(&self, batch: u64, cursor: Cursor) {
        lock(&self.state).appended = Acknowledged { batch, cursor };
    }

    pub(crate) fn durable(&self) -> Cursor {
        lock(&self.state).durable.cursor
    }
}

impl Shared {
    /// Makes everything that is appended by now durable; the cursor up to which it is.
    pub(crate) fn flush(&self) -> Result<Cursor, StoreError> {
        let mut state = lock(&self.flush.state);
        let target = state.appended.batch;
        loop {
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            if state.durable.batch >= target {
                return Ok(state.durable.cursor);
            }
            if state.running {
                state = self.flush.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.running = true;
            let upto = state.appended;
            drop(state);
            let result = self.synchronise(upto);
            state = lock(&self.flush.state);
            state.running = false;
            match result {
                Ok(()) => state.durable = upto,
                // The kernel may have dropped dirty pages after a failed fsync: a second try would lie.
                Err(error) => state.failed = Some(self.fail(error)),
            }
            self.flush.changed.notify_all();
        }
    }

    fn synchronise(&self, upto: Acknowledged) -> Result<(), StoreError> {
        self.hook(Point::BeforeFlush)?;
        self.engine.write_out().map_err(unwritten)?;
        self.hook(Point::BeforeSync)?;
        self.engine.sync().map_err(unwritten)?;
        self.hook(Point::AfterSync)?;
        lock(&self.marker).write(upto).map_err(unwritten)
    }
}
