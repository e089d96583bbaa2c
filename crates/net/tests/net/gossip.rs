//! Frames between nodes: both transports, verdicts, outcomes.

use crate::support::{Plan, TOPIC, gossiping_pair};
use tidepool_kernel::{PublishOutcome, Verdict};

async fn a_frame_crosses(listen: &str) {
    let (mut a, mut b) = gossiping_pair(Plan::new(1).listen(listen), Plan::new(2).listen(listen)).await;
    assert_eq!(a.publish(TOPIC, "a bundle"), PublishOutcome::Sent);
    let (id, from, topic, frame) = b.frame();
    assert_eq!((from, topic, frame.as_slice()), (a.peer, TOPIC, b"a bundle".as_slice()));
    b.judge(id, Verdict::Accept);
    assert_eq!(b.publish(TOPIC, vec![7; 32 * 1024]), PublishOutcome::Sent);
    assert_eq!(a.frame().3, vec![7; 32 * 1024]);
    b.counted("verdicts_accept", 1).await;
    let status = b.status("a peer", |status| status.peers.len() == 1).await;
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
