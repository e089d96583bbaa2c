//! What takes half a minute in a running node, with short times: verdicts that never come, peers that never speak.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::{InputLanes, Net, NetHandle, NetStart};
use crossbeam_channel::{Receiver, bounded};
use tidepool_kernel::{GossipId, Input, Peer, Ticket, Verdict};
use tidepool_protocol::{NetworkGenesis, SecretKey, Shard, Signer};

const DEADLINE: Duration = Duration::from_secs(60);
const TOPIC: Topic = Topic::Shard { generation: 0, shard: Shard(0) };

async fn start(seed: u8, seeds: Vec<multiaddr::Multiaddr>, timing: Timing) -> (NetHandle, Receiver<Input>, Peer) {
    let (sender, inputs) = bounded(1_024);
    let listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    let key = SecretKey::from_seed([seed; 32]);
    let peer = key.public_key();
    let start = NetStart {
        settings: NetSettings { listen, seeds, ..NetSettings::default() },
        network: NetworkGenesis::development().id(),
        key,
        inputs: InputLanes::from(sender),
        known_peers: Vec::new(),
    };
    let (net, _) = Net::start_with(start, timing).await.unwrap();
    (net, inputs, peer)
}

/// The next input of which `pick` makes something; the others are dropped.
fn input<T>(inputs: &Receiver<Input>, what: &str, mut pick: impl FnMut(Input) -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    tokio::task::block_in_place(|| {
        loop {
            let input = inputs.recv_deadline(deadline).unwrap_or_else(|_| panic!("{what}: not in time"));
            if let Some(picked) = pick(input) {
                return picked;
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_never_joined_a_topic_is_dropped_and_dialled_anew() {
    let short = Timing { silent_after: Duration::from_millis(300), ..Timing::of(true) };
    let (a, _kept, _) = start(1, Vec::new(), Timing::of(true)).await;
    let at = a.status().borrow().listen[0].clone();
    let (b, inputs, _) = start(2, vec![at], short).await;
    for _ in 0..2 {
        input(&inputs, "connected", |input| matches!(input, Input::PeerConnected { .. }).then_some(()));
        input(&inputs, "dropped", |input| matches!(input, Input::PeerDisconnected { .. }).then_some(()));
    }
    // One that speaks is left in peace.
    assert_eq!(a.effect(Effect::Join(TOPIC)), None);
    assert_eq!(b.effect(Effect::Join(TOPIC)), None);
    input(&inputs, "subscribed", |input| matches!(input, Input::PeerSubscribed { .. }).then_some(()));
    assert!(b.counters().peers_silent.load(std::sync::atomic::Ordering::Relaxed) >= 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verdict_that_never_comes_is_counted_and_one_that_comes_after_is_late() {
    let short = Timing { forgotten_after: Duration::from_millis(200), ..Timing::of(true) };
    let (a, inputs, peer) = start(1, Vec::new(), short).await;
    let at = a.status().borrow().listen[0].clone();
    let (b, others, _) = start(2, vec![at], Timing::of(true)).await;
    for net in [&a, &b] {
        assert_eq!(net.effect(Effect::Join(TOPIC)), None);
    }
    input(&others, "subscribed", |input| (input == Input::PeerSubscribed { peer, topic: TOPIC }).then_some(()));
    assert_eq!(b.effect(Effect::Publish { ticket: Ticket(0), topic: TOPIC, frame: "frame".into() }), None);
    let id: GossipId = input(&inputs, "a frame", |input| match input {
        Input::Gossip { id, .. } => Some(id),
        _ => None,
    });
    let counted = |name: &str| a.counters().each().find(|(known, ..)| *known == name).unwrap().2;
    let wait = async |name: &str| {
        let mut pace = tokio::time::interval(Duration::from_millis(5));
        let waiting = async {
            while counted(name) == 0 {
                pace.tick().await;
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.unwrap();
    };
    wait("verdicts_missing").await;
    assert_eq!(counted("verdicts_late"), 0);
    assert_eq!(a.effect(Effect::Judge { id, verdict: Verdict::Accept }), None);
    wait("verdicts_late").await;
    assert_eq!(counted("verdicts_accept"), 0);
}
