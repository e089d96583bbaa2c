//! What waits for the kernel, in lanes by importance. Overload is decided here once: local work first, then answers and
//! results of what is under way, then peers' requests, then new frames, which are the first to be dropped.

use crossbeam_channel::{Receiver, Select, Sender, TrySendError, bounded, unbounded};
use std::time::Instant;
use tidepool_kernel::Input;

/// Local requests that may wait: beyond it a client is told that the node is busy.
pub(crate) const LOCAL_MAX: usize = 1_024;

/// Peers' requests that may wait: beyond it a peer is answered busy.
pub(crate) const REQUESTS_MAX: usize = 256;

/// Gossip frames that may wait: at 64 KiB each they hold 32 MiB at most.
pub(crate) const FRAMES_MAX: usize = 512;

/// The sending ends.
#[derive(Clone)]
pub(crate) struct Lanes {
    local: Sender<Input>,
    results: Sender<Input>,
    requests: Sender<Input>,
    frames: Sender<Input>,
}

/// The receiving ends, for the kernel thread alone.
pub(crate) struct Waiting {
    local: Receiver<Input>,
    results: Receiver<Input>,
    requests: Receiver<Input>,
    frames: Receiver<Input>,
}

/// A lane did not take an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaneError {
    /// As many wait as may.
    Full,
    /// The kernel has stopped.
    Stopped,
}

/// One set of lanes.
pub(crate) fn lanes() -> (Lanes, Waiting) {
    let (local, local_waiting) = bounded(LOCAL_MAX);
    // Results are answers to effects, and the kernel bounds how many effects it has under way.
    let (results, results_waiting) = unbounded();
    let (requests, requests_waiting) = bounded(REQUESTS_MAX);
    let (frames, frames_waiting) = bounded(FRAMES_MAX);
    let waiting =
        Waiting { local: local_waiting, results: results_waiting, requests: requests_waiting, frames: frames_waiting };
    (Lanes { local, results, requests, frames }, waiting)
}

impl Lanes {
    /// Puts `input` into the lane where its kind belongs; never blocks.
    pub(crate) fn offer(&self, input: Input) -> Result<(), LaneError> {
        let lane = match &input {
            Input::Local { .. } => &self.local,
            Input::Gossip { .. } => &self.frames,
            Input::Request { .. } => &self.requests,
            Input::Started
            | Input::Verified { .. }
            | Input::Published { .. }
            | Input::GossipDropped
            | Input::Response { .. }
            | Input::PeerConnected { .. }
            | Input::PeerDisconnected { .. }
            | Input::PeerSubscribed { .. }
            | Input::Timer(_)
            | Input::Durable { .. }
            | Input::TurnEnded
            | Input::Shutdown => &self.results,
        };
        lane.try_send(input).map_err(|error| match error {
            TrySendError::Full(_) => LaneError::Full,
            TrySendError::Disconnected(_) => LaneError::Stopped,
        })
    }

    /// The lanes that the network fills.
    pub(crate) fn for_network(&self) -> tidepool_net::InputLanes {
        tidepool_net::InputLanes {
            replies: self.results.clone(),
            requests: self.requests.clone(),
            frames: self.frames.clone(),
        }
    }

    /// The lane of results, for the threads that make them.
    pub(crate) fn results(&self) -> Sender<Input> {
        self.results.clone()
    }
}

impl Waiting {
    /// The most important input that waits, without waiting for one.
    pub(crate) fn next(&self) -> Option<Input> {
        [&self.local, &self.results, &self.requests, &self.frames].into_iter().find_map(|lane| lane.try_recv().ok())
    }

    /// Waits until something is there or `until` has passed.
    pub(crate) fn wait(&self, until: Option<Instant>) {
        let mut select = Select::new();
        for lane in [&self.local, &self.results, &self.requests, &self.frames] {
            select.recv(lane);
        }
        match until {
            Some(deadline) => {
                let _ = select.ready_deadline(deadline);
            }
            None => {
                let _ = select.ready();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use tidepool_kernel::{GossipId, LocalRequest, Ticket, Timer};
    use tidepool_protocol::PublicKey;
    use tidepool_protocol::slot::Topic;

    fn frame(id: u64) -> Input {
        Input::Gossip { id: GossipId(id), from: PublicKey([0; 32]), topic: Topic::Ctl, frame: bytes::Bytes::new() }
    }

    fn local(ticket: u64) -> Input {
        Input::Local { ticket: Ticket(ticket), request: LocalRequest::Write { rows: vec![], expect: vec![] } }
    }

    #[test]
    fn local_work_overtakes_results_and_frames() {
        let (lanes, waiting) = lanes();
        lanes.offer(frame(1)).unwrap();
        lanes.offer(Input::Timer(Timer::Bundle)).unwrap();
        lanes.offer(local(7)).unwrap();
        assert_eq!(waiting.next(), Some(local(7)));
        assert_eq!(waiting.next(), Some(Input::Timer(Timer::Bundle)));
        assert_eq!(waiting.next(), Some(frame(1)));
        assert_eq!(waiting.next(), None);
    }

    #[test]
    fn frames_are_refused_when_their_lane_is_full_and_local_work_is_not() {
        let (lanes, _waiting) = lanes();
        for id in 0..FRAMES_MAX as u64 {
            lanes.offer(frame(id)).unwrap();
        }
        assert_eq!(lanes.offer(frame(0)), Err(LaneError::Full));
        assert_eq!(lanes.offer(local(1)), Ok(()));
    }
}
