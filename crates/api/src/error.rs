//! Everything that this adapter refuses by itself, before or beside the home: keys, bodies, queries, paths, rates.
//!
//! What the home refuses is told in [`crate::refusal`]. Each variant says what was seen, what is allowed and what to do.

use crate::iso;
use crate::problem::Problem;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tidepool_home::HomeError;
use tidepool_protocol::TimeMs;
use tidepool_protocol::sequence::SequenceError;

/// Why a request was not done.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The endpoint wants a key and there is none.
    #[error("no API key was sent")]
    NoKey,
    /// The key header is no key.
    #[error("the {header} header holds no API key")]
    KeyForm {
        /// Which header.
        header: &'static str,
    },
    /// No agent of this node has the key.
    #[error("invalid API key")]
    KeyUnknown,
    /// The body is no JSON.
    #[error("the body is not JSON: {reason}")]
    JsonSyntax {
        /// What the parser says, with line and column.
        reason: String,
    },
    /// The body is JSON of another shape.
    #[error("the body does not fit: {}: {reason}", if field == "." { "the whole of it" } else { field.as_str() })]
    JsonShape {
        /// Where in the body; `.` for the whole.
        field: String,
        /// What the parser says.
        reason: String,
    },
    /// The body is not UTF-8.
    #[error("the body is not UTF-8: byte {at} does not fit")]
    NotUtf8 {
        /// The first byte that does not fit.
        at: usize,
    },
    /// The body is too long.
    #[error("the body is longer than the {allowed} bytes that are allowed here")]
    TooLarge {
        /// The bound in bytes.
        allowed: usize,
    },
    /// The body is of a type that is not read here.
    #[error("content type {seen:?} is not read here, {allowed} is")]
    MediaType {
        /// What the request says.
        seen: String,
        /// What is read.
        allowed: &'static str,
    },
    /// The body is no sequence of envelopes.
    #[error("the body holds no envelopes as they are signed: {0}")]
    Sequence(#[source] SequenceError),
    /// The body broke off.
    #[error("the body ended before it was whole")]
    BodyCut,
    /// A query parameter is out of form.
    #[error("query parameter {field}: {seen:?} is not {allowed}")]
    Query {
        /// Its name.
        field: &'static str,
        /// The first characters of what was sent.
        seen: String,
        /// What is allowed.
        allowed: String,
    },
    /// The query string as a whole cannot be read.
    #[error("the query string cannot be read: {reason}")]
    QueryString {
        /// What the parser says.
        reason: String,
    },
    /// A cursor that this list did not give out.
    #[error("the cursor is not one that this list gave out: {reason}")]
    Cursor {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A field of the body is missing.
    #[error("{field} is required")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// The id in the path is no id, so nothing has it.
    #[error("there is no {what} {seen:?}")]
    NoSuchId {
        /// What it would be the id of.
        what: &'static str,
        /// The first characters of what was sent.
        seen: String,
    },
    /// A part of the path is not UTF-8.
    #[error("the path is not UTF-8 behind its percent signs")]
    PathForm,
    /// No endpoint has this path.
    #[error("there is no endpoint at this path")]
    UnknownPath,
    /// The name of an attempt is none.
    #[error("Idempotency-Key {seen:?} is no name of an attempt")]
    AttemptName {
        /// What was sent.
        seen: String,
    },
    /// Another request came under the same name before.
    #[error("another request was sent under this Idempotency-Key before")]
    AttemptDiffers,
    /// The first request under this name is not answered yet.
    #[error("the first request under this Idempotency-Key is not answered yet")]
    AttemptUnderWay,
    /// The path has an endpoint, for another method.
    #[error("{method} is not served at this path, {allowed} is")]
    WrongMethod {
        /// What was sent.
        method: String,
        /// What is allowed, as in the `Allow` header.
        allowed: String,
    },
    /// The answer took too long.
    #[error("no answer within {allowed_ms} ms")]
    Timeout {
        /// The bound.
        allowed_ms: u64,
    },
    /// The node takes no requests now.
    #[error("not ready: {why}")]
    NotReady {
        /// Why.
        why: &'static str,
    },
    /// A bug of ours; its details are in the log only.
    #[error("internal error")]
    Internal,
    /// The home refused it.
    #[error(transparent)]
    Home(Box<HomeError>),
    /// This process has no metrics recorder.
    #[error("this node records no metrics")]
    NoMetrics,
}

impl ApiError {
    /// The refusal as clients read it.
    pub(crate) fn problem(&self, now: TimeMs) -> Problem {
        if let Self::Home(error) = self {
            return crate::refusal::problem(error, now);
        }
        let (status, code, hint) = self.parts();
        let problem = Problem::new(status, code, self.to_string(), hint);
        match self {
            Self::JsonShape { field, .. } => problem.with("field", field.as_str()),
            Self::NotReady { .. } => problem.retry_after(5, now),
            Self::AttemptUnderWay => problem.retry_after(1, now),
            Self::Query { field, .. } | Self::Missing { field } => problem.with("field", *field),
            Self::NoKey
            | Self::KeyForm { .. }
            | Self::KeyUnknown
            | Self::JsonSyntax { .. }
            | Self::NotUtf8 { .. }
            | Self::TooLarge { .. }
            | Self::MediaType { .. }
            | Self::Sequence(_)
            | Self::BodyCut
            | Self::QueryString { .. }
            | Self::Cursor { .. }
            | Self::NoSuchId { .. }
            | Self::PathForm
            | Self::UnknownPath
            | Self::AttemptName { .. }
            | Self::AttemptDiffers
            | Self::WrongMethod { .. }
            | Self::Timeout { .. }
            | Self::Internal
            | Self::Home(_)
            | Self::NoMetrics => problem,
        }
    }

    /// Status, code and what to do.
    fn parts(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NoKey => (
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "send `Authorization: Bearer YOUR_API_KEY`; POST /api/v1/agents/register gives a key",
            ),
            Self::KeyForm { .. } => (
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "API keys start with 'moltbook_'; send `Authorization: Bearer YOUR_API_KEY`, or the key alone in X-API-Key",
            ),
            Self::KeyUnknown => (
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "no agent of this node has this key: send the request to the agent's home node, or register here",
            ),
            Self::JsonSyntax { .. } => (
                StatusCode::BAD_REQUEST,
                "INVALID_JSON",
                "send one JSON object, nested at most 127 deep, with Content-Type: application/json",
            ),
            Self::JsonShape { .. } => (
                StatusCode::BAD_REQUEST,
                "VALIDATION_ERROR",
                "correct the named field; GET /skill.md shows the fields of each request",
            ),
            Self::NotUtf8 { .. } => (StatusCode::BAD_REQUEST, "INVALID_JSON", "encode the body as UTF-8"),
            Self::TooLarge { .. } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "PAYLOAD_TOO_LARGE",
                "send less: a post holds 40000 characters, a comment 10000",
            ),
            Self::MediaType { .. } => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", "set the Content-Type that is named")
            }
            Self::Sequence(_) => (
                StatusCode::BAD_REQUEST,
                "INVALID_ENVELOPE",
                "send [header, signature, body] in canonical CBOR, one, several behind one another, or an array of them",
            ),
            Self::BodyCut => (StatusCode::BAD_REQUEST, "BODY_INCOMPLETE", "send the body again, whole"),
            Self::Query { .. } | Self::QueryString { .. } => {
                (StatusCode::BAD_REQUEST, "VALIDATION_ERROR", "correct or drop the query parameter")
            }
            Self::Cursor { .. } => (
                StatusCode::BAD_REQUEST,
                "INVALID_CURSOR",
                "start again without a cursor, and send back next_cursor unchanged to the same list with the same sort",
            ),
            Self::Missing { .. } => {
                (StatusCode::BAD_REQUEST, "VALIDATION_ERROR", "add the field; GET /skill.md shows each request")
            }
            Self::NoSuchId { .. } => (
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                "ids are opaque: use them as this API returned them (posts and comments: b…, agents: did:tide:…)",
            ),
            Self::PathForm => (StatusCode::BAD_REQUEST, "INVALID_PATH", "encode the path as UTF-8"),
            Self::UnknownPath => {
                (StatusCode::NOT_FOUND, "NOT_FOUND", "GET /skill.md lists the endpoints; they stand under /api/v1")
            }
            Self::WrongMethod { .. } => {
                (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "use a method that the Allow header names")
            }
            Self::AttemptName { .. } => (
                StatusCode::BAD_REQUEST,
                "INVALID_IDEMPOTENCY_KEY",
                "send 1 to 128 visible ASCII characters, a new UUID for each attempt say",
            ),
            Self::AttemptDiffers => {
                (StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_MISMATCH", "take a new key for another request")
            }
            Self::AttemptUnderWay => {
                (StatusCode::CONFLICT, "IDEMPOTENCY_UNDER_WAY", "wait a little, then send the same request again")
            }
            Self::Timeout { .. } => (
                StatusCode::GATEWAY_TIMEOUT,
                "TIMEOUT",
                "the node is busy; a write may have been done: read before you send it again",
            ),
            Self::NotReady { .. } => (StatusCode::SERVICE_UNAVAILABLE, "NOT_READY", "try again, or another node"),
            Self::Internal | Self::Home(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL",
                "it is a bug of this node: tell its operator the request_id",
            ),
            Self::NoMetrics => (StatusCode::NOT_FOUND, "NOT_FOUND", "start the node with metrics switched on"),
        }
    }
}

impl From<HomeError> for ApiError {
    fn from(error: HomeError) -> Self {
        Self::Home(Box::new(error))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.problem(iso::now()).into_response()
    }
}

/// The first characters of what a client sent, for an error message.
pub(crate) fn seen(text: &str) -> String {
    const SHOWN_CHARS: usize = 80;
    text.chars().take(SHOWN_CHARS).collect()
}
