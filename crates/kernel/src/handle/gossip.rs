//! `Gossip`: a frame comes, and most of it is known, or more than can be verified now.

use crate::custody::Custody;
use crate::effect::{Effect, Verdict};
use crate::gate::verifier::Lane;
use crate::gate::{Frame, Job, peek};
use crate::node::Node;
use crate::peer::{GossipId, Peer};
use crate::store::{Store, StoreError};
use bytes::Bytes;
use tidepool_protocol::Bundle;
use tidepool_protocol::bundle::BundleError;
use tidepool_protocol::ids::sha256;
use tidepool_protocol::slot::Topic;
use tidepool_views::{ReadError, index};

/// What the gate makes of one envelope's bytes.
enum Look {
    /// It must be verified.
    New(Bytes),
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
        if !self.gate.frames.take(from, 1, self.now) {
            self.drop_frame(id, "rate");
            return Ok(());
        }
        let bundle = match Bundle::decode(frame) {
            Ok(bundle) => bundle,
            Err(error) => {
                let verdict = match error {
                    BundleError::Version(_) => Verdict::Ignore,
                    BundleError::Cbor(_) | BundleError::TooMany(_) => Verdict::Reject,
                };
                self.counters.refuse(if verdict == Verdict::Ignore { "version" } else { "malformed" });
                self.judge(id, verdict);
                return Ok(());
            }
        };
        let mut envelopes = Vec::new();
        let mut identities = 0;
        for (place, bytes) in bundle.identities.iter().chain(&bundle.envelopes).enumerate() {
            match self.look(bytes)? {
                Look::Known => self.counters.duplicates += 1,
                Look::Failed => {
                    self.counters.refuse("failed_before");
                    self.judge(id, Verdict::Reject);
                    return Ok(());
                }
                Look::New(bytes) => {
                    envelopes.push(bytes);
                    identities += usize::from(place < bundle.identities.len());
                }
            }
        }
        if envelopes.is_empty() {
            self.judge(id, Verdict::Ignore);
            return Ok(());
        }
        let hashes = envelopes.iter().map(|bytes| sha256(&[bytes])).collect();
        let ticket = self.numbers.ticket();
        if !self.gate.verifier.push(Lane::Gossip, ticket, envelopes) {
            self.drop_frame(id, "queue");
            return Ok(());
        }
        let frame = Frame { id, from, topic, identities, envelopes: bundle.envelopes.len(), hashes };
        self.gate.jobs.insert(ticket, Job::Gossip(frame));
        self.verify_next();
        Ok(())
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
        if self.gate.failed.contains(&sha256(&[bytes])) {
            return Ok(Look::Failed);
        }
        // A copy, or one envelope that waits or is stored would hold its whole frame in memory.
        Ok(Look::New(Bytes::copy_from_slice(bytes)))
    }

    /// Hands the verifying threads as much as may be under way.
    pub(crate) fn verify_next(&mut self) {
        while let Some((ticket, envelopes)) = self.gate.verifier.next() {
            self.out.push(Effect::Verify { ticket, envelopes });
        }
    }
}
