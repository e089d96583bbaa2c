//! Envelopes and operations that no honest signer makes.

use crate::cast::{self, Cast, Operation};
use ciborium::Value as Cbor;
use serde_bytes::ByteBuf;
use tidepool_protocol::identity::{
    Cosignature, IdentityState, OperationBody, OperationContent, WorkSubject, cosign_message, extend,
};
use tidepool_protocol::ids::{EnvelopeId, sha256};
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{Draft, Envelope, Epoch, Kind, Scope, Signature, Signer, TimeMs, Verified, cbor};

/// Places in a header.
pub const VERSION: usize = 0;
pub const AUTH: usize = 3;
pub const KEY: usize = 4;
pub const SCOPE: usize = 5;
pub const EPOCH: usize = 6;
pub const SEQ: usize = 7;
pub const KIND: usize = 10;
pub const BODY_LEN: usize = 11;
pub const BODY_HASH: usize = 12;

/// An envelope taken apart, to be changed and signed again.
#[derive(Clone)]
pub struct Forge {
    pub header: Vec<Cbor>,
    pub body: Option<Vec<u8>>,
    pub signer: u8,
    pub domain: Domain,
}

pub fn written(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

impl Forge {
    pub fn of(envelope: &Envelope, signer: u8) -> Self {
        let Ok(Cbor::Array(header)) = ciborium::from_reader(envelope.header_bytes()) else {
            panic!("a header is an array")
        };
        Self { header, body: envelope.body().map(<[u8]>::to_vec), signer, domain: Domain::Envelope }
    }

    pub fn with(mut self, field: usize, value: impl Into<Cbor>) -> Self {
        self.header[field] = value.into();
        self
    }

    /// Another body, with its true length and hash in the header.
    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.header[BODY_LEN] = u64::try_from(body.len()).unwrap().into();
        self.header[BODY_HASH] = Cbor::Bytes(sha256(&[&body]).to_vec());
        self.body = Some(body);
        self
    }

    pub fn signature(&self) -> Vec<u8> {
        cast::key(self.signer).sign(self.domain, &written(&Cbor::Array(self.header.clone()))).0.to_vec()
    }

    /// The parts as they are, with this header and signature.
    pub fn assembled(&self, header: Vec<u8>, signature: Vec<u8>) -> Vec<u8> {
        let body = self.body.clone().map_or(Cbor::Null, Cbor::Bytes);
        written(&Cbor::Array(vec![Cbor::Bytes(header), Cbor::Bytes(signature), body]))
    }

    pub fn signed(&self) -> Vec<u8> {
        self.assembled(written(&Cbor::Array(self.header.clone())), self.signature())
    }

    pub fn verified(&self) -> Verified<Envelope> {
        tidepool_protocol::verify(Envelope::decode(self.signed().into()).unwrap()).unwrap()
    }
}

/// An operation to be tried at a state, each part of it free.
#[derive(Clone)]
pub struct Attempt {
    pub state: IdentityState,
    pub kind: Kind,
    pub change: Vec<u8>,
    pub cosigners: Vec<Cosignature>,
    pub chain_seq: u64,
    pub time_ms: TimeMs,
    pub signer: u8,
    /// The time for which the work is done.
    pub work_ms: TimeMs,
}

impl Attempt {
    pub fn new(state: &IdentityState, kind: Kind, change: Vec<u8>, signer: u8) -> Self {
        let time_ms = state.time_ms.plus_ms(60_000);
        let chain_seq = state.chain_seq + 1;
        Self { state: state.clone(), kind, change, cosigners: Vec::new(), chain_seq, time_ms, signer, work_ms: time_ms }
    }

    pub fn cosigned(mut self, number: u8, over: &[u8]) -> Self {
        let Self { state, kind, chain_seq, .. } = &self;
        let message = cosign_message(cast::network(), state.author, state.operation, *chain_seq, *kind, over);
        let key = cast::key(number);
        self.cosigners.push(Cosignature { key: key.public_key(), signature: key.sign(Domain::Cosign, &message) });
        self
    }

    pub fn signed(&self) -> Verified<Envelope> {
        let Self { state, kind, change, cosigners, chain_seq, time_ms, signer, work_ms } = self.clone();
        let content = OperationContent {
            auth: state.operation,
            time_ms: work_ms,
            kind,
            chain_seq,
            change: &change,
            cosigners: &cosigners,
        };
        let bits = cast::params().agent_work_bits;
        let nonce = WorkSubject::operation(cast::network(), state.author, &content).search(bits, 0, u64::MAX).unwrap();
        let body = OperationBody { chain_seq, change: ByteBuf::from(change), cosigners, nonce };
        let draft = Draft {
            network: cast::network(),
            author: state.author,
            auth: state.operation,
            scope: Scope::Identity(state.author),
            epoch: Epoch(0),
            seq: 0,
            prev: None,
            time_ms,
            kind,
            body: cbor::encode(&body),
        };
        draft.sign(&cast::key(signer))
    }
}

/// A good operation of Ada's of a kind that this version does not know.
pub fn unknown_operation(name: &'static str, kind: Kind, cast: &Cast) -> Operation {
    let before = cast.ada.state.clone();
    let envelope = Attempt::new(&before, kind, cbor::encode(&(1, "later")), cast::ADA[2]).signed();
    let after = extend(&before, &envelope, &cast::params()).unwrap();
    Operation { name, before, envelope, after }
}

/// A signature that a lax verifier takes for the neutral element's on every message: R neutral, S zero.
pub fn neutral_signature() -> Signature {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    Signature(bytes)
}

/// `signature` with the group's order added to its S: the same to a verifier that does not ask for S below the order.
pub fn with_high_s(signature: &[u8]) -> Vec<u8> {
    let order =
        data_encoding::HEXLOWER.decode(b"edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let mut carry = 0;
    let high = signature[32..].iter().zip(&order).map(|(a, b)| {
        let sum = u16::from(*a) + u16::from(*b) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    });
    [signature[..32].to_vec(), high.collect()].concat()
}

/// The `auth` of nothing.
pub const NOWHERE: EnvelopeId = EnvelopeId([0x77; 32]);
