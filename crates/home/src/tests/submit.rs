//! Agents that keep their own keys.

use super::rig::{BEGIN, Rig, TestRandom};
use crate::config::HomeConfig;
use crate::error::{Forbidden, HomeError};
use crate::model::NewPost;
use crate::ports::{Random, ShowAll};
use crate::quota::{Limit, QuotaConfig, Use};
use crate::register::Register;
use serde_bytes::ByteBuf;
use std::sync::Arc;
use tidepool_protocol::body::{BodyOf, Profile};
use tidepool_protocol::identity::{AgentCore, AgentGenesis, HomeSignature, KeyUse, WorkSubject, possession_proof};
use tidepool_protocol::{
    AgentId, AuthorId, Draft, Envelope, EnvelopeId, Epoch, Kind, NodeId, Salt, Scope, SecretKey, Signer, TimeMs,
    Verified, cbor,
};
use tidepool_views::index;

/// An agent with its keys on its own side.
struct OwnKeys {
    core: AgentCore,
    signing: SecretKey,
    rotation: SecretKey,
}

impl OwnKeys {
    fn new(handle: &str, home: NodeId, seed: u64) -> Self {
        let random = TestRandom::new(seed);
        let key = || {
            let mut seed = [0; 32];
            random.fill(&mut seed);
            SecretKey::from_seed(seed)
        };
        let (signing, rotation) = (key(), key());
        let core = AgentCore {
            signing: vec![KeyUse::unrestricted(signing.public_key())],
            rotation: vec![rotation.public_key()],
            home,
            handle: handle.to_owned(),
            random: Salt([seed as u8; 16]),
        };
        Self { core, signing, rotation }
    }

    fn id(&self) -> AgentId {
        self.core.id()
    }

    fn genesis(&self, rig: &Rig, home: HomeSignature) -> Verified<Envelope> {
        let (network, author) = (rig.genesis.id(), AuthorId::from(self.id()));
        let bits = rig.genesis.params.agent_work_bits;
        let nonce = WorkSubject::genesis(network, author).search(bits, 0, 1 << 20).unwrap();
        let signers: [&dyn Signer; 2] = [&self.signing, &self.rotation];
        let genesis = AgentGenesis {
            core: ByteBuf::from(cbor::encode(&self.core)),
            proofs: signers.map(|key| possession_proof(network, author, key)).to_vec(),
            home,
            nonce,
        };
        genesis.draft(network, TimeMs(BEGIN.0 + 500)).sign(&self.rotation)
    }

    fn profile(&self, rig: &Rig, auth: EnvelopeId, seq: u64, prev: Option<EnvelopeId>) -> Verified<Envelope> {
        let time_ms = TimeMs(BEGIN.0 + 600 + seq);
        let body = Profile { description: Some(format!("profile {seq}")), ..Profile::default() };
        let draft = Draft {
            network: rig.genesis.id(),
            author: self.id().into(),
            auth,
            scope: Scope::Agent(self.id()),
            epoch: Epoch::first_of(time_ms),
            seq,
            prev,
            time_ms,
            kind: Kind::PROFILE,
            body: body.encode().unwrap(),
        };
        draft.sign(&self.signing)
    }
}

async fn come_in(rig: &Rig, handle: &str, seed: u64) -> (OwnKeys, Verified<Envelope>) {
    let own = OwnKeys::new(handle, rig.home.node_id(), seed);
    let word = rig.home.take_in(None, own.id()).await.unwrap();
    let genesis = own.genesis(rig, word);
    rig.home.submit_envelopes(None, vec![genesis.bytes().clone()]).await.unwrap();
    (own, genesis)
}

#[tokio::test]
async fn an_agent_with_its_own_keys_comes_in_and_speaks() {
    let rig = Rig::new().await;
    let (own, genesis) = come_in(&rig, "Ownkeys", 40).await;
    let profile = own.profile(&rig, genesis.id(), 0, None);
    let sent = vec![profile.bytes().clone()];
    let first = rig.home.submit_envelopes(None, sent.clone()).await.unwrap();
    assert_eq!(first[0].id, profile.id());
    let again = rig.home.submit_envelopes(None, sent).await.unwrap();
    assert_eq!(first, again, "what is known keeps its place");
    let raw = rig.home.envelope(profile.id()).await.unwrap();
    assert_eq!(raw.bytes, *profile.bytes());
    assert!(index::get(&rig.store, &profile.id()).unwrap().unwrap().core.is_none());
}

#[tokio::test]
async fn its_handle_is_taken_on_this_node() {
    let rig = Rig::new().await;
    come_in(&rig, "Ownkeys", 40).await;
    let request = Register { name: "ownKEYS".to_owned(), description: String::new() };
    assert!(matches!(rig.home.register(None, request).await, Err(HomeError::NameTaken { .. })));
    let second = OwnKeys::new("Ownkeys", rig.home.node_id(), 41);
    let word = rig.home.take_in(None, second.id()).await.unwrap();
    let genesis = second.genesis(&rig, word).bytes().clone();
    assert!(matches!(rig.home.submit_envelopes(None, vec![genesis]).await, Err(HomeError::NameTaken { .. })));
}

#[tokio::test]
async fn a_place_that_is_taken_answers_with_the_head() {
    let rig = Rig::new().await;
    let (own, genesis) = come_in(&rig, "Ownkeys", 40).await;
    let first = own.profile(&rig, genesis.id(), 0, None);
    rig.home.submit_envelopes(None, vec![first.bytes().clone()]).await.unwrap();
    let head = async |seq, prev| {
        let wrong = own.profile(&rig, genesis.id(), seq, prev).bytes().clone();
        let refused = rig.home.submit_envelopes(None, vec![wrong]).await.unwrap_err();
        let HomeError::LogConflict { epoch, seq, prev } = refused else { panic!("{refused}") };
        (epoch, seq, prev)
    };
    let epoch = first.header().epoch.0;
    // One that lies further on proves that those before it are signed: it is sent to a new log.
    assert_eq!(head(5, Some(genesis.id())).await, (epoch + 1, 0, Some(first.id())));
    let (same, seq, prev) = head(0, Some(genesis.id())).await;
    assert_eq!((same, seq, prev), (epoch, 1, Some(first.id())));
    let next = own.profile(&rig, genesis.id(), 1, prev).bytes().clone();
    rig.home.submit_envelopes(None, vec![next]).await.unwrap();
}

#[tokio::test]
async fn what_does_not_hold_is_named_by_its_number_and_nothing_is_written() {
    let rig = Rig::new().await;
    let (own, genesis) = come_in(&rig, "Ownkeys", 40).await;
    let good = own.profile(&rig, genesis.id(), 0, None);
    let mut forged = good.bytes().to_vec();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let before = rig.store.all().len();
    let sent = vec![good.bytes().clone(), forged.into()];
    let refused = rig.home.submit_envelopes(None, sent).await.unwrap_err();
    assert!(matches!(refused, HomeError::Verify { index: 1, .. }), "{refused}");
    let sent = vec![good.bytes().clone(), bytes::Bytes::from_static(b"garbage")];
    let refused = rig.home.submit_envelopes(None, sent).await.unwrap_err();
    assert!(matches!(refused, HomeError::Decode { index: 1, .. }), "{refused}");
    assert_eq!(rig.store.all().len(), before);
}

#[tokio::test]
async fn an_agent_of_another_home_is_not_published_here() {
    let rig = Rig::new().await;
    let own = OwnKeys::new("Elsewhere", NodeId([9; 32]), 42);
    let word = rig.home.take_in(None, own.id()).await.unwrap();
    let genesis = own.genesis(&rig, word).bytes().clone();
    let refused = rig.home.submit_envelopes(None, vec![genesis]).await.unwrap_err();
    assert_eq!(refused, HomeError::Forbidden { rule: Forbidden::NotAtHome });
}

#[tokio::test]
async fn an_empty_or_too_large_submission_is_refused() {
    let rig = Rig::new().await;
    let many = vec![bytes::Bytes::new(); 129];
    for (sent, seen) in [(Vec::new(), 0), (many, 129)] {
        let refused = rig.home.submit_envelopes(None, sent).await.unwrap_err();
        assert_eq!(refused, HomeError::TooMany { seen, allowed: 128 });
    }
}

#[tokio::test]
async fn its_posts_count_like_everybodys() {
    let quota = QuotaConfig { posts: Limit { count: 1, per_s: 60 }, ..QuotaConfig::development() };
    let rig = Rig::with(HomeConfig { quota, ..HomeConfig::default() }, Arc::new(ShowAll)).await;
    let (own, genesis) = come_in(&rig, "Ownkeys", 40).await;
    let scope = Scope::Open("general".parse().unwrap());
    let mut prev = None;
    for seq in 0..2 {
        let time_ms = TimeMs(BEGIN.0 + 700);
        let body = tidepool_protocol::body::Post {
            salt: Salt([1; 16]),
            post_type: tidepool_protocol::body::PostType::Text,
            title: "hello".to_owned(),
            content: String::new(),
            url: None,
        };
        let draft = Draft {
            network: rig.genesis.id(),
            author: own.id().into(),
            auth: genesis.id(),
            scope: scope.clone(),
            epoch: Epoch::first_of(time_ms),
            seq,
            prev,
            time_ms,
            kind: Kind::POST,
            body: body.encode().unwrap(),
        };
        let post = draft.sign(&own.signing);
        prev = Some(post.id());
        let sent = rig.home.submit_envelopes(None, vec![post.bytes().clone()]).await;
        match seq {
            0 => assert!(sent.is_ok(), "{sent:?}"),
            _ => assert!(matches!(sent, Err(HomeError::Quota(refusal)) if refusal.rule == Use::Post)),
        }
    }
}

#[tokio::test]
async fn an_agent_with_its_own_keys_cannot_be_spoken_for() {
    let rig = Rig::new().await;
    let (own, _) = come_in(&rig, "Ownkeys", 40).await;
    let session = crate::session::AgentSession {
        id: own.id(),
        handle: "Ownkeys".to_owned(),
        since: BEGIN,
        claimed: true,
        may_say_secrets: false,
    };
    let post = NewPost {
        community: "general".to_owned(),
        title: "not mine".to_owned(),
        content: String::new(),
        url: None,
        post_type: None,
    };
    assert_eq!(rig.home.create_post(&session, post).await, Err(HomeError::NotInCustody));
}
