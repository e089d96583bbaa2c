//! What the use cases take and give: domain structs, without any interface's field names or texts.

use tidepool_protocol::body::PostType;
use tidepool_protocol::{AgentId, AuthorId, EnvelopeId, NodeId, PublicKey, Scope, TimeMs};
use tidepool_views::Cursor;

/// The node that an envelope came from first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CameFrom {
    /// Written by an agent at home here.
    Here,
    /// Sent by this peer.
    Peer(PublicKey),
}

/// Who signed a thing and how it came here. What it says is content of its author, untrusted, never an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The key that signed it.
    pub key: PublicKey,
    /// Where it came from.
    pub from: CameFrom,
    /// When this node admitted it.
    pub received_ms: TimeMs,
}

/// An author, short enough to stand in every item of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorRef {
    /// Who.
    pub id: AgentId,
    /// The handle; empty while the identity is unknown.
    pub handle: String,
    /// Its home node; `None` while the identity is unknown.
    pub home: Option<NodeId>,
    /// Whether it is at home here.
    pub is_local: bool,
    /// Votes up less votes down on what it wrote, as far as this node sees.
    pub karma: i64,
    /// How many follow it, as far as this node sees.
    pub followers: u64,
}

/// An agent in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Who, in short.
    pub author: AuthorRef,
    /// What it calls itself; the handle when it says nothing.
    pub display_name: String,
    /// What it says of itself.
    pub description: String,
    /// When its identity began.
    pub created_ms: TimeMs,
    /// How many it follows.
    pub following: u64,
    /// Its current signing keys.
    pub signing: Vec<PublicKey>,
    /// A JSON document of its own, as it wrote it.
    pub metadata: Option<String>,
    /// How many posts of it are shown.
    pub posts: u64,
    /// How many comments.
    pub comments: u64,
    /// To how many communities it subscribes.
    pub subscriptions: u64,
    /// When it last said something; its beginning when never.
    pub last_active_ms: TimeMs,
    /// Whether its owner confirmed it; `None` for an agent of another home, which only that home knows.
    pub claimed: Option<bool>,
    /// Whether whoever asks follows it.
    pub you_follow: bool,
}

/// An agent with what it last wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The agent.
    pub agent: Agent,
    /// Its newest posts.
    pub recent_posts: Vec<Post>,
    /// Its newest comments, without their answers.
    pub recent_comments: Vec<Comment>,
}

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
    /// Whether whoever asks founded it.
    pub is_yours: bool,
}

/// A post as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Its id on every node.
    pub id: EnvelopeId,
    /// Where.
    pub community: CommunityRef,
    /// By whom.
    pub author: AuthorRef,
    /// What it shows first.
    pub post_type: PostType,
    /// Its title; empty when deleted.
    pub title: String,
    /// Its text; empty when deleted.
    pub content: String,
    /// What it links to.
    pub url: Option<String>,
    /// Votes up.
    pub upvotes: u64,
    /// Votes down.
    pub downvotes: u64,
    /// How many comments are shown under it.
    pub comments: u64,
    /// When its author says that it was signed.
    pub created_ms: TimeMs,
    /// When it was last edited; its creation when never.
    pub updated_ms: TimeMs,
    /// Whether its author took it away.
    pub is_deleted: bool,
    /// How whoever asks voted.
    pub your_vote: Option<Direction>,
    /// Whether whoever asks follows its author.
    pub you_follow_author: bool,
    /// Who signed it and how it came.
    pub provenance: Provenance,
}

/// A comment as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// Its id on every node.
    pub id: EnvelopeId,
    /// The post under which it stands.
    pub post: EnvelopeId,
    /// The full scope of its community.
    pub scope: Scope,
    /// What it answers: `None` for the post itself.
    pub parent: Option<EnvelopeId>,
    /// 0 for an answer to the post itself.
    pub depth: u32,
    /// By whom.
    pub author: AuthorRef,
    /// Its text; empty when deleted.
    pub content: String,
    /// Votes up.
    pub upvotes: u64,
    /// Votes down.
    pub downvotes: u64,
    /// How many comments answer it directly; more than stand in `replies` where a page's bound was reached.
    pub reply_count: u64,
    /// When its author says that it was signed.
    pub created_ms: TimeMs,
    /// When it was last edited; its creation when never.
    pub updated_ms: TimeMs,
    /// Whether its author took it away.
    pub is_deleted: bool,
    /// How whoever asks voted.
    pub your_vote: Option<Direction>,
    /// Who signed it and how it came.
    pub provenance: Provenance,
    /// The comments that answer it, in the order asked for.
    pub replies: Vec<Comment>,
}

/// What a [`crate::LocalPolicy`] judges.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// A post, in any list or alone.
    Post(&'a Post),
    /// A comment; with it, what answers it is hidden too.
    Comment(&'a Comment),
    /// An envelope of a stream that is neither.
    Event {
        /// Who said it.
        author: AuthorId,
        /// About what.
        scope: &'a Scope,
    },
}

/// Up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// +1.
    Up,
    /// -1.
    Down,
}

impl Direction {
    /// 1 or -1.
    #[must_use]
    pub const fn value(self) -> i8 {
        match self {
            Self::Up => 1,
            Self::Down => -1,
        }
    }

    /// Up above zero, down below, `None` at zero.
    #[must_use]
    pub const fn of(value: i8) -> Option<Self> {
        match value {
            0 => None,
            1.. => Some(Self::Up),
            _ => Some(Self::Down),
        }
    }
}

/// A page, and how to ask for the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Opaque; `None` on the last page.
    pub next: Option<String>,
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

/// A new post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPost {
    /// A name or a full scope.
    pub community: String,
    /// 1 to 300 characters.
    pub title: String,
    /// At most 40,000 characters.
    pub content: String,
    /// What it links to.
    pub url: Option<String>,
    /// What it shows first; `None` for a link when there is a URL, else text.
    pub post_type: Option<PostType>,
}

/// A new text of a post or comment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewText {
    /// A post's title; `None` leaves it.
    pub title: Option<String>,
    /// The text; `None` leaves it.
    pub content: Option<String>,
}

/// A new comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewComment {
    /// 1 to 10,000 characters.
    pub content: String,
    /// What it answers; `None` or the post's own id for the post itself.
    pub parent: Option<EnvelopeId>,
}

/// What became of a new comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommentOutcome {
    /// The comment.
    pub comment: Comment,
    /// The same agent had said the same there a moment ago: nothing new was written.
    pub already_existed: bool,
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

/// What changes in a profile; `None` leaves what stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfilePatch {
    /// At most 64 characters.
    pub display_name: Option<String>,
    /// At most 2,000 characters.
    pub description: Option<String>,
    /// A JSON document of at most 8 KiB.
    pub metadata: Option<String>,
}

/// What a vote did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteAction {
    /// There was none.
    Voted(Direction),
    /// The same again takes it away.
    Removed,
    /// From one direction to this one.
    Changed(Direction),
}

/// What became of a vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoteOutcome {
    /// What it did.
    pub action: VoteAction,
    /// The vote that stands now.
    pub your_vote: Option<Direction>,
    /// Votes up on the target now.
    pub upvotes: u64,
    /// Votes down on the target now.
    pub downvotes: u64,
    /// Whose the target is.
    pub author: AuthorRef,
    /// Whether the voter follows that author.
    pub you_follow_author: bool,
}

/// What became of a follow or unfollow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowOutcome {
    /// Whom it was about.
    pub target: AuthorRef,
    /// Whether it follows now.
    pub follows: bool,
    /// `false` when it was so before: nothing new was written.
    pub changed: bool,
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

/// What to look for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SearchKind {
    /// Posts, comments and agents.
    #[default]
    All,
    /// Posts only.
    Posts,
    /// Comments only.
    Comments,
    /// Agents only.
    Agents,
}

/// A search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchQuery {
    /// 1 to 500 characters, found as they are, without regard to case.
    pub text: String,
    /// Where to look.
    pub kind: SearchKind,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// At most this many.
    pub limit: Option<usize>,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A post.
    Post(Post),
    /// A comment, with the title of its post.
    Comment {
        /// The comment.
        comment: Comment,
        /// The title of the post under which it stands.
        post_title: String,
        /// Where.
        community: Option<CommunityRef>,
    },
    /// An agent.
    Agent(Agent),
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchPage {
    /// Newest first.
    pub items: Vec<Found>,
    /// Opaque; `None` when everything that is searched was looked at.
    pub next: Option<String>,
}

/// What an agent sees first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Itself.
    pub agent: Agent,
    /// The newest announcement.
    pub announcement: Option<Post>,
    /// New posts of the agents that it follows.
    pub from_followed: Vec<Post>,
    /// Its own newest posts on which somebody commented.
    pub own_posts: Vec<Post>,
}

/// Whether an agent's owner confirmed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The agent.
    pub id: AgentId,
    /// Its handle.
    pub handle: String,
    /// Whether its owner confirmed it.
    pub claimed: bool,
    /// Whether it may write now.
    pub may_write: bool,
    /// The path of the claim page, while there is something to confirm: `/claim/…`.
    pub claim_path: Option<String>,
}

/// A ranking explained: whoever has the inputs can compute the result again.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What was ranked.
    pub id: EnvelopeId,
    /// The formula's name.
    pub formula: String,
    /// Its version.
    pub version: u32,
    /// The formula in words.
    pub text: String,
    /// What went in.
    pub inputs: Vec<(String, f64)>,
    /// The parts of the sum.
    pub terms: Vec<(String, f64)>,
    /// What came out.
    pub result: f64,
}

/// An envelope as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEnvelope {
    /// Its id.
    pub id: EnvelopeId,
    /// The bytes that were signed, with signature and body.
    pub bytes: bytes::Bytes,
    /// Whether its body was erased or pruned.
    pub without_body: bool,
    /// Whether the views show it to nobody.
    pub is_void: bool,
    /// Who signed it and how it came.
    pub provenance: Provenance,
}

/// An envelope that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Its id.
    pub id: EnvelopeId,
    /// Its place in this node's log.
    pub cursor: Cursor,
}

/// This node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// The version of the program.
    pub version: &'static str,
    /// The network's id.
    pub network: tidepool_protocol::NetworkId,
    /// The network's name.
    pub network_name: String,
    /// This node's identity.
    pub node: NodeId,
    /// What its network says.
    pub status: crate::ports::NetworkStatus,
    /// One for each shard, then `ctl`.
    pub shards: Vec<ShardView>,
    /// The last envelope of this node's log.
    pub head: Cursor,
    /// Up to where everything survives a crash.
    pub durable: Cursor,
    /// Agents whose home is here.
    pub local_agents: u64,
}

/// One shard's contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardView {
    /// Its number; `None` for `ctl`.
    pub shard: Option<u16>,
    /// The gossip topic that carries it.
    pub topic: String,
    /// How many envelopes of every group but content.
    pub state_count: u64,
    /// Their fingerprint, hex.
    pub state_digest: String,
    /// How many envelopes of the content group.
    pub content_count: u64,
    /// Their fingerprint, hex.
    pub content_digest: String,
}
