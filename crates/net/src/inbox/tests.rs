//! What may be dropped comes back; what may not waits in order.

#![allow(clippy::unwrap_used)]

use super::*;
use crossbeam_channel::{Receiver, bounded};
use std::sync::atomic::Ordering;
use tidepool_kernel::Peer;

fn input(number: u8) -> Input {
    Input::PeerConnected { peer: Peer::from([number; 32]) }
}

fn inbox(size: usize) -> (Inbox, Receiver<Input>) {
    let (sender, receiver) = bounded(size);
    (Inbox::new(InputLanes::from(sender), Arc::new(Counters::default())), receiver)
}

#[test]
fn a_full_queue_refuses_an_offer_and_keeps_a_delivery() {
    let (mut inbox, receiver) = inbox(1);
    assert!(inbox.offer(input(0)));
    assert!(!inbox.offer(input(1)));
    inbox.deliver(input(2));
    inbox.deliver(input(3));
    assert!(inbox.is_waiting());
    assert_eq!(receiver.try_recv(), Ok(input(0)));
    // There is room, but the deliveries were first.
    assert!(!inbox.offer(input(4)));
    assert!(inbox.drain());
    assert_eq!(receiver.try_recv(), Ok(input(2)));
    assert!(!inbox.drain());
    assert_eq!(receiver.try_recv(), Ok(input(3)));
    assert!(inbox.offer(input(5)));
    assert_eq!(inbox.counters.inputs_delayed.load(Ordering::Relaxed), 2);
    assert_eq!(inbox.counters.inputs_lost.load(Ordering::Relaxed), 0);
}

#[test]
fn replies_pass_a_full_lane_of_frames() {
    let (replies, replied) = bounded(4);
    let (frames, _framed) = bounded(1);
    let mut inbox = Inbox::new(InputLanes { replies, requests: frames.clone(), frames }, Arc::default());
    assert!(inbox.offer(input(0)));
    assert!(!inbox.offer(input(1)));
    inbox.deliver(input(2));
    assert_eq!(replied.try_recv(), Ok(input(2)));
    assert!(!inbox.is_waiting());
}

#[test]
fn beyond_its_bound_a_delivery_is_lost_and_counted() {
    let (mut inbox, _receiver) = inbox(1);
    for _ in 0..=WAITING_MAX + 2 {
        inbox.deliver(input(0));
    }
    assert_eq!(inbox.counters.inputs_lost.load(Ordering::Relaxed), 2);
}

#[test]
fn a_kernel_that_is_gone_is_noticed() {
    let (mut inbox, receiver) = inbox(1);
    drop(receiver);
    assert!(!inbox.offer(input(0)));
    assert!(inbox.is_gone());
}
