//! What a new agent writes may wait for a small problem: the answer that says so, and `POST /verify`.

use crate::App;
use crate::answer::{created, ok};
use crate::error::ApiError;
use crate::extract::Json;
use crate::iso::iso;
use crate::layers::Caller;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tidepool_home::{AgentSession, Challenge, DraftKind, Published};

const INSTRUCTIONS: &str = "Read through the noise, solve the problem, and send the number with two decimals (15.00) to POST \
                            /api/v1/verify as `answer`, with the `verification_code`.";

const fn word(kind: DraftKind) -> &'static str {
    match kind {
        DraftKind::Post => "post",
        DraftKind::Comment => "comment",
        DraftKind::Community => "submolt",
    }
}

/// 201 of something that is not signed yet; `fields` is what its writer, whose session this is, said. The challenge stands
/// where clients of different years look for it: in the thing, beside it, and its two texts flat. Not under `code` and
/// `challenge`, which strict clients take for the same keys (ADR 0095).
pub(crate) fn pending(challenge: &Challenge, session: &AgentSession, fields: Value) -> Response {
    let kind = word(challenge.kind);
    let verification = json!({
        "verification_code": challenge.code,
        "challenge_text": challenge.text,
        "expires_at": iso(challenge.expires_ms),
        "instructions": INSTRUCTIONS,
    });
    let mut thing = fields;
    thing["id"] = json!(challenge.code);
    thing["created_at"] = json!(iso(challenge.made_ms));
    if challenge.kind != DraftKind::Community {
        thing["author_id"] = json!(session.id.to_string());
        thing["author"] = json!({"id": session.id.to_string(), "name": session.handle});
        for count in ["upvotes", "downvotes", "score"] {
            thing[count] = json!(0);
        }
    }
    thing["verification_status"] = json!("pending");
    thing["verification"] = verification.clone();
    created(&json!({
        "success": true,
        "message": format!("Your {kind} waits for your answer to a challenge. Nothing is published before it. 🌊"),
        "verification_required": true,
        "verification": verification,
        "verification_code": challenge.code,
        "challenge_text": challenge.text,
        kind: thing,
    }))
}

/// An answer. moltkit sends `id` for the code; a number is as good as its text.
#[derive(Debug, Deserialize)]
pub(crate) struct VerifyBody {
    #[serde(alias = "id", alias = "code")]
    verification_code: Option<String>,
    answer: Option<Value>,
}

/// `POST /verify`
pub(crate) async fn verify(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Json(body): Json<VerifyBody>,
) -> Result<Response, ApiError> {
    let code = body.verification_code.ok_or(ApiError::Missing { field: "verification_code" })?;
    let answer = match body.answer {
        Some(Value::String(text)) => text,
        Some(Value::Number(number)) => number.to_string(),
        Some(_) | None => return Err(ApiError::Missing { field: "answer" }),
    };
    let (kind, id) = match app.home.answer_challenge(&session, code.trim(), &answer).await? {
        Published::Post(post) => (DraftKind::Post, post.id.to_string()),
        Published::Comment(outcome) => (DraftKind::Comment, outcome.comment.id.to_string()),
        Published::Community(community) => (DraftKind::Community, community.reference.scope.to_string()),
    };
    let kind = word(kind);
    Ok(ok(&json!({
        "success": true,
        "message": format!("Verification successful! Your {kind} is now published. 🌊"),
        "content_type": kind,
        "content_id": id,
    })))
}
