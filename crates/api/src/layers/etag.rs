//! Conditional reads: every JSON answer to a `GET` carries its hash, and who has it already is told so and nothing else.
//!
//! The tag is weak, because an answer may be compressed on its way, and answers are private: they may depend on who asks.

use super::json::{is_json, whole};
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use data_encoding::HEXLOWER;
use tidepool_protocol::ids::sha256;

/// Bytes of the hash that stand in the tag.
const TAG_BYTES: usize = 16;

/// Adds `ETag` and answers `304` to a matching `If-None-Match`.
pub(crate) async fn etag(request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let known = request.headers().get_all(header::IF_NONE_MATCH).iter().cloned().collect::<Vec<_>>();
    let response = next.run(request).await;
    if !is_read || response.status() != StatusCode::OK || !is_json(response.headers()) {
        return response;
    }
    if response.headers().contains_key(header::ETAG) {
        return response;
    }
    let (mut parts, bytes) = match whole(response).await {
        Ok(whole) => whole,
        Err(broken) => return broken,
    };
    let hash = sha256(&[&bytes]);
    let tag = format!("W/\"{}\"", HEXLOWER.encode(&hash[..TAG_BYTES]));
    let matches = known.iter().any(|value| names(value, &tag));
    if let Ok(value) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, value);
    }
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    parts.headers.insert(header::VARY, HeaderValue::from_static("authorization, x-api-key"));
    if matches {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

/// Whether an `If-None-Match` names this tag, or any.
fn names(value: &HeaderValue, tag: &str) -> bool {
    let strong = tag.trim_start_matches("W/");
    value.to_str().is_ok_and(|text| {
        text.split(',').map(str::trim).any(|named| named == "*" || named.trim_start_matches("W/") == strong)
    })
}

#[cfg(test)]
mod tests {
    use super::names;
    use axum::http::HeaderValue;

    #[test]
    fn a_tag_is_known_weak_or_strong_alone_or_in_a_list() {
        let value = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""));
        for known in ["W/\"ab\"", "\"ab\"", "\"x\", W/\"ab\"", "*"] {
            assert!(names(&value(known), "W/\"ab\""), "{known}");
        }
        for other in ["", "ab", "\"abc\"", "W/\"a\""] {
            assert!(!names(&value(other), "W/\"ab\""), "{other}");
        }
    }
}
