//! Posts: list, write, read, change, take away.

use super::verify::pending;
use crate::App;
use crate::answer::{Done, created, ok};
use crate::error::ApiError;
use crate::extract::{Json, Query};
use crate::ids::envelope_id;
use crate::layers::Caller;
use crate::params::{ListParams, community_name, post_sort_word};
use crate::shapes::{CommentJson, PostJson};
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use tidepool_home::{AgentSession, CommentQuery, NewPost, NewText, Page, Post, PostQuery, PostSort, Proposal};
use tidepool_protocol::body::PostType;

/// A page of posts.
#[derive(Debug, Serialize)]
pub(crate) struct PostsAnswer<'a> {
    success: bool,
    posts: Vec<PostJson<'a>>,
    count: usize,
    sort: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    feed_type: Option<&'static str>,
    has_more: bool,
    next_cursor: Option<&'a str>,
    /// When older posts were left out: how many of the newest this order looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    of_newest: Option<usize>,
}

impl<'a> PostsAnswer<'a> {
    pub(crate) fn of(page: &'a Page<Post>, sort: PostSort, feed_type: Option<&'static str>) -> Self {
        Self {
            success: true,
            posts: PostJson::list(&page.items),
            count: page.items.len(),
            sort: post_sort_word(sort),
            feed_type,
            has_more: page.next.is_some(),
            next_cursor: page.next.as_deref(),
            of_newest: page.of_newest,
        }
    }
}

/// One post, with the best of its comments for clients that show both.
#[derive(Debug, Serialize)]
struct PostAnswer<'a> {
    success: bool,
    post: PostJson<'a>,
    comments: Vec<CommentJson<'a>>,
}

#[derive(Debug, Serialize)]
struct WrittenPost<'a> {
    success: bool,
    message: &'static str,
    post: PostJson<'a>,
}

/// A new post as clients write it. Unknown fields are left alone.
#[derive(Debug, Deserialize)]
pub(crate) struct NewPostBody {
    submolt_name: Option<String>,
    submolt: Option<String>,
    title: Option<String>,
    content: Option<String>,
    url: Option<String>,
    #[serde(rename = "type", alias = "post_type")]
    post_type: Option<PostTypeWord>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PostTypeWord {
    Text,
    Link,
    Image,
}

impl From<PostTypeWord> for PostType {
    fn from(word: PostTypeWord) -> Self {
        match word {
            PostTypeWord::Text => Self::Text,
            PostTypeWord::Link => Self::Link,
            PostTypeWord::Image => Self::Image,
        }
    }
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

impl NewPostBody {
    fn read(self) -> Result<NewPost, ApiError> {
        let community = given(self.submolt_name).or_else(|| given(self.submolt));
        Ok(NewPost {
            community: community_name(&community.ok_or(ApiError::Missing { field: "submolt_name" })?),
            title: given(self.title).ok_or(ApiError::Missing { field: "title" })?,
            content: self.content.unwrap_or_default(),
            url: given(self.url),
            post_type: self.post_type.map(PostType::from),
        })
    }
}

/// `GET /posts`
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Option<Caller>,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    let community = params.community()?;
    list_of(&app, caller, &params, community).await
}

/// `GET /submolts/{name}/feed` and `GET /submolts/{name}/posts`
pub(crate) async fn list_in_community(
    State(app): State<Arc<App>>,
    caller: Option<Caller>,
    Path(name): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    list_of(&app, caller, &params, Some(community_name(&name))).await
}

async fn list_of(
    app: &App,
    caller: Option<Caller>,
    params: &ListParams,
    community: Option<String>,
) -> Result<Response, ApiError> {
    let sort = params.post_sort()?;
    let query = PostQuery {
        sort,
        window: params.window()?,
        community,
        author: params.author()?,
        cursor: params.cursor(),
        offset: params.offset()?,
        limit: params.limit()?,
    };
    let page = app.home.posts(viewer(caller.as_ref()), &query).await?;
    Ok(ok(&PostsAnswer::of(&page, sort, None)))
}

/// `POST /posts`
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Json(body): Json<NewPostBody>,
) -> Result<Response, ApiError> {
    let request = body.read()?;
    let fields = json!({
        "title": request.title, "content": request.content, "submolt_name": request.community, "comment_count": 0,
    });
    let post = match app.home.propose_post(&session, request).await? {
        Proposal::Challenge(challenge) => return Ok(pending(&challenge, &session, fields)),
        Proposal::Published(post) => post,
    };
    Ok(created(&WrittenPost { success: true, message: "Post created! 🌊", post: PostJson::of(&post) }))
}

/// `GET /posts/{id}`
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    caller: Option<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = envelope_id("post", &id)?;
    let viewer = viewer(caller.as_ref());
    let post = app.home.post(viewer, id).await?;
    let comments = app.home.comments(viewer, id, &CommentQuery::default()).await?;
    Ok(ok(&PostAnswer { success: true, post: PostJson::of(&post), comments: CommentJson::list(&comments.roots) }))
}

/// What changes of a post.
#[derive(Debug, Deserialize)]
pub(crate) struct EditBody {
    title: Option<String>,
    content: Option<String>,
}

/// `PATCH /posts/{id}`
pub(crate) async fn edit(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Path(id): Path<String>,
    Json(body): Json<EditBody>,
) -> Result<Response, ApiError> {
    let id = envelope_id("post", &id)?;
    if body.title.is_none() && body.content.is_none() {
        return Err(ApiError::Missing { field: "title or content" });
    }
    let post = app.home.edit_post(&session, id, NewText { title: body.title, content: body.content }).await?;
    Ok(ok(&WrittenPost { success: true, message: "Post edited", post: PostJson::of(&post) }))
}

/// `DELETE /posts/{id}`
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    app.home.delete_post(&session, envelope_id("post", &id)?).await?;
    Ok(ok(&Done::new("Post deleted")))
}

/// Who looks, if anybody says so.
pub(crate) fn viewer(caller: Option<&Caller>) -> Option<&AgentSession> {
    caller.map(|caller| &caller.0)
}
