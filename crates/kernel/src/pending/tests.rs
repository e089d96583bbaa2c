//! What waits for an identity: its bounds, whom it asks, when it gives up.
#![allow(clippy::unwrap_used)]

use super::*;
use tidepool_protocol::PublicKey;
use tidepool_views::testing::{TestNode, Writer};

fn peer(number: u8) -> Peer {
    PublicKey([number; 32])
}

fn author(number: u8) -> AuthorId {
    AuthorId([number; 32])
}

fn posts(count: usize) -> Vec<Verified<Envelope>> {
    let node = TestNode::new(1);
    let mut writer = Writer::new(node.id.into(), node.state.operation, &node.key, "c/general".parse().unwrap());
    (0..count).map(|number| writer.post(&format!("post {number}"))).collect()
}

fn queue(count: usize, bytes: usize) -> PendingQueue {
    PendingQueue::new(Bounds { count, bytes, peer_share: 2, age_ms: 60_000 })
}

const NOW: Steady = Steady(1_000_000);

#[test]
fn one_peer_fills_no_more_than_its_share() {
    let posts = posts(6);
    let mut queue = queue(8, 1_000_000);
    let add = |queue: &mut PendingQueue, at: usize, from: u8| {
        queue.add(author(1), posts[at].clone(), peer(from), Came::Gossip, NOW)
    };
    assert!((0..4).all(|at| add(&mut queue, at, 1)));
    assert!(!add(&mut queue, 4, 1));
    assert!(add(&mut queue, 4, 2), "another peer has room");
    assert!(add(&mut queue, 4, 2), "the same again is the same");
    assert_eq!((queue.len(), queue.of(&peer(1)), queue.of(&peer(2))), (5, 4, 1));
    assert_eq!(queue.take(&author(1)).len(), 5);
    assert_eq!((queue.len(), queue.of(&peer(1)), queue.bytes), (0, 0, 0));
    assert!((0..4).all(|at| add(&mut queue, at, 1)), "the room is there again");
}

#[test]
fn bytes_are_bounded_too() {
    let posts = posts(3);
    let mut queue = queue(100, posts[0].bytes().len() * 5);
    let added: Vec<bool> =
        posts.iter().map(|post| queue.add(author(1), post.clone(), peer(1), Came::Sync, NOW)).collect();
    assert_eq!(added, [true, true, false]);
}

#[test]
fn the_sender_is_asked_first_then_others_with_back_off() {
    let mut queue = queue(10, 1_000_000);
    queue.add(author(1), posts(1).remove(0), peer(5), Came::Gossip, NOW);
    let connected: BTreeSet<Peer> = [peer(3), peer(5)].into();
    let others = [peer(3), peer(5)];
    assert_eq!(queue.ask(NOW, &connected, &others), [(peer(5), author(1))]);
    assert_eq!(queue.ask(NOW, &connected, &others), [], "not before its time");
    let second = queue.due().unwrap();
    assert_eq!(second, NOW.plus_ms(BACK_OFF_MS[0]));
    assert_eq!(queue.ask(second, &connected, &others), [(peer(3), author(1))]);
    queue.hurry(&author(1), second);
    assert_eq!(queue.ask(second, &connected, &others), [(peer(5), author(1))], "the round begins anew");
}

#[test]
fn whoever_nobody_knows_is_given_up() {
    let mut queue = queue(10, 1_000_000);
    queue.add(author(1), posts(1).remove(0), peer(5), Came::Gossip, NOW);
    let connected = BTreeSet::from([peer(5)]);
    let mut asked = 0;
    let mut now = NOW;
    for _ in 0..10 {
        asked += queue.ask(now, &connected, &[peer(5)]).len();
        let Some(due) = queue.due() else { break };
        now = due;
        if queue.expire(now) > 0 {
            break;
        }
    }
    assert_eq!(asked, BACK_OFF_MS.len());
    assert_eq!((queue.len(), queue.due()), (0, None));
    assert!(!queue.misses(&author(1)));
}

#[test]
fn without_anybody_to_ask_it_expires_by_age() {
    let mut queue = queue(10, 1_000_000);
    queue.add(author(1), posts(1).remove(0), peer(5), Came::Gossip, NOW);
    assert_eq!(queue.expire(NOW.plus_ms(60_000)), 0);
    assert_eq!(queue.expire(NOW.plus_ms(60_001)), 1);
}
