//! The task that writes notices as events come.

use super::notice::concerns;
use crate::error::HomeError;
use crate::home::Inner;
use crate::limits::{NOTICES_PROGRESS, STREAM_REPLAY_MAX};
use crate::rows;
use crate::stream::{StreamEvent, Taken, chunk};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tidepool_kernel::{LocalError, LocalRequest};
use tidepool_protocol::AgentId;
use tidepool_views::{Cursor, RowWrite};

/// How long the task waits after the kernel refused a write because too much waits.
const PAUSE: Duration = Duration::from_millis(500);

/// How long the task lets events gather after it wrote notices: each write is a flush of the store, and on a busy node every
/// moment has some.
const GATHER: Duration = Duration::from_millis(250);

/// How far notices were written, of which log.
fn progress(inner: &Inner) -> Result<Option<Cursor>, HomeError> {
    let known = inner.row::<(u64, Cursor)>(&rows::notices_upto_key())?;
    Ok(known.filter(|(log, _)| *log == inner.facts.log).map(|(_, upto)| upto))
}

/// Starts the task. It ends when the kernel or the home is gone, or the store fails.
pub(crate) fn follow(inner: &Arc<Inner>) {
    let mut watched = inner.tail.progress();
    let weak = Arc::downgrade(inner);
    tokio::spawn(async move {
        let Some(mut at) = begin(&weak).await else { return };
        let mut written = at;
        loop {
            let (upto, is_open) = {
                let progress = watched.borrow_and_update();
                (progress.upto, progress.is_open)
            };
            while at < upto {
                let Some((reached, noted)) = step(&weak, at, upto, written).await else { return };
                at = reached;
                if noted {
                    written = reached;
                    tokio::time::sleep(GATHER).await;
                }
            }
            if !is_open || watched.changed().await.is_err() {
                return;
            }
        }
    });
}

/// Where it goes on: a store that never had notices begins with what comes now.
async fn begin(weak: &Weak<Inner>) -> Option<Cursor> {
    let inner = weak.upgrade()?;
    let task = tokio::task::spawn_blocking(move || {
        let head = inner.tail.upto();
        let known = progress(&inner)?.unwrap_or(head).min(head);
        // What lies further back than a stream replays is old news.
        Ok::<_, HomeError>(known.max(Cursor(head.0.saturating_sub(STREAM_REPLAY_MAX))))
    });
    match task.await {
        Ok(Ok(at)) => Some(at),
        Ok(Err(error)) => {
            tracing::error!(%error, "notices cannot be read; none are written until the node starts again");
            None
        }
        Err(_) => None,
    }
}

/// Writes the notices of the next events behind `at`; how far that reaches, and whether it was written down.
async fn step(weak: &Weak<Inner>, at: Cursor, upto: Cursor, written: Cursor) -> Option<(Cursor, bool)> {
    let inner = weak.upgrade()?;
    // A node that is nobody's home has nobody to tell, and reads nothing for it.
    if inner.registrations.agents.load(Ordering::Relaxed) == 0 {
        return Some((upto, false));
    }
    let kernel = Arc::clone(&inner.parts.kernel);
    let log = inner.facts.log;
    let task = tokio::task::spawn_blocking(move || {
        let (events, reached) = match inner.tail.take(at) {
            Taken::Events(events, reached) => (events, reached),
            Taken::Behind => {
                let (events, reached) = chunk(&inner, at, upto)?;
                (events.into_iter().map(Arc::new).collect(), reached)
            }
        };
        Ok::<_, HomeError>((notices(&inner, &events)?, reached))
    });
    let (mut rows, reached) = match task.await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            tracing::error!(%error, at = at.0, "notices cannot be written until the node starts again");
            return None;
        }
        Err(_) => return None,
    };
    if rows.is_empty() && reached.0 - written.0 < NOTICES_PROGRESS {
        return Some((reached, false));
    }
    rows.push(rows::put(rows::notices_upto_key(), &(log, reached)));
    loop {
        match kernel.request(LocalRequest::Write { rows: rows.clone(), expect: Vec::new() }).await {
            Ok(_) => return Some((reached, true)),
            Err(LocalError::Busy { .. }) => tokio::time::sleep(PAUSE).await,
            Err(_) => return None,
        }
    }
}

/// The rows of the notices of `events`, and those that make room for them.
fn notices(inner: &Inner, events: &[Arc<StreamEvent>]) -> Result<Vec<RowWrite>, HomeError> {
    let mut rows = Vec::new();
    let mut coming: BTreeMap<AgentId, usize> = BTreeMap::new();
    for event in events {
        for (agent, row) in concerns(inner, event)? {
            rows.push(rows::put(rows::notice_key(agent, event.cursor.at), &row));
            *coming.entry(agent).or_default() += 1;
        }
    }
    for (agent, count) in coming {
        rows.extend(inner.make_room(agent, count)?);
    }
    Ok(rows)
}
