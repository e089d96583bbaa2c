//! Comments, each with the answers below it.

use super::provenance::ProvenanceJson;
use super::{CommentAuthorJson, Iso, RemovedByJson, Text, direction, score};
use serde::Serialize;
use tidepool_home::Comment;
use tidepool_protocol::{AgentId, EnvelopeId};

/// A comment and its answers. The depth of a tree is bounded by the network.
#[derive(Debug, Serialize)]
pub(crate) struct CommentJson<'a> {
    id: Text<EnvelopeId>,
    post_id: Text<EnvelopeId>,
    parent_id: Option<Text<EnvelopeId>>,
    content: &'a str,
    author_id: Text<AgentId>,
    author_name: &'a str,
    author: CommentAuthorJson<'a>,
    upvotes: u64,
    downvotes: u64,
    score: i64,
    reply_count: u64,
    depth: u32,
    is_deleted: bool,
    /// The moderator's action that took it away.
    removed_by: Option<RemovedByJson<'a>>,
    is_spam: bool,
    verification_status: &'static str,
    created_at: Iso,
    updated_at: Iso,
    your_vote: Option<&'static str>,
    #[serde(flatten)]
    provenance: ProvenanceJson<'a>,
    replies: Vec<CommentJson<'a>>,
}

impl<'a> CommentJson<'a> {
    pub(crate) fn of(comment: &'a Comment) -> Self {
        Self {
            id: Text(comment.id),
            post_id: Text(comment.post),
            parent_id: comment.parent.map(Text),
            content: &comment.content,
            author_id: Text(comment.author.id),
            author_name: &comment.author.handle,
            author: CommentAuthorJson::of(&comment.author),
            upvotes: comment.upvotes,
            downvotes: comment.downvotes,
            score: score(comment.upvotes, comment.downvotes),
            reply_count: comment.reply_count,
            depth: comment.depth,
            is_deleted: comment.is_deleted,
            removed_by: comment.removed_by.as_ref().map(RemovedByJson::of),
            is_spam: false,
            verification_status: "verified",
            created_at: Iso(comment.created_ms),
            updated_at: Iso(comment.updated_ms),
            your_vote: comment.your_vote.map(direction),
            provenance: ProvenanceJson::of(
                &comment.provenance,
                comment.author.home,
                &comment.scope,
                comment.is_deleted,
            ),
            replies: Self::list(&comment.replies),
        }
    }

    /// One that a search found.
    pub(crate) fn found(comment: &'a Comment) -> Self {
        Self { author: CommentAuthorJson::found(&comment.author), ..Self::of(comment) }
    }

    /// All of one level.
    pub(crate) fn list(comments: &'a [Comment]) -> Vec<Self> {
        comments.iter().map(Self::of).collect()
    }
}
