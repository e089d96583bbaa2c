//! The gate: what is looked at before anything is verified.
//!
//! Order of work under load, written once: local work, replies to peers, verified results, new frames. New frames drop
//! first, with `Ignore` and never `Reject`, and anti-entropy brings them back.

pub(crate) mod bucket;
pub(crate) mod peek;
pub(crate) mod proof;
pub(crate) mod recent;
#[cfg(test)]
mod tests;
pub(crate) mod verifier;

use crate::local::{LocalRequest, Ticket};
use crate::peer::{GossipId, Peer, RequestId};
use crate::requests::Purpose;
use crate::settings::Limits;
use bucket::{Buckets, Rate};
use proof::Proofs;
use recent::{RecentMap, RecentSet};
use std::collections::BTreeMap;
use tidepool_protocol::identity::IdentityState;
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{EnvelopeId, ids::Hash};
use verifier::Verifier;

/// What verified envelopes are for.
#[derive(Debug)]
pub(crate) enum Job {
    /// A bundle that waits for its verdict.
    Gossip(Frame),
    /// The answer of a peer.
    Answer {
        /// Whose.
        from: Peer,
        /// To which request.
        request: RequestId,
        /// What for.
        purpose: Purpose,
    },
    /// What an agent signed itself.
    Submit {
        /// For the reply.
        ticket: Ticket,
        /// The request, whose envelopes are being verified.
        request: LocalRequest,
    },
}

/// A bundle that waits for its verdict.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) id: GossipId,
    pub(crate) from: Peer,
    pub(crate) topic: Topic,
    /// How many of what is being verified are identities that travel along; they come first.
    pub(crate) identities: usize,
    /// How many envelopes the bundle had, those known before included.
    pub(crate) envelopes: usize,
    /// The hash of each that is being verified, by which failures are remembered.
    pub(crate) hashes: Vec<Hash>,
}

/// The gate's parts.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) frames: Buckets,
    /// Ids of envelopes that were verified, and are held or wanted by no gossip.
    pub(crate) seen: RecentSet<EnvelopeId>,
    /// Hashes of bytes that failed.
    pub(crate) failed: RecentSet<Hash>,
    /// States that operations made; they never change.
    pub(crate) states: RecentMap<EnvelopeId, IdentityState>,
    pub(crate) verifier: Verifier,
    pub(crate) proofs: Proofs,
    pub(crate) jobs: BTreeMap<Ticket, Job>,
    /// Local requests that wait for verification.
    pub(crate) local_waiting: usize,
}

impl Gate {
    pub(crate) const fn new(limits: &Limits) -> Self {
        let rate = Rate { burst: limits.gossip_frames_burst, per_s: limits.gossip_frames_per_s };
        Self {
            frames: Buckets::new(rate, limits.peers_max),
            seen: RecentSet::new(limits.seen_max),
            failed: RecentSet::new(limits.failed_max),
            states: RecentMap::new(limits.states_max),
            verifier: Verifier::new(limits.verifying_max, limits.gossip_waiting_max),
            proofs: Proofs::new(),
            jobs: BTreeMap::new(),
            local_waiting: 0,
        }
    }
}
