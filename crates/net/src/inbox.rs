//! The way from the swarm to the kernel, which never makes the swarm wait.
//!
//! What may be dropped (gossip frames, requests of peers) is *offered*: when the kernel's queue is full it comes back at
//! once, and its sender is told. What may not (answers to our requests, outcomes of publishes, peers that come and go)
//! is *delivered*: when the queue is full it waits here, in order, until there is room.

use crate::counters::{Counters, count};
use crossbeam_channel::{Sender, TrySendError};
use std::collections::VecDeque;
use std::sync::Arc;
use tidepool_kernel::Input;

/// The most inputs that wait here. Answers are bounded by the requests under way and outcomes by the effects; peers that
/// come and go while the kernel stands still for minutes fill the rest. Beyond it the newest is lost, counted and logged.
const WAITING_MAX: usize = 16 * 1024;

/// The kernel's queues as the network sees them; supplied by whoever drives the kernel. Both may be the same queue.
#[derive(Clone, Debug)]
pub struct InputLanes {
    /// Answers, outcomes, peers that come and go: to be taken before frames.
    pub replies: Sender<Input>,
    /// Requests of peers: answered busy when there is no room.
    pub requests: Sender<Input>,
    /// Gossip frames: what is dropped first.
    pub frames: Sender<Input>,
}

impl From<Sender<Input>> for InputLanes {
    fn from(sender: Sender<Input>) -> Self {
        Self { replies: sender.clone(), requests: sender.clone(), frames: sender }
    }
}

/// The sending side, owned by the swarm's task.
#[derive(Debug)]
pub(crate) struct Inbox {
    lanes: InputLanes,
    waiting: VecDeque<Input>,
    gone: bool,
    counters: Arc<Counters>,
}

impl Inbox {
    pub(crate) fn new(lanes: InputLanes, counters: Arc<Counters>) -> Self {
        Self { lanes, waiting: VecDeque::new(), gone: false, counters }
    }

    /// Hands over an input that may be dropped; `false` when there is no room. While others wait there is none: they
    /// were first.
    #[must_use]
    pub(crate) fn offer(&mut self, input: Input) -> bool {
        if !self.waiting.is_empty() {
            return false;
        }
        let lane = if matches!(input, Input::Request { .. }) { &self.lanes.requests } else { &self.lanes.frames };
        match lane.try_send(input) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => false,
            Err(TrySendError::Disconnected(_)) => {
                self.gone = true;
                false
            }
        }
    }

    /// Hands over an input that may not be dropped, now or as soon as there is room.
    pub(crate) fn deliver(&mut self, input: Input) {
        if self.waiting.len() == WAITING_MAX {
            count(&self.counters.inputs_lost);
            tracing::error!(waiting = WAITING_MAX, "the kernel takes no inputs; one is lost");
            return;
        }
        self.waiting.push_back(input);
        if self.drain() {
            count(&self.counters.inputs_delayed);
        }
    }

    /// Hands over what waits; says whether some still does.
    pub(crate) fn drain(&mut self) -> bool {
        while let Some(input) = self.waiting.pop_front() {
            match self.lanes.replies.try_send(input) {
                Ok(()) => {}
                Err(TrySendError::Full(input)) => {
                    self.waiting.push_front(input);
                    return true;
                }
                Err(TrySendError::Disconnected(_)) => {
                    self.gone = true;
                    self.waiting.clear();
                }
            }
        }
        false
    }

    /// Whether inputs wait for room.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether the kernel is gone: there is nobody left to work for.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }
}

#[cfg(test)]
mod tests;
