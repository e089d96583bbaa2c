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

/// A way to `to` that carries bytes until it is told to swallow them, as a partition does: no end, no error. Gives its
/// port and the switch.
async fn way(to: multiaddr::Multiaddr) -> (u16, watch::Sender<bool>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let port = to.iter().find_map(|part| match part {
        multiaddr::Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    let target = ("127.0.0.1", port.unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    let (switch, cut) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((inward, _)) = listener.accept().await {
            let outward = tokio::net::TcpStream::connect(target).await.unwrap();
            let ((from_in, to_in), (from_out, to_out)) = (inward.into_split(), outward.into_split());
            for (mut from, mut to) in [(from_in, to_out), (from_out, to_in)] {
                let mut cut = cut.clone();
                tokio::spawn(async move {
                    let mut bytes = vec![0; 16 * 1024];
                    loop {
                        let read = tokio::select! {
                            read = from.read(&mut bytes) => read,
                            // Both ends stay open, and nothing comes through any more.
                            () = async { drop(cut.wait_for(|cut| *cut).await) } => return std::future::pending().await,
                        };
                        match read {
                            Ok(count @ 1..) if to.write_all(&bytes[..count]).await.is_ok() => {}
                            _ => return,
                        }
                    }
                });
            }
        }
    });
    (own, switch)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_answers_no_pings_is_disconnected_and_others_are_not() {
    let short = Timing { ping: Duration::from_millis(500), unheard_after: Duration::from_secs(3), ..Timing::of(true) };
    let (a, at_a, peer_a) = start(1, Vec::new(), short).await;
    let (port, switch) = way(a.status().borrow().listen[0].clone()).await;
    let (b, at_b, peer_b) = start(2, vec![format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()], short).await;
    let (c, at_c, peer_c) = start(3, vec![a.status().borrow().listen[0].clone()], short).await;
    for net in [&a, &b, &c] {
        assert_eq!(net.effect(Effect::Join(TOPIC)), None);
    }
    let connected = |peer: Peer| move |input: Input| (input == Input::PeerConnected { peer }).then_some(());
    input(&at_a, "b connected", connected(peer_b));
    input(&at_b, "a connected", connected(peer_a));
    input(&at_c, "a connected", connected(peer_a));
    switch.send_replace(true);
    let gone = |input: Input| match input {
        Input::PeerDisconnected { peer } => Some(peer),
        _ => None,
    };
    // Whoever still hears from the other does not hang up: only the way between `a` and `b` is cut.
    assert_eq!(input(&at_a, "b gone", gone), peer_b);
    assert_eq!(input(&at_b, "a gone", gone), peer_a);
    let unheard = |net: &NetHandle| net.counters().connections_unheard.load(std::sync::atomic::Ordering::Relaxed);
    assert!(unheard(&a) >= 1 && unheard(&c) == 0);
    assert!(a.status().borrow().peers.iter().any(|peer| peer.peer == peer_c));
}
