//! Writing behind a gate: what a new agent writes waits for the answer to a challenge, where the operator wants that.

use super::communities::community_to_say;
use super::{check_said, said};
use crate::error::HomeError;
use crate::home::Home;
use crate::model::{
    Challenge, ChallengeRefusal, CommentOutcome, Community, Draft, NewComment, NewCommunity, NewPost, Post, Proposal,
    Published,
};
use crate::session::AgentSession;
use tidepool_kernel::Compose;
use tidepool_protocol::{EnvelopeId, Scope};

impl Home {
    /// Posts, or gives the challenge for which the post waits. What could not be published anyhow is refused before anybody
    /// solves anything.
    ///
    /// # Errors
    /// Those of [`Home::create_post`], [`HomeError::Suspended`], or [`HomeError::Busy`].
    pub async fn propose_post(&self, session: &AgentSession, post: NewPost) -> Result<Proposal<Post>, HomeError> {
        if self.is_gated(session) {
            return self.gate(session, Draft::Post(post)).await.map(Proposal::Challenge);
        }
        self.create_post(session, post).await.map(Proposal::Published)
    }

    /// The same for a comment on `post`.
    ///
    /// # Errors
    /// Those of [`Home::create_comment`] and [`Home::propose_post`].
    pub async fn propose_comment(
        &self,
        session: &AgentSession,
        post: EnvelopeId,
        comment: NewComment,
    ) -> Result<Proposal<CommentOutcome>, HomeError> {
        if self.is_gated(session) {
            return self.gate(session, Draft::Comment(post, comment)).await.map(Proposal::Challenge);
        }
        self.create_comment(session, post, comment).await.map(Proposal::Published)
    }

    /// The same for a community.
    ///
    /// # Errors
    /// Those of [`Home::create_community`] and [`Home::propose_post`].
    pub async fn propose_community(
        &self,
        session: &AgentSession,
        community: NewCommunity,
    ) -> Result<Proposal<Community>, HomeError> {
        if self.is_gated(session) {
            return self.gate(session, Draft::Community(community)).await.map(Proposal::Challenge);
        }
        self.create_community(session, community).await.map(Proposal::Published)
    }

    /// Whether the agent is so new that this home wants an answer first.
    fn is_gated(&self, session: &AgentSession) -> bool {
        let gate_ms = self.inner.config.challenge_new_agents_h.saturating_mul(60 * 60 * 1_000);
        self.now().since_ms(session.since) < gate_ms
    }

    async fn gate(&self, session: &AgentSession, draft: Draft) -> Result<Challenge, HomeError> {
        self.may_write(session).await?;
        let items = self.drafted(session, &draft).await?;
        check_said(session, &items)?;
        self.inner.challenges.open(&*self.inner.parts.random, (session.id, draft), self.now())
    }

    /// What would be signed, made and checked as when it is.
    async fn drafted(&self, session: &AgentSession, draft: &Draft) -> Result<Vec<Compose>, HomeError> {
        Ok(match draft.clone() {
            Draft::Post(post) => {
                let (scope, body) = self.post_to_say(post).await?;
                vec![said(scope, &body)?]
            }
            Draft::Comment(post, comment) => {
                let (scope, body) = self.comment_to_say(post, comment).await?;
                vec![said(scope, &body)?]
            }
            Draft::Community(community) => {
                let (name, charter) = community_to_say(community)?;
                vec![said(Scope::owned_by(session.id, name), &charter)?]
            }
        })
    }

    /// Publishes the draft that waits for the challenge of this name, when the answer is right.
    ///
    /// # Errors
    /// [`HomeError::Challenge`] says why not; what publishing says.
    pub async fn answer_challenge(
        &self,
        session: &AgentSession,
        code: &str,
        answer: &str,
    ) -> Result<Published, HomeError> {
        if code.len() > crate::register::SECRET_CHARS_MAX {
            return Err(HomeError::Challenge(ChallengeRefusal::Unknown));
        }
        let draft = self.inner.challenges.solve(session.id, (code, answer), self.now())?;
        Ok(match draft {
            Draft::Post(post) => Published::Post(Box::new(self.create_post(session, post).await?)),
            Draft::Comment(post, comment) => {
                Published::Comment(Box::new(self.create_comment(session, post, comment).await?))
            }
            Draft::Community(community) => {
                Published::Community(Box::new(self.create_community(session, community).await?))
            }
        })
    }
}
