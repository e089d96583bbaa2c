//! Finding peers: by Kademlia, by key, by shard, by seeds that are late, and again after they were lost.

use crate::raw::{Raw, RawBehaviourEvent, Speaks};
use crate::support::{DEADLINE, Node, Plan, TOPIC, key, network, until};
use libp2p::kad::store::RecordStore as _;
use libp2p::kad::{self, InboundRequest, RecordKey};
use libp2p::swarm::SwarmEvent;
use std::net::TcpListener;
use std::time::Duration;
use tidepool_kernel::{Effect, Input};
use tidepool_net::{Multiaddr, NetError, PeerName, peer_id};
use tidepool_protocol::{NetworkId, Signer};

fn kad_only() -> Speaks {
    Speaks { network: network(), kad: true, sync: false, gossip: false }
}

/// An address of which the port was free a moment ago.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("/ip4/127.0.0.1/tcp/{}", listener.local_addr().unwrap().port())
}

fn is_disconnect(input: &Input) -> bool {
    matches!(input, Input::PeerDisconnected { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_knows_one_finds_all_others_by_kademlia() {
    let mut nodes: Vec<Node> = vec![Plan::new(1).start().await];
    for seed in 2..=5 {
        // Each knows the one before it only.
        let before = nodes.last().unwrap().address();
        nodes.push(Plan::new(seed).seeds([before]).start().await);
    }
    let peers: Vec<_> = nodes.iter().map(|node| node.peer).collect();
    for node in &mut nodes {
        let own = node.peer;
        for peer in peers.iter().filter(|peer| **peer != own) {
            node.connected(*peer);
        }
    }
    let status =
        nodes[4].status("a routing table", |status| status.routing_peers == 4 && status.known_peers == 4).await;
    assert_eq!(status.peers.len(), 4);
    assert!(status.peers.iter().all(|peer| peer.agent.starts_with("tidepool/")), "{:?}", status.peers);
    let known = nodes[4].net.known_peers().await;
    assert_eq!(known.len(), 4);
    assert!(known.iter().all(|known| !known.addresses.is_empty()));
}

/// Whether it is a look-up that a peer asked the raw node.
fn is_look_up(event: &SwarmEvent<RawBehaviourEvent>) -> bool {
    matches!(
        event,
        SwarmEvent::Behaviour(RawBehaviourEvent::Kad(kad::Event::InboundRequest {
            request: InboundRequest::FindNode { .. }
        }))
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_known_by_its_key_only_is_found_and_dialled() {
    let (mut guide, at) = Raw::start(9, kad_only()).await;
    let mut hidden = Plan::new(1).start().await;
    let mut plan = Plan::new(2).seeds([at]);
    plan.settings.peers_wanted = 0;
    let mut seeker = plan.start().await;
    seeker.connected(guide.peer);
    // The node's first look around is over: nobody has told it of the hidden one, and nobody will unasked.
    guide.event("a look-up", |event| is_look_up(&event).then_some(())).await;
    let quiet =
        async { while tokio::time::timeout(Duration::from_secs(1), guide.event("more", Some)).await.is_ok() {} };
    tokio::time::timeout(DEADLINE, quiet).await.unwrap();
    let (id, address) = (peer_id(&hidden.peer).unwrap(), hidden.address());
    guide.act(move |swarm| {
        swarm.behaviour_mut().kad.as_mut().unwrap().add_address(&id, address);
    });
    assert!(!seeker.has_seen(|input| *input == Input::PeerConnected { peer: hidden.peer }));
    seeker.effect(Effect::Connect(hidden.peer));
    seeker.connected(hidden.peer);
    hidden.connected(seeker.peer);
    assert_eq!(seeker.counted("connects_failed", 0).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_nobody_knows_is_given_up_and_counted() {
    let a = Plan::new(1).start().await;
    let mut b = Plan::new(2).seeds([a.address()]).start().await;
    b.connected(a.peer);
    b.effect(Effect::Connect(key(77).public_key()));
    assert_eq!(b.counted("connects_failed", 1).await, 1);
    b.effect(Effect::Connect(b.peer));
    assert_eq!(b.counted("connects_failed", 2).await, 2);
    assert!(!b.has_seen(is_disconnect));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carrier_of_a_shard_is_found_by_its_provider_record() {
    let (guide, at) = Raw::start(9, kad_only()).await;
    let mut carrier = Plan::new(1).seeds([at.clone()]).start().await;
    carrier.connected(guide.peer);
    carrier.join(TOPIC);
    let id = peer_id(&carrier.peer).unwrap();
    let name = TOPIC.name(network());
    let kept = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    until("a provider record", || {
        let (kept, name) = (kept.clone(), name.clone());
        let found = kept.lock().unwrap().clone();
        guide.act(move |swarm| {
            let kad = swarm.behaviour_mut().kad.as_mut().unwrap();
            *kept.lock().unwrap() = kad.store_mut().providers(&RecordKey::new(&name));
        });
        found.iter().find(|record: &&kad::ProviderRecord| record.provider == id).map(|record| {
            assert!(!record.addresses.is_empty(), "a record without addresses leads nowhere");
        })
    })
    .await;
    // The guide's table is empty: only the record leads to the carrier.
    let mut plan = Plan::new(2).seeds([at]);
    plan.settings.peers_wanted = 0;
    let mut reader = plan.start().await;
    reader.connected(guide.peer);
    reader.join(TOPIC);
    reader.connected(carrier.peer);
    reader.subscribed(carrier.peer, TOPIC);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_that_are_none_of_ours_are_refused() {
    let a = Plan::new(1).start().await;
    let (mut raw, _) = Raw::start(9, kad_only()).await;
    raw.dial(a.address());
    let id = peer_id(&a.peer).unwrap();
    raw.identified(id).await;
    let address = a.address();
    raw.act(move |swarm| {
        let kad = swarm.behaviour_mut().kad.as_mut().unwrap();
        kad.add_address(&id, address);
        let value = kad::Record::new(RecordKey::new(b"key"), vec![7; 1_000]);
        kad.put_record(value, kad::Quorum::One).unwrap();
        for name in ["news".to_owned(), TOPIC.name(NetworkId([0; 8])), TOPIC.name(network()).replace("/g0", "/g7")] {
            kad.start_providing(RecordKey::new(&name)).unwrap();
        }
    });
    assert_eq!(a.counted("records_refused", 4).await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seed_that_comes_up_late_is_redialled() {
    let address = free_address();
    for with_peer in [true, false] {
        let mut seed: Multiaddr = address.parse().unwrap();
        if with_peer {
            seed = seed.with_p2p(peer_id(&key(1).public_key()).unwrap()).unwrap();
        }
        let mut early = Plan::new(2).seeds([seed]).start().await;
        early.counted("dial_failures", 2).await;
        let mut late = Plan::new(1).listen(&address).start().await;
        early.connected(late.peer);
        late.connected(early.peer);
        late.stop().await;
        early.disconnected(key(1).public_key());
        early.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seed_that_is_the_node_itself_is_no_seed() {
    let address = free_address();
    let a = Plan::new(1).listen(&address).seeds([address.parse().unwrap()]).start().await;
    let mut b = Plan::new(2).seeds([a.address()]).start().await;
    b.connected(a.peer);
    assert_eq!(a.counted("connections_opened", 1).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_was_lost_is_dialled_again() {
    let address = free_address();
    let mut a = Plan::new(1).start().await;
    // Neither has the other as a seed after the first meeting.
    let b = Plan::new(2).listen(&address).seeds([a.address()]).start().await;
    let lost = b.peer;
    a.connected(lost);
    a.status("its address", |status| status.known_peers == 1).await;
    b.stop().await;
    a.disconnected(lost);
    a.counted("dial_failures", 1).await;
    let mut b = Plan::new(2).listen(&address).start().await;
    a.connected(lost);
    b.connected(a.peer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_peers_of_the_last_run_are_dialled_at_the_next_start() {
    let mut a = Plan::new(1).start().await;
    let mut b = Plan::new(2).seeds([a.address()]).start().await;
    b.connected(a.peer);
    a.connected(b.peer);
    b.status("a known peer", |status| status.known_peers == 1).await;
    let known = b.net.known_peers().await;
    let written = serde_json::to_string(&known).unwrap();
    b.stop().await;
    a.disconnected(key(2).public_key());
    let mut plan = Plan::new(2);
    plan.known = serde_json::from_str(&written).unwrap();
    let mut b = plan.start().await;
    b.connected(a.peer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dials_at_the_same_time_leave_a_connection() {
    for round in 0..10 {
        let (one, two) = (free_address(), free_address());
        let first = Plan::new(2 * round + 1).listen(&one).seeds([two.parse().unwrap()]);
        let second = Plan::new(2 * round + 2).listen(&two).seeds([one.parse().unwrap()]);
        let (mut a, mut b) = tokio::join!(first.start(), second.start());
        a.connected(b.peer);
        b.connected(a.peer);
        let asked = a.ask(b.peer, "both ways?");
        let (_, channel, _) = b.request();
        b.effect(Effect::Respond { channel, frame: "yes".into() });
        assert_eq!(a.answer_to(asked), Ok(b"yes".to_vec()));
        assert!(!a.has_seen(is_disconnect) && !b.has_seen(is_disconnect), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_network_is_sent_away_and_left_alone() {
    let mut a = Plan::new(1).start().await;
    a.join(TOPIC);
    let mut plan = Plan::new(2).seeds([a.address()]);
    plan.network.0[0] ^= 1;
    let mut foreign = plan.start().await;
    foreign.join(TOPIC);
    // Either side may be the first to see it; whoever was sent away before it saw has tried once more.
    foreign.counted("peers_foreign", 1).await;
    let opened = foreign.counted("connections_opened", 1).await;
    foreign.counted("connections_closed", opened).await;
    let mut b = Plan::new(3).seeds([a.address()]).start().await;
    b.connected(a.peer);
    a.connected(b.peer);
    let heard = |input: &Input| !matches!(input, Input::PeerSubscribed { .. });
    assert!(!a.has_seen(heard), "nothing but its own network");
    assert!(!foreign.has_seen(|_| true));
    assert_eq!(foreign.counted("connections_opened", 1).await, opened);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_peer_is_disconnected_and_kept_away() {
    let mut a = Plan::new(1).start().await;
    let mut b = Plan::new(2).seeds([a.address()]).start().await;
    a.connected(b.peer);
    b.connected(a.peer);
    a.effect(Effect::Block(b.peer));
    a.disconnected(b.peer);
    b.disconnected(a.peer);
    // Its seed is redialled for ever, and refused each time.
    a.counted("connections_refused", 2).await;
    assert!(!a.has_seen(|input| matches!(input, Input::PeerConnected { .. })));
    let asked = a.ask(b.peer, "?");
    assert_eq!(a.answer_to(asked), Err(tidepool_kernel::RequestFailure::Unreachable));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_on_the_block_list_or_not_on_the_allow_list_does_not_connect() {
    let friend = key(3).public_key();
    let mut blocking = Plan::new(1);
    blocking.settings.block = vec![PeerName::of(&key(2).public_key()).unwrap()];
    let mut allowing = Plan::new(4);
    allowing.settings.allow = vec![PeerName::of(&friend).unwrap()];
    for plan in [blocking, allowing] {
        let mut a = plan.start().await;
        let mut stranger = Plan::new(2).seeds([a.address()]).start().await;
        let mut guest = Plan::new(3).seeds([a.address()]).start().await;
        guest.connected(a.peer);
        a.connected(friend);
        a.counted("connections_refused", 1).await;
        let met = |input: &Input| *input == Input::PeerConnected { peer: a.peer };
        assert!(!stranger.has_seen(met));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_said_at_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: Multiaddr = format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port()).parse().unwrap();
    for wrong in [address, "/memory/7".parse().unwrap(), "/ip4/192.0.2.1/tcp/0".parse().unwrap()] {
        let mut plan = Plan::new(1);
        plan.settings.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap(), wrong.clone()];
        match plan.try_start().await {
            Err(NetError::Listen { address, .. }) => assert_eq!(address, wrong),
            other => panic!("{:?}", other.map(|node| node.address())),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_network_ends_with_its_kernel_and_with_its_last_handle() {
    let a = Plan::new(1).start().await;
    let mut b = Plan::new(2).seeds([a.address()]).start().await;
    b.connected(a.peer);
    let lost = a.peer;
    a.stop().await;
    b.disconnected(lost);
    let task = b.drop_kernel();
    tokio::time::timeout(DEADLINE, task).await.expect("the network ends").unwrap();
}
