//! `GET /stream`: everything that happens on this node, as server-sent events with cursors that outlive restarts.
//!
//! Each reader has one task that reads the home's stream and puts a few events into a short queue. A reader that takes
//! nothing for a while is cut off, so that it holds neither memory nor a place; it comes back with the last id it saw.

use crate::App;
use crate::error::{ApiError, seen};
use crate::extract::Query;
use crate::iso;
use crate::layers::Caller;
use crate::params::{agent_name, community_name, given, named};
use crate::serve::Stopping;
use crate::shapes::{EventJson, KINDS, kind_word};
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tidepool_home::{EventFilter, EventKind, EventStream, HomeError, StreamCursor, StreamEvent};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Events that wait for one reader: eight of the longest posts are 400 KiB.
const WAITING_MAX: usize = 8;

/// How long a client waits before it comes back, in the stream's own words.
const RETRY: Duration = Duration::from_secs(2);

/// Which events, and from where.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamParams {
    cursor: Option<String>,
    kind: Option<String>,
    community: Option<String>,
    submolt: Option<String>,
    author: Option<String>,
}

impl StreamParams {
    fn filter(&self) -> Result<EventFilter, ApiError> {
        let words = self.kind.as_deref().unwrap_or_default();
        let kinds =
            words.split(',').map(str::trim).filter(|word| !word.is_empty()).map(kind).collect::<Result<_, _>>()?;
        let community = named("community", self.community.as_ref())?.or(named("submolt", self.submolt.as_ref())?);
        let author = named("author", self.author.as_ref())?;
        Ok(EventFilter { kinds, community: community.map(community_name), author: author.map(agent_name) })
    }
}

fn kind(word: &str) -> Result<EventKind, ApiError> {
    KINDS.into_iter().find(|kind| kind_word(*kind) == word).ok_or_else(|| ApiError::Query {
        field: "kind",
        seen: seen(word),
        allowed: KINDS.map(kind_word).join(", "),
    })
}

/// Where to go on: what the client saw last, which a browser sends by itself, else what the address says.
fn start(headers: &HeaderMap, params: &StreamParams) -> Result<Option<StreamCursor>, ApiError> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::trim);
    let text = last.filter(|text| !text.is_empty()).or_else(|| given(params.cursor.as_ref()));
    let parsed = text.map(|text| text.parse().map_err(|_: HomeError| ApiError::Cursor { reason: "it is no event id" }));
    parsed.transpose()
}

/// `GET /stream`
pub(crate) async fn stream(
    State(app): State<Arc<App>>,
    _key: Option<Caller>,
    stopping: Option<Extension<Stopping>>,
    headers: HeaderMap,
    Query(params): Query<StreamParams>,
) -> Result<Response, ApiError> {
    let filter = params.filter()?;
    let from = start(&headers, &params)?.unwrap_or_else(|| app.home.now_cursor());
    let events = app.home.events(Some(from), filter).await?;
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    // An id alone is no event to a client, but it is where the client goes on if nothing happens before it comes back.
    let hello = Event::default().retry(RETRY).id(from.to_string());
    let reader = Reader {
        sender,
        stopping: stopping.map(|Extension(stopping)| stopping),
        stall: Duration::from_millis(app.settings.stream_stall_ms),
    };
    tokio::spawn(reader.run(events, hello));
    let keep_alive = KeepAlive::new().interval(Duration::from_millis(app.settings.stream_keep_alive_ms));
    let body = ReceiverStream::new(receiver).map(Ok::<Event, Infallible>);
    let mut response = Sse::new(body).keep_alive(keep_alive.text("keep-alive")).into_response();
    // Some proxies gather a stream before they pass it on, unless they are told.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

struct Reader {
    sender: mpsc::Sender<Event>,
    stopping: Option<Stopping>,
    stall: Duration,
}

impl Reader {
    async fn run(mut self, mut events: EventStream, hello: Event) {
        let open = metrics::gauge!("tidepool_http_streams");
        open.increment(1);
        let ended = self.pump(&mut events, hello).await;
        open.decrement(1);
        metrics::counter!("tidepool_http_streams_ended_total", "why" => ended).increment(1);
    }

    /// Passes events on until one side ends; says which did.
    async fn pump(&mut self, events: &mut EventStream, hello: Event) -> &'static str {
        if self.sender.send(hello).await.is_err() {
            return "left";
        }
        loop {
            let next = tokio::select! {
                next = events.next() => next,
                () = self.sender.closed() => return "left",
                () = stopped(self.stopping.as_mut()) => return "stopping",
            };
            let (event, is_last) = match next {
                None => return "ended",
                Some(Ok(event)) => (frame(&event), false),
                Some(Err(error)) => (failure(error), true),
            };
            match tokio::time::timeout(self.stall, self.sender.send(event)).await {
                Ok(Ok(())) if is_last => return "failed",
                Ok(Ok(())) => {}
                Ok(Err(_)) => return "left",
                Err(_) => return "stalled",
            }
        }
    }
}

async fn stopped(stopping: Option<&mut Stopping>) {
    match stopping {
        Some(stopping) => stopping.wait().await,
        None => std::future::pending().await,
    }
}

fn frame(event: &StreamEvent) -> Event {
    let shape = EventJson::of(event);
    let data = serde_json::to_string(&shape).unwrap_or_else(|error| {
        tracing::error!(%error, "an event could not be written");
        "{}".to_owned()
    });
    Event::default().id(event.cursor.to_string()).event(kind_word(event.kind)).data(data)
}

/// The last event of a stream that failed: the same words as an error body has.
fn failure(error: HomeError) -> Event {
    let problem = ApiError::from(error).problem(iso::now());
    let data = serde_json::json!({"error": problem.message, "code": problem.code, "hint": problem.hint});
    Event::default().event("error").data(data.to_string())
}
