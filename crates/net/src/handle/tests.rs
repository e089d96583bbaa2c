//! A full queue answers for itself; what is vital has room of its own.

#![allow(clippy::unwrap_used)]

use super::*;
use bytes::Bytes;
use std::sync::atomic::Ordering;
use tidepool_kernel::{Channel, GossipId, Peer, RequestId, Ticket, Verdict};
use tidepool_protocol::Shard;
use tidepool_protocol::slot::Topic;

const TOPIC: Topic = Topic::Shard { generation: 0, shard: Shard(0) };

/// A handle on a network of which the task stands still.
fn handle() -> (NetHandle, mpsc::Receiver<Command>) {
    let (sender, receiver) = mpsc::channel(EFFECTS_MAX + EFFECTS_RESERVE);
    let status = NetStatus {
        peer_id: String::new(),
        listen: Vec::new(),
        external: Vec::new(),
        reachability: crate::status::Reachability::Unknown,
        private: false,
        greylisted: 0,
        peers: Vec::new(),
        topics: Vec::new(),
        routing_peers: 0,
        known_peers: 0,
    };
    (NetHandle::new(sender, watch::channel(status).1, Arc::default()), receiver)
}

fn fill(net: &NetHandle) {
    for number in 0..EFFECTS_MAX as u64 {
        assert_eq!(net.effect(Effect::Judge { id: GossipId(number), verdict: Verdict::Accept }), None);
    }
}

#[test]
fn a_full_queue_answers_what_the_kernel_waits_for() {
    let (net, mut queue) = handle();
    fill(&net);
    let (ticket, request) = (Ticket(7), RequestId(8));
    assert_eq!(
        net.effect(Effect::Publish { ticket, topic: TOPIC, frame: Bytes::new() }),
        Some(Input::Published { ticket, outcome: PublishOutcome::NoPeers })
    );
    assert_eq!(
        net.effect(Effect::Request { request, peer: Peer::from([1; 32]), frame: Bytes::new() }),
        Some(Input::Response { request, result: Err(RequestFailure::Busy) })
    );
    assert_eq!(net.effect(Effect::Respond { channel: Channel(1), frame: Bytes::new() }), None);
    assert_eq!(net.effect(Effect::Connect(Peer::from([1; 32]))), None);
    assert_eq!(net.counters().effects_refused.load(Ordering::Relaxed), 4);
    queue.try_recv().unwrap();
    assert_eq!(net.effect(Effect::Publish { ticket, topic: TOPIC, frame: Bytes::new() }), None);
}

#[test]
fn topics_and_blocks_pass_a_full_queue() {
    let (net, mut queue) = handle();
    fill(&net);
    for effect in [Effect::Join(TOPIC), Effect::Leave(TOPIC), Effect::Block(Peer::from([1; 32]))] {
        assert_eq!(net.effect(effect), None);
    }
    let mut vital = 0;
    while let Ok(Command::Effect(effect)) = queue.try_recv() {
        vital += usize::from(matches!(effect, Effect::Join(_) | Effect::Leave(_) | Effect::Block(_)));
    }
    assert_eq!(vital, 3);
    assert_eq!(net.counters().effects_refused.load(Ordering::Relaxed), 0);
}

#[test]
fn a_network_that_has_ended_answers_like_a_full_one_and_effects_of_others_are_not_taken() {
    let (net, mut queue) = handle();
    assert_eq!(net.effect(Effect::Flush), None);
    assert!(queue.try_recv().is_err());
    drop(queue);
    let ticket = Ticket(7);
    let answer = net.effect(Effect::Publish { ticket, topic: TOPIC, frame: Bytes::new() });
    assert_eq!(answer, Some(Input::Published { ticket, outcome: PublishOutcome::NoPeers }));
}
