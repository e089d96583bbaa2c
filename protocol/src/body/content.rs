//! Posts, comments, edits, tombstones and votes.

use super::{BodyError, BodyOf, chars, length, optional_chars};
use crate::ids::{EnvelopeId, Salt};
use crate::kind::Kind;
use crate::limits::{
    COMMENT_CHARS_MAX, COMMENT_DEPTH_MAX, POST_BYTES_MAX, POST_CHARS_MAX, TITLE_CHARS_MAX, URL_BYTES_MAX,
};
use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// What a post shows first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum PostType {
    /// Its text.
    Text,
    /// The page that it links to.
    Link,
    /// The picture that it links to.
    Image,
}

impl From<PostType> for u8 {
    fn from(value: PostType) -> Self {
        match value {
            PostType::Text => 0,
            PostType::Link => 1,
            PostType::Image => 2,
        }
    }
}

impl TryFrom<u8> for PostType {
    type Error = String;
    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            0 => Ok(Self::Text),
            1 => Ok(Self::Link),
            2 => Ok(Self::Image),
            other => Err(format!("post type {other}, 0 to 2 are known")),
        }
    }
}

/// A post, in the scope of its community.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Post {
    /// Random: a short text cannot be guessed from its hash.
    pub salt: Salt,
    /// What it shows first.
    pub post_type: PostType,
    /// 1 to 300 characters.
    pub title: String,
    /// At most 40,000 characters and 46 KiB.
    pub content: String,
    /// What it links to.
    pub url: Option<String>,
}

/// A comment, in the scope of its post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Comment {
    /// Random: a short text cannot be guessed from its hash.
    pub salt: Salt,
    /// The post.
    pub root: EnvelopeId,
    /// The post or comment that it answers.
    pub parent: EnvelopeId,
    /// 0 for an answer to the post itself, else one more than its parent's.
    pub depth: u32,
    /// 1 to 10,000 characters.
    pub content: String,
}

/// A new text of a post or comment of the same author: a register of that target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Edit {
    /// Random: a short text cannot be guessed from its hash.
    pub salt: Salt,
    /// The post or comment.
    pub target: EnvelopeId,
    /// The new title of a post; `None` leaves it.
    pub title: Option<String>,
    /// The new text; `None` leaves it.
    pub content: Option<String>,
}

/// Takes a post or comment of the same author away, and every edit of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Tombstone {
    /// The post or comment.
    pub target: EnvelopeId,
}

/// A vote: a register of (voter, target).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Vote {
    /// The post or comment.
    pub target: EnvelopeId,
    /// 1 up, -1 down, 0 none.
    pub value: i8,
}

impl BodyOf for Post {
    const KIND: Kind = Kind::POST;
    fn check(&self) -> Result<(), BodyError> {
        chars("title", &self.title, 1, TITLE_CHARS_MAX)?;
        chars("content", &self.content, 0, POST_CHARS_MAX)?;
        length("content in bytes", self.content.len(), 0, POST_BYTES_MAX)?;
        length("url in bytes", self.url.as_deref().map_or(0, str::len), 0, URL_BYTES_MAX)
    }
}

impl BodyOf for Comment {
    const KIND: Kind = Kind::COMMENT;
    fn check(&self) -> Result<(), BodyError> {
        chars("content", &self.content, 1, COMMENT_CHARS_MAX)?;
        if self.depth > COMMENT_DEPTH_MAX {
            return Err(BodyError::Value { field: "depth", seen: i64::from(self.depth) });
        }
        Ok(())
    }
}

impl BodyOf for Edit {
    const KIND: Kind = Kind::EDIT;
    fn check(&self) -> Result<(), BodyError> {
        optional_chars("title", self.title.as_deref(), 1, TITLE_CHARS_MAX)?;
        optional_chars("content", self.content.as_deref(), 0, POST_CHARS_MAX)?;
        length("content in bytes", self.content.as_deref().map_or(0, str::len), 0, POST_BYTES_MAX)
    }
}

impl BodyOf for Tombstone {
    const KIND: Kind = Kind::TOMBSTONE;
    fn check(&self) -> Result<(), BodyError> {
        Ok(())
    }
}

impl BodyOf for Vote {
    const KIND: Kind = Kind::VOTE;
    fn check(&self) -> Result<(), BodyError> {
        match self.value {
            -1..=1 => Ok(()),
            other => Err(BodyError::Value { field: "value", seen: i64::from(other) }),
        }
    }
}
