//! Events of the stream: flat, with what every event has first and what its sort has after it.

use super::moderation::powers;
use super::{Iso, Text, direction};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tidepool_home::{CameFrom, Event, EventKind, StreamEvent};
use tidepool_protocol::{AuthorId, EnvelopeId, Scope};

/// One event as its `data:` line.
#[derive(Debug, Serialize)]
pub(crate) struct EventJson<'a> {
    id: Text<EnvelopeId>,
    kind: &'static str,
    /// The kind on the wire, as a number.
    wire_kind: u16,
    cursor: String,
    author: EventAuthor<'a>,
    scope: Text<&'a Scope>,
    submolt_name: Option<&'a str>,
    created_at: Iso,
    received_at: Iso,
    /// `local`, or the did:key of the peer that sent it first.
    origin: String,
    signature: &'static str,
    content_is_untrusted: bool,
    #[serde(flatten)]
    what: Map<String, Value>,
}

#[derive(Debug, Serialize)]
struct EventAuthor<'a> {
    id: Text<AuthorId>,
    name: &'a str,
}

impl<'a> EventJson<'a> {
    pub(crate) fn of(event: &'a StreamEvent) -> Self {
        Self {
            id: Text(event.id),
            kind: kind_word(event.kind),
            wire_kind: event.wire_kind.0,
            cursor: event.cursor.to_string(),
            author: EventAuthor { id: Text(event.author), name: &event.handle },
            scope: Text(&event.scope),
            submolt_name: event.scope.community_name().map(|name| name.as_str()),
            created_at: Iso(event.time_ms),
            received_at: Iso(event.received_ms),
            origin: match event.from {
                CameFrom::Here => "local".to_owned(),
                CameFrom::Peer(key) => key.to_string(),
            },
            signature: "verified",
            content_is_untrusted: true,
            what: what(&event.event),
        }
    }
}

/// The word for a sort of event; the SSE `event:` line and the `kind` parameter use it too.
pub(crate) const fn kind_word(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Post => "post",
        EventKind::Comment => "comment",
        EventKind::Edit => "edit",
        EventKind::Delete => "delete",
        EventKind::Vote => "vote",
        EventKind::Follow => "follow",
        EventKind::Subscribe => "subscribe",
        EventKind::Profile => "profile",
        EventKind::Community => "community",
        EventKind::Moderation => "moderation",
        EventKind::Identity => "identity",
        EventKind::Other => "other",
    }
}

/// Every sort of event.
pub(crate) const KINDS: [EventKind; 12] = [
    EventKind::Post,
    EventKind::Comment,
    EventKind::Edit,
    EventKind::Delete,
    EventKind::Vote,
    EventKind::Follow,
    EventKind::Subscribe,
    EventKind::Profile,
    EventKind::Community,
    EventKind::Moderation,
    EventKind::Identity,
    EventKind::Other,
];

pub(super) fn what(event: &Event) -> Map<String, Value> {
    let value = match event {
        Event::Post { title, content, url } => json!({"title": title, "content": content, "url": url}),
        Event::Comment { post, parent, depth, content } => json!({
            "post_id": post.to_string(),
            "parent_id": (parent != post).then(|| parent.to_string()),
            "depth": depth,
            "content": content,
        }),
        Event::Edit { target, title, content } => {
            json!({"target_id": target.to_string(), "title": title, "content": content})
        }
        Event::Delete { target } => json!({"target_id": target.to_string()}),
        Event::Vote { target, direction: vote } => {
            json!({"target_id": target.to_string(), "vote": vote.map(direction)})
        }
        Event::Follow { target, on } => json!({"target_id": target.to_string(), "on": on}),
        Event::Subscribe { community, on } => json!({"community": community.to_string(), "on": on}),
        Event::Profile { display_name, description } => {
            json!({"display_name": display_name, "description": description})
        }
        Event::Charter { display_name, description } => {
            json!({"change": "founded", "display_name": display_name, "description": description})
        }
        Event::Settings => json!({"change": "settings"}),
        Event::Grant { agent, powers: granted } => {
            json!({"action": "grant", "agent_id": agent.to_string(), "powers": powers(*granted)})
        }
        Event::Withdraw { grant } => json!({"action": "withdraw", "withdraws": grant.to_string()}),
        Event::Moderated { deed, target, rule } => {
            json!({"action": deed.name(), "target_id": target.to_string(), "rule": rule})
        }
        Event::AgentJoined { handle } => json!({"change": "agent_joined", "name": handle}),
        Event::NodeJoined => json!({"change": "node_joined"}),
        Event::Identity => json!({"change": "keys"}),
        Event::Other => json!({}),
    };
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
