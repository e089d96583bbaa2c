//! Why an envelope that is kept and counted is shown to nobody, and how content is told when that changes.
//!
//! The *core's* reasons follow from identities and logs and are decided here and in `logs`; *content's* reasons follow
//! from what an envelope is about and are recorded by content itself through [`mark_content`].

mod job;
mod settle;
mod verdict;

pub use job::run_jobs;
pub use verdict::verdict;

pub(crate) use job::{Range, has_put, pending};
pub(crate) use settle::{evict, is_unfit, settle, settle_one};
pub(crate) use verdict::Author;

use crate::codec::damaged;
use crate::index;
use crate::overlay::Overlay;
use crate::port::ReadError;
use crate::rows;
use tidepool_protocol::EnvelopeId;

/// When a change of verdict touches more envelopes than this, a job tells content of the rest.
pub const AT_ONCE_MAX: usize = 1_000;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $sentence:literal;)*) => {
        /// Why an envelope is void: admitted, kept and counted, shown to nobody but an inspector.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum VoidReason {
            $($(#[$doc])* $name,)*
        }

        impl VoidReason {
            /// The number under which rows keep it.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$name => $code,)* }
            }

            /// The reason with this number.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            /// What a person is told.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }
        }
    };
}

reasons! {
    /// The body does not fit its kind.
    Body = 1, "its body does not fit its kind";
    /// A `keep` or another act of a rotation key, signed by a key that is none.
    NotRotationKey = 2, "it is signed by a key that is no rotation key of its author";
    /// Another envelope stands at the same position of the same log.
    Fork = 3, "its author signed two different envelopes at this position of the log";
    /// An earlier position of its log, or of the log that it continues, is forked or contradicted.
    AfterFork = 4, "it follows a position of its log at which the author signed two envelopes or broke the order";
    /// What is known of its predecessor contradicts it.
    Predecessor = 5, "it does not follow the envelope that stands before it in the log";
    /// Its key was closed, and no `keep` names a head that it is an ancestor of.
    KeyClosed = 6, "its key was revoked or replaced, and its author did not name it among what stands";
    /// Its branch of the identity lost against a better one.
    BranchLost = 7, "it belongs to a branch of its author's identity that lost";
    /// Its branch of the identity is as good as another.
    BranchFrozen = 8, "two equal operations froze its author's identity";
    /// It changes or takes away what another author wrote.
    ForeignTarget = 16, "it is about something that another author wrote";
    /// A vote on one's own post or comment.
    OwnVote = 17, "it is a vote on the voter's own post or comment";
    /// A comment deeper than the network shows.
    TooDeep = 18, "it is a comment deeper than the network shows";
    /// A comment whose root, parent and depth do not agree.
    ParentMismatch = 19, "its root, parent and depth do not agree";
    /// About something of another scope.
    ScopeMismatch = 20, "it is about something that lies in another scope";
    /// About something of a kind that it cannot be about.
    TargetKind = 21, "it is about an envelope of a kind that it cannot be about";
    /// In the scope of a community or agent in which its author may not do this.
    NotPermitted = 22, "its author may not do this there";
}

impl std::fmt::Display for VoidReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.sentence())
    }
}

/// Records that content judges the applied envelope `id` as void. A second reason replaces the first.
///
/// # Errors
/// When the store fails or the envelope is not in the index.
pub fn mark_content(overlay: &mut Overlay<'_>, id: &EnvelopeId, reason: VoidReason) -> Result<(), ReadError> {
    set_content(overlay, id, Some(reason))
}

/// Takes content's reason back. Content does so before or in `retract` for every envelope that it marked.
///
/// # Errors
/// When the store fails or the envelope is not in the index.
pub fn unmark_content(overlay: &mut Overlay<'_>, id: &EnvelopeId) -> Result<(), ReadError> {
    set_content(overlay, id, None)
}

fn set_content(overlay: &mut Overlay<'_>, id: &EnvelopeId, reason: Option<VoidReason>) -> Result<(), ReadError> {
    let mut entry = index::get(overlay, id)?.ok_or_else(|| damaged(rows::INDEX, "an applied envelope is missing"))?;
    if entry.content != reason {
        entry.content = reason;
        index::put(overlay, &entry);
    }
    Ok(())
}
