//! Search by substring, from the newest on: what there is before full text. A page looks at a bounded number of items and
//! goes on behind the last of them, so that whoever turns every page has seen everything.

use super::load::Loader;
use super::merge::Merge;
use super::{After, AfterError, Agent, Comment, Page, Paging, Post, QueryError, agents};
use crate::chunks::Direction;
use crate::content::keys::{self, Owner, tail_id};
use crate::content::{item, lists};
use crate::port::ReadPort;
use tidepool_protocol::AuthorId;

/// The posts and comments that one page of a search reads: each costs some ten rows.
pub const SEARCH_LOOK_MAX: usize = 1_000;

/// The agents that one page of a search reads.
pub const SEARCH_AGENTS_MAX: usize = 500;

/// The length of a key by which both posts and comments stand in the order of their times.
const TIME_KEY_LEN: usize = 6 + 16;

/// What a search looks through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SearchKind {
    /// Titles and texts of posts.
    Posts,
    /// Texts of comments.
    Comments,
    /// Both.
    All,
}

/// One find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A post.
    Post(Post),
    /// A comment.
    Comment(Comment),
}

/// A page of the posts and comments that contain `query` without regard to case, the latest first. A page ends with its
/// limit, or when [`SEARCH_LOOK_MAX`] were looked at: it may be short, or empty, and not the last.
///
/// # Errors
/// When the store fails, or the cursor is of another list.
pub fn search_substring(
    port: &dyn ReadPort,
    query: &str,
    kind: SearchKind,
    paging: Paging<'_>,
) -> Result<Page<Found>, QueryError> {
    let (query, limit) = (query.to_lowercase(), paging.count());
    if query.is_empty() || limit == 0 {
        return Ok(Page::empty());
    }
    let after = paging.after.map(|After(key)| key.as_slice());
    if after.is_some_and(|key| key.len() != TIME_KEY_LEN) {
        return Err(AfterError.into());
    }
    let everything = Owner::Everything;
    let lists = match kind {
        SearchKind::Posts => vec![everything.feed(lists::NEW)],
        SearchKind::Comments => vec![everything.comments()],
        SearchKind::All => vec![everything.feed(lists::NEW), everything.comments()],
    };
    let contains = |text: &str| text.to_lowercase().contains(&query);
    let mut merge = Merge::new(port, lists, after, limit)?;
    let mut loader = Loader::new(port);
    let mut page = Page::empty();
    let mut last = None;
    for _ in 0..SEARCH_LOOK_MAX {
        let Some((key, _)) = merge.next()? else { return Ok(page) };
        let Some(id) = tail_id(&key) else { continue };
        let is_post = item::find(port, &id)?.is_some_and(|(_, item)| item.place.is_none());
        let found = if is_post {
            let post = loader.post(&id)?.filter(|post| contains(&post.title) || contains(&post.content));
            post.map(Found::Post)
        } else {
            loader.comment(&id)?.filter(|comment| contains(&comment.content)).map(Found::Comment)
        };
        page.items.extend(found);
        last = Some(After(key.to_vec()));
        if page.items.len() == limit {
            break;
        }
    }
    page.next = if merge.next()?.is_some() { last } else { None };
    Ok(page)
}

/// A page of the agents whose handle, name or description contains `query` without regard to case, the latest genesis
/// first; bounded like [`search_substring`], by [`SEARCH_AGENTS_MAX`].
///
/// # Errors
/// When the store fails, or the cursor is of another list.
pub fn search_agents(port: &dyn ReadPort, query: &str, paging: Paging<'_>) -> Result<Page<Agent>, QueryError> {
    let (query, limit) = (query.to_lowercase(), paging.count());
    if query.is_empty() || limit == 0 {
        return Ok(Page::empty());
    }
    let after = paging.after.map(|After(key)| key.as_slice());
    let entries = keys::recent_agents().page(port, after, Direction::Up, SEARCH_AGENTS_MAX + 1)?;
    let contains = |text: Option<&String>| text.is_some_and(|text| text.to_lowercase().contains(&query));
    let mut page = Page::empty();
    for (at, (key, _)) in entries.iter().enumerate() {
        let is_more = at + 1 < entries.len();
        let id = key.get(6..).and_then(AuthorId::from_slice);
        if let Some(agent) = id.map(|id| agents::get(port, &id)).transpose()?.flatten() {
            let (handle, profile) = (agent.handle.as_ref(), &agent.profile);
            if contains(handle) || contains(profile.display_name.as_ref()) || contains(profile.description.as_ref()) {
                page.items.push(agent);
            }
        }
        if is_more && (page.items.len() == limit || at + 1 == SEARCH_AGENTS_MAX) {
            page.next = Some(After(key.to_vec()));
            return Ok(page);
        }
    }
    Ok(page)
}
