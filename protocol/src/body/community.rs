//! The charter and settings of an owned community.

use super::{BodyError, BodyOf, chars, optional_chars};
use crate::kind::Kind;
use crate::limits::{DESCRIPTION_CHARS_MAX, DISPLAY_NAME_CHARS_MAX};
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

/// Settings of an owned community. Each field is a register of its own: `None` leaves what stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Settings {
    /// 1 to 64 characters.
    pub display_name: Option<String>,
    /// At most 2,000 characters.
    pub description: Option<String>,
    /// A colour, `#rrggbb`.
    pub banner_color: Option<String>,
    /// A colour, `#rrggbb`.
    pub theme_color: Option<String>,
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
        color("theme color", self.theme_color.as_deref())
    }
}
