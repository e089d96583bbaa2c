//! The trace of a run as one number: every effect of every node, in order, with its time.

use tidepool_kernel::{Effect, PublishOutcome, RequestFailure};
use tidepool_protocol::TimeMs;
use tidepool_protocol::slot::Topic;

/// A running hash. It tells runs apart, and proves nothing to anybody: speed is all that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace(u64);

impl Default for Trace {
    fn default() -> Self {
        Self(0x243f_6a88_85a3_08d3)
    }
}

impl Trace {
    /// What was absorbed so far.
    #[must_use]
    pub(crate) const fn hash(&self) -> u64 {
        self.0
    }

    /// Absorbs a number.
    pub(crate) const fn number(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed.rotate_right(29);
    }

    /// Absorbs bytes and their length.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(length(bytes.len()));
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.number(u64::from_le_bytes(word));
        }
    }

    fn topic(&mut self, topic: Topic) {
        match topic {
            Topic::Shard { generation, shard } => self.number(u64::from(generation) << 16 | u64::from(shard.0)),
            Topic::Ctl => self.number(u64::MAX),
        }
    }

    /// Absorbs what node `at` did at `now`.
    pub(crate) fn effect(&mut self, at: usize, now: TimeMs, effect: &Effect) {
        self.number(length(at));
        self.number(now.0);
        match effect {
            Effect::Verify { ticket, envelopes } => {
                self.number(1);
                self.number(ticket.0);
                envelopes.iter().for_each(|envelope| self.bytes(envelope));
            }
            Effect::Judge { id, verdict } => {
                self.number(2);
                self.number(id.0);
                self.number(*verdict as u64);
            }
            Effect::Publish { ticket, topic, frame } => {
                self.number(3);
                self.number(ticket.0);
                self.topic(*topic);
                self.bytes(frame);
            }
            Effect::Request { request, peer, frame } => {
                self.number(4);
                self.number(request.0);
                self.bytes(&peer.0);
                self.bytes(frame);
            }
            Effect::Respond { channel, frame } => {
                self.number(5);
                self.number(channel.0);
                self.bytes(frame);
            }
            Effect::Join(topic) => {
                self.number(6);
                self.topic(*topic);
            }
            Effect::Leave(topic) => {
                self.number(7);
                self.topic(*topic);
            }
            Effect::Connect(peer) => {
                self.number(8);
                self.bytes(&peer.0);
            }
            Effect::Block(peer) => {
                self.number(9);
                self.bytes(&peer.0);
            }
            Effect::Penalise { peer, offence } => {
                self.number(15);
                self.bytes(&peer.0);
                self.number(*offence as u64);
            }
            Effect::SetTimer { timer, at } => {
                self.number(10);
                self.number(*timer as u64);
                self.number(at.0);
            }
            Effect::Flush => self.number(11),
            Effect::Reply { ticket, result } => {
                self.number(12);
                self.number(ticket.0);
                match result {
                    Ok(receipt) => receipt.envelopes.iter().for_each(|(id, cursor)| {
                        self.bytes(&id.0);
                        self.number(cursor.0);
                    }),
                    Err(error) => self.bytes(error.to_string().as_bytes()),
                }
            }
            Effect::Notify { upto } => {
                self.number(13);
                self.number(upto.0);
            }
            Effect::Halt { error } => {
                self.number(14);
                self.bytes(error.to_string().as_bytes());
            }
        }
    }
}

fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A short word for an outcome or a failure, for what a run counts.
#[must_use]
pub(crate) const fn outcome_word(outcome: PublishOutcome) -> &'static str {
    match outcome {
        PublishOutcome::Sent => "gossip published",
        PublishOutcome::Duplicate => "gossip publish: duplicate",
        PublishOutcome::NoPeers => "gossip publish: nobody subscribed",
        PublishOutcome::QueuesFull => "gossip publish: queues full",
        PublishOutcome::Refused => "gossip publish: refused",
    }
}

/// The same for a request.
#[must_use]
pub(crate) const fn failure_word(failure: RequestFailure) -> &'static str {
    match failure {
        RequestFailure::Unreachable => "request unreachable",
        RequestFailure::Timeout => "request timed out",
        RequestFailure::Protocol => "request broken",
        RequestFailure::Closed => "request cut off",
        RequestFailure::Busy => "request busy",
    }
}
