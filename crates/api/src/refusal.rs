//! What the home refuses, as clients read it: one status and code for each of its errors.

use crate::problem::Problem;
use axum::http::StatusCode;
use serde_json::{Value, json};
use tidepool_home::{Allowance, ChallengeRefusal, Forbidden, HomeError, QuotaRefusal, TokenRefusal, Use};
use tidepool_protocol::TimeMs;
use tidepool_protocol::body::BodyError;

/// Seconds from which a wait is a cooldown that a client should not sleep through: PyPI's `moltbook` gives up on
/// `retry_after_minutes` and sleeps on anything else.
const COOLDOWN_S: u64 = 120;

/// The refusal as clients read it. What is the operator's to know (store, keys) is logged and not told.
pub(crate) fn problem(error: &HomeError, now: TimeMs) -> Problem {
    let (status, code) = status_and_code(error);
    if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
        tracing::error!(%error, "the home failed");
        return crate::error::ApiError::Internal.problem(now);
    }
    let message = match error {
        HomeError::Body(error) => body_message(error),
        other => other.to_string(),
    };
    let problem = Problem::new(status, code, message, error.hint());
    let problem = match error.retry_after_s() {
        Some(seconds) => problem.retry_after(seconds, now),
        None => problem,
    };
    with_details(problem, error)
}

fn status_and_code(error: &HomeError) -> (StatusCode, &'static str) {
    match error {
        HomeError::Invalid { field: "cursor", .. } => (StatusCode::BAD_REQUEST, "INVALID_CURSOR"),
        HomeError::Invalid { .. } | HomeError::Body(_) | HomeError::TooMany { .. } => {
            (StatusCode::BAD_REQUEST, "VALIDATION_ERROR")
        }
        HomeError::Unauthorized => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
        HomeError::Unclaimed { .. } => (StatusCode::FORBIDDEN, "UNCLAIMED"),
        HomeError::NotFound { .. } => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        HomeError::NotHeld { .. } => (StatusCode::NOT_FOUND, "NOT_HELD"),
        HomeError::Void { .. } => (StatusCode::NOT_FOUND, "VOID"),
        HomeError::Deleted { .. } => (StatusCode::NOT_FOUND, "DELETED"),
        HomeError::Removed { .. } => (StatusCode::NOT_FOUND, "REMOVED"),
        HomeError::Hidden { .. } => (StatusCode::FORBIDDEN, "HIDDEN"),
        HomeError::Control { .. } => (StatusCode::BAD_REQUEST, "VALIDATION_ERROR"),
        HomeError::Secret { .. } => (StatusCode::BAD_REQUEST, "SECRET_FOUND"),
        HomeError::Ambiguous { .. } => (StatusCode::CONFLICT, "AMBIGUOUS"),
        HomeError::NameTaken { .. } | HomeError::NameLooksLike { .. } | HomeError::CommunityExists { .. } => {
            (StatusCode::CONFLICT, "CONFLICT")
        }
        HomeError::Forbidden { rule } => match rule {
            Forbidden::SelfVote => (StatusCode::BAD_REQUEST, "SELF_VOTE"),
            Forbidden::SelfFollow => (StatusCode::BAD_REQUEST, "SELF_FOLLOW"),
            Forbidden::NotTheAuthor
            | Forbidden::NotAtHome
            | Forbidden::Closed
            | Forbidden::NotTheOwner
            | Forbidden::NotAModerator
            | Forbidden::NoOwner => (StatusCode::FORBIDDEN, "FORBIDDEN"),
            Forbidden::OwnerAlready => (StatusCode::BAD_REQUEST, "OWNER_ALREADY"),
            Forbidden::Locked => (StatusCode::FORBIDDEN, "LOCKED"),
            Forbidden::PinsFull => (StatusCode::CONFLICT, "PINS_FULL"),
            Forbidden::TooDeep => (StatusCode::UNPROCESSABLE_ENTITY, "TOO_DEEP"),
        },
        HomeError::Quota(_) | HomeError::LogQuota { .. } => (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"),
        HomeError::Busy { .. } => (StatusCode::TOO_MANY_REQUESTS, "BUSY"),
        HomeError::Decode { .. } => (StatusCode::BAD_REQUEST, "INVALID_ENVELOPE"),
        HomeError::Verify { .. } | HomeError::Identity { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "INVALID_ENVELOPE"),
        HomeError::Refused { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "REFUSED"),
        HomeError::LogConflict { .. } => (StatusCode::CONFLICT, "LOG_CONFLICT"),
        HomeError::NotInCustody => (StatusCode::FORBIDDEN, "NOT_IN_CUSTODY"),
        HomeError::Challenge(refusal) => match refusal {
            ChallengeRefusal::Unknown => (StatusCode::NOT_FOUND, "NOT_FOUND"),
            ChallengeRefusal::Used => (StatusCode::CONFLICT, "CHALLENGE_USED"),
            ChallengeRefusal::Expired => (StatusCode::GONE, "CHALLENGE_EXPIRED"),
            ChallengeRefusal::Incorrect => (StatusCode::BAD_REQUEST, "INCORRECT_ANSWER"),
        },
        HomeError::Suspended { .. } => (StatusCode::FORBIDDEN, "SUSPENDED"),
        HomeError::Token(TokenRefusal::AgentNotFound) => (StatusCode::NOT_FOUND, "AGENT_NOT_FOUND"),
        HomeError::Token(_) => (StatusCode::UNAUTHORIZED, "INVALID_TOKEN"),
        HomeError::CursorForeign | HomeError::CursorAhead { .. } => (StatusCode::BAD_REQUEST, "INVALID_CURSOR"),
        HomeError::CursorTooOld { .. } => (StatusCode::GONE, "CURSOR_TOO_OLD"),
        HomeError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "STOPPING"),
        HomeError::ForeignKeyFile | HomeError::Seal | HomeError::Store(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL")
        }
    }
}

fn with_details(problem: Problem, error: &HomeError) -> Problem {
    match error {
        HomeError::Invalid { field, .. } => problem.with("field", *field),
        HomeError::Body(BodyError::Length { field, .. } | BodyError::Value { field, .. }) => {
            problem.with("field", measured(field).0)
        }
        HomeError::Unclaimed { claim_path: Some(path), .. } => problem.with("claim_path", path.as_str()),
        HomeError::Ambiguous { candidates, .. } => {
            let candidates: Vec<Value> = candidates
                .iter()
                .map(|c| json!({"id": c.id.to_string(), "name": c.handle, "follower_count": c.followers}))
                .collect();
            problem.with("candidates", candidates)
        }
        HomeError::Removed { action, rule, .. } => {
            problem.with("action_id", action.to_string()).with("rule", rule.as_str())
        }
        HomeError::CommunityExists { scope, .. } => problem.with("scope", scope.as_str()),
        HomeError::NotHeld { scope, shard, .. } => problem.with("scope", scope.as_str()).with("shard", *shard),
        HomeError::Void { reason, .. } => problem.with("reason", reason.sentence()),
        HomeError::Quota(refusal) => with_quota(problem, refusal),
        // Clients of identity tokens read the word itself in `error`.
        HomeError::Token(refusal) => problem.with("valid", false).with("error", refusal.code()),
        HomeError::LogConflict { epoch, seq, prev } => {
            problem.with("head", json!({"epoch": epoch, "seq": seq, "prev": prev.map(|id| id.to_string())}))
        }
        HomeError::Decode { index, .. }
        | HomeError::Verify { index, .. }
        | HomeError::Identity { index, .. }
        | HomeError::Refused { index, .. } => problem.with("index", *index),
        HomeError::Unclaimed { claim_path: None, .. }
        | HomeError::Body(BodyError::Form(_))
        | HomeError::TooMany { .. }
        | HomeError::Unauthorized
        | HomeError::NotFound { .. }
        | HomeError::Deleted { .. }
        | HomeError::Hidden { .. }
        | HomeError::Secret { .. }
        | HomeError::Control { .. }
        | HomeError::NameTaken { .. }
        | HomeError::NameLooksLike { .. }
        | HomeError::Forbidden { .. }
        | HomeError::LogQuota { .. }
        | HomeError::Busy { .. }
        | HomeError::NotInCustody
        | HomeError::Challenge(_)
        | HomeError::Suspended { .. }
        | HomeError::CursorForeign
        | HomeError::CursorAhead { .. }
        | HomeError::CursorTooOld { .. }
        | HomeError::Stopping
        | HomeError::ForeignKeyFile
        | HomeError::Seal
        | HomeError::Store(_) => problem,
    }
}

/// A field's name as clients write it, and in what its length is counted.
fn measured(field: &'static str) -> (&'static str, &'static str) {
    match field {
        "avatar" | "heads" | "skills" | "agents" => (field, "entries"),
        "body bytes" => ("body", "bytes"),
        text => text.strip_suffix(" in bytes").map_or((text, "characters"), |name| (name, "bytes")),
    }
}

fn body_message(error: &BodyError) -> String {
    match error {
        BodyError::Length { field, seen, least, most } => {
            let (name, unit) = measured(field);
            format!("{name} has {seen} {unit}, {least} to {most} are allowed")
        }
        BodyError::Form(_) | BodyError::Value { .. } => error.to_string(),
    }
}

fn with_quota(problem: Problem, refusal: &QuotaRefusal) -> Problem {
    let problem = problem.with("rule", refusal.rule.name()).with("limit", refusal.limit);
    // The headers tell of the limit that refused, not of the one that counts every request.
    let (rule, limit, reset_ms) = (refusal.rule, refusal.limit, refusal.reset_ms);
    let problem = problem.of_limit(Allowance { rule, limit, remaining: 0, reset_ms });
    let seconds = refusal.retry_after_s();
    let problem = if seconds >= COOLDOWN_S && !matches!(refusal.rule, Use::Read | Use::Write) {
        problem.with("retry_after_minutes", seconds.div_ceil(60)).with("retryAfterMinutes", seconds.div_ceil(60))
    } else {
        problem
    };
    match refusal.daily_remaining {
        Some(left) => problem.with("daily_remaining", left),
        None => problem,
    }
}
