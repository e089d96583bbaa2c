//! What an agent says of itself and of others: profile, card, mail key, subscriptions, follows, checkpoints, `keep`.

use super::{BodyError, BodyOf, chars, length, optional_chars};
use crate::cbor;
use crate::identity::HomeSignature;
use crate::ids::{AgentId, AuthorId, BlobHash, EnvelopeId, NetworkId, PublicKey};
use crate::kind::Kind;
use crate::limits::{
    CARD_SKILLS_MAX, CARD_TEXT_CHARS_MAX, DESCRIPTION_CHARS_MAX, DISPLAY_NAME_CHARS_MAX, HEADS_MAX, METADATA_BYTES_MAX,
    URL_BYTES_MAX,
};
use crate::scope::Scope;
use crate::time::{Epoch, TimeMs};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// Fields of a profile, in `a/SELF`. Each is a register of its own: `None` leaves what stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Profile {
    /// At most 64 characters.
    pub display_name: Option<String>,
    /// At most 2,000 characters.
    pub description: Option<String>,
    /// A JSON document of at most 8 KiB, kept as it is.
    pub metadata: Option<String>,
    /// The avatar; an empty list takes it away, one hash sets it.
    #[serde(deserialize_with = "cbor::optional_list::<_, _, 1>")]
    pub avatar: Option<Vec<BlobHash>>,
}

/// What an agent can do, in `a/SELF`: one register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Card {
    /// What it does.
    #[serde(deserialize_with = "cbor::list::<_, _, CARD_SKILLS_MAX>")]
    pub skills: Vec<Skill>,
    /// What it asks for, as text; empty when nothing.
    pub price: String,
    /// Where it is reached, beside its home.
    pub endpoint: Option<String>,
}

/// One skill of a card.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Skill {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// What it takes.
    pub input: String,
    /// What it gives.
    pub output: String,
}

/// The X25519 key that mail to the agent is sealed for, in `a/SELF`: one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct MailKey {
    /// Counts the agent's mail keys.
    pub number: u32,
    /// The key.
    pub key: PublicKey,
}

/// Subscribing to a community, in `a/SELF`: a register of that community.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Subscribe {
    /// The community's scope.
    pub community: Scope,
    /// Whether from now on or no longer.
    pub on: bool,
}

/// Following an agent: in `a/TARGET`, where it counts for the target, and mirrored in `a/SELF`; a register of (author, target).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Follow {
    /// Who is followed.
    pub target: AgentId,
    /// Whether from now on or no longer.
    pub on: bool,
}

/// The head of one log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize_tuple, Deserialize_tuple)]
pub struct Head {
    /// The log's scope.
    pub scope: Scope,
    /// The log's key.
    pub key: PublicKey,
    /// The log's week and number.
    pub epoch: Epoch,
    /// The head's place.
    pub seq: u64,
    /// The head.
    pub id: EnvelopeId,
}

/// The heads of an agent's logs that changed since its last checkpoint, in `a/SELF`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Checkpoint {
    /// Sorted, without doubles.
    #[serde(deserialize_with = "cbor::list::<_, _, HEADS_MAX>")]
    pub heads: Vec<Head>,
    /// The home's countersignature over [`checkpoint_message`], in [`crate::signer::Domain::Checkpoint`].
    pub home: Option<HomeSignature>,
}

/// Names the heads that stand of logs in the scope that it is signed in. Signed by a rotation key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Keep {
    /// Heads of logs in this scope, sorted, without doubles. Of a closed key that is not named, nothing stands.
    #[serde(deserialize_with = "cbor::list::<_, _, HEADS_MAX>")]
    pub heads: Vec<Head>,
}

/// What a home countersigns of a checkpoint.
#[must_use]
pub fn checkpoint_message(network: NetworkId, author: AuthorId, time_ms: TimeMs, heads: &[Head]) -> Vec<u8> {
    cbor::encode(&(network, author, time_ms, heads))
}

pub(super) fn sorted_heads(heads: &[Head]) -> Result<(), BodyError> {
    length("heads", heads.len(), 0, HEADS_MAX)?;
    match heads.windows(2).position(|pair| pair[0] >= pair[1]) {
        None => Ok(()),
        Some(at) => Err(BodyError::Value { field: "order of heads", seen: i64::try_from(at).unwrap_or(i64::MAX) }),
    }
}

impl BodyOf for Profile {
    const KIND: Kind = Kind::PROFILE;
    fn check(&self) -> Result<(), BodyError> {
        optional_chars("display name", self.display_name.as_deref(), 0, DISPLAY_NAME_CHARS_MAX)?;
        optional_chars("description", self.description.as_deref(), 0, DESCRIPTION_CHARS_MAX)?;
        length("metadata in bytes", self.metadata.as_deref().map_or(0, str::len), 0, METADATA_BYTES_MAX)?;
        length("avatar", self.avatar.as_deref().map_or(0, <[_]>::len), 0, 1)
    }
}

impl BodyOf for Card {
    const KIND: Kind = Kind::CARD;
    fn check(&self) -> Result<(), BodyError> {
        length("skills", self.skills.len(), 0, CARD_SKILLS_MAX)?;
        for skill in &self.skills {
            chars("skill name", &skill.name, 1, DISPLAY_NAME_CHARS_MAX)?;
            for text in [&skill.description, &skill.input, &skill.output] {
                chars("skill text", text, 0, CARD_TEXT_CHARS_MAX)?;
            }
        }
        chars("price", &self.price, 0, CARD_TEXT_CHARS_MAX)?;
        length("endpoint in bytes", self.endpoint.as_deref().map_or(0, str::len), 0, URL_BYTES_MAX)
    }
}

impl BodyOf for MailKey {
    const KIND: Kind = Kind::MAIL_KEY;
    fn check(&self) -> Result<(), BodyError> {
        Ok(())
    }
}

impl BodyOf for Subscribe {
    const KIND: Kind = Kind::SUBSCRIBE;
    fn check(&self) -> Result<(), BodyError> {
        match self.community.community_name() {
            Some(_) => Ok(()),
            None => Err(BodyError::Value { field: "community", seen: 0 }),
        }
    }
}

impl BodyOf for Follow {
    const KIND: Kind = Kind::FOLLOW;
    fn check(&self) -> Result<(), BodyError> {
        Ok(())
    }
}

impl BodyOf for Checkpoint {
    const KIND: Kind = Kind::CHECKPOINT;
    fn check(&self) -> Result<(), BodyError> {
        sorted_heads(&self.heads)
    }
}

impl BodyOf for Keep {
    const KIND: Kind = Kind::KEEP;
    fn check(&self) -> Result<(), BodyError> {
        sorted_heads(&self.heads)
    }
}
