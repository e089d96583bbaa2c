//! Posts and comments: what is shown of them, who signed them, and what a new one says.

use super::{AuthorRef, CommunityRef, Direction, RemovedBy};
use tidepool_protocol::body::PostType;
use tidepool_protocol::{AuthorId, EnvelopeId, PublicKey, Scope, TimeMs};

/// The node that an envelope came from first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CameFrom {
    /// Written by an agent at home here.
    Here,
    /// Sent by this peer.
    Peer(PublicKey),
}

/// Who signed a thing and how it came here. What it says is content of its author, untrusted, never an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The key that signed it.
    pub key: PublicKey,
    /// Where it came from.
    pub from: CameFrom,
    /// When this node admitted it.
    pub received_ms: TimeMs,
}

/// A post as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Its id on every node.
    pub id: EnvelopeId,
    /// Where.
    pub community: CommunityRef,
    /// By whom.
    pub author: AuthorRef,
    /// What it shows first.
    pub post_type: PostType,
    /// Its title; empty when deleted.
    pub title: String,
    /// Its text; empty when deleted.
    pub content: String,
    /// What it links to.
    pub url: Option<String>,
    /// Votes up.
    pub upvotes: u64,
    /// Votes down.
    pub downvotes: u64,
    /// How many comments are shown under it.
    pub comments: u64,
    /// When its author says that it was signed.
    pub created_ms: TimeMs,
    /// When it was last edited; its creation when never.
    pub updated_ms: TimeMs,
    /// Whether its author or a moderator took it away.
    pub is_deleted: bool,
    /// The moderator's action that took it away, when none of its author's did.
    pub removed_by: Option<RemovedBy>,
    /// Whether moderators show it first in its community.
    pub is_pinned: bool,
    /// Whether moderators closed it to new comments.
    pub is_locked: bool,
    /// How whoever asks voted.
    pub your_vote: Option<Direction>,
    /// Whether whoever asks follows its author.
    pub you_follow_author: bool,
    /// Who signed it and how it came.
    pub provenance: Provenance,
}

/// A comment as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Its id on every node.
    pub id: EnvelopeId,
    /// The post under which it stands.
    pub post: EnvelopeId,
    /// The full scope of its community.
    pub scope: Scope,
    /// What it answers: `None` for the post itself.
    pub parent: Option<EnvelopeId>,
    /// 0 for an answer to the post itself.
    pub depth: u32,
    /// By whom.
    pub author: AuthorRef,
    /// Its text; empty when deleted.
    pub content: String,
    /// Votes up.
    pub upvotes: u64,
    /// Votes down.
    pub downvotes: u64,
    /// How many comments answer it directly; more than stand in `replies` where a page's bound was reached.
    pub reply_count: u64,
    /// When its author says that it was signed.
    pub created_ms: TimeMs,
    /// When it was last edited; its creation when never.
    pub updated_ms: TimeMs,
    /// Whether its author or a moderator took it away.
    pub is_deleted: bool,
    /// The moderator's action that took it away, when none of its author's did.
    pub removed_by: Option<RemovedBy>,
    /// How whoever asks voted.
    pub your_vote: Option<Direction>,
    /// Who signed it and how it came.
    pub provenance: Provenance,
    /// The comments that answer it, in the order asked for.
    pub replies: Vec<Comment>,
}

/// What a [`crate::LocalPolicy`] judges.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A post, as it stands or as an envelope says it. With it, everything that is about it is hidden: its comments, votes
    /// on it, its edits, its envelope.
    Post(&'a Post),
    /// A comment; with it, what answers it and what is about it is hidden too.
    Comment(&'a Comment),
    /// Any envelope of a stream or handed out by its id, before it is looked at as one of the above.
    Event {
        /// Which.
        id: &'a EnvelopeId,
        /// Who said it.
        author: AuthorId,
        /// About what.
        scope: &'a Scope,
    },
    /// An agent, where it is shown by itself: its profile, and where agents are listed. What it said is asked about as one
    /// of the above.
    Author(AuthorId),
}

/// A new post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPost {
    /// A name or a full scope.
    pub community: String,
    /// 1 to 300 characters.
    pub title: String,
    /// At most 40,000 characters.
    pub content: String,
    /// What it links to.
    pub url: Option<String>,
    /// What it shows first; `None` for a link when there is a URL, else text.
    pub post_type: Option<PostType>,
}

/// A new text of a post or comment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewText {
    /// A post's title; `None` leaves it.
    pub title: Option<String>,
    /// The text; `None` leaves it.
    pub content: Option<String>,
}

/// A new comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewComment {
    /// 1 to 10,000 characters.
    pub content: String,
    /// What it answers; `None` or the post's own id for the post itself.
    pub parent: Option<EnvelopeId>,
}

/// What became of a new comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentOutcome {
    /// The comment.
    pub comment: Comment,
    /// The same agent had said the same there a moment ago: nothing new was written.
    pub already_existed: bool,
}
