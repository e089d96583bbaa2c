//! A peer that we script: it speaks libp2p and the sync protocol, and sends whatever a test wants.

use super::support::{PATIENCE, wait_for};
use bytes::Bytes;
use crossbeam_channel::Receiver;
use serde_bytes::ByteBuf;
use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tidepool_kernel::{Effect, Input, PublishOutcome, Ticket};
use tidepool_net::{InputLanes, Loopback, Net, NetHandle, NetSettings, NetStart};
use tidepool_protocol::body::{BodyOf, Post, PostType};
use tidepool_protocol::identity::{
    AgentCore, AgentGenesis, HomeSignature, KeyUse, NodeCore, NodeGenesis, WorkSubject, possession_proof,
};
use tidepool_protocol::slot::Topic;
use tidepool_protocol::sync::{SyncAnswer, SyncRequest};
use tidepool_protocol::{
    AgentId, AuthorId, Bundle, Draft, Envelope, EnvelopeId, Epoch, NetworkGenesis, NodeId, Salt, Scope, SecretKey,
    Shard, Signer, TimeMs, Verified, cbor,
};

/// Now, by the machine's clock.
pub fn now() -> TimeMs {
    TimeMs(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap())
}

/// An agent of the stranger's own node, with its keys.
pub struct Author {
    pub id: AgentId,
    pub key: SecretKey,
    /// The node's genesis, then the agent's.
    pub chain: Vec<Verified<Envelope>>,
    seq: u64,
    prev: Option<EnvelopeId>,
}

fn seed(number: u8) -> SecretKey {
    let mut seed = [number; 32];
    seed[..4].copy_from_slice(&std::process::id().to_be_bytes());
    seed[4..12].copy_from_slice(&now().0.to_be_bytes());
    SecretKey::from_seed(seed)
}

fn node(key: &SecretKey, time_ms: TimeMs) -> (NodeId, Verified<Envelope>) {
    let genesis = NetworkGenesis::development();
    let rotation = seed(2);
    let core = NodeCore { keys: vec![key.public_key()], rotation: vec![rotation.public_key()], random: Salt([1; 16]) };
    let id = core.id();
    let proofs = [key, &rotation].map(|key| possession_proof(genesis.id(), id.into(), key)).to_vec();
    let nonce = WorkSubject::genesis(genesis.id(), id.into()).search(genesis.params.node_work_bits, 0, u64::MAX);
    let body = NodeGenesis { core: ByteBuf::from(cbor::encode(&core)), proofs, nonce: nonce.unwrap() };
    (id, body.draft(genesis.id(), time_ms).sign(&rotation))
}

impl Author {
    /// An agent named `handle`, at home at a node that has `home_key`.
    pub fn new(handle: &str, home_key: &SecretKey) -> Self {
        Self::began(handle, home_key, now())
    }

    /// The same, with identities that began at `time_ms`.
    pub fn began(handle: &str, home_key: &SecretKey, time_ms: TimeMs) -> Self {
        let genesis = NetworkGenesis::development();
        let (home, home_genesis) = node(home_key, time_ms);
        let (key, rotation) = (seed(3), seed(4));
        let core = AgentCore {
            signing: vec![KeyUse::unrestricted(key.public_key())],
            rotation: vec![rotation.public_key()],
            home,
            handle: handle.to_owned(),
            random: Salt([2; 16]),
        };
        let id = core.id();
        let proofs = [&key, &rotation].map(|key| possession_proof(genesis.id(), id.into(), key)).to_vec();
        let nonce = WorkSubject::genesis(genesis.id(), id.into()).search(genesis.params.agent_work_bits, 0, u64::MAX);
        let word = HomeSignature::by(home_key, home_genesis.id(), genesis.id(), id);
        let body = AgentGenesis { core: ByteBuf::from(cbor::encode(&core)), proofs, home: word, nonce: nonce.unwrap() };
        let own = body.draft(genesis.id(), time_ms).sign(&rotation);
        Self { id, key, chain: vec![home_genesis, own], seq: 0, prev: None }
    }

    /// Goes on in the first log of a later week.
    pub fn next_week(&mut self) {
        self.seq = 0;
    }

    /// Its next post in `general`, signed at `time_ms`.
    pub fn post(&mut self, title: &str, time_ms: TimeMs) -> Verified<Envelope> {
        let envelope = self.fork(title, time_ms);
        self.seq += 1;
        self.prev = Some(envelope.id());
        envelope
    }

    /// A post where its next one stands; the next one stands there, too.
    pub fn fork(&mut self, title: &str, time_ms: TimeMs) -> Verified<Envelope> {
        let body = Post {
            salt: Salt([9; 16]),
            post_type: PostType::Text,
            title: title.to_owned(),
            content: "from a stranger".to_owned(),
            url: None,
        };
        Draft {
            network: NetworkGenesis::development().id(),
            author: self.id.into(),
            auth: self.chain[1].id(),
            scope: "c/general".parse::<Scope>().unwrap(),
            epoch: Epoch::first_of(time_ms),
            seq: self.seq,
            prev: self.prev,
            time_ms,
            kind: Post::KIND,
            body: body.encode().unwrap(),
        }
        .sign(&self.key)
    }
}

/// The peer.
pub struct Stranger {
    runtime: tokio::runtime::Runtime,
    net: NetHandle,
    inputs: Receiver<Input>,
    /// Chains that it serves to whoever asks.
    served: BTreeMap<AuthorId, Vec<Bytes>>,
    tickets: u64,
}

/// The topic of the community `general`.
pub fn topic() -> Topic {
    let genesis = NetworkGenesis::development();
    let slot = "c/general".parse::<Scope>().unwrap().slot();
    Topic::Shard { generation: genesis.params.generation, shard: Shard::of(slot, genesis.params.shards).unwrap() }
}

impl Stranger {
    /// Joins the network by `address`, with the key `key`, and waits until the node there is subscribed.
    pub fn join(address: &str, key: &SecretKey) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (sender, inputs) = crossbeam_channel::unbounded();
        let settings = NetSettings {
            listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
            seeds: vec![address.parse().unwrap()],
            loopback: Loopback::On,
            ..NetSettings::default()
        };
        let start = NetStart {
            settings,
            network: NetworkGenesis::development().id(),
            key: key.clone(),
            inputs: InputLanes::from(sender),
            known_peers: Vec::new(),
        };
        let (net, _) = runtime.block_on(Net::start(start)).unwrap();
        let mut stranger = Self { runtime, net, inputs, served: BTreeMap::new(), tickets: 0 };
        for topic in all_topics() {
            assert!(stranger.net.effect(Effect::Join(topic)).is_none());
        }
        let wanted = topic();
        stranger.until("the node's subscription", |input| {
            matches!(input, Input::PeerSubscribed { topic, .. } if *topic == wanted).then_some(())
        });
        stranger
    }

    /// From now on, serves this author's chain.
    pub fn serve(&mut self, author: &Author) {
        let chain = author.chain.iter().map(|operation| operation.bytes().clone()).collect();
        self.served.insert(author.id.into(), chain);
    }

    /// Publishes a frame as it is, until gossip took it.
    pub fn publish(&mut self, frame: &Bytes) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        wait_for("a publish", || {
            let effect = Effect::Publish { ticket, topic: topic(), frame: frame.clone() };
            if self.net.effect(effect).is_some() {
                return None;
            }
            let outcome = self.until("the outcome of a publish", |input| match input {
                Input::Published { ticket: of, outcome } if *of == ticket => Some(*outcome),
                _ => None,
            });
            match outcome {
                PublishOutcome::Sent | PublishOutcome::Duplicate => Some(()),
                PublishOutcome::NoPeers | PublishOutcome::QueuesFull => None,
                PublishOutcome::Refused => panic!("gossip refused a frame of {} bytes", frame.len()),
            }
        });
    }

    /// Publishes envelopes as a bundle without chains.
    pub fn publish_envelopes(&mut self, envelopes: &[&Verified<Envelope>]) {
        let envelopes = envelopes.iter().map(|envelope| envelope.bytes().clone()).collect();
        self.publish(&Bundle { envelopes, identities: Vec::new() }.encode());
    }

    /// Answers requests until `condition` holds.
    pub fn serve_until<T>(&mut self, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
        wait_for(what, || {
            while let Ok(input) = self.inputs.try_recv() {
                self.react(&input);
            }
            condition()
        })
    }

    /// Waits until gossip brought all of these envelopes. It asks for nothing.
    pub fn hear(&mut self, ids: &[String]) {
        let mut missing: std::collections::BTreeSet<String> = ids.iter().cloned().collect();
        self.until("gossip of what was said alone", |input| {
            if let Input::Gossip { frame, .. } = input {
                for bytes in Bundle::decode(frame).unwrap().envelopes {
                    missing.remove(&Envelope::decode(bytes).unwrap().id().to_string());
                }
            }
            missing.is_empty().then_some(())
        });
    }

    fn until<T>(&mut self, what: &str, mut found: impl FnMut(&Input) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let input = self.inputs.recv_deadline(deadline).unwrap_or_else(|_| panic!("{what} did not come"));
            self.react(&input);
            if let Some(found) = found(&input) {
                return found;
            }
        }
    }

    /// Plays a node that holds nothing but the chains it serves.
    fn react(&self, input: &Input) {
        let Input::Request { channel, frame, .. } = input else { return };
        let answer = match SyncRequest::decode(frame) {
            Ok(SyncRequest::Identity(authors)) => {
                let chains = authors.iter().filter_map(|author| self.served.get(author)).flatten().cloned();
                SyncAnswer::Envelopes { envelopes: chains.collect(), next: None, gone: Vec::new() }
            }
            Ok(_) | Err(_) => SyncAnswer::Busy,
        };
        let _ = self.net.effect(Effect::Respond { channel: *channel, frame: answer.encode() });
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.runtime.block_on(self.net.stop());
    }
}

pub fn all_topics() -> impl Iterator<Item = Topic> {
    let params = NetworkGenesis::development().params;
    (0..params.shards)
        .map(move |shard| Topic::Shard { generation: params.generation, shard: Shard(shard) })
        .chain([Topic::Ctl])
}
