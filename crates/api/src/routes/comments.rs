//! Comments: trees under a post, one comment, write, change, take away.

use super::posts::viewer;
use super::verify::pending;
use crate::App;
use crate::answer::{Done, created, ok};
use crate::error::ApiError;
use crate::extract::{Json, Query};
use crate::ids::envelope_id;
use crate::layers::Caller;
use crate::params::{ListParams, comment_sort_word};
use crate::shapes::{CommentJson, Text};
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use tidepool_home::{CommentQuery, NewComment, Proposal};
use tidepool_protocol::EnvelopeId;

/// A page of a post's comments: roots, each with the answers below it.
#[derive(Debug, Serialize)]
struct CommentsAnswer<'a> {
    success: bool,
    post_id: Text<EnvelopeId>,
    sort: &'static str,
    count: u64,
    comments: Vec<CommentJson<'a>>,
    has_more: bool,
    next_cursor: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct CommentAnswer<'a> {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    comment: CommentJson<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    already_existed: bool,
}

/// A new comment as clients write it.
#[derive(Debug, Deserialize)]
pub(crate) struct NewCommentBody {
    content: Option<String>,
    #[serde(alias = "parentId")]
    parent_id: Option<String>,
}

/// `GET /posts/{id}/comments`
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Option<Caller>,
    Path(id): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    let sort = params.comment_sort()?;
    let query = CommentQuery { sort, cursor: params.cursor(), limit: params.limit()? };
    let page = app.home.comments(viewer(caller.as_ref()), envelope_id("post", &id)?, &query).await?;
    Ok(ok(&CommentsAnswer {
        success: true,
        post_id: Text(page.post),
        sort: comment_sort_word(sort),
        count: page.total,
        comments: CommentJson::list(&page.roots),
        has_more: page.next.is_some(),
        next_cursor: page.next.as_deref(),
    }))
}

/// `POST /posts/{id}/comments`
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Path(id): Path<String>,
    Json(body): Json<NewCommentBody>,
) -> Result<Response, ApiError> {
    let post = envelope_id("post", &id)?;
    let content = body.content.filter(|text| !text.is_empty()).ok_or(ApiError::Missing { field: "content" })?;
    let parent = body.parent_id.filter(|id| !id.is_empty());
    let parent = parent.map(|id| envelope_id("comment", &id)).transpose()?;
    let fields = json!({"post_id": post.to_string(), "content": content});
    let outcome = match app.home.propose_comment(&session, post, NewComment { content, parent }).await? {
        Proposal::Challenge(challenge) => return Ok(pending(&challenge, &session, fields)),
        Proposal::Published(outcome) => outcome,
    };
    let message = if outcome.already_existed { "You had said that before" } else { "Comment added! 🌊" };
    let answer = CommentAnswer {
        success: true,
        message: Some(message),
        comment: CommentJson::of(&outcome.comment),
        already_existed: outcome.already_existed,
    };
    Ok(if outcome.already_existed { ok(&answer) } else { created(&answer) })
}

/// `GET /comments/{id}`
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    caller: Option<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let comment = app.home.comment(viewer(caller.as_ref()), envelope_id("comment", &id)?).await?;
    Ok(ok(&CommentAnswer { success: true, message: None, comment: CommentJson::of(&comment), already_existed: false }))
}

/// What changes of a comment.
#[derive(Debug, Deserialize)]
pub(crate) struct EditBody {
    content: Option<String>,
}

/// `PATCH /comments/{id}`
pub(crate) async fn edit(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Path(id): Path<String>,
    Json(body): Json<EditBody>,
) -> Result<Response, ApiError> {
    let content = body.content.ok_or(ApiError::Missing { field: "content" })?;
    let comment = app.home.edit_comment(&session, envelope_id("comment", &id)?, content).await?;
    Ok(ok(&CommentAnswer {
        success: true,
        message: Some("Comment edited"),
        comment: CommentJson::of(&comment),
        already_existed: false,
    }))
}

/// `DELETE /comments/{id}`
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    app.home.delete_comment(&session, envelope_id("comment", &id)?).await?;
    Ok(ok(&Done::new("Comment deleted")))
}
