//! `Request`: a peer asks over `/tidepool/sync/1`; it is served what is durable, within its budget.

use crate::custody::Custody;
use crate::effect::Effect;
use crate::node::Node;
use crate::peer::{Channel, Peer};
use crate::store::{Store, StoreError};
use crate::turn::Speech;
use bytes::Bytes;
use tidepool_protocol::sync::{SyncAnswer, SyncRequest};

impl<S: Store, C: Custody> Node<S, C> {
    pub(super) fn on_request(&mut self, from: Peer, channel: Channel, frame: &Bytes) -> Result<(), StoreError> {
        let answer = match SyncRequest::decode(frame) {
            Err(_) => {
                self.counters.refuse("sync_malformed");
                SyncAnswer::Busy
            }
            Ok(request) if !self.syncing.may_serve(from, &request, self.steady) => {
                self.counters.served_busy += 1;
                SyncAnswer::Busy
            }
            Ok(request) => {
                self.counters.served += 1;
                self.serve(request)?
            }
        };
        let frame = answer.encode();
        self.syncing.served(from, frame.len(), self.steady);
        self.counters.sync_bytes_out += u64::try_from(frame.len()).unwrap_or(0);
        // It may tell of what is not durable yet.
        self.speak(Speech::Effect(Effect::Respond { channel, frame }))
    }
}
