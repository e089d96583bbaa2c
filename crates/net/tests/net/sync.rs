//! Requests and answers: sizes, times, room, and peers that speak the protocol wrongly.

use crate::raw::{Raw, Speaks};
use crate::support::{Node, Plan, key, network, pair};
use libp2p::PeerId;
use tidepool_kernel::{Effect, Input, Peer, RequestFailure};
use tidepool_net::peer_id;
use tidepool_protocol::Signer;
use tidepool_protocol::limits::SYNC_FRAME_BYTES_MAX;

fn sync_only() -> Speaks {
    Speaks { network: network(), kad: false, sync: true, gossip: false }
}

/// A node and a raw peer that know of one another.
async fn node_and_raw(speaks: Speaks) -> (Node, Raw, PeerId) {
    let mut node = Plan::new(1).start().await;
    let (mut raw, _) = Raw::start(9, speaks).await;
    raw.dial(node.address());
    let id = peer_id(&node.peer).unwrap();
    raw.identified(id).await;
    node.connected(raw.peer);
    (node, raw, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_of_the_largest_size_is_answered_with_the_largest_size() {
    let (mut a, mut b) = pair(Plan::new(1), Plan::new(2)).await;
    let asked = b.ask(a.peer, vec![8; SYNC_FRAME_BYTES_MAX]);
    let (from, channel, frame) = a.request();
    assert_eq!((from, frame), (b.peer, vec![8; SYNC_FRAME_BYTES_MAX]));
    a.effect(Effect::Respond { channel, frame: vec![9; SYNC_FRAME_BYTES_MAX].into() });
    assert_eq!(b.answer_to(asked), Ok(vec![9; SYNC_FRAME_BYTES_MAX]));
    b.counted("requests_out_answered", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_over_the_limit_is_not_sent_and_an_answer_over_it_is_busy() {
    let (mut a, mut b) = pair(Plan::new(1), Plan::new(2)).await;
    let asked = b.ask(a.peer, vec![8; SYNC_FRAME_BYTES_MAX + 1]);
    assert_eq!(b.answer_to(asked), Err(RequestFailure::Busy));
    let asked = b.ask(a.peer, "small");
    let (_, channel, frame) = a.request();
    assert_eq!(frame, b"small");
    a.effect(Effect::Respond { channel, frame: vec![9; SYNC_FRAME_BYTES_MAX + 1].into() });
    assert_eq!(b.answer_to(asked), Err(RequestFailure::Busy));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_does_not_come_is_a_timeout_and_one_that_comes_late_is_nothing() {
    let mut plan = Plan::new(2);
    plan.settings.request_timeout_ms = 300;
    let (mut a, mut b) = pair(Plan::new(1), plan).await;
    let asked = b.ask(a.peer, "hello?");
    let (_, channel, _) = a.request();
    assert_eq!(b.answer_to(asked), Err(RequestFailure::Timeout));
    a.effect(Effect::Respond { channel, frame: "too late".into() });
    let again = b.ask(a.peer, "still there?");
    let (_, channel, _) = a.request();
    a.effect(Effect::Respond { channel, frame: "yes".into() });
    assert_eq!(b.answer_to(again), Ok(b"yes".to_vec()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_nobody_knows_is_unreachable() {
    let mut a = Plan::new(1).start().await;
    for stranger in [key(77).public_key(), a.peer, Peer::from([2; 32])] {
        let asked = a.ask(stranger, "who are you?");
        assert_eq!(a.answer_to(asked), Err(RequestFailure::Unreachable));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_requests_to_one_peer_than_allowed_are_busy_at_once() {
    let (mut a, mut b) = pair(Plan::new(1), Plan::new(2)).await;
    let asked: Vec<_> = (0..20).map(|number| b.ask(a.peer, vec![number])).collect();
    for late in &asked[16..] {
        assert_eq!(b.answer_to(*late), Err(RequestFailure::Busy));
    }
    for _ in 0..16 {
        let (_, channel, frame) = a.request();
        a.effect(Effect::Respond { channel, frame: frame.into() });
    }
    for (number, request) in asked[..16].iter().enumerate() {
        assert_eq!(b.answer_to(*request), Ok(vec![number as u8]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kernel_without_room_answers_busy_and_loses_no_event() {
    let mut crowded = Plan::new(1);
    crowded.queue = 1;
    let mut a = crowded.start().await;
    let mut b = Plan::new(2).seeds([a.address()]).start().await;
    b.connected(a.peer);
    // The queue of a holds its word of b, which nobody has read.
    a.status("a peer", |status| status.peers.len() == 1).await;
    let asked = b.ask(a.peer, "have you room?");
    assert_eq!(b.answer_to(asked), Err(RequestFailure::Busy));
    a.counted("requests_in_busy", 1).await;
    a.connected(b.peer);
    let asked = b.ask(a.peer, "now?");
    let (_, channel, _) = a.request();
    a.effect(Effect::Respond { channel, frame: "now".into() });
    assert_eq!(b.answer_to(asked), Ok(b"now".to_vec()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_requests_reach_nobody_and_harm_nobody() {
    let (mut node, mut raw, id) = node_and_raw(sync_only()).await;
    let claim = |length: usize| u32::try_from(length).unwrap().to_be_bytes().to_vec();
    let garbage = [
        vec![],
        vec![0],
        vec![0xff; 64],
        claim(SYNC_FRAME_BYTES_MAX + 1),
        claim(SYNC_FRAME_BYTES_MAX),
        [claim(100), vec![7; 99]].concat(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ];
    for bytes in garbage {
        raw.ask(id, bytes);
        assert_eq!(raw.answer().await.unwrap_or_default(), Vec::<u8>::new());
    }
    node.counted("requests_in_garbage", 7).await;
    assert!(!node.has_seen(|input| matches!(input, Input::Request { .. })));
    raw.ask(id, [claim(2), b"ok".to_vec()].concat());
    let (from, channel, frame) = node.request();
    assert_eq!((from, frame.as_slice()), (raw.peer, b"ok".as_slice()));
    node.effect(Effect::Respond { channel, frame: "!".into() });
    assert_eq!(raw.answer().await, Some(vec![0, 0, 0, 0, 1, b'!']));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_break_the_protocol_are_told_from_none() {
    let (mut node, mut raw, _) = node_and_raw(sync_only()).await;
    let wrong: [(&[u8], RequestFailure); 5] = [
        (&[9], RequestFailure::Protocol),
        (&[0, 0, 0], RequestFailure::Protocol),
        (&[0, 0xff, 0xff, 0xff, 0xff], RequestFailure::Protocol),
        (&[0, 0, 0, 0, 9, 1, 2], RequestFailure::Protocol),
        (&[1], RequestFailure::Busy),
    ];
    for (bytes, expected) in wrong {
        let asked = node.ask(raw.peer, "?");
        let (request, channel) = raw.request().await;
        assert_eq!(request, [0, 0, 0, 1, b'?']);
        raw.respond(channel, bytes.to_vec());
        assert_eq!(node.answer_to(asked), Err(expected), "{bytes:?}");
    }
    let asked = node.ask(raw.peer, "?");
    let (_, channel) = raw.request().await;
    drop(channel);
    assert_eq!(node.answer_to(asked), Err(RequestFailure::Closed));
    node.counted("requests_out_protocol", 4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_without_the_protocol_breaks_it() {
    let (mut node, raw, _) = node_and_raw(Speaks { sync: false, ..sync_only() }).await;
    let asked = node.ask(raw.peer, "?");
    assert_eq!(node.answer_to(asked), Err(RequestFailure::Protocol));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_peer_of_another_network_asks_is_never_seen() {
    let mut node = Plan::new(1).start().await;
    let mut foreign = network();
    foreign.0[0] ^= 1;
    let (raw, _) = Raw::start(9, Speaks { network: foreign, ..sync_only() }).await;
    let id = peer_id(&node.peer).unwrap();
    let address = node.address();
    raw.act(move |swarm| {
        swarm.add_peer_address(id, address);
        let bytes = [vec![0, 0, 0, 2], b"ok".to_vec()].concat();
        swarm.behaviour_mut().sync.as_mut().unwrap().send_request(&id, bytes);
    });
    node.counted("peers_foreign", 1).await;
    node.counted("connections_closed", 1).await;
    let seen = node.has_seen(|input| matches!(input, Input::Request { .. } | Input::PeerConnected { .. }));
    assert!(!seen);
}
