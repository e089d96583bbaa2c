//! An agent's own feed.

use super::posts::PostsAnswer;
use crate::App;
use crate::answer::ok;
use crate::error::ApiError;
use crate::extract::Query;
use crate::layers::Caller;
use crate::params::ListParams;
use axum::extract::State;
use axum::response::Response;
use std::sync::Arc;
use tidepool_home::{FeedFilter, FeedQuery};

/// `GET /feed`
pub(crate) async fn feed(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    let (filter, sort) = (params.feed_filter()?, params.post_sort()?);
    let query = FeedQuery { filter, sort, window: params.window()?, cursor: params.cursor(), limit: params.limit()? };
    let page = app.home.feed(&session, &query).await?;
    let feed_type = match filter {
        FeedFilter::All => "all",
        FeedFilter::Home => "home",
        FeedFilter::Subscribed => "subscribed",
        FeedFilter::Following => "following",
    };
    Ok(ok(&PostsAnswer::of(&page, sort, Some(feed_type))))
}
