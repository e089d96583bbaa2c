//! Answers as wholes, for the layers that look into them or keep them: which are JSON, and their bodies.

use axum::body::Body;
use axum::http::response::Parts;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt, Collected};

/// Whether an answer is JSON, with or without parameters behind its type.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.and_then(|kind| kind.split(';').next()).is_some_and(|kind| kind.trim() == "application/json")
}

/// An answer taken apart, with its whole body; one whose body breaks off is given back as far as it can be: without it.
pub(super) async fn whole(response: Response) -> Result<(Parts, Bytes), Response> {
    let (parts, body) = response.into_parts();
    match body.collect().await.map(Collected::to_bytes) {
        Ok(bytes) => Ok((parts, bytes)),
        Err(_) => Err(Response::from_parts(parts, Body::empty())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_type_is_json_with_and_without_parameters() {
        let of = |kind: &'static str| HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
        assert!(is_json(&of("application/json")) && is_json(&of("application/json; charset=utf-8")));
        for other in ["application/json-seq", "application/problem+json", "text/event-stream", ""] {
            assert!(!is_json(&of(other)), "{other}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
