//! What readers ask of the views: posts, comments, agents, communities, follows, votes, search, counts.
//!
//! Each function takes a read port and gives an answer in public ids, the same on every node that holds the same
//! envelopes. Every page is a bounded read: it names its maximum, and goes on behind an opaque [`After`]. Nothing here
//! writes, and nothing here knows HTTP.
//!
//! Whatever was said by somebody comes as a [`Signed`]: who said it, with which key, where it came from. It is content,
//! never instruction.

pub mod agents;
pub mod comments;
pub mod communities;
mod fields;
pub mod follows;
mod load;
mod merge;
pub mod moderation;
pub mod posts;
mod said;
pub mod search;
pub mod stats;
pub mod votes;

pub use agents::Agent;
pub use comments::{Comment, CommentPage, Thread};
pub use communities::Community;
pub use posts::Post;
pub use said::{AuthorBrief, Signed, deleted, taken_away, written_by};

use crate::chunks::{Chunks, Direction};
use crate::port::{ReadError, ReadPort};
use tidepool_protocol::text::BASE32;
use tidepool_protocol::{AuthorId, EnvelopeId, Scope, TimeMs};

/// The most items of one page; a greater limit is cut down to it.
pub const PAGE_MAX: usize = 100;

/// The most sources that one agent's feed is merged from, the latest subscriptions and follows first.
pub const SOURCES_MAX: usize = 256;

/// The newest posts of a feed over which rising is computed: what is older has fallen behind all of them but for a few.
pub const RECENT_MAX: usize = 1_000;

/// The newest posts of a feed that are looked at for the top of a window of which no lists are kept. A post costs a few
/// bytes of a chunk here, and those outside the window are not looked at.
pub const WINDOW_POSTS_MAX: usize = 20_000;

/// The longest text form of an [`After`] that is read.
const AFTER_CHARS_MAX: usize = 256;

/// Where the next page goes on: the order key of the last entry of this one, opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct After(pub(crate) Vec<u8>);

/// A cursor that no page gave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one that an earlier page gave; leave it away to start from the first page")]
pub struct AfterError;

impl std::fmt::Display for After {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&BASE32.encode(&self.0))
    }
}

impl std::str::FromStr for After {
    type Err = AfterError;
    fn from_str(text: &str) -> Result<Self, AfterError> {
        if text.is_empty() || text.len() > AFTER_CHARS_MAX {
            return Err(AfterError);
        }
        BASE32.decode(text.as_bytes()).map(Self).map_err(|_| AfterError)
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page goes on; `None` when this was the last.
    pub next: Option<After>,
    /// How many of the list's newest entries were looked at, when older ones were left out; `None` when none was.
    pub of_newest: Option<usize>,
}

impl<T> Page<T> {
    /// Nothing.
    #[must_use]
    pub const fn empty() -> Self {
        Self { items: Vec::new(), next: None, of_newest: None }
    }
}

/// A page of one list, each entry made an item by `read`; what gives none is left away.
pub(crate) fn list_page<T>(
    port: &dyn ReadPort,
    list: &Chunks,
    direction: Direction,
    paging: Paging<'_>,
    mut read: impl FnMut(&[u8], &[u8]) -> Result<Option<T>, ReadError>,
) -> Result<Page<T>, QueryError> {
    let limit = paging.count();
    if limit == 0 {
        return Ok(Page::empty());
    }
    let after = paging.after.map(|After(key)| key.as_slice());
    let mut entries = list.page(port, after, direction, limit + 1)?;
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|(key, _)| After(key.to_vec()));
    let mut items = Vec::with_capacity(entries.len());
    for (key, value) in &entries {
        items.extend(read(key, value)?);
    }
    Ok(Page { items, next, of_newest: None })
}

/// Why a query has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The cursor belongs to no such page.
    #[error(transparent)]
    After(#[from] AfterError),
    /// The store failed.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Whose posts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feed {
    /// Everybody's.
    Everything,
    /// Those in a community.
    Community(Scope),
    /// An author's.
    Author(AuthorId),
    /// Those in the communities that an agent is subscribed to and of the agents that it follows.
    Home(AuthorId),
    /// Those of the agents that it follows.
    Following(AuthorId),
    /// Those in the communities that an agent is subscribed to.
    Subscribed(AuthorId),
    /// An author's in one community.
    AuthorIn(AuthorId, Scope),
}

/// In which order posts come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sort {
    /// By votes and age together: [`crate::rank::hot`].
    Hot,
    /// The latest first.
    New,
    /// By score, then the latest first, of posts within a window.
    Top(Window),
    /// By score over age, of the newest [`RECENT_MAX`] posts: [`crate::rank::rising`].
    Rising,
    /// By the share of votes for it, held against their number: [`crate::rank::best`].
    Best,
}

/// How far back [`Sort::Top`] looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// An hour.
    Hour,
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
    /// 365 days.
    Year,
    /// For ever.
    All,
}

impl Window {
    /// Its length; `None` without an end.
    #[must_use]
    pub const fn length_ms(self) -> Option<u64> {
        const HOUR: u64 = 60 * 60 * 1000;
        match self {
            Self::Hour => Some(HOUR),
            Self::Day => Some(24 * HOUR),
            Self::Week => Some(7 * 24 * HOUR),
            Self::Month => Some(30 * 24 * HOUR),
            Self::Year => Some(365 * 24 * HOUR),
            Self::All => None,
        }
    }
}

/// In which order comments come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommentSort {
    /// By the share of votes for it, held against their number, then the latest first.
    Best,
    /// The latest first.
    New,
    /// The earliest first.
    Old,
    /// By score, then the earliest first.
    Top,
    /// By how evenly votes are split, then the latest first: [`crate::rank::controversial`].
    Controversial,
}

/// Whose comments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CommentFeed {
    /// Everybody's.
    Everything,
    /// Those in a community.
    Community(Scope),
    /// An author's.
    Author(AuthorId),
}

/// One page of what: how many items, from where on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Paging<'a> {
    /// The most items, up to [`PAGE_MAX`].
    pub limit: usize,
    /// Behind what; `None` for the first page.
    pub after: Option<&'a After>,
}

impl<'a> Paging<'a> {
    /// The first `limit` items.
    #[must_use]
    pub const fn first(limit: usize) -> Self {
        Self { limit, after: None }
    }

    /// Up to `limit` items behind `after`.
    #[must_use]
    pub const fn new(limit: usize, after: Option<&'a After>) -> Self {
        Self { limit, after }
    }

    pub(crate) const fn count(&self) -> usize {
        if self.limit < PAGE_MAX { self.limit } else { PAGE_MAX }
    }
}

/// What became of a post or comment's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// As it was first said.
    Original,
    /// As its author's latest edit says, which is signed too.
    Edited {
        /// The edit.
        by: EnvelopeId,
        /// Its time.
        at: TimeMs,
    },
    /// Its author took it away; the text is gone.
    Removed,
    /// A moderator of its community took it away; [`moderation::entry`] says by which rule.
    Moderated {
        /// The action.
        by: EnvelopeId,
    },
}

impl State {
    /// Whether the text is gone.
    #[must_use]
    pub const fn is_gone(self) -> bool {
        matches!(self, Self::Removed | Self::Moderated { .. })
    }
}
