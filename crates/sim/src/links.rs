//! Links: who is connected to whom, what a message takes, partitions, silence and dialling again.
//!
//! Each end believes for itself: after a partition or a death an end goes on believing in the link until it has heard
//! nothing for a while, and what it sends meanwhile is lost.

use crate::queue::Event;
use crate::report::Violation;
use crate::world::World;
use std::collections::BTreeSet;
use tidepool_kernel::{Input, Offence, Peer, RequestFailure};
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{SecretKey, Signer};

/// A peer of which nothing was heard for this long is given up, in milliseconds.
const SILENCE_MS: u64 = 30_000;

/// The longest wait before the next attempt to connect, in milliseconds.
const DIAL_MS_MAX: u64 = 5_000;

/// The key under which a node is known.
pub(crate) fn peer(key: &SecretKey) -> Peer {
    key.public_key()
}

impl World<'_> {
    /// Gives each node its links: a ring, so that the network is one, and others by chance. Archives make a ring of their
    /// own, and every other node keeps one of them: nobody depends for what he holds on peers that hold less.
    pub(crate) fn lay_links(&mut self) {
        let count = self.places.len();
        let archives: Vec<usize> = (0..self.members.len()).filter(|at| self.members[*at].is_archive()).collect();
        for (one, other) in archives.iter().zip(archives.iter().cycle().skip(1)) {
            self.want_link(*one, *other);
        }
        for at in 0..self.members.len() {
            if let Some(archive) = self.delivery.pick(&archives).copied().filter(|_| !self.members[at].is_archive()) {
                self.want_link(at, archive);
            }
        }
        for at in 0..count {
            self.want_link(at, (at + 1) % count);
            for _ in 0..self.scenario.degree {
                let other = self.delivery.place(count);
                if self.places[at].wanted.len() < self.scenario.degree {
                    self.want_link(at, other);
                }
            }
        }
    }

    fn want_link(&mut self, a: usize, b: usize) {
        if a != b {
            self.places[a].wanted.insert(b);
            self.places[b].wanted.insert(a);
        }
    }

    /// Connects `at` to `to` soon, and keeps it connected.
    pub(crate) fn keep_link(&mut self, at: usize, to: usize) {
        self.want_link(at, to);
        let ms = self.delivery.between(1, 500);
        self.later(at, ms, Event::Dial { to });
    }

    /// A place that has just come up connects to those that it keeps.
    pub(crate) fn dial_all(&mut self, at: usize) {
        for to in self.places[at].wanted.clone() {
            let ms = self.delivery.between(1, DIAL_MS_MAX / 2);
            self.later(at, ms, Event::Dial { to });
        }
    }

    /// Whether a partition stands between two places.
    pub(crate) fn apart(&self, a: usize, b: usize) -> bool {
        self.partitions.values().any(|side| side.contains(&a) != side.contains(&b))
    }

    /// Whether each of two places believes in the link.
    pub(crate) fn linked(&self, a: usize, b: usize) -> bool {
        self.places[a].near.contains(&b) && self.places[b].near.contains(&a)
    }

    pub(crate) fn dial(&mut self, at: usize, to: usize) {
        let blocked = self.places[at].blocked.contains(&to) || self.places[to].blocked.contains(&at);
        if blocked || !self.places[at].wanted.contains(&to) || self.linked(at, to) {
            return;
        }
        if !self.places[to].up || self.apart(at, to) {
            let ms = self.delivery.between(DIAL_MS_MAX / 2, DIAL_MS_MAX);
            self.later(at, ms, Event::Dial { to });
            return;
        }
        self.coverage.count("connected");
        for (one, other) in [(at, to), (to, at)] {
            if self.places[one].near.insert(other) {
                let peer = self.places[other].key;
                self.tell(one, Input::PeerConnected { peer });
            }
            for topic in self.places[other].gossip.topics() {
                let ms = self.delay(one);
                self.later(one, ms, Event::Subscribed { peer: other, topic });
            }
        }
    }

    /// Tells a node at once; a hostile peer is told nothing.
    fn tell(&mut self, at: usize, input: Input) {
        if self.is_honest(at) {
            self.later(at, 0, Event::Input(input));
        }
    }

    pub(crate) fn join(&mut self, at: usize, topic: Topic) {
        self.places[at].gossip.join(topic);
        for peer in self.places[at].near.clone() {
            let ms = self.delay(peer);
            self.later(peer, ms, Event::Subscribed { peer: at, topic });
        }
    }

    pub(crate) fn subscribed(&mut self, at: usize, peer: usize, topic: Topic) {
        if self.is_honest(at) && self.places[at].near.contains(&peer) && self.places[at].gossip.joined(topic) {
            let peer = self.places[peer].key;
            self.step(at, Input::PeerSubscribed { peer, topic });
        }
    }

    /// `at` will find out that `to` is gone: soon when the other end says so, late when it just falls silent.
    pub(crate) fn notice_silence(&mut self, at: usize, to: usize) {
        let ms = if self.delivery.per_mille(500) { self.delivery.between(1, 100) } else { SILENCE_MS };
        self.later(at, ms, Event::Silent { to });
    }

    /// `at` has heard nothing of `to`: if there is nothing to hear, the link closes at this end.
    pub(crate) fn silent(&mut self, at: usize, to: usize) {
        if !self.places[at].near.contains(&to) || (self.linked(at, to) && !self.apart(at, to)) {
            return;
        }
        self.hang_up(at, to);
        let ms = self.delivery.between(1, DIAL_MS_MAX);
        self.later(at, ms, Event::Dial { to });
    }

    /// Closes `at`'s end of a link.
    fn hang_up(&mut self, at: usize, to: usize) {
        let place = &mut self.places[at];
        if !place.near.remove(&to) {
            return;
        }
        place.gossip.forget(to);
        let cut: Vec<_> = place.asked.iter().filter(|(_, peer)| **peer == to).map(|(request, _)| *request).collect();
        for request in cut {
            self.later(at, 0, Event::Answer { request, result: Err(RequestFailure::Closed) });
        }
        let peer = self.places[to].key;
        self.coverage.count("disconnected");
        self.tell(at, Input::PeerDisconnected { peer });
    }

    /// A node wants nothing to do with a peer any more.
    pub(crate) fn block(&mut self, at: usize, peer: Peer) {
        let Some(to) = self.of_key.get(&peer).copied() else { return };
        if self.is_honest(to) {
            self.violations.push(Violation::BlockedHonest { node: at, peer: to });
        }
        self.coverage.count("hostile peer blocked");
        self.places[at].blocked.insert(to);
        self.hang_up(at, to);
        self.hang_up(to, at);
    }

    /// A node says that a peer lied, and can prove it.
    pub(crate) fn penalise(&mut self, at: usize, peer: Peer, offence: Offence) {
        let Some(to) = self.of_key.get(&peer).copied() else { return };
        if self.is_honest(to) {
            let offence = offence.label();
            self.violations.push(Violation::PenalisedHonest { node: at, peer: to, offence });
        }
        self.coverage.count("hostile peer penalised");
    }

    /// Both sides of every link that a partition cuts fall silent.
    pub(crate) fn cut_links(&mut self, side: &BTreeSet<usize>) {
        for at in 0..self.places.len() {
            let cut: Vec<_> =
                self.places[at].near.iter().copied().filter(|to| side.contains(&at) != side.contains(to)).collect();
            for to in cut {
                self.later(at, SILENCE_MS, Event::Silent { to });
            }
        }
    }

    /// What a message to `_to` takes, in milliseconds.
    pub(crate) fn delay(&mut self, _to: usize) -> u64 {
        let links = &self.scenario.links;
        let ms = links.latency_ms + self.delivery.below(links.jitter_ms + 1);
        if !self.healed && self.delivery.per_mille(links.reorder) {
            self.coverage.count("message overtaken");
            return ms + self.delivery.between(200, 6_000);
        }
        ms
    }

    /// Whether a message between two places is lost.
    pub(crate) fn is_lost(&mut self, from: usize, to: usize) -> bool {
        if self.apart(from, to) {
            self.coverage.count("message into a partition");
            return true;
        }
        if !self.places[to].near.contains(&from) {
            self.coverage.count("message into a dead link");
            return true;
        }
        let burst: u64 = self.losses.values().sum();
        let lost = if self.healed { 0 } else { self.scenario.links.loss + burst };
        let lost = self.delivery.per_mille(lost);
        if lost {
            self.coverage.count("message lost");
        }
        lost
    }

    /// Whether a message comes twice.
    pub(crate) fn is_doubled(&mut self) -> bool {
        let doubled = !self.healed && self.delivery.per_mille(self.scenario.links.duplicate);
        if doubled {
            self.coverage.count("message doubled");
        }
        doubled
    }
}
