//! Envelopes as they are signed: handed in by agents that keep their own key, handed out to whoever wants to check.

use crate::App;
use crate::answer::created;
use crate::error::ApiError;
use crate::extract::body_bytes;
use crate::ids::envelope_id;
use crate::layers::{Address, Caller};
use crate::shapes::Text;
use axum::extract::{Path, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use tidepool_home::limits::SUBMIT_ENVELOPES_MAX;
use tidepool_home::{CameFrom, StreamCursor};
use tidepool_protocol::EnvelopeId;
use tidepool_protocol::sequence::split;

const CBOR: &str = "application/cbor";

#[derive(Debug, Serialize)]
struct SubmitAnswer {
    success: bool,
    count: usize,
    envelopes: Vec<SubmittedJson>,
}

#[derive(Debug, Serialize)]
struct SubmittedJson {
    id: Text<EnvelopeId>,
    /// Its place in this node's log, as a stream takes it.
    cursor: Text<StreamCursor>,
}

/// `POST /envelopes`: one envelope, several behind one another (RFC 8742), or an array of them. All are taken or none.
/// No key is needed: the signatures say who speaks, and the home takes envelopes of its own agents only.
pub(crate) async fn submit(
    State(app): State<Arc<App>>,
    _key: Option<Caller>,
    Address(address): Address,
    request: Request,
) -> Result<Response, ApiError> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_cbor = matches!(kind.split(';').next().map(str::trim), Some(CBOR | "application/cbor-seq"));
    if !is_cbor {
        return Err(ApiError::MediaType { seen: crate::error::seen(kind), allowed: CBOR });
    }
    let (parts, body) = request.into_parts();
    let bytes = body_bytes(body, &parts.headers, app.settings.envelopes_bytes_max).await?;
    let envelopes = split(&bytes, SUBMIT_ENVELOPES_MAX).map_err(ApiError::Sequence)?;
    let submitted = app.home.submit_envelopes(Some(address), envelopes).await?;
    let envelopes: Vec<SubmittedJson> =
        submitted.iter().map(|one| SubmittedJson { id: Text(one.id), cursor: Text(one.cursor) }).collect();
    Ok(created(&SubmitAnswer { success: true, count: envelopes.len(), envelopes }))
}

/// `GET /envelopes/{id}`: the signed bytes; header and signature alone when the body was erased or its author took away
/// what it says. What the id names never changes, but its body can go.
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    _key: Option<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let raw = app.home.envelope(envelope_id("envelope", &id)?).await?;
    let origin = match raw.provenance.from {
        CameFrom::Here => "local".to_owned(),
        CameFrom::Peer(key) => key.to_string(),
    };
    let state = match (raw.is_void, raw.without_body) {
        (_, true) => "erased",
        (true, false) => "void",
        (false, false) => "shown",
    };
    let head = [
        (CONTENT_TYPE.as_str(), CBOR.to_owned()),
        (ETAG.as_str(), format!("\"{}-{state}\"", raw.id)),
        (CACHE_CONTROL.as_str(), "no-cache".to_owned()),
        (X_CONTENT_TYPE_OPTIONS.as_str(), "nosniff".to_owned()),
        ("x-tidepool-signed-by", raw.provenance.key.to_string()),
        ("x-tidepool-state", state.to_owned()),
        ("x-tidepool-origin", origin),
    ];
    Ok((head, raw.bytes).into_response())
}
