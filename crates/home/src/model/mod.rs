//! What the use cases take and give: domain structs, without any interface's field names or texts.

mod agent;
mod challenge;
mod community;
mod content;
mod front;
mod list;
mod logs;
mod moderation;
mod node;
mod notice;
mod search;
mod takedown;
mod token;
mod vote;

pub use agent::{Agent, AuthorRef, Deletion, Discussed, FollowOutcome, Profile, ProfilePatch, Status, Summary};
pub use challenge::{Challenge, ChallengeRefusal, Draft, DraftKind, Proposal, Published};
pub use community::{
    Community, CommunityPage, CommunityQuery, CommunityRef, CommunitySort, NewCommunity, SubscribeOutcome,
};
pub use content::{CameFrom, Comment, CommentOutcome, Item, NewComment, NewPost, NewText, Post, Provenance};
pub use front::{FrontPage, Totals};
pub use list::{
    CommentPage, CommentQuery, CommentSort, Explanation, FeedFilter, FeedQuery, Number, Page, PostQuery, PostSort,
    Window,
};
pub use logs::{AgentLogs, Countersigned, IdentityView, NextKey};
pub use moderation::{
    Moderation, ModerationEntry, ModerationOutcome, Moderator, PageQuery, RemovedBy, Reported, Role, SettingsChange,
};
pub use node::{NodeView, NodeWord, RawEnvelope, ShardView, Submitted};
pub use notice::{Notice, NoticePage, NoticeQuery, NoticeSort};
pub use search::{Found, SearchKind, SearchPage, SearchQuery};
pub use takedown::{AuditAct, AuditEntry, Subject, TakeDown, Takedown, TakedownOutcome};
pub use token::{IdentityToken, TokenRefusal, TokenVerdict};
pub use vote::{Direction, Votable, VoteAction, VoteOutcome};
