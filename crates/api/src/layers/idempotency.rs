//! `Idempotency-Key`: a write that its client sends again, because it never saw the answer, is not done again.
//!
//! The header names one attempt of one agent. What the first request with it was answered is kept for a day, in bounded memory,
//! and given again to the same request; another request under the same name is refused. The work goes on when the client goes
//! away, so that its second try finds the first one's answer. A restart forgets.

use super::caller::Presented;
use super::json::whole;
use crate::App;
use crate::answer::NO_STORE;
use crate::error::{ApiError, seen};
use crate::extract::body_bytes;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tidepool_protocol::AgentId;
use tidepool_protocol::ids::{Hash, sha256};

/// The header's name.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The longest name of an attempt: a UUID has 36 characters.
const KEY_CHARS_MAX: usize = 128;

/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Answers that are kept, of at most so many bytes in all; the oldest go first.
const KEPT_MAX: usize = 16_384;
const KEPT_BYTES_MAX: usize = 32 * 1024 * 1024;

type Name = (AgentId, Hash);

enum Attempt {
    UnderWay { request: Hash },
    Done { request: Hash, at: Instant, status: StatusCode, kind: Option<HeaderValue>, body: Bytes },
}

impl Attempt {
    const fn request(&self) -> &Hash {
        match self {
            Self::UnderWay { request } | Self::Done { request, .. } => request,
        }
    }
}

#[derive(Default)]
struct Books {
    attempts: BTreeMap<Name, Attempt>,
    /// Those that are done, oldest first.
    order: VecDeque<Name>,
    bytes: usize,
}

/// What was answered to requests that may come again.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<Books>);

/// What is to be done with a request.
enum Step {
    Do,
    Again(Response),
    Refuse(ApiError),
}

impl Attempts {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, name: Name, request: Hash, now: Instant) -> Step {
        let mut books = self.books();
        books.forget(now);
        match books.attempts.get(&name) {
            Some(attempt) if *attempt.request() != request => Step::Refuse(ApiError::AttemptDiffers),
            Some(Attempt::UnderWay { .. }) => Step::Refuse(ApiError::AttemptUnderWay),
            Some(Attempt::Done { status, kind, body, .. }) => Step::Again(again(*status, kind.as_ref(), body)),
            None => {
                books.attempts.insert(name, Attempt::UnderWay { request });
                Step::Do
            }
        }
    }

    fn end(&self, name: Name, done: Option<Attempt>) {
        let mut books = self.books();
        books.attempts.remove(&name);
        if let Some(Attempt::Done { body, .. }) = &done {
            books.bytes += body.len();
            books.order.push_back(name);
        }
        books.attempts.extend(done.map(|done| (name, done)));
    }
}

impl Books {
    fn forget(&mut self, now: Instant) {
        while let Some(name) = self.order.front() {
            let Some(Attempt::Done { at, body, .. }) = self.attempts.get(name) else {
                self.order.pop_front();
                continue;
            };
            let is_old = now.saturating_duration_since(*at) > KEPT_FOR;
            if !is_old && self.order.len() <= KEPT_MAX && self.bytes <= KEPT_BYTES_MAX {
                return;
            }
            self.bytes -= body.len();
            let name = *name;
            self.attempts.remove(&name);
            self.order.pop_front();
        }
    }
}

fn again(status: StatusCode, kind: Option<&HeaderValue>, body: &Bytes) -> Response {
    let mut response = Response::new(Body::from(body.clone()));
    *response.status_mut() = status;
    response.headers_mut().extend(kind.map(|kind| (header::CONTENT_TYPE, kind.clone())));
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// An attempt under way, until its answer is known; when the work panics, the next try begins anew.
struct UnderWay {
    app: Arc<App>,
    name: Name,
    done: Option<Attempt>,
}

impl UnderWay {
    fn end_with(mut self, done: Attempt) {
        self.done = Some(done);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.app.attempts.end(self.name, self.done.take());
    }
}

fn key_of(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let fits =
        |text: &&str| !text.is_empty() && text.len() <= KEY_CHARS_MAX && text.bytes().all(|b| b.is_ascii_graphic());
    let text = value.to_str().ok().map(|text| text.trim().trim_matches('"'));
    text.filter(fits)
        .map(Some)
        .ok_or_else(|| ApiError::AttemptName { seen: seen(&String::from_utf8_lossy(value.as_bytes())) })
}

/// Does a named write once.
pub(crate) async fn idempotency(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let agent = match request.extensions().get::<Presented>() {
        Some(Presented::Agent(session)) => session.id,
        // Whoever has no name cannot name an attempt.
        Some(Presented::Nothing | Presented::Malformed(_) | Presented::Unknown) | None => {
            return next.run(request).await;
        }
    };
    let key = match key_of(request.headers()) {
        Ok(Some(key)) => sha256(&[key.as_bytes()]),
        Ok(None) => return next.run(request).await,
        Err(error) => return error.into_response(),
    };
    once(app, (agent, key), request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn once(app: Arc<App>, name: Name, request: Request, next: Next) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes =
        body_bytes(body, &parts.headers, app.settings.json_bytes_max.max(app.settings.envelopes_bytes_max)).await?;
    let (method, target) = (parts.method.as_str().as_bytes(), parts.uri.to_string());
    let said = sha256(&[method, b" ", target.as_bytes(), b"\n", &bytes]);
    match app.attempts.begin(name, said, Instant::now()) {
        Step::Again(response) => return Ok(response),
        Step::Refuse(error) => return Err(error),
        Step::Do => {}
    }
    let under_way = UnderWay { app, name, done: None };
    let request = Request::from_parts(parts, Body::from(bytes));
    // In a task of its own: a client that gives up must not leave half of it.
    let task = tokio::spawn(async move {
        let under_way = under_way;
        let response = next.run(request).await;
        if !response.status().is_success() {
            return response;
        }
        if response.headers().get(header::CACHE_CONTROL).is_some_and(|value| value == NO_STORE) {
            return response;
        }
        let (parts, body) = match whole(response).await {
            Ok(whole) => whole,
            Err(broken) => return broken,
        };
        under_way.end_with(Attempt::Done {
            request: said,
            at: Instant::now(),
            status: parts.status,
            kind: parts.headers.get(header::CONTENT_TYPE).cloned(),
            body: body.clone(),
        });
        Response::from_parts(parts, Body::from(body))
    });
    match task.await {
        Ok(response) => Ok(response),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(ApiError::NotReady { why: "the node is shutting down" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(request: Hash, at: Instant, bytes: usize) -> Attempt {
        Attempt::Done { request, at, status: StatusCode::CREATED, kind: None, body: Bytes::from(vec![0; bytes]) }
    }

    fn is_new(attempts: &Attempts, name: Name, now: Instant) -> bool {
        matches!(attempts.begin(name, [1; 32], now), Step::Do)
    }

    #[test]
    fn answers_are_kept_for_a_day_and_up_to_a_bound() {
        let (attempts, now) = (Attempts::default(), Instant::now());
        let name = |number: u64| (AgentId([2; 32]), sha256(&[&number.to_be_bytes()]));
        assert!(is_new(&attempts, name(0), now));
        assert!(matches!(attempts.begin(name(0), [1; 32], now), Step::Refuse(ApiError::AttemptUnderWay)));
        attempts.end(name(0), Some(done([1; 32], now, 10)));
        assert!(matches!(attempts.begin(name(0), [1; 32], now), Step::Again(_)));
        assert!(matches!(attempts.begin(name(0), [3; 32], now), Step::Refuse(ApiError::AttemptDiffers)));
        assert!(is_new(&attempts, name(0), now + KEPT_FOR + Duration::from_secs(1)));
        attempts.end(name(0), None);
        let each = KEPT_BYTES_MAX / 4;
        for number in 1..=6 {
            assert!(is_new(&attempts, name(number), now));
            attempts.end(name(number), Some(done([1; 32], now, each)));
        }
        assert!(is_new(&attempts, name(1), now), "the oldest went");
        assert!(matches!(attempts.begin(name(6), [1; 32], now), Step::Again(_)));
        assert!(attempts.books().bytes <= KEPT_BYTES_MAX);
    }
}
