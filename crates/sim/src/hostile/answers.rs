//! What hostile peers answer: forged envelopes, empty pages, digests that no set has, lists without an end, or nothing.

use super::{Hostile, public};
use crate::plan::HostileKind;
use crate::world::World;
use bytes::Bytes;
use tidepool_protocol::body::Head;
use tidepool_protocol::digest::Fingerprint;
use tidepool_protocol::sync::{Digest, Horizon, Part, Point, Range, SyncAnswer, SyncRequest};
use tidepool_protocol::{Bundle, EnvelopeId, Epoch, Slot, TimeMs};

/// Points of one list that a hostile peer makes up.
const POINTS: u64 = 12;

impl World<'_> {
    /// The answer of the hostile peer at `at`; `None` when it keeps silent.
    pub(crate) fn hostile_answers(&mut self, at: usize, frame: &Bytes) -> Option<Bytes> {
        let number = at - self.members.len();
        let now = self.true_time();
        let hostile = &mut self.hostile[number];
        let kind = hostile.kind;
        let request = SyncRequest::decode(frame).ok()?;
        let answer = match kind {
            HostileKind::Withhold => match hostile.chance.below(10) {
                0..3 => return None,
                3..5 => SyncAnswer::Busy,
                _ => hostile.offers(&request, now),
            },
            HostileKind::Lie => hostile.lies(&request, now),
            HostileKind::Forge => hostile.serves_forgeries(&request, now),
            HostileKind::Replay => hostile.serves_what_it_heard(&request, now),
            HostileKind::Fork => hostile.serves_rivals(&request, now),
            HostileKind::Flood => SyncAnswer::Busy,
        };
        self.coverage.count(kind.word());
        Some(answer.encode())
    }
}

fn envelopes(envelopes: Vec<Bytes>) -> SyncAnswer {
    SyncAnswer::Envelopes { envelopes, next: None, gone: Vec::new() }
}

/// A list that goes on for ever: one ms further each time.
const fn one_ms_further(range: &Range) -> Point {
    Point { time_ms: range.from.time_ms.plus_ms(1), id: EnvelopeId::ZERO }
}

/// Everything.
fn all() -> Vec<Horizon> {
    let run = Slot::new(0).zip(Slot::new(Slot::CTL.number()));
    run.map(|(first, last)| Horizon { first, last, from: TimeMs(0) }).into_iter().collect()
}

impl Hostile {
    fn fingerprint(&mut self) -> Fingerprint {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.chance.bytes32()[..16]);
        Fingerprint(bytes)
    }

    fn digest(&mut self, most: u64) -> Digest {
        Digest { count: self.chance.between(1, most), fingerprint: self.fingerprint() }
    }

    /// A point within `range`, or near it.
    fn point(&mut self, range: &Range, now: TimeMs) -> Point {
        let last = range.to.map_or(now, |to| to.time_ms);
        let time_ms = TimeMs(self.chance.between(range.from.time_ms.0, last.0.max(range.from.time_ms.0)));
        Point { time_ms, id: EnvelopeId(self.chance.bytes32()) }
    }

    fn points(&mut self, range: &Range, now: TimeMs) -> Vec<Point> {
        (0..POINTS).map(|_| self.point(range, now)).collect()
    }

    /// Digests that differ, ids that nobody has, and never an envelope.
    fn offers(&mut self, request: &SyncRequest, now: TimeMs) -> SyncAnswer {
        match request {
            SyncRequest::Digest(runs) => {
                SyncAnswer::Digests { digests: runs.iter().map(|_| self.digest(50)).collect(), covers: all() }
            }
            SyncRequest::Snapshot { .. } => {
                SyncAnswer::Snapshot { envelopes: Vec::new(), next: None, digest: self.digest(50) }
            }
            // As if everything were known and nothing new.
            SyncRequest::Reconcile { message, .. } => SyncAnswer::Reconciled(message.clone()),
            SyncRequest::Split { .. } => {
                let Digest { count, fingerprint } = self.digest(50);
                SyncAnswer::Parts(vec![Part { to: None, count, fingerprint }])
            }
            SyncRequest::Ids { range, .. } => {
                let mut points = self.points(range, now);
                points.sort();
                SyncAnswer::Ids { points, next: None }
            }
            SyncRequest::Heads(_) => SyncAnswer::Heads { heads: Vec::new(), more: false },
            SyncRequest::Blob(_) => SyncAnswer::Blob(None),
            SyncRequest::Fetch(_) | SyncRequest::Range { .. } | SyncRequest::Log { .. } | SyncRequest::Identity(_) => {
                envelopes(Vec::new())
            }
        }
    }

    /// Counts without bound, parts out of order, lists that go on for ever, heads in the far future, and other answers
    /// than were asked for.
    fn lies(&mut self, request: &SyncRequest, now: TimeMs) -> SyncAnswer {
        if self.chance.per_mille(60) {
            return SyncAnswer::Heads { heads: Vec::new(), more: true };
        }
        match request {
            SyncRequest::Digest(runs) => {
                let most = if self.chance.per_mille(200) { u64::MAX - 1 } else { 5_000 };
                let doubled = usize::from(self.chance.per_mille(50));
                let digests = (0..runs.len() + doubled).map(|_| self.digest(most)).collect();
                let mut covers = all();
                if self.chance.per_mille(300) {
                    covers.iter_mut().for_each(|horizon| horizon.from = now.plus_ms(60_000));
                }
                SyncAnswer::Digests { digests, covers }
            }
            SyncRequest::Snapshot { after, .. } => {
                let envelope = self.heard_envelope().map(|(_, bytes)| bytes);
                let (envelopes, next) = (envelope.into_iter().collect(), Some(after + 1));
                SyncAnswer::Snapshot { envelopes, next, digest: self.digest(5_000) }
            }
            SyncRequest::Reconcile { .. } => SyncAnswer::Reconciled(self.chance.bytes32().to_vec().into()),
            SyncRequest::Split { range, parts, .. } => {
                let mut of = Vec::new();
                for _ in 0..*parts {
                    let Digest { count, fingerprint } = self.digest(5_000);
                    of.push(Part { to: Some(self.point(range, now)), count, fingerprint });
                }
                if self.chance.per_mille(500) {
                    of.sort_by_key(|part| part.to);
                }
                SyncAnswer::Parts(of)
            }
            SyncRequest::Ids { range, .. } => {
                SyncAnswer::Ids { points: self.points(range, now), next: Some(one_ms_further(range)) }
            }
            SyncRequest::Range { range, .. } => {
                let next = Some(one_ms_further(range));
                SyncAnswer::Envelopes { envelopes: Vec::new(), next, gone: Vec::new() }
            }
            SyncRequest::Heads(_) => {
                let scope = "c/general".parse().expect("a community of the development network");
                let (key, epoch) = (public(&self.cast.node.key), Epoch(Epoch::first_of(now).0 + self.chance.below(40)));
                let id = EnvelopeId(self.chance.bytes32());
                SyncAnswer::Heads { heads: vec![Head { scope, key, epoch, seq: self.chance.next(), id }], more: false }
            }
            SyncRequest::Blob(_) => SyncAnswer::Busy,
            SyncRequest::Fetch(_) | SyncRequest::Log { .. } | SyncRequest::Identity(_) => {
                let envelope = self.heard_envelope().map(|(_, bytes)| bytes);
                envelopes(envelope.into_iter().collect())
            }
        }
    }

    fn serves_forgeries(&mut self, request: &SyncRequest, now: TimeMs) -> SyncAnswer {
        match request {
            SyncRequest::Fetch(_) | SyncRequest::Range { .. } | SyncRequest::Log { .. } | SyncRequest::Identity(_) => {
                envelopes((0..6).filter_map(|_| self.forgery()).map(|(_, bytes)| bytes).collect())
            }
            SyncRequest::Snapshot { .. } => {
                let envelopes = (0..6).filter_map(|_| self.forgery()).map(|(_, bytes)| bytes).collect();
                SyncAnswer::Snapshot { envelopes, next: None, digest: self.digest(50) }
            }
            SyncRequest::Digest(_)
            | SyncRequest::Split { .. }
            | SyncRequest::Ids { .. }
            | SyncRequest::Heads(_)
            | SyncRequest::Blob(_)
            | SyncRequest::Reconcile { .. } => self.offers(request, now),
        }
    }

    fn serves_what_it_heard(&mut self, request: &SyncRequest, now: TimeMs) -> SyncAnswer {
        match request {
            SyncRequest::Fetch(_) | SyncRequest::Range { .. } | SyncRequest::Log { .. } | SyncRequest::Identity(_) => {
                let frames = self.heard.iter().filter_map(|(_, frame)| Bundle::decode(frame).ok());
                envelopes(frames.flat_map(|bundle| bundle.envelopes).take(64).collect())
            }
            SyncRequest::Digest(_)
            | SyncRequest::Split { .. }
            | SyncRequest::Ids { .. }
            | SyncRequest::Heads(_)
            | SyncRequest::Blob(_)
            | SyncRequest::Snapshot { .. }
            | SyncRequest::Reconcile { .. } => self.offers(request, now),
        }
    }

    /// More rivals by sync; none once all must come to rest.
    fn serves_rivals(&mut self, request: &SyncRequest, now: TimeMs) -> SyncAnswer {
        match request {
            SyncRequest::Identity(_) => {
                let agents = self.cast.agents.iter().map(|agent| agent.genesis.bytes().clone());
                envelopes([self.cast.node.genesis.bytes().clone()].into_iter().chain(agents).collect())
            }
            SyncRequest::Digest(_)
            | SyncRequest::Split { .. }
            | SyncRequest::Ids { .. }
            | SyncRequest::Fetch(_)
            | SyncRequest::Range { .. }
            | SyncRequest::Log { .. }
            | SyncRequest::Heads(_)
            | SyncRequest::Blob(_)
            | SyncRequest::Snapshot { .. }
            | SyncRequest::Reconcile { .. } => self.offers(request, now),
        }
    }
}
