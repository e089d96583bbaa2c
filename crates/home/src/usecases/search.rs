//! Search by substring: what there is before full text.

use crate::error::{HomeError, Thing, shown};
use crate::home::{Home, Inner};
use crate::limits::{PAGE_SEARCH_DEFAULT, PAGE_SEARCH_MAX, SEARCH_CHARS_MAX, SEARCHES_MAX, SEARCHES_WAITING_MAX};
use crate::model::{Found, Item, SearchKind, SearchPage, SearchQuery};
use crate::session::AgentSession;
use crate::show::{Shower, bad_cursor, query_error};
use std::sync::atomic::{AtomicUsize, Ordering};
use tidepool_protocol::AgentId;
use tidepool_views::queries::{self, After, Paging, search as views};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Where a page of a search begins. Agents come first, then posts and comments.
enum Place {
    Start,
    /// Among the agents that the text does not name: behind this one, or at the first.
    Agents(Option<After>),
    /// Behind this post or comment; before the first when it is `None`.
    Content(Option<After>),
}

impl Place {
    fn read(cursor: Option<&str>) -> Result<Self, HomeError> {
        let Some(text) = cursor else { return Ok(Self::Start) };
        let after = |rest: &str| rest.parse::<After>().map_err(|_| bad_cursor(text));
        match text.split_at_checked(1) {
            Some(("a", "")) => Ok(Self::Agents(None)),
            Some(("a", rest)) => Ok(Self::Agents(Some(after(rest)?))),
            Some(("c", "")) => Ok(Self::Content(None)),
            Some(("c", rest)) => Ok(Self::Content(Some(after(rest)?))),
            Some(_) | None => Err(bad_cursor(text)),
        }
    }
}

impl Home {
    /// Finds a text, newest first, as it is but for case. A page looks at a bounded number of things, so it may be short,
    /// or empty, and not the last; whoever goes on to the last page has searched everything. With
    /// [`SearchKind::All`] the first page alone has agents, out of the newest; [`SearchKind::Agents`] searches all.
    /// At most [`SEARCHES_MAX`] run at one time, apart from other reads.
    ///
    /// # Errors
    /// An empty or too long text, a cursor that is none, or [`HomeError::Busy`].
    pub async fn search(&self, viewer: Option<&AgentSession>, query: &SearchQuery) -> Result<SearchPage, HomeError> {
        let text = query.text.trim().to_owned();
        if text.is_empty() || text.chars().count() > SEARCH_CHARS_MAX {
            return Err(HomeError::Invalid { field: "q", seen: shown(&text), allowed: "1 to 500 characters" });
        }
        let place = Place::read(query.cursor.as_deref())?;
        let limit = query.limit.unwrap_or(PAGE_SEARCH_DEFAULT).clamp(1, PAGE_SEARCH_MAX);
        let (viewer, kind) = (viewer.map(|session| session.id), query.kind);
        let cursor = query.cursor.clone();
        let _turn = self.inner.searches.turn().await?;
        self.read(move |inner| inner.search(viewer, &text, kind, &place, limit, cursor.as_deref())).await
    }
}

/// The searches under way and those that wait for their turn.
pub(crate) struct Searches {
    places: Semaphore,
    waiting: AtomicUsize,
}

impl Searches {
    pub(crate) fn new() -> Self {
        Self { places: Semaphore::new(SEARCHES_MAX), waiting: AtomicUsize::new(0) }
    }

    #[cfg(test)]
    pub(crate) async fn hold_all(&self) -> SemaphorePermit<'_> {
        self.places.acquire_many(u32::try_from(SEARCHES_MAX).unwrap_or(u32::MAX)).await.expect("an open semaphore")
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits for a place; refused when [`SEARCHES_WAITING_MAX`] wait already.
    async fn turn(&self) -> Result<SemaphorePermit<'_>, HomeError> {
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waits = Waits(&self.waiting);
        if waiting >= SEARCHES_WAITING_MAX {
            return Err(HomeError::Busy { what: "searches", waiting, allowed: SEARCHES_WAITING_MAX, retry_after_s: 2 });
        }
        self.places.acquire().await.map_err(|_| HomeError::Stopping)
    }
}

/// One that waits, until it has its place or its caller is gone.
struct Waits<'a>(&'a AtomicUsize);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Inner {
    fn search(
        &self,
        viewer: Option<AgentId>,
        text: &str,
        kind: SearchKind,
        place: &Place,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<SearchPage, HomeError> {
        let content = match kind {
            SearchKind::All => Some(views::SearchKind::All),
            SearchKind::Posts => Some(views::SearchKind::Posts),
            SearchKind::Comments => Some(views::SearchKind::Comments),
            SearchKind::Agents => None,
        };
        let mut found = SearchPage { items: Vec::new(), next: None };
        match (place, kind) {
            (Place::Start, SearchKind::All | SearchKind::Agents) => {
                found = self.agents_like(viewer, text, limit, (None, None))?;
            }
            (Place::Agents(after), SearchKind::Agents) => {
                found = self.agents_like(viewer, text, limit, (Some(after.as_ref()), cursor))?;
            }
            (Place::Start | Place::Content(_), SearchKind::Posts | SearchKind::Comments)
            | (Place::Content(_), SearchKind::All) => {}
            (Place::Agents(_), SearchKind::All | SearchKind::Posts | SearchKind::Comments)
            | (Place::Content(_), SearchKind::Agents) => return Err(bad_cursor(cursor.unwrap_or_default())),
        }
        if let Some(content) = content {
            let left = limit - found.items.len().min(limit);
            let after = if let Place::Content(after) = place { after.as_ref() } else { None };
            found.next = if left == 0 {
                Some("c".to_owned())
            } else {
                let page = views::search_substring(self.reader(), text, content, Paging::new(left, after))
                    .map_err(|error| query_error(error, cursor))?;
                for find in page.items {
                    found.items.push(self.found(viewer, find)?);
                }
                page.next.map(|next| format!("c{next}"))
            };
        }
        let mut shown = Vec::with_capacity(found.items.len());
        for item in found.items {
            if !self.hides(&item)? {
                shown.push(item);
            }
        }
        Ok(SearchPage { items: shown, next: found.next })
    }

    pub(crate) fn found(&self, viewer: Option<AgentId>, find: views::Found) -> Result<Found, HomeError> {
        let mut shower = Shower::new(self, viewer);
        match find {
            views::Found::Post(post) => Ok(Found::Post(shower.post(post)?)),
            views::Found::Comment(comment) => {
                let post = queries::posts::get(self.reader(), &comment.root)?;
                let post_title = post.map(|post| post.title).unwrap_or_default();
                let community = Some(shower.community_ref(&comment.signed.scope)?);
                Ok(Found::Comment { comment: shower.comment(comment)?, post_title, community })
            }
        }
    }

    pub(crate) fn hides(&self, item: &Found) -> Result<bool, HomeError> {
        Ok(match item {
            Found::Post(post) => self.parts.policy.hides(&Item::Post(post)).is_some(),
            Found::Comment { comment, .. } => self.hidden_by(&comment.id)?.is_some(),
            Found::Agent(agent) => self.hides_agent(agent.author.id),
        })
    }

    /// The agents of exactly this name first, then those whose name or description has the text, newest first.
    fn agents_like(
        &self,
        viewer: Option<AgentId>,
        text: &str,
        limit: usize,
        (behind, cursor): (Option<Option<&After>>, Option<&str>),
    ) -> Result<SearchPage, HomeError> {
        let mut exact = match self.agent_named(text) {
            Ok(id) => vec![id],
            Err(HomeError::Ambiguous { candidates, .. }) => candidates.into_iter().map(|known| known.id).collect(),
            Err(HomeError::NotFound { what: Thing::Agent, .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        exact.truncate(limit);
        let mut items = Vec::with_capacity(limit);
        if behind.is_none() {
            for id in &exact {
                items.push(Found::Agent(self.agent(viewer, *id)?));
            }
        }
        let left = limit - items.len();
        if left == 0 {
            return Ok(SearchPage { items, next: Some("a".to_owned()) });
        }
        let page = views::search_agents(self.reader(), text, Paging::new(left, behind.flatten()))
            .map_err(|error| query_error(error, cursor))?;
        for agent in page.items {
            if !exact.contains(&agent.id.as_agent()) {
                items.push(Found::Agent(Shower::new(self, viewer).agent(agent)?));
            }
        }
        Ok(SearchPage { items, next: page.next.map(|next| format!("a{next}")) })
    }
}
