//! Requests of ours that wait for a peer's answer.

use crate::custody::Custody;
use crate::effect::Effect;
use crate::node::Node;
use crate::peer::{Peer, RequestId};
use crate::store::Store;
use std::collections::BTreeMap;
use tidepool_protocol::AuthorId;
use tidepool_protocol::sync::SyncRequest;

/// What an answer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Identities that envelopes wait for.
    Identity(Vec<AuthorId>),
    /// Heads, before a first signature.
    Heads(AuthorId),
    /// Envelopes of a log in which a peer is ahead of us.
    Log(AuthorId),
    /// Envelopes that a log lacks.
    Gap,
    /// An identity that a home asks for.
    Locate(AuthorId),
    /// A step of a sync session.
    Session,
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) peer: Peer,
    pub(crate) purpose: Purpose,
}

/// What is under way. Bounded by those who ask: sessions, rounds and attempts are.
#[derive(Debug, Default)]
pub(crate) struct Requests(pub(crate) BTreeMap<RequestId, Asked>);

impl<S: Store, C: Custody> Node<S, C> {
    /// Asks `peer`.
    pub(crate) fn ask(&mut self, peer: Peer, request: &SyncRequest, purpose: Purpose) -> RequestId {
        let id = self.numbers.request();
        self.requests.0.insert(id, Asked { peer, purpose });
        self.out.push(Effect::Request { request: id, peer, frame: request.encode() });
        id
    }
}
