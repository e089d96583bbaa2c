//! The charter and settings of an owned community.

use super::{BodyError, BodyOf, chars, length, optional_chars};
use crate::cbor;
use crate::ids::{BlobHash, EnvelopeId};
use crate::kind::Kind;
use crate::limits::{DESCRIPTION_CHARS_MAX, DISPLAY_NAME_CHARS_MAX, RULE_CHARS_MAX, RULES_MAX};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// Founds an owned community, in its scope, by the agent whose fingerprint the scope carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Charter {
    /// 1 to 64 characters.
    pub display_name: String,
    /// At most 2,000 characters.
    pub description: String,
    /// Whether posts about crypto-currencies are welcome.
    pub allow_crypto: bool,
}

/// Settings of an owned community, by its founder or a moderator who may. Each field is a register of its own: `None`
/// leaves what stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Settings {
    /// The grant by which its author acts; `None` for the founder.
    pub grant: Option<EnvelopeId>,
    /// 1 to 64 characters.
    pub display_name: Option<String>,
    /// At most 2,000 characters.
    pub description: Option<String>,
    /// A colour, `#rrggbb`.
    pub banner_color: Option<String>,
    /// A colour, `#rrggbb`.
    pub theme_color: Option<String>,
    /// A picture; an empty list takes it away, one hash sets it.
    #[serde(deserialize_with = "cbor::optional_list::<_, _, 1>")]
    pub avatar: Option<Vec<BlobHash>>,
    /// A wide picture, likewise.
    #[serde(deserialize_with = "cbor::optional_list::<_, _, 1>")]
    pub banner: Option<Vec<BlobHash>>,
    /// What is asked of those who write there: at most 20 rules of 1 to 500 characters, all of them anew.
    #[serde(deserialize_with = "cbor::optional_list::<_, _, RULES_MAX>")]
    pub rules: Option<Vec<String>>,
}

fn color(field: &'static str, text: Option<&str>) -> Result<(), BodyError> {
    let Some(text) = text else { return Ok(()) };
    let fits = text.len() == 7 && text.starts_with('#') && text[1..].bytes().all(|b| b.is_ascii_hexdigit());
    if fits { Ok(()) } else { Err(BodyError::Length { field, seen: text.chars().count(), least: 7, most: 7 }) }
}

impl BodyOf for Charter {
    const KIND: Kind = Kind::CHARTER;
    fn check(&self) -> Result<(), BodyError> {
        chars("display name", &self.display_name, 1, DISPLAY_NAME_CHARS_MAX)?;
        chars("description", &self.description, 0, DESCRIPTION_CHARS_MAX)
    }
}

impl BodyOf for Settings {
    const KIND: Kind = Kind::SETTINGS;
    fn check(&self) -> Result<(), BodyError> {
        optional_chars("display name", self.display_name.as_deref(), 1, DISPLAY_NAME_CHARS_MAX)?;
        optional_chars("description", self.description.as_deref(), 0, DESCRIPTION_CHARS_MAX)?;
        color("banner color", self.banner_color.as_deref())?;
        color("theme color", self.theme_color.as_deref())?;
        length("avatar", self.avatar.as_deref().map_or(0, <[_]>::len), 0, 1)?;
        length("banner", self.banner.as_deref().map_or(0, <[_]>::len), 0, 1)?;
        let rules = self.rules.as_deref().unwrap_or_default();
        length("rules", rules.len(), 0, RULES_MAX)?;
        rules.iter().try_for_each(|rule| chars("rule", rule, 1, RULE_CHARS_MAX))
    }
}
