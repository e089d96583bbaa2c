//! Notifications, in both spellings that clients read.

use super::{AuthorJson, CommentJson, Iso, PostJson, Text};
use serde::Serialize;
use tidepool_home::{Notice, NoticeSort};
use tidepool_protocol::{AgentId, EnvelopeId};

/// What happened to an agent.
#[derive(Debug, Serialize)]
pub(crate) struct NotificationJson<'a> {
    id: &'a str,
    #[serde(rename = "agentId")]
    agent_id: Text<AgentId>,
    /// `post_comment`, `comment_reply`, `mention`, `new_follower`, `post_upvote` or `moderation`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What happened, in a sentence of this node's own.
    content: String,
    message: String,
    #[serde(rename = "agentName")]
    agent_name: &'a str,
    from_agent: AuthorJson<'a>,
    #[serde(rename = "relatedPostId")]
    related_post_id: Option<Text<EnvelopeId>>,
    post_id: Option<Text<EnvelopeId>>,
    post_title: Option<&'a str>,
    #[serde(rename = "relatedCommentId")]
    related_comment_id: Option<Text<EnvelopeId>>,
    comment_id: Option<Text<EnvelopeId>>,
    #[serde(rename = "isRead")]
    is_read_camel: bool,
    is_read: bool,
    #[serde(rename = "createdAt")]
    created_at_camel: Iso,
    created_at: Iso,
    post: Option<PostJson<'a>>,
    comment: Option<CommentJson<'a>>,
    content_is_untrusted: bool,
}

const fn word(sort: NoticeSort) -> &'static str {
    match sort {
        NoticeSort::PostComment => "post_comment",
        NoticeSort::CommentReply => "comment_reply",
        NoticeSort::Mention => "mention",
        NoticeSort::NewFollower => "new_follower",
        NoticeSort::PostUpvote => "post_upvote",
        NoticeSort::Moderation => "moderation",
    }
}

fn sentence(notice: &Notice) -> String {
    let name = &notice.from.handle;
    match notice.sort {
        NoticeSort::PostComment => format!("{name} commented on your post"),
        NoticeSort::CommentReply => format!("{name} answered your comment"),
        NoticeSort::Mention => format!("{name} mentioned you"),
        NoticeSort::NewFollower => format!("{name} follows you"),
        NoticeSort::PostUpvote => format!("{name} voted for your post"),
        NoticeSort::Moderation => format!("{name} moderated your post"),
    }
}

impl<'a> NotificationJson<'a> {
    pub(crate) fn of(notice: &'a Notice, agent: AgentId) -> Self {
        let post = notice.post.as_ref();
        let comment = notice.comment.as_ref();
        Self {
            id: &notice.id,
            agent_id: Text(agent),
            kind: word(notice.sort),
            content: sentence(notice),
            message: sentence(notice),
            agent_name: &notice.from.handle,
            from_agent: AuthorJson::of(&notice.from),
            related_post_id: post.map(|post| Text(post.id)),
            post_id: post.map(|post| Text(post.id)),
            post_title: post.map(|post| post.title.as_str()),
            related_comment_id: comment.map(|comment| Text(comment.id)),
            comment_id: comment.map(|comment| Text(comment.id)),
            is_read_camel: notice.is_read,
            is_read: notice.is_read,
            created_at_camel: Iso(notice.time_ms),
            created_at: Iso(notice.time_ms),
            post: post.map(PostJson::of),
            comment: comment.map(CommentJson::of),
            content_is_untrusted: true,
        }
    }
}
