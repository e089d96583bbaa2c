//! Envelopes with a body of every kind, and bundles of them.

use super::notation::{header, hex, value};
use crate::cast::{self, Cast};
use serde_json::{Value, json};
use tidepool_protocol::ids::sha256;
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{Bundle, Envelope, Kind, Scope, Shard, cbor};

/// Everything that a reader can compute of one envelope.
pub fn entry(name: &str, envelope: &Envelope) -> Value {
    json!({
        "name": name,
        "kind": envelope.header().kind.0,
        "kind_name": envelope.header().kind.name(),
        "envelope": hex(envelope.bytes()),
        "id": hex(envelope.id()),
        "cid": envelope.id().to_string(),
        "author_did": envelope.header().author.to_string(),
        "key_did": envelope.header().key.to_string(),
        "slot": envelope.header().slot().number(),
        "header": header(envelope.header()),
        "header_bytes": hex(envelope.header_bytes()),
        "signature": hex(envelope.signature()),
        "body": envelope.body().map(value),
    })
}

/// One envelope or more of every kind that is no identity operation, one of an unknown kind, and one without its body.
pub fn envelopes() -> Value {
    let cast = Cast::new();
    let mut entries: Vec<_> = cast.envelopes().iter().map(|(name, envelope)| entry(name, envelope)).collect();
    let general = Scope::Open("general".parse().unwrap());
    let body = cbor::encode(&(1, "what a later version says", vec![true, false]));
    let unknown = cast.envelope(general, Kind(0x037f), body, 40);
    entries.push(entry("a kind that this version does not know", &unknown));
    entries.push(entry("the same without its body", &unknown.without_body()));
    json!({ "signed_by": "Ada's first signing key; keep by her first rotation key; presence by the harbour", "envelopes": entries })
}

/// A bundle with the chain of an author that opens a log, and its gossip message id on a topic.
pub fn bundles() -> Value {
    let cast = Cast::new();
    let envelopes = cast.envelopes();
    let posts: Vec<_> = envelopes.iter().filter(|(_, envelope)| envelope.header().kind == Kind::POST).collect();
    let bytes = |envelope: &Envelope| envelope.bytes().clone();
    let bundles = [
        Bundle {
            envelopes: posts.iter().map(|(_, post)| bytes(post)).collect(),
            identities: vec![bytes(&cast.ada.genesis)],
        },
        Bundle { envelopes: envelopes.iter().map(|(_, envelope)| bytes(envelope)).collect(), identities: vec![] },
        Bundle { envelopes: vec![], identities: vec![bytes(&cast.harbour.genesis)] },
    ];
    let topic = Topic::Shard { generation: 0, shard: Shard(1) }.name(cast::network());
    let bundles: Vec<_> = bundles
        .iter()
        .map(|bundle| {
            let frame = bundle.encode();
            let id = |bytes: &bytes::Bytes| hex(Envelope::decode(bytes.clone()).unwrap().id());
            json!({
                "frame": hex(&frame),
                "envelopes": bundle.envelopes.iter().map(id).collect::<Vec<_>>(),
                "identities": bundle.identities.iter().map(id).collect::<Vec<_>>(),
                "topic": topic,
                "message_id": hex(&sha256(&[topic.as_bytes(), &frame])[..20]),
            })
        })
        .collect();
    let refused = json!([
        { "name": "empty", "frame": "83018080" },
        { "name": "another version", "frame": "8302814080" },
        { "name": "without the list of identities", "frame": "82018140" },
        { "name": "a byte behind the end", "frame": "830181408000" },
        { "name": "an envelope that is no byte string", "frame": "8301818080" },
        { "name": "a list that claims four billion envelopes", "frame": "83019affffffff80" },
        { "name": "129 envelopes", "frame": format!("83019881{}80", "40".repeat(129)) },
        { "name": "128 envelopes and an operation", "frame": format!("83019880{}8140", "40".repeat(128)) },
        { "name": "an envelope of 49 KiB and a byte", "frame": format!("83018159c401{}80", "00".repeat(49 * 1024 + 1)) },
    ]);
    for entry in refused.as_array().unwrap() {
        let frame = data_encoding::HEXLOWER.decode(entry["frame"].as_str().unwrap().as_bytes()).unwrap();
        assert!(Bundle::decode(&frame.into()).is_err(), "{}", entry["name"]);
    }
    json!({ "bundles": bundles, "refused": refused })
}
