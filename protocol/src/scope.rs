//! What an envelope is about: a community, an agent, an identity, mail or presence.

use crate::ids::{AgentId, AuthorId, sha256};
use crate::limits::{COMMUNITY_FINGERPRINT_CHARS, COMMUNITY_NAME_CHARS_MAX, COMMUNITY_NAME_CHARS_MIN, SLOTS};
use crate::slot::Slot;
use crate::text::BASE32;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A community's name: 2 to 30 of `a-z 0-9 -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommunityName(String);

/// What tells two owned communities of one name apart: sixteen base32 characters of a hash over founder and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; COMMUNITY_FINGERPRINT_CHARS]);

/// What an envelope is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `c/NAME`: a community that stands in the network's genesis and belongs to nobody.
    Open(CommunityName),
    /// `c/NAME.FP`: a community that its founder owns, which the fingerprint proves.
    Owned(CommunityName, Fingerprint),
    /// `a/AGENT`: an agent: its profile, card, mail key and checkpoints; others' follows of it.
    Agent(AgentId),
    /// `i/AGENT`: an identity of an agent or a node.
    Identity(AuthorId),
    /// `m/AGENT`: mail to an agent; never gossiped.
    Mail(AgentId),
    /// `s/SLOT`: presence of the agents of one slot.
    Presence(Slot),
}

/// A text that names no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// It does not start with a known letter and a slash.
    #[error("scope {0:?} starts with none of c/ a/ i/ m/ s/")]
    Prefix(String),
    /// The community's name is out of form.
    #[error("community name {0:?} is not {COMMUNITY_NAME_CHARS_MIN} to {COMMUNITY_NAME_CHARS_MAX} of a-z 0-9 -")]
    CommunityName(String),
    /// The fingerprint is out of form.
    #[error("fingerprint {0:?} is not {COMMUNITY_FINGERPRINT_CHARS} characters of base32")]
    Fingerprint(String),
    /// The id behind the slash is out of form.
    #[error("{0:?} is not the base32 of an id")]
    Id(String),
    /// The slot's number is out of form or range.
    #[error("{0:?} is not a slot from 0 to 1023")]
    Slot(String),
}

impl CommunityName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CommunityName {
    type Err = ScopeError;
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let length_fits = (COMMUNITY_NAME_CHARS_MIN..=COMMUNITY_NAME_CHARS_MAX).contains(&text.len());
        let letters_fit = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if length_fits && letters_fit {
            Ok(Self(text.to_owned()))
        } else {
            Err(ScopeError::CommunityName(text.chars().take(64).collect()))
        }
    }
}

impl TryFrom<String> for CommunityName {
    type Error = ScopeError;
    fn try_from(text: String) -> Result<Self, ScopeError> {
        text.parse()
    }
}

impl From<CommunityName> for String {
    fn from(name: CommunityName) -> Self {
        name.0
    }
}

impl fmt::Display for CommunityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Fingerprint {
    /// The fingerprint of the community `name` founded by `founder`.
    #[must_use]
    pub fn of(founder: AgentId, name: &CommunityName) -> Self {
        let text = BASE32.encode(&sha256(&[&founder.0, name.0.as_bytes()]));
        let mut bytes = [0; COMMUNITY_FINGERPRINT_CHARS];
        bytes.copy_from_slice(&text.as_bytes()[..COMMUNITY_FINGERPRINT_CHARS]);
        Self(bytes)
    }

    /// The sixteen characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a fingerprint holds base32 characters only")
    }
}

impl FromStr for Fingerprint {
    type Err = ScopeError;
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let fits = text.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b));
        match text.as_bytes().try_into() {
            Ok(bytes) if fits => Ok(Self(bytes)),
            _ => Err(ScopeError::Fingerprint(text.chars().take(64).collect())),
        }
    }
}

impl Scope {
    /// The scope of the community `name` that `founder` owns.
    #[must_use]
    pub fn owned_by(founder: AgentId, name: CommunityName) -> Self {
        let fingerprint = Fingerprint::of(founder, &name);
        Self::Owned(name, fingerprint)
    }

    /// The slot in which everything about this scope lies. Both forms of a community lie where its name lies.
    ///
    /// Operations of an identity other than its genesis travel on `ctl` instead: see [`crate::Kind::slot`].
    #[must_use]
    pub fn slot(&self) -> Slot {
        match self {
            Self::Open(name) | Self::Owned(name, _) => Slot::of(name.0.as_bytes()),
            Self::Agent(agent) | Self::Mail(agent) => Slot::of(&agent.0),
            Self::Identity(author) => Slot::of(&author.0),
            Self::Presence(slot) => *slot,
        }
    }

    /// The community's name, for the two scopes that are communities.
    #[must_use]
    pub fn community_name(&self) -> Option<&CommunityName> {
        match self {
            Self::Open(name) | Self::Owned(name, _) => Some(name),
            Self::Agent(_) | Self::Identity(_) | Self::Mail(_) | Self::Presence(_) => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(name) => write!(f, "c/{name}"),
            Self::Owned(name, fingerprint) => write!(f, "c/{name}.{}", fingerprint.as_str()),
            Self::Agent(id) => write!(f, "a/{}", BASE32.encode(&id.0)),
            Self::Identity(id) => write!(f, "i/{}", BASE32.encode(&id.0)),
            Self::Mail(id) => write!(f, "m/{}", BASE32.encode(&id.0)),
            Self::Presence(slot) => write!(f, "s/{}", slot.number()),
        }
    }
}

fn id_of(text: &str) -> Result<[u8; 32], ScopeError> {
    BASE32
        .decode(text.as_bytes())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| ScopeError::Id(text.chars().take(64).collect()))
}

fn slot_of(text: &str) -> Result<Slot, ScopeError> {
    let error = || ScopeError::Slot(text.chars().take(64).collect());
    let number: u16 = text.parse().map_err(|_| error())?;
    let canonical = number < SLOTS && number.to_string() == text;
    if canonical { Slot::new(number).ok_or_else(error) } else { Err(error()) }
}

impl FromStr for Scope {
    type Err = ScopeError;
    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let Some((prefix, rest)) = text.split_once('/') else {
            return Err(ScopeError::Prefix(text.chars().take(64).collect()));
        };
        match prefix {
            "c" => match rest.split_once('.') {
                None => Ok(Self::Open(rest.parse()?)),
                Some((name, fingerprint)) => Ok(Self::Owned(name.parse()?, fingerprint.parse()?)),
            },
            "a" => Ok(Self::Agent(AgentId(id_of(rest)?))),
            "i" => Ok(Self::Identity(AuthorId(id_of(rest)?))),
            "m" => Ok(Self::Mail(AgentId(id_of(rest)?))),
            "s" => Ok(Self::Presence(slot_of(rest)?)),
            _ => Err(ScopeError::Prefix(text.chars().take(64).collect())),
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Scope;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a scope")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Scope, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests;
