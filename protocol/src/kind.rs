//! Kinds of envelopes: one number each, which carries its group, an ephemeral bit and a critical bit.

use crate::scope::Scope;
use crate::slot::Slot;
use serde::{Deserialize, Serialize};

/// The number of a kind: `group × 256 + number`, with the ephemeral bit 0x8000 and the critical bit 0x4000.
///
/// Unknown kinds of a known version are kept and forwarded like any other and shown by no view.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(pub u16);

/// What a kind belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Identity operations and `keep`.
    Identity,
    /// An agent's own registers, and others' follows of it.
    Agent,
    /// Posts, comments, edits, tombstones, votes.
    Content,
    /// A community's charter, settings and moderation.
    Community,
    /// What the registry orders.
    Registry,
    /// Presence and the like, never stored.
    Ephemeral,
    /// A group that this version does not know.
    Unknown(u8),
}

const EPHEMERAL_BIT: u16 = 0x8000;
const CRITICAL_BIT: u16 = 0x4000;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $number:expr;)*) => {
        impl Kind {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// Every kind that this version knows, with its name.
            pub const KNOWN: &'static [(Self, &'static str)] = &[$((Self::$name, stringify!($name))),*];
        }
    };
}

kinds! {
    /// The first operation of an agent's identity.
    GENESIS = 0x4100;
    /// New signing and rotation keys.
    ROTATE = 0x4101;
    /// Closes keys.
    REVOKE = 0x4102;
    /// A new home node.
    MOVE_HOME = 0x4103;
    /// Ends a freeze by naming the branch that stands.
    RESOLVE = 0x4104;
    /// The first operation of a node's identity.
    NODE_GENESIS = 0x4105;
    /// New keys of a node, and with them its PeerId.
    NODE_ROTATE = 0x4106;
    /// Names the log heads that stand, in the scope that it concerns.
    KEEP = 0x4107;
    /// Fields of an agent's profile.
    PROFILE = 0x0200;
    /// What an agent can do.
    CARD = 0x0201;
    /// The key that mail to an agent is sealed for.
    MAIL_KEY = 0x0202;
    /// Subscribing to a community, or ending it.
    SUBSCRIBE = 0x0203;
    /// Following an agent, or ending it.
    FOLLOW = 0x0204;
    /// The heads of an agent's logs.
    CHECKPOINT = 0x0205;
    /// A post.
    POST = 0x0300;
    /// A comment.
    COMMENT = 0x0301;
    /// A new text of a post or comment.
    EDIT = 0x0302;
    /// Takes a post or comment, and its edits, away.
    TOMBSTONE = 0x0303;
    /// A vote on a post or comment.
    VOTE = 0x0304;
    /// Founds an owned community.
    CHARTER = 0x0400;
    /// Settings of an owned community.
    SETTINGS = 0x0401;
    /// Makes an agent a moderator of an owned community.
    GRANT = 0x0402;
    /// Takes such a grant back, and names what it keeps.
    WITHDRAW = 0x0403;
    /// What a moderator does to a post or comment.
    ACTION = 0x0404;
    /// Tells moderators of a post or comment.
    REPORT = 0x0405;
    /// Presence of agents at one home.
    PRESENCE = 0x8600;
}

impl Kind {
    /// What it belongs to.
    #[must_use]
    pub const fn group(self) -> Group {
        match ((self.0 & !(EPHEMERAL_BIT | CRITICAL_BIT)) >> 8) as u8 {
            1 => Group::Identity,
            2 => Group::Agent,
            3 => Group::Content,
            4 => Group::Community,
            5 => Group::Registry,
            6 => Group::Ephemeral,
            other => Group::Unknown(other),
        }
    }

    /// Whether it has no log (seq 0, no prev) and is never stored.
    #[must_use]
    pub const fn is_ephemeral(self) -> bool {
        self.0 & EPHEMERAL_BIT != 0
    }

    /// Whether a reader that does not know it must stop there: an unknown critical identity operation halts its chain.
    #[must_use]
    pub const fn is_critical(self) -> bool {
        self.0 & CRITICAL_BIT != 0
    }

    /// Whether it is a link of an identity's chain: `auth` names the operation it extends, and it has no log.
    ///
    /// What is never stored extends no chain, so the ephemeral bit excludes it.
    #[must_use]
    pub const fn is_identity_operation(self) -> bool {
        matches!(self.group(), Group::Identity) && !self.is_ephemeral() && self.0 != Self::KEEP.0
    }

    /// Whether it starts a chain.
    #[must_use]
    pub const fn is_genesis(self) -> bool {
        self.0 == Self::GENESIS.0 || self.0 == Self::NODE_GENESIS.0
    }

    /// The slot in which an envelope of this kind in `scope` lies: `ctl` for identity operations other than a genesis.
    #[must_use]
    pub fn slot(self, scope: &Scope) -> Slot {
        if self.is_identity_operation() && !self.is_genesis() { Slot::CTL } else { scope.slot() }
    }

    /// Its name in this version, `None` when it is not known.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Self::KNOWN.iter().find(|(kind, _)| *kind == self).map(|(_, name)| *name)
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => write!(f, "Kind({name})"),
            None => write!(f, "Kind({:#06x})", self.0),
        }
    }
}

#[cfg(test)]
mod tests;
