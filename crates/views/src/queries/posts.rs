//! Posts: one by its id, and pages of feeds.

use super::load::Loader;
use super::merge::Merge;
use super::{
    After, AfterError, AuthorBrief, Feed, Page, Paging, QueryError, RECENT_MAX, SOURCES_MAX, Signed, Sort, State,
    WINDOW_POSTS_MAX, Window,
};
use crate::chunks::Direction;
use crate::content::item;
use crate::content::keys::{self, Owner, Short, author_tag, scope_tag, tail_id};
use crate::content::lists;
use crate::port::{ReadError, ReadPort};
use crate::rank::{Votes, rising, score_key, score_of, sortable, time_key, time_of};
use std::ops::Bound;
use tidepool_protocol::body::PostType;
use tidepool_protocol::limits::FUTURE_MS_MAX;
use tidepool_protocol::{AuthorId, EnvelopeId, TimeMs};

/// A post as readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Where it comes from.
    pub signed: Signed,
    /// Who said it.
    pub author: AuthorBrief,
    /// Whether its text is the first, an edit, or gone.
    pub state: State,
    /// What it shows first.
    pub post_type: PostType,
    /// Its title; empty when it was removed.
    pub title: String,
    /// Its text; empty when it was removed.
    pub content: String,
    /// What it links to.
    pub url: Option<String>,
    /// Votes that count.
    pub votes: Votes,
    /// Comments that stand in its tree and were not removed.
    pub comment_count: u64,
    /// Whether moderators pinned it in its community.
    pub is_pinned: bool,
    /// Whether moderators closed it to new comments.
    pub is_locked: bool,
}

/// The most entries that do not belong to it (older than its window, of another community) that a page steps over; a page that meets more ends early and goes on behind.
const STEPPED_OVER_MAX: usize = 2_000;

/// The post with this id; `None` when it is not here, is void, or is no post. A removed one is given with its state.
///
/// # Errors
/// When the store fails.
pub fn get(port: &dyn ReadPort, id: &EnvelopeId) -> Result<Option<Post>, ReadError> {
    Ok(Loader::new(port).post(&id.short())?.filter(|post| post.signed.id == *id))
}

/// A page of a feed. `now` matters to [`Sort::Rising`] and to [`Sort::Top`] with a window.
///
/// All lists are kept in order, so a page reads about as many rows as it has posts. Top of a day, week, month or year is
/// merged from the lists of the buckets of four days that the window touches (at most 93), for everything and for
/// communities. Top of an hour and every window over other feeds are computed over the newest [`super::WINDOW_POSTS_MAX`]
/// posts of the feed that are in the window, rising over its newest [`super::RECENT_MAX`]: [`Page::of_newest`] says when
/// older ones were left out by that. Feeds of an agent are merged from at most [`super::SOURCES_MAX`] lists; of an author's
/// posts, those of other communities are stepped over where one is asked for.
///
/// # Errors
/// When the store fails, or the cursor belongs to another sort.
pub fn page(
    port: &dyn ReadPort,
    feed: &Feed,
    sort: Sort,
    paging: Paging<'_>,
    now: TimeMs,
) -> Result<Page<Post>, QueryError> {
    let place = Place::read(sort, paging.after, now)?;
    let keys = keys_of(port, feed, sort, &place, paging.count())?;
    let mut loader = Loader::new(port);
    let mut items = Vec::with_capacity(keys.found.len());
    for key in &keys.found {
        if let Some(id) = tail_id(key) {
            items.extend(loader.post(&id)?);
        }
    }
    Ok(Page { items, next: keys.next.map(|key| place.after(sort, &key)), of_newest: keys.of_newest })
}

/// Where a page begins: the key it goes on behind, and the time that rising was computed for.
struct Place {
    key: Option<Vec<u8>>,
    now: TimeMs,
}

const fn sort_code(sort: Sort) -> u8 {
    match sort {
        Sort::Hot => 1,
        Sort::New => 2,
        Sort::Rising => 3,
        Sort::Best => 4,
        Sort::Top(Window::All) => 5,
        Sort::Top(Window::Hour) => 6,
        Sort::Top(Window::Day) => 7,
        Sort::Top(Window::Week) => 8,
        Sort::Top(Window::Month) => 9,
        Sort::Top(Window::Year) => 10,
    }
}

const fn key_len(sort: Sort) -> usize {
    match sort {
        Sort::New => 6 + 16,
        Sort::Hot => 8 + 16,
        Sort::Best | Sort::Top(_) => 4 + 6 + 16,
        Sort::Rising => 8 + 6 + 16,
    }
}

impl Place {
    /// Reads a cursor: the sort, the time of the first page, the key.
    fn read(sort: Sort, after: Option<&After>, now: TimeMs) -> Result<Self, AfterError> {
        let Some(After(bytes)) = after else { return Ok(Self { key: None, now }) };
        let (code, rest) = bytes.split_first().ok_or(AfterError)?;
        let (time, key) = rest.split_first_chunk::<8>().ok_or(AfterError)?;
        if *code != sort_code(sort) || key.len() != key_len(sort) {
            return Err(AfterError);
        }
        Ok(Self { key: Some(key.to_vec()), now: TimeMs(u64::from_be_bytes(*time)) })
    }

    fn after(&self, sort: Sort, key: &[u8]) -> After {
        After([&[sort_code(sort)][..], &self.now.0.to_be_bytes(), key].concat())
    }
}

/// The keys of one page, each of which ends with a short id.
struct Keys {
    found: Vec<Vec<u8>>,
    next: Option<Vec<u8>>,
    of_newest: Option<usize>,
}

impl Keys {
    /// Cuts what was found, one more than asked for, down to the page.
    fn cut(mut found: Vec<Vec<u8>>, limit: usize) -> Self {
        let more = found.len() > limit;
        found.truncate(limit);
        let next = if more { found.last().cloned() } else { None };
        Self { found, next, of_newest: None }
    }
}

/// The owners of the lists that a feed is merged from.
fn owners(port: &dyn ReadPort, feed: &Feed) -> Result<Vec<Owner>, QueryError> {
    Ok(match feed {
        Feed::Everything => vec![Owner::Everything],
        Feed::Community(scope) => vec![Owner::Community(scope_tag(scope))],
        Feed::Author(author) | Feed::AuthorIn(author, _) => vec![Owner::Author(author_tag(author))],
        Feed::Subscribed(agent) => subscribed(port, agent, SOURCES_MAX)?,
        Feed::Following(agent) => followed(port, agent, SOURCES_MAX)?,
        Feed::Home(agent) => {
            let mut owners = followed(port, agent, SOURCES_MAX / 2)?;
            owners.extend(subscribed(port, agent, SOURCES_MAX - owners.len())?);
            owners
        }
    })
}

fn subscribed(port: &dyn ReadPort, agent: &AuthorId, limit: usize) -> Result<Vec<Owner>, QueryError> {
    let list = keys::of_author(keys::SUBSCRIPTIONS, agent);
    let subscribed = list.page(port, None, Direction::Up, limit)?;
    Ok(subscribed.iter().filter_map(|(key, _)| tail_id(key)).map(Owner::Community).collect())
}

fn followed(port: &dyn ReadPort, agent: &AuthorId, limit: usize) -> Result<Vec<Owner>, QueryError> {
    let list = keys::of_author(keys::FOLLOWING, agent);
    let followed = list.page(port, None, Direction::Up, limit)?;
    let author = |key: &[u8]| key.get(6..22).and_then(|short| short.try_into().ok());
    Ok(followed.iter().filter_map(|(key, _)| author(key)).map(Owner::Author).collect())
}

fn keys_of(port: &dyn ReadPort, feed: &Feed, sort: Sort, place: &Place, limit: usize) -> Result<Keys, QueryError> {
    if limit == 0 {
        return Ok(Keys { found: Vec::new(), next: None, of_newest: None });
    }
    let owners = owners(port, feed)?;
    let only = match feed {
        Feed::AuthorIn(_, scope) => Some(scope_tag(scope)),
        Feed::Everything
        | Feed::Community(_)
        | Feed::Author(_)
        | Feed::Home(_)
        | Feed::Following(_)
        | Feed::Subscribed(_) => None,
    };
    let list = match sort {
        Sort::Hot => lists::HOT,
        Sort::New => lists::NEW,
        Sort::Best => lists::BEST,
        Sort::Top(Window::All) => lists::TOP,
        Sort::Rising => return recent(port, (&owners, only), sort, place, limit),
        Sort::Top(window) => {
            return match (feed, window) {
                (Feed::Everything | Feed::Community(_), Window::Day | Window::Week | Window::Month | Window::Year) => {
                    windowed(port, owners[0], window, place, limit)
                }
                _ => recent(port, (&owners, only), sort, place, limit),
            };
        }
    };
    let sources = owners.into_iter().map(|owner| owner.feed(list)).collect();
    let merge = Merge::new(port, sources, place.key.as_deref(), limit + 1)?;
    stepping(merge, limit, |key| match only {
        Some(scope) => is_in(port, key, &scope),
        None => Ok(true),
    })
}

/// Whether the post whose key in a list this is stands in a community.
fn is_in(port: &dyn ReadPort, key: &[u8], scope: &Short) -> Result<bool, ReadError> {
    let Some(id) = tail_id(key) else { return Ok(false) };
    Ok(item::find(port, &id)?.is_some_and(|(_, item)| item.scope == *scope))
}

/// The next entries that belong to the page; the others are stepped over, at most [`STEPPED_OVER_MAX`].
fn stepping(
    mut merge: Merge<'_>,
    limit: usize,
    mut belongs: impl FnMut(&[u8]) -> Result<bool, ReadError>,
) -> Result<Keys, QueryError> {
    let (mut found, mut stepped_over) = (Vec::with_capacity(limit + 1), 0);
    while found.len() <= limit {
        let Some((key, _)) = merge.next()? else { break };
        if belongs(&key)? {
            found.push(key.to_vec());
            continue;
        }
        stepped_over += 1;
        if stepped_over == STEPPED_OVER_MAX {
            found.truncate(limit);
            return Ok(Keys { found, next: Some(key.to_vec()), of_newest: None });
        }
    }
    Ok(Keys::cut(found, limit))
}

/// Top of a window, from the lists of the buckets that it touches.
fn windowed(
    port: &dyn ReadPort,
    owner: Owner,
    window: Window,
    place: &Place,
    limit: usize,
) -> Result<Keys, QueryError> {
    let length = window.length_ms().unwrap_or(0);
    let since = TimeMs(place.now.0.saturating_sub(length));
    // Clocks of others may be ahead: what they signed a little later than now belongs to the window too.
    let last = lists::bucket_of(place.now.plus_ms(FUTURE_MS_MAX));
    let sources = (lists::bucket_of(since)..=last).map(|number| owner.bucket(lists::TOP_OF_BUCKET, number)).collect();
    let merge = Merge::new(port, sources, place.key.as_deref(), limit + 1)?;
    stepping(merge, limit, |key| Ok(key.get(4..).and_then(time_of).is_some_and(|time| time >= since)))
}

/// What is computed over the newest posts: rising, and top where no lists are kept for the window.
fn recent(
    port: &dyn ReadPort,
    (owners, only): (&[Owner], Option<Short>),
    sort: Sort,
    place: &Place,
    limit: usize,
) -> Result<Keys, QueryError> {
    let (since, most) = match sort {
        Sort::Top(window) => {
            (window.length_ms().map_or(0, |length| place.now.0.saturating_sub(length)), WINDOW_POSTS_MAX)
        }
        Sort::Hot | Sort::New | Sort::Rising | Sort::Best => (0, RECENT_MAX),
    };
    let (mut computed, mut seen) = (Vec::with_capacity(RECENT_MAX), 0);
    // Whether the entry belongs to what is computed: they come the newest first.
    let mut compute = |key: &[u8], value: &[u8]| {
        seen += 1;
        let (Some(time), Some(score), Some(id)) = (time_of(key), score_of(value), tail_id(key)) else { return false };
        if time.0 < since || seen > most {
            return false;
        }
        let first = match sort {
            Sort::Rising => rising(score, time, place.now),
            Sort::Top(_) | Sort::Hot | Sort::New | Sort::Best => score,
        };
        computed.push((first, time_key(time), id));
        true
    };
    if let [owner] = owners {
        let all = (Bound::Unbounded, Bound::Unbounded);
        owner.feed(lists::NEW).visit(port, all, Direction::Down, &mut compute)?;
    } else {
        let sources = owners.iter().map(|owner| owner.feed(lists::NEW)).collect();
        let mut merge = Merge::new(port, sources, None, most)?;
        while let Some((key, value)) = merge.next()?
            && compute(&key, &value)
        {}
    }
    let of_newest = (computed.len() == most && seen > most).then_some(most);
    if let Some(scope) = only {
        let mut held = Vec::with_capacity(computed.len());
        for entry in computed {
            if item::find(port, &entry.2)?.is_some_and(|(_, item)| item.scope == scope) {
                held.push(entry);
            }
        }
        computed = held;
    }
    let order_key = |(first, time, id): &(i64, [u8; 6], Short)| match sort {
        Sort::Rising => [&sortable(*first)[..], time, id].concat(),
        Sort::Top(_) | Sort::Hot | Sort::New | Sort::Best => [&score_key(*first)[..], time, id].concat(),
    };
    if let Some(after) = &place.key {
        computed.retain(|entry| order_key(entry) < *after);
    }
    // Only the page is sorted.
    if computed.len() > limit + 1 {
        computed.select_nth_unstable_by(limit, |a, b| b.cmp(a));
        computed.truncate(limit + 1);
    }
    computed.sort_unstable_by(|a, b| b.cmp(a));
    Ok(Keys { of_newest, ..Keys::cut(computed.iter().map(order_key).collect(), limit) })
}
