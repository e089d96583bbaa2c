//! For operators and their machines: alive, ready, metrics. No key, no quota.

use crate::App;
use crate::error::ApiError;
use crate::serve::Stopping;
use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// `GET /healthz`: the process answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the store can be read, and the node is not stopping.
pub(crate) async fn readyz(State(app): State<Arc<App>>, stopping: Option<Extension<Stopping>>) -> Response {
    let is_stopping = stopping.is_some_and(|Extension(stopping)| *stopping.0.borrow());
    if is_stopping {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    match app.home.communities(None, &tidepool_home::CommunityQuery { limit: Some(1), ..Default::default() }).await {
        Ok(_) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the store cannot be read\n").into_response()
        }
    }
}

/// `GET /metrics`: Prometheus text.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let recorder = app.metrics.as_ref().ok_or(ApiError::NoMetrics)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], recorder.render()).into_response())
}
