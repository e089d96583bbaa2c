//! Votes.

use super::AuthorRef;

/// On what sort of thing a vote is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Votable {
    /// A post.
    Post,
    /// A comment.
    Comment,
}

/// Up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// +1.
    Up,
    /// -1.
    Down,
}

impl Direction {
    /// 1 or -1.
    #[must_use]
    pub const fn value(self) -> i8 {
        match self {
            Self::Up => 1,
            Self::Down => -1,
        }
    }

    /// Up above zero, down below, `None` at zero.
    #[must_use]
    pub const fn of(value: i8) -> Option<Self> {
        match value {
            0 => None,
            1.. => Some(Self::Up),
            _ => Some(Self::Down),
        }
    }
}

/// What a vote did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteAction {
    /// There was none.
    Voted(Direction),
    /// The same again takes it away.
    Removed,
    /// From one direction to this one.
    Changed(Direction),
}

/// What became of a vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteOutcome {
    /// What it did.
    pub action: VoteAction,
    /// The vote that stands now.
    pub your_vote: Option<Direction>,
    /// Votes up on the target now.
    pub upvotes: u64,
    /// Votes down on the target now.
    pub downvotes: u64,
    /// Whose the target is.
    pub author: AuthorRef,
    /// Whether the voter follows that author.
    pub you_follow_author: bool,
}
