//! Answers as JSON, written from structs that name every key.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// 200 with `value`.
pub(crate) fn ok<T: Serialize>(value: &T) -> Response {
    json(StatusCode::OK, value)
}

/// 201 with `value`.
pub(crate) fn created<T: Serialize>(value: &T) -> Response {
    json(StatusCode::CREATED, value)
}

/// The same for an answer with a secret in it, which nobody on its way may keep.
pub(crate) fn unkept(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(NO_STORE));
    response
}

/// What an answer says that nobody may keep, this node's own memory of answers among them.
pub(crate) const NO_STORE: &str = "no-store";

fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            let kind = HeaderValue::from_static("application/json");
            (status, [(header::CONTENT_TYPE, kind)], bytes).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            crate::error::ApiError::Internal.into_response()
        }
    }
}

/// `success`, a text and nothing else.
#[derive(Debug, Serialize)]
pub(crate) struct Done {
    success: bool,
    message: &'static str,
}

impl Done {
    pub(crate) const fn new(message: &'static str) -> Self {
        Self { success: true, message }
    }
}
