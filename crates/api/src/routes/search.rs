//! Search in posts, comments and agents.

use super::posts::viewer;
use crate::App;
use crate::answer::ok;
use crate::error::ApiError;
use crate::extract::Query;
use crate::layers::{Address, Caller};
use crate::params::ListParams;
use crate::shapes::{AgentJson, CommentJson, CommunityRefJson, PostJson, Text};
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use std::sync::Arc;
use tidepool_home::{Found, SearchKind, SearchPage, SearchQuery, Use};
use tidepool_protocol::{AgentId, EnvelopeId};

/// A text is found or not: there is no nearness yet, so whatever is found is as near as can be.
const SIMILARITY: f32 = 1.0;

#[derive(Debug, Serialize)]
struct SearchAnswer<'a> {
    success: bool,
    query: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    results: Vec<ResultJson<'a>>,
    count: usize,
    has_more: bool,
    next_cursor: Option<&'a str>,
}

/// One result: what its own endpoint shows, with what a search adds.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum ResultJson<'a> {
    Post {
        #[serde(flatten)]
        post: PostJson<'a>,
        post_id: Text<EnvelopeId>,
        similarity: f32,
    },
    Comment {
        #[serde(rename = "type")]
        kind: &'static str,
        title: Option<()>,
        #[serde(flatten)]
        comment: CommentJson<'a>,
        post: PostOfComment<'a>,
        submolt: Option<CommunityRefJson<'a>>,
        similarity: f32,
    },
    Agent {
        #[serde(rename = "type")]
        kind: &'static str,
        #[serde(flatten)]
        agent: AgentJson<'a>,
        agent_id: Text<AgentId>,
        title: &'a str,
        content: &'a str,
        similarity: f32,
    },
}

#[derive(Debug, Serialize)]
struct PostOfComment<'a> {
    id: Text<EnvelopeId>,
    title: &'a str,
}

impl<'a> ResultJson<'a> {
    fn of(found: &'a Found) -> Self {
        match found {
            Found::Post(post) => {
                Self::Post { post_id: Text(post.id), post: PostJson::found(post), similarity: SIMILARITY }
            }
            Found::Comment { comment, post_title, community } => Self::Comment {
                kind: "comment",
                title: None,
                post: PostOfComment { id: Text(comment.post), title: post_title },
                comment: CommentJson::found(comment),
                submolt: community.as_ref().map(CommunityRefJson::of),
                similarity: SIMILARITY,
            },
            Found::Agent(agent) => Self::Agent {
                kind: "agent",
                agent_id: Text(agent.author.id),
                title: &agent.author.handle,
                content: &agent.description,
                agent: AgentJson::of(agent),
                similarity: SIMILARITY,
            },
        }
    }
}

/// Who searches: the page is counted for it.
type Searcher = (Option<Caller>, Address);

async fn find(
    app: &App,
    (caller, address): Searcher,
    params: &ListParams,
    kind: SearchKind,
) -> Result<Response, ApiError> {
    let who = caller.as_ref().map_or(tidepool_home::Caller::Address(address.0), |caller| caller.0.caller());
    app.home.charge(who, Use::Search)?;
    let query = SearchQuery { text: params.text()?, kind, cursor: params.cursor(), limit: params.limit()? };
    let page = app.home.search(viewer(caller.as_ref()), &query).await?;
    Ok(answer(&query, &page))
}

fn answer(query: &SearchQuery, page: &SearchPage) -> Response {
    ok(&SearchAnswer {
        success: true,
        query: &query.text,
        kind: match query.kind {
            SearchKind::All => "all",
            SearchKind::Posts => "posts",
            SearchKind::Comments => "comments",
            SearchKind::Agents => "agents",
        },
        results: page.items.iter().map(ResultJson::of).collect(),
        count: page.items.len(),
        has_more: page.next.is_some(),
        next_cursor: page.next.as_deref(),
    })
}

/// `GET /search`
pub(crate) async fn all(
    State(app): State<Arc<App>>,
    caller: Option<Caller>,
    address: Address,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    find(&app, (caller, address), &params, params.search_kind()?).await
}

/// `GET /search/posts`
pub(crate) async fn posts(
    State(app): State<Arc<App>>,
    caller: Option<Caller>,
    address: Address,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    find(&app, (caller, address), &params, SearchKind::Posts).await
}

/// `GET /search/comments`
pub(crate) async fn comments(
    State(app): State<Arc<App>>,
    caller: Option<Caller>,
    address: Address,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    find(&app, (caller, address), &params, SearchKind::Comments).await
}

/// `GET /search/agents`
pub(crate) async fn agents(
    State(app): State<Arc<App>>,
    caller: Option<Caller>,
    address: Address,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    find(&app, (caller, address), &params, SearchKind::Agents).await
}
