//! Everything that a node does to the world: one closed enum of plain data.

use crate::clock::Steady;
use crate::input::Timer;
use crate::local::{LocalError, Receipt, Ticket};
use crate::peer::{Channel, GossipId, Peer, RequestId};
use bytes::Bytes;
use tidepool_protocol::slot::Topic;
use tidepool_views::Cursor;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Decode and verify these, in chunks on the verifying threads; answer with [`crate::Input::Verified`].
    Verify {
        /// For the answer.
        ticket: Ticket,
        /// Envelopes as their bytes.
        envelopes: Vec<Bytes>,
    },
    /// Give a gossip message its verdict.
    Judge {
        /// Which.
        id: GossipId,
        /// What gossipsub does with it.
        verdict: Verdict,
    },
    /// Publish a bundle; answer with [`crate::Input::Published`].
    Publish {
        /// For the answer.
        ticket: Ticket,
        /// Where.
        topic: Topic,
        /// The frame.
        frame: Bytes,
    },
    /// Ask a peer; answer with [`crate::Input::Response`].
    Request {
        /// For the answer.
        request: RequestId,
        /// Whom.
        peer: Peer,
        /// What.
        frame: Bytes,
    },
    /// Answer a peer.
    Respond {
        /// Which request.
        channel: Channel,
        /// The answer.
        frame: Bytes,
    },
    /// Join a topic and announce its shard to Kademlia.
    Join(Topic),
    /// Leave a topic.
    Leave(Topic),
    /// Find this peer's addresses by Kademlia and connect to it.
    Connect(Peer),
    /// Disconnect and keep away.
    Block(Peer),
    /// What proves a peer at fault: it loses score for it.
    Penalise {
        /// Who.
        peer: Peer,
        /// How.
        offence: Offence,
    },
    /// Call back with [`crate::Input::Timer`] at this moment.
    SetTimer {
        /// Which.
        timer: Timer,
        /// When.
        at: Steady,
    },
    /// Make everything appended durable; answer with [`crate::Input::Durable`].
    Flush,
    /// Answer a local request.
    Reply {
        /// Which.
        ticket: Ticket,
        /// What became of it.
        result: Result<Receipt, LocalError>,
    },
    /// Everything up to here may be spoken of: streams, inboxes and webhooks go on from where they were.
    Notify {
        /// Up to here.
        upto: Cursor,
    },
    /// The store failed: stop at once, exit non-zero, recover at the next start.
    Halt {
        /// Why.
        error: crate::store::StoreError,
    },
}

/// What no honest peer does, whatever it was told: lies that its own answers prove, and gossip that it cannot have taken from
/// anybody. Everything else (silence, slowness, having less) costs nobody score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Offence {
    /// It offered an id, and then neither served it nor marked it as gone, although there was room.
    Withheld,
    /// It promised a digest, served less than that, and promised the same digest again.
    Contradiction,
    /// It gossips envelopes that were too old for gossip long before it sent them. Some may come of a clock that is wrong,
    /// many do not.
    Stale,
    /// It gossips bundles of a version that is not ours, which nobody of our version forwards. Some may come of a newer node,
    /// many do not.
    Unreadable,
    /// It gossips envelope upon envelope of one position of a log, where an honest peer forwards the first few.
    Crowd,
}

impl Offence {
    /// Its name in counters and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Withheld => "withheld",
            Self::Contradiction => "contradiction",
            Self::Stale => "stale",
            Self::Unreadable => "unreadable",
            Self::Crowd => "crowd",
        }
    }

    /// Whether a peer's answers contradict one another: one of these is enough.
    #[must_use]
    pub const fn is_lie(self) -> bool {
        match self {
            Self::Withheld | Self::Contradiction => true,
            Self::Stale | Self::Unreadable | Self::Crowd => false,
        }
    }
}

/// What gossipsub does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Forward it.
    Accept,
    /// Do not forward it; its sender is not to blame.
    Ignore,
    /// Do not forward it; its sender is to blame.
    Reject,
}

/// What a step wants done, in order.
#[derive(Debug, Default)]
pub struct Outbox(pub Vec<Effect>);

impl Outbox {
    /// Adds one.
    pub fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }
}

/// Why admission refuses an envelope. Filled in by `admission`.
pub use crate::admission::Refusal as RefusalReason;
