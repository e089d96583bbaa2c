//! Frames between nodes: both transports, verdicts, outcomes, queues, and what is not for us.

use crate::raw::{Raw, RawBehaviourEvent, Speaks};
use crate::support::{Plan, TOPIC, gossiping_pair, network, until};
use libp2p::gossipsub::{self, IdentTopic};
use libp2p::swarm::SwarmEvent;
use tidepool_kernel::{Effect, Input, PublishOutcome, Verdict};
use tidepool_protocol::Shard;
use tidepool_protocol::limits::BUNDLE_BYTES_MAX;
use tidepool_protocol::slot::Topic;

async fn a_frame_crosses(listen: &str) {
    let (mut a, mut b) = gossiping_pair(Plan::new(1).listen(listen), Plan::new(2).listen(listen)).await;
    assert_eq!(a.publish(TOPIC, "a bundle"), PublishOutcome::Sent);
    let (id, from, topic, frame) = b.frame();
    assert_eq!((from, topic, frame.as_slice()), (a.peer, TOPIC, b"a bundle".as_slice()));
    b.judge(id, Verdict::Accept);
    assert_eq!(b.publish(TOPIC, vec![7; BUNDLE_BYTES_MAX]), PublishOutcome::Sent);
    assert_eq!(a.frame().3, vec![7; BUNDLE_BYTES_MAX]);
    b.counted("verdicts_accept", 1).await;
    let status = b.status("a peer", |status| status.peers.len() == 1 && status.topics[0].mesh == 1).await;
    let address = status.peers[0].addresses[0].to_string();
    assert_eq!(address.contains("quic-v1"), listen.contains("quic-v1"), "{address}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_gossip_a_frame_over_tcp() {
    a_frame_crosses("/ip4/127.0.0.1/tcp/0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_gossip_a_frame_over_quic() {
    a_frame_crosses("/ip4/127.0.0.1/udp/0/quic-v1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish_has_the_outcome_that_says_whether_to_try_again() {
    let (mut a, mut b) = gossiping_pair(Plan::new(1), Plan::new(2)).await;
    let empty = Topic::Shard { generation: 0, shard: Shard(3) };
    assert_eq!(a.publish(empty, "x"), PublishOutcome::NoPeers);
    assert_eq!(a.publish(TOPIC, vec![0; BUNDLE_BYTES_MAX + 1]), PublishOutcome::Refused);
    assert_eq!(a.publish(TOPIC, "x"), PublishOutcome::Sent);
    assert_eq!(a.publish(TOPIC, "x"), PublishOutcome::Duplicate);
    // The same bytes on another topic are another message; and what had no peers may be tried again.
    b.join(empty);
    a.subscribed_later(b.peer, empty).await;
    assert_eq!(a.publish(empty, "x"), PublishOutcome::Sent);
    assert_eq!(b.frame().2, TOPIC);
    assert_eq!(b.frame().2, empty);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_to_a_peer_is_told_and_what_was_sent_arrives() {
    let mut narrow = Plan::new(1);
    narrow.settings.gossip.queue_frames_max = 16;
    let (mut a, mut b) = gossiping_pair(narrow, Plan::new(2)).await;
    let mut sent = 0;
    let mut full = 0;
    // Handed over faster than any link carries them: each waits for its place, not for its outcome.
    for number in 0..2_000_u32 {
        let mut frame = vec![0; 32 * 1024];
        frame[..4].copy_from_slice(&number.to_be_bytes());
        let ticket = tidepool_kernel::Ticket(u64::from(number));
        if let Some(refused) = a.net.effect(Effect::Publish { ticket, topic: TOPIC, frame: frame.into() }) {
            assert_eq!(refused, Input::Published { ticket, outcome: PublishOutcome::NoPeers });
            continue;
        }
        match a.outcome_if_there() {
            Some(PublishOutcome::Sent) => sent += 1,
            Some(PublishOutcome::QueuesFull) => full += 1,
            Some(other) => panic!("{other:?}"),
            None => {}
        }
        if full > 0 {
            break;
        }
    }
    until("a full queue", || {
        match a.outcome_if_there() {
            Some(PublishOutcome::Sent) => sent += 1,
            Some(PublishOutcome::QueuesFull) => full += 1,
            Some(other) => panic!("{other:?}"),
            None => {}
        }
        (full > 0).then_some(())
    })
    .await;
    for _ in 0..sent {
        let (id, ..) = b.frame();
        b.judge(id, Verdict::Ignore);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_goes_on_to_a_third_node_only_when_it_is_accepted() {
    let (mut a, mut b) = gossiping_pair(Plan::new(1), Plan::new(2)).await;
    // The third is connected to the second alone: the first is on its block list.
    let mut plan = Plan::new(3).seeds([b.address()]);
    plan.settings.block = vec![tidepool_net::PeerName::of(&a.peer).unwrap()];
    let mut c = plan.start().await;
    c.connected(b.peer);
    c.join(TOPIC);
    c.subscribed(b.peer, TOPIC);
    b.subscribed(c.peer, TOPIC);
    for (frame, verdict) in [("ignored", Verdict::Ignore), ("rejected", Verdict::Reject), ("accepted", Verdict::Accept)]
    {
        assert_eq!(a.publish(TOPIC, frame), PublishOutcome::Sent);
        let (id, ..) = b.frame();
        b.judge(id, verdict);
    }
    let (_, from, _, frame) = c.frame();
    assert_eq!((from, frame.as_slice()), (b.peer, b"accepted".as_slice()));
    assert!(!c.has_seen(|input| matches!(input, Input::Gossip { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kernel_without_room_ignores_frames_and_hears_of_everything_else() {
    let mut crowded = Plan::new(1);
    crowded.queue = 1;
    let mut a = crowded.start().await;
    let mut b = Plan::new(2).seeds([a.address()]).start().await;
    b.connected(a.peer);
    a.join(TOPIC);
    b.join(TOPIC);
    b.subscribed(a.peer, TOPIC);
    a.status("a mesh", |status| status.topics.first().is_some_and(|topic| topic.mesh == 1)).await;
    for number in 0..10 {
        assert_eq!(b.publish(TOPIC, vec![number; 100]), PublishOutcome::Sent);
    }
    a.counted("gossip_dropped_queue", 10).await;
    a.counted("verdicts_ignore", 10).await;
    a.connected(b.peer);
    a.subscribed(b.peer, TOPIC);
    a.input("word of what was dropped", |input| matches!(input, Input::GossipDropped).then_some(()));
    assert_eq!(b.publish(TOPIC, "room again"), PublishOutcome::Sent);
    assert_eq!(a.frame().3, b"room again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_foreign_topics_and_oversize_ones_are_not_seen() {
    let mut node = Plan::new(1).start().await;
    node.join(TOPIC);
    let (mut raw, _) = Raw::start(9, Speaks { network: network(), kad: false, sync: false, gossip: true }).await;
    raw.dial(node.address());
    let mut other = network();
    other.0[0] ^= 1;
    let ours = TOPIC.name(network());
    let foreign = [TOPIC.name(other), "news".to_owned(), ours.replace("/s/1", "/s/01"), "x".repeat(10_000)];
    let topics = foreign.clone().into_iter().chain([ours.clone()]).collect::<Vec<_>>();
    raw.act(move |swarm| {
        let gossip = swarm.behaviour_mut().gossip.as_mut().unwrap();
        for topic in topics {
            gossip.subscribe(&IdentTopic::new(topic)).unwrap();
        }
    });
    node.connected(raw.peer);
    node.subscribed(raw.peer, TOPIC);
    let expected = ours.clone();
    raw.event("our subscription", |event| match event {
        SwarmEvent::Behaviour(RawBehaviourEvent::Gossip(gossipsub::Event::Subscribed { topic, .. })) => {
            (topic.as_str() == expected).then_some(())
        }
        _ => None,
    })
    .await;
    let status = node.status("its topics", |status| status.peers.iter().any(|peer| !peer.topics.is_empty())).await;
    assert_eq!(status.peers[0].topics, std::slice::from_ref(&ours));
    raw.act(move |swarm| {
        let gossip = swarm.behaviour_mut().gossip.as_mut().unwrap();
        for topic in foreign {
            let _ = gossip.publish(IdentTopic::new(topic), b"foreign".to_vec());
        }
        gossip.publish(IdentTopic::new(ours.clone()), vec![1; BUNDLE_BYTES_MAX + 1]).unwrap();
        gossip.publish(IdentTopic::new(ours), b"for you".to_vec()).unwrap();
    });
    let (_, from, topic, frame) = node.frame();
    assert_eq!((from, topic, frame.as_slice()), (raw.peer, TOPIC, b"for you".as_slice()));
    assert!(!node.has_seen(|input| matches!(input, Input::Gossip { .. })));
    node.counted("gossip_oversize", 1).await;
    node.counted("verdicts_reject", 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peers_that_joined_first_are_told_of_and_a_left_topic_is_quiet() {
    let (mut a, b) = gossiping_pair(Plan::new(1), Plan::new(2)).await;
    b.join(Topic::Ctl);
    a.status("two topics", |status| status.peers.first().is_some_and(|peer| peer.topics.len() == 2)).await;
    assert!(!a.has_seen(|input| matches!(input, Input::PeerSubscribed { topic: Topic::Ctl, .. })));
    a.join(Topic::Ctl);
    a.subscribed(b.peer, Topic::Ctl);
    b.effect(Effect::Leave(Topic::Ctl));
    a.status("one topic", |status| status.peers.first().is_some_and(|peer| peer.topics.len() == 1)).await;
    assert_eq!(a.publish(Topic::Ctl, "to nobody"), PublishOutcome::NoPeers);
}
