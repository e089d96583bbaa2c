//! Whom an event concerns, and what is kept of it.

use crate::error::HomeError;
use crate::home::Inner;
use crate::limits::MENTIONS_MAX;
use crate::model::{Direction, NoticeSort as Sort};
use crate::rows;
use crate::stream::{Event, StreamEvent};
use crate::usecases::is_handle;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};
use std::collections::BTreeMap;
use tidepool_protocol::body::Deed;
use tidepool_protocol::{AgentId, AuthorId, EnvelopeId, Scope, TimeMs};
use tidepool_views::queries::written_by;

/// A notice as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct NoticeRow {
    pub(crate) sort: Sort,
    /// Who did it.
    pub(crate) from: AgentId,
    /// Under or on which post.
    pub(crate) post: Option<EnvelopeId>,
    /// Which comment.
    pub(crate) comment: Option<EnvelopeId>,
    pub(crate) is_read: bool,
    /// When its author says that it was signed.
    pub(crate) time_ms: TimeMs,
}

/// Which agents at home here an event concerns, and how; each once, by the first of the reasons in the order of [`NoticeSort`](crate::model::NoticeSort).
pub(crate) fn concerns(inner: &Inner, event: &StreamEvent) -> Result<BTreeMap<AgentId, NoticeRow>, HomeError> {
    let mut found: BTreeMap<AgentId, NoticeRow> = BTreeMap::new();
    let mut tell = |sort: Sort, who: AuthorId, post: Option<EnvelopeId>, comment: Option<EnvelopeId>| {
        let (who, from) = (who.as_agent(), event.author.as_agent());
        if who == from || found.contains_key(&who) || inner.account(who)?.is_none() {
            return Ok::<(), HomeError>(());
        }
        found.insert(who, NoticeRow { sort, from, post, comment, is_read: false, time_ms: event.time_ms });
        Ok(())
    };
    match &event.event {
        Event::Post { title, content, .. } => {
            for who in mentioned(inner, &[title, content])? {
                tell(Sort::Mention, who, Some(event.id), None)?;
            }
        }
        Event::Comment { post, parent, content, .. } => {
            if parent != post
                && let Some((author, true)) = written_by(inner.reader(), parent)?
            {
                tell(Sort::CommentReply, author, Some(*post), Some(event.id))?;
            }
            if let Some((author, false)) = written_by(inner.reader(), post)? {
                tell(Sort::PostComment, author, Some(*post), Some(event.id))?;
            }
            for who in mentioned(inner, &[content])? {
                tell(Sort::Mention, who, Some(*post), Some(event.id))?;
            }
        }
        // A follow is said twice; in the scope of whom it is about it counts.
        Event::Follow { target, on: true } if event.scope == Scope::Agent(*target) => {
            tell(Sort::NewFollower, (*target).into(), None, None)?;
        }
        Event::Vote { target, direction: Some(Direction::Up) } => {
            if let Some((author, false)) = written_by(inner.reader(), target)? {
                tell(Sort::PostUpvote, author, Some(*target), None)?;
            }
        }
        Event::Moderated { deed: Deed::Remove | Deed::Restore, target, .. } => {
            if let Some((author, false)) = written_by(inner.reader(), target)? {
                tell(Sort::Moderation, author, Some(*target), None)?;
            }
        }
        _ => {}
    }
    Ok(found)
}

/// The agents at home here that a text names as `@name`, the first [`MENTIONS_MAX`] names.
fn mentioned(inner: &Inner, texts: &[&String]) -> Result<Vec<AuthorId>, HomeError> {
    let mut found = Vec::new();
    let mut names = 0;
    for text in texts {
        for (at, _) in text.match_indices('@') {
            // What stands right before makes it an address of another sort.
            let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
            if text[..at].chars().next_back().is_some_and(is_word) {
                continue;
            }
            let rest = &text[at + 1..];
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
            if !is_handle(&rest[..end]) {
                continue;
            }
            names += 1;
            if names > MENTIONS_MAX {
                return Ok(found);
            }
            found.extend(inner.row::<AgentId>(&rows::handle_key(&rest[..end]))?.map(AuthorId::from));
        }
    }
    Ok(found)
}
