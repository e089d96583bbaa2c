//! How values stand in the JSON of the vectors: bytes as hex, CBOR values as JSON with `{"hex": ...}` for bytes.

use ciborium::Value as Cbor;
use serde_json::{Value, json};
use tidepool_protocol::Header;
use tidepool_protocol::identity::IdentityState;

pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    data_encoding::HEXLOWER.encode(bytes.as_ref())
}

fn shown(value: &Cbor) -> Value {
    match value {
        Cbor::Integer(number) => {
            let number = i128::from(*number);
            u64::try_from(number).map_or_else(|_| json!(i64::try_from(number).unwrap()), |number| json!(number))
        }
        Cbor::Bytes(bytes) => json!({ "hex": hex(bytes) }),
        Cbor::Text(text) => json!(text),
        Cbor::Bool(bool) => json!(bool),
        Cbor::Null => Value::Null,
        Cbor::Array(entries) => entries.iter().map(shown).collect(),
        other => panic!("{other:?} has no place in the wire's form"),
    }
}

/// The value that `bytes` encode.
pub fn value(bytes: &[u8]) -> Value {
    shown(&ciborium::from_reader(bytes).unwrap())
}

/// The fields of a header by name.
pub fn header(header: &Header) -> Value {
    json!({
        "version": header.version,
        "network": hex(header.network),
        "author": hex(header.author),
        "auth": hex(header.auth),
        "key": hex(header.key),
        "scope": header.scope.to_string(),
        "epoch": header.epoch.0,
        "seq": header.seq,
        "prev": header.prev.map(hex),
        "time_ms": header.time_ms.0,
        "kind": header.kind.0,
        "body_len": header.body_len,
        "body_hash": hex(header.body_hash),
    })
}

/// What an identity is after an operation.
pub fn state(state: &IdentityState) -> Value {
    let signing: Vec<_> = (state.signing.iter())
        .map(|entry| json!([hex(entry.key), entry.groups, entry.not_after.map(|time| time.0)]))
        .collect();
    json!({
        "author": hex(state.author),
        "is_node": state.is_node,
        "operation": hex(state.operation),
        "chain_seq": state.chain_seq,
        "genesis_ms": state.genesis_ms.0,
        "time_ms": state.time_ms.0,
        "signing": signing,
        "rotation": state.rotation.iter().map(hex).collect::<Vec<_>>(),
        "home": state.home.map(hex),
        "handle": state.handle,
        "ended_by": state.ended_by.map(|kind| kind.0),
    })
}
