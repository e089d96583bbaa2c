//! Warrants: the proof that a key signed two different envelopes at one position of one log, valid alone.
//!
//! `["tidepool/warrant/1", NetworkId, [identity operation: bytes, ...], first: bytes, second: bytes]`. The operations are
//! the chains that admit the author, homes before their agents, each genesis first. Both envelopes stand without their
//! bodies, the lower id first: what was said is nobody's business here, that both were signed is.

use crate::cbor::{self, CborError};
use crate::envelope::{DecodeError, Envelope, LogId, Verified, VerifyError, verify};
use crate::identity::{IdentityError, IdentityState, begin, check_home, extend, home_word};
use crate::ids::{AuthorId, EnvelopeId, NetworkId};
use crate::limits::{WARRANT_BYTES_MAX, WARRANT_OPERATIONS_MAX};
use crate::network::NetworkGenesis;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::collections::BTreeMap;

/// What a warrant starts with.
const MARK: &str = "tidepool/warrant/1";

/// Two envelopes of one position, and what admits their author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warrant {
    network: NetworkId,
    identities: Vec<Bytes>,
    pair: [Bytes; 2],
}

/// What a warrant proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The log that was forked: whose, by which key, about what, in which epoch.
    pub log: LogId,
    /// The position.
    pub seq: u64,
    /// What was signed there, ascending.
    pub ids: [EnvelopeId; 2],
}

/// Why a warrant proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WarrantError {
    /// Not canonical CBOR of the right shape.
    #[error("not a warrant: {0}")]
    Cbor(#[from] CborError),
    /// It starts with something else.
    #[error("not a warrant: it starts with {0:?}, not with {MARK:?}")]
    Mark(String),
    /// It is of another network.
    #[error("the warrant is of network {seen}, asked for {wanted}")]
    Network {
        /// The network that it names.
        seen: NetworkId,
        /// The network whose rules were given.
        wanted: NetworkId,
    },
    /// One of its envelopes is none.
    #[error("envelope {place} of the warrant: {error}")]
    Decode {
        /// Which: the operations first, then the two.
        place: usize,
        /// Why.
        error: DecodeError,
    },
    /// One of its envelopes does not hold.
    #[error("envelope {place} of the warrant: {error}")]
    Verify {
        /// Which: the operations first, then the two.
        place: usize,
        /// Why.
        error: VerifyError,
    },
    /// One of its operations is not admissible.
    #[error("identity operation {place} of the warrant: {error}")]
    Identity {
        /// Which.
        place: usize,
        /// Why.
        error: IdentityError,
    },
    /// An operation, or one of the two, stands on an operation that is not in the warrant.
    #[error("envelope {place} of the warrant stands on operation {operation}, which is not in it")]
    Unknown {
        /// Which.
        place: usize,
        /// The operation.
        operation: EnvelopeId,
    },
    /// One of the two is signed by a key that its `auth` does not list, or before it.
    #[error("envelope {place} of the warrant is signed by a key that its author's identity does not list there")]
    Key {
        /// Which.
        place: usize,
    },
    /// The two do not contradict one another.
    #[error("the two envelopes of the warrant are not two of one position, the lower id first: they prove nothing")]
    NoFork,
}

#[derive(Serialize, Deserialize)]
struct Form(
    String,
    NetworkId,
    #[serde(deserialize_with = "cbor::list::<_, _, WARRANT_OPERATIONS_MAX>")] Vec<ByteBuf>,
    ByteBuf,
    ByteBuf,
);

impl Warrant {
    /// A warrant of two envelopes and the chains that admit their author, homes before their agents.
    #[must_use]
    pub fn new(identities: Vec<Bytes>, one: &Envelope, other: &Envelope) -> Self {
        let (first, second) = if one.id() < other.id() { (one, other) } else { (other, one) };
        let network = one.header().network;
        let pair = [first, second].map(|envelope| envelope.without_body().bytes().clone());
        Self { network, identities, pair }
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let bytes = |bytes: &Bytes| ByteBuf::from(bytes.to_vec());
        let [first, second] = self.pair.each_ref().map(bytes);
        cbor::encode(&Form(MARK.to_owned(), self.network, self.identities.iter().map(bytes).collect(), first, second))
    }

    /// Reads a warrant. What it proves, [`Self::check`] says.
    ///
    /// # Errors
    /// When the bytes are no warrant.
    pub fn decode(bytes: &[u8]) -> Result<Self, WarrantError> {
        let Form(mark, network, identities, first, second) = cbor::decode(bytes, WARRANT_BYTES_MAX)?;
        if mark != MARK {
            return Err(WarrantError::Mark(mark.chars().take(64).collect()));
        }
        let bytes = |bytes: ByteBuf| Bytes::from(bytes.into_vec());
        let identities = identities.into_iter().map(bytes).collect();
        Ok(Self { network, identities, pair: [first, second].map(bytes) })
    }

    /// What it proves, by the rules of the network `genesis` and nothing else.
    ///
    /// # Errors
    /// What does not hold.
    pub fn check(&self, genesis: &NetworkGenesis) -> Result<Proof, WarrantError> {
        if self.network != genesis.id() {
            return Err(WarrantError::Network { seen: self.network, wanted: genesis.id() });
        }
        let mut states = BTreeMap::new();
        for (place, bytes) in self.identities.iter().enumerate() {
            let operation = self.envelope(place, bytes)?;
            let state = admit(place, &operation, &states, genesis)?;
            states.insert(operation.id(), state);
        }
        let place = self.identities.len();
        let first = self.envelope(place, &self.pair[0])?;
        let second = self.envelope(place + 1, &self.pair[1])?;
        for (place, envelope) in [(place, &first), (place + 1, &second)] {
            let header = envelope.header();
            let state = states.get(&header.auth).filter(|state| state.author == header.author);
            let state = state.ok_or(WarrantError::Unknown { place, operation: header.auth })?;
            if !state.lists(&header.key, header.kind.group()) || header.time_ms < state.time_ms {
                return Err(WarrantError::Key { place });
            }
        }
        let (one, other) = (first.header(), second.header());
        let logged = |kind: crate::Kind| !(kind.is_identity_operation() || kind.is_ephemeral());
        let is_fork = one.log() == other.log()
            && one.seq == other.seq
            && first.id() < second.id()
            && logged(one.kind)
            && logged(other.kind);
        if is_fork {
            Ok(Proof { log: one.log(), seq: one.seq, ids: [first.id(), second.id()] })
        } else {
            Err(WarrantError::NoFork)
        }
    }

    fn envelope(&self, place: usize, bytes: &Bytes) -> Result<Verified<Envelope>, WarrantError> {
        let envelope = Envelope::decode(bytes.clone()).map_err(|error| WarrantError::Decode { place, error })?;
        if envelope.header().network != self.network {
            return Err(WarrantError::Network { seen: envelope.header().network, wanted: self.network });
        }
        verify(envelope).map_err(|error| WarrantError::Verify { place, error })
    }
}

fn admit(
    place: usize,
    operation: &Verified<Envelope>,
    states: &BTreeMap<EnvelopeId, IdentityState>,
    genesis: &NetworkGenesis,
) -> Result<IdentityState, WarrantError> {
    let header = operation.header();
    let identity = |error| WarrantError::Identity { place, error };
    let state = if header.kind.is_genesis() {
        begin(operation, &genesis.params).map_err(identity)?
    } else {
        let known = states.get(&header.auth).ok_or(WarrantError::Unknown { place, operation: header.auth })?;
        extend(known, operation, &genesis.params).map_err(identity)?
    };
    if let Some((home, word)) = home_word(operation).map_err(identity)? {
        let unknown = WarrantError::Unknown { place, operation: word.node_auth };
        let node = states.get(&word.node_auth).filter(|node| node.author == AuthorId::from(home)).ok_or(unknown)?;
        check_home(header.network, header.author.as_agent(), home, &word, node).map_err(identity)?;
    }
    Ok(state)
}
