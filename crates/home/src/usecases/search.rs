//! Search by substring: what there is before full text.

use crate::error::{HomeError, Thing, shown};
use crate::home::{Home, Inner};
use crate::limits::{PAGE_SEARCH_DEFAULT, PAGE_SEARCH_MAX, SEARCH_AGENTS_MAX, SEARCH_CHARS_MAX};
use crate::model::{Agent, Found, Item, SearchKind, SearchPage, SearchQuery};
use crate::session::AgentSession;
use crate::show::{Shower, bad_cursor, query_error};
use tidepool_protocol::AgentId;
use tidepool_views::queries::{self, Paging, search as views};

/// How a cursor of a search begins; behind it stands how many finds were given.
const CURSOR_PREFIX: &str = "s";

impl Home {
    /// Finds a text, newest first, as it is but for case, among the newest posts, comments and agents.
    ///
    /// # Errors
    /// An empty or too long text, or a cursor that is none.
    pub async fn search(&self, viewer: Option<&AgentSession>, query: &SearchQuery) -> Result<SearchPage, HomeError> {
        let text = query.text.trim().to_owned();
        if text.is_empty() || text.chars().count() > SEARCH_CHARS_MAX {
            return Err(HomeError::Invalid { field: "q", seen: shown(&text), allowed: "1 to 500 characters" });
        }
        let skip = skip_of(query.cursor.as_deref())?;
        let limit = query.limit.unwrap_or(PAGE_SEARCH_DEFAULT).clamp(1, PAGE_SEARCH_MAX);
        let (viewer, kind) = (viewer.map(|session| session.id), query.kind);
        self.read(move |inner| inner.search(viewer, &text, kind, skip, limit)).await
    }
}

fn skip_of(cursor: Option<&str>) -> Result<usize, HomeError> {
    let Some(text) = cursor else { return Ok(0) };
    let skip = text.strip_prefix(CURSOR_PREFIX).and_then(|rest| rest.parse().ok());
    skip.filter(|skip| *skip <= 2 * views::SEARCH_WINDOW + SEARCH_AGENTS_MAX).ok_or_else(|| bad_cursor(text))
}

impl Inner {
    fn search(
        &self,
        viewer: Option<AgentId>,
        text: &str,
        kind: SearchKind,
        skip: usize,
        limit: usize,
    ) -> Result<SearchPage, HomeError> {
        // One more than the page, to know whether another follows.
        let mut items = Vec::with_capacity(limit + 1);
        let mut given = 0;
        if matches!(kind, SearchKind::All | SearchKind::Agents) {
            for agent in self.agents_like(viewer, text)? {
                if given >= skip && items.len() <= limit {
                    items.push(Found::Agent(agent));
                }
                given += 1;
            }
        }
        let content = match kind {
            SearchKind::All => Some(views::SearchKind::All),
            SearchKind::Posts => Some(views::SearchKind::Posts),
            SearchKind::Comments => Some(views::SearchKind::Comments),
            SearchKind::Agents => None,
        };
        if let Some(content) = content
            && items.len() <= limit
        {
            let left = limit + 1 - items.len();
            let found = views::search_substring(self.reader(), text, content, skip.saturating_sub(given), left)?;
            for find in found {
                items.push(self.found(viewer, find)?);
            }
        }
        let next = (items.len() > limit).then(|| format!("{CURSOR_PREFIX}{}", skip + limit));
        items.truncate(limit);
        items.retain(|item| !self.hides(item));
        Ok(SearchPage { items, next })
    }

    fn found(&self, viewer: Option<AgentId>, find: views::Found) -> Result<Found, HomeError> {
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

    fn hides(&self, item: &Found) -> bool {
        let rule = match item {
            Found::Post(post) => self.parts.policy.hides(&Item::Post(post)),
            Found::Comment { comment, .. } => self.parts.policy.hides(&Item::Comment(comment)),
            Found::Agent(_) => None,
        };
        rule.is_some()
    }

    /// The agent of exactly this name first, then of the newest ones those whose name or description has the text.
    fn agents_like(&self, viewer: Option<AgentId>, text: &str) -> Result<Vec<Agent>, HomeError> {
        let mut found = Vec::new();
        match self.agent_named(text) {
            Ok(id) => found.push(self.agent(viewer, id)?),
            Err(HomeError::Ambiguous { candidates, .. }) => {
                for candidate in candidates {
                    found.push(self.agent(viewer, candidate.id)?);
                }
            }
            Err(HomeError::NotFound { what: Thing::Agent, .. }) => {}
            Err(error) => return Err(error),
        }
        let wanted = text.to_lowercase();
        let mut behind = None;
        let mut looked_at = 0;
        while looked_at < SEARCH_AGENTS_MAX {
            let page = queries::agents::recent(self.reader(), Paging::new(queries::PAGE_MAX, behind.as_ref()))
                .map_err(|error| query_error(error, None))?;
            looked_at += page.items.len();
            for agent in page.items {
                let has = |part: Option<&String>| part.is_some_and(|part| part.to_lowercase().contains(&wanted));
                let profile = &agent.profile;
                let fits = has(agent.handle.as_ref())
                    || has(profile.display_name.as_ref())
                    || has(profile.description.as_ref());
                if fits && !found.iter().any(|known| known.author.id == agent.id.as_agent()) {
                    found.push(Shower::new(self, viewer).agent(agent)?);
                }
            }
            match page.next {
                Some(next) => behind = Some(next),
                None => break,
            }
        }
        Ok(found)
    }
}
