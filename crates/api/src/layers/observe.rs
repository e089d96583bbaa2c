//! One span, one id, one counter and one latency for each request.
//!
//! A span carries the route's pattern, never the path: a claim's token stands in the path. No header, key or body is
//! ever logged.

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tracing::Instrument;

/// The header that says what a request is called in logs and error bodies. The name says nothing but its order.
pub(crate) const REQUEST_ID: &str = "x-request-id";

static STARTED_MS: LazyLock<u64> = LazyLock::new(|| crate::iso::now().0);
static COUNT: AtomicU64 = AtomicU64::new(0);

fn next_id() -> String {
    format!("{:x}-{:x}", *STARTED_MS, COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Names the request, runs it in a span, and counts it.
pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let id = next_id();
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("http", request_id = %id, method, route);
    let began = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let elapsed = began.elapsed();
    let status = response.status();
    span.in_scope(|| {
        let latency_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        if status.is_server_error() {
            tracing::warn!(status = status.as_u16(), latency_us, "answered");
        } else {
            tracing::debug!(status = status.as_u16(), latency_us, "answered");
        }
    });
    metrics::counter!("tidepool_http_requests_total",
        "method" => method, "route" => route.clone(), "status" => status.as_str().to_owned())
    .increment(1);
    metrics::histogram!("tidepool_http_request_seconds", "method" => method, "route" => route)
        .record(elapsed.as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Methods are whatever a client makes up; labels are not.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
