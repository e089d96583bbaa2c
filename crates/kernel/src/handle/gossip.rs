//! `Gossip`: a frame comes, and most of it is known, or more than can be verified now.

use crate::custody::Custody;
use crate::effect::{Effect, Offence, Verdict};
use crate::gate::{Frame, Job, peek};
use crate::node::Node;
use crate::peer::{GossipId, Peer};
use crate::store::{Store, StoreError};
use bytes::Bytes;
use std::collections::BTreeSet;
use tidepool_protocol::Bundle;
use tidepool_protocol::bundle::BundleError;
use tidepool_protocol::ids::{Hash, sha256};
use tidepool_protocol::slot::Topic;
use tidepool_views::{ReadError, index};

/// What the gate makes of one envelope's bytes.
enum Look {
    /// It must be verified; with the hash of its bytes.
    New(Bytes, Hash),
    /// It is held.
    Known,
    /// These bytes failed before.
    Failed,
}

impl<S: Store, C: Custody> Node<S, C> {
    pub(super) fn on_gossip(
        &mut self,
        id: GossipId,
        from: Peer,
        topic: Topic,
        frame: &Bytes,
    ) -> Result<(), StoreError> {
        if !self.gate.frames.take(from, 1, self.steady) {
            self.drop_frame(id, "rate");
            return Ok(());
        }
        let bundle = match Bundle::decode(frame) {
            Ok(bundle) => bundle,
            Err(BundleError::Version(_)) => {
                self.counters.refuse("version");
                self.judge(id, Verdict::Ignore);
                self.out.push(Effect::Penalise { peer: from, offence: Offence::Unreadable });
                return Ok(());
            }
            Err(BundleError::Cbor(_) | BundleError::TooMany(_)) => {
                self.counters.refuse("malformed");
                self.judge(id, Verdict::Reject);
                return Ok(());
            }
        };
        if self.is_stale(from, &bundle) {
            self.counters.frames_stale += 1;
            self.judge(id, Verdict::Ignore);
            self.out.push(Effect::Penalise { peer: from, offence: Offence::Stale });
            return Ok(());
        }
        let (mut envelopes, mut hashes) = (Vec::new(), Vec::new());
        let mut once = BTreeSet::new();
        let mut identities = 0;
        for (place, bytes) in bundle.identities.iter().chain(&bundle.envelopes).enumerate() {
            match self.look(bytes)? {
                Look::Known => self.counters.duplicates += 1,
                Look::Failed => {
                    self.counters.refuse("failed_before");
                    self.judge(id, Verdict::Reject);
                    return Ok(());
                }
                Look::New(_, hash) if !once.insert(hash) => self.counters.duplicates += 1,
                Look::New(bytes, hash) => {
                    envelopes.push(bytes);
                    hashes.push(hash);
                    identities += usize::from(place < bundle.identities.len());
                }
            }
        }
        if envelopes.is_empty() {
            self.judge(id, Verdict::Ignore);
            return Ok(());
        }
        let ticket = self.numbers.ticket();
        let frame = Frame { id, from, topic, identities, envelopes: bundle.envelopes.len(), hashes };
        self.gate.jobs.insert(ticket, Job::Gossip(frame));
        for dropped in self.gate.verifier.push_frame(from, ticket, envelopes) {
            if let Some(Job::Gossip(frame)) = self.gate.jobs.remove(&dropped) {
                self.drop_frame(frame.id, "queue");
            }
        }
        self.verify_next();
        Ok(())
    }

    /// Whether a frame holds what no honest peer gossips any more. What an envelope claims of its time is believed without a
    /// look at its signature: whoever forwards it believed it too.
    fn is_stale(&self, from: Peer, bundle: &Bundle) -> bool {
        let claims = bundle.envelopes.iter().filter_map(|bytes| peek::time(bytes));
        // What is ephemeral is published whenever its author wants.
        let mut kept = claims.filter(|(_, kind)| !kind.is_ephemeral());
        kept.any(|(time, _)| self.gate.proofs.is_stale(from, time, self.now))
    }

    /// Overload: the frame is ignored, and anti-entropy brings what was in it.
    fn drop_frame(&mut self, id: GossipId, reason: &'static str) {
        self.counters.drop_frame(reason);
        self.judge(id, Verdict::Ignore);
        self.syncing.gossip_dropped();
    }

    fn look(&mut self, bytes: &Bytes) -> Result<Look, ReadError> {
        if let Some(id) = peek::id(bytes) {
            if self.gate.seen.contains(&id) {
                return Ok(Look::Known);
            }
            if self.read(|rows| index::get(rows, &id))?.is_some() {
                self.gate.seen.insert(id);
                return Ok(Look::Known);
            }
        }
        let hash = sha256(&[bytes]);
        if self.gate.failed.contains(&hash) {
            return Ok(Look::Failed);
        }
        // A copy, or one envelope that waits or is stored would hold its whole frame in memory.
        Ok(Look::New(Bytes::copy_from_slice(bytes), hash))
    }

    /// Hands the verifying threads as much as may be under way.
    pub(crate) fn verify_next(&mut self) {
        while let Some((ticket, envelopes)) = self.gate.verifier.next() {
            self.out.push(Effect::Verify { ticket, envelopes });
        }
    }
}
