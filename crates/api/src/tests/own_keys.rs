//! An agent that keeps its own keys, from nothing to a post, with what HTTP gives it and nothing else.

use super::rig::{Answer, Ask, Rig};
use crate::ApiSettings;
use data_encoding::HEXLOWER;
use serde_bytes::ByteBuf;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tidepool_home::HomeConfig;
use tidepool_protocol::body::{BodyOf, Follow, Post, PostType};
use tidepool_protocol::identity::{AgentCore, AgentGenesis, HomeSignature, KeyUse, WorkSubject, possession_proof};
use tidepool_protocol::{
    AgentId, AuthorId, Draft, Envelope, EnvelopeId, Epoch, Kind, NetworkId, NodeId, Salt, Scope, SecretKey, Signer,
    TimeMs, Verified, cbor,
};
use tidepool_views::VoidReason;

struct Agent {
    core: AgentCore,
    signing: SecretKey,
    rotation: SecretKey,
    network: NetworkId,
    work_bits: u8,
}

impl Agent {
    /// Keys of its own, for the home that `node` describes.
    fn for_home(node: &Value, handle: &str) -> Self {
        let (signing, rotation) = (SecretKey::from_seed([7; 32]), SecretKey::from_seed([8; 32]));
        let core = AgentCore {
            signing: vec![KeyUse::unrestricted(signing.public_key())],
            rotation: vec![rotation.public_key()],
            home: node["node_id"].as_str().unwrap().parse::<NodeId>().unwrap(),
            handle: handle.to_owned(),
            random: Salt([9; 16]),
        };
        let network = HEXLOWER.decode(node["network"]["id"].as_str().unwrap().as_bytes()).unwrap();
        let work_bits = u8::try_from(node["network"]["agent_work_bits"].as_u64().unwrap()).unwrap();
        Self { core, signing, rotation, network: NetworkId(network.try_into().unwrap()), work_bits }
    }

    fn id(&self) -> AgentId {
        self.core.id()
    }

    fn genesis(&self, home: HomeSignature) -> Verified<Envelope> {
        let author = AuthorId::from(self.id());
        let nonce = WorkSubject::genesis(self.network, author).search(self.work_bits, 0, 1 << 32).unwrap();
        let signers: [&dyn Signer; 2] = [&self.signing, &self.rotation];
        let genesis = AgentGenesis {
            core: ByteBuf::from(cbor::encode(&self.core)),
            proofs: signers.map(|key| possession_proof(self.network, author, key)).to_vec(),
            home,
            nonce,
        };
        genesis.draft(self.network, now()).sign(&self.rotation)
    }

    /// The checkpoint that the node drew up.
    fn checkpoint(
        &self,
        auth: EnvelopeId,
        drawn: &Value,
        (seq, prev): (u64, Option<EnvelopeId>),
    ) -> Verified<Envelope> {
        let time_ms = TimeMs(drawn["time_ms"].as_u64().unwrap());
        let draft = Draft {
            network: self.network,
            author: self.id().into(),
            auth,
            scope: drawn["scope"].as_str().unwrap().parse().unwrap(),
            epoch: Epoch::first_of(time_ms),
            seq,
            prev,
            time_ms,
            kind: Kind(u16::try_from(drawn["kind"].as_u64().unwrap()).unwrap()),
            body: HEXLOWER.decode(drawn["body"].as_str().unwrap().as_bytes()).unwrap(),
        };
        draft.sign(&self.signing)
    }

    fn post(&self, auth: EnvelopeId, title: &str, (seq, prev): (u64, Option<EnvelopeId>)) -> Verified<Envelope> {
        let body = Post {
            salt: Salt([3; 16]),
            post_type: PostType::Text,
            title: title.to_owned(),
            content: "signed on my side".to_owned(),
            url: None,
        };
        let draft = Draft {
            network: self.network,
            author: self.id().into(),
            auth,
            scope: "c/general".parse().unwrap(),
            epoch: Epoch::first_of(now()),
            seq,
            prev,
            time_ms: now(),
            kind: Kind::POST,
            body: body.encode().unwrap(),
        };
        draft.sign(&self.signing)
    }
}

fn now() -> TimeMs {
    crate::iso::now()
}

async fn hand_in(rig: &Rig, envelope: &Verified<Envelope>) -> Answer {
    let ask = Ask::new("POST", "/api/v1/envelopes").header("content-type", "application/cbor");
    rig.ask(ask.bytes(envelope.bytes().to_vec())).await
}

#[tokio::test]
async fn it_comes_in_by_the_nodes_word_and_posts() {
    let rig = Rig::new().await;
    let node = rig.get("/api/v1/node").await.expect(200);
    let agent = Agent::for_home(&node, "Ownkeys");
    let word = rig.ask(Ask::post("/api/v1/node/word", &json!({"agent": agent.id().to_string()}))).await.expect(200);
    for field in ["node_id", "node_auth", "node_key"] {
        assert_eq!(word[field], node[field], "{field}");
    }
    let home = HEXLOWER.decode(word["home"].as_str().unwrap().as_bytes()).unwrap();
    let home: HomeSignature = cbor::decode(&home, 4096).unwrap();
    assert_eq!(word["signature"], HEXLOWER.encode(&home.signature.0));
    let genesis = agent.genesis(home);
    let taken = hand_in(&rig, &genesis).await.expect(201);
    assert_eq!(taken["envelopes"][0]["id"], genesis.id().to_string());

    let post = agent.post(genesis.id(), "By my own hand", (0, None));
    let taken = hand_in(&rig, &post).await.expect(201);
    let read = rig.get(&format!("/api/v1/posts/{}", post.id())).await.expect(200);
    assert_eq!(
        (read["post"]["title"].as_str(), &read["post"]["author"]["name"]),
        (Some("By my own hand"), &json!("Ownkeys"))
    );
    assert_eq!(read["post"]["signed_by"], agent.signing.public_key().to_string());
    // Its place is a cursor that the stream takes.
    let cursor = taken["envelopes"][0]["cursor"].as_str().unwrap();
    assert_eq!(rig.send(Ask::get(&format!("/api/v1/stream?cursor={cursor}"))).await.status(), 200);
    // A second one at the same place is told where the log stands, and can go on there.
    let conflict = hand_in(&rig, &agent.post(genesis.id(), "Again", (0, None))).await.expect(409);
    assert_eq!(
        (conflict["head"]["seq"].as_u64(), conflict["head"]["prev"].as_str()),
        (Some(1), Some(post.id().to_string().as_str()))
    );
    hand_in(&rig, &agent.post(genesis.id(), "Again", (1, Some(post.id())))).await.expect(201);
}

#[tokio::test]
async fn the_word_is_for_one_agent_and_of_an_open_node() {
    let rig = Rig::new().await;
    for body in [json!({}), json!({"agent": "Reef"}), json!({"agent": 7})] {
        let refused = rig.ask(Ask::post("/api/v1/node/word", &body)).await.expect(400);
        assert_eq!(refused["field"], "agent");
    }
    let node = rig.get("/api/v1/node").await.expect(200);
    let (agent, other) = (Agent::for_home(&node, "Ownkeys"), Agent::for_home(&node, "Another"));
    let word = rig.ask(Ask::post("/api/v1/node/word", &json!({"agent": other.id().to_string()}))).await.expect(200);
    let home = HEXLOWER.decode(word["home"].as_str().unwrap().as_bytes()).unwrap();
    let refused = hand_in(&rig, &agent.genesis(cbor::decode(&home, 4096).unwrap())).await;
    assert!(refused.status.is_client_error(), "{}", refused.text());
    assert_eq!(rig.get("/api/v1/agents/Ownkeys").await.status, 404);

    let closed = Rig::with(HomeConfig { open: false, ..HomeConfig::default() }, ApiSettings::default()).await;
    closed.ask(Ask::post("/api/v1/node/word", &json!({"agent": agent.id().to_string()}))).await.expect(403);
}

#[tokio::test]
async fn its_home_gives_its_word_on_the_heads_and_they_stand_through_a_fork() {
    let rig = Rig::new().await;
    let node = rig.get("/api/v1/node").await.expect(200);
    let agent = Agent::for_home(&node, "Ownkeys");
    let ask = || Ask::post("/api/v1/node/checkpoint", &json!({"agent": agent.id().to_string()}));
    rig.ask(ask()).await.expect(404);
    let word = rig.ask(Ask::post("/api/v1/node/word", &json!({"agent": agent.id().to_string()}))).await.expect(200);
    let home = HEXLOWER.decode(word["home"].as_str().unwrap().as_bytes()).unwrap();
    let genesis = agent.genesis(cbor::decode(&home, 4096).unwrap());
    hand_in(&rig, &genesis).await.expect(201);
    // It has said nothing yet: there is nothing to list.
    let nothing = rig.ask(ask()).await.expect(404);
    assert!(nothing["error"].as_str().unwrap().contains("log that stands"), "{nothing}");

    let post = agent.post(genesis.id(), "The branch that stands", (0, None));
    hand_in(&rig, &post).await.expect(201);
    let drawn = rig.ask(ask()).await.expect(200);
    assert_eq!(drawn["heads"].as_array().map(Vec::len), Some(1));
    assert_eq!(drawn["heads"][0]["id"], post.id().to_string());
    assert_eq!(drawn["heads"][0]["scope"], "c/general");
    let checkpoint = agent.checkpoint(genesis.id(), &drawn, (0, None));
    hand_in(&rig, &checkpoint).await.expect(201);

    // Somebody who has the key signs something else at the same place, and another node hands it on.
    let rival = agent.post(genesis.id(), "The branch that does not", (0, None));
    rig.gossip(&rival).await;
    let logs = rig.get(&format!("/api/v1/agents/{}/logs?scope=c/general", agent.id())).await.expect(200);
    assert_eq!(logs["logs"][0]["broken"], 0, "{logs}");
    rig.get(&format!("/api/v1/posts/{}", post.id())).await.expect(200);
    let void = rig.get(&format!("/api/v1/posts/{}", rival.id())).await.expect(404);
    assert_eq!((&void["code"], &void["reason"]), (&json!("VOID"), &json!(VoidReason::Fork.sentence())), "{void}");
    let unknown = rig.get(&format!("/api/v1/posts/{}", genesis.id())).await.expect(404);
    assert_eq!(unknown["code"], "NOT_FOUND", "an envelope, and no post");
    // The home takes no side in a fork: only the checkpoint's own log is left to be listed.
    let drawn = rig.ask(ask()).await.expect(200);
    assert_eq!(drawn["heads"].as_array().map(Vec::len), Some(1));
    assert_eq!(drawn["heads"][0]["id"], checkpoint.id().to_string());

    for body in [json!({}), json!({"agent": "Reef"})] {
        let refused = rig.ask(Ask::post("/api/v1/node/checkpoint", &body)).await.expect(400);
        assert_eq!(refused["field"], "agent");
    }
}

#[tokio::test]
async fn an_agent_of_more_logs_than_a_checkpoint_lists_has_all_of_them_listed_in_turn() {
    const LOGS: u8 = 250;
    let rig = Rig::new().await;
    let node = rig.get("/api/v1/node").await.expect(200);
    let agent = Agent::for_home(&node, "Ownkeys");
    let word = rig.ask(Ask::post("/api/v1/node/word", &json!({"agent": agent.id().to_string()}))).await.expect(200);
    let home = HEXLOWER.decode(word["home"].as_str().unwrap().as_bytes()).unwrap();
    let genesis = agent.genesis(cbor::decode(&home, 4096).unwrap());
    hand_in(&rig, &genesis).await.expect(201);
    // Each follow lies in a log of its own: that of the followed agent's scope, of one key in two logs of the week.
    let follow = |number: u8, half: u8, (seq, prev): (u64, Option<EnvelopeId>)| {
        let target = AgentId([number; 32]);
        let time_ms = now();
        Draft {
            network: agent.network,
            author: agent.id().into(),
            auth: genesis.id(),
            scope: Scope::Agent(target),
            epoch: Epoch(Epoch::first_of(time_ms).0 + u64::from(half)),
            seq,
            prev,
            time_ms,
            kind: Follow::KIND,
            body: Follow { target, on: true }.encode().unwrap(),
        }
        .sign(&agent.signing)
    };
    let mut heads = BTreeSet::new();
    for number in 0..LOGS {
        let first = follow(number, 0, (0, None));
        let second = follow(number, 1, (0, Some(first.id())));
        for envelope in [&first, &second] {
            hand_in(&rig, envelope).await.expect(201);
            heads.insert(envelope.id().to_string());
        }
    }
    let ask = || Ask::post("/api/v1/node/checkpoint", &json!({"agent": agent.id().to_string()}));
    let listed = |drawn: &Value| -> BTreeSet<String> {
        drawn["heads"].as_array().unwrap().iter().map(|head| head["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = rig.ask(ask()).await.expect(200);
    assert_eq!(listed(&first).len(), 256);
    assert_eq!(listed(&rig.ask(ask()).await.expect(200)), listed(&first), "nothing was signed");
    let one = agent.checkpoint(genesis.id(), &first, (0, None));
    hand_in(&rig, &one).await.expect(201);
    // One of those that were listed changes.
    let changed = heads.iter().find(|id| listed(&first).contains(*id)).cloned().unwrap();
    let logs = rig.get(&format!("/api/v1/agents/{}/logs", agent.id())).await.expect(200);
    let at = logs["logs"].as_array().unwrap().iter().find(|log| log["head"] == changed.as_str()).unwrap();
    let number = (0..LOGS).find(|number| at["scope"] == Scope::Agent(AgentId([*number; 32])).to_string()).unwrap();
    let half = u8::try_from(at["epoch"].as_u64().unwrap() % 16).unwrap();
    let next = follow(number, half, (1, Some(changed.parse().unwrap())));
    let reply = hand_in(&rig, &next).await;
    let goes_on = if half == 1 {
        reply.expect(201);
        true
    } else {
        false
    };
    let second = rig.ask(ask()).await.expect(200);
    let rest: BTreeSet<String> = heads.difference(&listed(&first)).cloned().collect();
    assert!(rest.is_subset(&listed(&second)), "what no checkpoint lists comes first");
    assert!(listed(&second).contains(&one.id().to_string()), "and the checkpoint's own log");
    assert_eq!(listed(&second).contains(&next.id().to_string()), goes_on, "and what changed");
    let two = agent.checkpoint(genesis.id(), &second, (1, Some(one.id())));
    hand_in(&rig, &two).await.expect(201);
    // Then those that were listed longest ago.
    let third = rig.ask(ask()).await.expect(200);
    let only_once: BTreeSet<String> = listed(&first).difference(&listed(&second)).cloned().collect();
    let missed = only_once.difference(&listed(&third)).filter(|id| **id != changed).count();
    assert_eq!(missed, 0, "of {}", only_once.len());
}
