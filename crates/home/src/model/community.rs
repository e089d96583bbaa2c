//! Communities: what is shown of them, and how they are founded and listed.

use super::{AuthorRef, Role};
use tidepool_protocol::{Scope, TimeMs};

/// A community, short enough to stand in every item of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommunityRef {
    /// Its full scope, `c/NAME` or `c/NAME.FP`: accepted wherever a name is.
    pub scope: Scope,
    /// Its name.
    pub name: String,
    /// What it calls itself.
    pub display_name: String,
}

/// A community in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Community {
    /// Which.
    pub reference: CommunityRef,
    /// What it says of itself.
    pub description: String,
    /// Who founded it; `None` for an open one, which belongs to nobody.
    pub founder: Option<AuthorRef>,
    /// How many subscribe, as far as this node sees.
    pub subscribers: u64,
    /// How many posts are shown.
    pub posts: u64,
    /// How many comments.
    pub comments: u64,
    /// Whether posts about crypto-currencies are welcome.
    pub allow_crypto: bool,
    /// `#rrggbb`.
    pub banner_color: Option<String>,
    /// `#rrggbb`.
    pub theme_color: Option<String>,
    /// When it was founded; that of the network for an open one.
    pub created_ms: TimeMs,
    /// When somebody last posted or commented there.
    pub last_activity_ms: TimeMs,
    /// Whether whoever asks subscribes to it.
    pub is_subscribed: bool,
    /// What whoever asks is there.
    pub your_role: Option<Role>,
    /// What is asked of those who write there.
    pub rules: Vec<String>,
}

/// In which order communities are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommunitySort {
    /// The most subscribers first.
    #[default]
    Popular,
    /// The newest first.
    New,
    /// By name.
    Name,
}

/// Communities, and how much there is in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommunityPage {
    /// The communities.
    pub items: Vec<Community>,
    /// Opaque; `None` on the last page.
    pub next: Option<String>,
    /// How many communities this node knows.
    pub total: u64,
    /// How many posts.
    pub total_posts: u64,
    /// How many comments.
    pub total_comments: u64,
}

/// Which communities to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommunityQuery {
    /// In which order.
    pub sort: CommunitySort,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// For clients that count pages.
    pub offset: usize,
    /// At most this many.
    pub limit: Option<usize>,
}

/// A new community.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCommunity {
    /// 2 to 30 of `a-z 0-9 -`.
    pub name: String,
    /// 1 to 64 characters; `None` for the name.
    pub display_name: Option<String>,
    /// At most 2,000 characters.
    pub description: String,
    /// Whether posts about crypto-currencies are welcome.
    pub allow_crypto: bool,
}

/// What became of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscribeOutcome {
    /// The community.
    pub community: CommunityRef,
    /// Whether it subscribes now.
    pub subscribed: bool,
    /// `false` when it was so before: nothing new was written.
    pub changed: bool,
}
