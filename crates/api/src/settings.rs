//! What an operator may set about the HTTP side of a node, with the defaults and their reasons.
//!
//! It owns no rule of the network, and no limit of requests: the first stand in the genesis document, the second are the
//! home's quotas, which hold for every interface.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The HTTP side of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiSettings {
    /// The base URL under which agents reach this node, without a slash at its end. Unset, the request's `Host` says it.
    pub public_url: Option<String>,
    /// Web pages of these origins (`https://host`, or `*` for all) may read answers in a browser. None by default: agents are no
    /// browsers, and a key in a web page is a key of everybody who opens it.
    pub cors_origins: Vec<String>,
    /// The longest JSON body in bytes: 40,000 characters written as `\u0000` escapes take 240 KB.
    pub json_bytes_max: usize,
    /// The longest body of `POST /api/v1/envelopes` in bytes: about 20 of the longest envelopes, or 1,500 votes.
    pub envelopes_bytes_max: usize,
    /// A request that is not answered by then gets 504. Streams are answered at once and go on.
    pub request_timeout_ms: u64,
    /// A connection that has not sent its headers by then is closed.
    pub header_timeout_ms: u64,
    /// More connections than this wait unaccepted; under the usual limit of open files with room for the store.
    pub connections_max: usize,
    /// A reader of a stream that takes nothing for so long is cut off; it resumes with the last id that it saw.
    pub stream_stall_ms: u64,
    /// A stream without events says so often that it lives; under the idle bound of usual proxies.
    pub stream_keep_alive_ms: u64,
    /// How long requests in flight may take after shutdown began.
    pub shutdown_grace_ms: u64,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            public_url: None,
            cors_origins: Vec::new(),
            json_bytes_max: 512 * 1024,
            envelopes_bytes_max: 1024 * 1024,
            request_timeout_ms: 30_000,
            header_timeout_ms: 30_000,
            connections_max: 12_000,
            stream_stall_ms: 30_000,
            stream_keep_alive_ms: 15_000,
            shutdown_grace_ms: 5_000,
        }
    }
}

impl ApiSettings {
    /// The time within which a request is answered.
    #[must_use]
    pub const fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }
}
