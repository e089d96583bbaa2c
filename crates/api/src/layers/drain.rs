//! Takes in what a refused request goes on sending, so that its sender comes to read why.
//!
//! A server that answers and closes while the body is still on its way makes the other side's system throw the answer
//! away: the client sees a broken pipe and no status. So what nobody read of a body is read here and dropped, up to bounds,
//! before the answer goes out. A client that waits to be told to go on (`Expect: 100-continue`) is not told.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header::EXPECT;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// The most bytes that are thrown away for one answer: sixteen of the longest JSON bodies. Beyond it the connection breaks.
const DRAIN_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How long they may take: a sender that is slower than this reads a broken connection.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);

/// Answers a request once its body is read, by whoever wanted it or by nobody.
pub(crate) async fn drain(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let expects = request.headers().contains_key(EXPECT);
    let (parts, body) = request.into_parts();
    let shared = Arc::new(Mutex::new(Shared { body, was_read: false, is_over: false }));
    let lent = Body::new(Lent(Arc::clone(&shared)));
    let response = next.run(Request::from_parts(parts, lent)).await;
    let mut rest = Lent(shared);
    if !expects || rest.was_read() {
        // Whatever stops it, the answer is the same.
        let _ = tokio::time::timeout(DRAIN_TIME_MAX, rest.run_out()).await;
    }
    response
}

struct Shared {
    body: Body,
    was_read: bool,
    is_over: bool,
}

/// A body that outlives the handler to which it was given.
struct Lent(Arc<Mutex<Shared>>);

impl Lent {
    fn was_read(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).was_read
    }

    async fn run_out(&mut self) {
        let mut taken = 0;
        while taken < DRAIN_BYTES_MAX {
            match std::future::poll_fn(|context| Pin::new(&mut *self).poll_frame(context)).await {
                Some(Ok(frame)) => taken += frame.data_ref().map_or(0, Bytes::len),
                Some(Err(_)) | None => return,
            }
        }
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut shared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.is_over {
            return Poll::Ready(None);
        }
        shared.was_read = true;
        let frame = ready!(Pin::new(&mut shared.body).poll_frame(context));
        shared.is_over = !matches!(frame, Some(Ok(_)));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).body.size_hint()
    }
}
