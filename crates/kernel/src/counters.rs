//! What a node counts, as plain data: whoever shows it reads it from here.

use std::collections::BTreeMap;
use tidepool_protocol::{AuthorId, EnvelopeId};

/// Counters since the start, and sizes as they are now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames of gossip that were accepted.
    pub frames_accepted: u64,
    /// Frames of gossip that were ignored.
    pub frames_ignored: u64,
    /// Frames of gossip that were rejected.
    pub frames_rejected: u64,
    /// Frames of gossip that were dropped at the gate, by reason; ignored ones, so counted there too.
    pub frames_dropped: BTreeMap<&'static str, u64>,
    /// Envelopes that were refused, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Envelopes that were admitted and written, from agents at home here.
    pub admitted_local: u64,
    /// Envelopes that were admitted and written, from gossip.
    pub admitted_gossip: u64,
    /// Envelopes that were admitted and written, from sync.
    pub admitted_sync: u64,
    /// Envelopes that were known before.
    pub duplicates: u64,
    /// Frames of gossip with envelopes that were too old for it long before they were sent.
    pub frames_stale: u64,
    /// Frames of gossip with more envelopes of one position than an honest peer forwards.
    pub frames_crowding: u64,
    /// Envelopes that were void when they were written: kept and counted, shown to nobody.
    pub void: u64,
    /// Envelopes that left the log, because their position holds two lower ids.
    pub evicted: u64,
    /// Envelopes that were admitted and not held, for the same reason.
    pub not_held: u64,
    /// Ephemeral envelopes that were taken.
    pub ephemeral: u64,
    /// Envelopes that waited for an identity.
    pub pending_added: u64,
    /// Those of them that were dropped: no room, or no identity in time.
    pub pending_dropped: u64,
    /// Envelopes that wait for an identity now.
    pub pending: u64,
    /// Answers in which a peer did not know an author whose envelope it had sent.
    pub chains_missing: u64,
    /// Logs of which this node knows that it lacks something, now.
    pub gaps: u64,
    /// Requests for what logs lack.
    pub gaps_asked: u64,
    /// Logs that lacked something and are whole again.
    pub gaps_filled: u64,
    /// Logs whose gaps no peer that was asked could fill: left to anti-entropy.
    pub gaps_left: u64,
    /// Logs that were left for a new one because another process had signed their head with the same key.
    pub foreign_heads: u64,
    /// Positions at which an agent at home here signed twice, seen since the start.
    pub home_forks: u64,
    /// The last of them: whose, and the envelope that came second.
    pub home_fork_last: Option<(AuthorId, EnvelopeId)>,
    /// Checkpoints that this node signed for its agents.
    pub checkpoints: u64,
    /// Shards that were joined since the start because an agent at home here came to need them.
    pub shards_joined: u64,
    /// Envelopes that lost their bodies to retention.
    pub pruned: u64,
    /// Published envelopes that no peer is known to have, now.
    pub outbox: u64,
    /// Bundles that were handed to gossip.
    pub bundles: u64,
    /// Bytes of bundles that were handed to gossip.
    pub bundle_bytes: u64,
    /// Batches that were appended.
    pub batches: u64,
    /// Flushes that were asked for.
    pub flushes: u64,
    /// Sync sessions under way now.
    pub sessions: u64,
    /// Requests of ours that wait for their answers now.
    pub requests: u64,
    /// Sync sessions that were begun.
    pub sync_begun: u64,
    /// Sync sessions that ended with nothing left to ask.
    pub sync_done: u64,
    /// Sync sessions that were given up.
    pub sync_failed: u64,
    /// Sync sessions that found both sides equal at once.
    pub sync_equal: u64,
    /// Lies that peers' own answers proved.
    pub offences: u64,
    /// Ids that a peer offered and then marked as gone.
    pub offered_gone: u64,
    /// Requests of peers that were served.
    pub served: u64,
    /// Requests of peers that were refused for their budget.
    pub served_busy: u64,
    /// Bytes received in answers.
    pub sync_bytes_in: u64,
    /// Bytes sent in answers.
    pub sync_bytes_out: u64,
    /// Requests to peers that brought no answer, by failure.
    pub request_failures: BTreeMap<&'static str, u64>,
    /// Local requests that were done.
    pub local_done: u64,
    /// Local requests that were not.
    pub local_failed: u64,
    /// Peers that are connected now.
    pub peers: u64,
}

impl Counters {
    pub(crate) fn refuse(&mut self, label: &'static str) {
        *self.refused.entry(label).or_default() += 1;
    }

    pub(crate) fn drop_frame(&mut self, label: &'static str) {
        *self.frames_dropped.entry(label).or_default() += 1;
    }
}
