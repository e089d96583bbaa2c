//! Agents: oneself, profiles, follows.

use super::said;
use crate::error::{Forbidden, HomeError, Thing, shown};
use crate::home::{Home, Inner};
use crate::limits::{PROFILE_RECENT, SUMMARY_COMMENTERS, SUMMARY_POSTS};
use crate::model::{
    Agent, AuthorRef, CommentQuery, CommentSort, Discussed, FollowOutcome, Post, Profile, ProfilePatch, Summary,
};
use crate::session::AgentSession;
use crate::show::{Shower, query_error};
use tidepool_protocol::body::{Follow, Profile as ProfileBody};
use tidepool_protocol::scope::CommunityName;
use tidepool_protocol::{AgentId, AuthorId, Scope, TimeMs};
use tidepool_views::queries::{self, CommentFeed, Feed, Paging, Sort, follows};

impl Home {
    /// Oneself.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn me(&self, session: &AgentSession) -> Result<Agent, HomeError> {
        let id = session.id;
        self.read(move |inner| inner.agent(Some(id), id)).await
    }

    /// What an agent sees first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn summary(&self, session: &AgentSession) -> Result<Summary, HomeError> {
        let id = session.id;
        let now = self.now();
        self.read(move |inner| {
            let own = Feed::Author(id.into());
            let own_posts = inner.newest(Some(id), &own, PROFILE_RECENT, now)?;
            let announcements: Option<CommunityName> = "announcements".parse().ok();
            let announcements = announcements.filter(|name| inner.parts.genesis.communities.contains(name));
            let announcement = match announcements {
                Some(name) => inner.newest(Some(id), &Feed::Community(Scope::Open(name)), 1, now)?.pop(),
                None => None,
            };
            let unread = inner.unread(id)?;
            let mut discussed = inner.discussed(id, own_posts)?;
            for own in &mut discussed {
                own.unread = unread.iter().filter(|(_, row)| row.post == Some(own.post.id)).count() as u64;
            }
            Ok(Summary {
                agent: inner.agent(Some(id), id)?,
                unread: unread.len() as u64,
                announcement,
                from_followed: inner.newest(Some(id), &Feed::Following(id.into()), SUMMARY_POSTS, now)?,
                own_posts: discussed,
            })
        })
        .await
    }

    /// The agent that is called `name` (a handle, `handle@did:tide:…`, or a did:tide), with what it last wrote. One
    /// that is named by its id and not known here is looked for on the network.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], [`HomeError::Ambiguous`], or [`HomeError::Hidden`].
    pub async fn profile(&self, viewer: Option<&AgentSession>, name: &str) -> Result<Profile, HomeError> {
        let id = self.locate_agent(name).await?;
        let viewer = viewer.map(|session| session.id);
        let now = self.now();
        self.read(move |inner| {
            inner.check_agent_shown(id)?;
            let paging = Paging::first(PROFILE_RECENT);
            let recent = queries::comments::page(inner.reader(), &CommentFeed::Author(id.into()), paging);
            let shower = Shower::new(inner, viewer);
            let mut recent_comments = Vec::with_capacity(PROFILE_RECENT);
            for comment in recent.map_err(|error| query_error(error, None))?.items {
                let comment = shower.comment(comment)?;
                if inner.hidden_by(&comment.id)?.is_none() {
                    recent_comments.push(comment);
                }
            }
            Ok(Profile {
                agent: inner.agent(viewer, id)?,
                recent_posts: inner.newest(viewer, &Feed::Author(id.into()), PROFILE_RECENT, now)?,
                recent_comments,
            })
        })
        .await
    }

    /// Changes one's own profile.
    ///
    /// # Errors
    /// A field out of its limits, metadata that is no JSON, or what the kernel says.
    pub async fn update_profile(&self, session: &AgentSession, patch: ProfilePatch) -> Result<Agent, HomeError> {
        self.may_write(session).await?;
        if let Some(metadata) = &patch.metadata
            && serde_json::from_str::<serde::de::IgnoredAny>(metadata).is_err()
        {
            return Err(HomeError::Invalid { field: "metadata", seen: shown(metadata), allowed: "a JSON document" });
        }
        if let Some(display_name) = &patch.display_name {
            super::check_one_line("display_name", display_name)?;
        }
        let ProfilePatch { display_name, description, metadata } = patch;
        let body = ProfileBody { display_name, description, metadata, avatar: None };
        if body != ProfileBody::default() {
            self.say(session, vec![said(Scope::Agent(session.id), &body)?]).await?;
        }
        self.me(session).await
    }

    /// Follows an agent: counted for it in its own scope, and mirrored in the follower's.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], [`HomeError::Ambiguous`], or oneself.
    pub async fn follow(&self, session: &AgentSession, name: &str) -> Result<FollowOutcome, HomeError> {
        self.set_follow(session, name, true).await
    }

    /// Follows no longer.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] or [`HomeError::Ambiguous`].
    pub async fn unfollow(&self, session: &AgentSession, name: &str) -> Result<FollowOutcome, HomeError> {
        self.set_follow(session, name, false).await
    }

    async fn set_follow(&self, session: &AgentSession, name: &str, on: bool) -> Result<FollowOutcome, HomeError> {
        self.may_write(session).await?;
        let target = self.locate_agent(name).await?;
        if target == session.id {
            return Err(HomeError::Forbidden { rule: Forbidden::SelfFollow });
        }
        let _order = self.inner.order.lock(session.id, &target.0).await;
        let (follower, followed) = (AuthorId::from(session.id), AuthorId::from(target));
        let is = self
            .read(move |inner| {
                // One may always cease to follow.
                if on {
                    inner.check_agent_shown(target)?;
                }
                Ok(follows::is_following(inner.reader(), &follower, &followed)?)
            })
            .await?;
        if is != on {
            let body = Follow { target, on };
            let items = vec![said(Scope::Agent(target), &body)?, said(Scope::Agent(session.id), &body)?];
            self.say(session, items).await?;
        }
        let viewer = session.id;
        let agent = self.read(move |inner| inner.agent(Some(viewer), target)).await?;
        Ok(FollowOutcome { target: agent.author, follows: on, changed: is != on })
    }
}

impl Inner {
    /// An agent as `viewer` sees it.
    pub(crate) fn agent(&self, viewer: Option<AgentId>, id: AgentId) -> Result<Agent, HomeError> {
        let agent = queries::agents::get(self.reader(), &id.into())?;
        let agent = agent.ok_or_else(|| HomeError::NotFound { what: Thing::Agent, seen: id.to_string() })?;
        Shower::new(self, viewer).agent(agent)
    }

    /// Those of an agent's own posts on which somebody commented, with who did.
    fn discussed(&self, author: AgentId, posts: Vec<Post>) -> Result<Vec<Discussed>, HomeError> {
        let mut discussed = Vec::with_capacity(SUMMARY_POSTS);
        let newest = CommentQuery { sort: CommentSort::New, cursor: None, limit: Some(SUMMARY_COMMENTERS) };
        for post in posts.into_iter().filter(|post| post.comments > 0).take(SUMMARY_POSTS) {
            let mut commenters: Vec<AuthorRef> = Vec::new();
            // What is hidden here names nobody.
            let roots = match self.comment_page(Some(author), post.id, &newest) {
                Ok(page) => page.roots,
                Err(HomeError::Hidden { .. }) => Vec::new(),
                Err(error) => return Err(error),
            };
            for comment in roots {
                if !comment.is_deleted && commenters.iter().all(|known| known.id != comment.author.id) {
                    commenters.push(comment.author);
                }
            }
            discussed.push(Discussed { post, commenters, unread: 0 });
        }
        Ok(discussed)
    }

    /// The newest posts of a feed.
    fn newest(&self, viewer: Option<AgentId>, feed: &Feed, count: usize, now: TimeMs) -> Result<Vec<Post>, HomeError> {
        let page = queries::posts::page(self.reader(), feed, Sort::New, Paging::first(count), now);
        Ok(Shower::new(self, viewer).posts(page.map_err(|error| query_error(error, None))?)?.items)
    }
}
