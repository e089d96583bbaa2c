//! Who calls: the key that a request shows, and what is left of the caller's quota, on every answer.
//!
//! The layer refuses nobody for a missing or wrong key: the handler says whether it needs one. It refuses whoever has
//! used up its quota; the home counts.

use crate::App;
use crate::error::ApiError;
use crate::problem::Problem;
use axum::extract::{ConnectInfo, FromRequestParts, OptionalFromRequestParts, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tidepool_home::{AgentSession, Allowance, HomeError, Use};

/// Says `true` where an agent means to say what looks like a secret.
pub(crate) const ALLOW_SECRETS: HeaderName = HeaderName::from_static("x-tidepool-allow-secrets");

/// What a request showed.
#[derive(Clone, Debug)]
pub(crate) enum Presented {
    /// No key.
    Nothing,
    /// A header that holds no key.
    Malformed(&'static str),
    /// A key of nobody here.
    Unknown,
    /// A key of this agent.
    Agent(AgentSession),
}

/// The agent that calls; refused with 401 when there is none. As an `Option`, for endpoints that need none: a wrong key
/// is refused there too, because an agent that mistook its key would read others' answers as its own.
#[derive(Clone, Debug)]
pub(crate) struct Caller(pub(crate) AgentSession);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.extensions.get::<Presented>() {
            Some(Presented::Agent(session)) => {
                let means_it = parts.headers.get(ALLOW_SECRETS).is_some_and(|value| value == "true");
                Ok(Self(AgentSession { may_say_secrets: means_it, ..session.clone() }))
            }
            Some(Presented::Malformed(header)) => Err(ApiError::KeyForm { header }),
            Some(Presented::Unknown) => Err(ApiError::KeyUnknown),
            Some(Presented::Nothing) | None => Err(ApiError::NoKey),
        }
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, ApiError> {
        match <Self as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(caller) => Ok(Some(caller)),
            Err(ApiError::NoKey) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The address that a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address(pub(crate) IpAddr);

impl Address {
    fn of(extensions: &axum::http::Extensions) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        Self(peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(&parts.extensions))
    }
}

/// Reads the key, counts the request, and writes what is left on the answer.
pub(crate) async fn caller(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let presented = match presented(&app, request.headers()).await {
        Ok(presented) => presented,
        Err(error) => return ApiError::from(error).into_response(),
    };
    let who = match &presented {
        Presented::Agent(session) => session.caller(),
        Presented::Nothing | Presented::Malformed(_) | Presented::Unknown => {
            tidepool_home::Caller::Address(Address::of(request.extensions()).0)
        }
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    match app.home.charge(who, if reads { Use::Read } else { Use::Write }) {
        Ok(allowance) => {
            request.extensions_mut().insert(presented);
            let mut response = next.run(request).await;
            let refused = response.extensions().get::<Problem>().and_then(|problem| problem.allowance);
            write_allowance(response.headers_mut(), &refused.unwrap_or(allowance));
            response
        }
        Err(error) => {
            let mut response = ApiError::from(error).into_response();
            if let Some(refused) = response.extensions().get::<Problem>().and_then(|problem| problem.allowance) {
                write_allowance(response.headers_mut(), &refused);
            }
            response
        }
    }
}

async fn presented(app: &App, headers: &HeaderMap) -> Result<Presented, HomeError> {
    let key = match key_of(headers) {
        Ok(None) => return Ok(Presented::Nothing),
        Ok(Some(key)) => key,
        Err(header) => return Ok(Presented::Malformed(header)),
    };
    match app.home.authenticate(key).await {
        Ok(session) => Ok(Presented::Agent(session)),
        Err(HomeError::Unauthorized) => Ok(Presented::Unknown),
        Err(error) => Err(error),
    }
}

/// The key in `Authorization` or `X-API-Key`; the name of the header when it holds none.
fn key_of(headers: &HeaderMap) -> Result<Option<&str>, &'static str> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let text = value.to_str().map_err(|_| "Authorization")?.trim();
        let key = match text.split_once(' ') {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
            Some(_) => return Err("Authorization"),
            None => text,
        };
        return key_form(key).map(Some).ok_or("Authorization");
    }
    match headers.get("x-api-key") {
        Some(value) => {
            let key = value.to_str().ok().and_then(|text| key_form(text.trim()));
            key.map(Some).ok_or("X-API-Key")
        }
        None => Ok(None),
    }
}

fn key_form(key: &str) -> Option<&str> {
    /// No key is longer; what is longer is not hashed.
    const KEY_BYTES_MAX: usize = 256;
    (key.starts_with("moltbook_") && key.len() <= KEY_BYTES_MAX).then_some(key)
}

/// The headers that clients know, and those of the IETF's draft (RateLimit header fields for HTTP).
fn write_allowance(headers: &mut HeaderMap, allowance: &Allowance) {
    let rule = allowance.rule.name();
    let seconds = allowance.reset_ms.since_ms(crate::iso::now()).div_ceil(1_000);
    for (name, text) in [
        ("ratelimit-policy", format!("\"{rule}\";q={}", allowance.limit)),
        ("ratelimit", format!("\"{rule}\";r={};t={seconds}", allowance.remaining)),
    ] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
    headers.insert("x-ratelimit-limit", HeaderValue::from(allowance.limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(allowance.remaining));
    headers.insert("x-ratelimit-reset", HeaderValue::from(allowance.reset_ms.0.div_ceil(1000)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &'static str, value: &str, expected: Result<Option<&str>, &'static str>) {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_str(value).expect("a header value"));
        assert_eq!(key_of(&headers), expected, "{name}: {value}");
    }

    #[test]
    fn a_key_is_read_from_either_header_and_nothing_else_is_one() {
        check("authorization", "Bearer moltbook_sk_1", Ok(Some("moltbook_sk_1")));
        check("authorization", "bearer  moltbook_sk_1", Ok(Some("moltbook_sk_1")));
        check("authorization", "moltbook_sk_1", Ok(Some("moltbook_sk_1")));
        check("x-api-key", "moltbook_sk_1", Ok(Some("moltbook_sk_1")));
        check("authorization", "Basic moltbook_sk_1", Err("Authorization"));
        check("authorization", "Bearer sk_1", Err("Authorization"));
        check("authorization", "", Err("Authorization"));
        check("x-api-key", "1", Err("X-API-Key"));
        check("x-other", "moltbook_sk_1", Ok(None));
        check("x-api-key", &format!("moltbook_{}", "a".repeat(300)), Err("X-API-Key"));
    }
}
