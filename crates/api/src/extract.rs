//! What handlers take from a request: a JSON body, a query, a path; each refusal with the union body.
//!
//! The content type of a JSON body is not insisted on: agents call with `curl -d`, which names a form, and no cookie
//! gives anybody a right here, so a cross-site form gains nothing. A multipart body is refused by name.

use crate::error::{ApiError, seen};
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use bytes::Bytes;
use serde::de::{DeserializeOwned, IgnoredAny};

/// The body's bound in bytes, set as an extension by the router.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimit(pub(crate) usize);

/// A JSON body of one shape. An empty body is read as `{}`, so that `POST …/upvote` needs none.
pub(crate) struct Json<T>(pub(crate) T);

/// Query parameters of one shape.
pub(crate) struct Query<T>(pub(crate) T);

/// The whole body, bounded.
pub(crate) async fn body_bytes(body: Body, headers: &axum::http::HeaderMap, limit: usize) -> Result<Bytes, ApiError> {
    let claimed = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if claimed.is_some_and(|length| length > limit as u64) {
        // What is on its way is taken in by [`crate::layers::drain`].
        return Err(ApiError::TooLarge { allowed: limit });
    }
    axum::body::to_bytes(body, limit).await.map_err(|error| {
        let too_long = std::error::Error::source(&error).is_some_and(|e| e.is::<http_body_util::LengthLimitError>());
        if too_long { ApiError::TooLarge { allowed: limit } } else { ApiError::BodyCut }
    })
}

/// Reads one value of the shape `T`, and nothing behind it.
pub(crate) fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let text = std::str::from_utf8(bytes).map_err(|e| ApiError::NotUtf8 { at: e.valid_up_to() })?;
    let text = if text.trim().is_empty() { "{}" } else { text };
    // A struct would be read from an array, too, by the order of its fields, which nobody may rely on.
    if text.trim_start().starts_with('[') {
        return Err(ApiError::JsonShape {
            field: ".".to_owned(),
            reason: "it is an array, an object is read".to_owned(),
        });
    }
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut parser).map_err(|error| json_error(&error, text))?;
    parser.end().map_err(|error| ApiError::JsonSyntax { reason: error.to_string() })?;
    Ok(value)
}

fn json_error(error: &serde_path_to_error::Error<serde_json::Error>, text: &str) -> ApiError {
    let reason = seen_reason(&error.inner().to_string());
    match error.inner().classify() {
        // Where one of some words is read, the reader takes any other sort of value for a fault of the text.
        serde_json::error::Category::Syntax
            if reason.starts_with("expected value") && serde_json::from_str::<IgnoredAny>(text).is_ok() =>
        {
            let reason = "it is none of the words that are documented for it".to_owned();
            ApiError::JsonShape { field: seen(&error.path().to_string()), reason }
        }
        serde_json::error::Category::Data => {
            ApiError::JsonShape { field: seen(&error.path().to_string()), reason: crate::json_reason::plain(&reason) }
        }
        serde_json::error::Category::Io | serde_json::error::Category::Syntax | serde_json::error::Category::Eof => {
            ApiError::JsonSyntax { reason }
        }
    }
}

/// A parser's message may quote the value it met; a long one is cut.
fn seen_reason(text: &str) -> String {
    const SHOWN_CHARS: usize = 200;
    text.chars().take(SHOWN_CHARS).collect()
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if content_type.starts_with("multipart/") {
            return Err(ApiError::MediaType { seen: seen(content_type), allowed: "application/json" });
        }
        let limit = request.extensions().get::<BodyLimit>().map_or(crate::extract::JSON_BYTES_FALLBACK, |l| l.0);
        let (parts, body) = request.into_parts();
        let bytes = body_bytes(body, &parts.headers, limit).await?;
        read_json(&bytes).map(Self)
    }
}

/// Where no bound was set, as in a handler under test alone.
const JSON_BYTES_FALLBACK: usize = 64 * 1024;

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        serde_urlencoded::from_str(query)
            .map(Self)
            .map_err(|error| ApiError::QueryString { reason: seen_reason(&error.to_string()) })
    }
}
