//! One reader of the log: from its cursor through the store to the ring of the newest events, and then along with it.

use super::tail::{Progress, Taken, chunk};
use super::{EventFilter, EventKind, EventStream, StreamCursor, StreamEvent};
use crate::error::HomeError;
use crate::home::{Home, Inner};
use crate::limits::{STREAM_REPLAY_MAX, STREAMS_MAX};
use futures::StreamExt;
use std::collections::VecDeque;
use std::sync::Arc;
use tidepool_protocol::{AuthorId, Scope};
use tidepool_views::Cursor;
use tokio::sync::{OwnedSemaphorePermit, watch};

/// An [`EventFilter`] whose names are resolved.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    kinds: Vec<EventKind>,
    community: Option<Scope>,
    author: Option<AuthorId>,
}

impl Filter {
    pub(crate) async fn resolve(home: &Home, filter: EventFilter) -> Result<Self, HomeError> {
        let community = match &filter.community {
            Some(name) => Some(home.held_community(name).await?),
            None => None,
        };
        let author = match &filter.author {
            Some(name) => Some(home.agent_id(name).await?.into()),
            None => None,
        };
        Ok(Self { kinds: filter.kinds, community, author })
    }

    fn takes(&self, event: &StreamEvent) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && self.community.as_ref().is_none_or(|scope| *scope == event.scope)
            && self.author.is_none_or(|author| author == event.author)
    }
}

struct Reader {
    inner: Arc<Inner>,
    filter: Filter,
    at: Cursor,
    ready: VecDeque<Arc<StreamEvent>>,
    progress: watch::Receiver<Progress>,
    ended: bool,
    _place: OwnedSemaphorePermit,
}

/// Opens a stream behind `after`.
pub(crate) fn open(home: &Home, after: Option<StreamCursor>, filter: Filter) -> Result<EventStream, HomeError> {
    let inner = Arc::clone(&home.inner);
    let place = Arc::clone(&inner.streams).try_acquire_owned().map_err(|_| HomeError::Busy {
        what: "streams",
        waiting: STREAMS_MAX,
        allowed: STREAMS_MAX,
        retry_after_s: 30,
    })?;
    let progress = inner.tail.progress();
    let head = progress.borrow().upto;
    let at = match after {
        // What the kernel has said already is not new, though it may not be in the ring yet.
        None => head.max(*inner.parts.kernel.notified().borrow()),
        Some(after) => check_cursor(&inner, after, head)?,
    };
    let reader = Reader { inner, filter, at, ready: VecDeque::new(), progress, ended: false, _place: place };
    Ok(futures::stream::unfold(reader, next).boxed())
}

fn check_cursor(inner: &Inner, after: StreamCursor, head: Cursor) -> Result<Cursor, HomeError> {
    if after.log != inner.facts.log {
        return Err(HomeError::CursorForeign);
    }
    // What is durable may be ahead of what was made ready for streams, never the other way round.
    let head = head.max(inner.reader().durable());
    if after.at > head {
        return Err(HomeError::CursorAhead { seen: after.at, head });
    }
    within_replay(after.at, head)?;
    Ok(after.at)
}

/// Refuses a cursor further behind `head` than a stream replays.
pub(crate) fn within_replay(at: Cursor, head: Cursor) -> Result<(), HomeError> {
    let oldest = Cursor(head.0.saturating_sub(STREAM_REPLAY_MAX));
    if at < oldest { Err(HomeError::CursorTooOld { seen: at, oldest }) } else { Ok(()) }
}

async fn next(mut reader: Reader) -> Option<(Result<Arc<StreamEvent>, HomeError>, Reader)> {
    if reader.ended {
        return None;
    }
    loop {
        if let Some(event) = reader.ready.pop_front() {
            return Some((Ok(event), reader));
        }
        let Progress { upto, is_open } = *reader.progress.borrow_and_update();
        if reader.at >= upto {
            if !is_open || reader.progress.changed().await.is_err() {
                reader.ended = true;
                return Some((Err(HomeError::Stopping), reader));
            }
            continue;
        }
        if let Err(error) = reader.fill(upto).await {
            reader.ended = true;
            return Some((Err(error), reader));
        }
    }
}

impl Reader {
    /// Gets the next chunk ready.
    async fn fill(&mut self, upto: Cursor) -> Result<(), HomeError> {
        let (events, reached) = match self.inner.tail.take(self.at) {
            Taken::Events(events, reached) => (events, reached),
            Taken::Behind => {
                let home = Home { inner: Arc::clone(&self.inner) };
                let at = self.at;
                let (events, reached) = home.read(move |inner| chunk(inner, at, upto)).await?;
                (events.into_iter().map(Arc::new).collect(), reached)
            }
        };
        self.at = reached;
        self.ready.extend(events.into_iter().filter(|event| self.filter.takes(event)));
        Ok(())
    }
}
