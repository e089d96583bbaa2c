//! `PeerConnected`, `PeerDisconnected`, `PeerSubscribed`.

use crate::custody::Custody;
use crate::node::Node;
use crate::peer::Peer;
use crate::store::{Store, StoreError};
use tidepool_protocol::slot::Topic;
use tidepool_views::Cursor;

/// How many envelopes of the outbox are offered at once; the rest follows with the timer.
pub(super) const OFFER_AT_ONCE: usize = 1_024;

impl<S: Store, C: Custody> Node<S, C> {
    pub(super) fn on_peer_connected(&mut self, peer: Peer) -> Result<(), StoreError> {
        self.connected.insert(peer);
        self.begin_session(peer)?;
        self.ask_for_pending()
    }

    pub(super) fn on_peer_disconnected(&mut self, peer: Peer) -> Result<(), StoreError> {
        self.connected.remove(&peer);
        self.syncing.covers.remove(&peer);
        self.end_session(&peer)
    }

    /// Somebody listens now: what found nobody is offered again.
    pub(super) fn on_peer_subscribed(&mut self, topic: Topic) -> Result<(), StoreError> {
        self.offer(Some(topic))
    }

    pub(super) fn offer(&mut self, topic: Option<Topic>) -> Result<(), StoreError> {
        let cursors: Vec<Cursor> = self.outgoing.offer(topic, self.now, OFFER_AT_ONCE);
        for cursor in cursors {
            let stored = match self.store.stored(cursor)? {
                Some(stored) => stored,
                None => continue,
            };
            let announce = self.announcement(&stored.envelope, Some(cursor));
            self.announce(&announce)?;
        }
        Ok(())
    }
}
