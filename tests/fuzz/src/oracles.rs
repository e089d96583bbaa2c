//! What must hold of every decoder of the protocol, whatever the bytes: one function per fuzz target.
//!
//! The fuzz targets call these on nightly; `protocol/tests/oracles.rs` includes this file by path and calls the same on
//! stable under `cargo test`, with bytes from proptest. An oracle panics when its statement does not hold; it never
//! depends on the bytes being good.

use bytes::Bytes;
use ciborium::Value;
use sha2::{Digest, Sha256};
use std::str::FromStr;
use tidepool_protocol::cbor;
use tidepool_protocol::identity::{
    AgentCore, AgentGenesis, Change, NodeCore, NodeGenesis, OperationBody, begin, extend, home_word, rank,
};
use tidepool_protocol::ids::{AgentId, AuthorId, EnvelopeId, NodeId, PublicKey};
use tidepool_protocol::limits::{BODY_BYTES_MAX, CBOR_DEPTH_MAX};
use tidepool_protocol::scope::{CommunityName, Fingerprint, Scope};
use tidepool_protocol::sequence::split;
use tidepool_protocol::sync::{SyncAnswer, SyncRequest};
use tidepool_protocol::{
    Body, Bundle, Draft, Envelope, Kind, NetworkGenesis, SecretKey, Signer, TimeMs, VerifyError, verify,
};

/// A statement about bytes; panics when it does not hold.
pub type Oracle = fn(&[u8]);

/// Every oracle with its name, so that no caller forgets one.
pub const ALL: &[(&str, Oracle)] = &[
    ("cbor", cbor),
    ("envelope", envelope),
    ("body", body),
    ("bundle", bundle),
    ("identity", identity),
    ("chain", chain),
    ("network", network),
    ("text", text),
    ("sync", sync),
];

/// Whether a value holds only what canonical form has a place for.
fn is_plain(value: &Value, depth: usize) -> bool {
    match value {
        Value::Integer(number) => {
            let number = i128::from(*number);
            (-(1i128 << 64)..1i128 << 64).contains(&number)
        }
        Value::Bytes(_) | Value::Text(_) | Value::Bool(_) | Value::Null => true,
        Value::Array(entries) => depth < CBOR_DEPTH_MAX && entries.iter().all(|entry| is_plain(entry, depth + 1)),
        _ => false,
    }
}

/// Canonical form by another way: read with ciborium, write again, compare.
fn is_canonical(data: &[u8]) -> bool {
    let mut rest = data;
    let Ok(value) = ciborium::from_reader::<Value, _>(&mut rest) else { return false };
    let mut again = Vec::new();
    ciborium::into_writer(&value, &mut again).expect("writing to a vector cannot fail");
    rest.is_empty() && is_plain(&value, 0) && again == data
}

/// The canonical check agrees with reading and writing again through ciborium.
pub fn cbor(data: &[u8]) {
    assert_eq!(cbor::check(data).is_ok(), is_canonical(data), "canonical check and re-encoding disagree");
}

/// What decodes is kept byte for byte, its parts are where the bytes say, its id is the header's hash; without its body
/// it is the same envelope; what verifies has a canonical body of the named length and hash.
pub fn envelope(data: &[u8]) {
    let Ok(envelope) = Envelope::decode(Bytes::copy_from_slice(data)) else { return };
    assert!(is_canonical(data), "an envelope that is not canonical");
    assert_eq!(envelope.bytes().as_ref(), data, "the bytes received are the bytes kept");
    assert_eq!(cbor::encode(envelope.header()), envelope.header_bytes(), "a header is what it encodes to");
    let hash: [u8; 32] = Sha256::digest(envelope.header_bytes()).into();
    assert_eq!(envelope.id(), EnvelopeId(hash), "the id is the hash of the header");
    let erased = envelope.without_body();
    assert_eq!(erased.id(), envelope.id(), "erasing a body changes no id");
    assert_eq!((erased.signature(), erased.body()), (envelope.signature(), None), "erasing takes the body alone");
    let header = envelope.header().clone();
    let body = envelope.body().map(<[u8]>::to_vec);
    match (verify(envelope), verify(erased)) {
        (Ok(verified), Ok(_)) => {
            let Some(body) = body else { return };
            assert_eq!(body.len(), header.body_len as usize, "a verified body has the length that its header names");
            let hash: [u8; 32] = Sha256::digest(&body).into();
            assert_eq!(header.body_hash.0, hash, "a verified body has the hash that its header names");
            assert!(is_canonical(&body), "a verified body is canonical");
            let _ = Body::decode(header.kind, &body);
            let _ = begin(&verified, &NetworkGenesis::development().params);
        }
        (Ok(_), Err(_)) => panic!("an envelope that holds does so without its body"),
        (Err(error), Ok(_)) => assert!(error != VerifyError::Signature && body.is_some(), "only the body can differ"),
        (Err(_), Err(_)) => {}
    }
}

/// A body that decodes encodes to the same bytes and is of the kind that was asked for. The first byte chooses the kind.
pub fn body(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let (kind, _) = Kind::KNOWN[usize::from(*choice) % Kind::KNOWN.len()];
    let Ok(Some(body)) = Body::decode(kind, bytes) else { return };
    assert_eq!(body.kind(), kind, "a body of another kind");
    assert_eq!(body.encode().as_deref(), Ok(bytes), "a body is what it encodes to");
}

/// A bundle that decodes encodes to the same frame, within the length that it foresees.
pub fn bundle(data: &[u8]) {
    let frame = Bytes::copy_from_slice(data);
    let Ok(bundle) = Bundle::decode(&frame) else { return };
    assert_eq!(bundle.encode(), frame, "a bundle is what it encodes to");
    assert!((frame.len()..=frame.len() + 4).contains(&bundle.encoded_len()), "a foreseen length that is off");
}

fn round_trip<T: serde::Serialize + serde::de::DeserializeOwned>(bytes: &[u8]) {
    if let Ok(value) = cbor::decode::<T>(bytes, BODY_BYTES_MAX) {
        assert_eq!(cbor::encode(&value), bytes, "a part of an identity is what it encodes to");
    }
}

/// Every part of an identity that decodes encodes to the same bytes.
pub fn identity(data: &[u8]) {
    round_trip::<AgentCore>(data);
    round_trip::<NodeCore>(data);
    round_trip::<AgentGenesis>(data);
    round_trip::<NodeGenesis>(data);
    round_trip::<OperationBody>(data);
    for (kind, _) in Kind::KNOWN {
        if let Ok(Some(change)) = Change::decode(*kind, data) {
            assert_eq!((change.kind(), change.encode()), (*kind, data.to_vec()), "a change is what it encodes to");
        }
    }
}

/// Whatever a valid signature covers, no step of a chain panics; a state that an operation makes is named by it.
pub fn chain(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    if bytes.is_empty() || bytes.len() > BODY_BYTES_MAX {
        return;
    }
    let mut params = NetworkGenesis::development().params;
    (params.agent_work_bits, params.node_work_bits) = (0, 0);
    let network = NetworkGenesis::development().id();
    let key = SecretKey::from_seed([7; 32]);
    let core = NodeCore {
        keys: vec![SecretKey::from_seed([8; 32]).public_key()],
        rotation: vec![key.public_key()],
        random: [0; 16].into(),
    };
    let author = AuthorId::from(core.id());
    let signed = |auth, kind, body: &[u8]| {
        let scope = Scope::Identity(author);
        let (epoch, time_ms) = (tidepool_protocol::Epoch(0), TimeMs(1));
        Draft { network, author, auth, scope, epoch, seq: 0, prev: None, time_ms, kind, body: body.to_vec() }.sign(&key)
    };
    let (kind, _) = Kind::KNOWN[usize::from(*choice) % Kind::KNOWN.len()];
    let operation = signed(EnvelopeId::ZERO, kind, bytes);
    if let Ok(state) = begin(&operation, &params) {
        assert_eq!((state.operation, state.author), (operation.id(), author), "a state of another operation");
    }
    let _ = home_word(&operation);
    // A node's state to extend, without its proofs: `extend` trusts the state that it is given.
    let state = tidepool_protocol::identity::IdentityState {
        author,
        is_node: choice & 0x80 == 0,
        operation: EnvelopeId([1; 32]),
        chain_seq: 0,
        genesis_ms: TimeMs(0),
        time_ms: TimeMs(0),
        signing: core.keys.iter().copied().map(tidepool_protocol::identity::KeyUse::unrestricted).collect(),
        rotation: core.rotation.clone(),
        home: None,
        handle: String::new(),
        ended_by: None,
    };
    let operation = signed(state.operation, kind, bytes);
    if let Ok(next) = extend(&state, &operation, &params) {
        assert_eq!((next.operation, next.chain_seq), (operation.id(), 1), "a state of another operation");
        assert!(rank(&state, &operation).is_ok(), "what extends a state has a rank there");
    }
}

/// A network's document that decodes encodes to the same bytes, and its JSON form makes the same network. Text that is
/// no JSON of it is refused without a panic.
pub fn network(data: &[u8]) {
    if let Ok(genesis) = NetworkGenesis::decode(data) {
        assert_eq!(genesis.encode(), data, "a document is what it encodes to");
        let again = NetworkGenesis::from_json(&genesis.to_json()).expect("the JSON form of a good document is good");
        assert_eq!(again.id(), genesis.id(), "the JSON form makes another network");
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = NetworkGenesis::from_json(text);
    }
}

fn shown_as_read<T: FromStr + ToString>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert_eq!(value.to_string(), text, "one thing has one text form");
    }
}

/// Whatever text is read as an id, key, name or scope is shown as the same text: there are no look-alikes.
pub fn text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    shown_as_read::<AgentId>(text);
    shown_as_read::<NodeId>(text);
    shown_as_read::<AuthorId>(text);
    shown_as_read::<EnvelopeId>(text);
    shown_as_read::<PublicKey>(text);
    shown_as_read::<CommunityName>(text);
    shown_as_read::<Scope>(text);
    if let Ok(fingerprint) = text.parse::<Fingerprint>() {
        assert_eq!(fingerprint.as_str(), text, "one thing has one text form");
    }
}

/// A sync message that decodes encodes to the same frame. What a request's body is split into stands in it one behind
/// the other.
pub fn sync(data: &[u8]) {
    let frame = Bytes::copy_from_slice(data);
    if let Ok(request) = SyncRequest::decode(data) {
        assert_eq!(request.encode(), frame, "a request is what it encodes to");
    }
    if let Ok(answer) = SyncAnswer::decode(&frame) {
        assert_eq!(answer.encode(), frame, "an answer is what it encodes to");
    }
    if let Ok(parts) = split(&frame, 16) {
        let whole = parts.concat();
        assert!(parts.len() <= 16 && data.ends_with(&whole), "parts that do not stand in the body");
        assert!(data.len() - whole.len() <= 9, "more than the head of a list was left out");
    }
}
