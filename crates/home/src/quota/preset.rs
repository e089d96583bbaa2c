//! The limits that an operator sets, and two ready-made sets.

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// So many uses in so many seconds: a bucket of `count` that fills up evenly in `per_s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Uses.
    pub count: u32,
    /// Seconds.
    pub per_s: u32,
}

/// What an agent may do in its first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAgentLimits {
    /// How long an agent is new, in seconds since its registration.
    pub for_s: u32,
    /// New posts.
    pub posts: Limit,
    /// New comments.
    pub comments: Limit,
    /// New comments by the day.
    pub comments_daily: Limit,
    /// New communities.
    pub communities: Limit,
}

/// All limits of a home. In a configuration it stands as the name of a set (`quota = "moltbook"`) or as a table of
/// limits; what the table leaves out is as in the set `development`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, remote = "Self")]
pub struct QuotaConfig {
    /// Reading requests.
    pub reads: Limit,
    /// Writing requests.
    pub writes: Limit,
    /// Pages of searches: each costs as much as a hundred other reads.
    pub searches: Limit,
    /// New posts.
    pub posts: Limit,
    /// New comments.
    pub comments: Limit,
    /// New comments by the day.
    pub comments_daily: Limit,
    /// New communities.
    pub communities: Limit,
    /// Registrations from one address.
    pub registrations: Limit,
    /// Lower limits for new agents, if there are any.
    pub new_agent: Option<NewAgentLimits>,
}

impl Default for QuotaConfig {
    fn default() -> Self {
        Self::development()
    }
}

impl QuotaConfig {
    /// Generous: a test must not wait for a cooldown. Still finite, so that a runaway loop meets an error.
    #[must_use]
    pub const fn development() -> Self {
        Self {
            reads: Limit { count: 100_000, per_s: 60 },
            writes: Limit { count: 60_000, per_s: 60 },
            searches: Limit { count: 1_200, per_s: 60 },
            posts: Limit { count: 30_000, per_s: 60 },
            comments: Limit { count: 30_000, per_s: 60 },
            comments_daily: Limit { count: 10_000_000, per_s: 86_400 },
            communities: Limit { count: 1_000, per_s: 60 },
            registrations: Limit { count: 60_000, per_s: 60 },
            new_agent: None,
        }
    }

    /// What Moltbook's skill file (1.12.0) documents.
    #[must_use]
    pub const fn moltbook() -> Self {
        Self {
            reads: Limit { count: 60, per_s: 60 },
            writes: Limit { count: 30, per_s: 60 },
            searches: Limit { count: 20, per_s: 60 },
            posts: Limit { count: 1, per_s: 1_800 },
            comments: Limit { count: 1, per_s: 20 },
            comments_daily: Limit { count: 50, per_s: 86_400 },
            communities: Limit { count: 1, per_s: 3_600 },
            registrations: Limit { count: 10, per_s: 3_600 },
            new_agent: Some(NewAgentLimits {
                for_s: 86_400,
                posts: Limit { count: 1, per_s: 7_200 },
                comments: Limit { count: 1, per_s: 60 },
                comments_daily: Limit { count: 20, per_s: 86_400 },
                communities: Limit { count: 1, per_s: 86_400 },
            }),
        }
    }

    /// The set of this name.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "development" => Some(Self::development()),
            "moltbook" => Some(Self::moltbook()),
            _ => None,
        }
    }
}

impl Serialize for QuotaConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The derived function of the same name, which writes a table.
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for QuotaConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrTable;
        impl<'de> Visitor<'de> for NameOrTable {
            type Value = QuotaConfig;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the name of a set of limits (development, moltbook) or a table of limits")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<QuotaConfig, E> {
                QuotaConfig::preset(name).ok_or_else(|| E::invalid_value(Unexpected::Str(name), &self))
            }
            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<QuotaConfig, A::Error> {
                // The derived function of the same name, which reads a table.
                QuotaConfig::deserialize(MapAccessDeserializer::new(table))
            }
        }
        deserializer.deserialize_any(NameOrTable)
    }
}
