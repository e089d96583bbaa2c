//! One step of an identity's chain: what a genesis makes, and what an operation makes of the state that it extends.

use super::core::{
    AgentCore, AgentGenesis, HomeSignature, KeyUse, NodeCore, NodeGenesis, home_message, possession_message,
};
use super::operation::{Change, MoveHome, OperationBody, cosign_message};
use super::work::{OperationContent, WorkSubject, work_bits};
use crate::cbor::{self, CborError};
use crate::envelope::{Envelope, Verified};
use crate::ids::{AgentId, AuthorId, EnvelopeId, NetworkId, NodeId, PublicKey, Signature};
use crate::kind::{Group, Kind};
use crate::limits::{BODY_BYTES_MAX, CHAIN_OPS_BASE, HANDLE_CHARS_MAX, HANDLE_CHARS_MIN, IDENTITY_KEYS_MAX};
use crate::network::NetworkParams;
use crate::scope::Scope;
use crate::signer::{Domain, verify_signature};
use crate::time::TimeMs;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};
use std::cmp::Reverse;

/// What an identity is after one operation of its chain. Never changes: another operation makes another state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct IdentityState {
    /// Whose.
    pub author: AuthorId,
    /// Whether the author is a node.
    pub is_node: bool,
    /// The operation after which it is so.
    pub operation: EnvelopeId,
    /// That operation's place in the chain.
    pub chain_seq: u64,
    /// When the genesis says it was signed.
    pub genesis_ms: TimeMs,
    /// When this operation says it was signed.
    pub time_ms: TimeMs,
    /// The keys that sign.
    pub signing: Vec<KeyUse>,
    /// The keys that rotate, highest priority first.
    pub rotation: Vec<PublicKey>,
    /// The agent's home; `None` for a node.
    pub home: Option<NodeId>,
    /// The agent's handle; empty for a node.
    pub handle: String,
    /// Where the chain ends: at an unknown critical operation, whose meaning a newer version knows, or at a resolve,
    /// which hands on to the operation that it names. No key is listed then, and nothing extends this state.
    pub ended_by: Option<Kind>,
}

impl IdentityState {
    /// Whether `key` may sign kinds of `group`: a signing key within its limits, or any rotation key.
    #[must_use]
    pub fn lists(&self, key: &PublicKey, group: Group) -> bool {
        self.rotation.contains(key) || self.signing.iter().any(|entry| entry.key == *key && entry.allows(group))
    }

    /// The priority of a rotation key, 0 the highest.
    #[must_use]
    pub fn priority(&self, key: &PublicKey) -> Option<usize> {
        self.rotation.iter().position(|rotation| rotation == key)
    }
}

/// Why an identity operation is not admissible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Its body or core is not of the form that its kind has.
    #[error("the identity operation's body does not fit its kind: {0}")]
    Form(#[from] CborError),
    /// Its body is not there.
    #[error("an identity operation without its body")]
    NoBody,
    /// It is of a kind that is no operation of such an identity.
    #[error("{0:?} does not belong in this chain")]
    Kind(Kind),
    /// Author, scope, epoch, seq, prev or auth are not what such an operation has.
    #[error("the header's {0} is not what an identity operation has")]
    Header(&'static str),
    /// The author is not the hash of the core.
    #[error("the author is not the hash of the core")]
    NotTheCore,
    /// Too few or too many keys, or one twice.
    #[error("the keys are not 1 to {IDENTITY_KEYS_MAX} different ones of each sort")]
    Keys,
    /// The handle is out of form.
    #[error("handle {0:?} is not {HANDLE_CHARS_MIN} to {HANDLE_CHARS_MAX} of A-Za-z0-9_-")]
    Handle(String),
    /// A proof of possession is missing or wrong.
    #[error("no valid proof that the author holds {0}")]
    Possession(PublicKey),
    /// The home's signature is not of a key of the node it names.
    #[error("the home's signature is not of a key of that node")]
    Home,
    /// Too little work.
    #[error("work of {seen} bits, the network asks for {needed}")]
    Work {
        /// What was done.
        seen: u32,
        /// What must be.
        needed: u8,
    },
    /// It is not signed by a key that may sign it.
    #[error("signed by {0}, which is no rotation key of the state it extends")]
    Signer(PublicKey),
    /// Its place in the chain is wrong, or the chain is longer than its age allows.
    #[error("place {seen} in the chain, where {expected} is next and {allowed} are allowed by now")]
    ChainSeq {
        /// What it says.
        seen: u64,
        /// What is next.
        expected: u64,
        /// How many the identity's age allows.
        allowed: u64,
    },
    /// It claims an earlier time than what it extends.
    #[error("signed before the operation that it extends")]
    Time,
    /// A cosignature is wrong or not of a rotation key.
    #[error("a cosignature of {0} that does not hold")]
    Cosignature(PublicKey),
    /// It extends, or an envelope names as its `auth`, an operation at which its chain ends.
    #[error("the chain ends at an operation of {0:?}; a newer version may know how it goes on")]
    Ended(Kind),
    /// It closes a key that is not listed.
    #[error("closes {0}, which the state does not list")]
    NotListed(PublicKey),
}

/// The state that a genesis makes.
///
/// Of an agent's, this is half: its home's word, which [`home_word`] reads, must pass [`check_home`] against the node's
/// state before the genesis is admitted.
///
/// # Errors
/// What of the genesis is not admissible.
pub fn begin(genesis: &Verified<Envelope>, params: &NetworkParams) -> Result<IdentityState, IdentityError> {
    let header = genesis.header();
    let body = genesis.body().ok_or(IdentityError::NoBody)?;
    if header.auth != EnvelopeId::ZERO {
        return Err(IdentityError::Header("auth"));
    }
    check_header(genesis)?;
    let subject = WorkSubject::genesis(header.network, header.author);
    let mut state = IdentityState {
        author: header.author,
        is_node: header.kind == Kind::NODE_GENESIS,
        operation: genesis.id(),
        chain_seq: 0,
        genesis_ms: header.time_ms,
        time_ms: header.time_ms,
        signing: Vec::new(),
        rotation: Vec::new(),
        home: None,
        handle: String::new(),
        ended_by: None,
    };
    let (nonce, needed, proofs) = match header.kind {
        Kind::GENESIS => {
            let genesis: AgentGenesis = cbor::decode(body, BODY_BYTES_MAX)?;
            let core: AgentCore = cbor::decode(&genesis.core, BODY_BYTES_MAX)?;
            if AuthorId::from(core.id()) != header.author {
                return Err(IdentityError::NotTheCore);
            }
            check_handle(&core.handle)?;
            state.signing = core.signing;
            state.rotation = core.rotation;
            state.home = Some(core.home);
            state.handle = core.handle;
            (genesis.nonce, params.agent_work_bits, genesis.proofs)
        }
        Kind::NODE_GENESIS => {
            let genesis: NodeGenesis = cbor::decode(body, BODY_BYTES_MAX)?;
            let core: NodeCore = cbor::decode(&genesis.core, BODY_BYTES_MAX)?;
            if AuthorId::from(core.id()) != header.author {
                return Err(IdentityError::NotTheCore);
            }
            state.signing = core.keys.into_iter().map(KeyUse::unrestricted).collect();
            state.rotation = core.rotation;
            (genesis.nonce, params.node_work_bits, genesis.proofs)
        }
        other => return Err(IdentityError::Kind(other)),
    };
    check_work(&subject, nonce, needed)?;
    check_keys(&state)?;
    if state.priority(&header.key).is_none() {
        return Err(IdentityError::Signer(header.key));
    }
    check_possession(header.network, &state, &proofs)?;
    Ok(state)
}

/// The state that `operation` makes of `state`.
///
/// Of a move, this is half: the new home's word, which [`home_word`] reads, must pass [`check_home`] against the node's
/// state before the operation is admitted. An operation of a kind that this version does not know is admitted when all
/// but its change holds; a critical one ends the chain here, another one changes nothing.
///
/// # Errors
/// What of the operation is not admissible in a chain at `state`.
pub fn extend(
    state: &IdentityState,
    operation: &Verified<Envelope>,
    params: &NetworkParams,
) -> Result<IdentityState, IdentityError> {
    let header = operation.header();
    let body = operation.body().ok_or(IdentityError::NoBody)?;
    check_header(operation)?;
    if header.author != state.author {
        return Err(IdentityError::Header("author"));
    }
    if header.auth != state.operation {
        return Err(IdentityError::Header("auth"));
    }
    if !header.kind.is_identity_operation() || header.kind.is_genesis() {
        return Err(IdentityError::Kind(header.kind));
    }
    if let Some(kind) = state.ended_by {
        return Err(IdentityError::Ended(kind));
    }
    if state.priority(&header.key).is_none() {
        return Err(IdentityError::Signer(header.key));
    }
    if header.time_ms < state.time_ms {
        return Err(IdentityError::Time);
    }
    let body: OperationBody = cbor::decode(body, BODY_BYTES_MAX)?;
    let expected = state.chain_seq + 1;
    let allowed = CHAIN_OPS_BASE + header.time_ms.since_ms(state.genesis_ms) / (24 * 60 * 60 * 1000);
    if body.chain_seq != expected || body.chain_seq > allowed {
        return Err(IdentityError::ChainSeq { seen: body.chain_seq, expected, allowed });
    }
    let needed = if state.is_node { params.node_work_bits } else { params.agent_work_bits };
    let content = OperationContent {
        auth: header.auth,
        time_ms: header.time_ms,
        kind: header.kind,
        chain_seq: body.chain_seq,
        change: &body.change,
        cosigners: &body.cosigners,
    };
    check_work(&WorkSubject::operation(header.network, header.author, &content), body.nonce, needed)?;
    check_cosigners(state, operation, &body)?;
    let mut next = state.clone();
    next.operation = operation.id();
    next.chain_seq = body.chain_seq;
    next.time_ms = header.time_ms;
    match Change::decode(header.kind, &body.change)? {
        Some(change) => apply(&mut next, change, header.network, header.kind)?,
        None if header.kind.is_critical() => end(&mut next, header.kind),
        None => {}
    }
    Ok(next)
}

fn end(state: &mut IdentityState, kind: Kind) {
    state.signing.clear();
    state.rotation.clear();
    state.ended_by = Some(kind);
}

fn apply(state: &mut IdentityState, change: Change, network: NetworkId, kind: Kind) -> Result<(), IdentityError> {
    match change {
        Change::Rotate(rotate) if !state.is_node => {
            state.signing = rotate.signing;
            state.rotation = rotate.rotation;
            check_keys(state)?;
            check_possession(network, state, &rotate.proofs)
        }
        Change::NodeRotate(rotate) if state.is_node => {
            state.signing = rotate.keys.into_iter().map(KeyUse::unrestricted).collect();
            state.rotation = rotate.rotation;
            check_keys(state)?;
            check_possession(network, state, &rotate.proofs)
        }
        Change::Revoke(revoke) => {
            for key in &revoke.keys {
                let before = state.signing.len() + state.rotation.len();
                state.signing.retain(|entry| entry.key != *key);
                state.rotation.retain(|rotation| rotation != key);
                if state.signing.len() + state.rotation.len() == before {
                    return Err(IdentityError::NotListed(*key));
                }
            }
            // Without a rotation key nothing could ever follow; without a signing key an agent is only silent.
            if state.rotation.is_empty() { Err(IdentityError::Keys) } else { Ok(()) }
        }
        Change::MoveHome(moved) if !state.is_node => {
            state.home = Some(moved.home);
            Ok(())
        }
        Change::Resolve(_) => {
            end(state, kind);
            Ok(())
        }
        Change::Rotate(_) | Change::NodeRotate(_) | Change::MoveHome(_) => Err(IdentityError::Kind(kind)),
    }
}

/// The home that an admissible operation names for its agent, and that home's word: of a genesis or a move; `None` of any
/// other operation. What it returns must pass [`check_home`] before the operation is admitted.
///
/// # Errors
/// When the body is missing or does not fit its kind.
pub fn home_word(operation: &Verified<Envelope>) -> Result<Option<(NodeId, HomeSignature)>, IdentityError> {
    let body = operation.body().ok_or(IdentityError::NoBody)?;
    match operation.header().kind {
        Kind::GENESIS => {
            let genesis: AgentGenesis = cbor::decode(body, BODY_BYTES_MAX)?;
            let core: AgentCore = cbor::decode(&genesis.core, BODY_BYTES_MAX)?;
            Ok(Some((core.home, genesis.home)))
        }
        Kind::MOVE_HOME => {
            let body: OperationBody = cbor::decode(body, BODY_BYTES_MAX)?;
            let moved: MoveHome = cbor::decode(&body.change, BODY_BYTES_MAX)?;
            Ok(Some((moved.home, moved.signature)))
        }
        _ => Ok(None),
    }
}

/// How an operation stands against others that extend the same state: the greater wins, equals freeze the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rank {
    /// Whether the signer and the cosigners together are more than half of the state's rotation keys.
    pub majority: bool,
    /// The priority of the signer: the index of its key among the rotation keys, so 0 is the greatest.
    pub priority: Reverse<usize>,
}

/// The rank of `operation`, which [`extend`] admitted, among those that extend `state`.
///
/// # Errors
/// When the body is missing or of another form, or the signer is no rotation key of `state`.
pub fn rank(state: &IdentityState, operation: &Verified<Envelope>) -> Result<Rank, IdentityError> {
    let key = operation.header().key;
    let body: OperationBody = cbor::decode(operation.body().ok_or(IdentityError::NoBody)?, BODY_BYTES_MAX)?;
    let priority = state.priority(&key).ok_or(IdentityError::Signer(key))?;
    let agreed = body.cosigners.len() + 1;
    Ok(Rank { majority: agreed * 2 > state.rotation.len(), priority: Reverse(priority) })
}

/// Checks a home's word for `agent` against the state that the operation it names made of the node.
///
/// # Errors
/// When the state is not that of the named operation and node, or the signature does not hold.
pub fn check_home(
    network: NetworkId,
    agent: AgentId,
    home: NodeId,
    word: &HomeSignature,
    node: &IdentityState,
) -> Result<(), IdentityError> {
    let holds = node.is_node
        && node.author == AuthorId::from(home)
        && node.operation == word.node_auth
        && node.signing.iter().any(|entry| entry.key == word.key)
        && verify_signature(&word.key, Domain::Home, &home_message(network, agent), &word.signature);
    if holds { Ok(()) } else { Err(IdentityError::Home) }
}

fn check_header(operation: &Verified<Envelope>) -> Result<(), IdentityError> {
    let header = operation.header();
    if header.scope != Scope::Identity(header.author) {
        return Err(IdentityError::Header("scope"));
    }
    if header.epoch.0 != 0 || header.seq != 0 || header.prev.is_some() {
        return Err(IdentityError::Header("epoch, seq or prev"));
    }
    Ok(())
}

fn check_handle(handle: &str) -> Result<(), IdentityError> {
    let fits = (HANDLE_CHARS_MIN..=HANDLE_CHARS_MAX).contains(&handle.len())
        && handle.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if fits { Ok(()) } else { Err(IdentityError::Handle(handle.chars().take(64).collect())) }
}

fn check_keys(state: &IdentityState) -> Result<(), IdentityError> {
    let mut keys: Vec<_> = state.signing.iter().map(|entry| entry.key).chain(state.rotation.iter().copied()).collect();
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    let allowed = 1..=IDENTITY_KEYS_MAX;
    let fits = allowed.contains(&state.signing.len()) && allowed.contains(&state.rotation.len()) && keys.len() == count;
    if fits { Ok(()) } else { Err(IdentityError::Keys) }
}

fn check_possession(network: NetworkId, state: &IdentityState, proofs: &[Signature]) -> Result<(), IdentityError> {
    let keys: Vec<_> = state.signing.iter().map(|entry| entry.key).chain(state.rotation.iter().copied()).collect();
    if keys.len() != proofs.len() {
        return Err(IdentityError::Keys);
    }
    for (key, proof) in keys.iter().zip(proofs) {
        let message = possession_message(network, state.author, *key);
        if !verify_signature(key, Domain::Possess, &message, proof) {
            return Err(IdentityError::Possession(*key));
        }
    }
    Ok(())
}

fn check_work(subject: &WorkSubject, nonce: u64, needed: u8) -> Result<(), IdentityError> {
    let seen = work_bits(subject, nonce);
    if seen >= u32::from(needed) { Ok(()) } else { Err(IdentityError::Work { seen, needed }) }
}

fn check_cosigners(
    state: &IdentityState,
    operation: &Verified<Envelope>,
    body: &OperationBody,
) -> Result<(), IdentityError> {
    let header = operation.header();
    let message = cosign_message(header.network, header.author, header.auth, body.chain_seq, header.kind, &body.change);
    for (index, cosigner) in body.cosigners.iter().enumerate() {
        let key = cosigner.key;
        let repeated = key == header.key || body.cosigners[..index].iter().any(|earlier| earlier.key == key);
        let holds = !repeated
            && state.rotation.contains(&key)
            && verify_signature(&key, Domain::Cosign, &message, &cosigner.signature);
        if !holds {
            return Err(IdentityError::Cosignature(key));
        }
    }
    Ok(())
}
