//! Everything that can happen to a node: one closed enum of plain data.

use crate::local::{LocalRequest, Ticket};
use crate::peer::{Channel, GossipId, Peer, RequestId};
use bytes::Bytes;
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{DecodeError, Envelope, Verified, VerifyError};
use tidepool_views::Cursor;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The store is open; fold what is missing, set timers, join topics.
    Started,
    /// A home asks.
    Local {
        /// For the reply.
        ticket: Ticket,
        /// What.
        request: LocalRequest,
    },
    /// A gossip message came and waits for its verdict.
    Gossip {
        /// For the verdict.
        id: GossipId,
        /// Who forwarded it.
        from: Peer,
        /// On which topic.
        topic: Topic,
        /// The frame: a bundle, if its sender is honest.
        frame: Bytes,
    },
    /// The verifying threads answer an [`crate::Effect::Verify`].
    Verified {
        /// Its ticket.
        ticket: Ticket,
        /// One for each of its envelopes, in order.
        results: Vec<Result<Verified<Envelope>, Invalid>>,
    },
    /// The network answers an [`crate::Effect::Publish`].
    Published {
        /// Its ticket.
        ticket: Ticket,
        /// What became of it.
        outcome: PublishOutcome,
    },
    /// The network dropped gossip frames before they came here, because there was no room for them.
    GossipDropped,
    /// A peer asks, over `/tidepool/sync/1`.
    Request {
        /// Who.
        from: Peer,
        /// For the answer.
        channel: Channel,
        /// At most [`tidepool_protocol::limits::SYNC_FRAME_BYTES_MAX`] bytes.
        frame: Bytes,
    },
    /// A peer answers a request of ours, or does not.
    Response {
        /// Which request.
        request: RequestId,
        /// The answer's frame.
        result: Result<Bytes, RequestFailure>,
    },
    /// A first connection to a peer stands.
    PeerConnected {
        /// Who.
        peer: Peer,
    },
    /// The last connection to a peer is gone.
    PeerDisconnected {
        /// Who.
        peer: Peer,
    },
    /// A peer joined a topic of ours.
    PeerSubscribed {
        /// Who.
        peer: Peer,
        /// Which.
        topic: Topic,
    },
    /// A timer that an [`crate::Effect::SetTimer`] set is due.
    Timer(Timer),
    /// The flusher answers an [`crate::Effect::Flush`].
    Durable {
        /// Everything up to here survives a crash.
        upto: Cursor,
    },
    /// No more inputs wait: write the open batch.
    TurnEnded,
    /// Write the open batch, answer what waits, take nothing more.
    Shutdown,
}

/// Timers are values: each stands at most once, setting it again moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Close the open bundles.
    Bundle,
    /// Compare digests with a peer or two.
    AntiEntropy,
    /// Expire what waits for an unknown author.
    Pending,
    /// Give up waiting for peers' answers about log heads.
    LogHeads,
    /// Offer again what no peer has yet.
    Outbox,
    /// Go on with a job of the views.
    Jobs,
    /// Expire presence.
    Presence,
    /// Ask for what logs lack.
    Gaps,
    /// Sign checkpoints of agents at home here.
    Checkpoints,
    /// Take the bodies away that retention does not keep.
    Prune,
}

/// Why the verifying threads refused one envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is no envelope.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It does not hold.
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

/// What became of a bundle that was handed to gossip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishOutcome {
    /// At least one peer gets it.
    Sent,
    /// The same bytes were published before: their id is in the cache, anti-entropy must carry them.
    Duplicate,
    /// Nobody is subscribed; a retry works.
    NoPeers,
    /// Every peer's queue is full; the id is in the cache, anti-entropy must carry them.
    QueuesFull,
    /// Too large, or refused for another reason; a retry would not help.
    Refused,
}

/// Why a request to a peer brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFailure {
    /// No connection, and none could be made.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The peer does not speak the protocol, or broke its frame.
    Protocol,
    /// The connection closed.
    Closed,
    /// The peer, or our own queue to it, has no room now; nobody is to blame, another peer or a later time will do.
    Busy,
}
