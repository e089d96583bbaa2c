//! The address under which a client reaches this node: what the operator set, else what the request's `Host` says.
//!
//! It stands in claim links and skill files. `Host` is the client's own word and is echoed to that client only; still,
//! what is no host and port is not echoed.

use crate::App;
use axum::extract::FromRequestParts;
use axum::http::header::HOST;
use axum::http::request::Parts;
use std::convert::Infallible;
use std::sync::Arc;

/// The longest host that is echoed: a DNS name has at most 253 characters, a port six more.
const HOST_BYTES_MAX: usize = 260;

/// `http(s)://host:port`, without a slash at its end.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrl(pub(crate) String);

impl FromRequestParts<Arc<App>> for BaseUrl {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        if let Some(url) = &app.settings.public_url {
            return Ok(Self(url.trim_end_matches('/').to_owned()));
        }
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
        Ok(Self(format!("http://{}", host.unwrap_or("localhost"))))
    }
}

fn is_host(host: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']' | b'_');
    !host.is_empty() && host.len() <= HOST_BYTES_MAX && host.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::is_host;

    #[test]
    fn only_hosts_are_echoed() {
        for host in ["localhost", "127.0.0.1:8080", "[::1]:80", "tide.example.org"] {
            assert!(is_host(host), "{host}");
        }
        for host in ["", "a b", "a\"><script>", "a/b", "a?b", "a`b`", &"a".repeat(300)] {
            assert!(!is_host(host), "{host}");
        }
    }
}
