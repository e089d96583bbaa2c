//! What peers may take and do: limits of connections and memory, scores that fall, walls by a shared key, faults on purpose.

use crate::raw::{Raw, Speaks};
use crate::support::{Node, Plan, TOPIC, gossiping_pair, key, network, pair};
use tidepool_kernel::{Effect, Input, Offence, Verdict};
use tidepool_net::{Loopback, NetFaults, NetworkKey, Via, peer_id};
use tidepool_protocol::Signer;

/// Waits until `node` has grey-listed somebody and its kernel knows that the peer is gone.
async fn greylisted(node: &mut Node, peer: tidepool_kernel::Peer) {
    node.counted("peers_greylisted", 1).await;
    node.disconnected(peer);
    let status = node.status("a grey list of one", |status| status.greylisted == 1).await;
    assert!(status.peers.iter().all(|known| known.peer != peer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_whose_frames_are_rejected_is_greylisted_and_not_let_in_again() {
    let (mut a, mut b) = gossiping_pair(Plan::new(1), Plan::new(2)).await;
    let liar = b.peer;
    let mut sent = 0_u64;
    while a.net.counters().peers_greylisted.load(std::sync::atomic::Ordering::Relaxed) == 0 {
        // Below its score for publishing the frame goes nowhere, and above it the next one costs more.
        b.publish(TOPIC, sent.to_be_bytes());
        sent += 1;
        if let Some(id) = a.frame_if_there() {
            a.judge(id, Verdict::Reject);
        }
        assert!(sent < 100_000, "{sent} frames and no end");
        tokio::task::yield_now().await;
    }
    greylisted(&mut a, liar).await;
    b.disconnected(a.peer);
    // Its seed is dialled for ever, and refused each time.
    a.counted("connections_refused", 2).await;
    assert!(!a.has_seen(|input| *input == Input::PeerConnected { peer: liar }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_is_accepted_costs_nothing() {
    let (mut a, mut b) = gossiping_pair(Plan::new(1), Plan::new(2)).await;
    for number in 0..50_u64 {
        b.publish(TOPIC, number.to_be_bytes());
        let (id, ..) = a.frame();
        a.judge(id, if number % 2 == 0 { Verdict::Accept } else { Verdict::Ignore });
    }
    let status = a.status("a score above nothing", |status| status.peers.iter().any(|peer| peer.score > 0)).await;
    assert_eq!((status.greylisted, status.peers[0].via), (0, Via::Tcp));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_lied_to_the_kernel_is_greylisted() {
    let (mut a, b) = pair(Plan::new(1), Plan::new(2)).await;
    a.effect(Effect::Penalise { peer: b.peer, offence: Offence::Withheld });
    greylisted(&mut a, b.peer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_goes_on_with_a_crowd_is_greylisted_at_the_ninth_frame() {
    let (mut a, b) = pair(Plan::new(1), Plan::new(2)).await;
    for _ in 0..8 {
        a.effect(Effect::Penalise { peer: b.peer, offence: Offence::Crowd });
    }
    let costs = |status: &tidepool_net::NetStatus| status.peers.iter().any(|peer| peer.score < -15_000);
    let status = a.status("eight frames' points", costs).await;
    assert_eq!(status.greylisted, 0);
    a.effect(Effect::Penalise { peer: b.peer, offence: Offence::Crowd });
    greylisted(&mut a, b.peer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_news_are_free_up_to_a_number_and_greylist_beyond() {
    let (mut a, b) = pair(Plan::new(1), Plan::new(2)).await;
    let beyond = |node: &Node| node.net.counters().gossip_stale_beyond_rate.load(std::sync::atomic::Ordering::Relaxed);
    for _ in 0..90 {
        a.effect(Effect::Penalise { peer: b.peer, offence: Offence::Stale });
    }
    // What was handed over before is done by then.
    a.effect(Effect::Penalise { peer: b.peer, offence: Offence::Crowd });
    let costs = |status: &tidepool_net::NetStatus| status.peers.iter().any(|peer| peer.score < -1_000);
    a.status("the points of one frame", costs).await;
    assert_eq!(beyond(&a), 0);
    while beyond(&a) < 4_000 {
        let before = beyond(&a);
        for _ in 0..500 {
            a.effect(Effect::Penalise { peer: b.peer, offence: Offence::Stale });
        }
        a.counted("gossip_stale_beyond_rate", before + 300).await;
    }
    greylisted(&mut a, b.peer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bundles_of_another_version_are_free_up_to_a_number_and_greylist_beyond() {
    let (mut a, b) = pair(Plan::new(1), Plan::new(2)).await;
    let beyond =
        |node: &Node| node.net.counters().gossip_unreadable_beyond_rate.load(std::sync::atomic::Ordering::Relaxed);
    for _ in 0..400 {
        a.effect(Effect::Penalise { peer: b.peer, offence: Offence::Unreadable });
    }
    // What was handed over before is done by then.
    a.effect(Effect::Penalise { peer: b.peer, offence: Offence::Crowd });
    let costs = |status: &tidepool_net::NetStatus| status.peers.iter().any(|peer| peer.score < -1_000);
    a.status("the points of one frame", costs).await;
    assert_eq!(beyond(&a), 0);
    for _ in 0..1_500 {
        a.effect(Effect::Penalise { peer: b.peer, offence: Offence::Unreadable });
    }
    greylisted(&mut a, b.peer).await;
    assert!(beyond(&a) > 800, "{} frames cost something", beyond(&a));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_asks_garbage_is_greylisted() {
    let mut a = Plan::new(1).start().await;
    let (mut raw, _) = Raw::start(9, Speaks { network: network(), kad: false, sync: true, gossip: false }).await;
    raw.dial(a.address());
    let id = peer_id(&a.peer).unwrap();
    raw.identified(id).await;
    a.connected(raw.peer);
    for _ in 0..20 {
        // A length of four gigabytes.
        raw.ask(id, vec![0xFF; 8]);
    }
    greylisted(&mut a, raw.peer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_beyond_their_number_are_refused() {
    for (most, per_ip) in [(2, 0), (512, 1)] {
        let mut plan = Plan::new(1);
        plan.settings.connections_max = most;
        plan.settings.connections_per_ip_max = per_ip;
        plan.settings.loopback = Loopback::Off;
        plan.settings.mdns = false;
        let mut a = plan.start().await;
        let mut first = Plan::new(2).seeds([a.address()]).start().await;
        first.connected(a.peer);
        a.connected(first.peer);
        let mut second = Plan::new(3).seeds([a.address()]).start().await;
        a.counted("connections_refused", 1).await;
        let met = second.has_seen(|input| matches!(input, Input::PeerConnected { .. }));
        assert!(!met, "one more than {most} in all, {per_ip} from one address");
        assert!(!a.has_seen(|input| *input == Input::PeerDisconnected { peer: key(2).public_key() }));
        for node in [a, first, second] {
            node.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_holds_too_much_takes_no_connection() {
    let mut plan = Plan::new(1);
    plan.settings.memory_mib_max = 1;
    let mut full = plan.start().await;
    let mut other = Plan::new(2).seeds([full.address()]).start().await;
    full.counted("connections_refused", 2).await;
    assert!(!full.has_seen(|input| matches!(input, Input::PeerConnected { .. })));
    assert!(!other.has_seen(|input| matches!(input, Input::PeerConnected { .. })));
}

fn swarm_key(digit: char) -> NetworkKey {
    format!("/key/swarm/psk/1.0.0/\n/base16/\n{}\n", digit.to_string().repeat(64)).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_has_the_networks_key_gets_in_and_quic_is_off() {
    let private = |seed, digit| {
        let mut plan = Plan::new(seed);
        plan.settings.network_key = Some(swarm_key(digit));
        plan
    };
    let mut plan = private(1, 'a');
    plan.settings.listen.push("/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap());
    let mut a = plan.start().await;
    assert_eq!(a.net.status().borrow().listen.len(), 1, "QUIC is listened on");
    let mut friend = private(2, 'a').seeds([a.address()]).start().await;
    friend.connected(a.peer);
    a.connected(friend.peer);
    for stranger in [private(3, 'b'), Plan::new(4)] {
        let mut stranger = stranger.seeds([a.address()]).start().await;
        stranger.counted("dial_failures", 1).await;
        assert!(!stranger.has_seen(|input| matches!(input, Input::PeerConnected { .. })));
    }
    let mut quic_only = private(5, 'a');
    quic_only.settings.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
    assert!(quic_only.try_start().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_many_frames_of_a_hundred_are_dropped_on_purpose() {
    let mut plan = Plan::new(1);
    plan.settings.faults = NetFaults { gossip_drop_percent: 20 };
    let (mut a, mut b) = gossiping_pair(plan, Plan::new(2)).await;
    for number in 0..200_u64 {
        b.publish(TOPIC, number.to_be_bytes());
    }
    a.counted("gossip_in_frames", 200).await;
    assert_eq!(a.counted("gossip_dropped_fault", 40).await, 40);
    let mut arrived = 0;
    while a.frame_if_there().is_some() {
        arrived += 1;
    }
    assert_eq!(arrived, 160);
}

/// Sockets that say nothing, many from each of eight addresses: they used to fill every place for a handshake.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_sockets_from_many_addresses_keep_nobody_out() {
    let mut plan = Plan::new(1);
    plan.settings.loopback = Loopback::Off;
    plan.settings.mdns = false;
    let mut a = plan.start().await;
    let port = a.address().to_string().split('/').nth(4).and_then(|port| port.parse::<u16>().ok());
    let to = std::net::SocketAddr::from(([127, 0, 0, 1], port.expect("it listens on TCP")));
    let mut silent = Vec::new();
    for address in 1..=8 {
        // Each in a neighbourhood of its own.
        let from = std::net::SocketAddr::from(([127, 0, address, 1], 0));
        for _ in 0..30 {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind(from).unwrap();
            silent.push(socket.connect(to).await.unwrap());
        }
    }
    a.counted("handshakes_displaced", 8 * (30 - 8)).await;
    let mut honest = Plan::new(2).seeds([a.address()]).start().await;
    honest.connected(a.peer);
    a.connected(honest.peer);
    // It did not have to wait until the silent ones were given up.
    let open = silent.iter().filter(
        |socket| matches!(socket.try_read(&mut [0; 64]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
    );
    assert!(open.count() >= 8, "the silent ones were gone before");
    for node in [a, honest] {
        node.stop().await;
    }
}
