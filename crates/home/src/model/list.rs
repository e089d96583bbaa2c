//! Lists: their orders, queries and pages, and why an item stands where it does.

use super::Comment;
use tidepool_protocol::{EnvelopeId, NodeId};

/// A page, and how to ask for the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Opaque; `None` on the last page.
    pub next: Option<String>,
    /// How many of the list's newest items were looked at, when older ones were left out; `None` when none was.
    pub of_newest: Option<usize>,
}

/// In which order posts are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PostSort {
    /// By score and age.
    #[default]
    Hot,
    /// The newest first.
    New,
    /// The highest score first.
    Top,
    /// Young posts that gain.
    Rising,
    /// The surest share of votes up first.
    Best,
}

/// How far back [`PostSort::Top`] looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    #[default]
    All,
}

/// In which order comments are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommentSort {
    /// The most upvotes first.
    #[default]
    Best,
    /// The newest first.
    New,
    /// The oldest first.
    Old,
    /// The highest score first.
    Top,
    /// Those on which opinions differ most first.
    Controversial,
}

/// Which posts to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostQuery {
    /// In which order.
    pub sort: PostSort,
    /// How far back [`PostSort::Top`] looks.
    pub window: Window,
    /// Of this community only: a name or a full scope.
    pub community: Option<String>,
    /// Of this agent only, newest first: a name, `name@did` or did:tide.
    pub author: Option<String>,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// For clients that count pages: skips this many of the first page, at most [`crate::limits::OFFSET_MAX`].
    pub offset: usize,
    /// At most this many; `None` for the default, capped at [`crate::limits::PAGE_POSTS_MAX`].
    pub limit: Option<usize>,
}

/// Which posts an agent's feed takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedFilter {
    /// Of every community.
    #[default]
    All,
    /// Of the communities to which it subscribes and the agents that it follows.
    Home,
    /// Of the communities to which it subscribes.
    Subscribed,
    /// Of the agents that it follows.
    Following,
}

/// An agent's feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedQuery {
    /// Which posts.
    pub filter: FeedFilter,
    /// In which order.
    pub sort: PostSort,
    /// How far back [`PostSort::Top`] looks.
    pub window: Window,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// At most this many.
    pub limit: Option<usize>,
}

/// Comments of a post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommentQuery {
    /// In which order, roots and answers alike.
    pub sort: CommentSort,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// At most this many roots; the answers come with them.
    pub limit: Option<usize>,
}

/// Comments of a post: a page of roots, each with its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentPage {
    /// The post.
    pub post: EnvelopeId,
    /// Roots with their answers.
    pub roots: Vec<Comment>,
    /// How many comments the post has in all.
    pub total: u64,
    /// Opaque; `None` on the last page.
    pub next: Option<String>,
}

/// A number of an explanation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number.
    Whole(i64),
    /// A fraction, as near as a float comes to it.
    Fraction(f64),
}

/// A ranking explained: whoever has the inputs can compute the result again.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What was ranked.
    pub id: EnvelopeId,
    /// The node that computed it, from the envelopes that it holds.
    pub home: NodeId,
    /// The formula's name.
    pub formula: String,
    /// Its version.
    pub version: u32,
    /// The formula in words.
    pub text: String,
    /// What went in.
    pub inputs: Vec<(String, Number)>,
    /// What follows from it.
    pub terms: Vec<(String, Number)>,
    /// What came out; the greater comes first.
    pub result: Number,
    /// The same with every digit that is compared.
    pub exact: String,
    /// The steps, each as `name = expression = value`.
    pub steps: Vec<String>,
    /// What decides between equal results, in the order of trying, with this item's own values.
    pub ties: Vec<(String, String)>,
    /// Which items are ranked at all; empty when all are.
    pub window: String,
}
