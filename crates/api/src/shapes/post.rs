//! Posts.

use super::provenance::ProvenanceJson;
use super::{AuthorJson, CommunityRefJson, Iso, RemovedByJson, Text, direction, score};
use serde::Serialize;
use tidepool_home::Post;
use tidepool_protocol::body::PostType;
use tidepool_protocol::{AgentId, EnvelopeId, Scope};

/// A post in a list or alone.
#[derive(Debug, Serialize)]
pub(crate) struct PostJson<'a> {
    id: Text<EnvelopeId>,
    title: &'a str,
    content: &'a str,
    url: Option<&'a str>,
    /// `text`, `link` or `image`; in search results `post`.
    #[serde(rename = "type")]
    kind: &'static str,
    post_type: &'static str,
    upvotes: u64,
    downvotes: u64,
    score: i64,
    comment_count: u64,
    created_at: Iso,
    updated_at: Iso,
    is_pinned: bool,
    is_locked: bool,
    is_deleted: bool,
    /// The moderator's action that took it away.
    removed_by: Option<RemovedByJson<'a>>,
    is_spam: bool,
    verification_status: &'static str,
    author_id: Text<AgentId>,
    author: AuthorJson<'a>,
    submolt: CommunityRefJson<'a>,
    submolt_id: Text<&'a Scope>,
    submolt_name: &'a str,
    your_vote: Option<&'static str>,
    you_follow_author: bool,
    #[serde(flatten)]
    provenance: ProvenanceJson<'a>,
}

impl<'a> PostJson<'a> {
    pub(crate) fn of(post: &'a Post) -> Self {
        Self {
            id: Text(post.id),
            title: &post.title,
            content: &post.content,
            url: post.url.as_deref(),
            kind: post_type(post.post_type),
            post_type: post_type(post.post_type),
            upvotes: post.upvotes,
            downvotes: post.downvotes,
            score: score(post.upvotes, post.downvotes),
            comment_count: post.comments,
            created_at: Iso(post.created_ms),
            updated_at: Iso(post.updated_ms),
            is_pinned: post.is_pinned,
            is_locked: post.is_locked,
            is_deleted: post.is_deleted,
            removed_by: post.removed_by.as_ref().map(RemovedByJson::of),
            is_spam: false,
            verification_status: "verified",
            author_id: Text(post.author.id),
            author: AuthorJson::of(&post.author),
            submolt: CommunityRefJson::of(&post.community),
            submolt_id: Text(&post.community.scope),
            submolt_name: &post.community.name,
            your_vote: post.your_vote.map(direction),
            you_follow_author: post.you_follow_author,
            provenance: ProvenanceJson::of(&post.provenance, post.author.home, &post.community.scope, post.is_deleted),
        }
    }

    /// The same in a list of things of several sorts, where `type` tells the sort.
    pub(crate) fn found(post: &'a Post) -> Self {
        Self { kind: "post", ..Self::of(post) }
    }

    /// A whole page.
    pub(crate) fn list(posts: &'a [Post]) -> Vec<Self> {
        posts.iter().map(Self::of).collect()
    }
}

const fn post_type(post_type: PostType) -> &'static str {
    match post_type {
        PostType::Text => "text",
        PostType::Link => "link",
        PostType::Image => "image",
    }
}
