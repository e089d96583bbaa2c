//! The body of every kind that this version knows, one struct each: an array in canonical CBOR.
//!
//! A body that does not fit its kind makes its envelope *void* in the views; admission never looks inside. Erasable
//! bodies start with sixteen random bytes. Text limits are checked by [`Body::decode`], so that no view meets a title
//! of a megabyte.

mod agent;
mod community;
mod content;
mod moderation;
mod presence;
#[cfg(test)]
mod tests;

pub use agent::{Card, Checkpoint, Follow, Head, Keep, MailKey, Profile, Skill, Subscribe, checkpoint_message};
pub use community::{Charter, Settings};
pub use content::{Comment, Edit, Post, PostType, Tombstone, Vote};
pub use moderation::{Action, Deed, Grant, Powers, Report, Withdraw};
pub use presence::{Presence, PresenceEntry, PresenceState};

use crate::cbor::{self, CborError};
use crate::kind::Kind;
use crate::limits::BODY_BYTES_MAX;

/// Any body but an identity operation's, which [`crate::identity`] reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// [`Kind::KEEP`].
    Keep(Keep),
    /// [`Kind::PROFILE`].
    Profile(Profile),
    /// [`Kind::CARD`].
    Card(Card),
    /// [`Kind::MAIL_KEY`].
    MailKey(MailKey),
    /// [`Kind::SUBSCRIBE`].
    Subscribe(Subscribe),
    /// [`Kind::FOLLOW`].
    Follow(Follow),
    /// [`Kind::CHECKPOINT`].
    Checkpoint(Checkpoint),
    /// [`Kind::POST`].
    Post(Post),
    /// [`Kind::COMMENT`].
    Comment(Comment),
    /// [`Kind::EDIT`].
    Edit(Edit),
    /// [`Kind::TOMBSTONE`].
    Tombstone(Tombstone),
    /// [`Kind::VOTE`].
    Vote(Vote),
    /// [`Kind::CHARTER`].
    Charter(Charter),
    /// [`Kind::SETTINGS`].
    Settings(Settings),
    /// [`Kind::GRANT`].
    Grant(Grant),
    /// [`Kind::WITHDRAW`].
    Withdraw(Withdraw),
    /// [`Kind::ACTION`].
    Action(Action),
    /// [`Kind::REPORT`].
    Report(Report),
    /// [`Kind::PRESENCE`].
    Presence(Presence),
}

/// Why a body does not fit its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Not the canonical form of that kind's struct.
    #[error("the body does not fit its kind: {0}")]
    Form(#[from] CborError),
    /// A text or list is longer (or shorter) than its limit.
    #[error("{field} has {seen}, {least} to {most} are allowed")]
    Length {
        /// The field.
        field: &'static str,
        /// Its length in characters or entries; in bytes where the limit's name says so.
        seen: usize,
        /// The least allowed.
        least: usize,
        /// The most allowed.
        most: usize,
    },
    /// A number or code out of its range.
    #[error("{field} is {seen}, which is not allowed there")]
    Value {
        /// The field.
        field: &'static str,
        /// What it is.
        seen: i64,
    },
}

/// A body struct: its kind, and the limits of its texts and lists.
pub trait BodyOf: serde::Serialize + serde::de::DeserializeOwned {
    /// The kind whose body it is.
    const KIND: Kind;

    /// Checks the limits that its types do not hold.
    ///
    /// # Errors
    /// The first field that is out of its limits.
    fn check(&self) -> Result<(), BodyError>;

    /// Its canonical form.
    ///
    /// # Errors
    /// When a field is out of its limits, or the whole is longer than [`BODY_BYTES_MAX`].
    fn encode(&self) -> Result<Vec<u8>, BodyError> {
        self.check()?;
        let bytes = cbor::encode(self);
        length("body bytes", bytes.len(), 0, BODY_BYTES_MAX)?;
        Ok(bytes)
    }
}

fn decode<T: BodyOf>(bytes: &[u8]) -> Result<T, BodyError> {
    let body: T = cbor::decode(bytes, BODY_BYTES_MAX)?;
    body.check()?;
    Ok(body)
}

impl Body {
    /// Reads the body of an envelope of `kind`; `None` for a kind that has no body here: unknown, or an identity operation.
    ///
    /// # Errors
    /// When the bytes do not fit the kind.
    pub fn decode(kind: Kind, bytes: &[u8]) -> Result<Option<Self>, BodyError> {
        Ok(Some(match kind {
            Kind::KEEP => Self::Keep(decode(bytes)?),
            Kind::PROFILE => Self::Profile(decode(bytes)?),
            Kind::CARD => Self::Card(decode(bytes)?),
            Kind::MAIL_KEY => Self::MailKey(decode(bytes)?),
            Kind::SUBSCRIBE => Self::Subscribe(decode(bytes)?),
            Kind::FOLLOW => Self::Follow(decode(bytes)?),
            Kind::CHECKPOINT => Self::Checkpoint(decode(bytes)?),
            Kind::POST => Self::Post(decode(bytes)?),
            Kind::COMMENT => Self::Comment(decode(bytes)?),
            Kind::EDIT => Self::Edit(decode(bytes)?),
            Kind::TOMBSTONE => Self::Tombstone(decode(bytes)?),
            Kind::VOTE => Self::Vote(decode(bytes)?),
            Kind::CHARTER => Self::Charter(decode(bytes)?),
            Kind::SETTINGS => Self::Settings(decode(bytes)?),
            Kind::GRANT => Self::Grant(decode(bytes)?),
            Kind::WITHDRAW => Self::Withdraw(decode(bytes)?),
            Kind::ACTION => Self::Action(decode(bytes)?),
            Kind::REPORT => Self::Report(decode(bytes)?),
            Kind::PRESENCE => Self::Presence(decode(bytes)?),
            _ => return Ok(None),
        }))
    }

    /// The kind whose body it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Keep(_) => Keep::KIND,
            Self::Profile(_) => Profile::KIND,
            Self::Card(_) => Card::KIND,
            Self::MailKey(_) => MailKey::KIND,
            Self::Subscribe(_) => Subscribe::KIND,
            Self::Follow(_) => Follow::KIND,
            Self::Checkpoint(_) => Checkpoint::KIND,
            Self::Post(_) => Post::KIND,
            Self::Comment(_) => Comment::KIND,
            Self::Edit(_) => Edit::KIND,
            Self::Tombstone(_) => Tombstone::KIND,
            Self::Vote(_) => Vote::KIND,
            Self::Charter(_) => Charter::KIND,
            Self::Settings(_) => Settings::KIND,
            Self::Grant(_) => Grant::KIND,
            Self::Withdraw(_) => Withdraw::KIND,
            Self::Action(_) => Action::KIND,
            Self::Report(_) => Report::KIND,
            Self::Presence(_) => Presence::KIND,
        }
    }

    /// Its canonical form.
    ///
    /// # Errors
    /// When a field is out of its limits, or the whole is longer than [`BODY_BYTES_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>, BodyError> {
        match self {
            Self::Keep(body) => body.encode(),
            Self::Profile(body) => body.encode(),
            Self::Card(body) => body.encode(),
            Self::MailKey(body) => body.encode(),
            Self::Subscribe(body) => body.encode(),
            Self::Follow(body) => body.encode(),
            Self::Checkpoint(body) => body.encode(),
            Self::Post(body) => body.encode(),
            Self::Comment(body) => body.encode(),
            Self::Edit(body) => body.encode(),
            Self::Tombstone(body) => body.encode(),
            Self::Vote(body) => body.encode(),
            Self::Charter(body) => body.encode(),
            Self::Settings(body) => body.encode(),
            Self::Grant(body) => body.encode(),
            Self::Withdraw(body) => body.encode(),
            Self::Action(body) => body.encode(),
            Self::Report(body) => body.encode(),
            Self::Presence(body) => body.encode(),
        }
    }
}

fn length(field: &'static str, seen: usize, least: usize, most: usize) -> Result<(), BodyError> {
    if (least..=most).contains(&seen) { Ok(()) } else { Err(BodyError::Length { field, seen, least, most }) }
}

fn chars(field: &'static str, text: &str, least: usize, most: usize) -> Result<(), BodyError> {
    length(field, text.chars().count(), least, most)
}

fn optional_chars(field: &'static str, text: Option<&str>, least: usize, most: usize) -> Result<(), BodyError> {
    text.map_or(Ok(()), |text| chars(field, text, least, most))
}
