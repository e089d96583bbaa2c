//! The newest events, made once for all who follow: ten thousand readers must not read the store ten thousand times.
//!
//! One task reads the log as it grows and puts events into a ring. The ring knows from which cursor on it is whole, so a
//! reader takes from it exactly what it has not had, or, further back, reads the store. While nobody reads, nothing is made: a
//! node that joins a large network would read all of it a second time.

use super::{Event, StreamEvent, event_of};
use crate::error::HomeError;
use crate::home::{Inner, lock};
use crate::limits::{STREAM_CHUNK, STREAM_CHUNK_BYTES, STREAMS_MAX, TAIL_BYTES_MAX, TAIL_EVENTS_MAX};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, Weak};
use tidepool_protocol::EnvelopeId;
use tidepool_protocol::body::Deed;
use tidepool_views::Cursor;
use tokio::sync::watch;

/// The newest events.
pub(crate) struct Tail {
    ring: Mutex<Ring>,
    progress: watch::Sender<Progress>,
}

/// How far events may be read, and whether more will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) upto: Cursor,
    pub(crate) is_open: bool,
}

struct Ring {
    /// Every event behind this cursor, up to the published one, is in the ring.
    from: Cursor,
    events: VecDeque<Arc<StreamEvent>>,
    bytes: usize,
    /// How often what this node shows was changed: events that were made before are not put into the ring after it.
    judged: u64,
}

impl Ring {
    /// Forgets all events up to `from`: whoever comes for them reads the store.
    fn clear(&mut self, from: Cursor) {
        *self = Self { from, events: VecDeque::new(), bytes: 0, judged: self.judged };
    }

    /// Takes out what the author of `deletion` said as `target` or of it, or anybody when a moderator took it away: whoever
    /// comes later must not read it here.
    fn forget(&mut self, deletion: &StreamEvent, target: &EnvelopeId) {
        let by_moderator = matches!(deletion.event, Event::Moderated { .. });
        let is_of_it = |event: &StreamEvent| {
            (by_moderator || event.author == deletion.author)
                && event.scope == deletion.scope
                && match &event.event {
                    Event::Post { .. } | Event::Comment { .. } => event.id == *target,
                    Event::Edit { target: edited, .. } => edited == target,
                    Event::Delete { .. }
                    | Event::Vote { .. }
                    | Event::Follow { .. }
                    | Event::Subscribe { .. }
                    | Event::Profile { .. }
                    | Event::Charter { .. }
                    | Event::Settings
                    | Event::Grant { .. }
                    | Event::Withdraw { .. }
                    | Event::Moderated { .. }
                    | Event::AgentJoined { .. }
                    | Event::NodeJoined
                    | Event::Identity
                    | Event::Other => false,
                }
        };
        let mut freed = 0;
        self.events.retain(|event| {
            let goes = is_of_it(event);
            freed += if goes { event.weight() } else { 0 };
            !goes
        });
        self.bytes -= freed;
    }
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
        let ring = Ring { from: upto, events: VecDeque::new(), bytes: 0, judged: 0 };
        Self { ring: Mutex::new(ring), progress: watch::Sender::new(Progress { upto, is_open: true }) }
    }

    /// Up to where events may be read; wakes readers.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Up to where events may be read now.
    pub(crate) fn upto(&self) -> Cursor {
        self.progress.borrow().upto
    }

    /// Nothing more comes: readers end behind what there is.
    pub(crate) fn close(&self) {
        self.progress.send_modify(|progress| progress.is_open = false);
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
            Some(_) | None => self.upto().max(at),
        };
        Taken::Events(events, reached)
    }

    /// Goes on to `upto` without the events up to there: whoever comes for them reads the store.
    fn skip(&self, upto: Cursor) {
        let mut ring = lock(&self.ring);
        ring.clear(upto);
        self.progress.send_modify(|progress| progress.upto = upto);
    }

    /// What this node shows has changed: the events that are ready are made anew for whoever comes for them.
    pub(crate) fn renew(&self) {
        let mut ring = lock(&self.ring);
        ring.judged += 1;
        let upto = self.upto();
        ring.clear(upto);
    }

    /// Which events may be pushed: see [`Ring::judged`].
    fn judged(&self) -> u64 {
        lock(&self.ring).judged
    }

    /// Puts events into the ring that were made when [`Tail::judged`] was so; else they are for readers of the store.
    fn push(&self, events: Vec<StreamEvent>, upto: Cursor, judged: u64) {
        let mut ring = lock(&self.ring);
        if ring.judged != judged {
            ring.clear(upto);
            self.progress.send_modify(|progress| progress.upto = upto);
            return;
        }
        for event in events {
            if let Event::Delete { target } | Event::Moderated { deed: Deed::Remove, target, .. } = &event.event {
                ring.forget(&event, target);
            }
            ring.bytes += event.weight();
            ring.events.push_back(Arc::new(event));
            while ring.events.len() > TAIL_EVENTS_MAX || ring.bytes > TAIL_BYTES_MAX {
                let Some(oldest) = ring.events.pop_front() else { break };
                ring.bytes -= oldest.weight();
                ring.from = oldest.cursor.at;
            }
        }
        self.progress.send_modify(|progress| progress.upto = upto);
    }
}

/// Starts the task that fills the ring. It ends when the kernel or the home is gone.
pub(crate) fn pump(inner: &Arc<Inner>) {
    let mut notified = inner.parts.kernel.notified();
    let weak = Arc::downgrade(inner);
    let tail = Arc::clone(&inner.tail);
    let mut at = tail.upto();
    tokio::spawn(async move {
        let _close = CloseAtEnd(tail);
        loop {
            let upto = *notified.borrow_and_update();
            while at < upto {
                let Some(reached) = step(&weak, at, upto).await else { return };
                at = reached;
            }
            if notified.changed().await.is_err() {
                return;
            }
        }
    });
}

/// However the task ends, its readers learn of it.
struct CloseAtEnd(Arc<Tail>);

impl Drop for CloseAtEnd {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Reads a chunk of the log into the ring; `None` when the home is gone or the store failed.
async fn step(weak: &Weak<Inner>, at: Cursor, upto: Cursor) -> Option<Cursor> {
    let inner = weak.upgrade()?;
    if !has_readers(&inner) {
        inner.tail.skip(upto);
        return Some(upto);
    }
    let task = tokio::task::spawn_blocking(move || {
        let judged = inner.tail.judged();
        let (events, reached) = chunk(&inner, at, upto)?;
        inner.tail.push(events, reached, judged);
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

/// Whether anybody follows: an open stream, or notices for an agent at home here.
fn has_readers(inner: &Inner) -> bool {
    inner.streams.available_permits() < STREAMS_MAX || inner.registrations.agents.load(Ordering::Relaxed) > 0
}

/// The events of the next [`STREAM_CHUNK`] envelopes behind `at`, none beyond `upto`, and how far that reaches: less far
/// when they are more than [`STREAM_CHUNK_BYTES`] long, because a slow reader holds them.
pub(crate) fn chunk(inner: &Inner, at: Cursor, upto: Cursor) -> Result<(Vec<StreamEvent>, Cursor), HomeError> {
    let stored = inner.reader().stored_after(at, STREAM_CHUNK)?;
    let is_full = stored.len() == STREAM_CHUNK;
    let mut events = Vec::with_capacity(stored.len());
    let mut bytes = 0;
    let mut last = at;
    for stored in stored.iter().take_while(|stored| stored.cursor <= upto) {
        last = stored.cursor;
        let Some(event) = event_of(inner, stored)? else { continue };
        bytes += event.weight();
        events.push(event);
        if bytes > STREAM_CHUNK_BYTES {
            return Ok((events, last));
        }
    }
    Ok((events, if is_full { last } else { upto }))
}
