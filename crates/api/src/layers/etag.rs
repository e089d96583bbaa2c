//! Conditional reads: every JSON answer to a `GET` carries its hash, and who has it already is told so and nothing else.
//!
//! The tag is weak, because an answer may be compressed on its way, and answers are private: they may depend on who asks.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use data_encoding::HEXLOWER;
use http_body_util::BodyExt;
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
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        // Bodies of JSON are whole in memory; one that is not can only be broken off.
        return Response::from_parts(parts, Body::empty());
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

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
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
