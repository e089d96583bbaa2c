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
    #[error("cannot listen on {address}: {reason}; free the port, or give another address (port 0 takes a free one)")]
    Listen {
        /// The address.
        address: Multiaddr,
        /// What the transport or the system said.
        reason: String,
    },
    /// The secret key is not one.
    #[error("the node's key is not an ed25519 seed")]
    Key,
    /// The transports could not be set up.
    #[error("cannot set up the transports: {0}")]
    Transport(String),
}
