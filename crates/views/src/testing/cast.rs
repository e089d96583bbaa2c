//! Who plays in tests: nodes and agents with all their keys, and the operations of their identities.

use super::{T0, network, salt};
use serde_bytes::ByteBuf;
use tidepool_protocol::identity::{
    AgentCore, AgentGenesis, Change, HomeSignature, IdentityState, KeyUse, NodeCore, NodeGenesis, NodeRotate, Proposal,
    Resolve, Revoke, Rotate, WorkSubject, begin, extend, possession_proof,
};
use tidepool_protocol::{
    AgentId, AuthorId, Envelope, EnvelopeId, NodeId, PublicKey, SecretKey, Signer, TimeMs, Verified, cbor,
};

/// The secret key number `number`.
#[must_use]
pub fn secret(number: u64) -> SecretKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    SecretKey::from_seed(seed)
}

/// A node with its keys.
#[derive(Clone, Debug)]
pub struct TestNode {
    /// Its id.
    pub id: NodeId,
    /// Its signing key, which names its PeerId.
    pub key: SecretKey,
    /// Its rotation key.
    pub rotation: SecretKey,
    /// Its genesis.
    pub genesis: Verified<Envelope>,
    /// What the genesis made.
    pub state: IdentityState,
}

/// An agent with its keys.
#[derive(Clone, Debug)]
pub struct TestAgent {
    /// Its id.
    pub id: AgentId,
    /// Its signing key.
    pub key: SecretKey,
    /// Its rotation keys, highest priority first.
    pub rotation: Vec<SecretKey>,
    /// Its genesis.
    pub genesis: Verified<Envelope>,
    /// What the genesis made.
    pub state: IdentityState,
}

fn work(subject: &WorkSubject, bits: u8) -> u64 {
    subject.search(bits, 0, u64::MAX).expect("work is found at last")
}

impl TestNode {
    /// The node whose keys are number `seed` and the next.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let network = network();
        let (key, rotation) = (secret(seed), secret(seed + 1));
        let core = NodeCore { keys: vec![key.public_key()], rotation: vec![rotation.public_key()], random: salt(seed) };
        let id = core.id();
        let proofs = [&key, &rotation].map(|key| possession_proof(network.id(), id.into(), key)).to_vec();
        let subject = WorkSubject::genesis(network.id(), id.into());
        let nonce = work(&subject, network.params.node_work_bits);
        let body = NodeGenesis { core: ByteBuf::from(cbor::encode(&core)), proofs, nonce };
        let genesis = body.draft(network.id(), T0).sign(&rotation);
        let state = begin(&genesis, &network.params).expect("a genesis with all its proofs holds");
        Self { id, key, rotation, genesis, state }
    }

    /// A new signing key, in place of its first one; and the state that makes.
    #[must_use]
    pub fn rotate(&self, key: &SecretKey, time_ms: TimeMs) -> (Verified<Envelope>, IdentityState) {
        let network = network();
        let proofs = [key, &self.rotation].map(|key| possession_proof(network.id(), self.id.into(), key)).to_vec();
        let (keys, rotation) = (vec![key.public_key()], vec![self.rotation.public_key()]);
        let change = Change::NodeRotate(NodeRotate { keys, rotation, proofs });
        let proposal = Proposal::new(network.id(), &self.state, &change);
        let nonce = work(&proposal.work(time_ms), network.params.node_work_bits);
        let envelope = proposal.draft(time_ms, nonce).sign(&self.rotation);
        let next = extend(&self.state, &envelope, &network.params).expect("an operation with all its proofs holds");
        (envelope, next)
    }

    /// Its word that it takes `agent` in.
    #[must_use]
    pub fn word(&self, agent: AgentId) -> HomeSignature {
        HomeSignature::by(&self.key, self.state.operation, network().id(), agent)
    }
}

impl TestAgent {
    /// The agent `handle` at home at `node`, with keys from number `seed` on: its signing key, then `rotation_keys`
    /// rotation keys.
    #[must_use]
    pub fn new(seed: u64, handle: &str, node: &TestNode, rotation_keys: u64) -> Self {
        let network = network();
        let key = secret(seed);
        let rotation: Vec<_> = (1..=rotation_keys).map(|next| secret(seed + next)).collect();
        let core = AgentCore {
            signing: vec![KeyUse::unrestricted(key.public_key())],
            rotation: rotation.iter().map(Signer::public_key).collect(),
            home: node.id,
            handle: handle.to_owned(),
            random: salt(seed),
        };
        let id = core.id();
        let keys = std::iter::once(&key).chain(&rotation);
        let proofs = keys.map(|key| possession_proof(network.id(), id.into(), key)).collect();
        let subject = WorkSubject::genesis(network.id(), id.into());
        let nonce = work(&subject, network.params.agent_work_bits);
        let body = AgentGenesis { core: ByteBuf::from(cbor::encode(&core)), proofs, home: node.word(id), nonce };
        let genesis = body.draft(network.id(), T0).sign(&rotation[0]);
        let state = begin(&genesis, &network.params).expect("a genesis with all its proofs holds");
        Self { id, key, rotation, genesis, state }
    }

    /// Its id as an author's.
    #[must_use]
    pub fn author(&self) -> AuthorId {
        self.id.into()
    }

    /// An operation that changes `state`, signed by `signer`, `cosigners` agreeing; and the state it makes.
    #[must_use]
    pub fn operation(
        &self,
        state: &IdentityState,
        change: &Change,
        signer: &SecretKey,
        cosigners: &[&SecretKey],
        time_ms: TimeMs,
    ) -> (Verified<Envelope>, IdentityState) {
        let network = network();
        let proposal = Proposal::new(network.id(), state, change);
        let proposal = cosigners.iter().fold(proposal, |proposal, key| proposal.cosigned(*key));
        let nonce = work(&proposal.work(time_ms), network.params.agent_work_bits);
        let envelope = proposal.draft(time_ms, nonce).sign(signer);
        let next = extend(state, &envelope, &network.params).expect("an operation with all its proofs holds");
        (envelope, next)
    }

    /// New keys.
    #[must_use]
    pub fn rotate(&self, signing: &[&SecretKey], rotation: &[&SecretKey]) -> Change {
        let keys = signing.iter().chain(rotation);
        let proofs = keys.map(|key| possession_proof(network().id(), self.author(), *key)).collect();
        Change::Rotate(Rotate {
            signing: signing.iter().map(|key| KeyUse::unrestricted(key.public_key())).collect(),
            rotation: rotation.iter().map(|key| key.public_key()).collect(),
            proofs,
        })
    }

    /// Closed keys.
    #[must_use]
    pub fn revoke(&self, keys: &[PublicKey]) -> Change {
        Change::Revoke(Revoke { keys: keys.to_vec() })
    }

    /// The end of a freeze.
    #[must_use]
    pub fn resolve(&self, stands: EnvelopeId) -> Change {
        Change::Resolve(Resolve { stands })
    }
}
