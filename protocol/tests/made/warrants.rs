//! Warrants: one that proves a fork, and those that prove nothing.

use super::notation::hex;
use crate::cast::{self, Cast};
use bytes::Bytes;
use serde_bytes::ByteBuf;
use serde_json::{Value, json};
use tidepool_protocol::warrant::{Warrant, WarrantError};
use tidepool_protocol::{Envelope, Kind, NetworkGenesis, Scope, cbor};

fn raw(mark: &str, identities: &[Bytes], first: &Envelope, second: &Envelope) -> Vec<u8> {
    let bytes = |bytes: &Bytes| ByteBuf::from(bytes.to_vec());
    let identities: Vec<ByteBuf> = identities.iter().map(bytes).collect();
    let [first, second] = [first, second].map(|envelope| bytes(envelope.bytes()));
    cbor::encode(&(mark, cast::network(), identities, first, second))
}

fn reason(error: &WarrantError) -> &'static str {
    match error {
        WarrantError::Cbor(_) | WarrantError::Decode { .. } => "form",
        WarrantError::Mark(_) => "mark",
        WarrantError::Network { .. } => "network",
        WarrantError::Verify { .. } => "signature",
        WarrantError::Identity { .. } => "identity",
        WarrantError::Unknown { .. } => "unknown operation",
        WarrantError::Key { .. } => "key",
        WarrantError::NoFork => "no fork",
    }
}

/// A warrant of two envelopes of Ada's at one place of her log.
pub fn warrants() -> Value {
    let cast = Cast::new();
    let general = Scope::Open("general".parse().unwrap());
    let signed = |text: &str, kind: u16, seq: u64| cast.envelope(general.clone(), Kind(kind), cbor::encode(&text), seq);
    let (one, other, next) = (signed("one", 0x037f, 40), signed("other", 0x037f, 40), signed("next", 0x037f, 41));
    let identities = [cast.harbour.genesis.bytes().clone(), cast.ada.genesis.bytes().clone()];
    let development = NetworkGenesis::development();
    let warrant = Warrant::new(identities.to_vec(), &one, &other);
    let proof = warrant.check(&development).unwrap();
    assert_eq!(Warrant::decode(&warrant.encode()), Ok(warrant.clone()));
    let (first, second) = if one.id() < other.id() { (&one, &other) } else { (&other, &one) };
    let [low, high, next] = [first, second, &next].map(|envelope| envelope.without_body());
    let mark = "tidepool/warrant/1";
    let mut forged = raw(mark, &identities, &low, &high);
    let last = forged.len() - 2;
    forged[last] ^= 1;
    let refused = [
        ("the higher id first", raw(mark, &identities, &high, &low)),
        ("one envelope twice", raw(mark, &identities, &low, &low)),
        ("two places", raw(mark, &identities, &low, &next)),
        ("without the home's chain", raw(mark, &identities[1..], &low, &high)),
        ("without any chain", raw(mark, &[], &low, &high)),
        ("another mark", raw("tidepool/warrant/2", &identities, &low, &high)),
        ("a signature with another bit", forged),
    ];
    let refused: Vec<_> = refused
        .iter()
        .map(|(name, bytes)| {
            let error = Warrant::decode(bytes).and_then(|warrant| warrant.check(&development)).unwrap_err();
            json!({ "name": name, "warrant": hex(bytes), "reason": reason(&error) })
        })
        .collect();
    json!({
        "warrants": [{
            "warrant": hex(warrant.encode()),
            "author": hex(proof.log.author),
            "key": hex(proof.log.key),
            "scope": proof.log.scope.to_string(),
            "epoch": proof.log.epoch.0,
            "seq": proof.seq,
            "ids": proof.ids.map(hex),
        }],
        "refused": refused,
    })
}
