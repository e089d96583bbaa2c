//! From a short id in a list to what is shown: the item's row, its envelope, its latest edit, its author.
//!
//! Whatever the index holds for void is left away here, also while a job still takes it out of the lists.

use super::moderation;
use super::said::{AuthorBrief, Signed};
use super::{Comment, Post, State};
use crate::content::counters;
use crate::content::item::{self, Item};
use crate::content::keys::Short;
use crate::content::trees;
use crate::index::Spot;
use crate::port::{ReadError, ReadPort, Stored};
use crate::{identity, index, void};
use std::collections::BTreeMap;
use tidepool_protocol::body::{self, Edit};
use tidepool_protocol::{AuthorId, Body};

/// Reads items; keeps the authors that it has met, because a page shows few of them many times.
pub(crate) struct Loader<'p> {
    port: &'p dyn ReadPort,
    authors: BTreeMap<AuthorId, AuthorBrief>,
    /// Whether trees are being brought in line, once it was asked.
    jobs_wait: Option<bool>,
}

/// The envelope whose id begins with `id`, and its body, unless it is void or has none.
pub(crate) fn shown(port: &dyn ReadPort, id: &Short) -> Result<Option<(Stored, Body)>, ReadError> {
    let Some(entry) = index::by_short(port, id)? else { return Ok(None) };
    if void::verdict(port, &entry)?.is_some() {
        return Ok(None);
    }
    let stored = index::stored(port, &entry)?;
    let body = match stored.envelope.body() {
        Some(bytes) => Body::decode(stored.envelope.header().kind, bytes).ok().flatten(),
        None => None,
    };
    Ok(body.map(|body| (stored, body)))
}

pub(crate) fn signed(stored: &Stored) -> Signed {
    let header = stored.envelope.header();
    Signed {
        id: stored.envelope.id(),
        author: header.author,
        key: header.key,
        scope: header.scope.clone(),
        time_ms: header.time_ms,
        origin: stored.origin,
        received_ms: stored.received_ms,
        cursor: stored.cursor,
    }
}

/// The texts that an item's edits show, and what that makes of its state.
struct Edits {
    title: Option<String>,
    content: Option<String>,
    state: State,
}

impl<'p> Loader<'p> {
    pub(crate) fn new(port: &'p dyn ReadPort) -> Self {
        Self { port, authors: BTreeMap::new(), jobs_wait: None }
    }

    /// What is shown of an author.
    pub(crate) fn author(&mut self, id: &AuthorId) -> Result<AuthorBrief, ReadError> {
        if let Some(known) = self.authors.get(id) {
            return Ok(known.clone());
        }
        let row = counters::agent(self.port, id)?;
        let state = identity::current(self.port, *id)?.map(|identity| identity.state);
        let brief = AuthorBrief {
            id: *id,
            handle: state.as_ref().filter(|state| !state.is_node).map(|state| state.handle.clone()),
            home: state.and_then(|state| state.home),
            karma: row.karma,
            follower_count: row.followers.unsigned_abs(),
        };
        self.authors.insert(*id, brief.clone());
        Ok(brief)
    }

    fn is_reachable(&mut self, item: &Item) -> Result<bool, ReadError> {
        let jobs_wait = match self.jobs_wait {
            Some(known) => known,
            None => *self.jobs_wait.insert(trees::jobs_wait(self.port)?),
        };
        if jobs_wait { trees::is_reachable(self.port, item) } else { Ok(true) }
    }

    /// What took the text away; of a moderator and the author, the author.
    fn gone(&self, spot: Spot, item: &Item) -> Result<State, ReadError> {
        let by = if item.removed { None } else { moderation::removed_by(self.port, spot, item)? };
        Ok(by.map_or(State::Removed, |by| State::Moderated { by }))
    }

    fn edits(&self, item: &Item) -> Result<Edits, ReadError> {
        let mut edits = Edits { title: None, content: None, state: State::Original };
        let mut latest = None;
        for (id, is_title) in [(&item.title_edit, true), (&item.content_edit, false)] {
            let Some(id) = id else { continue };
            let Some((stored, Body::Edit(Edit { title, content, .. }))) = shown(self.port, id)? else { continue };
            if is_title {
                edits.title = title;
            } else {
                edits.content = content;
            }
            latest = latest.max(Some((stored.envelope.header().time_ms, stored.envelope.id())));
        }
        if let Some((at, by)) = latest {
            edits.state = State::Edited { by, at };
        }
        Ok(edits)
    }

    /// The post with this short id.
    pub(crate) fn post(&mut self, id: &Short) -> Result<Option<Post>, ReadError> {
        match item::find(self.port, id)? {
            Some((spot, item)) if item.place.is_none() => self.post_of((id, spot), &item),
            Some(_) | None => Ok(None),
        }
    }

    fn post_of(&mut self, (id, spot): (&Short, Spot), item: &Item) -> Result<Option<Post>, ReadError> {
        let Some((stored, Body::Post(said))) = shown(self.port, id)? else { return Ok(None) };
        let body::Post { post_type, title, content, url, .. } = said;
        let votes = item::votes(self.port, spot, item)?;
        let mut post = Post {
            signed: signed(&stored),
            author: self.author(&item.author)?,
            state: self.gone(spot, item)?,
            post_type,
            title: String::new(),
            content: String::new(),
            url: None,
            votes,
            comment_count: u64::from(item::tree(self.port, spot)?.comments),
            is_pinned: item.pinned,
            is_locked: item.locked,
        };
        if !item.gone() {
            let edits = self.edits(item)?;
            post.state = edits.state;
            post.title = edits.title.unwrap_or(title);
            post.content = edits.content.unwrap_or(content);
            post.url = url;
        }
        Ok(Some(post))
    }

    /// The comment with this short id, if it is attached.
    pub(crate) fn comment(&mut self, id: &Short) -> Result<Option<Comment>, ReadError> {
        match item::find(self.port, id)? {
            Some((spot, item)) => self.comment_of((id, spot), &item),
            None => Ok(None),
        }
    }

    /// The same with its row read already.
    pub(crate) fn comment_of(&mut self, (id, spot): (&Short, Spot), item: &Item) -> Result<Option<Comment>, ReadError> {
        if item.place.is_none() || !item.attached || !self.is_reachable(item)? {
            return Ok(None);
        }
        let Some((stored, Body::Comment(said))) = shown(self.port, id)? else { return Ok(None) };
        let mut comment = Comment {
            signed: signed(&stored),
            author: self.author(&item.author)?,
            state: self.gone(spot, item)?,
            root: said.root,
            parent: said.parent,
            depth: said.depth,
            content: String::new(),
            votes: item::votes(self.port, spot, item)?,
            reply_count: u64::from(item::tree(self.port, spot)?.replies),
        };
        if !item.gone() {
            let edits = self.edits(item)?;
            comment.state = edits.state;
            comment.content = edits.content.unwrap_or(said.content);
        }
        Ok(Some(comment))
    }
}
