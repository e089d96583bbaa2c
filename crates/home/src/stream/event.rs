//! From an envelope of the log to the event that readers see.

use super::{Event, EventKind, StreamCursor, StreamEvent};
use crate::error::HomeError;
use crate::home::Inner;
use crate::model::Direction;
use crate::show::came_from;
use tidepool_protocol::{AuthorId, Body, Kind};
use tidepool_views::{Stored, identity, index, queries, void};

/// The event of an envelope; `None` when the views show it to nobody, its body is gone, its author took away what it says,
/// or this node hides it.
pub(crate) fn event_of(inner: &Inner, stored: &Stored) -> Result<Option<StreamEvent>, HomeError> {
    let envelope = &stored.envelope;
    let header = envelope.header();
    let Some(body) = envelope.body() else { return Ok(None) };
    let Some(entry) = index::get(inner.reader(), &envelope.id())? else { return Ok(None) };
    if void::verdict(inner.reader(), &entry)?.is_some() {
        return Ok(None);
    }
    // Void by its body: the index says so once the fold has seen it.
    let Ok(body) = Body::decode(header.kind, body) else { return Ok(None) };
    if queries::taken_away(inner.reader(), envelope)?
        || inner.hides_envelope(&envelope.id(), header, body.as_ref())?.is_some()
    {
        return Ok(None);
    }
    let handle = handle_of(inner, header.author)?;
    let (kind, event) = match body {
        Some(body) => event_of_body(body),
        None => event_of_identity(header.kind, &handle),
    };
    Ok(Some(StreamEvent {
        cursor: StreamCursor { log: inner.facts.log, at: stored.cursor },
        id: envelope.id(),
        wire_kind: header.kind,
        kind,
        author: header.author,
        handle,
        scope: header.scope.clone(),
        time_ms: header.time_ms,
        received_ms: stored.received_ms,
        from: came_from(stored.origin),
        event,
    }))
}

fn handle_of(inner: &Inner, author: AuthorId) -> Result<String, HomeError> {
    let known = identity::current(inner.reader(), author)?;
    Ok(known.map(|identity| identity.state.handle).unwrap_or_default())
}

fn event_of_body(body: Body) -> (EventKind, Event) {
    match body {
        Body::Post(post) => (EventKind::Post, Event::Post { title: post.title, content: post.content, url: post.url }),
        Body::Comment(comment) => (
            EventKind::Comment,
            Event::Comment {
                post: comment.root,
                parent: comment.parent,
                depth: comment.depth,
                content: comment.content,
            },
        ),
        Body::Edit(edit) => {
            (EventKind::Edit, Event::Edit { target: edit.target, title: edit.title, content: edit.content })
        }
        Body::Tombstone(tombstone) => (EventKind::Delete, Event::Delete { target: tombstone.target }),
        Body::Vote(vote) => {
            (EventKind::Vote, Event::Vote { target: vote.target, direction: Direction::of(vote.value) })
        }
        Body::Follow(follow) => (EventKind::Follow, Event::Follow { target: follow.target, on: follow.on }),
        Body::Subscribe(subscribe) => {
            (EventKind::Subscribe, Event::Subscribe { community: subscribe.community, on: subscribe.on })
        }
        Body::Profile(profile) => (
            EventKind::Profile,
            Event::Profile { display_name: profile.display_name, description: profile.description },
        ),
        Body::Charter(charter) => (
            EventKind::Community,
            Event::Charter { display_name: charter.display_name, description: charter.description },
        ),
        Body::Settings(_) => (EventKind::Community, Event::Settings),
        Body::Grant(grant) => (EventKind::Moderation, Event::Grant { agent: grant.agent, powers: grant.powers }),
        Body::Withdraw(withdraw) => (EventKind::Moderation, Event::Withdraw { grant: withdraw.grant }),
        Body::Action(action) => {
            (EventKind::Moderation, Event::Moderated { deed: action.deed, target: action.target, rule: action.rule })
        }
        // Who reports whom is for moderators: they list it.
        Body::Report(_) => (EventKind::Other, Event::Other),
        Body::Keep(_) => (EventKind::Identity, Event::Identity),
        Body::Card(_) | Body::MailKey(_) | Body::Checkpoint(_) | Body::Presence(_) => (EventKind::Other, Event::Other),
    }
}

fn event_of_identity(kind: Kind, handle: &str) -> (EventKind, Event) {
    match kind {
        Kind::GENESIS => (EventKind::Identity, Event::AgentJoined { handle: handle.to_owned() }),
        Kind::NODE_GENESIS => (EventKind::Identity, Event::NodeJoined),
        other if other.is_identity_operation() => (EventKind::Identity, Event::Identity),
        _ => (EventKind::Other, Event::Other),
    }
}
