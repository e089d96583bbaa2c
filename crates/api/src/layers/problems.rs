//! Every refusal leaves with the one error body, whoever refused: a handler, an extractor, axum itself, or a panic.

use super::observe::REQUEST_ID;
use crate::App;
use crate::error::{ApiError, seen};
use crate::iso;
use crate::problem::Problem;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Writes the body of a refusal, where the path, the time and the request's id are known.
pub(crate) async fn problems(request: Request, next: Next) -> Response {
    let path = seen_path(request.uri().path());
    let method = request.method().to_string();
    let mut response = next.run(request).await;
    let status = response.status();
    let id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if is_bare_refusal(&response) => bare(status, &method, response.headers()).problem(iso::now()),
        None => return response,
    };
    let mut rendered = problem.render(&path, &id, iso::now());
    for (name, value) in response.headers() {
        if *name != header::CONTENT_LENGTH && *name != header::CONTENT_TYPE {
            rendered.headers_mut().insert(name.clone(), value.clone());
        }
    }
    rendered
}

/// A refusal that none of our handlers made: axum's are empty or plain text.
fn is_bare_refusal(response: &Response) -> bool {
    let status = response.status();
    let is_plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_none_or(|kind| kind.to_str().is_ok_and(|kind| kind.starts_with("text/plain")));
    (status.is_client_error() || status.is_server_error()) && is_plain
}

fn bare(status: StatusCode, method: &str, headers: &HeaderMap) -> ApiError {
    match status {
        StatusCode::NOT_FOUND => ApiError::UnknownPath,
        StatusCode::METHOD_NOT_ALLOWED => {
            let allowed = headers.get(header::ALLOW).and_then(|v| v.to_str().ok()).unwrap_or_default();
            ApiError::WrongMethod { method: seen(method), allowed: allowed.replace(',', ", ") }
        }
        StatusCode::BAD_REQUEST => ApiError::PathForm,
        _ => {
            tracing::error!(status = status.as_u16(), "a refusal without a reason");
            ApiError::Internal
        }
    }
}

/// What a panic becomes. The panic hook has written where; the client learns nothing but the request's id.
pub(crate) fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response<Body> {
    tracing::error!("a handler panicked");
    ApiError::Internal.into_response()
}

/// Ends a request that is not answered in time. Streams are answered at once, their bodies go on.
pub(crate) async fn timeout(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let allowed_ms = app.settings.request_timeout_ms;
    tokio::time::timeout(app.settings.request_timeout(), next.run(request))
        .await
        .unwrap_or_else(|_| ApiError::Timeout { allowed_ms }.into_response())
}

fn seen_path(path: &str) -> String {
    const SHOWN_CHARS: usize = 256;
    path.chars().take(SHOWN_CHARS).collect()
}
