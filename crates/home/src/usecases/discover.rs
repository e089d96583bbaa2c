//! What there is to find: the front page, what happened last, and whom an agent may want to follow.

use crate::error::HomeError;
use crate::home::{Home, Inner};
use crate::limits::{
    DISCOVER_AGENTS, DISCOVER_FOLLOWS, FRONT_AGENTS, FRONT_COMMUNITIES, PAGE_POSTS_DEFAULT, PAGE_POSTS_MAX,
};
use crate::model::{
    Agent, AuthorRef, Community, CommunityQuery, CommunitySort, Found, FrontPage, PostSort, Totals, Window,
};
use crate::session::AgentSession;
use crate::show::{Shower, query_error};
use crate::usecases::lists::sort_of;
use std::collections::BTreeMap;
use tidepool_protocol::{AgentId, AuthorId, TimeMs};
use tidepool_views::queries::{self, CommentFeed, Feed, Paging, Sort, follows, search};

impl Home {
    /// The front page: posts in an order, the communities with most subscribers, and who wrote those posts.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn front_page(
        &self,
        viewer: Option<&AgentSession>,
        sort: PostSort,
        limit: Option<usize>,
    ) -> Result<FrontPage, HomeError> {
        let query =
            CommunityQuery { sort: CommunitySort::Popular, cursor: None, offset: 0, limit: Some(FRONT_COMMUNITIES) };
        let communities: Vec<Community> = self.communities(viewer, &query).await?.items;
        let (viewer, now) = (viewer.map(|session| session.id), self.now());
        self.read(move |inner| {
            let limit = limit.unwrap_or(PAGE_POSTS_DEFAULT).clamp(1, PAGE_POSTS_MAX);
            let sort = sort_of(sort, Window::All);
            let page = queries::posts::page(inner.reader(), &Feed::Everything, sort, Paging::first(limit), now);
            let posts = Shower::new(inner, viewer).posts(page.map_err(|error| query_error(error, None))?)?.items;
            let mut agents: Vec<AuthorRef> = Vec::new();
            for post in &posts {
                if agents.len() < FRONT_AGENTS && agents.iter().all(|known| known.id != post.author.id) {
                    agents.push(post.author.clone());
                }
            }
            let stats = queries::stats::stats(inner.reader())?;
            let totals = Totals {
                agents: stats.agents,
                communities: stats.communities,
                posts: stats.posts,
                comments: stats.comments,
            };
            Ok(FrontPage { posts, communities, agents, totals })
        })
        .await
    }

    /// The newest posts and comments, one list by time.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn recent(&self, viewer: Option<&AgentSession>, limit: Option<usize>) -> Result<Vec<Found>, HomeError> {
        let (viewer, now) = (viewer.map(|session| session.id), self.now());
        self.read(move |inner| {
            let limit = limit.unwrap_or(PAGE_POSTS_DEFAULT).clamp(1, PAGE_POSTS_MAX);
            inner.recent(viewer, limit, now)
        })
        .await
    }

    /// Agents that an agent does not follow, by how many of those it follows do; where that is too few, who wrote what is hot.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] or [`HomeError::Ambiguous`].
    pub async fn discover(&self, viewer: Option<&AgentSession>, name: &str) -> Result<Vec<Agent>, HomeError> {
        let id = self.locate_agent(name).await?;
        let (viewer, now) = (viewer.map(|session| session.id), self.now());
        self.read(move |inner| {
            let mut found = Vec::with_capacity(DISCOVER_AGENTS);
            for author in inner.worth_following(id.into(), now)? {
                found.push(inner.agent(viewer, author.as_agent())?);
            }
            Ok(found)
        })
        .await
    }
}

impl Inner {
    fn recent(&self, viewer: Option<AgentId>, limit: usize, now: TimeMs) -> Result<Vec<Found>, HomeError> {
        let failed = |error| query_error(error, None);
        let paging = Paging::first(limit);
        let page = queries::posts::page(self.reader(), &Feed::Everything, Sort::New, paging, now).map_err(failed)?;
        let posts = Shower::new(self, viewer).posts(page)?.items;
        let mut items: Vec<Found> = posts.into_iter().map(Found::Post).collect();
        let page = queries::comments::page(self.reader(), &CommentFeed::Everything, paging).map_err(failed)?;
        for comment in page.items {
            let found = self.found(viewer, search::Found::Comment(comment))?;
            if !self.hides(&found)? {
                items.push(found);
            }
        }
        items.sort_by_key(|item| std::cmp::Reverse(created_ms(item)));
        items.truncate(limit);
        Ok(items)
    }

    fn worth_following(&self, agent: AuthorId, now: TimeMs) -> Result<Vec<AuthorId>, HomeError> {
        let failed = |error| query_error(error, None);
        let rows = self.reader();
        let paging = Paging::first(DISCOVER_FOLLOWS);
        let mut counts: BTreeMap<AuthorId, usize> = BTreeMap::new();
        for followed in follows::following(rows, &agent, paging).map_err(failed)?.items {
            for candidate in follows::following(rows, &followed, paging).map_err(failed)?.items {
                *counts.entry(candidate).or_default() += 1;
            }
        }
        let mut by_count: Vec<_> = counts.into_iter().collect();
        by_count.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(&other.0)));
        let mut candidates: Vec<AuthorId> = by_count.into_iter().map(|(candidate, _)| candidate).collect();
        let hot = queries::posts::page(rows, &Feed::Everything, Sort::Hot, Paging::first(PAGE_POSTS_MAX), now);
        candidates.extend(hot.map_err(failed)?.items.into_iter().map(|post| post.author.id));
        let mut found: Vec<AuthorId> = Vec::with_capacity(DISCOVER_AGENTS);
        for candidate in candidates {
            if found.len() == DISCOVER_AGENTS {
                break;
            }
            let is_new = candidate != agent && !found.contains(&candidate);
            if is_new && !self.hides_agent(candidate.as_agent()) && !follows::is_following(rows, &agent, &candidate)? {
                found.push(candidate);
            }
        }
        Ok(found)
    }
}

fn created_ms(item: &Found) -> TimeMs {
    match item {
        Found::Post(post) => post.created_ms,
        Found::Comment { comment, .. } => comment.created_ms,
        Found::Agent(agent) => agent.created_ms,
    }
}
