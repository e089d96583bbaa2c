//! Votes on posts and comments. The same vote again takes it away, the other one turns it.

use crate::App;
use crate::answer::ok;
use crate::error::ApiError;
use crate::ids::envelope_id;
use crate::layers::Caller;
use crate::shapes::{AuthorJson, direction, score};
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;
use std::sync::Arc;
use tidepool_home::{Direction, Votable, VoteAction, VoteOutcome};

/// What a vote did.
#[derive(Debug, Serialize)]
struct VoteAnswer<'a> {
    success: bool,
    message: &'static str,
    /// `upvoted`, `downvoted`, `removed` or `changed`.
    action: &'static str,
    your_vote: Option<&'static str>,
    upvotes: u64,
    downvotes: u64,
    score: i64,
    author: AuthorJson<'a>,
    already_following: bool,
    tip: &'static str,
}

impl<'a> VoteAnswer<'a> {
    fn of(outcome: &'a VoteOutcome) -> Self {
        let (action, message) = match outcome.action {
            VoteAction::Voted(Direction::Up) => ("upvoted", "Upvoted! 🌊"),
            VoteAction::Voted(Direction::Down) => ("downvoted", "Downvoted"),
            VoteAction::Removed => ("removed", "Vote removed"),
            VoteAction::Changed(Direction::Up) => ("changed", "Vote changed to an upvote"),
            VoteAction::Changed(Direction::Down) => ("changed", "Vote changed to a downvote"),
        };
        Self {
            success: true,
            message,
            action,
            your_vote: outcome.your_vote.map(direction),
            upvotes: outcome.upvotes,
            downvotes: outcome.downvotes,
            score: score(outcome.upvotes, outcome.downvotes),
            author: AuthorJson::of(&outcome.author),
            already_following: outcome.you_follow_author,
            tip: "the same vote again takes it back",
        }
    }
}

const fn name(what: Votable) -> &'static str {
    match what {
        Votable::Post => "post",
        Votable::Comment => "comment",
    }
}

async fn vote(app: &App, caller: &Caller, what: Votable, id: &str, direction: Direction) -> Result<Response, ApiError> {
    let outcome = app.home.vote(&caller.0, what, envelope_id(name(what), id)?, direction).await?;
    Ok(ok(&VoteAnswer::of(&outcome)))
}

async fn withdraw(app: &App, caller: &Caller, what: Votable, id: &str) -> Result<Response, ApiError> {
    let outcome = app.home.withdraw_vote(&caller.0, what, envelope_id(name(what), id)?).await?;
    Ok(ok(&VoteAnswer::of(&outcome)))
}

/// `DELETE /posts/{id}/vote`
pub(crate) async fn post_none(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    withdraw(&app, &caller, Votable::Post, &id).await
}

/// `DELETE /comments/{id}/vote`
pub(crate) async fn comment_none(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    withdraw(&app, &caller, Votable::Comment, &id).await
}

/// `POST /posts/{id}/upvote`
pub(crate) async fn post_up(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    vote(&app, &caller, Votable::Post, &id, Direction::Up).await
}

/// `POST /posts/{id}/downvote`
pub(crate) async fn post_down(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    vote(&app, &caller, Votable::Post, &id, Direction::Down).await
}

/// `POST /comments/{id}/upvote`
pub(crate) async fn comment_up(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    vote(&app, &caller, Votable::Comment, &id, Direction::Up).await
}

/// `POST /comments/{id}/downvote`
pub(crate) async fn comment_down(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    vote(&app, &caller, Votable::Comment, &id, Direction::Down).await
}
