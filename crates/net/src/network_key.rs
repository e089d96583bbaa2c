//! The key of a private network: 32 bytes that all its nodes share. Whoever does not have it cannot finish a handshake,
//! and learns nothing but that something listens.

use libp2p::pnet::PreSharedKey;
use std::fmt;
use std::str::FromStr;

/// A private network's key, in the format of go-libp2p's `swarm.key`:
///
/// ```text
/// /key/swarm/psk/1.0.0/
/// /base16/
/// <64 hexadecimal digits>
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NetworkKey(pub(crate) PreSharedKey);

/// Why a text is no network key. It never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not three lines: /key/swarm/psk/1.0.0/, /base16/, and 64 hexadecimal digits")]
pub struct NetworkKeyError;

impl NetworkKey {
    /// What two nodes may compare in the open to see whether they have the same key.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint().to_string()
    }
}

impl FromStr for NetworkKey {
    type Err = NetworkKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| NetworkKeyError)
    }
}

impl fmt::Debug for NetworkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkKey({})", self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_and_never_shown() {
        let secret = "5a".repeat(32);
        let text = format!("/key/swarm/psk/1.0.0/\n/base16/\n{secret}\n");
        let key: NetworkKey = text.parse().expect("a key");
        assert!(!format!("{key:?}").contains(&secret));
        assert_eq!(key.fingerprint().len(), 32);
        for wrong in ["", "key", &text.replace("16", "64"), &text.replace("5a5a", "5a"), &text.replace("5a5a", "zz5a")]
        {
            assert_eq!(wrong.parse::<NetworkKey>(), Err(NetworkKeyError), "{wrong}");
        }
    }
}
