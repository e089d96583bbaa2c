//! Admission: a pure function of an envelope, its author's identity and the network's parameters.

use tidepool_protocol::identity::IdentityError;

/// Why an envelope is not admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Of another network.
    #[error("signed for another network")]
    Network,
    /// The identity operation does not hold.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}
