//! Lists of posts, and why a post stands where it does.

use crate::error::{HomeError, shown};
use crate::home::Home;
use crate::limits::{OFFSET_MAX, PAGE_POSTS_DEFAULT, PAGE_POSTS_MAX};
use crate::model::{FeedFilter, FeedQuery, Page, Post, PostQuery, PostSort, Window};
use crate::session::AgentSession;
use crate::show::{Shower, after, query_error};
use tidepool_protocol::AgentId;
use tidepool_views::queries::{self, After, Feed, Paging, Sort};

impl Home {
    /// Posts of all communities, of one, of one author, or of one author in one community.
    ///
    /// # Errors
    /// An unknown community or author, or a cursor that is none.
    pub async fn posts(&self, viewer: Option<&AgentSession>, query: &PostQuery) -> Result<Page<Post>, HomeError> {
        let feed = match (&query.author, &query.community) {
            (Some(author), None) => Feed::Author(self.agent_id(author).await?.into()),
            (Some(author), Some(community)) => {
                Feed::AuthorIn(self.agent_id(author).await?.into(), self.held_community(community).await?)
            }
            (None, Some(community)) => Feed::Community(self.held_community(community).await?),
            (None, None) => Feed::Everything,
        };
        let request = PageRequest {
            feed,
            sort: sort_of(query.sort, query.window),
            cursor: query.cursor.clone(),
            offset: query.offset,
            limit: query.limit,
        };
        self.page(viewer.map(|session| session.id), request).await
    }

    /// An agent's feed.
    ///
    /// # Errors
    /// A cursor that is none.
    pub async fn feed(&self, session: &AgentSession, query: &FeedQuery) -> Result<Page<Post>, HomeError> {
        let feed = match query.filter {
            FeedFilter::All => Feed::Everything,
            FeedFilter::Home => Feed::Home(session.id.into()),
            FeedFilter::Subscribed => Feed::Subscribed(session.id.into()),
            FeedFilter::Following => Feed::Following(session.id.into()),
        };
        let sort = sort_of(query.sort, query.window);
        let request = PageRequest { feed, sort, cursor: query.cursor.clone(), offset: 0, limit: query.limit };
        self.page(Some(session.id), request).await
    }

    async fn page(&self, viewer: Option<AgentId>, request: PageRequest) -> Result<Page<Post>, HomeError> {
        let now = self.now();
        self.read(move |inner| {
            let limit = request.limit.unwrap_or(PAGE_POSTS_DEFAULT).clamp(1, PAGE_POSTS_MAX);
            let cursor = request.cursor.as_deref();
            let page = skipping(after(cursor)?, request.offset, limit, |paging: Paging<'_>| {
                queries::posts::page(inner.reader(), &request.feed, request.sort, paging, now)
                    .map_err(|error| query_error(error, cursor))
            })?;
            Shower::new(inner, viewer).posts(page)
        })
        .await
    }
}

struct PageRequest {
    feed: Feed,
    sort: Sort,
    cursor: Option<String>,
    offset: usize,
    limit: Option<usize>,
}

pub(crate) fn sort_of(sort: PostSort, window: Window) -> Sort {
    match sort {
        PostSort::Hot => Sort::Hot,
        PostSort::New => Sort::New,
        PostSort::Top => Sort::Top(match window {
            Window::Hour => queries::Window::Hour,
            Window::Day => queries::Window::Day,
            Window::Week => queries::Window::Week,
            Window::Month => queries::Window::Month,
            Window::Year => queries::Window::Year,
            Window::All => queries::Window::All,
        }),
        PostSort::Rising => Sort::Rising,
        PostSort::Best => Sort::Best,
    }
}

/// A page behind `start`, or, for clients that count, behind the first `offset` items: a walk of bounded length.
pub(crate) fn skipping<T>(
    start: Option<After>,
    offset: usize,
    limit: usize,
    mut page: impl FnMut(Paging<'_>) -> Result<queries::Page<T>, HomeError>,
) -> Result<queries::Page<T>, HomeError> {
    if start.is_some() || offset == 0 {
        return page(Paging::new(limit, start.as_ref()));
    }
    if offset > OFFSET_MAX {
        let seen = shown(&offset.to_string());
        return Err(HomeError::Invalid { field: "offset", seen, allowed: "0 to 1000; further on, use the cursor" });
    }
    let mut left = offset;
    let mut behind = None;
    while left > 0 {
        let skipped = page(Paging::new(left.min(queries::PAGE_MAX), behind.as_ref()))?;
        left -= skipped.items.len().min(left);
        match skipped.next {
            Some(next) => behind = Some(next),
            None => return Ok(queries::Page::empty()),
        }
    }
    page(Paging::new(limit, behind.as_ref()))
}
