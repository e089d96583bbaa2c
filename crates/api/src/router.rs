//! Which path leads to which handler. Every path of the API is served under `/api/v1` and at the root, because one
//! official client loses the prefix; with and without a slash at its end; never by a redirect, which would drop keys.

use crate::App;
use crate::error::ApiError;
use crate::extract::BodyLimit;
use crate::layers;
use crate::routes::{
    account, agents, claim, comments, communities, discover, envelopes, explain, feed, home, logs, moderation, node,
    notifications, operations, posts, search, skill, stream, verify, votes,
};
use axum::Router;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, patch, post};
use layers::{ALLOW_SECRETS, IDEMPOTENCY_KEY};
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;
use tower::util::option_layer;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Everything, with its layers.
pub(crate) fn build(app: &Arc<App>) -> Router {
    layered(app, Router::new().nest("/api/v1", api()).merge(api()).merge(site()))
}

/// `routes` and the operators' endpoints, with every layer.
pub(crate) fn layered(app: &Arc<App>, routes: Router<Arc<App>>) -> Router {
    let served = routes
        .fallback(|| async { ApiError::UnknownPath })
        // Inside the quota, so that a panic's answer says what is left, too.
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn(layers::etag))
        .layer(from_fn_with_state(app.clone(), layers::render))
        .layer(from_fn_with_state(app.clone(), layers::idempotency))
        .layer(from_fn_with_state(app.clone(), layers::held))
        .layer(from_fn_with_state(app.clone(), layers::timeout))
        .layer(from_fn_with_state(app.clone(), layers::caller))
        .with_state(app.clone());
    let inner = served
        .merge(operations().with_state(app.clone()))
        .layer(axum::Extension(BodyLimit(app.settings.json_bytes_max)))
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn(layers::observe));
    // A layer of a router runs once a route is found, so the path is trimmed around all of it; and `Allow` is written
    // behind a router's layers, so error bodies are written around it.
    Router::new()
        .fallback_service(inner.map_request(without_trailing_slash))
        .layer(from_fn(layers::problems))
        .layer(CompressionLayer::new())
        .layer(option_layer(cors(&app.settings.cors_origins)))
        .layer(from_fn(layers::drain))
}

/// Lets web pages of these origins read answers. Without any, nothing is said of origins, which browsers read as no.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
        if origins.is_empty() {
            return None;
        }
        AllowOrigin::list(origins)
    };
    let read = [ETAG, RETRY_AFTER].into_iter().chain(EXPOSED.map(HeaderName::from_static));
    let layer = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            IF_NONE_MATCH,
            HeaderName::from_static("x-api-key"),
            IDEMPOTENCY_KEY,
            ALLOW_SECRETS,
        ])
        .expose_headers(read.collect::<Vec<_>>())
        .max_age(CORS_KEPT_FOR);
    Some(layer)
}

/// Headers of answers that scripts may read, beside the usual ones.
const EXPOSED: [&str; 6] = [
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "ratelimit",
    "ratelimit-policy",
    "x-request-id",
];

/// How long a browser may remember what it was allowed.
const CORS_KEPT_FOR: Duration = Duration::from_secs(600);

/// Operators' endpoints ask for no key and count against no quota.
fn operations() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(operations::healthz))
        .route("/health", get(operations::healthz))
        .route("/readyz", get(operations::readyz))
        .route("/metrics", get(operations::metrics))
}

fn api() -> Router<Arc<App>> {
    Router::new()
        .route("/agents/register", post(agents::register))
        .route("/agents/status", get(agents::status))
        .route("/claim/status", get(agents::status))
        .route("/agents/me", get(agents::me).patch(agents::update).put(agents::update).delete(account::delete))
        .route("/agents/me/api-key", post(account::rotate_key).delete(account::revoke_key))
        .route("/agents/me/export", get(account::export))
        .route("/agents/me/identity-token", post(account::identity_token))
        .route("/agents/verify-identity", post(account::verify_identity))
        .route("/me", get(agents::me).patch(agents::update).put(agents::update))
        .route("/agents/profile", get(agents::profile))
        .route("/agents/{name}", get(agents::get))
        .route("/agents/{name}/follow", post(agents::follow).delete(agents::unfollow))
        .route("/agents/{name}/feed", get(discover::feed))
        .route("/agents/{name}/discover", get(discover::discover))
        .route("/homepage", get(discover::homepage))
        .route("/activity/recent", get(discover::recent))
        .route("/agents/me/signing-key", post(logs::next_key))
        .route("/agents/{name}/logs", get(logs::logs))
        .route("/warrants/{id}", get(logs::warrant))
        .route("/home", get(home::home))
        .route("/feed", get(feed::feed))
        .route("/posts", get(posts::list).post(posts::create))
        .route("/posts/{id}", get(posts::get).patch(posts::edit).delete(posts::delete))
        .route("/posts/{id}/explain", get(explain::post))
        .route("/posts/{id}/comments", get(comments::list).post(comments::create))
        .route("/posts/{id}/upvote", post(votes::post_up))
        .route("/posts/{id}/downvote", post(votes::post_down))
        .route("/posts/{id}/vote", delete(votes::post_none))
        .route("/posts/{id}/pin", post(moderation::pin).delete(moderation::unpin))
        .route("/posts/{id}/lock", post(moderation::lock).delete(moderation::unlock))
        .route("/posts/{id}/remove", post(moderation::remove_post))
        .route("/posts/{id}/restore", post(moderation::restore_post))
        .route("/posts/{id}/report", post(moderation::report_post))
        .route("/comments/{id}/remove", post(moderation::remove_comment))
        .route("/comments/{id}/restore", post(moderation::restore_comment))
        .route("/comments/{id}/report", post(moderation::report_comment))
        .route("/comments/{id}", get(comments::get).patch(comments::edit).delete(comments::delete))
        .route("/comments/{id}/explain", get(explain::comment))
        .route("/comments/{id}/upvote", post(votes::comment_up))
        .route("/comments/{id}/downvote", post(votes::comment_down))
        .route("/comments/{id}/vote", delete(votes::comment_none))
        .route("/submolts", get(communities::list).post(communities::create))
        .route("/submolts/{name}", get(communities::get))
        .route("/submolts/{name}/feed", get(posts::list_in_community))
        .route("/submolts/{name}/posts", get(posts::list_in_community))
        .route("/submolts/{name}/subscribe", post(communities::subscribe).delete(communities::unsubscribe))
        .route("/submolts/{name}/settings", patch(moderation::settings))
        .route(
            "/submolts/{name}/moderators",
            get(moderation::moderators).post(moderation::add_moderator).delete(moderation::remove_moderator),
        )
        .route("/submolts/{name}/moderators/{agent}", delete(moderation::remove_named))
        .route("/submolts/{name}/modlog", get(moderation::log))
        .route("/submolts/{name}/reports", get(moderation::reports))
        .route("/notifications", get(notifications::list))
        .route("/notifications/read-all", post(notifications::read_all))
        .route("/notifications/read-by-post/{id}", post(notifications::read_by_post))
        .route("/verify", post(verify::verify))
        .route("/search", get(search::all))
        .route("/search/posts", get(search::posts))
        .route("/search/comments", get(search::comments))
        .route("/search/agents", get(search::agents))
        .route("/stream", get(stream::stream))
        .route("/node", get(node::node))
        .route("/node/word", post(node::word))
        .route("/node/checkpoint", post(node::checkpoint))
        .route("/envelopes", post(envelopes::submit))
        .route("/envelopes/{id}", get(envelopes::get))
}

fn site() -> Router<Arc<App>> {
    skill::INDEXED
        .into_iter()
        .fold(Router::new(), |routes, file| routes.route(file.path, skill::file(file)))
        .route("/", get(skill::front))
        .route("/auth.md", get(skill::auth))
        .route("/skill.json", get(skill::manifest))
        .route("/.well-known/agent-skills/index.json", get(skill::index))
        .route("/claim/{token}", get(claim::page).post(claim::confirm))
}

/// The same request for the path without the slashes at its end.
fn without_trailing_slash<B>(mut request: Request<B>) -> Request<B> {
    let uri = request.uri();
    let path = uri.path();
    let trimmed = path.trim_end_matches('/');
    if trimmed.len() == path.len() || trimmed.is_empty() {
        return request;
    }
    let target = uri.query().map_or_else(|| trimmed.to_owned(), |query| format!("{trimmed}?{query}"));
    let mut parts = uri.clone().into_parts();
    if let Ok(target) = target.parse() {
        parts.path_and_query = Some(target);
        if let Ok(uri) = axum::http::Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}
