//! Where the API listens: a host and a port, as people write them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// `HOST:PORT`: an IP address or a name that the system looks up when the node starts, and a port; 0 takes a free one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApiAddress(String);

/// A text is no such address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no host and port; write them like 127.0.0.1:4480, [::1]:4480 or localhost:4480")]
pub struct ApiAddressError(String);

impl ApiAddress {
    /// As it is looked up and listened on.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ApiAddress {
    type Err = ApiAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |host: &str| {
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            !host.is_empty() && host.len() <= 253 && host.bytes().all(letter)
        };
        let is_named = text.rsplit_once(':').is_some_and(|(host, port)| is_name(host) && port.parse::<u16>().is_ok());
        if is_named || text.parse::<SocketAddr>().is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err(ApiAddressError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for ApiAddress {
    type Error = ApiAddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ApiAddress> for String {
    fn from(address: ApiAddress) -> Self {
        address.0
    }
}

impl From<SocketAddr> for ApiAddress {
    fn from(address: SocketAddr) -> Self {
        Self(address.to_string())
    }
}

impl From<([u8; 4], u16)> for ApiAddress {
    fn from(address: ([u8; 4], u16)) -> Self {
        SocketAddr::from(address).into()
    }
}

impl fmt::Display for ApiAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_and_names_are_taken_with_a_port_only() {
        for text in ["127.0.0.1:4480", "[::1]:0", "localhost:4480", "node-1.example.org:65535"] {
            assert_eq!(text.parse::<ApiAddress>().unwrap().as_str(), text);
        }
        for text in
            ["", "localhost", ":4480", "localhost:", "localhost:65536", "::1:4480", "a b:1", "http://a:1", "[::1]"]
        {
            let refused = text.parse::<ApiAddress>().unwrap_err().to_string();
            assert!(refused.contains("localhost:4480"), "{refused}");
        }
    }
}
