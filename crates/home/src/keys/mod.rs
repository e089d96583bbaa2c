//! Keys: the node's own, in one file, and those of the agents that leave signing to it, sealed in the store.

mod custody;
mod file;
mod genesis;
mod seal;
#[cfg(test)]
mod tests;

pub use custody::CustodyKeys;
pub use file::{NodeKeyError, write_private};
pub use genesis::node_genesis;
pub(crate) use seal::{SealPurpose, SealingKey};

use crate::ports::Random;
use std::path::Path;
use tidepool_protocol::body::{Head, checkpoint_message};
use tidepool_protocol::identity::{HomeSignature, NodeCore};
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{AgentId, EnvelopeId, NetworkId, NodeId, PublicKey, Salt, SecretKey, Signer, TimeMs};
use zeroize::Zeroizing;

/// Everything that makes a node this node. Never shown, wiped when dropped.
pub struct NodeKeys {
    signing: SecretKey,
    rotation: SecretKey,
    sealing: SealingKey,
    random: Salt,
    created_ms: TimeMs,
}

impl NodeKeys {
    /// Reads the key file at `path`, or makes one when there is none: created whole and with mode 0600.
    ///
    /// # Errors
    /// When others may read the file, when it is not whole, or when the file system fails.
    pub fn load_or_create(path: &Path, now: TimeMs, random: &dyn Random) -> Result<Self, NodeKeyError> {
        file::load_or_create(path, now, random)
    }

    /// New keys, in memory only.
    #[must_use]
    pub fn generate(now: TimeMs, random: &dyn Random) -> Self {
        let seed = || {
            let mut seed = Zeroizing::new([0; 32]);
            random.fill(&mut *seed);
            seed
        };
        let mut salt = [0; 16];
        random.fill(&mut salt);
        Self {
            signing: SecretKey::from_seed(*seed()),
            rotation: SecretKey::from_seed(*seed()),
            sealing: SealingKey::new(seed()),
            random: Salt(salt),
            created_ms: now,
        }
    }

    /// The key that signs for the node; also its libp2p key, so that it names the PeerId.
    #[must_use]
    pub const fn signing(&self) -> &SecretKey {
        &self.signing
    }

    /// The key that signs the node's identity operations.
    #[must_use]
    pub const fn rotation(&self) -> &SecretKey {
        &self.rotation
    }

    /// The public half of [`NodeKeys::signing`].
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.signing.public_key()
    }

    /// The core of the node's identity, always the same for one key file.
    #[must_use]
    pub fn core(&self) -> NodeCore {
        NodeCore {
            keys: vec![self.signing.public_key()],
            rotation: vec![self.rotation.public_key()],
            random: self.random,
        }
    }

    /// The node's identity.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        self.core().id()
    }

    /// The node's word that it takes `agent` in. `node_auth` is the operation that lists its key.
    #[must_use]
    pub fn home_signature(&self, network: NetworkId, agent: AgentId, node_auth: EnvelopeId) -> HomeSignature {
        HomeSignature::by(&self.signing, node_auth, network, agent)
    }

    /// The node's word on the heads that a checkpoint of `agent` lists, at the time at which it is signed.
    #[must_use]
    pub fn checkpoint_signature(
        &self,
        network: NetworkId,
        agent: AgentId,
        node_auth: EnvelopeId,
        (time_ms, heads): (TimeMs, &[Head]),
    ) -> HomeSignature {
        let message = checkpoint_message(network, agent.into(), time_ms, heads);
        let signature = self.signing.sign(Domain::Checkpoint, &message);
        HomeSignature { node_auth, key: self.public_key(), signature }
    }

    pub(crate) const fn sealing(&self) -> &SealingKey {
        &self.sealing
    }

    pub(crate) const fn created_ms(&self) -> TimeMs {
        self.created_ms
    }
}

impl std::fmt::Debug for NodeKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NodeKeys(of {})", self.public_key())
    }
}
