//! Bundles that are open, one for each topic, and those that gossip was handed and has not answered yet.
//!
//! A bundle closes after [`BUNDLE_DELAY_MS`], at [`BUNDLE_BYTES_TARGET`] or at [`BUNDLE_ENVELOPES_MAX`]. Only what is
//! durable gets in.

#[cfg(test)]
mod tests;

use crate::clock::Steady;
use crate::local::Ticket;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use tidepool_protocol::limits::{BUNDLE_BYTES_MAX, BUNDLE_BYTES_TARGET, BUNDLE_DELAY_MS, BUNDLE_ENVELOPES_MAX};
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{AuthorId, Bundle, EnvelopeId};
use tidepool_views::Cursor;

/// An envelope that is to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announce {
    /// Where.
    pub(crate) topic: Topic,
    /// Which.
    pub(crate) id: EnvelopeId,
    /// Its bytes.
    pub(crate) bytes: Bytes,
    /// Its place in the log, when the outbox waits to hear that a peer has it.
    pub(crate) tracked: Option<Cursor>,
    /// The author whose chain goes with it, when it opens a log.
    pub(crate) chain_of: Option<AuthorId>,
}

#[derive(Debug, Default)]
struct Open {
    bundle: Bundle,
    ids: BTreeSet<EnvelopeId>,
    bytes: usize,
    tracked: Vec<Cursor>,
}

/// A bundle that is closed.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) ticket: Ticket,
    pub(crate) topic: Topic,
    pub(crate) frame: Bytes,
}

/// The open bundles, and what is under way.
#[derive(Debug, Default)]
pub(crate) struct Bundler {
    open: BTreeMap<Topic, Open>,
    flights: BTreeMap<Ticket, (Topic, Vec<Cursor>)>,
    due: Option<Steady>,
}

impl Bundler {
    /// Adds an envelope and the chain that goes with it. Returns bundles that are full; `ticket` names them.
    pub(crate) fn add(
        &mut self,
        announce: &Announce,
        chain: &[(EnvelopeId, Bytes)],
        ticket: &mut dyn FnMut() -> Ticket,
    ) -> Vec<Closed> {
        let mut closed = Vec::new();
        let needed = Bundle::bytes_of(announce.bytes.len());
        let open = self.open.entry(announce.topic).or_default();
        if open.ids.contains(&announce.id) {
            return closed;
        }
        let fits = |open: &Open, more: usize| {
            let count = open.bundle.envelopes.len() + open.bundle.identities.len();
            open.bytes + more + 16 <= BUNDLE_BYTES_MAX && count < BUNDLE_ENVELOPES_MAX
        };
        if !fits(open, needed) {
            closed.extend(self.close(announce.topic, ticket()));
        }
        let open = self.open.entry(announce.topic).or_default();
        open.bundle.envelopes.push(announce.bytes.clone());
        open.ids.insert(announce.id);
        open.bytes += needed;
        open.tracked.extend(announce.tracked);
        // An identity that does not fit is asked for by whoever lacks it.
        for (id, bytes) in chain {
            let needed = Bundle::bytes_of(bytes.len());
            if fits(open, needed) && open.ids.insert(*id) {
                open.bundle.identities.push(bytes.clone());
                open.bytes += needed;
            }
        }
        let count = open.bundle.envelopes.len() + open.bundle.identities.len();
        if open.bytes >= BUNDLE_BYTES_TARGET || count >= BUNDLE_ENVELOPES_MAX {
            closed.extend(self.close(announce.topic, ticket()));
        }
        closed
    }

    /// When the open bundles must be closed, if that has not been said before.
    pub(crate) fn due(&mut self, now: Steady) -> Option<Steady> {
        if self.open.is_empty() || self.due.is_some() {
            return None;
        }
        self.due = Some(now.plus_ms(BUNDLE_DELAY_MS));
        self.due
    }

    /// Closes all.
    pub(crate) fn close_all(&mut self, ticket: &mut dyn FnMut() -> Ticket) -> Vec<Closed> {
        self.due = None;
        let topics: Vec<Topic> = self.open.keys().copied().collect();
        topics.into_iter().filter_map(|topic| self.close(topic, ticket())).collect()
    }

    fn close(&mut self, topic: Topic, ticket: Ticket) -> Option<Closed> {
        let open = self.open.remove(&topic)?;
        self.flights.insert(ticket, (topic, open.tracked));
        Some(Closed { ticket, topic, frame: open.bundle.encode() })
    }

    /// What of the outbox was in the bundle that gossip answers for.
    pub(crate) fn published(&mut self, ticket: Ticket) -> Option<(Topic, Vec<Cursor>)> {
        self.flights.remove(&ticket)
    }
}
