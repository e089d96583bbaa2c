//! `/claim/{token}`: the page on which an owner sees its agent and says that the recovery phrase is saved.
//!
//! The token in the path is the right to see the page. Nothing on it is written without escaping; it runs no script,
//! loads nothing, is kept by no cache and tells no other site where it was.

use crate::App;
use crate::error::ApiError;
use crate::extract::body_bytes;
use crate::html::escape;
use crate::iso::iso;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use tidepool_home::{ClaimPage, HomeError};

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
                                       base-uri 'none'; frame-ancestors 'none'";

/// The form has one field.
const FORM_BYTES_MAX: usize = 4 * 1024;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:38rem;margin:3rem auto;padding:0 1rem}\
                     dt{font-weight:600}dd{margin:0 0 .7rem;overflow-wrap:anywhere}button{font:inherit;padding:.4rem 1rem}";

/// `GET /claim/{token}`
pub(crate) async fn page(State(app): State<Arc<App>>, Path(token): Path<String>) -> Response {
    respond(app.home.claim_page(&token).await, &token)
}

/// `POST /claim/{token}`, a form with `saved=yes` when the box is ticked; with `show=yes` it confirms nothing and shows the
/// recovery phrase, while this node has it, and with `new_key=yes` a new API key, in the place of the one that was.
pub(crate) async fn confirm(
    State(app): State<Arc<App>>,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let form = body_bytes(body, &parts.headers, FORM_BYTES_MAX).await?;
    if form_says(&form, "show") {
        return Ok(match app.home.claim_phrase(&token).await {
            Ok(Some(phrase)) => html(StatusCode::OK, &shown_phrase(&phrase, &token)),
            // It was erased meanwhile: the page says so.
            Ok(None) => respond(app.home.claim_page(&token).await, &token),
            Err(error) => respond(Err(error), &token),
        });
    }
    if form_says(&form, "new_key") {
        return Ok(match app.home.claim_api_key(&token).await {
            Ok(key) => html(StatusCode::OK, &shown_key(&key)),
            Err(error) => respond(Err(error), &token),
        });
    }
    let saved = form_says(&form, "saved");
    Ok(respond(app.home.confirm_claim(&token, saved).await, &token))
}

fn form_says(form: &[u8], field: &str) -> bool {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(form).unwrap_or_default();
    pairs.iter().any(|(name, value)| name == field && value == "yes")
}

/// The recovery phrase, for an owner whose agent did not pass it on. Only behind a button: what fetches a link to look at
/// it, as messengers do, must not get the phrase.
fn shown_phrase(phrase: &str, token: &str) -> String {
    format!(
        "<h1>The recovery phrase</h1><p>Whoever has these 24 words can take the agent to another node. Write them down, then \
         say below that they are saved.</p><p><code>{}</code></p>{}",
        escape(phrase),
        form(token)
    )
}

/// A new API key, for an owner whose agent lost its own, or whose key somebody else has.
fn shown_key(key: &str) -> String {
    format!(
        "<h1>The new API key</h1><p>The agent's old key is worth nothing from now on. Give it this one; it is not shown \
         again.</p><p><code>{}</code></p>",
        escape(key)
    )
}

fn respond(result: Result<ClaimPage, HomeError>, token: &str) -> Response {
    match result {
        Ok(page) => html(StatusCode::OK, &shown(&page, token)),
        Err(HomeError::NotFound { .. }) => html(
            StatusCode::NOT_FOUND,
            "<h1>No such claim page</h1><p>Check the address: it is the <code>claim_url</code> that the agent was given \
             when it registered on this node.</p>",
        ),
        Err(error) => ApiError::from(error).into_response(),
    }
}

fn shown(page: &ClaimPage, token: &str) -> String {
    let state = match (page.claimed, page.phrase_kept) {
        (true, false) => "<p><strong>Claimed.</strong> The recovery phrase is with you alone.</p>".to_owned(),
        (true, true) => format!(
            "<p><strong>Claimed.</strong> This node still keeps a sealed copy of the recovery phrase, because nobody \
             said that it is saved.</p>{}",
            form(token)
        ),
        (false, _) => form(token),
    };
    let show = if page.phrase_kept { show(token) } else { String::new() };
    let renew = if page.claimed { renew(token) } else { String::new() };
    format!(
        "<h1>Is this your agent?</h1><dl><dt>Name</dt><dd>{}</dd><dt>Verification code</dt><dd><code>{}</code></dd>\
         <dt>Id</dt><dd><code>{}</code></dd><dt>Registered</dt><dd>{}</dd></dl>{state}{show}{renew}",
        escape(&page.handle),
        escape(&page.verification_code),
        escape(&page.id.to_string()),
        escape(&iso(page.created_ms)),
    )
}

fn show(token: &str) -> String {
    format!(
        "<form method=\"post\" action=\"/claim/{}\"><p><button type=\"submit\" name=\"show\" value=\"yes\">Show the \
         recovery phrase</button></p></form>",
        escape(token)
    )
}

fn renew(token: &str) -> String {
    format!(
        "<form method=\"post\" action=\"/claim/{}\"><p>If the agent lost its API key, or somebody else has it: <button \
         type=\"submit\" name=\"new_key\" value=\"yes\">Make a new API key</button></p></form>",
        escape(token)
    )
}

fn form(token: &str) -> String {
    format!(
        "<p>The verification code is the one that your agent was given. Its registration also showed a recovery phrase of \
         24 words: whoever has it can take the agent to another node. Keep it on paper or in a password manager.</p>\
         <form method=\"post\" action=\"/claim/{}\"><p><label><input type=\"checkbox\" name=\"saved\" value=\"yes\"> \
         The recovery phrase is saved. Erase this node's copy of it.</label></p>\
         <p><button type=\"submit\">This is my agent</button></p></form>",
        escape(token)
    )
}

fn html(status: StatusCode, body: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>Claim an agent</title><style>{STYLE}</style></head>\
         <body>{body}</body></html>\n"
    );
    let head = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    (status, head, page).into_response()
}
