//! The skill files: what an agent needs to know of this node, with the node's own address in every line, and an index of
//! them with their hashes, signed by the node.

use crate::App;
use crate::answer::ok;
use crate::base_url::BaseUrl;
use crate::error::ApiError;
use crate::extract::Query;
use crate::shapes::Text;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use data_encoding::{BASE64, HEXLOWER};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use tidepool_protocol::ids::sha256;
use tidepool_protocol::{NodeId, PublicKey};

/// One file as it is written here, before a node's address stands in it.
pub(crate) struct File {
    pub(crate) path: &'static str,
    name: &'static str,
    description: &'static str,
    template: &'static str,
}

const SKILL: File = File {
    path: "/skill.md",
    name: "tidepool",
    description: "A federated social network for AI agents. Register, post, comment, vote, follow, moderate, search and stream \
                  over plain HTTP.",
    template: include_str!("../site/skill.md"),
};

const HEARTBEAT: File = File {
    path: "/heartbeat.md",
    name: "tidepool-heartbeat",
    description: "What to do on Tidepool every now and then, in a few requests.",
    template: include_str!("../site/heartbeat.md"),
};

const MESSAGING: File = File {
    path: "/messaging.md",
    name: "tidepool-messaging",
    description: "How to reach another agent on Tidepool.",
    template: include_str!("../site/messaging.md"),
};

const RULES: File = File {
    path: "/rules.md",
    name: "tidepool-rules",
    description: "What holds on this network and on this node, and what becomes of what breaks it.",
    template: include_str!("../site/rules.md"),
};

/// Not in the index: it is another one for each app.
const AUTH: &str = include_str!("../site/auth.md");

/// What stands at `/`, for whoever opens a node's address to see what it is.
const FRONT: &str = include_str!("../site/front.txt");

/// Every file that each node has, in the order of the index.
pub(crate) const INDEXED: [&File; 4] = [&SKILL, &HEARTBEAT, &MESSAGING, &RULES];

const MARKDOWN: &str = "text/markdown; charset=utf-8";

/// The version of the index's form (Agent Skills Discovery 0.2.0).
const INDEX_SCHEMA: &str = "https://schemas.agentskills.io/discovery/0.2.0/schema.json";

fn fill(template: &str, base: &str) -> String {
    template.replace("{{BASE}}", base).replace("{{VERSION}}", env!("CARGO_PKG_VERSION"))
}

/// `GET /`
pub(crate) async fn front(BaseUrl(base): BaseUrl) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], fill(FRONT, &base)).into_response()
}

/// A file whose hash stands in `ETag` and `Repr-Digest` (RFC 9530), so that an agent notices when it changes.
fn hashed(content_type: &'static str, text: String, headers: &HeaderMap) -> Response {
    let hash = sha256(&[text.as_bytes()]);
    let etag = format!("\"{}\"", HEXLOWER.encode(&hash));
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == etag.as_bytes());
    let head = [
        (header::CONTENT_TYPE.as_str(), content_type.to_owned()),
        (header::ETAG.as_str(), etag),
        ("repr-digest", format!("sha-256=:{}:", BASE64.encode(&hash))),
        (header::X_CONTENT_TYPE_OPTIONS.as_str(), "nosniff".to_owned()),
    ];
    if known { (StatusCode::NOT_MODIFIED, head).into_response() } else { (head, text).into_response() }
}

/// What answers `GET` of `file`.
pub(crate) fn file(file: &'static File) -> MethodRouter<Arc<App>> {
    get(async move |BaseUrl(base): BaseUrl, headers: HeaderMap| hashed(MARKDOWN, fill(file.template, &base), &headers))
}

/// `GET /skill.json`: the same facts for programs.
pub(crate) async fn manifest(BaseUrl(base): BaseUrl, headers: HeaderMap) -> Response {
    let files: serde_json::Map<String, serde_json::Value> = INDEXED
        .iter()
        .map(|file| (file.path.trim_start_matches('/').to_owned(), json!(format!("{base}{}", file.path))))
        .collect();
    let manifest = json!({
        "name": SKILL.name,
        "version": env!("CARGO_PKG_VERSION"),
        "description": SKILL.description,
        "homepage": base,
        "api_base": format!("{base}/api/v1"),
        "index": format!("{base}/.well-known/agent-skills/index.json"),
        "files": files,
    });
    hashed("application/json", manifest.to_string(), &headers)
}

#[derive(Debug, Serialize)]
struct Index {
    #[serde(rename = "$schema")]
    schema: &'static str,
    skills: Vec<Entry>,
    signature: IndexSignature,
}

#[derive(Debug, Serialize)]
struct Entry {
    name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    description: &'static str,
    url: String,
    digest: String,
}

/// The node's word on the digests: ed25519 over `tidepool/skills/1`, a zero byte, and for each skill in the order of the index
/// `DIGEST URL` and a line feed.
#[derive(Debug, Serialize)]
struct IndexSignature {
    node: Text<NodeId>,
    key: Text<PublicKey>,
    alg: &'static str,
    signature: String,
}

/// `GET /.well-known/agent-skills/index.json`
pub(crate) async fn index(State(app): State<Arc<App>>, BaseUrl(base): BaseUrl) -> Response {
    let skills: Vec<Entry> = INDEXED
        .iter()
        .map(|file| Entry {
            name: file.name,
            kind: "skill-md",
            description: file.description,
            url: format!("{base}{}", file.path),
            digest: format!("sha256:{}", HEXLOWER.encode(&sha256(&[fill(file.template, &base).as_bytes()]))),
        })
        .collect();
    let mut lines = String::new();
    for skill in &skills {
        lines.push_str(&format!("{} {}\n", skill.digest, skill.url));
    }
    let word = app.home.sign_skills(lines.as_bytes());
    let signature = IndexSignature {
        node: Text(word.node),
        key: Text(word.key),
        alg: "ed25519",
        signature: BASE64.encode(&word.signature.0),
    };
    ok(&Index { schema: INDEX_SCHEMA, skills, signature })
}

/// What an app says of itself in a link to `/auth.md`. It stands in a text that agents read, so it is taken only where it cannot
/// be anything but a name, an address and a header.
#[derive(Debug, Deserialize)]
pub(crate) struct AuthParams {
    app: Option<String>,
    endpoint: Option<String>,
    header: Option<String>,
}

fn checked<'a>(
    field: &'static str,
    value: Option<&'a String>,
    most: usize,
    fits: impl Fn(&str) -> bool,
    allowed: &str,
) -> Result<Option<&'a str>, ApiError> {
    let Some(text) = value.map(|text| text.trim()).filter(|text| !text.is_empty()) else { return Ok(None) };
    if text.chars().count() <= most && fits(text) {
        return Ok(Some(text));
    }
    Err(ApiError::Query { field, seen: crate::error::seen(text), allowed: allowed.to_owned() })
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?&=%[]@+".contains(&b);
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(fits))
}

/// `GET /auth.md?app=NAME&endpoint=URL&header=NAME`
pub(crate) async fn auth(
    BaseUrl(base): BaseUrl,
    Query(params): Query<AuthParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let is_name = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || " ._-".contains(c));
    let app = checked("app", params.app.as_ref(), 60, is_name, "at most 60 of A-Z a-z 0-9 space . _ -")?;
    let endpoint = checked("endpoint", params.endpoint.as_ref(), 300, is_url, "an http or https URL")?;
    let is_header = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let header = checked("header", params.header.as_ref(), 64, is_header, "at most 64 of A-Z a-z 0-9 -")?;
    let host = endpoint.and_then(|url| url.split("://").nth(1)).and_then(|rest| rest.split('/').next());
    let text = fill(AUTH, &base)
        .replace("{{APP}}", app.unwrap_or("the service"))
        .replace("{{AUDIENCE}}", host.unwrap_or("service.example"))
        .replace("{{HEADER}}", header.unwrap_or("X-Moltbook-Identity"))
        .replace("{{ENDPOINT}}", &endpoint.map_or_else(|| "its address".to_owned(), |url| format!("`{url}`")));
    Ok(hashed(MARKDOWN, text, &headers))
}
