//! Encoding and decoding are inverse for every struct of the wire, with arbitrary values in every field.
#![allow(clippy::unwrap_used, clippy::panic)]

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_bytes::ByteBuf;
use tidepool_protocol::body::{
    Action, Card, Charter, Checkpoint, Comment, Deed, Edit, Follow, Grant, Head, Keep, MailKey, Post, PostType, Powers,
    Presence, PresenceEntry, PresenceState, Profile, Report, Settings, Skill, Subscribe, Tombstone, Vote, Withdraw,
};
use tidepool_protocol::identity::{
    AgentCore, AgentGenesis, Change, Cosignature, HomeSignature, KeyUse, MoveHome, NodeCore, NodeGenesis, NodeRotate,
    OperationBody, Resolve, Revoke, Rotate,
};
use tidepool_protocol::ids::{AgentId, AuthorId, BlobHash, EnvelopeId, NetworkId, NodeId, PublicKey, Salt, Signature};
use tidepool_protocol::scope::CommunityName;
use tidepool_protocol::{
    Body, Bundle, Draft, Envelope, Epoch, Header, Kind, NetworkGenesis, NetworkParams, Scope, SecretKey, Slot, TimeMs,
    cbor, verify,
};

macro_rules! any_id {
    ($($name:ident: $id:ident, $len:literal;)*) => {
        $(fn $name() -> impl Strategy<Value = $id> { any::<[u8; $len]>().prop_map($id) })*
    };
}

any_id! {
    any_agent: AgentId, 32;
    any_node: NodeId, 32;
    any_author: AuthorId, 32;
    any_envelope_id: EnvelopeId, 32;
    any_blob: BlobHash, 32;
    any_network: NetworkId, 8;
    any_key: PublicKey, 32;
    any_salt: Salt, 16;
}

fn any_signature() -> impl Strategy<Value = Signature> {
    vec(any::<u8>(), 64).prop_map(|bytes| Signature::from_slice(&bytes).unwrap())
}

fn any_community() -> impl Strategy<Value = CommunityName> {
    "[a-z0-9-]{2,30}".prop_map(|name| name.parse().unwrap())
}

fn any_scope() -> impl Strategy<Value = Scope> {
    prop_oneof![
        any_community().prop_map(Scope::Open),
        (any_agent(), any_community()).prop_map(|(founder, name)| Scope::owned_by(founder, name)),
        any_agent().prop_map(Scope::Agent),
        any_author().prop_map(Scope::Identity),
        any_agent().prop_map(Scope::Mail),
        (0u16..1024).prop_map(|number| Scope::Presence(Slot::new(number).unwrap())),
    ]
}

fn any_home() -> impl Strategy<Value = HomeSignature> {
    (any_envelope_id(), any_key(), any_signature()).prop_map(|(node_auth, key, signature)| HomeSignature {
        node_auth,
        key,
        signature,
    })
}

fn any_key_use() -> impl Strategy<Value = KeyUse> {
    (any_key(), any::<u16>(), option::of(any::<u64>().prop_map(TimeMs))).prop_map(|(key, groups, not_after)| KeyUse {
        key,
        groups,
        not_after,
    })
}

fn any_heads() -> impl Strategy<Value = Vec<Head>> {
    let head = (any_scope(), any_key(), any::<u64>(), any::<u64>(), any_envelope_id())
        .prop_map(|(scope, key, epoch, seq, id)| Head { scope, key, epoch: Epoch(epoch), seq, id });
    vec(head, 0..5).prop_map(|mut heads| {
        heads.sort();
        heads.dedup();
        heads
    })
}

fn any_keys() -> impl Strategy<Value = Vec<PublicKey>> {
    vec(any_key(), 0..4)
}

fn any_proofs() -> impl Strategy<Value = Vec<Signature>> {
    vec(any_signature(), 0..4)
}

fn text(most: usize) -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..=most.min(60)).prop_map(|chars| chars.into_iter().collect())
}

fn some_text(most: usize) -> impl Strategy<Value = String> {
    vec(any::<char>(), 1..=most.min(60)).prop_map(|chars| chars.into_iter().collect())
}

fn any_color() -> impl Strategy<Value = Option<String>> {
    option::of("#[0-9a-fA-F]{6}")
}

fn any_content() -> impl Strategy<Value = Body> {
    let kind = prop::sample::select(vec![PostType::Text, PostType::Link, PostType::Image]);
    prop_oneof![
        (any_salt(), kind, some_text(300), text(40_000), option::of(text(500))).prop_map(
            |(salt, post_type, title, content, url)| Body::Post(Post { salt, post_type, title, content, url })
        ),
        (any_salt(), any_envelope_id(), any_envelope_id(), 0u32..=64, some_text(10_000)).prop_map(
            |(salt, root, parent, depth, content)| Body::Comment(Comment { salt, root, parent, depth, content })
        ),
        (any_salt(), any_envelope_id(), option::of(some_text(300)), option::of(text(40_000)))
            .prop_map(|(salt, target, title, content)| Body::Edit(Edit { salt, target, title, content })),
        any_envelope_id().prop_map(|target| Body::Tombstone(Tombstone { target })),
        (any_envelope_id(), -1i8..=1).prop_map(|(target, value)| Body::Vote(Vote { target, value })),
    ]
}

fn any_presence() -> impl Strategy<Value = Body> {
    let state = prop::sample::select(vec![PresenceState::Offline, PresenceState::Idle, PresenceState::Online]);
    (0u64..=600, prop::collection::btree_map(any::<[u8; 32]>(), state, 0..5)).prop_map(|(ttl_s, agents)| {
        let agents = agents.into_iter().map(|(id, state)| PresenceEntry { agent: AgentId(id), state }).collect();
        Body::Presence(Presence { ttl_s, agents })
    })
}

fn any_agents_own() -> impl Strategy<Value = Body> {
    let skill = (some_text(64), text(500), text(500), text(500)).prop_map(|(name, description, input, output)| Skill {
        name,
        description,
        input,
        output,
    });
    let community = (any_agent(), any_community()).prop_map(|(founder, name)| Scope::owned_by(founder, name));
    prop_oneof![
        (option::of(text(64)), option::of(text(2_000)), option::of(text(2_000)), option::of(vec(any_blob(), 0..=1)))
            .prop_map(|(display_name, description, metadata, avatar)| Body::Profile(Profile {
                display_name,
                description,
                metadata,
                avatar
            })),
        (vec(skill, 0..4), text(500), option::of(text(500))).prop_map(|(skills, price, endpoint)| Body::Card(Card {
            skills,
            price,
            endpoint
        })),
        (any::<u32>(), any_key()).prop_map(|(number, key)| Body::MailKey(MailKey { number, key })),
        (community, any::<bool>()).prop_map(|(community, on)| Body::Subscribe(Subscribe { community, on })),
        (any_agent(), any::<bool>()).prop_map(|(target, on)| Body::Follow(Follow { target, on })),
        (any_heads(), option::of(any_home())).prop_map(|(heads, home)| Body::Checkpoint(Checkpoint { heads, home })),
        any_heads().prop_map(|heads| Body::Keep(Keep { heads })),
    ]
}

fn any_community_body() -> impl Strategy<Value = Body> {
    prop_oneof![
        (some_text(64), text(2_000), any::<bool>()).prop_map(|(display_name, description, allow_crypto)| {
            Body::Charter(Charter { display_name, description, allow_crypto })
        }),
        (
            (option::of(any_envelope_id()), option::of(some_text(64)), option::of(text(2_000))),
            (any_color(), any_color(), option::of(vec(any_blob(), 0..=1)), option::of(vec(any_blob(), 0..=1))),
            option::of(vec(some_text(500), 0..=20)),
        )
            .prop_map(
                |((grant, display_name, description), (banner_color, theme_color, avatar, banner), rules)| {
                    Body::Settings(Settings {
                        grant,
                        display_name,
                        description,
                        banner_color,
                        theme_color,
                        avatar,
                        banner,
                        rules,
                    })
                }
            ),
        (any_agent(), 1u16..=31).prop_map(|(agent, powers)| Body::Grant(Grant { agent, powers: Powers(powers) })),
        (any_envelope_id(), any_heads()).prop_map(|(grant, heads)| Body::Withdraw(Withdraw { grant, heads })),
        (option::of(any_envelope_id()), prop::sample::select(Deed::ALL.to_vec()), any_envelope_id(), some_text(500))
            .prop_map(|(grant, deed, target, rule)| Body::Action(Action { grant, deed, target, rule })),
        (any_salt(), any_envelope_id(), some_text(1_000)).prop_map(|(salt, target, reason)| Body::Report(Report {
            salt,
            target,
            reason
        })),
    ]
}

fn any_body() -> impl Strategy<Value = Body> {
    prop_oneof![any_content(), any_presence(), any_agents_own(), any_community_body()]
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (vec(any_key_use(), 0..4), any_keys(), any_proofs())
            .prop_map(|(signing, rotation, proofs)| Change::Rotate(Rotate { signing, rotation, proofs })),
        any_keys().prop_map(|keys| Change::Revoke(Revoke { keys })),
        (any_node(), any_home()).prop_map(|(home, signature)| Change::MoveHome(MoveHome { home, signature })),
        any_envelope_id().prop_map(|stands| Change::Resolve(Resolve { stands })),
        (any_keys(), any_keys(), any_proofs()).prop_map(|(keys, rotation, proofs)| Change::NodeRotate(NodeRotate {
            keys,
            rotation,
            proofs
        })),
    ]
}

fn any_header() -> impl Strategy<Value = Header> {
    let who = (any_network(), any_author(), any_envelope_id(), any_key(), any_scope());
    let place = (any::<u64>(), any::<u64>(), option::of(any_envelope_id()), any::<u64>());
    let what = (any::<u16>(), 1u32..=48 * 1024, any::<[u8; 32]>());
    (who, place, what).prop_map(|((network, author, auth, key, scope), (epoch, seq, prev, time), what)| Header {
        version: 1,
        network,
        author,
        auth,
        key,
        scope,
        epoch: Epoch(epoch),
        seq,
        prev,
        time_ms: TimeMs(time),
        kind: Kind(what.0),
        body_len: what.1,
        body_hash: what.2.into(),
    })
}

fn inverse<T>(value: &T) -> Result<(), TestCaseError>
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let bytes = cbor::encode(value);
    prop_assert_eq!(cbor::check(&bytes), Ok(()));
    prop_assert_eq!(&cbor::decode::<T>(&bytes, bytes.len()).unwrap(), value);
    prop_assert!(cbor::decode::<T>(&bytes, bytes.len() - 1).is_err(), "one byte over what is allowed");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn bodies(body in any_body()) {
        let bytes = body.encode().unwrap();
        prop_assert_eq!(Body::decode(body.kind(), &bytes).unwrap(), Some(body));
    }

    #[test]
    fn changes(change in any_change()) {
        prop_assert_eq!(Change::decode(change.kind(), &change.encode()).unwrap(), Some(change));
    }

    #[test]
    fn headers(header in any_header()) {
        inverse(&header)?;
        prop_assert!(cbor::encode(&header).len() <= tidepool_protocol::limits::HEADER_BYTES_MAX);
    }

    #[test]
    fn cores_and_geneses(
        signing in vec(any_key_use(), 0..4),
        (keys, rotation, proofs, home_word) in (any_keys(), any_keys(), any_proofs(), any_home()),
        home in any_node(),
        handle in "[A-Za-z0-9_-]{3,30}",
        (random, nonce) in (any_salt(), any::<u64>()),
    ) {
        let core = AgentCore { signing, rotation: rotation.clone(), home, handle, random };
        inverse(&core)?;
        inverse(&AgentGenesis { core: ByteBuf::from(cbor::encode(&core)), proofs: proofs.clone(), home: home_word, nonce })?;
        let core = NodeCore { keys, rotation, random };
        inverse(&core)?;
        inverse(&NodeGenesis { core: ByteBuf::from(cbor::encode(&core)), proofs, nonce })?;
    }

    #[test]
    fn operation_bodies(
        (chain_seq, nonce) in any::<(u64, u64)>(),
        change in vec(any::<u8>(), 0..300),
        cosigners in vec((any_key(), any_signature()).prop_map(|(key, signature)| Cosignature { key, signature }), 0..4),
    ) {
        inverse(&OperationBody { chain_seq, change: ByteBuf::from(change), cosigners, nonce })?;
    }

    #[test]
    fn network_documents(
        (name, created_ms) in (some_text(64), any::<u64>()),
        communities in prop::collection::btree_set(any_community(), 0..5),
        (agent_work_bits, node_work_bits, shards, generation) in (0u8..=32, 0u8..=32, 0u32..=10, any::<u32>()),
        (log_burst, log_per_hour) in any::<(u64, u64)>(),
    ) {
        let shards = 1 << shards;
        let params = NetworkParams { agent_work_bits, node_work_bits, log_burst, log_per_hour, shards, generation };
        let created_ms = TimeMs(created_ms);
        let genesis =
            NetworkGenesis { version: 1, name, created_ms, communities: communities.into_iter().collect(), params };
        inverse(&genesis)?;
        prop_assert_eq!(&NetworkGenesis::decode(&genesis.encode()).unwrap(), &genesis);
        prop_assert_eq!(NetworkGenesis::from_json(&genesis.to_json()).unwrap(), genesis);
    }

    #[test]
    fn bundles(envelopes in vec(vec(any::<u8>(), 0..300), 1..5), identities in vec(vec(any::<u8>(), 0..300), 0..5)) {
        let bundle = Bundle {
            envelopes: envelopes.into_iter().map(Bytes::from).collect(),
            identities: identities.into_iter().map(Bytes::from).collect(),
        };
        prop_assert_eq!(Bundle::decode(&bundle.encode()).unwrap(), bundle);
    }

    #[test]
    fn texts(
        (agent, node, author, id, key) in (any_agent(), any_node(), any_author(), any_envelope_id(), any_key()),
        scope in any_scope(),
    ) {
        prop_assert_eq!(agent.to_string().parse::<AgentId>().unwrap(), agent);
        prop_assert_eq!(node.to_string().parse::<NodeId>().unwrap(), node);
        prop_assert_eq!(author.to_string().parse::<AuthorId>().unwrap(), author);
        prop_assert_eq!(id.to_string().parse::<EnvelopeId>().unwrap(), id);
        prop_assert_eq!(key.to_string().parse::<PublicKey>().unwrap(), key);
        prop_assert_eq!(scope.to_string().parse::<Scope>().unwrap(), scope);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn envelopes(header in any_header(), body in any_body(), seed in any::<[u8; 32]>()) {
        let Header { network, author, auth, scope, epoch, seq, prev, time_ms, kind, .. } = header;
        let bytes = body.encode().unwrap();
        let draft = Draft { network, author, auth, scope, epoch, seq, prev, time_ms, kind, body: bytes.clone() };
        let signed = draft.sign(&SecretKey::from_seed(seed));
        let received = Envelope::decode(signed.bytes().clone()).unwrap();
        prop_assert_eq!(&received, &*signed);
        prop_assert_eq!(received.body(), Some(&bytes[..]));
        prop_assert_eq!(verify(received).unwrap(), signed);
    }
}
