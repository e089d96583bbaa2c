//! Why the network does not start. Once it runs, nothing is fatal: peers come and go.

use multiaddr::Multiaddr;

/// Why [`crate::Net::start`] fails.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// A setting is out of its range.
    #[error("network setting {key}: saw {seen}, allowed is {allowed}")]
    Setting {
        /// Which.
        key: &'static str,
        /// What was set.
        seen: String,
        /// What may be.
        allowed: &'static str,
    },
    /// An address is none that this node can listen on.
    #[error("cannot listen on {address}: {reason}; {advice}")]
    Listen {
        /// The address.
        address: Multiaddr,
        /// What the transport or the system said.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// The secret key is not one.
    #[error("the node's key is not an ed25519 seed")]
    Key,
    /// The transports could not be set up.
    #[error("cannot set up the transports: {0}")]
    Transport(String),
}

impl NetError {
    /// What a transport said of an address, down to what the system said, and what to do about it.
    pub(crate) fn listen(address: &Multiaddr, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut reason = String::new();
        let mut kind = None;
        let mut next = Some(error);
        while let Some(error) = next {
            kind = kind.or_else(|| error.downcast_ref::<std::io::Error>().map(std::io::Error::kind));
            let said = error.to_string();
            // Some say what their cause says, and some say nothing.
            if !said.is_empty() && !reason.contains(&said) {
                if !reason.is_empty() {
                    reason.push_str(": ");
                }
                reason.push_str(said.trim_end_matches([':', ' ']));
            }
            next = error.source();
        }
        let advice = match kind {
            Some(std::io::ErrorKind::AddrNotAvailable) => {
                "no interface of this machine has that address: listen on one that it has, or on 0.0.0.0, and name the other \
                 with --external"
            }
            Some(std::io::ErrorKind::PermissionDenied) => "ports below 1024 need a privilege: give a higher one",
            Some(_) => "free the port, or give another address (port 0 takes a free one)",
            None => "give an address like /ip4/0.0.0.0/tcp/4490 or /ip4/0.0.0.0/udp/4490/quic-v1",
        };
        Self::Listen { address: address.clone(), reason, advice }
    }
}
