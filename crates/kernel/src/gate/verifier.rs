//! The queue in front of the verifying threads: bounded, in order of importance.

use crate::local::Ticket;
use bytes::Bytes;
use std::collections::VecDeque;

/// Whose envelopes wait, most important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// What agents at home here signed themselves.
    Local,
    /// What peers answered to our requests.
    Answer,
    /// New frames of gossip.
    Gossip,
}

/// Envelopes on their way to the verifying threads.
#[derive(Debug)]
struct Work {
    ticket: Ticket,
    envelopes: Vec<Bytes>,
}

/// The queue. How many wait in the first two lanes is bounded by their owners: local requests and sync sessions.
#[derive(Debug)]
pub(crate) struct Verifier {
    under_way: usize,
    under_way_max: usize,
    gossip_max: usize,
    gossip: usize,
    lanes: [VecDeque<Work>; 3],
}

impl Verifier {
    pub(crate) const fn new(under_way_max: usize, gossip_max: usize) -> Self {
        Self {
            under_way: 0,
            under_way_max,
            gossip_max,
            gossip: 0,
            lanes: [VecDeque::new(), VecDeque::new(), VecDeque::new()],
        }
    }

    /// Queues `envelopes`; `false` when gossip has to wait elsewhere, that is, is dropped.
    pub(crate) fn push(&mut self, lane: Lane, ticket: Ticket, envelopes: Vec<Bytes>) -> bool {
        let place = match lane {
            Lane::Local => 0,
            Lane::Answer => 1,
            Lane::Gossip => {
                if self.gossip + envelopes.len() > self.gossip_max {
                    return false;
                }
                self.gossip += envelopes.len();
                2
            }
        };
        self.lanes[place].push_back(Work { ticket, envelopes });
        true
    }

    /// The next to verify, while there is room under way.
    pub(crate) fn next(&mut self) -> Option<(Ticket, Vec<Bytes>)> {
        if self.under_way >= self.under_way_max {
            return None;
        }
        let (lane, work) =
            self.lanes.iter_mut().enumerate().find_map(|(lane, works)| Some((lane, works.pop_front()?)))?;
        if lane == 2 {
            self.gossip -= work.envelopes.len();
        }
        self.under_way += work.envelopes.len();
        Some((work.ticket, work.envelopes))
    }

    /// So many came back.
    pub(crate) const fn done(&mut self, count: usize) {
        self.under_way = self.under_way.saturating_sub(count);
    }
}
