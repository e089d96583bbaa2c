//! Every row family of content: its first byte and what its keys hold. 0x30 to 0x5f are this room's.
//!
//! Rows about one envelope stand under its spot ([`Spot`], eight bytes). Otherwise envelopes stand in keys by the first
//! sixteen bytes of their ids, authors and scopes likewise (a scope by its hash).
//! No row's key begins with another collection's prefix: behind the family, everything in front of an entry's key has a
//! fixed length, or a length that an earlier byte tells.

use crate::chunks::Chunks;
use crate::codec::key;
use crate::index::Spot;
use tidepool_protocol::ids::sha256;
use tidepool_protocol::{AuthorId, Scope};

/// A post or comment that stands: `[ITEM, spot8]`.
pub(crate) const ITEM: u8 = 0x30;
/// Votes on a target in one scope, added up: `[COUNTS, spot8 of the target, scope16]`.
pub(crate) const COUNTS: u8 = 0x31;
/// Votes: a register of voters for each target and scope.
pub(crate) const VOTES: u8 = 0x32;
/// Tombstones and edits by one author of one target in one scope.
pub(crate) const MARKS: u8 = 0x33;
/// Comments by what they claim to answer.
pub(crate) const KIDS: u8 = 0x34;
/// Comments on a post itself, by sort.
pub(crate) const ROOTS: u8 = 0x35;
/// Posts of a feed, by sort.
pub(crate) const FEED: u8 = 0x36;
/// Comments of a feed, by time.
pub(crate) const COMMENTS: u8 = 0x37;
/// An agent's names and counters: `[AGENT, author32]`.
pub(crate) const AGENT: u8 = 0x38;
/// Fields that an agent says of itself: a register of fields.
pub(crate) const FIELDS: u8 = 0x39;
/// Agents by the time of their genesis.
pub(crate) const RECENT_AGENTS: u8 = 0x3b;
/// Follows as they count for their target: a register of followers.
pub(crate) const FOLLOWER_REGISTER: u8 = 0x3c;
/// Who follows an agent.
pub(crate) const FOLLOWERS: u8 = 0x3d;
/// Follows as an agent mirrors them: a register of targets.
pub(crate) const FOLLOWING_REGISTER: u8 = 0x3e;
/// Whom an agent follows.
pub(crate) const FOLLOWING: u8 = 0x3f;
/// An agent's subscriptions: a register of communities.
pub(crate) const SUBSCRIPTION_REGISTER: u8 = 0x40;
/// The communities that an agent is subscribed to.
pub(crate) const SUBSCRIPTIONS: u8 = 0x41;
/// A community's counters: `[COMMUNITY, scope16]`.
pub(crate) const COMMUNITY: u8 = 0x42;
/// Charter and settings of a community: a register of fields.
pub(crate) const COMMUNITY_FIELDS: u8 = 0x43;
/// Communities that stand, by name, age or subscribers.
pub(crate) const COMMUNITIES: u8 = 0x44;
/// Counters of everything: `[TOTALS]`.
pub(crate) const TOTALS: u8 = 0x45;
/// Whether the genesis communities were written: `[BEGUN]`.
pub(crate) const BEGUN: u8 = 0x46;
/// What hangs below a post or comment, counted: `[TREE, spot8]`.
pub(crate) const TREE: u8 = 0x47;
/// Answers that are not in line with what they answer yet: `[TREE_JOB, id16]`.
pub(crate) const TREE_JOB: u8 = 0x48;

/// Grants that stand: `[GRANT, id16]`.
pub(crate) const GRANT: u8 = 0x49;
/// Grants of a community, by agent.
pub(crate) const GRANTS: u8 = 0x4a;
/// Withdrawals of a grant.
pub(crate) const WITHDRAWALS: u8 = 0x4b;
/// Envelopes on lines that withdrawals of a grant name: `[NAMED, grant16, id16]`.
pub(crate) const NAMED: u8 = 0x4c;
/// The same by envelope: `[NAMED_BY, id16, grant16]`.
pub(crate) const NAMED_BY: u8 = 0x4d;
/// Acts that name a grant, and whether they stand.
pub(crate) const ACTS: u8 = 0x4e;
/// What moderators did to one target in one scope: registers of removal, pin and lock.
pub(crate) const MODERATED: u8 = 0x4f;
/// Pinned posts of a community.
pub(crate) const PINS: u8 = 0x50;
/// What moderators of a community did, by time.
pub(crate) const MODERATION: u8 = 0x51;
/// Reports in a community, by time.
pub(crate) const REPORTS: u8 = 0x52;

/// Families whose rows are chunks, for tests that compare stores whose chunks were cut at different places.
#[cfg(any(test, feature = "testing"))]
pub(crate) const CHUNKED: &[u8] = &[
    VOTES,
    MARKS,
    KIDS,
    ROOTS,
    FEED,
    COMMENTS,
    FIELDS,
    RECENT_AGENTS,
    FOLLOWER_REGISTER,
    FOLLOWERS,
    FOLLOWING_REGISTER,
    FOLLOWING,
    SUBSCRIPTION_REGISTER,
    SUBSCRIPTIONS,
    COMMUNITY_FIELDS,
    COMMUNITIES,
    GRANTS,
    WITHDRAWALS,
    ACTS,
    MODERATED,
    PINS,
    MODERATION,
    REPORTS,
];

/// The first sixteen bytes of an id, or of a scope's hash.
pub(crate) type Short = [u8; 16];

/// A scope as keys hold it.
pub(crate) fn scope_tag(scope: &Scope) -> Short {
    let hash = sha256(&[scope.to_string().as_bytes()]);
    let mut short = [0; 16];
    short.copy_from_slice(&hash[..16]);
    short
}

/// An author as keys hold it.
pub(crate) fn author_tag(author: &AuthorId) -> Short {
    let mut short = [0; 16];
    short.copy_from_slice(&author.0[..16]);
    short
}

/// The short id at the end of an order key.
pub(crate) fn tail_id(key: &[u8]) -> Option<Short> {
    key.len().checked_sub(16).and_then(|at| key[at..].try_into().ok())
}

/// Families whose keys go on with a spot.
#[cfg(any(test, feature = "testing"))]
pub(crate) const ABOUT_ONE: &[u8] = &[ITEM, COUNTS, VOTES, MARKS, KIDS, ROOTS, TREE, MODERATED];

/// Everything of one family about one envelope.
pub(crate) fn about(family: u8, spot: Spot) -> Vec<u8> {
    key(family, &[&spot.bytes()])
}

pub(crate) fn item(spot: Spot) -> Vec<u8> {
    about(ITEM, spot)
}

pub(crate) fn tree(spot: Spot) -> Vec<u8> {
    about(TREE, spot)
}

pub(crate) fn tree_job(id: &Short) -> Vec<u8> {
    key(TREE_JOB, &[id])
}

pub(crate) fn counts(target: Spot, scope: &Short) -> Vec<u8> {
    key(COUNTS, &[&target.bytes(), scope])
}

pub(crate) fn votes(target: Spot, scope: &Short) -> Chunks {
    Chunks::new(key(VOTES, &[&target.bytes(), scope]))
}

pub(crate) fn marks(target: Spot, author: &Short, scope: &Short) -> Chunks {
    Chunks::new(key(MARKS, &[&target.bytes(), author, scope]))
}

pub(crate) fn kids(parent: Spot) -> Chunks {
    Chunks::new(about(KIDS, parent))
}

pub(crate) fn roots(post: Spot, sort: u8) -> Chunks {
    Chunks::new(key(ROOTS, &[&post.bytes(), &[sort]]))
}

pub(crate) fn agent(author: &AuthorId) -> Vec<u8> {
    key(AGENT, &[&author.0])
}

pub(crate) fn of_author(family: u8, author: &AuthorId) -> Chunks {
    Chunks::new(key(family, &[&author.0]))
}

pub(crate) fn recent_agents() -> Chunks {
    Chunks::new(key(RECENT_AGENTS, &[]))
}

pub(crate) fn community(scope: &Short) -> Vec<u8> {
    key(COMMUNITY, &[scope])
}

pub(crate) fn community_fields(scope: &Short) -> Chunks {
    Chunks::new(key(COMMUNITY_FIELDS, &[scope]))
}

pub(crate) fn communities(sort: u8) -> Chunks {
    Chunks::new(key(COMMUNITIES, &[&[sort]]))
}

pub(crate) fn totals() -> Vec<u8> {
    key(TOTALS, &[])
}

pub(crate) fn begun() -> Vec<u8> {
    key(BEGUN, &[])
}

pub(crate) fn grant(id: &Short) -> Vec<u8> {
    key(GRANT, &[id])
}

pub(crate) fn grants(scope: &Short) -> Chunks {
    Chunks::new(key(GRANTS, &[scope]))
}

pub(crate) fn withdrawals(grant: &Short) -> Chunks {
    Chunks::new(key(WITHDRAWALS, &[grant]))
}

pub(crate) fn named(grant: &Short, id: &Short) -> Vec<u8> {
    key(NAMED, &[grant, id])
}

pub(crate) fn named_under(grant: &Short) -> Vec<u8> {
    key(NAMED, &[grant])
}

pub(crate) fn named_by(id: &Short, grant: &Short) -> Vec<u8> {
    key(NAMED_BY, &[id, grant])
}

pub(crate) fn named_by_any(id: &Short) -> Vec<u8> {
    key(NAMED_BY, &[id])
}

pub(crate) fn acts(grant: &Short) -> Chunks {
    Chunks::new(key(ACTS, &[grant]))
}

pub(crate) fn moderated(target: Spot, scope: &Short) -> Chunks {
    Chunks::new(key(MODERATED, &[&target.bytes(), scope]))
}

pub(crate) fn pins(scope: &Short) -> Chunks {
    Chunks::new(key(PINS, &[scope]))
}

pub(crate) fn moderation(scope: &Short) -> Chunks {
    Chunks::new(key(MODERATION, &[scope]))
}

pub(crate) fn reports(scope: &Short) -> Chunks {
    Chunks::new(key(REPORTS, &[scope]))
}

/// Whose posts or comments a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// Everybody's.
    Everything,
    /// Of one community.
    Community(Short),
    /// Of one author.
    Author(Short),
}

impl Owner {
    fn key(self, family: u8, rest: &[u8]) -> Vec<u8> {
        match self {
            Self::Everything => key(family, &[&[0], rest]),
            Self::Community(scope) => key(family, &[&[1], &scope, rest]),
            Self::Author(author) => key(family, &[&[2], &author, rest]),
        }
    }

    /// The owner's posts in one order.
    pub(crate) fn feed(self, sort: u8) -> Chunks {
        Chunks::new(self.key(FEED, &[sort]))
    }

    /// The owner's posts of one calendar bucket in one order.
    pub(crate) fn bucket(self, sort: u8, number: u32) -> Chunks {
        let number = number.to_be_bytes();
        Chunks::new(self.key(FEED, &[sort, number[0], number[1], number[2], number[3]]))
    }

    /// The owner's comments by time.
    pub(crate) fn comments(self) -> Chunks {
        Chunks::new(self.key(COMMENTS, &[]))
    }
}
