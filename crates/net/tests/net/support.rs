//! A node whose kernel is the test: inputs are read from its queue, effects are handed to its network.

use crossbeam_channel::{Receiver, bounded};
use std::future::Future;
use std::time::{Duration, Instant};
use tidepool_kernel::{Effect, GossipId, Input, Peer, RequestFailure, RequestId, Verdict};
use tidepool_net::{InputLanes, KnownPeer, Multiaddr, Net, NetError, NetHandle, NetSettings, NetStart, NetStatus};
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{NetworkGenesis, NetworkId, SecretKey, Shard, Signer};
use tokio::task::JoinHandle;

/// No condition takes longer, even on a machine that does much else.
pub const DEADLINE: Duration = Duration::from_secs(60);

pub const TOPIC: Topic = Topic::Shard { generation: 0, shard: Shard(1) };

pub fn network() -> NetworkId {
    NetworkGenesis::development().id()
}

pub fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

pub struct Node {
    pub net: NetHandle,
    pub peer: Peer,
    pub task: JoinHandle<()>,
    inputs: Receiver<Input>,
    seen: Vec<Input>,
    next: u64,
}

/// How a node of a test differs from the default.
pub struct Plan {
    pub seed: u8,
    pub settings: NetSettings,
    pub network: NetworkId,
    pub queue: usize,
    pub known: Vec<KnownPeer>,
}

impl Plan {
    pub fn new(seed: u8) -> Self {
        let listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
        let settings = NetSettings { listen, ..NetSettings::default() };
        Self { seed, settings, network: network(), queue: 4_096, known: Vec::new() }
    }

    pub fn listen(mut self, address: &str) -> Self {
        self.settings.listen = vec![address.parse().unwrap()];
        self
    }

    pub fn seeds(mut self, seeds: impl IntoIterator<Item = Multiaddr>) -> Self {
        self.settings.seeds = seeds.into_iter().collect();
        self
    }

    pub async fn start(self) -> Node {
        self.try_start().await.unwrap()
    }

    pub async fn try_start(self) -> Result<Node, NetError> {
        let (sender, inputs) = bounded(self.queue);
        let key = key(self.seed);
        let peer = key.public_key();
        let (net, task) = Net::start(NetStart {
            settings: self.settings,
            network: self.network,
            key,
            inputs: InputLanes::from(sender),
            known_peers: self.known,
        })
        .await?;
        Ok(Node { net, peer, task, inputs, seen: Vec::new(), next: 0 })
    }
}

impl Node {
    pub fn address(&self) -> Multiaddr {
        self.net.status().borrow().listen[0].clone()
    }

    pub fn effect(&self, effect: Effect) {
        assert_eq!(self.net.effect(effect), None, "the queue to the swarm is full");
    }

    pub fn join(&self, topic: Topic) {
        self.effect(Effect::Join(topic));
    }

    /// The first input, old or new, of which `pick` makes something; it is taken, the others stay.
    pub fn input<T>(&mut self, what: &str, mut pick: impl FnMut(&Input) -> Option<T>) -> T {
        if let Some(place) = self.seen.iter().position(|input| pick(input).is_some()) {
            return pick(&self.seen.remove(place)).unwrap();
        }
        let deadline = Instant::now() + DEADLINE;
        tokio::task::block_in_place(|| {
            loop {
                let input = self.inputs.recv_deadline(deadline).unwrap_or_else(|_| panic!("{what}: not in time"));
                match pick(&input) {
                    Some(picked) => return picked,
                    None => self.seen.push(input),
                }
            }
        })
    }

    /// Whether such an input has come so far.
    pub fn has_seen(&mut self, pick: impl Fn(&Input) -> bool) -> bool {
        self.seen.extend(self.inputs.try_iter());
        self.seen.iter().any(pick)
    }

    pub fn connected(&mut self, to: Peer) {
        self.input("connected", |input| (*input == Input::PeerConnected { peer: to }).then_some(()));
    }

    pub fn disconnected(&mut self, from: Peer) {
        self.input("disconnected", |input| (*input == Input::PeerDisconnected { peer: from }).then_some(()));
    }

    pub fn subscribed(&mut self, who: Peer, to: Topic) {
        self.input("subscribed", |input| (*input == Input::PeerSubscribed { peer: who, topic: to }).then_some(()));
    }

    /// The same for a topic that this node did not join: then only the status tells.
    pub async fn subscribed_later(&self, who: Peer, to: Topic) {
        let name = to.name(network());
        let joined =
            |status: &NetStatus| status.peers.iter().any(|peer| peer.peer == who && peer.topics.contains(&name));
        self.status("subscribed", joined).await;
    }

    /// The next outcome of a publish, if one is there already.
    pub fn outcome_if_there(&mut self) -> Option<tidepool_kernel::PublishOutcome> {
        self.seen.extend(self.inputs.try_iter());
        let place = self.seen.iter().position(|input| matches!(input, Input::Published { .. }))?;
        match self.seen.remove(place) {
            Input::Published { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    /// A frame that is there already.
    pub fn frame_if_there(&mut self) -> Option<GossipId> {
        self.seen.extend(self.inputs.try_iter());
        let place = self.seen.iter().position(|input| matches!(input, Input::Gossip { .. }))?;
        match self.seen.remove(place) {
            Input::Gossip { id, .. } => Some(id),
            _ => None,
        }
    }

    pub fn frame(&mut self) -> (GossipId, Peer, Topic, Vec<u8>) {
        self.input("a frame", |input| match input {
            Input::Gossip { id, from, topic, frame } => Some((*id, *from, *topic, frame.to_vec())),
            _ => None,
        })
    }

    pub fn judge(&self, id: GossipId, verdict: Verdict) {
        self.effect(Effect::Judge { id, verdict });
    }

    pub fn publish(&mut self, topic: Topic, frame: impl Into<Vec<u8>>) -> tidepool_kernel::PublishOutcome {
        let ticket = tidepool_kernel::Ticket(self.next);
        self.next += 1;
        self.effect(Effect::Publish { ticket, topic, frame: frame.into().into() });
        self.input("an outcome", |input| match input {
            Input::Published { ticket: of, outcome } if *of == ticket => Some(*outcome),
            _ => None,
        })
    }

    pub fn ask(&mut self, peer: Peer, frame: impl Into<Vec<u8>>) -> RequestId {
        let request = RequestId(self.next);
        self.next += 1;
        self.effect(Effect::Request { request, peer, frame: frame.into().into() });
        request
    }

    pub fn answer_to(&mut self, request: RequestId) -> Result<Vec<u8>, RequestFailure> {
        self.input("an answer", |input| match input {
            Input::Response { request: of, result } if *of == request => {
                Some(result.as_ref().map(|frame| frame.to_vec()).map_err(|failure| *failure))
            }
            _ => None,
        })
    }

    pub fn request(&mut self) -> (Peer, tidepool_kernel::Channel, Vec<u8>) {
        self.input("a request", |input| match input {
            Input::Request { from, channel, frame } => Some((*from, *channel, frame.to_vec())),
            _ => None,
        })
    }

    pub async fn status(&self, what: &str, wanted: impl FnMut(&NetStatus) -> bool) -> NetStatus {
        let mut status = self.net.status();
        let found = tokio::time::timeout(DEADLINE, status.wait_for(wanted)).await;
        found.unwrap_or_else(|_| panic!("{what}: not in time")).expect("the network runs").clone()
    }

    /// Waits until a counter has at least this value; counters have no waker, so the status' ticks pace the wait.
    pub async fn counted(&self, name: &str, at_least: u64) -> u64 {
        let value = || self.net.counters().each().find(|(known, ..)| *known == name).map(|(.., value)| value).unwrap();
        until(name, || Some(value()).filter(|value| *value >= at_least)).await
    }

    /// The kernel is gone, the handle is not.
    pub fn drop_kernel(self) -> JoinHandle<()> {
        let Self { net, task, inputs, .. } = self;
        drop(inputs);
        // An input for nobody makes the network notice.
        let _ = net.effect(Effect::Request { request: RequestId(0), peer: self.peer, frame: "?".into() });
        task
    }

    pub async fn stop(self) {
        self.net.stop().await;
        tokio::time::timeout(DEADLINE, self.task).await.expect("the network ends").unwrap();
    }
}

/// Waits until `check` gives something; yields between two checks.
pub async fn until<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let waiting = async {
        let mut pace = tokio::time::interval(Duration::from_millis(5));
        loop {
            if let Some(found) = check() {
                return found;
            }
            pace.tick().await;
        }
    };
    within(what, waiting).await
}

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("{what}: not in time"))
}

/// Two nodes that know of one another; the second dialled the first.
pub async fn pair(first: Plan, second: Plan) -> (Node, Node) {
    let mut a = first.start().await;
    let mut b = second.seeds([a.address()]).start().await;
    a.connected(b.peer);
    b.connected(a.peer);
    (a, b)
}

/// The same on one topic, each in the other's mesh.
pub async fn gossiping_pair(first: Plan, second: Plan) -> (Node, Node) {
    let (mut a, mut b) = pair(first, second).await;
    a.join(TOPIC);
    b.join(TOPIC);
    a.subscribed(b.peer, TOPIC);
    b.subscribed(a.peer, TOPIC);
    (a, b)
}
