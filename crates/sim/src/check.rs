//! The checkers: what must hold whatever went wrong, during a run and after it.

use crate::report::Violation;
use crate::verify;
use crate::world::{Member, World};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use tidepool_kernel::memory::MemoryStore;
use tidepool_kernel::{Input, Node, Outbox, Store, digest};
use tidepool_protocol::digest::SetSum;
use tidepool_protocol::envelope::LogId;
use tidepool_protocol::sync::{Class, Point, Range, SyncAnswer};
use tidepool_protocol::{Bundle, Envelope, EnvelopeId, Slot, TimeMs};
use tidepool_views::rows;
use tidepool_views::testing::contents;

/// Families of rows below this are the views'.
const FAMILIES_OF_KERNEL: u8 = 0x60;

/// Families whose rows hold places in one node's log, so that two nodes' differ: logs, their older positions, operations.
const FAMILIES_WITH_PLACES: [u8; 3] = [rows::LOG, rows::LOG_CHUNK, rows::OPERATION];

/// Families whose rows begin with such a place, and its length.
const FAMILIES_OF_VOUCHERS: [u8; 2] = [rows::KEEP, rows::CHECKPOINT];
const PLACE_BYTES: usize = 8;

/// What rows say.
type Views = BTreeMap<(Bytes, Bytes), Bytes>;

/// The digests of every slot, both classes together.
type Digests = Vec<SetSum>;

impl World<'_> {
    /// After a crash: everything that the node acknowledged or sent to others is still there.
    pub(crate) fn check_kept(&mut self, at: usize) {
        let held: BTreeSet<EnvelopeId> =
            self.members[at].disk.all().iter().map(|stored| stored.envelope.id()).collect();
        let mut missing: BTreeSet<EnvelopeId> = self.acknowledged_at(at);
        let mut spoken = Vec::new();
        for frame in std::mem::take(&mut self.members[at].spoken) {
            match Bundle::decode(&frame) {
                Ok(bundle) => spoken.extend(bundle.envelopes),
                Err(_) => {
                    if let Ok(SyncAnswer::Envelopes { envelopes, .. } | SyncAnswer::Snapshot { envelopes, .. }) =
                        SyncAnswer::decode(&frame)
                    {
                        spoken.extend(envelopes);
                    }
                }
            }
        }
        for bytes in spoken {
            // Of a hostile agent's envelopes those with the lowest ids stay, so others may have gone since.
            if let Ok(envelope) = Envelope::decode(bytes)
                && self.is_of_honest(&envelope)
            {
                missing.insert(envelope.id());
            }
        }
        missing.retain(|id| !held.contains(id));
        if !missing.is_empty() {
            self.violations.push(Violation::TakenBack { node: at, envelopes: missing.len() });
        }
    }

    /// Whether an honest agent, or an honest node, is its author.
    fn is_of_honest(&self, envelope: &Envelope) -> bool {
        self.cast.agent_of(&envelope.header().author).is_some()
    }

    /// During a run: no queue is longer than it may be.
    pub(crate) fn look_at_bounds(&mut self) {
        for (at, member) in self.members.iter().enumerate() {
            // One that halted takes no answers any more.
            let Some(node) = member.node.as_ref().filter(|_| !member.halted) else { continue };
            let (counters, limits) = (node.counters(), &member.settings.limits);
            let size = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
            let bounds = [
                ("pending", counters.pending, size(limits.pending_max)),
                ("outbox", counters.outbox, size(limits.outbox_max)),
                ("sessions", counters.sessions, size(limits.sessions_max)),
                // What waits for an answer that nobody will give waits for ever.
                ("requests", counters.requests, size(self.places[at].asked.len())),
            ];
            for (what, seen, allowed) in bounds {
                if seen > allowed {
                    self.violations.push(Violation::Bound { node: at, what, seen, allowed });
                }
            }
        }
    }

    /// Whether all honest nodes hold the same of what they cover, by their digests of every slot.
    pub(crate) fn are_equal(&self) -> bool {
        // Cheap, and mostly enough to see that they do not.
        let all = |member: &Member| digest::all(&member.disk).ok();
        let first = all(&self.members[0]);
        let archives = self.members.iter().filter(|member| member.is_archive());
        if archives.clone().any(|member| all(member) != first) {
            return false;
        }
        let Some(first) = digests(&self.members[0].disk) else { return false };
        self.members.iter().all(|member| self.covered(member, &first).as_ref() == Some(&first))
    }

    /// A member's digests, and where it covers nothing those of the first one, which is an archive; of what lies behind its
    /// horizon a member says nothing.
    fn covered(&self, member: &Member, first: &Digests) -> Option<Digests> {
        let own = digests(&member.disk)?.into_iter().zip(first);
        let horizons = member.horizons();
        let one = |(slot, (own, first)): (Slot, (SetSum, &SetSum))| {
            if !member.covers(slot) || own == *first {
                return Some(*first);
            }
            let horizon = horizons.iter().find(|of| of.first <= slot && slot <= of.last);
            let Some(horizon) = horizon else { return Some(own) };
            let of = |disk: &MemoryStore| since(disk, slot, horizon.from);
            Some(if of(&member.disk)? == of(&self.members[0].disk)? { *first } else { own })
        };
        Slot::all().zip(own).map(one).collect()
    }

    /// After a run: everything else.
    pub(crate) fn check_all(&mut self, converged: bool) {
        if !converged {
            let mut groups: BTreeMap<Vec<(u64, [u8; SetSum::LEN])>, usize> = BTreeMap::new();
            let first = digests(&self.members[0].disk).unwrap_or_default();
            for member in &self.members {
                let of = self.covered(member, &first).unwrap_or_default();
                *groups.entry(of.iter().map(|sum| (sum.count, sum.to_bytes())).collect()).or_default() += 1;
            }
            let groups =
                groups.into_iter().map(|(of, nodes)| (nodes, of.iter().map(|(count, _)| count).sum())).collect();
            self.violations.push(Violation::Diverged { groups });
        }
        let log = self.members[0].disk.all();
        let places = log.iter().map(|stored| (stored.envelope.id(), Lies::of(&stored.envelope))).collect();
        for at in 0..self.members.len() {
            self.check_log(at, &places);
        }
        self.check_forks();
        self.check_branches();
        self.check_needless();
        if converged {
            self.check_rest();
        }
        for at in 0..self.scenario.refolded.min(self.members.len()) {
            // Another part of the network for each seed.
            let at = (at + usize::try_from(self.seed % 1_000).unwrap_or(0)) % self.members.len();
            self.check_fold(at, converged);
        }
    }

    /// What lies in a node's log verifies, is counted in its digests, and holds everything that was acknowledged and
    /// that it covers; `places` says where each envelope lies.
    fn check_log(&mut self, at: usize, places: &BTreeMap<EnvelopeId, Lies>) {
        let log = self.members[at].disk.all();
        let mut held = BTreeSet::new();
        let mut sums: BTreeMap<Slot, SetSum> = BTreeMap::new();
        for stored in &log {
            let id = stored.envelope.id();
            held.insert(id);
            sums.entry(stored.envelope.header().slot()).or_default().add(&id);
            // Afresh at one node; elsewhere the bytes are compared with those that verified.
            let bytes = self.members[at].disk.raw(stored);
            let again = if at == 0 { verify::fresh(bytes) } else { self.verifier.check(bytes) };
            if !again.is_ok_and(|again| again.id() == id && again.bytes() == stored.envelope.bytes()) {
                self.violations.push(Violation::NotVerified { node: at, envelope: id });
            }
        }
        let digests = digests(&self.members[at].disk);
        let counted = digests.is_some_and(|digests| {
            Slot::all().zip(digests).all(|(slot, of)| sums.get(&slot).copied().unwrap_or_default() == of)
        });
        if !counted {
            self.violations.push(Violation::DigestWrong { node: at });
        }
        let member = &self.members[at];
        let horizons = member.horizons();
        let covers = |id: &EnvelopeId| {
            places.get(id).is_none_or(|lies| {
                let behind =
                    horizons.iter().any(|of| of.first <= lies.slot && lies.slot <= of.last && lies.before(of.from));
                member.covers(lies.slot) && !behind
            })
        };
        let acknowledged = self.work.acknowledged.keys().copied();
        let lacking: Vec<EnvelopeId> = acknowledged.filter(|id| !held.contains(id) && covers(id)).collect();
        if let Some(example) = lacking.first() {
            self.violations.push(Violation::Lost { node: at, envelopes: lacking.len(), example: *example });
        }
    }

    /// No honest agent's log holds two envelopes at one place.
    fn check_forks(&mut self) {
        let mut places: BTreeMap<(LogId, u64), BTreeSet<EnvelopeId>> = BTreeMap::new();
        for stored in self.members[0].disk.all() {
            let header = stored.envelope.header();
            let in_log = !header.kind.is_identity_operation();
            if in_log && self.is_of_honest(&stored.envelope) {
                places.entry((header.log(), header.seq)).or_default().insert(stored.envelope.id());
            }
        }
        let mut forked: BTreeMap<usize, usize> = BTreeMap::new();
        for ((log, _), ids) in places {
            let Some(agent) = self.cast.agent_of(&log.author).filter(|_| ids.len() > 1) else { continue };
            if self.may_fork(agent) {
                self.coverage.count("forked places of copied homes");
            } else if self.could_not_know(agent, &log) {
                self.coverage.count("forked places of logs that no backup knew");
            } else {
                *forked.entry(agent).or_default() += 1;
            }
        }
        let forked = forked.into_iter().map(|(agent, places)| Violation::Forked { agent, places });
        self.violations.extend(forked);
    }

    /// The views of a node are those that a fold of its log from zero gives, and, when all hold the same, those that the
    /// first node has.
    fn check_fold(&mut self, at: usize, equal: bool) {
        let member = &self.members[at];
        let again = member.disk.without_derived();
        let mut node = Node::new(again.clone(), member.keys.clone(), member.settings.clone());
        node.step(Input::Started, self.clock(at), &mut Outbox::default());
        self.coverage.count("folds from zero");
        let complete = again.derived_upto() == Store::head(&again);
        if !complete || digests(&again) != digests(&member.disk) {
            self.violations.push(Violation::DigestWrong { node: at });
        }
        let kept = views(&member.disk);
        let families = differing(&kept, &views(&again));
        let mut unequal = if equal && member.is_archive() {
            differing(&placeless(&kept), &placeless(&views(&self.members[0].disk)))
        } else {
            BTreeSet::new()
        };
        unequal.retain(|family| !FAMILIES_WITH_PLACES.contains(family));
        if !unequal.is_empty() {
            self.violations.push(Violation::ViewsUnequal { node: at, families: unequal.into_iter().collect() });
        }
        if !families.is_empty() {
            self.violations.push(Violation::ViewsDiffer { node: at, families: families.into_iter().collect() });
        }
    }
}

/// Where an envelope lies, and whether it is a text of so long ago.
struct Lies {
    slot: Slot,
    class: Class,
    time_ms: TimeMs,
}

impl Lies {
    fn of(envelope: &Envelope) -> Self {
        let header = envelope.header();
        Self { slot: header.slot(), class: Class::of(header.kind), time_ms: header.time_ms }
    }

    fn before(&self, horizon: TimeMs) -> bool {
        self.class == Class::Content && self.time_ms < horizon
    }
}

/// The digest of a slot, of its content from a time on.
fn since(disk: &MemoryStore, slot: Slot, from: TimeMs) -> Option<SetSum> {
    let mut sum = digest::slot(disk, slot).ok()?.state;
    let range = Range { from: Point { time_ms: from, ..Point::START }, to: None };
    sum.join(&digest::sum(disk, digest::Tree { slot, class: Class::Content }, &range).ok()?);
    Some(sum)
}

fn digests(disk: &MemoryStore) -> Option<Digests> {
    Slot::all().map(|slot| digest::slot(disk, slot).ok().map(|sums| sums.together())).collect()
}

/// What the rows of the views say, however they are cut. The digests' trees, whose form depends on the order in which
/// envelopes came, are compared by what they add up to.
fn views(disk: &MemoryStore) -> Views {
    let rows = disk.derived_rows();
    let of_views = rows.iter().filter(|(key, _)| key.first().is_some_and(|family| *family < FAMILIES_OF_KERNEL));
    contents(of_views)
}

/// The same without the places in one node's log with which vouchers begin.
fn placeless(views: &Views) -> Views {
    let vouches = |key: &Bytes| key.first().is_some_and(|family| FAMILIES_OF_VOUCHERS.contains(family));
    let cut = |value: &Bytes| value.slice(value.len().min(PLACE_BYTES)..);
    let one = |(at, value): (&(Bytes, Bytes), &Bytes)| {
        let value = if vouches(&at.0) { cut(value) } else { value.clone() };
        (at.clone(), value)
    };
    views.iter().map(one).collect()
}

/// The families in which two say different things.
fn differing(one: &Views, other: &Views) -> BTreeSet<u8> {
    let differ = |one: &Views, other: &Views| -> BTreeSet<u8> {
        let differ = one.iter().filter(|(key, value)| other.get(*key) != Some(*value));
        differ.filter_map(|((key, _), _)| key.first().copied()).collect()
    };
    differ(one, other).union(&differ(other, one)).copied().collect()
}
