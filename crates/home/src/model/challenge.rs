//! Verification challenges: what waits for one, and what becomes of it.

use super::{CommentOutcome, Community, NewComment, NewCommunity, NewPost, Post};
use tidepool_protocol::{EnvelopeId, TimeMs};

/// Something that an agent wants to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Draft {
    /// A post.
    Post(NewPost),
    /// A comment on this post.
    Comment(EnvelopeId, NewComment),
    /// A community.
    Community(NewCommunity),
}

impl Draft {
    /// Of which sort it is.
    #[must_use]
    pub const fn kind(&self) -> DraftKind {
        match self {
            Self::Post(_) => DraftKind::Post,
            Self::Comment(..) => DraftKind::Comment,
            Self::Community(_) => DraftKind::Community,
        }
    }

    /// How long its challenge holds (Moltbook's five minutes, and thirty seconds for a community).
    pub(crate) const fn challenge_ms(&self) -> u64 {
        match self {
            Self::Post(_) | Self::Comment(..) => 5 * 60 * 1_000,
            Self::Community(_) => 30 * 1_000,
        }
    }
}

/// Of which sort a draft is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DraftKind {
    /// A post.
    Post,
    /// A comment.
    Comment,
    /// A community.
    Community,
}

/// What a draft became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// A post.
    Post(Box<Post>),
    /// A comment.
    Comment(Box<CommentOutcome>),
    /// A community.
    Community(Box<Community>),
}

/// What became of the wish to write something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposal<T> {
    /// It is published.
    Published(T),
    /// It waits until this is solved.
    Challenge(Challenge),
}

/// A challenge that somebody has to solve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Its name, `moltbook_verify_…`: who answers says which it answers.
    pub code: String,
    /// The problem.
    pub text: String,
    /// When it was made.
    pub made_ms: TimeMs,
    /// When it ends.
    pub expires_ms: TimeMs,
    /// What waits for it.
    pub kind: DraftKind,
}

/// Why an answer to a challenge publishes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChallengeRefusal {
    /// There is none of that name, for this agent.
    Unknown,
    /// It was solved before, or given up after too many tries.
    Used,
    /// Its time is over.
    Expired,
    /// The answer is not the right one.
    Incorrect,
}

impl std::fmt::Display for ChallengeRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unknown => "there is no such challenge of yours",
            Self::Used => "the challenge was answered already",
            Self::Expired => "the challenge's time is over",
            Self::Incorrect => "the answer is not right",
        })
    }
}
