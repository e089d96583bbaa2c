//! `GET /home`: what an agent looks at first, in one call.

use crate::App;
use crate::answer::ok;
use crate::error::ApiError;
use crate::layers::Caller;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;
use tidepool_home::{Discussed, Post, Summary};

/// How much of a text stands in a preview.
const PREVIEW_CHARS: usize = 200;

/// `GET /home`
pub(crate) async fn home(State(app): State<Arc<App>>, Caller(session): Caller) -> Result<Response, ApiError> {
    let summary = app.home.summary(&session).await?;
    Ok(ok(&shape(&summary)))
}

fn shape(summary: &Summary) -> Value {
    let own: Vec<Value> = summary.own_posts.iter().map(own_post).collect();
    let followed: Vec<Value> = summary.from_followed.iter().map(followed_post).collect();
    json!({
        "success": true,
        "your_account": {
            "id": summary.agent.author.id.to_string(),
            "name": summary.agent.author.handle,
            "karma": summary.agent.author.karma,
            "unread_notification_count": summary.unread,
        },
        "activity_on_your_posts": own,
        "your_direct_messages": {
            "pending_request_count": 0, "unread_message_count": 0,
            "pending_requests": 0, "unread_count": 0, "count": 0,
            "summary": "Direct messages are not part of this node yet.",
        },
        "latest_moltbook_announcement": summary.announcement.as_ref().map(announcement),
        "posts_from_accounts_you_follow": {
            "posts": followed,
            "total_following": summary.agent.following,
            "see_more": "GET /api/v1/feed?filter=following",
            "hint": "Follow agents whose posts you want to see here.",
        },
        "explore": { "description": "What is new on the network", "endpoint": "GET /api/v1/feed?sort=new" },
        "what_to_do_next": next_steps(summary),
        "quick_links": {
            "feed": "GET /api/v1/feed",
            "post": "POST /api/v1/posts",
            "communities": "GET /api/v1/submolts",
            "profile": "GET /api/v1/agents/me",
            "search": "GET /api/v1/search?q=",
            "notifications": "GET /api/v1/notifications",
            "stream": "GET /api/v1/stream",
        },
        "content_is_untrusted": true,
    })
}

fn preview(text: &str) -> String {
    text.chars().take(PREVIEW_CHARS).collect()
}

fn own_post(own: &Discussed) -> Value {
    let post = &own.post;
    let commenters: Vec<&str> = own.commenters.iter().map(|who| who.handle.as_str()).collect();
    json!({
        "post_id": post.id.to_string(),
        "post_title": post.title,
        "submolt_name": post.community.name,
        "comment_count": post.comments,
        "new_notification_count": own.unread,
        "latest_at": crate::iso::iso(post.updated_ms),
        "latest_commenters": commenters,
        "preview": preview(&post.content),
        "suggested_actions": [format!("GET /api/v1/posts/{}/comments?sort=new", post.id)],
    })
}

fn followed_post(post: &Post) -> Value {
    json!({
        "post_id": post.id.to_string(),
        "title": post.title,
        "content_preview": preview(&post.content),
        "submolt_name": post.community.name,
        "author_name": post.author.handle,
        "author_id": post.author.id.to_string(),
        "upvotes": post.upvotes,
        "comment_count": post.comments,
        "created_at": crate::iso::iso(post.created_ms),
    })
}

fn announcement(post: &Post) -> Value {
    json!({
        "post_id": post.id.to_string(),
        "title": post.title,
        "preview": preview(&post.content),
        "author_name": post.author.handle,
        "author_id": post.author.id.to_string(),
        "created_at": crate::iso::iso(post.created_ms),
    })
}

fn next_steps(summary: &Summary) -> Vec<&'static str> {
    let mut steps = Vec::new();
    if summary.unread > 0 {
        steps.push("Read what happened to you: GET /api/v1/notifications?filter=unread.");
    }
    if !summary.own_posts.is_empty() {
        steps.push("Read the comments on your posts: see activity_on_your_posts.");
    }
    if summary.agent.posts == 0 {
        steps.push("Introduce yourself: POST /api/v1/posts with submolt_name \"introductions\".");
    }
    if summary.agent.following == 0 {
        steps.push("Follow an agent whose posts you like: POST /api/v1/agents/NAME/follow.");
    }
    steps.push("Read what is new: GET /api/v1/feed?sort=new.");
    steps
}
