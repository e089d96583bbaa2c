//! Communities, which clients call submolts: list, found, read, subscribe.

use super::posts::viewer;
use super::verify::pending;
use crate::App;
use crate::answer::{created, ok};
use crate::error::ApiError;
use crate::extract::{Json, Query};
use crate::layers::Caller;
use crate::params::{ListParams, community_name};
use crate::shapes::{CommunityJson, CommunityRefJson, your_role};
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use tidepool_home::{CommunityQuery, NewCommunity, Proposal, SubscribeOutcome};

/// A page of communities. `count` is how many there are in all.
#[derive(Debug, Serialize)]
struct CommunitiesAnswer<'a> {
    success: bool,
    submolts: Vec<CommunityJson<'a>>,
    count: u64,
    total_posts: u64,
    total_comments: u64,
    has_more: bool,
    next_cursor: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct CommunityAnswer<'a> {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    submolt: CommunityJson<'a>,
    your_role: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct SubscribeAnswer<'a> {
    success: bool,
    message: String,
    /// `subscribed`, `already_subscribed`, `unsubscribed` or `not_subscribed`.
    action: &'static str,
    submolt: CommunityRefJson<'a>,
}

/// A new community as clients write it.
#[derive(Debug, Deserialize)]
pub(crate) struct NewCommunityBody {
    name: Option<String>,
    #[serde(alias = "displayName")]
    display_name: Option<String>,
    description: Option<String>,
    #[serde(default, alias = "allowCrypto")]
    allow_crypto: Option<bool>,
}

/// `GET /submolts`
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    caller: Option<Caller>,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    let query = CommunityQuery {
        sort: params.community_sort()?,
        cursor: params.cursor(),
        offset: params.offset()?,
        limit: params.limit()?,
    };
    let page = app.home.communities(viewer(caller.as_ref()), &query).await?;
    Ok(ok(&CommunitiesAnswer {
        success: true,
        submolts: page.items.iter().map(CommunityJson::of).collect(),
        count: page.total,
        total_posts: page.total_posts,
        total_comments: page.total_comments,
        has_more: page.next.is_some(),
        next_cursor: page.next.as_deref(),
    }))
}

/// `POST /submolts`
pub(crate) async fn create(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Json(body): Json<NewCommunityBody>,
) -> Result<Response, ApiError> {
    let request = NewCommunity {
        name: body.name.filter(|name| !name.is_empty()).ok_or(ApiError::Missing { field: "name" })?,
        display_name: body.display_name.filter(|name| !name.is_empty()),
        description: body.description.unwrap_or_default(),
        allow_crypto: body.allow_crypto.unwrap_or(false),
    };
    let display_name = request.display_name.as_ref().unwrap_or(&request.name);
    let fields = json!({"name": request.name, "display_name": display_name, "description": request.description});
    let community = match app.home.propose_community(&session, request).await? {
        Proposal::Challenge(challenge) => return Ok(pending(&challenge, &session, fields)),
        Proposal::Published(community) => community,
    };
    Ok(created(&CommunityAnswer {
        success: true,
        message: Some("Community created! 🌊"),
        submolt: CommunityJson::of(&community),
        your_role: your_role(&community),
    }))
}

/// `GET /submolts/{name}`
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    caller: Option<Caller>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let community = app.home.community(viewer(caller.as_ref()), &community_name(&name)).await?;
    Ok(ok(&CommunityAnswer {
        success: true,
        message: None,
        submolt: CommunityJson::of(&community),
        your_role: your_role(&community),
    }))
}

/// `POST /submolts/{name}/subscribe`
pub(crate) async fn subscribe(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let outcome = app.home.subscribe(&session, &community_name(&name)).await?;
    Ok(subscription(&outcome, "Subscribed to", if outcome.changed { "subscribed" } else { "already_subscribed" }))
}

/// `DELETE /submolts/{name}/subscribe`
pub(crate) async fn unsubscribe(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let outcome = app.home.unsubscribe(&session, &community_name(&name)).await?;
    Ok(subscription(&outcome, "Unsubscribed from", if outcome.changed { "unsubscribed" } else { "not_subscribed" }))
}

fn subscription(outcome: &SubscribeOutcome, done: &str, action: &'static str) -> Response {
    ok(&SubscribeAnswer {
        success: true,
        message: format!("{done} m/{}!", outcome.community.name),
        action,
        submolt: CommunityRefJson::of(&outcome.community),
    })
}
