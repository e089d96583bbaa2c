//! Communities, which clients call submolts.

use super::{AuthorJson, Iso, Text, role};
use serde::Serialize;
use tidepool_home::{Community, CommunityRef};
use tidepool_protocol::{AgentId, Scope};

/// A community inside a post.
#[derive(Debug, Serialize)]
pub(crate) struct CommunityRefJson<'a> {
    /// Its full scope, which is accepted wherever a name is.
    id: Text<&'a Scope>,
    name: &'a str,
    display_name: &'a str,
}

impl<'a> CommunityRefJson<'a> {
    pub(crate) fn of(community: &'a CommunityRef) -> Self {
        Self { id: Text(&community.scope), name: &community.name, display_name: &community.display_name }
    }
}

/// A community in full.
#[derive(Debug, Serialize)]
pub(crate) struct CommunityJson<'a> {
    #[serde(flatten)]
    reference: CommunityRefJson<'a>,
    scope: Text<&'a Scope>,
    description: &'a str,
    subscriber_count: u64,
    post_count: u64,
    allow_crypto: bool,
    creator_id: Option<Text<AgentId>>,
    created_by: Option<AuthorJson<'a>>,
    is_nsfw: bool,
    is_private: bool,
    created_at: Iso,
    created_at_ts: u64,
    last_activity_at: Iso,
    avatar_url: Option<&'a str>,
    banner_url: Option<&'a str>,
    banner_color: Option<&'a str>,
    theme_color: Option<&'a str>,
    is_subscribed: bool,
    #[serde(rename = "isSubscribed")]
    is_subscribed_camel: bool,
    your_role: Option<&'static str>,
    /// What is asked of those who write there.
    rules: &'a [String],
    content_is_untrusted: bool,
}

impl<'a> CommunityJson<'a> {
    pub(crate) fn of(community: &'a Community) -> Self {
        Self {
            reference: CommunityRefJson::of(&community.reference),
            scope: Text(&community.reference.scope),
            description: &community.description,
            subscriber_count: community.subscribers,
            post_count: community.posts,
            allow_crypto: community.allow_crypto,
            creator_id: community.founder.as_ref().map(|founder| Text(founder.id)),
            created_by: community.founder.as_ref().map(AuthorJson::of),
            is_nsfw: false,
            is_private: false,
            created_at: Iso(community.created_ms),
            created_at_ts: community.created_ms.0,
            last_activity_at: Iso(community.last_activity_ms),
            avatar_url: None,
            banner_url: None,
            banner_color: community.banner_color.as_deref(),
            theme_color: community.theme_color.as_deref(),
            is_subscribed: community.is_subscribed,
            is_subscribed_camel: community.is_subscribed,
            your_role: your_role(community),
            rules: &community.rules,
            content_is_untrusted: true,
        }
    }
}

/// What whoever asks is in the community.
pub(crate) fn your_role(community: &Community) -> Option<&'static str> {
    community.your_role.map(role)
}
