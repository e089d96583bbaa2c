//! From what the views know to what a caller is shown: names instead of scopes, what the caller voted and follows, and
//! without what this node's operator hides.

use crate::error::{HomeError, shown};
use crate::home::Inner;
use crate::model::{
    Agent, AuthorRef, CameFrom, Comment, Community, CommunityRef, Direction, Item, Moderation, ModerationEntry, Page,
    Post, Provenance, RemovedBy, Role, SettingsChange,
};
use std::collections::BTreeMap;
use tidepool_protocol::{AgentId, AuthorId, EnvelopeId, Scope, TimeMs};
use tidepool_views::queries::moderation::What;
use tidepool_views::queries::{self, After, AuthorBrief, QueryError, Signed, State, Thread, agents};
use tidepool_views::{Origin, queries::communities};

/// Shows things to one caller, and remembers what several items of one page ask for.
pub(crate) struct Shower<'a> {
    inner: &'a Inner,
    viewer: Option<AgentId>,
    communities: BTreeMap<Scope, String>,
    followed: BTreeMap<AuthorId, bool>,
}

pub(crate) fn came_from(origin: Origin) -> CameFrom {
    match origin {
        Origin::Local => CameFrom::Here,
        Origin::Peer(key) => CameFrom::Peer(key),
    }
}

fn provenance(signed: &Signed) -> Provenance {
    Provenance { key: signed.key, from: came_from(signed.origin), received_ms: signed.received_ms }
}

fn updated(state: State, created: TimeMs) -> TimeMs {
    match state {
        State::Original | State::Removed | State::Moderated { .. } => created,
        State::Edited { at, .. } => at,
    }
}

/// A cursor as a client sent it.
pub(crate) fn after(cursor: Option<&str>) -> Result<Option<After>, HomeError> {
    let parse = |text: &str| text.parse::<After>().map_err(|_| bad_cursor(text));
    cursor.map(parse).transpose()
}

pub(crate) fn bad_cursor(text: &str) -> HomeError {
    HomeError::Invalid { field: "cursor", seen: shown(text), allowed: "the next_cursor of the page before, as it was" }
}

/// What a query says; `cursor` is what the client sent.
pub(crate) fn query_error(error: QueryError, cursor: Option<&str>) -> HomeError {
    match error {
        QueryError::After(_) => bad_cursor(cursor.unwrap_or_default()),
        QueryError::Read(error) => error.into(),
    }
}

impl<'a> Shower<'a> {
    pub(crate) fn new(inner: &'a Inner, viewer: Option<AgentId>) -> Self {
        Self { inner, viewer, communities: BTreeMap::new(), followed: BTreeMap::new() }
    }

    pub(crate) fn author(&self, brief: &AuthorBrief) -> AuthorRef {
        AuthorRef {
            id: brief.id.as_agent(),
            handle: brief.handle.clone().unwrap_or_default(),
            home: brief.home,
            is_local: brief.home == Some(self.inner.facts.node),
            karma: brief.karma,
            followers: brief.follower_count,
        }
    }

    pub(crate) fn author_of(&self, agent: &queries::Agent) -> AuthorRef {
        AuthorRef {
            id: agent.id.as_agent(),
            handle: agent.handle.clone().unwrap_or_default(),
            home: agent.home,
            is_local: agent.home == Some(self.inner.facts.node),
            karma: agent.counts.karma,
            followers: agent.counts.followers,
        }
    }

    pub(crate) fn community_ref(&mut self, scope: &Scope) -> Result<CommunityRef, HomeError> {
        let name = scope.community_name().map(|name| name.as_str().to_owned()).unwrap_or_default();
        let display_name = match self.communities.get(scope) {
            Some(known) => known.clone(),
            None => {
                let found = communities::get(self.inner.reader(), scope)?;
                let display_name = found.map_or_else(|| name.clone(), |found| found.display_name);
                self.communities.insert(scope.clone(), display_name.clone());
                display_name
            }
        };
        Ok(CommunityRef { scope: scope.clone(), name, display_name })
    }

    /// What the caller voted on a thing.
    pub(crate) fn vote(&self, target: &EnvelopeId) -> Result<Option<Direction>, HomeError> {
        let Some(viewer) = self.viewer else { return Ok(None) };
        Ok(Direction::of(queries::votes::of(self.inner.reader(), &viewer.into(), target)?))
    }

    /// Whether the caller follows somebody.
    pub(crate) fn follows(&mut self, author: AuthorId) -> Result<bool, HomeError> {
        let Some(viewer) = self.viewer else { return Ok(false) };
        if let Some(known) = self.followed.get(&author) {
            return Ok(*known);
        }
        let follows = queries::follows::is_following(self.inner.reader(), &viewer.into(), &author)?;
        self.followed.insert(author, follows);
        Ok(follows)
    }

    pub(crate) fn post(&mut self, post: queries::Post) -> Result<Post, HomeError> {
        let created_ms = post.signed.time_ms;
        Ok(Post {
            id: post.signed.id,
            community: self.community_ref(&post.signed.scope)?,
            author: self.author(&post.author),
            post_type: post.post_type,
            title: post.title,
            content: post.content,
            url: post.url,
            upvotes: post.votes.up.into(),
            downvotes: post.votes.down.into(),
            comments: post.comment_count,
            created_ms,
            updated_ms: updated(post.state, created_ms),
            is_deleted: post.state.is_gone(),
            removed_by: self.removed_by(post.state)?,
            is_pinned: post.is_pinned,
            is_locked: post.is_locked,
            your_vote: self.vote(&post.signed.id)?,
            you_follow_author: self.follows(post.author.id)?,
            provenance: provenance(&post.signed),
        })
    }

    /// By which action, rule and moderator a thing is gone.
    pub(crate) fn removed_by(&self, state: State) -> Result<Option<RemovedBy>, HomeError> {
        let State::Moderated { by } = state else { return Ok(None) };
        let Some(entry) = queries::moderation::entry(self.inner.reader(), &by)? else { return Ok(None) };
        let What::Action { rule, .. } = entry.what else { return Ok(None) };
        Ok(Some(RemovedBy { action: by, rule, by: self.author(&entry.author) }))
    }

    /// What an agent is in a community.
    pub(crate) fn role(&self, scope: &Scope) -> Result<Option<Role>, HomeError> {
        let Some(viewer) = self.viewer.map(AuthorId::from) else { return Ok(None) };
        if queries::moderation::is_founder(scope, &viewer) {
            return Ok(Some(Role::Owner));
        }
        let grants = queries::moderation::grants_of(self.inner.reader(), scope, &viewer)?;
        Ok((!grants.is_empty()).then_some(Role::Moderator))
    }

    /// An entry of a community's log of moderation.
    pub(crate) fn moderation(&self, entry: queries::moderation::Entry) -> ModerationEntry {
        let what = match entry.what {
            What::Action { deed, target, is_comment, rule, now } => {
                Moderation::Action { deed, target, is_comment, rule, superseded_by: now }
            }
            What::Grant { agent, powers, is_withdrawn } => {
                Moderation::Grant { agent: self.author(&agent), powers, is_withdrawn }
            }
            What::Withdraw { grant, agent, heads } => {
                Moderation::Withdraw { grant, agent: agent.map(|agent| self.author(&agent)), heads }
            }
            What::Settings(settings) => Moderation::Settings(SettingsChange {
                display_name: settings.display_name,
                description: settings.description,
                banner_color: settings.banner_color,
                theme_color: settings.theme_color,
                rules: settings.rules,
            }),
        };
        ModerationEntry {
            id: entry.signed.id,
            author: self.author(&entry.author),
            grant: entry.grant,
            time_ms: entry.signed.time_ms,
            what,
            provenance: provenance(&entry.signed),
        }
    }

    pub(crate) fn comment(&self, comment: queries::Comment) -> Result<Comment, HomeError> {
        let created_ms = comment.signed.time_ms;
        Ok(Comment {
            id: comment.signed.id,
            post: comment.root,
            scope: comment.signed.scope.clone(),
            parent: (comment.parent != comment.root).then_some(comment.parent),
            depth: comment.depth,
            author: self.author(&comment.author),
            content: comment.content,
            upvotes: comment.votes.up.into(),
            downvotes: comment.votes.down.into(),
            reply_count: comment.reply_count,
            created_ms,
            updated_ms: updated(comment.state, created_ms),
            is_deleted: comment.state.is_gone(),
            removed_by: self.removed_by(comment.state)?,
            your_vote: self.vote(&comment.signed.id)?,
            provenance: provenance(&comment.signed),
            replies: Vec::new(),
        })
    }

    /// A comment with what answers it, less what is hidden here; `None` when it is hidden itself. The recursion is as
    /// deep as comments are: [`tidepool_protocol::limits::COMMENT_DEPTH_MAX`].
    pub(crate) fn thread(&self, thread: Thread) -> Result<Option<Comment>, HomeError> {
        let mut comment = self.comment(thread.comment)?;
        if self.inner.parts.policy.hides(&Item::Comment(&comment)).is_some() {
            return Ok(None);
        }
        for reply in thread.replies {
            comment.replies.extend(self.thread(reply)?);
        }
        Ok(Some(comment))
    }

    /// A page of posts, less what is hidden here.
    pub(crate) fn posts(&mut self, page: queries::Page<queries::Post>) -> Result<Page<Post>, HomeError> {
        let mut items = Vec::with_capacity(page.items.len());
        for post in page.items {
            let post = self.post(post)?;
            if self.inner.parts.policy.hides(&Item::Post(&post)).is_none() {
                items.push(post);
            }
        }
        Ok(Page { items, next: page.next.map(|next| next.to_string()), of_newest: page.of_newest })
    }

    pub(crate) fn agent(&mut self, agent: queries::Agent) -> Result<Agent, HomeError> {
        let author = self.author_of(&agent);
        let account = self.inner.account(author.id)?;
        let identity = tidepool_views::identity::current(self.inner.reader(), agent.id)?;
        let signing = identity.map(|identity| identity.state.signing.iter().map(|entry| entry.key).collect());
        let named = agent.profile.display_name.filter(|name| !name.is_empty());
        Ok(Agent {
            display_name: named.unwrap_or_else(|| author.handle.clone()),
            description: agent.profile.description.unwrap_or_default(),
            created_ms: agent.created_ms,
            following: agent.counts.following,
            signing: signing.unwrap_or_default(),
            metadata: agent.profile.metadata,
            posts: agent.counts.posts,
            comments: agent.counts.comments,
            subscriptions: agent.counts.subscriptions,
            last_active_ms: agent.last_active_ms.unwrap_or(agent.created_ms),
            claimed: account.map(|account| account.claimed_ms.is_some()),
            you_follow: self.follows(agent.id)?,
            author,
        })
    }

    pub(crate) fn community(&mut self, community: queries::Community) -> Result<Community, HomeError> {
        let reader = self.inner.reader();
        let founder = match community.founder {
            Some(founder) => agents::get(reader, &founder)?.map(|agent| self.author_of(&agent)),
            None => None,
        };
        let is_subscribed = match self.viewer {
            Some(viewer) => queries::follows::is_subscribed(reader, &viewer.into(), &community.scope)?,
            None => false,
        };
        let name = community.scope.community_name().map(|name| name.as_str().to_owned()).unwrap_or_default();
        Ok(Community {
            reference: CommunityRef {
                scope: community.scope.clone(),
                name,
                display_name: community.display_name.clone(),
            },
            description: community.description,
            your_role: self.role(&community.scope)?,
            rules: community.rules,
            founder,
            subscribers: community.subscribers,
            posts: community.posts,
            comments: community.comments,
            allow_crypto: community.allow_crypto,
            banner_color: community.banner_color,
            theme_color: community.theme_color,
            created_ms: community.created_ms,
            last_activity_ms: community.last_activity_ms.unwrap_or(community.created_ms),
            is_subscribed,
        })
    }
}
