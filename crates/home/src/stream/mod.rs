//! The log as a stream of events: replayed from a cursor, then live, without a gap or a double.

mod event;
mod read;
mod tail;

pub(crate) use event::event_of;
#[cfg(test)]
pub(crate) use read::within_replay;
pub(crate) use read::{Filter, open};
pub(crate) use tail::{Tail, Taken, chunk, pump};

use crate::error::HomeError;
use crate::model::{CameFrom, Direction};
use futures::stream::BoxStream;
use std::sync::Arc;
use tidepool_protocol::body::{Deed, Powers};
use tidepool_protocol::{AgentId, AuthorId, EnvelopeId, Kind, Scope, TimeMs};
use tidepool_views::Cursor;

/// A place in this node's log, and which log: a store that was made anew counts from the start again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamCursor {
    /// Drawn when the store was made.
    pub log: u64,
    /// The place.
    pub at: Cursor,
}

/// Which events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of these sorts only; empty for all.
    pub kinds: Vec<EventKind>,
    /// In this community only: a name or a full scope.
    pub community: Option<String>,
    /// By this author only: a name, `name@did` or did:tide.
    pub author: Option<String>,
}

/// A sort of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventKind {
    /// A post.
    Post,
    /// A comment.
    Comment,
    /// An edit of either.
    Edit,
    /// A deletion of either.
    Delete,
    /// A vote.
    Vote,
    /// A follow or its end.
    Follow,
    /// A subscription or its end.
    Subscribe,
    /// A change of a profile.
    Profile,
    /// A new community or a change of its settings.
    Community,
    /// A moderator made or dismissed, or what one did.
    Moderation,
    /// A new agent or node, or a change of an identity.
    Identity,
    /// Anything else.
    Other,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A post.
    Post {
        /// Its title.
        title: String,
        /// Its text.
        content: String,
        /// What it links to.
        url: Option<String>,
    },
    /// A comment.
    Comment {
        /// The post.
        post: EnvelopeId,
        /// What it answers.
        parent: EnvelopeId,
        /// Its depth.
        depth: u32,
        /// Its text.
        content: String,
    },
    /// An edit.
    Edit {
        /// The post or comment.
        target: EnvelopeId,
        /// The new title.
        title: Option<String>,
        /// The new text.
        content: Option<String>,
    },
    /// A deletion.
    Delete {
        /// The post or comment.
        target: EnvelopeId,
    },
    /// A vote.
    Vote {
        /// The post or comment.
        target: EnvelopeId,
        /// The vote; `None` takes it back.
        direction: Option<Direction>,
    },
    /// A follow or its end.
    Follow {
        /// Whom.
        target: AgentId,
        /// Whether from now on or no longer.
        on: bool,
    },
    /// A subscription or its end.
    Subscribe {
        /// The community.
        community: Scope,
        /// Whether from now on or no longer.
        on: bool,
    },
    /// A change of a profile: the fields that it sets.
    Profile {
        /// What it calls itself.
        display_name: Option<String>,
        /// What it says of itself.
        description: Option<String>,
    },
    /// A new community.
    Charter {
        /// What it calls itself.
        display_name: String,
        /// What it says of itself.
        description: String,
    },
    /// A change of a community's settings.
    Settings,
    /// An agent was made a moderator.
    Grant {
        /// Who.
        agent: AgentId,
        /// What it may do.
        powers: Powers,
    },
    /// A moderator was dismissed.
    Withdraw {
        /// The grant that was taken back.
        grant: EnvelopeId,
    },
    /// What a moderator did to a post or comment.
    Moderated {
        /// What.
        deed: Deed,
        /// To what.
        target: EnvelopeId,
        /// By which rule.
        rule: String,
    },
    /// A new agent.
    AgentJoined {
        /// Its handle.
        handle: String,
    },
    /// A new node.
    NodeJoined,
    /// Another change of an identity.
    Identity,
    /// Anything else: its kind says what.
    Other,
}

/// One event, with what every event has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEvent {
    /// Where to go on behind it.
    pub cursor: StreamCursor,
    /// The envelope's id: `GET /envelopes/{id}` has the signed bytes.
    pub id: EnvelopeId,
    /// Its kind on the wire.
    pub wire_kind: Kind,
    /// Its sort.
    pub kind: EventKind,
    /// Who said it.
    pub author: AuthorId,
    /// The author's handle; empty for a node or while the identity is unknown.
    pub handle: String,
    /// About what.
    pub scope: Scope,
    /// When its author says that it was signed.
    pub time_ms: TimeMs,
    /// When this node admitted it.
    pub received_ms: TimeMs,
    /// How it came here.
    pub from: CameFrom,
    /// What happened.
    pub event: Event,
}

impl StreamEvent {
    /// About how many bytes it holds in memory.
    pub(crate) fn weight(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let said = match &self.event {
            Event::Post { title, content, url } => title.len() + content.len() + text(url),
            Event::Comment { content, .. } => content.len(),
            Event::Edit { title, content, .. } => text(title) + text(content),
            Event::Profile { display_name, description } => text(display_name) + text(description),
            Event::Charter { display_name, description } => display_name.len() + description.len(),
            Event::AgentJoined { handle } => handle.len(),
            Event::Moderated { rule, .. } => rule.len(),
            Event::Delete { .. }
            | Event::Grant { .. }
            | Event::Withdraw { .. }
            | Event::Vote { .. }
            | Event::Follow { .. }
            | Event::Subscribe { .. }
            | Event::Settings
            | Event::NodeJoined
            | Event::Identity
            | Event::Other => 0,
        };
        size_of::<Self>() + self.handle.len() + said
    }
}

/// Events without end, until the reader drops it, the node stops, or an error, which is the last item. An event is made
/// once for all readers.
pub type EventStream = BoxStream<'static, Result<Arc<StreamEvent>, HomeError>>;

impl std::fmt::Display for StreamCursor {
    /// `<log in 16 hex digits>-<place>`: what a stream sends as its event id.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}-{}", self.log, self.at.0)
    }
}

impl std::str::FromStr for StreamCursor {
    type Err = HomeError;
    fn from_str(text: &str) -> Result<Self, HomeError> {
        let parsed = text.split_once('-').and_then(|(log, at)| {
            let log = (log.len() == 16).then(|| u64::from_str_radix(log, 16).ok()).flatten()?;
            Some(Self { log, at: Cursor(at.parse().ok()?) })
        });
        parsed.ok_or_else(|| HomeError::Invalid {
            field: "cursor",
            seen: crate::error::shown(text),
            allowed: "the id of an event that this node sent",
        })
    }
}
