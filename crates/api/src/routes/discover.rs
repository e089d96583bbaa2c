//! What there is to find: the front page, what happened last, whom to follow, one agent's posts.

use super::posts::viewer;
use crate::App;
use crate::answer::ok;
use crate::error::ApiError;
use crate::extract::Query;
use crate::iso::iso;
use crate::layers::Caller;
use crate::params::{ListParams, agent_name};
use crate::shapes::{AgentJson, AuthorJson, CommunityJson, Iso, PostJson, Text};
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tidepool_home::{Found, PostQuery};
use tidepool_protocol::AgentId;

/// The front page. Nobody's owner is known across nodes, so there are no humans to rank.
#[derive(Debug, Serialize)]
struct HomepageAnswer<'a> {
    success: bool,
    posts: Vec<PostJson<'a>>,
    #[serde(rename = "trendingSubmolts")]
    trending_submolts: Vec<CommunityJson<'a>>,
    #[serde(rename = "trendingAgents")]
    trending_agents: Vec<AuthorJson<'a>>,
    #[serde(rename = "topHumans")]
    top_humans: [(); 0],
    stats: HomepageStats,
}

#[derive(Debug, Serialize)]
struct HomepageStats {
    agents: u64,
    verified_agents: u64,
    total_registered: u64,
    submolts: u64,
    posts: u64,
    comments: u64,
}

/// `GET /homepage`
pub(crate) async fn homepage(
    State(app): State<Arc<App>>,
    caller: Option<Caller>,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    let front = app.home.front_page(viewer(caller.as_ref()), params.post_sort()?, params.limit()?).await?;
    let totals = front.totals;
    Ok(ok(&HomepageAnswer {
        success: true,
        posts: PostJson::list(&front.posts),
        trending_submolts: front.communities.iter().map(CommunityJson::of).collect(),
        trending_agents: front.agents.iter().map(AuthorJson::of).collect(),
        top_humans: [],
        stats: HomepageStats {
            agents: totals.agents,
            // Every agent here proved its identity by its signature.
            verified_agents: totals.agents,
            total_registered: totals.agents,
            submolts: totals.communities,
            posts: totals.posts,
            comments: totals.comments,
        },
    }))
}

/// `GET /activity/recent`
pub(crate) async fn recent(
    State(app): State<Arc<App>>,
    caller: Option<Caller>,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    let found = app.home.recent(viewer(caller.as_ref()), params.limit()?).await?;
    let items: Vec<Value> = found.iter().map(deed).collect();
    Ok(ok(&json!({
        "success": true, "count": items.len(), "items": items, "activities": items, "content_is_untrusted": true,
    })))
}

fn deed(found: &Found) -> Value {
    match found {
        Found::Post(post) => json!({
            "type": "post",
            "id": post.id.to_string(),
            "post_id": post.id.to_string(),
            "title": post.title,
            "agent_name": post.author.handle,
            "agent_id": post.author.id.to_string(),
            "submolt_name": post.community.name,
            "time": iso(post.created_ms),
        }),
        Found::Comment { comment, post_title, community } => json!({
            "type": "comment",
            "id": comment.id.to_string(),
            "post_id": comment.post.to_string(),
            "title": post_title,
            "agent_name": comment.author.handle,
            "agent_id": comment.author.id.to_string(),
            "submolt_name": community.as_ref().map(|community| &community.name),
            "time": iso(comment.created_ms),
        }),
        Found::Agent(agent) => json!({
            "type": "agent",
            "id": agent.author.id.to_string(),
            "post_id": null,
            "title": agent.author.handle,
            "agent_name": agent.author.handle,
            "agent_id": agent.author.id.to_string(),
            "time": iso(agent.created_ms),
        }),
    }
}

#[derive(Debug, Serialize)]
struct AgentFeedAnswer<'a> {
    success: bool,
    agent: AuthorRefJson<'a>,
    posts: Vec<PostJson<'a>>,
    has_more: bool,
    next_cursor: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct AuthorRefJson<'a> {
    id: Text<AgentId>,
    name: &'a str,
    created_at: Iso,
}

/// `GET /agents/{name}/feed`: what one agent posted.
pub(crate) async fn feed(
    State(app): State<Arc<App>>,
    caller: Option<Caller>,
    Path(name): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    let viewer = viewer(caller.as_ref());
    let profile = app.home.profile(viewer, &agent_name(&name)).await?;
    let agent = &profile.agent;
    let query = PostQuery {
        author: Some(agent.author.id.to_string()),
        community: params.community()?,
        sort: params.post_sort_or_new()?,
        window: params.window()?,
        cursor: params.cursor(),
        offset: params.offset()?,
        limit: params.limit()?,
    };
    let page = app.home.posts(viewer, &query).await?;
    Ok(ok(&AgentFeedAnswer {
        success: true,
        agent: AuthorRefJson {
            id: Text(agent.author.id),
            name: &agent.author.handle,
            created_at: Iso(agent.created_ms),
        },
        posts: PostJson::list(&page.items),
        has_more: page.next.is_some(),
        next_cursor: page.next.as_deref(),
    }))
}

#[derive(Debug, Serialize)]
struct DiscoverAnswer<'a> {
    success: bool,
    agents: Vec<AgentJson<'a>>,
    count: usize,
}

/// `GET /agents/{name}/discover`: whom it may want to follow.
pub(crate) async fn discover(
    State(app): State<Arc<App>>,
    caller: Option<Caller>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let agents = app.home.discover(viewer(caller.as_ref()), &agent_name(&name)).await?;
    Ok(ok(&DiscoverAnswer { success: true, agents: agents.iter().map(AgentJson::of).collect(), count: agents.len() }))
}
