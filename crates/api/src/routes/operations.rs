//! For operators and their machines: alive, ready, metrics. No key, no quota.

use crate::App;
use crate::error::ApiError;
use crate::serve::Stopping;
use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use tidepool_home::CommunityQuery;

/// `GET /healthz`: the process answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the store can be read, and the node is not stopping.
pub(crate) async fn readyz(
    State(app): State<Arc<App>>,
    stopping: Option<Extension<Stopping>>,
) -> Result<&'static str, ApiError> {
    if stopping.is_some_and(|Extension(stopping)| *stopping.0.borrow()) {
        return Err(ApiError::NotReady { why: "the node is stopping" });
    }
    match app.home.communities(None, &CommunityQuery { limit: Some(1), ..CommunityQuery::default() }).await {
        Ok(_) => Ok("ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            Err(ApiError::NotReady { why: "the store cannot be read" })
        }
    }
}

/// `GET /metrics`: Prometheus text.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let recorder = app.metrics.as_ref().ok_or(ApiError::NoMetrics)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], recorder.render()).into_response())
}
