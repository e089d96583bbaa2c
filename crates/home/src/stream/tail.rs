//! The newest events, made once for all who follow: ten thousand readers must not read the store ten thousand times.
//!
//! One task reads the log as it grows and puts events into a ring. The ring knows from which cursor on it is whole, so a
//! reader takes from it exactly what it has not had, or, further back, reads the store.

use super::{StreamEvent, event_of};
use crate::error::HomeError;
use crate::home::{Inner, lock};
use crate::limits::{STREAM_CHUNK, TAIL_EVENTS_MAX};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};
use tidepool_views::Cursor;
use tokio::sync::watch;

/// The newest events.
pub(crate) struct Tail {
    ring: Mutex<Ring>,
    upto: watch::Sender<Cursor>,
}

struct Ring {
    /// Every event behind this cursor, up to the published one, is in the ring.
    from: Cursor,
    events: VecDeque<Arc<StreamEvent>>,
}

/// What a reader gets from the ring.
pub(crate) enum Taken {
    /// What is behind its cursor, and the cursor that it has then reached.
    Events(Vec<Arc<StreamEvent>>, Cursor),
    /// It is further back than the ring.
    Behind,
}

impl Tail {
    pub(crate) fn new(upto: Cursor) -> Self {
        let ring = Ring { from: upto, events: VecDeque::new() };
        Self { ring: Mutex::new(ring), upto: watch::Sender::new(upto) }
    }

    /// Up to where events may be read; wakes readers.
    pub(crate) fn upto(&self) -> watch::Receiver<Cursor> {
        self.upto.subscribe()
    }

    /// At most [`STREAM_CHUNK`] events behind `at`.
    pub(crate) fn take(&self, at: Cursor) -> Taken {
        let ring = lock(&self.ring);
        if at < ring.from {
            return Taken::Behind;
        }
        let first = ring.events.partition_point(|event| event.cursor.at <= at);
        let events: Vec<_> = ring.events.range(first..).take(STREAM_CHUNK).cloned().collect();
        let is_rest = first + events.len() == ring.events.len();
        // The ring and the published cursor change together, under this lock.
        let reached = match events.last() {
            Some(last) if !is_rest => last.cursor.at,
            Some(_) | None => (*self.upto.borrow()).max(at),
        };
        Taken::Events(events, reached)
    }

    fn push(&self, events: Vec<StreamEvent>, upto: Cursor) {
        let mut ring = lock(&self.ring);
        for event in events {
            if ring.events.len() == TAIL_EVENTS_MAX
                && let Some(oldest) = ring.events.pop_front()
            {
                ring.from = oldest.cursor.at;
            }
            ring.events.push_back(Arc::new(event));
        }
        self.upto.send_replace(upto);
    }
}

/// Starts the task that fills the ring. It ends when the kernel or the home is gone.
pub(crate) fn pump(inner: &Arc<Inner>) {
    let mut notified = inner.parts.kernel.notified();
    let weak = Arc::downgrade(inner);
    let mut at = *inner.tail.upto.borrow();
    tokio::spawn(async move {
        loop {
            let upto = *notified.borrow_and_update();
            while at < upto {
                let Some(reached) = step(&weak, at, upto).await else { return };
                at = reached;
            }
            if notified.changed().await.is_err() {
                // Readers learn that nothing more comes when the home drops the sender.
                return;
            }
        }
    });
}

/// Reads a chunk of the log into the ring; `None` when the home is gone or the store failed.
async fn step(weak: &Weak<Inner>, at: Cursor, upto: Cursor) -> Option<Cursor> {
    let inner = weak.upgrade()?;
    let task = tokio::task::spawn_blocking(move || {
        let (events, reached) = chunk(&inner, at, upto)?;
        inner.tail.push(events, reached);
        Ok::<Cursor, HomeError>(reached)
    });
    match task.await {
        Ok(Ok(reached)) => Some(reached),
        Ok(Err(error)) => {
            tracing::error!(%error, at = at.0, "the log cannot be read for streams");
            None
        }
        Err(_) => None,
    }
}

/// The events of the next [`STREAM_CHUNK`] envelopes behind `at`, none beyond `upto`, and how far that reaches.
pub(crate) fn chunk(inner: &Inner, at: Cursor, upto: Cursor) -> Result<(Vec<StreamEvent>, Cursor), HomeError> {
    let stored = inner.reader().stored_after(at, STREAM_CHUNK)?;
    let is_full = stored.len() == STREAM_CHUNK;
    let mut events = Vec::with_capacity(stored.len());
    let mut reached = upto;
    for stored in stored.iter().take_while(|stored| stored.cursor <= upto) {
        events.extend(event_of(inner, stored)?);
        if is_full {
            reached = stored.cursor;
        }
    }
    Ok((events, reached))
}
