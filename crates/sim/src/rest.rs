//! What follows healing: all come to hold the same, owners name branches, and then nobody has anything left to do.
//!
//! Once all hold the same, nobody asks an honest peer for an envelope, nothing waits in an outbox, and nobody holds a text
//! that it said it would take away, or lacks one that it said it would keep.

use crate::report::Violation;
use crate::world::{Member, World};
use bytes::Bytes;
use std::collections::BTreeMap;
use tidepool_kernel::{Input, Node, Timer, retention};
use tidepool_protocol::sync::SyncRequest;
use tidepool_protocol::{Slot, TimeMs};
use tidepool_views::{Origin, logs, prune};

/// After healing, digests are compared so often, in milliseconds.
const COMPARE_MS: u64 = 1_000;

/// After the nodes are equal, what is under way comes to rest in this time, in milliseconds.
const REST_MS: u64 = 3_000;

/// When nobody has held anything new for this long, a request for envelopes has no reason any more, in milliseconds.
const QUIET_MS: u64 = 10_000;

impl World<'_> {
    /// Lets everything come to rest; says how long after `end` all honest nodes held the same.
    pub(crate) fn come_to_rest(&mut self, end: u64) -> Option<u64> {
        let last = end + self.scenario.heal_within_s * 1_000;
        let converged = self.converge(last).map(|at| at - end);
        if converged.is_some() && self.name_branches() {
            self.run_until(self.now + REST_MS);
            self.converge(self.now + self.scenario.heal_within_s * 1_000)?;
        }
        self.run_until(self.now + REST_MS);
        converged?;
        self.resting = true;
        self.run_until(self.now + 2 * self.scenario.anti_entropy_ms + QUIET_MS);
        let last = self.now + self.scenario.heal_within_s * 1_000;
        while self.now < last && self.unsent().next().is_some() {
            self.run_until(self.now + COMPARE_MS);
        }
        // Operators look at their disks once more; whoever has nothing to take away does nothing.
        let pruning: Vec<usize> = (0..self.members.len()).filter(|at| self.members[*at].prunes()).collect();
        for at in pruning {
            self.step(at, Input::Timer(Timer::Prune));
        }
        self.run_until(self.now + REST_MS);
        self.resting = false;
        // A checkpoint may have been signed just now.
        self.converge(self.now + self.scenario.heal_within_s * 1_000)?;
        converged
    }

    /// Waits until all honest nodes hold the same, at most until `last`; says when.
    fn converge(&mut self, last: u64) -> Option<u64> {
        loop {
            if self.are_equal() {
                return Some(self.now);
            }
            if self.now >= last {
                return None;
            }
            self.run_until(self.now + COMPARE_MS);
        }
    }

    /// Nodes whose outbox holds something, and how much.
    fn unsent(&self) -> impl Iterator<Item = (usize, u64)> {
        let running = self.members.iter().enumerate().filter(|(_, member)| !member.halted);
        let counted = running.filter_map(|(at, member)| Some((at, member.node.as_ref().map(Node::counters)?.outbox)));
        counted.filter(|(_, outbox)| *outbox > 0)
    }

    /// An honest node asks a peer for something.
    pub(crate) fn look_at_request(&mut self, at: usize, to: usize, frame: &Bytes) {
        let Ok(request) = SyncRequest::decode(frame) else { return };
        let (word, brings) = match &request {
            SyncRequest::Digest(_) => ("asked for digests", false),
            SyncRequest::Split { .. } => ("asked for parts of a range", true),
            SyncRequest::Ids { .. } => ("asked for ids", true),
            SyncRequest::Fetch(_) => ("asked for envelopes by id", true),
            SyncRequest::Range { .. } => ("asked for envelopes of a range", true),
            SyncRequest::Log { .. } => ("asked for envelopes of a log", false),
            SyncRequest::Identity(_) => ("asked for identities", false),
            SyncRequest::Heads(_) => ("asked for heads", false),
            SyncRequest::Blob(_) => ("asked for a blob", false),
            SyncRequest::Snapshot { after: 0, .. } => ("asked for a log from its start", true),
            SyncRequest::Snapshot { .. } => ("asked for a log from a cursor", true),
            SyncRequest::Reconcile { .. } => ("asked by negentropy", true),
        };
        self.coverage.count(word);
        let is_quiet = self.resting && self.now > self.quiet_since + QUIET_MS;
        // Of what was signed while all rested, a loss may keep one node for longer: then there is something to ask for.
        if brings && is_quiet && self.is_honest(to) && self.are_equal() {
            *self.restless.entry(at).or_default() += 1;
        }
        if let SyncRequest::Log { log, from, to } = request
            && self.cast.agent_of(&log.author).is_some()
        {
            let part = |member: &Member, from, to| logs::range(&member.disk, &log, from, to, usize::MAX);
            let held = |member: &Member| part(member, from, to).unwrap_or_default();
            let own = held(&self.members[at]);
            let lengths = usize::try_from(to - from.min(to)).is_ok_and(|more| own.len() > more);
            // A position of a fork holds two.
            let whole = || (from..=to).all(|seq| part(&self.members[at], seq, seq).is_ok_and(|ids| !ids.is_empty()));
            let known = |member: &Member| held(member).iter().all(|id| own.contains(id));
            if lengths && whole() && self.members.iter().all(known) {
                *self.needless.entry(at).or_default() += 1;
            }
        }
    }

    /// What must hold of nodes at rest.
    pub(crate) fn check_rest(&mut self) {
        let restless = std::mem::take(&mut self.restless).into_iter();
        self.violations.extend(restless.map(|(node, requests)| Violation::Restless { node, requests }));
        let unsent: Vec<_> = self.unsent().collect();
        let unsent = unsent.into_iter().map(|(node, envelopes)| Violation::Unsent { node, envelopes });
        self.violations.extend(unsent);
        let mut horizons: BTreeMap<usize, Vec<(Slot, Slot, TimeMs)>> = BTreeMap::new();
        for (at, member) in self.members.iter().enumerate() {
            if member.prunes() {
                let said = member.horizons().into_iter().map(|of| (of.first, of.last, of.from)).collect();
                horizons.insert(at, said);
            }
        }
        // All that prune have one policy, and hold the same of what they say that they hold.
        let first = horizons.values().next().cloned();
        for (node, of) in horizons {
            if Some(&of) != first.as_ref() {
                self.violations.push(Violation::HorizonsDiffer { node });
            }
        }
        for at in 0..self.members.len() {
            self.check_retained(at);
        }
    }

    /// Of texts that others signed a node has the bodies that lie this side of its horizon, and no other.
    fn check_retained(&mut self, at: usize) {
        let member = &self.members[at];
        let (mut kept, mut lacking, mut bare) = (0, 0, 0);
        for stored in member.disk.all() {
            let header = stored.envelope.header();
            if !prune::is_prunable(header.kind) {
                continue;
            }
            let behind = member.horizon(header.slot()).is_some_and(|from| header.time_ms < from);
            let goes = behind && stored.origin != Origin::Local;
            match stored.envelope.body() {
                Some(_) => kept += usize::from(goes),
                None if behind => bare += 1,
                None => lacking += 1,
            }
        }
        self.coverage.add("texts held without their bodies", bare);
        if kept + lacking > 0 {
            self.violations.push(Violation::RetentionWrong { node: at, kept, lacking });
        }
    }

    /// A node asked for what it had.
    pub(crate) fn check_needless(&mut self) {
        let needless = std::mem::take(&mut self.needless).into_iter();
        self.violations.extend(needless.map(|(node, requests)| Violation::Needless { node, requests }));
    }
}

impl Member {
    /// Up to where it took texts away.
    pub(crate) fn horizons(&self) -> Vec<tidepool_protocol::sync::Horizon> {
        if !self.prunes() {
            return Vec::new();
        }
        retention::horizons(&self.disk, self.settings.genesis.params.shards).unwrap_or_default()
    }

    /// From when on it has the texts of `slot`; `None` for all.
    pub(crate) fn horizon(&self, slot: Slot) -> Option<TimeMs> {
        let horizons = self.horizons();
        horizons.into_iter().find(|of| of.first <= slot && slot <= of.last).map(|of| of.from)
    }
}
