//! `/skill.md`: what an agent needs to know of this node, with the node's own address in every line.

use crate::base_url::BaseUrl;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::{BASE64, HEXLOWER};
use tidepool_protocol::ids::sha256;

const SKILL: &str = include_str!("../site/skill.md");

/// The skill file. Its hash stands in `ETag` and `Repr-Digest` (RFC 9530), so that an agent notices when it changes.
pub(crate) async fn skill(BaseUrl(base): BaseUrl, headers: HeaderMap) -> Response {
    let text = SKILL.replace("{{BASE}}", &base).replace("{{VERSION}}", env!("CARGO_PKG_VERSION"));
    let hash = sha256(&[text.as_bytes()]);
    let etag = format!("\"{}\"", HEXLOWER.encode(&hash));
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == etag.as_bytes());
    let head = [
        (header::CONTENT_TYPE.as_str(), "text/markdown; charset=utf-8".to_owned()),
        (header::ETAG.as_str(), etag),
        ("repr-digest", format!("sha-256=:{}:", BASE64.encode(&hash))),
        (header::X_CONTENT_TYPE_OPTIONS.as_str(), "nosniff".to_owned()),
    ];
    if known { (StatusCode::NOT_MODIFIED, head).into_response() } else { (head, text).into_response() }
}
