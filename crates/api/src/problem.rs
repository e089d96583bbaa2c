//! The error body that every known client can read: the documented shape and the live one in one object.
//!
//! It owns the JSON of a refusal; what is refused, and why, stands in [`crate::error`]. A handler's response carries a
//! [`Problem`] in its extensions with an empty body; the layer in [`crate::layers::problems`] writes the body, because
//! only there path, time and request id are known.

use crate::iso::iso;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use tidepool_home::Allowance;
use tidepool_protocol::TimeMs;

/// One refusal, ready to be written.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// The HTTP status.
    pub(crate) status: StatusCode,
    /// A stable word for programs.
    pub(crate) code: &'static str,
    /// What was seen and what is allowed, for people; it stands in `error` and in `message`.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: String,
    /// Further top-level keys.
    pub(crate) extra: Map<String, Value>,
    /// Whole seconds for `Retry-After`.
    pub(crate) retry_after_s: Option<u64>,
    /// The limit that refused.
    pub(crate) allowance: Option<Allowance>,
}

impl Problem {
    /// A refusal without further keys.
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            hint: hint.into(),
            extra: Map::new(),
            retry_after_s: None,
            allowance: None,
        }
    }

    /// The same with one more top-level key.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(key.to_owned(), value.into());
        self
    }

    /// The same, refused by this limit.
    pub(crate) fn of_limit(mut self, allowance: Allowance) -> Self {
        self.allowance = Some(allowance);
        self
    }

    /// The same with `Retry-After` and the keys that clients read beside it.
    pub(crate) fn retry_after(mut self, seconds: u64, now: TimeMs) -> Self {
        let seconds = seconds.max(1);
        self.retry_after_s = Some(seconds);
        self.with("retry_after_seconds", seconds)
            .with("retryAfter", seconds)
            .with("remaining", 0)
            .with("reset_at", iso(now.plus_ms(seconds.saturating_mul(1000))))
    }

    /// The whole response.
    pub(crate) fn render(&self, path: &str, request_id: &str, now: TimeMs) -> Response {
        let mut body = Map::new();
        body.insert("success".to_owned(), json!(false));
        body.insert("statusCode".to_owned(), json!(self.status.as_u16()));
        body.insert("error".to_owned(), json!(self.message));
        body.insert("message".to_owned(), json!(self.message));
        body.insert("code".to_owned(), json!(self.code));
        body.insert("hint".to_owned(), json!(self.hint));
        body.extend(self.extra.clone());
        body.insert("timestamp".to_owned(), json!(iso(now)));
        body.insert("path".to_owned(), json!(path));
        body.insert("request_id".to_owned(), json!(request_id));
        let mut response = (self.status, Value::Object(body).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// An empty body with the problem in the extensions: the layer outside writes it.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}
