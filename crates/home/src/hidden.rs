//! What this node's operator hides, asked of one thing: for its own sake, and for the sake of what it stands under.
//!
//! Every way to a text goes through here or through [`crate::show`]: lists, single items, explanations, votes, streams and
//! raw envelopes, so that a rule which hides a post leaves none of it readable on this node. An event of a stream is judged
//! when it is made: what became hidden later, by an edit, may stand among the newest events as it was shown before.

use crate::error::HomeError;
use crate::home::Inner;
use crate::model::Item;
use crate::ports::Rule;
use crate::show::Shower;
use tidepool_protocol::limits::COMMENT_DEPTH_MAX;
use tidepool_protocol::{AgentId, Body, EnvelopeId, Header};
use tidepool_views::queries::{comments, posts};

/// A text in place of the one that stands.
#[derive(Clone, Copy, Default)]
struct Text<'a> {
    title: Option<&'a str>,
    content: Option<&'a str>,
}

impl Inner {
    /// The rule by which a post or comment is hidden here; `None` when it is shown, or is neither.
    pub(crate) fn hidden_by(&self, id: &EnvelopeId) -> Result<Option<Rule>, HomeError> {
        if self.parts.policy.is_active() { self.rule_on(id, Text::default()) } else { Ok(None) }
    }

    /// Refuses a post or comment that is hidden here.
    pub(crate) fn check_shown(&self, id: &EnvelopeId) -> Result<(), HomeError> {
        self.hidden_by(id)?.map_or(Ok(()), |rule| Err(hidden(rule)))
    }

    /// Whether an agent is shown where agents are.
    pub(crate) fn hides_agent(&self, agent: AgentId) -> bool {
        self.parts.policy.hides(&Item::Author(agent.into())).is_some()
    }

    /// Refuses an agent that is hidden here.
    pub(crate) fn check_agent_shown(&self, agent: AgentId) -> Result<(), HomeError> {
        self.parts.policy.hides(&Item::Author(agent.into())).map_or(Ok(()), |rule| Err(hidden(rule)))
    }

    /// The rule by which an envelope is hidden here: for its author and scope, for the text that it says, or for what it
    /// is about.
    pub(crate) fn hides_envelope(
        &self,
        id: &EnvelopeId,
        header: &Header,
        body: Option<&Body>,
    ) -> Result<Option<Rule>, HomeError> {
        let policy = &self.parts.policy;
        if !policy.is_active() {
            return Ok(None);
        }
        if let Some(rule) = policy.hides(&Item::Event { id, author: header.author, scope: &header.scope }) {
            return Ok(Some(rule));
        }
        match body {
            Some(Body::Post(post)) => self.rule_on(id, Text { title: Some(&post.title), content: Some(&post.content) }),
            Some(Body::Comment(comment)) => self.rule_on(id, Text { title: None, content: Some(&comment.content) }),
            Some(Body::Edit(edit)) => {
                let text = Text { title: edit.title.as_deref(), content: edit.content.as_deref() };
                self.rule_on(&edit.target, text)
            }
            Some(Body::Tombstone(tombstone)) => self.rule_on(&tombstone.target, Text::default()),
            Some(Body::Vote(vote)) => self.rule_on(&vote.target, Text::default()),
            Some(_) | None => Ok(None),
        }
    }

    /// Judges a thing as it stands and, where it is given, with `text` in place of its own; then what it stands under.
    fn rule_on(&self, id: &EnvelopeId, text: Text<'_>) -> Result<Option<Rule>, HomeError> {
        let policy = &self.parts.policy;
        let mut shower = Shower::new(self, None);
        let (mut at, mut text) = (*id, text);
        for _ in 0..=COMMENT_DEPTH_MAX + 1 {
            if let Some(post) = posts::get(self.reader(), &at)? {
                let mut post = shower.post(post)?;
                if let Some(rule) = policy.hides(&Item::Post(&post)) {
                    return Ok(Some(rule));
                }
                if text.title.is_none() && text.content.is_none() {
                    return Ok(None);
                }
                post.title = text.title.map_or(post.title, str::to_owned);
                post.content = text.content.map_or(post.content, str::to_owned);
                return Ok(policy.hides(&Item::Post(&post)));
            }
            let Some(comment) = comments::get(self.reader(), &at)? else { return Ok(None) };
            at = comment.parent;
            let mut comment = shower.comment(comment)?;
            if let Some(rule) = policy.hides(&Item::Comment(&comment)) {
                return Ok(Some(rule));
            }
            if let Some(content) = std::mem::take(&mut text).content {
                comment.content = content.to_owned();
                if let Some(rule) = policy.hides(&Item::Comment(&comment)) {
                    return Ok(Some(rule));
                }
            }
        }
        Ok(None)
    }
}

/// What a reader of a hidden thing is told.
pub(crate) fn hidden(rule: Rule) -> HomeError {
    HomeError::Hidden { rule: rule.name, reason: rule.reason }
}
