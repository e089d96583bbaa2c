//! Votes, with Moltbook's toggle and without its race.
//!
//! A vote is a register of (voter, target): whatever arrives, at most one counts. The toggle is this home's doing: the
//! same vote again takes it away. Equal votes of one agent that are sent at one time are one request that was sent several
//! times, and share one answer ([`crate::bursts`]); all others of one agent on one target are taken one after another.

use super::said;
use crate::error::{Forbidden, HomeError, Thing};
use crate::home::{Home, Inner};
use crate::limits::VOTES_UNDER_WAY_MAX;
use crate::model::{AuthorRef, Direction, Votable, VoteAction, VoteOutcome};
use crate::session::AgentSession;
use crate::show::Shower;
use tidepool_protocol::body::Vote;
use tidepool_protocol::{AgentId, EnvelopeId, Scope};
use tidepool_views::queries;

impl Home {
    /// Votes on a post or comment. The same vote again takes it away, the other one turns it. Votes of one agent on one
    /// target are taken one after another.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] also when `target` is of the other sort, [`HomeError::Hidden`], or one's own.
    pub async fn vote(
        &self,
        session: &AgentSession,
        what: Votable,
        target: EnvelopeId,
        direction: Direction,
    ) -> Result<VoteOutcome, HomeError> {
        self.cast(session, what, target, Some(direction)).await
    }

    /// Takes one's vote on a post or comment away, whichever it is; without one nothing happens.
    ///
    /// # Errors
    /// Those of [`Home::vote`].
    pub async fn withdraw_vote(
        &self,
        session: &AgentSession,
        what: Votable,
        target: EnvelopeId,
    ) -> Result<VoteOutcome, HomeError> {
        self.cast(session, what, target, None).await
    }

    async fn cast(
        &self,
        session: &AgentSession,
        what: Votable,
        target: EnvelopeId,
        wanted: Option<Direction>,
    ) -> Result<VoteOutcome, HomeError> {
        self.may_write(session).await?;
        let (home, voter) = (self.clone(), session.clone());
        let work = async move { home.vote_alone(&voter, what, target, wanted).await };
        let outcome = self.inner.votes.join((session.id, target), wanted, VOTES_UNDER_WAY_MAX, work).await;
        outcome.unwrap_or(Err(HomeError::Busy {
            what: "votes",
            waiting: VOTES_UNDER_WAY_MAX,
            allowed: VOTES_UNDER_WAY_MAX,
            retry_after_s: 1,
        }))
    }

    async fn vote_alone(
        &self,
        session: &AgentSession,
        what: Votable,
        target: EnvelopeId,
        wanted: Option<Direction>,
    ) -> Result<VoteOutcome, HomeError> {
        let voter = session.id;
        let _order = self.inner.order.lock(voter, &target.0).await;
        let before = self.read(move |inner| inner.votable(voter, what, target)).await?;
        let (action, stands) = match (before.your_vote, wanted) {
            (_, None) => (VoteAction::Removed, None),
            (Some(same), Some(wanted)) if same == wanted => (VoteAction::Removed, None),
            (Some(_), Some(wanted)) => (VoteAction::Changed(wanted), Some(wanted)),
            (None, Some(wanted)) => (VoteAction::Voted(wanted), Some(wanted)),
        };
        if stands != before.your_vote {
            let vote = Vote { target, value: stands.map_or(0, Direction::value) };
            self.say(session, vec![said(before.scope, &vote)?]).await?;
        }
        let now = self.read(move |inner| inner.votable(voter, what, target)).await?;
        Ok(VoteOutcome {
            action,
            your_vote: stands,
            upvotes: now.upvotes,
            downvotes: now.downvotes,
            author: now.author,
            you_follow_author: now.you_follow_author,
        })
    }
}

/// What a voter must know of what it votes on.
struct Subject {
    scope: Scope,
    author: AuthorRef,
    upvotes: u64,
    downvotes: u64,
    your_vote: Option<Direction>,
    you_follow_author: bool,
}

impl Inner {
    fn votable(&self, voter: AgentId, what: Votable, target: EnvelopeId) -> Result<Subject, HomeError> {
        let thing = match what {
            Votable::Post => Thing::Post,
            Votable::Comment => Thing::Comment,
        };
        let unknown = || HomeError::NotFound { what: thing, seen: target.to_string() };
        let (signed, author, votes, state) = match what {
            Votable::Post => {
                let post = queries::posts::get(self.reader(), &target)?.ok_or_else(unknown)?;
                (post.signed, post.author, post.votes, post.state)
            }
            Votable::Comment => {
                let comment = queries::comments::get(self.reader(), &target)?.ok_or_else(unknown)?;
                (comment.signed, comment.author, comment.votes, comment.state)
            }
        };
        self.check_shown(&target)?;
        if author.id.as_agent() == voter {
            return Err(HomeError::Forbidden { rule: Forbidden::SelfVote });
        }
        self.check_stands(thing, target, state)?;
        let mut shower = Shower::new(self, Some(voter));
        Ok(Subject {
            scope: signed.scope,
            upvotes: votes.up.into(),
            downvotes: votes.down.into(),
            your_vote: shower.vote(&target)?,
            you_follow_author: shower.follows(author.id)?,
            author: shower.author(&author),
        })
    }
}
