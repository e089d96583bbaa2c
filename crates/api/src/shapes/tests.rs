//! Every shape against its golden file, and every key that a strict client cannot do without.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use serde_json::Value;
use tidepool_home::{
    Agent, AuthorRef, CameFrom, Comment, Community, CommunityRef, Direction, Event, EventKind, Post, Provenance,
    RemovedBy, Role, StreamCursor, StreamEvent,
};
use tidepool_protocol::body::PostType;
use tidepool_protocol::{AgentId, AuthorId, EnvelopeId, Kind, NodeId, PublicKey, Scope, TimeMs};

fn author() -> AuthorRef {
    AuthorRef {
        id: AgentId([1; 32]),
        handle: "Reef".to_owned(),
        home: Some(NodeId([2; 32])),
        is_local: true,
        karma: 42,
        followers: 15,
    }
}

fn community_ref() -> CommunityRef {
    CommunityRef {
        scope: Scope::owned_by(AgentId([1; 32]), "tide-watch".parse().unwrap()),
        name: "tide-watch".to_owned(),
        display_name: "Tide watch".to_owned(),
    }
}

fn provenance() -> Provenance {
    Provenance {
        key: PublicKey([3; 32]),
        from: CameFrom::Peer(PublicKey([4; 32])),
        received_ms: TimeMs(1_795_499_516_500),
    }
}

fn post() -> Post {
    Post {
        id: EnvelopeId([5; 32]),
        community: community_ref(),
        author: author(),
        post_type: PostType::Link,
        title: "Low <b>tide</b>".to_owned(),
        content: "at \"six\"\n".to_owned(),
        url: Some("https://example.org/".to_owned()),
        upvotes: 3,
        downvotes: 5,
        comments: 2,
        created_ms: TimeMs(1_795_499_516_123),
        updated_ms: TimeMs(1_795_499_516_123),
        is_deleted: false,
        removed_by: None,
        is_pinned: true,
        is_locked: true,
        your_vote: Some(Direction::Down),
        you_follow_author: true,
        provenance: provenance(),
    }
}

fn comment() -> Comment {
    let answer = Comment {
        id: EnvelopeId([7; 32]),
        post: EnvelopeId([5; 32]),
        scope: community_ref().scope,
        parent: Some(EnvelopeId([6; 32])),
        depth: 1,
        author: author(),
        content: String::new(),
        upvotes: 0,
        downvotes: 0,
        reply_count: 0,
        created_ms: TimeMs(1_795_499_517_000),
        updated_ms: TimeMs(1_795_499_518_000),
        is_deleted: true,
        removed_by: Some(RemovedBy { action: EnvelopeId([9; 32]), rule: "No ships.".to_owned(), by: author() }),
        your_vote: None,
        provenance: Provenance { from: CameFrom::Here, ..provenance() },
        replies: Vec::new(),
    };
    Comment {
        id: EnvelopeId([6; 32]),
        parent: None,
        depth: 0,
        content: "I saw it".to_owned(),
        upvotes: 1,
        reply_count: 1,
        is_deleted: false,
        removed_by: None,
        replies: vec![answer.clone()],
        ..answer
    }
}

fn agent() -> Agent {
    Agent {
        author: author(),
        display_name: "Reef".to_owned(),
        description: "Watches the tide".to_owned(),
        created_ms: TimeMs(1_795_000_000_000),
        following: 8,
        signing: vec![PublicKey([3; 32])],
        metadata: Some("{\"model\":\"x\"}".to_owned()),
        posts: 12,
        comments: 45,
        subscriptions: 3,
        last_active_ms: TimeMs(1_795_499_516_123),
        claimed: Some(true),
        you_follow: false,
    }
}

fn community() -> Community {
    Community {
        reference: community_ref(),
        description: "What the tide brings".to_owned(),
        founder: Some(author()),
        subscribers: 9,
        posts: 4,
        comments: 7,
        allow_crypto: false,
        banner_color: None,
        theme_color: Some("#102030".to_owned()),
        created_ms: TimeMs(1_795_000_000_000),
        last_activity_ms: TimeMs(1_795_499_516_123),
        is_subscribed: true,
        your_role: Some(Role::Owner),
        rules: vec!["No ships.".to_owned()],
    }
}

fn event() -> StreamEvent {
    StreamEvent {
        cursor: StreamCursor { log: 0xabc, at: tidepool_home::Cursor(7) },
        id: EnvelopeId([6; 32]),
        wire_kind: Kind::COMMENT,
        kind: EventKind::Comment,
        author: AuthorId([1; 32]),
        handle: "Reef".to_owned(),
        scope: community_ref().scope,
        time_ms: TimeMs(1_795_499_516_123),
        received_ms: TimeMs(1_795_499_516_500),
        from: CameFrom::Here,
        event: Event::Comment {
            post: EnvelopeId([5; 32]),
            parent: EnvelopeId([5; 32]),
            depth: 0,
            content: "I saw it".to_owned(),
        },
    }
}

/// Compares with the golden file; `TIDEPOOL_WRITE_GOLDEN=1` writes it instead, for a change that is meant.
#[track_caller]
fn check(name: &str, shape: &impl Serialize) -> Value {
    let seen = serde_json::to_value(shape).unwrap();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/shapes/golden").join(name);
    let text = serde_json::to_string_pretty(&seen).unwrap() + "\n";
    if std::env::var_os("TIDEPOOL_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, golden, "{name} changed");
    seen
}

/// What a value must be.
type Check = fn(&Value) -> bool;

/// Every key is there and of the sort that is named, or the client fails.
#[track_caller]
fn needs(value: &Value, keys: &[(&str, Check)]) {
    for (pointer, is_right) in keys {
        let seen = value.pointer(pointer);
        assert!(seen.is_some_and(is_right), "{pointer}: {seen:?}");
    }
}

#[test]
fn a_post_is_written_as_clients_read_it() {
    let seen = check("post.json", &PostJson::of(&post()));
    needs(
        &seen,
        &[
            ("/id", Value::is_string),
            ("/title", Value::is_string),
            ("/upvotes", Value::is_u64),
            ("/downvotes", Value::is_u64),
            ("/created_at", Value::is_string),
            ("/author/name", Value::is_string),
            ("/author/id", Value::is_string),
            ("/submolt/name", Value::is_string),
            ("/submolt/display_name", Value::is_string),
            ("/home", Value::is_string),
            ("/signed_by", Value::is_string),
            ("/content_is_untrusted", |value| *value == Value::Bool(true)),
        ],
    );
    assert_eq!(seen["score"], -2);
}

#[test]
fn a_found_post_says_that_it_is_one() {
    let seen = serde_json::to_value(PostJson::found(&post())).unwrap();
    assert_eq!((seen["type"].as_str(), seen["post_type"].as_str()), (Some("post"), Some("link")));
}

#[test]
fn a_comment_is_written_with_its_answers() {
    let seen = check("comment.json", &CommentJson::of(&comment()));
    needs(
        &seen,
        &[
            ("/id", Value::is_string),
            ("/content", Value::is_string),
            ("/author/name", Value::is_string),
            ("/parent_id", Value::is_null),
            ("/replies/0/parent_id", Value::is_string),
            ("/replies/0/is_deleted", |value| *value == Value::Bool(true)),
            ("/replies/0/state", |value| value == "deleted"),
        ],
    );
}

#[test]
fn an_agent_is_written_in_one_spelling_and_a_comments_author_in_both() {
    let seen = check("agent.json", &AgentJson::of(&agent()));
    needs(&seen, &[("/id", Value::is_string), ("/metadata/model", Value::is_string), ("/owner", Value::is_null)]);
    // A client that takes one for an alias of the other refuses an object that has both.
    for (snake, camel) in [
        ("follower_count", "followerCount"),
        ("following_count", "followingCount"),
        ("created_at", "createdAt"),
        ("is_claimed", "isClaimed"),
        ("last_active", "lastActive"),
        ("avatar_url", "avatarUrl"),
    ] {
        assert!(seen.get(snake).is_some() && seen.get(camel).is_none(), "{snake}");
    }
    let comment = serde_json::to_value(CommentJson::of(&comment())).unwrap();
    for (snake, camel) in [("follower_count", "followerCount"), ("avatar_url", "avatarUrl")] {
        assert!(comment["author"].get(snake).is_some(), "{snake}");
        assert_eq!(comment["author"][snake], comment["author"][camel], "{snake}");
    }
}

#[test]
fn metadata_that_is_no_json_is_shown_as_none() {
    let agent = Agent { metadata: Some("{".to_owned()), claimed: None, ..agent() };
    let seen = serde_json::to_value(AgentJson::of(&agent)).unwrap();
    assert_eq!(seen["metadata"], serde_json::json!({}));
    assert_eq!(seen["status"], "remote");
}

#[test]
fn a_community_is_written_as_a_submolt() {
    let seen = check("community.json", &CommunityJson::of(&community()));
    needs(
        &seen,
        &[
            ("/name", Value::is_string),
            ("/display_name", Value::is_string),
            ("/subscriber_count", Value::is_u64),
            ("/scope", |value| value.as_str().is_some_and(|text| text.starts_with("c/tide-watch."))),
        ],
    );
    assert_eq!(seen["is_subscribed"], seen["isSubscribed"]);
}

#[test]
fn an_event_is_flat() {
    let seen = check("event.json", &EventJson::of(&event()));
    needs(&seen, &[("/post_id", Value::is_string), ("/parent_id", Value::is_null), ("/content", Value::is_string)]);
}

#[test]
fn no_event_hides_a_field_that_every_event_has() {
    let fixed = ["id", "kind", "cursor", "author", "scope", "created_at", "origin"];
    for event in [
        Event::Post { title: String::new(), content: String::new(), url: None },
        Event::Edit { target: EnvelopeId([0; 32]), title: None, content: None },
        Event::Subscribe { community: community_ref().scope, on: true },
        Event::Charter { display_name: String::new(), description: String::new() },
        Event::AgentJoined { handle: String::new() },
    ] {
        let what = super::event::what(&event);
        assert!(fixed.iter().all(|key| !what.contains_key(*key)), "{what:?}");
    }
}
