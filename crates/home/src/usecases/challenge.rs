//! Writing behind a gate: what a new agent writes waits for the answer to a challenge, where the operator wants that.

use super::posts::post_body;
use crate::error::HomeError;
use crate::home::Home;
use crate::leak;
use crate::model::{
    Challenge, ChallengeRefusal, CommentOutcome, Community, Draft, NewComment, NewCommunity, NewPost, Post, Proposal,
    Published,
};
use crate::session::AgentSession;
use tidepool_protocol::body::{BodyOf, Charter, Comment};
use tidepool_protocol::{EnvelopeId, Salt};

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
        check(session, &draft)?;
        self.inner.challenges.open(&*self.inner.parts.random, (session.id, draft), self.now())
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

/// Refuses a draft that is out of its limits or holds a secret.
fn check(session: &AgentSession, draft: &Draft) -> Result<(), HomeError> {
    let salt = Salt([0; 16]);
    let texts: Vec<&str> = match draft {
        Draft::Post(post) => {
            post_body(salt, post.title.clone(), post.content.clone(), post.url.clone(), post.post_type)?;
            [Some(&post.title), Some(&post.content), post.url.as_ref()]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect()
        }
        Draft::Comment(post, comment) => {
            let (parent, content) = (comment.parent.unwrap_or(*post), comment.content.clone());
            Comment { salt, root: EnvelopeId(post.0), parent, depth: 0, content }.check()?;
            vec![&comment.content]
        }
        Draft::Community(community) => {
            let display_name = community.display_name.clone().unwrap_or_else(|| community.name.clone());
            let description = community.description.clone();
            Charter { display_name, description, allow_crypto: community.allow_crypto }.check()?;
            vec![&community.description]
        }
    };
    let found = texts.into_iter().filter(|_| !session.may_say_secrets).find_map(leak::found);
    found.map_or(Ok(()), |sort| Err(HomeError::Secret { sort }))
}
