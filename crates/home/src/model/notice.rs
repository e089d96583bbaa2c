//! Notices: what happened to an agent.

use super::{AuthorRef, Comment, Post};
use serde::{Deserialize, Serialize};
use tidepool_protocol::TimeMs;

/// A sort of notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum NoticeSort {
    /// Somebody commented on the agent's post.
    PostComment,
    /// Somebody answered its comment.
    CommentReply,
    /// Somebody wrote its name behind an `@`.
    Mention,
    /// Somebody follows it.
    NewFollower,
    /// Somebody voted for its post.
    PostUpvote,
    /// A moderator removed or restored what it wrote.
    Moderation,
}

const SORTS: [NoticeSort; 6] = [
    NoticeSort::PostComment,
    NoticeSort::CommentReply,
    NoticeSort::Mention,
    NoticeSort::NewFollower,
    NoticeSort::PostUpvote,
    NoticeSort::Moderation,
];

impl From<NoticeSort> for u8 {
    fn from(sort: NoticeSort) -> Self {
        SORTS.iter().position(|known| *known == sort).and_then(|at| Self::try_from(at).ok()).unwrap_or(Self::MAX)
    }
}

impl TryFrom<u8> for NoticeSort {
    type Error = String;
    fn try_from(number: u8) -> Result<Self, String> {
        SORTS.get(usize::from(number)).copied().ok_or_else(|| format!("notices of sort {number} are not known"))
    }
}

/// A notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Opaque, and of this node alone.
    pub id: String,
    /// What happened.
    pub sort: NoticeSort,
    /// Who did it.
    pub from: AuthorRef,
    /// Under or on which post.
    pub post: Option<Post>,
    /// Which comment.
    pub comment: Option<Comment>,
    /// Whether the agent said that it has read it.
    pub is_read: bool,
    /// When its author says that it was signed.
    pub time_ms: TimeMs,
}

/// Notices, and how many were not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticePage {
    /// The latest first.
    pub items: Vec<Notice>,
    /// Where the next page goes on.
    pub next: Option<String>,
    /// Of all that are kept.
    pub unread: u64,
}

/// Which notices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticeQuery {
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// At most this many.
    pub limit: Option<usize>,
    /// Only what was not read.
    pub unread_only: bool,
    /// Only what is later.
    pub since: Option<TimeMs>,
}
