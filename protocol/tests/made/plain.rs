//! Networks, topics, text forms and fingerprints of sets.

use super::notation::{hex, value};
use crate::cast::{self, Cast};
use serde_json::{Value, json};
use tidepool_protocol::digest::SetSum;
use tidepool_protocol::ids::{AgentId, EnvelopeId, PublicKey};
use tidepool_protocol::scope::{CommunityName, Fingerprint};
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{NetworkGenesis, Scope, Shard, Signer, Slot, TimeMs};

type Reads = fn(&str) -> bool;

/// Whether a text is read as each form.
const READERS: [(&str, Reads); 4] = [
    ("did:tide", |text| text.parse::<AgentId>().is_ok()),
    ("did:key", |text| text.parse::<PublicKey>().is_ok()),
    ("cid", |text| text.parse::<EnvelopeId>().is_ok()),
    ("scope", |text| text.parse::<Scope>().is_ok()),
];

fn one_network(genesis: &NetworkGenesis) -> Value {
    let params = genesis.params;
    let quota = |time: TimeMs| json!({ "time_ms": time.0, "log_may_hold": params.log_quota(time) });
    json!({
        "genesis": hex(genesis.encode()),
        "value": value(&genesis.encode()),
        "id": hex(genesis.id()),
        "file": serde_json::from_str::<Value>(&genesis.to_json()).unwrap(),
        "quotas": [quota(TimeMs(0)), quota(cast::NOON), quota(TimeMs(cast::NOON.0 + 999))],
    })
}

/// The development network and another one, their topics, and the shards of slots.
pub fn network() -> Value {
    let development = NetworkGenesis::development();
    let mut other = development.clone();
    "vectors".clone_into(&mut other.name);
    other.communities.clear();
    other.params.shards = 1024;
    (other.params.log_burst, other.params.log_per_hour) = (10, 7);
    let topic = |topic: Topic| json!(topic.name(development.id()));
    let shards: Vec<_> = [(0, 4), (255, 4), (256, 4), (1023, 4), (1023, 1), (700, 1024)]
        .map(|(slot, shards)| json!([slot, shards, Shard::of(Slot::new(slot).unwrap(), shards).unwrap().0]))
        .to_vec();
    json!({
        "networks": [one_network(&development), one_network(&other)],
        "topics": {
            "ctl": topic(Topic::Ctl),
            "generation 0, shard 3": topic(Topic::Shard { generation: 0, shard: Shard(3) }),
        },
        "shards": shards,
    })
}

/// Ids and their text forms, scopes and their slots, and texts that are none.
pub fn texts() -> Value {
    let cast = Cast::new();
    let ids = [cast.ada_id(), cast.bob.state.author.as_agent(), AgentId([0; 32]), AgentId([0xff; 32])];
    let dids: Vec<_> = ids.iter().map(|id| json!({ "id": hex(id), "did": id.to_string() })).collect();
    let keys: Vec<_> = [cast::key(11).public_key(), PublicKey([0; 32]), PublicKey([0xff; 32])]
        .map(|key| json!({ "key": hex(key), "did": key.to_string() }))
        .to_vec();
    let cids: Vec<_> = [cast.ada.genesis.id(), EnvelopeId([0; 32]), EnvelopeId([0xff; 32])]
        .map(|id| json!({ "id": hex(id), "cid": id.to_string() }))
        .to_vec();
    let general: CommunityName = "general".parse().unwrap();
    let scopes = [
        Scope::Open(general.clone()),
        Scope::Open("a-0".parse().unwrap()),
        Scope::owned_by(cast.ada_id(), general.clone()),
        Scope::Agent(cast.ada_id()),
        Scope::Identity(cast.harbour.state.author),
        Scope::Mail(cast.ada_id()),
        Scope::Presence(Slot::new(0).unwrap()),
        Scope::Presence(Slot::new(1023).unwrap()),
    ];
    let scopes: Vec<_> =
        scopes.iter().map(|scope| json!({ "scope": scope.to_string(), "slot": scope.slot().number() })).collect();
    let fingerprint = Fingerprint::of(cast.ada_id(), &general);
    let (did, key, cid) =
        (ids[0].to_string(), cast::key(11).public_key().to_string(), cast.ada.genesis.id().to_string());
    // The last of 52 characters carries one bit of the id and four of nothing; those must be zero.
    let dangling = format!("did:tide:{}b", "a".repeat(51));
    let refused = json!({
        "did:tide": [did.to_uppercase(), did[..60].to_owned(), format!("{did}a"), format!("{did}="), format!(" {did}"),
            dangling, did.replace("tide", "tidе"), did.replacen("did:", "", 1), ""],
        "did:key": [key.to_uppercase(), format!("{key}1"), key.replacen('z', "z1", 1), key[..50].to_owned(), key.replacen('z', "u", 1),
            // A secp256k1 key's prefix.
            "did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme"],
        "cid": [cid.to_uppercase(), format!("z{}", &cid[1..]), cid[..58].to_owned(), format!("{cid}a"),
            // dag-pb and raw in place of dag-cbor.
            cid.replacen("bafyrei", "bafybei", 1), cid.replacen("bafyrei", "bafkrei", 1)],
        "scope": ["c/General", "c/a", "c/", "c/general.", format!("c/general.{}", "A".repeat(16)), format!("c/general.{}", "a".repeat(15)),
            "c/gene_ral", format!("c/{}", "a".repeat(31)), "C/general", "general", "c/general ", "s/01", "s/1024", "s/+1", "s/-0", "s/",
            format!("a/{did}"), "x/general", "c/gеneral"],
    });
    for (form, read) in READERS {
        for text in refused[form].as_array().unwrap() {
            assert!(!read(text.as_str().unwrap()), "{text} is read as {form}");
        }
    }
    json!({
        "did:tide": dids,
        "did:key": keys,
        "cid": cids,
        "scopes": scopes,
        "owned": [{ "founder": hex(cast.ada_id()), "name": "general", "fingerprint": fingerprint.as_str() }],
        "refused": refused,
    })
}

/// A frame of every message of anti-entropy.
pub fn sync() -> Value {
    let frames = Cast::new().sync();
    let frames: Vec<_> = frames
        .iter()
        .map(|(name, frame)| json!({ "name": name, "frame": hex(frame), "value": value(frame) }))
        .collect();
    json!({ "frames": frames })
}

/// Sets of ids and what is compared of them.
pub fn sets() -> Value {
    let ids: Vec<_> = Cast::new().envelopes().into_iter().map(|(_, envelope)| envelope.id()).collect();
    let sets = [
        vec![],
        vec![EnvelopeId([0; 32])],
        vec![EnvelopeId([0xff; 32]), EnvelopeId([0xff; 32])],
        ids[..1].to_vec(),
        ids,
    ];
    let sets: Vec<_> = sets
        .iter()
        .map(|ids| {
            let mut sum = SetSum::default();
            ids.iter().for_each(|id| sum.add(id));
            let ids: Vec<_> = ids.iter().map(hex).collect();
            json!({ "ids": ids, "sum_and_count": hex(sum.to_bytes()), "fingerprint": hex(sum.fingerprint().0) })
        })
        .collect();
    json!({ "sets": sets })
}
