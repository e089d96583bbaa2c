//! The JSON of answers: domain structs of the home written in the field names that clients know.
//!
//! Top-level keys are snake_case; nested authors carry both spellings, because clients differ. Ids are opaque strings to
//! clients: a CID for an envelope, `did:tide` for an agent or node, `did:key` for a signing key. Nothing here decides
//! what is shown: the home did.

mod agent;
mod comment;
mod community;
mod event;
mod moderation;
mod notification;
mod post;
mod provenance;
#[cfg(test)]
mod tests;

pub(crate) use agent::{AgentJson, AuthorJson, CommentAuthorJson};
pub(crate) use comment::CommentJson;
pub(crate) use community::{CommunityJson, CommunityRefJson, your_role};
pub(crate) use event::{EventJson, KINDS, kind_word};
pub(crate) use moderation::{ModeratedJson, ModerationJson, ModeratorJson, POWERS, RemovedByJson, ReportJson, role};
pub(crate) use notification::NotificationJson;
pub(crate) use post::PostJson;

use crate::iso::iso;
use serde::{Serialize, Serializer};
use std::fmt::Display;
use tidepool_home::Direction;
use tidepool_protocol::TimeMs;

/// An id in its text form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<T>(pub(crate) T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A time in ISO-8601.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Iso(pub(crate) TimeMs);

impl Serialize for Iso {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&iso(self.0))
    }
}

/// Votes up less votes down.
pub(crate) fn score(up: u64, down: u64) -> i64 {
    i64::try_from(up).unwrap_or(i64::MAX).saturating_sub(i64::try_from(down).unwrap_or(i64::MAX))
}

/// A vote as a word.
pub(crate) const fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}
