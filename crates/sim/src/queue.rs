//! What is going to happen, in the order of virtual time.

use crate::gossip::FrameNo;
use bytes::Bytes;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use tidepool_kernel::memory::FlushPoint;
use tidepool_kernel::{Channel, Input, RequestFailure, RequestId, Timer};
use tidepool_protocol::slot::Topic;

/// One thing that happens at one place.
#[derive(Debug)]
pub(crate) enum Event {
    /// A node takes an input.
    Input(Input),
    /// No more inputs wait at a node.
    TurnEnds,
    /// A timer of a node is due, if it still stands.
    Timer(Timer),
    /// A flush is done.
    Flushed(FlushPoint),
    /// A frame of gossip comes; `again` when the same has come before.
    Frame { from: usize, frame: FrameNo, again: bool },
    /// A peer names frames that it has.
    Have { from: usize, frames: Vec<FrameNo> },
    /// A peer asks for frames that were named.
    Want { from: usize, frames: Vec<FrameNo> },
    /// A node looks after its gossip.
    Heartbeat,
    /// A request comes.
    Ask { from: usize, request: RequestId, channel: Channel, frame: Bytes },
    /// An answer comes, or the word that none will.
    Answer { request: RequestId, result: Result<Bytes, RequestFailure> },
    /// Two ends of a link try to connect.
    Dial { to: usize },
    /// A link over which nothing is heard any more closes.
    Silent { to: usize },
    /// A topic is announced to a peer.
    Subscribed { peer: usize, topic: Topic },
    /// Fault number so begins.
    FaultBegins(usize),
    /// Fault number so ends.
    FaultEnds(usize),
    /// Some ms before a crash a checkpoint is written.
    Checkpoint,
    /// A node's disk is copied, for fault number so.
    BackUp(usize),
    /// A node that was told to shut down is gone.
    Gone,
    /// A node dies.
    Dies,
    /// Agent number so does something.
    Work(usize),
    /// A hostile peer does something.
    Mischief,
    /// Bounds are looked at.
    Look,
}

#[derive(Debug)]
struct Due {
    at: u64,
    order: u64,
    place: usize,
    /// The life of the place in which it was set; what was sent to an earlier life does not arrive.
    life: Option<u32>,
    event: Event,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap gives the greatest first: the soonest, and of those the one that was set first.
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

/// The queue. Its order is total: events of one millisecond happen in the order in which they were set.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Due>,
    order: u64,
}

impl Queue {
    pub(crate) fn push(&mut self, at: u64, place: usize, life: Option<u32>, event: Event) {
        self.order += 1;
        self.heap.push(Due { at, order: self.order, place, life, event });
    }

    /// When the next is due.
    pub(crate) fn next_at(&self) -> Option<u64> {
        self.heap.peek().map(|due| due.at)
    }

    pub(crate) fn pop(&mut self) -> Option<(u64, usize, Option<u32>, Event)> {
        self.heap.pop().map(|due| (due.at, due.place, due.life, due.event))
    }
}
