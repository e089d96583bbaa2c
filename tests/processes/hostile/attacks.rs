//! One attacker of each kind, with half a core, against a node that has an honest peer.

use super::liar::{self, Lie};
use super::share::Share;
use super::verdicts::metric;
use crate::stranger::{Author, all_topics, now, topic};
use crate::support::{Node, PATIENCE, wait_for};
use bytes::Bytes;
use crossbeam_channel::Receiver;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tidepool_kernel::{Effect, Input, PublishOutcome, RequestId, Ticket};
use tidepool_net::{InputLanes, Loopback, Net, NetHandle, NetSettings, NetStart};
use tidepool_protocol::slot::Slot;
use tidepool_protocol::sync::{Class, ENVELOPES_BYTES_MAX, Range, SyncAnswer, SyncRequest};
use tidepool_protocol::{Bundle, NetworkGenesis, SecretKey, TimeMs};

/// Posts whose way from one honest node to the other is timed.
const TIMED: usize = 15;

/// What the attacked node may hold at its highest: its cache twice, and all queues to a dozen peers.
const RESIDENT_KIB_MAX: u64 = 512 * 1024;

/// Requests that one node of ours has open to one peer.
const OPEN_MAX: usize = 16;

/// What an honest peer may offer.
const FRAMES: End = End::Beyond { counters: &["tidepool_net_gossip_in_frames_total"], burst: 5_000, per_second: 1_000 };
const REQUESTS: End = End::Beyond {
    counters: &["tidepool_net_requests_in_total", "tidepool_net_requests_in_busy_total"],
    burst: 2_000,
    per_second: 500,
};

/// A peer that has a network and no rules.
struct Attacker {
    runtime: tokio::runtime::Runtime,
    net: NetHandle,
    inputs: Receiver<Input>,
    /// What it answers to requests.
    lie: Option<Lie>,
    next: u64,
    /// Requests that were not answered yet.
    open: usize,
    /// Frames that went out, and requests that were answered in any way.
    offered: u64,
}

impl Attacker {
    /// Connects to the node at `address`; its threads are called `name`.
    fn join(name: &str, key: &SecretKey, address: &str, lie: Option<Lie>) -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).thread_name(name).enable_all().build().unwrap();
        let (sender, inputs) = crossbeam_channel::unbounded();
        let settings = NetSettings {
            listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
            seeds: vec![address.parse().unwrap()],
            loopback: Loopback::On,
            // It is interested in one node only.
            peers_wanted: 0,
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
        for topic in all_topics() {
            assert!(net.effect(Effect::Join(topic)).is_none());
        }
        Self { runtime, net, inputs, lie, next: 0, open: 0, offered: 0 }
    }

    fn publish(&mut self, frame: Bytes) {
        self.next += 1;
        let effect = Effect::Publish { ticket: Ticket(self.next), topic: topic(), frame };
        if self.net.effect(effect).is_some() {
            // Its own queue is full: the swarm's task is what has the half core.
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// Asks, unless so much is open already that its own network would refuse it.
    fn ask(&mut self, peer: tidepool_kernel::Peer, request: &SyncRequest) {
        if self.open >= OPEN_MAX {
            std::thread::park_timeout(Duration::from_micros(200));
            return;
        }
        self.open += 1;
        self.next += 1;
        let effect = Effect::Request { request: RequestId(self.next), peer, frame: request.encode() };
        if self.net.effect(effect).is_some() {
            self.open -= 1;
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    /// Takes what came, and lies when asked.
    fn react(&mut self) {
        while let Ok(input) = self.inputs.try_recv() {
            match input {
                Input::Published { outcome: PublishOutcome::Sent, .. } => self.offered += 1,
                Input::Response { result, .. } => {
                    self.open -= 1;
                    let came = matches!(result, Ok(_) | Err(tidepool_kernel::RequestFailure::Busy));
                    self.offered += u64::from(came);
                }
                Input::Request { channel, frame, .. } => {
                    let request = SyncRequest::decode(&frame).ok();
                    let answer = match (self.lie, request) {
                        (Some(lie), Some(request)) => {
                            self.offered += 1;
                            liar::answer(lie, &request)
                        }
                        _ => SyncAnswer::Busy,
                    };
                    let _ = self.net.effect(Effect::Respond { channel, frame: answer.encode() });
                }
                _ => {}
            }
        }
    }
}

/// What an attack needs to know of its victim.
struct Victim {
    address: String,
    peer: tidepool_kernel::Peer,
}

/// How an attack ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The attacker is grey-listed.
    Greylisted,
    /// The attacker is grey-listed, unless no more of it arrives (by these counters) than an honest peer may send: so many at
    /// once, and so many a second. Its own queues, or a busy machine, may see to that.
    Beyond { counters: &'static [&'static str], burst: u64, per_second: u64 },
    /// The attacker is no longer connected.
    Disconnected,
    /// The attacker never was a peer, or what it does is none of the victim's business.
    Held,
}

/// The median time in which a post of `from` is read at `at`, in milliseconds.
fn latency(from: &Node, at: &Node, key: &str, what: &str) -> u128 {
    let mut delays: Vec<_> = (0..TIMED)
        .map(|number| {
            let id = from.say(key, &format!("{what} {number}"));
            let (began, path) = (Instant::now(), format!("/api/v1/posts/{id}"));
            wait_for("the honest post", || at.get(&path).get("post").map(|_| ()));
            began.elapsed().as_millis()
        })
        .collect();
    delays.sort_unstable();
    delays[TIMED / 2]
}

/// The highest resident memory of a process so far, in KiB.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn secret(name: &str) -> SecretKey {
    let mut seed = [0; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    seed[28..].copy_from_slice(&std::process::id().to_be_bytes());
    SecretKey::from_seed(seed)
}

/// Plays `attack` (called again and again within its half core, until it is told to stop) against the first of two honest
/// nodes, and looks at what became of everybody.
fn withstand(
    name: &'static str,
    settings: &str,
    end: End,
    attack: impl FnOnce(&Victim, &mut Share, &AtomicBool, &AtomicU64) + Send,
) {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("1");
    if !settings.is_empty() {
        let pool = place.join("pool");
        assert!(crate::support::run(&["init", "--data-dir", pool.to_str().unwrap()]).status.success());
        std::fs::write(pool.join("tidepool.toml"), settings).unwrap();
    }
    let victim = Node::start(&place, &[]);
    let friend = Node::start(&directory.path().join("2"), &[&victim.listen()]);
    let key = friend.register("honest");
    let quiet = latency(&friend, &victim, &key, "before");
    let before = resident_kib(victim.pid());
    let peer_id = secret_peer_id(name);
    let greylisted = || victim.get("/api/v1/node")["greylisted"].as_u64().unwrap();
    let is_peer = || {
        let node = victim.get("/api/v1/node");
        node["peers"].as_array().unwrap().iter().any(|peer| peer["peer_id"] == peer_id.as_str())
    };
    let (stop, offered) = (AtomicBool::new(false), AtomicU64::new(0));
    let target = Victim { address: victim.listen(), peer: peer_of(&victim) };
    let report = Mutex::new(String::new());
    let began = Instant::now();
    let under_attack = std::thread::scope(|scope| {
        let (stop, offered, report, target) = (&stop, &offered, &report, &target);
        let threads = std::thread::Builder::new().name(name.to_owned());
        let attacker = threads.spawn_scoped(scope, move || {
            let mut share = Share::new(name);
            let began = Instant::now();
            attack(target, &mut share, stop, offered);
            let (count, time) = (offered.load(Ordering::Relaxed), began.elapsed().as_secs_f64());
            *report.lock().unwrap() = format!(
                "{count} offered in {time:.1} s, {:.0} a second, with {:.0} % of a core",
                count as f64 / time,
                share.percent()
            );
        });
        // Whatever fails below, the attacker is told to stop, or the scope would wait for it.
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            if end != End::Held {
                wait_for("the attacker among the peers, or refused", || (is_peer() || greylisted() > 0).then_some(()));
            }
            let under_attack = latency(&friend, &victim, &key, "during");
            match end {
                End::Greylisted => wait_for("the attacker on the grey list", || (greylisted() > 0).then_some(())),
                End::Beyond { counters, burst, per_second } => {
                    wait_for("the attacker on the grey list, or little of it", || {
                        let time = began.elapsed();
                        // 4,000 of what goes beyond the rate grey-list; what is counted a second later comes on top.
                        let allowed = burst + per_second * time.as_secs() + 4_000 + 2_000;
                        let arrived: u64 = counters.iter().map(|name| metric(&victim, name, &[])).sum();
                        let little = time > Duration::from_secs(20) && arrived < allowed;
                        (greylisted() > 0 || little).then_some(())
                    });
                }
                // It comes back at once by another way, so that it is hardly ever seen to be gone.
                End::Disconnected => wait_for("the end of the attacker's connection", || {
                    let closed = metric(&victim, "tidepool_net_connections_closed_total", &[]);
                    (closed > 0).then_some(())
                }),
                End::Held => {}
            }
            under_attack
        }));
        stop.store(true, Ordering::Relaxed);
        attacker.unwrap().join().unwrap();
        looked.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    wait_for("the attacker gone", || (!is_peer()).then_some(()));
    let caught = greylisted() > 0;
    assert!(caught || end != End::Greylisted, "the attacker went by itself");
    assert!(offered.load(Ordering::Relaxed) > 0, "nothing was offered: the attack is none");
    let after = resident_kib(victim.pid());
    println!(
        "{name}: {}, {} frames arrived, {}; a post between honest nodes {quiet} ms before, {under_attack} ms during; resident {} MiB before, {} MiB at most",
        report.lock().unwrap(),
        metric(&victim, "tidepool_net_gossip_in_frames_total", &[]),
        if caught { "grey-listed" } else { "not grey-listed" },
        before / 1024,
        after / 1024
    );
    assert!(after <= RESIDENT_KIB_MAX, "{after} KiB, {RESIDENT_KIB_MAX} are allowed");
    // The honest node never heard of the attacker: what both hold is what honest agents said, and nothing else.
    wait_for("equal digests of the honest nodes", || (victim.digests() == friend.digests()).then_some(()));
    let content = |node: &Node| -> u64 {
        node.digests().as_array().unwrap().iter().map(|shard| shard["content_count"].as_u64().unwrap()).sum()
    };
    assert_eq!(content(&victim), 2 * TIMED as u64, "something was admitted that no honest agent said");
}

fn secret_peer_id(name: &str) -> String {
    use tidepool_protocol::Signer;
    tidepool_net::PeerName::of(&secret(name).public_key()).unwrap().to_string()
}

fn peer_of(node: &Node) -> tidepool_kernel::Peer {
    let listen = node.listen();
    let name: tidepool_net::PeerName = listen.rsplit('/').next().unwrap().parse().unwrap();
    name.peer().unwrap()
}

/// An attack by gossip: `frame` makes the next one.
fn by_gossip(
    name: &'static str,
    mut frame: impl FnMut(u64) -> Bytes + Send,
) -> impl FnOnce(&Victim, &mut Share, &AtomicBool, &AtomicU64) + Send {
    move |victim, share, stop, offered| {
        let mut attacker = Attacker::join(name, &secret(name), &victim.address, None);
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            share.hold();
            attacker.publish(frame(number));
            number += 1;
            attacker.react();
            offered.store(attacker.offered, Ordering::Relaxed);
        }
        attacker.runtime.block_on(attacker.net.stop());
    }
}

/// A real post, whose author's chain goes with it.
fn post_and_chain(name: &str) -> (Bytes, Vec<Bytes>) {
    let mut author = Author::new(name, &secret(name));
    let post = author.post("Once", now());
    (post.bytes().clone(), author.chain.iter().map(|operation| operation.bytes().clone()).collect())
}

#[test]
fn one_who_forges_is_greylisted() {
    let (post, chain) = post_and_chain("h-forge");
    let forge = move |number: u64| {
        // Another place of the signature and the body each time, so that no frame is like another.
        let mut forged = post.to_vec();
        let at = forged.len() - 1 - (number % 100) as usize;
        forged[at] ^= 1 + (number / 100 % 255) as u8;
        Bundle { envelopes: vec![forged.into()], identities: chain.clone() }.encode()
    };
    withstand("h-forge", "", End::Greylisted, by_gossip("h-forge", forge));
}

#[test]
fn one_who_sends_garbage_is_greylisted() {
    let garbage = |number: u64| {
        let mut bytes = vec![0xA5; 1_024];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        bytes.into()
    };
    withstand("h-garbage", "", End::Greylisted, by_gossip("h-garbage", garbage));
}

/// Frames that cost their sender nothing and that nobody may be blamed for, faster than any honest peer.
#[test]
fn one_who_floods_gossip_is_greylisted() {
    let newer = |number: u64| {
        // A bundle of version 99 with one envelope of eight bytes: ignored, as a newer node's would be.
        let mut bytes = vec![0x83, 0x18, 0x63, 0x81, 0x48];
        bytes.extend(number.to_be_bytes());
        bytes.push(0x80);
        bytes.into()
    };
    withstand("h-flood", "", FRAMES, by_gossip("h-flood", newer));
}

/// Old news, again and again, in frames that differ in their bytes only.
#[test]
fn one_who_replays_is_held_to_its_rate_or_greylisted() {
    let mut author = Author::new("h-replay", &secret("h-replay"));
    // Too old for gossip, so that nothing of it is admitted: such news travels by sync.
    let old = TimeMs(now().0 - 20 * 60 * 1_000);
    let posts: Vec<_> = (0..2_000).map(|_| author.post("Once", old).bytes().clone()).collect();
    let replay = move |number: u64| {
        let (round, place) = (number as usize / posts.len() % 64, number as usize % posts.len());
        Bundle { envelopes: vec![posts[place].clone(); round + 1], identities: Vec::new() }.encode()
    };
    withstand("h-replay", "", FRAMES, by_gossip("h-replay", replay));
}

#[test]
fn one_who_floods_sync_requests_is_greylisted() {
    let attack = |victim: &Victim, share: &mut Share, stop: &AtomicBool, offered: &AtomicU64| {
        let mut attacker = Attacker::join("h-requests", &secret("h-requests"), &victim.address, None);
        let slot = Slot::new(7).unwrap();
        while !stop.load(Ordering::Relaxed) {
            share.hold();
            attacker
                .ask(victim.peer, &SyncRequest::Split { slot, class: Class::Content, range: Range::ALL, parts: 16 });
            attacker.react();
            offered.store(attacker.offered, Ordering::Relaxed);
        }
        attacker.runtime.block_on(attacker.net.stop());
    };
    withstand("h-requests", "", REQUESTS, attack);
}

fn lying(name: &'static str, lie: Lie) {
    let attack = move |victim: &Victim, share: &mut Share, stop: &AtomicBool, offered: &AtomicU64| {
        let mut attacker = Attacker::join(name, &secret(name), &victim.address, Some(lie));
        while !stop.load(Ordering::Relaxed) {
            share.hold();
            attacker.react();
            offered.store(attacker.offered, Ordering::Relaxed);
            std::thread::park_timeout(Duration::from_millis(1));
        }
        attacker.runtime.block_on(attacker.net.stop());
    };
    withstand(name, "", End::Greylisted, attack);
}

#[test]
fn one_who_offers_ids_and_withholds_them_is_greylisted() {
    lying("h-withhold", Lie::Withhold);
}

#[test]
fn one_who_lies_in_digests_is_greylisted() {
    lying("h-digests", Lie::Digests);
}

/// A way to the node on which, from the switch on, nothing comes back: the attacker does not read.
fn deaf_way(to: &str, deaf: &Arc<AtomicBool>) -> u16 {
    let port: u16 = to.split('/').nth(4).unwrap().parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    let deaf = Arc::clone(deaf);
    std::thread::spawn(move || {
        for inward in listener.incoming() {
            let (Ok(inward), Ok(outward)) = (inward, TcpStream::connect(("127.0.0.1", port))) else { return };
            let (mut back_from, mut back_to) = (outward.try_clone().unwrap(), inward.try_clone().unwrap());
            let deaf = Arc::clone(&deaf);
            std::thread::spawn(move || {
                let (mut from, mut to) = (inward, outward);
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Write);
            });
            std::thread::spawn(move || {
                let mut bytes = [0; 4_096];
                while let Ok(count @ 1..) = back_from.read(&mut bytes) {
                    if deaf.load(Ordering::Relaxed) {
                        // Both ends stay open as long as this sleeps, which is until the other one hangs up on us.
                        std::thread::park_timeout(2 * PATIENCE);
                        return;
                    }
                    if back_to.write_all(&bytes[..count]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    own
}

#[test]
fn one_who_reads_nothing_is_disconnected() {
    let attack = |victim: &Victim, share: &mut Share, stop: &AtomicBool, offered: &AtomicU64| {
        let deaf = Arc::new(AtomicBool::new(false));
        let way = format!("/ip4/127.0.0.1/tcp/{}", deaf_way(&victim.address, &deaf));
        let mut attacker = Attacker::join("h-slow", &secret("h-slow"), &way, None);
        wait_for("a connection through the way", || {
            attacker.inputs.try_iter().any(|input| matches!(input, Input::PeerConnected { .. })).then_some(())
        });
        let slots: Vec<_> = (0..1_024).filter_map(Slot::new).collect();
        let (mut number, began) = (0, Instant::now());
        while !stop.load(Ordering::Relaxed) {
            share.hold();
            let (slot, bytes) = (slots[number % slots.len()], ENVELOPES_BYTES_MAX as u32);
            attacker.ask(victim.peer, &SyncRequest::Range { slot, class: Class::Content, range: Range::ALL, bytes });
            number += 1;
            attacker.react();
            if attacker.offered > 10 || began.elapsed() > Duration::from_secs(3) {
                deaf.store(true, Ordering::Relaxed);
            }
            offered.store(attacker.offered, Ordering::Relaxed);
            std::thread::park_timeout(Duration::from_millis(5));
        }
        attacker.runtime.block_on(attacker.net.stop());
    };
    withstand("h-slow", "", End::Disconnected, attack);
}

/// Thousands of connections that say nothing, from one address, against a node that is not in a mesh on one machine.
#[test]
fn a_flood_of_connections_is_refused_before_it_costs_anything() {
    let attack = |victim: &Victim, share: &mut Share, stop: &AtomicBool, offered: &AtomicU64| {
        let port: u16 = victim.address.split('/').nth(4).unwrap().parse().unwrap();
        let mut held = std::collections::VecDeque::new();
        while !stop.load(Ordering::Relaxed) {
            share.hold();
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
                offered.fetch_add(1, Ordering::Relaxed);
                held.push_back(stream);
                if held.len() > 500 {
                    held.pop_front();
                }
            }
        }
    };
    withstand("h-connect", "[net]\nloopback = \"off\"\nmdns = false\n", End::Held, attack);
}
