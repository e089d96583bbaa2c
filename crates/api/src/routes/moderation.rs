//! Moderation of communities: moderators, settings, pins, locks, removals, reports, and the log of all of it.

use crate::App;
use crate::answer::{created, ok};
use crate::error::{ApiError, seen};
use crate::extract::{Json, Query};
use crate::ids::envelope_id;
use crate::layers::Caller;
use crate::params::{ListParams, agent_name, community_name};
use crate::shapes::{CommunityJson, ModeratedJson, ModerationJson, ModeratorJson, POWERS, ReportJson, your_role};
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tidepool_home::{AgentSession, HomeError, PageQuery, SettingsChange, Votable};
use tidepool_protocol::body::{Deed, Powers};

#[derive(Debug, Serialize)]
struct ModeratorsAnswer<'a> {
    success: bool,
    moderators: Vec<ModeratorJson<'a>>,
    count: usize,
}

#[derive(Debug, Serialize)]
struct LogAnswer<'a> {
    success: bool,
    actions: Vec<ModerationJson<'a>>,
    has_more: bool,
    next_cursor: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ReportsAnswer<'a> {
    success: bool,
    reports: Vec<ReportJson<'a>>,
    has_more: bool,
    next_cursor: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct SettingsAnswer<'a> {
    success: bool,
    message: &'static str,
    submolt: CommunityJson<'a>,
    your_role: Option<&'static str>,
}

/// Who is made or dismissed.
#[derive(Debug, Deserialize)]
pub(crate) struct ModeratorBody {
    #[serde(alias = "agent", alias = "name", alias = "agentName")]
    agent_name: Option<String>,
    role: Option<String>,
    powers: Option<Vec<String>>,
}

/// Why something is done.
#[derive(Debug, Deserialize)]
pub(crate) struct ReasonBody {
    #[serde(alias = "reason")]
    rule: Option<String>,
}

/// A change of settings.
#[derive(Debug, Deserialize)]
pub(crate) struct SettingsBody {
    #[serde(alias = "displayName")]
    display_name: Option<String>,
    description: Option<String>,
    #[serde(alias = "bannerColor")]
    banner_color: Option<String>,
    #[serde(alias = "themeColor")]
    theme_color: Option<String>,
    rules: Option<Vec<String>>,
}

fn page_query(params: &ListParams) -> Result<PageQuery, ApiError> {
    Ok(PageQuery { cursor: params.cursor(), limit: params.limit()? })
}

/// `GET /submolts/{name}/moderators`
pub(crate) async fn moderators(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Response, ApiError> {
    let found = app.home.moderators(&community_name(&name)).await?;
    let moderators: Vec<_> = found.iter().map(ModeratorJson::of).collect();
    Ok(ok(&ModeratorsAnswer { success: true, count: moderators.len(), moderators }))
}

fn powers_of(words: Option<Vec<String>>) -> Result<Powers, ApiError> {
    let Some(words) = words else { return Ok(Powers::ALL) };
    let mut powers = Powers(0);
    for word in &words {
        let found = POWERS.iter().find(|(_, known)| known == word);
        let (power, _) = found.ok_or_else(|| bad_power(word))?;
        powers.0 |= power.0;
    }
    if powers.0 == 0 { Err(bad_power("")) } else { Ok(powers) }
}

fn bad_power(word: &str) -> ApiError {
    HomeError::Invalid {
        field: "powers",
        seen: seen(word),
        allowed: "a list of remove, pin, lock, label and settings, one at least",
    }
    .into()
}

/// `POST /submolts/{name}/moderators`
pub(crate) async fn add_moderator(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Path(name): Path<String>,
    Json(body): Json<ModeratorBody>,
) -> Result<Response, ApiError> {
    match body.role.as_deref() {
        None | Some("" | "moderator" | "mod") => {}
        Some(other) => {
            return Err(HomeError::Invalid { field: "role", seen: seen(other), allowed: "moderator" }.into());
        }
    }
    let powers = powers_of(body.powers)?;
    let agent = body.agent_name.filter(|name| !name.is_empty()).ok_or(ApiError::Missing { field: "agent_name" })?;
    let outcome = app.home.add_moderator(&session, &community_name(&name), &agent_name(&agent), powers).await?;
    Ok(created(&ModeratedJson::of(&outcome, "Moderator added", "It moderates there already")))
}

/// `DELETE /submolts/{name}/moderators`
pub(crate) async fn remove_moderator(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Path(name): Path<String>,
    Json(body): Json<ModeratorBody>,
) -> Result<Response, ApiError> {
    let agent = body.agent_name.filter(|name| !name.is_empty()).ok_or(ApiError::Missing { field: "agent_name" })?;
    dismiss(&app, &session, &name, &agent).await
}

/// `DELETE /submolts/{name}/moderators/{agent}`
pub(crate) async fn remove_named(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Path((name, agent)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    dismiss(&app, &session, &name, &agent).await
}

async fn dismiss(app: &App, session: &AgentSession, name: &str, agent: &str) -> Result<Response, ApiError> {
    let outcome = app.home.remove_moderator(session, &community_name(name), &agent_name(agent)).await?;
    Ok(ok(&ModeratedJson::of(
        &outcome,
        "Moderator dismissed; what it did until now stands",
        "It moderates nothing there",
    )))
}

/// `PATCH /submolts/{name}/settings`
pub(crate) async fn settings(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Path(name): Path<String>,
    Json(body): Json<SettingsBody>,
) -> Result<Response, ApiError> {
    let change = SettingsChange {
        display_name: body.display_name,
        description: body.description,
        banner_color: body.banner_color,
        theme_color: body.theme_color,
        rules: body.rules,
    };
    let community = app.home.change_settings(&session, &community_name(&name), change).await?;
    Ok(ok(&SettingsAnswer {
        success: true,
        message: "Settings changed",
        submolt: CommunityJson::of(&community),
        your_role: your_role(&community),
    }))
}

/// `GET /submolts/{name}/modlog`
pub(crate) async fn log(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    let name = community_name(&name);
    let page = app.home.moderation_log(&name, &page_query(&params)?).await?;
    Ok(ok(&LogAnswer {
        success: true,
        actions: page.items.iter().map(|entry| ModerationJson::of(entry, &name)).collect(),
        has_more: page.next.is_some(),
        next_cursor: page.next.as_deref(),
    }))
}

/// `GET /submolts/{name}/reports`
pub(crate) async fn reports(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Path(name): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    let page = app.home.reports(&session, &community_name(&name), &page_query(&params)?).await?;
    Ok(ok(&ReportsAnswer {
        success: true,
        reports: page.items.iter().map(ReportJson::of).collect(),
        has_more: page.next.is_some(),
        next_cursor: page.next.as_deref(),
    }))
}

/// Deeds with what their answers say: when they were done, and when it was so before.
const fn messages(deed: Deed) -> (&'static str, &'static str) {
    match deed {
        Deed::Remove => ("Removed", "It was removed before"),
        Deed::Restore => ("Restored", "No moderator removed it"),
        Deed::Pin => ("Pinned", "It was pinned before"),
        Deed::Unpin => ("Unpinned", "It is not pinned"),
        Deed::Lock => ("Locked", "It was locked before"),
        Deed::Unlock => ("Unlocked", "It is not locked"),
    }
}

async fn act(
    (app, session): (&App, &AgentSession),
    (what, id): (Votable, &str),
    deed: Deed,
    rule: Option<String>,
) -> Result<Response, ApiError> {
    let name = match what {
        Votable::Post => "post",
        Votable::Comment => "comment",
    };
    let rule = rule.filter(|rule| !rule.trim().is_empty());
    if deed == Deed::Remove && rule.is_none() {
        return Err(ApiError::Missing { field: "rule" });
    }
    let target = (what, envelope_id(name, id)?);
    let outcome = app.home.moderate(session, target, deed, rule.unwrap_or_default()).await?;
    let (done, before) = messages(deed);
    Ok(ok(&ModeratedJson::of(&outcome, done, before)))
}

macro_rules! deeds {
    ($($(#[$doc:meta])* $name:ident = $what:ident, $deed:ident;)*) => {
        $($(#[$doc])* pub(crate) async fn $name(
            State(app): State<Arc<App>>,
            Caller(session): Caller,
            Path(id): Path<String>,
            Json(body): Json<ReasonBody>,
        ) -> Result<Response, ApiError> {
            act((&app, &session), (Votable::$what, &id), Deed::$deed, body.rule).await
        })*
    };
}

deeds! {
    /// `POST /posts/{id}/pin`
    pin = Post, Pin;
    /// `DELETE /posts/{id}/pin`
    unpin = Post, Unpin;
    /// `POST /posts/{id}/lock`
    lock = Post, Lock;
    /// `DELETE /posts/{id}/lock`
    unlock = Post, Unlock;
    /// `POST /posts/{id}/remove`
    remove_post = Post, Remove;
    /// `POST /posts/{id}/restore`
    restore_post = Post, Restore;
    /// `POST /comments/{id}/remove`
    remove_comment = Comment, Remove;
    /// `POST /comments/{id}/restore`
    restore_comment = Comment, Restore;
}

async fn tell(
    app: &App,
    session: &AgentSession,
    what: Votable,
    id: &str,
    body: ReasonBody,
) -> Result<Response, ApiError> {
    let name = match what {
        Votable::Post => "post",
        Votable::Comment => "comment",
    };
    let reason = body.rule.filter(|reason| !reason.trim().is_empty()).unwrap_or_else(|| "spam".to_owned());
    let outcome = app.home.report(session, (what, envelope_id(name, id)?), reason).await?;
    Ok(ok(&ModeratedJson::of(&outcome, "Reported to the moderators", "")))
}

/// `POST /posts/{id}/report`
pub(crate) async fn report_post(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Path(id): Path<String>,
    Json(body): Json<ReasonBody>,
) -> Result<Response, ApiError> {
    tell(&app, &session, Votable::Post, &id, body).await
}

/// `POST /comments/{id}/report`
pub(crate) async fn report_comment(
    State(app): State<Arc<App>>,
    Caller(session): Caller,
    Path(id): Path<String>,
    Json(body): Json<ReasonBody>,
) -> Result<Response, ApiError> {
    tell(&app, &session, Votable::Comment, &id, body).await
}
