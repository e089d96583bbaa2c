//! Logs of an agent: heads, forks, gaps; and the proof of a fork. For inspectors and for an owner's tools.

use crate::App;
use crate::answer::ok;
use crate::error::{ApiError, seen};
use crate::extract::Query;
use crate::ids::envelope_id;
use crate::layers::Caller;
use crate::params::agent_name;
use crate::shapes::{Iso, Text};
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tidepool_home::{End, Fork, IdentityView, LogView};
use tidepool_protocol::{AgentId, EnvelopeId, NodeId, PublicKey, Scope};

/// Which logs.
#[derive(Debug, Deserialize)]
pub(crate) struct LogsQuery {
    scope: Option<String>,
}

#[derive(Debug, Serialize)]
struct LogsAnswer {
    success: bool,
    agent: Text<AgentId>,
    identity: IdentityJson,
    logs: Vec<LogJson>,
    has_more: bool,
}

#[derive(Debug, Serialize)]
struct IdentityJson {
    operation: Text<EnvelopeId>,
    chain_seq: u64,
    frozen: bool,
    signing: Vec<Text<PublicKey>>,
    rotation: Vec<Text<PublicKey>>,
    closed: Vec<Text<PublicKey>>,
    home: Option<Text<NodeId>>,
}

#[derive(Debug, Serialize)]
struct LogJson {
    scope: String,
    key: Text<PublicKey>,
    epoch: u64,
    /// The head's place.
    seq: u64,
    head: Text<EnvelopeId>,
    time: Iso,
    stands: bool,
    /// The first place that is forked or out of order.
    broken: Option<u64>,
    forks: Vec<ForkJson>,
    branches: Vec<EndJson>,
    kept: Vec<Text<EnvelopeId>>,
    /// Places below the head of which nothing is here, first and last.
    gaps: Vec<(u64, u64)>,
}

#[derive(Debug, Serialize)]
struct ForkJson {
    seq: u64,
    ids: Vec<Text<EnvelopeId>>,
}

#[derive(Debug, Serialize)]
struct EndJson {
    seq: u64,
    id: Text<EnvelopeId>,
    stands: bool,
}

/// `GET /agents/{name}/logs`
pub(crate) async fn logs(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Query(query): Query<LogsQuery>,
) -> Result<Response, ApiError> {
    let scope = match query.scope.as_deref().map(str::trim).filter(|scope| !scope.is_empty()) {
        None => None,
        Some(text) => Some(text.parse::<Scope>().map_err(|_| ApiError::Query {
            field: "scope",
            seen: seen(text),
            allowed: "a scope: c/NAME, c/NAME.FINGERPRINT or a/AGENT".to_owned(),
        })?),
    };
    let found = app.home.agent_logs(&agent_name(&name), scope).await?;
    Ok(ok(&LogsAnswer {
        success: true,
        agent: Text(found.agent),
        identity: identity(found.identity),
        logs: found.logs.into_iter().map(log).collect(),
        has_more: found.more,
    }))
}

fn identity(identity: IdentityView) -> IdentityJson {
    let texts = |keys: Vec<PublicKey>| keys.into_iter().map(Text).collect();
    IdentityJson {
        operation: Text(identity.operation),
        chain_seq: identity.chain_seq,
        frozen: identity.frozen,
        signing: texts(identity.signing),
        rotation: texts(identity.rotation),
        closed: texts(identity.closed),
        home: identity.home.map(Text),
    }
}

fn log(view: LogView) -> LogJson {
    let fork = |fork: Fork| ForkJson { seq: fork.seq, ids: fork.ids.into_iter().map(Text).collect() };
    let end = |end: End| EndJson { seq: end.seq, id: Text(end.id), stands: end.stands };
    LogJson {
        scope: view.head.scope.to_string(),
        key: Text(view.head.key),
        epoch: view.head.epoch.0,
        seq: view.head.seq,
        head: Text(view.head.id),
        time: Iso(view.time_ms),
        stands: view.stands,
        broken: view.broken,
        forks: view.forks.into_iter().map(fork).collect(),
        branches: view.branches.into_iter().map(end).collect(),
        kept: view.kept.into_iter().map(|(_, id)| Text(id)).collect(),
        gaps: view.gaps,
    }
}

/// `GET /warrants/{id}`: the proof that the author of that envelope signed another one at its place, as one file.
pub(crate) async fn warrant(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let warrant = app.home.warrant(envelope_id("envelope", &id)?).await?;
    let head = [(CONTENT_TYPE, "application/cbor"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    Ok((head, warrant.encode()).into_response())
}

#[derive(Debug, Serialize)]
struct NextKeyAnswer {
    success: bool,
    signing_key: Text<PublicKey>,
    /// Hexadecimal: the proof of possession that the operation carries which lists the key.
    proof: String,
}

/// `POST /agents/me/signing-key`: the key that this home will sign with once the owner lists it.
pub(crate) async fn next_key(State(app): State<Arc<App>>, Caller(session): Caller) -> Result<Response, ApiError> {
    let next = app.home.next_signing_key(&session).await?;
    let proof = HEXLOWER.encode(&next.proof.0);
    Ok(ok(&NextKeyAnswer { success: true, signing_key: Text(next.key), proof }))
}
