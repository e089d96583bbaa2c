//! Gossip between two nodes on loopback: frames and bytes a second without loss, and how long one frame takes on an idle
//! link. `cargo bench -p tidepool-net` prints the figures, beside what signatures allow in the same run.

#![allow(missing_docs, clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_precision_loss)]

use crossbeam_channel::{Receiver, bounded};
use std::time::{Duration, Instant};
use tidepool_kernel::{Effect, Input, PublishOutcome, Ticket, Verdict};
use tidepool_net::{InputLanes, Multiaddr, Net, NetHandle, NetSettings, NetStart};
use tidepool_protocol::limits::BUNDLE_BYTES_TARGET;
use tidepool_protocol::signer::{Domain, verify_signature};
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{NetworkGenesis, SecretKey, Shard, Signer};

const TOPIC: Topic = Topic::Shard { generation: 0, shard: Shard(0) };

/// Frames on their way: half of what a peer's queue holds, so that none is dropped for want of room.
const WINDOW: u64 = 256;

/// How long each throughput is measured.
const RUN: Duration = Duration::from_secs(3);

/// Frames of which the way is timed.
const TIMED: u64 = 500;

/// An envelope of a usual post, for figures in envelopes.
const ENVELOPE_BYTES: usize = 640;

struct Node {
    net: NetHandle,
    inputs: Receiver<Input>,
}

async fn start(seed: u8, listen: &str, seeds: Vec<Multiaddr>) -> Node {
    let (sender, inputs) = bounded(8_192);
    let listen = vec![listen.parse().unwrap()];
    let (net, _) = Net::start(NetStart {
        settings: NetSettings { listen, seeds, ..NetSettings::default() },
        network: NetworkGenesis::development().id(),
        key: SecretKey::from_seed([seed; 32]),
        inputs: InputLanes::from(sender),
        known_peers: Vec::new(),
    })
    .await
    .unwrap();
    Node { net, inputs }
}

impl Node {
    fn wait(&self, wanted: impl Fn(&Input) -> bool) {
        while !wanted(&self.inputs.recv_timeout(Duration::from_secs(30)).expect("in time")) {}
    }

    fn publish(&self, number: u64, bytes: usize) {
        let mut frame = vec![0x5a; bytes];
        frame[..8].copy_from_slice(&number.to_be_bytes());
        let refused = self.net.effect(Effect::Publish { ticket: Ticket(number), topic: TOPIC, frame: frame.into() });
        assert_eq!(refused, None, "the window keeps the queue to the swarm short");
    }
}

/// What the receiving kernel does: judge, and say when each frame came.
fn receive(net: &NetHandle, inputs: &Receiver<Input>, came: &crossbeam_channel::Sender<Instant>) {
    while let Ok(input) = inputs.recv() {
        if let Input::Gossip { id, .. } = input {
            let _ = came.send(Instant::now());
            assert_eq!(net.effect(Effect::Judge { id, verdict: Verdict::Accept }), None);
        }
    }
}

/// Frames a second, every one of which arrived.
fn throughput(a: &Node, came: &Receiver<Instant>, numbers: &mut u64, bytes: usize) -> f64 {
    let (mut sent, mut arrived, start) = (0, 0, Instant::now());
    while start.elapsed() < RUN || arrived < sent {
        if start.elapsed() < RUN && sent - arrived < WINDOW {
            a.publish(*numbers, bytes);
            *numbers += 1;
            sent += 1;
            arrived += came.try_iter().count() as u64;
        } else {
            came.recv_timeout(Duration::from_secs(30)).expect("a frame was lost");
            arrived += 1;
        }
        for input in a.inputs.try_iter() {
            if let Input::Published { outcome, .. } = input {
                assert_eq!(outcome, PublishOutcome::Sent);
            }
        }
    }
    arrived as f64 / start.elapsed().as_secs_f64()
}

/// The way of single frames over an idle link, sorted.
fn latencies(a: &Node, came: &Receiver<Instant>, numbers: &mut u64, bytes: usize) -> Vec<Duration> {
    let mut ways: Vec<_> = (0..TIMED)
        .map(|_| {
            let start = Instant::now();
            a.publish(*numbers, bytes);
            *numbers += 1;
            let way = came.recv_timeout(Duration::from_secs(30)).expect("a frame was lost") - start;
            a.inputs.try_iter().for_each(drop);
            way
        })
        .collect();
    ways.sort_unstable();
    ways
}

/// Signatures that one core verifies strictly in a second, over 300 bytes: what the gossip must not fall behind.
fn verifications() -> f64 {
    let key = SecretKey::from_seed([7; 32]);
    let (public, message) = (key.public_key(), [7; 300]);
    let signature = key.sign(Domain::Envelope, &message);
    let (mut done, start) = (0, Instant::now());
    while start.elapsed() < Duration::from_secs(1) {
        for _ in 0..100 {
            assert!(verify_signature(&public, Domain::Envelope, &message, &signature));
        }
        done += 100;
    }
    f64::from(done) / start.elapsed().as_secs_f64()
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let verified = verifications();
    println!("verify_strict, one core: {verified:.0} a second");
    for (transport, listen) in [("tcp", "/ip4/127.0.0.1/tcp/0"), ("quic", "/ip4/127.0.0.1/udp/0/quic-v1")] {
        let (a, b) = runtime.block_on(async {
            let a = start(1, listen, Vec::new()).await;
            let seed = a.net.status().borrow().listen[0].clone();
            (a, start(2, listen, vec![seed]).await)
        });
        for node in [&a, &b] {
            assert_eq!(node.net.effect(Effect::Join(TOPIC)), None);
        }
        a.wait(|input| matches!(input, Input::PeerSubscribed { .. }));
        b.wait(|input| matches!(input, Input::PeerSubscribed { .. }));
        let (sender, came) = bounded(8_192);
        let (net, inputs) = (b.net.clone(), b.inputs.clone());
        std::thread::spawn(move || receive(&net, &inputs, &sender));
        let mut numbers = 0;
        for bytes in [BUNDLE_BYTES_TARGET, ENVELOPE_BYTES] {
            let ways = latencies(&a, &came, &mut numbers, bytes);
            let frames = throughput(&a, &came, &mut numbers, bytes);
            let envelopes = frames * (bytes / ENVELOPE_BYTES) as f64;
            println!(
                "{transport}, frames of {bytes} B: {frames:.0} frames a second, {:.1} MB a second, none lost, {envelopes:.0} \
                 envelopes of {ENVELOPE_BYTES} B a second = {:.2} x verify_strict on two cores; idle p50 {:?}, p99 {:?}",
                frames * bytes as f64 / 1e6,
                envelopes / (2.0 * verified),
                ways[ways.len() / 2],
                ways[ways.len() * 99 / 100],
            );
        }
    }
}
