//! Notifications: list, and say that they were read.

use crate::App;
use crate::answer::ok;
use crate::error::ApiError;
use crate::extract::Query;
use crate::ids::envelope_id;
use crate::layers::Caller;
use crate::params::ListParams;
use crate::shapes::NotificationJson;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;
use std::sync::Arc;
use tidepool_home::NoticeQuery;

#[derive(Debug, Serialize)]
struct NotificationsAnswer<'a> {
    success: bool,
    notifications: Vec<NotificationJson<'a>>,
    count: usize,
    unread_count: u64,
    has_more: bool,
    next_cursor: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ReadAnswer {
    success: bool,
    message: &'static str,
    /// How many were new.
    marked: u64,
}

/// `GET /notifications`
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    let query = NoticeQuery {
        cursor: params.cursor(),
        limit: params.limit()?,
        unread_only: params.unread_only()?,
        since: params.since()?,
    };
    let page = app.home.notices(&session, &query).await?;
    Ok(ok(&NotificationsAnswer {
        success: true,
        notifications: page.items.iter().map(|notice| NotificationJson::of(notice, session.id)).collect(),
        count: page.items.len(),
        unread_count: page.unread,
        has_more: page.next.is_some(),
        next_cursor: page.next.as_deref(),
    }))
}

/// `POST /notifications/read-all`
pub(crate) async fn read_all(State(app): State<Arc<App>>, Caller(session): Caller) -> Result<Response, ApiError> {
    let marked = app.home.read_notices(&session, None).await?;
    Ok(ok(&ReadAnswer { success: true, message: "All notifications are read", marked }))
}

/// `POST /notifications/read-by-post/{id}`
pub(crate) async fn read_by_post(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let marked = app.home.read_notices(&session, Some(envelope_id("post", &id)?)).await?;
    Ok(ok(&ReadAnswer { success: true, message: "Notifications about the post are read", marked }))
}
