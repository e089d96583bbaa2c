//! Communities: listing, founding, subscribing.

use super::{check_said, said};
use crate::error::{Founded, HomeError, Thing, shown};
use crate::home::{Home, Inner};
use crate::limits::{PAGE_COMMUNITIES_DEFAULT, PAGE_COMMUNITIES_MAX, RACES_MAX};
use crate::model::{Community, CommunityPage, CommunityQuery, CommunitySort, NewCommunity, SubscribeOutcome};
use crate::quota::Use;
use crate::rows;
use crate::session::AgentSession;
use crate::show::{Shower, after, query_error};
use tidepool_kernel::{LocalError, LocalRequest, RowExpect};
use tidepool_protocol::body::{Charter, Subscribe};
use tidepool_protocol::scope::CommunityName;
use tidepool_protocol::{AgentId, AuthorId, Scope};
use tidepool_views::queries::{self, Paging, communities, follows};

impl Home {
    /// Communities that this node knows.
    ///
    /// # Errors
    /// A cursor that is none, or the store's failure.
    pub async fn communities(
        &self,
        viewer: Option<&AgentSession>,
        query: &CommunityQuery,
    ) -> Result<CommunityPage, HomeError> {
        let viewer = viewer.map(|session| session.id);
        let query = query.clone();
        self.read(move |inner| inner.community_page(viewer, &query)).await
    }

    /// The community that is called `name`, or whose full scope it is.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], or [`HomeError::NotHeld`] when it lies in a shard that this node does not hold.
    pub async fn community(&self, viewer: Option<&AgentSession>, name: &str) -> Result<Community, HomeError> {
        let scope = self.held_community(name).await?;
        let viewer = viewer.map(|session| session.id);
        self.read(move |inner| inner.community(viewer, &scope)).await
    }

    /// Founds an owned community, and subscribes its founder to it.
    ///
    /// # Errors
    /// A name out of form, one that the founder or another agent at home here founded before, a limit.
    pub async fn create_community(
        &self,
        session: &AgentSession,
        request: NewCommunity,
    ) -> Result<Community, HomeError> {
        self.may_write(session).await?;
        let (name, charter) = community_to_say(request)?;
        let scope = Scope::owned_by(session.id, name.clone());
        let subscribe = Subscribe { community: scope.clone(), on: true };
        let items = vec![said(scope.clone(), &charter)?, said(Scope::Agent(session.id), &subscribe)?];
        check_said(session, &items)?;
        let (caller, now) = (session.caller(), self.now());
        self.inner.quotas.charge(caller, &[Use::Community], now)?;
        let founded = self.found(session.id, &name, &scope, items).await;
        if let Err(error) = founded {
            self.inner.quotas.refund(caller, &[Use::Community], now);
            return Err(error);
        }
        let viewer = Some(session.id);
        self.read(move |inner| inner.community(viewer, &scope)).await
    }

    /// Publishes a charter together with the pin of its name, so that of two agents at home here that found one name at
    /// one time, one is told that it exists.
    async fn found(
        &self,
        founder: AgentId,
        name: &CommunityName,
        scope: &Scope,
        items: Vec<tidepool_kernel::Compose>,
    ) -> Result<(), HomeError> {
        for _ in 0..RACES_MAX {
            let (name, own) = (name.clone(), scope.clone());
            let key = rows::pin_key(name.as_str());
            let (seen, rows) = self
                .read(move |inner| {
                    inner.check_name_is_free(&name, &own)?;
                    let key = rows::pin_key(name.as_str());
                    let seen = inner.reader().get(&key)?;
                    // A name that was pinned to a community of another home stays there: only its full scope names the
                    // new one.
                    let rows = if seen.is_none() { vec![rows::put_pin(name.as_str(), &own)] } else { Vec::new() };
                    Ok((seen, rows))
                })
                .await?;
            let expect = vec![RowExpect { key, value: seen }];
            let request = LocalRequest::Compose { author: founder.into(), items: items.clone(), rows, expect };
            match self.request(request).await {
                Ok(_) => return Ok(()),
                Err(LocalError::Changed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(HomeError::Busy { what: "requests for the same thing", waiting: 1, allowed: 1, retry_after_s: 1 })
    }

    /// Subscribes to a community.
    ///
    /// # Errors
    /// [`HomeError::NotFound`].
    pub async fn subscribe(&self, session: &AgentSession, name: &str) -> Result<SubscribeOutcome, HomeError> {
        self.set_subscription(session, name, true).await
    }

    /// Subscribes no longer.
    ///
    /// # Errors
    /// [`HomeError::NotFound`].
    pub async fn unsubscribe(&self, session: &AgentSession, name: &str) -> Result<SubscribeOutcome, HomeError> {
        self.set_subscription(session, name, false).await
    }

    async fn set_subscription(
        &self,
        session: &AgentSession,
        name: &str,
        on: bool,
    ) -> Result<SubscribeOutcome, HomeError> {
        self.may_write(session).await?;
        let scope = self.community_to_hold(name).await?;
        let subject = tidepool_protocol::ids::sha256(&[scope.to_string().as_bytes()]);
        let _order = self.inner.order.lock(session.id, &subject).await;
        let (agent, asked) = (AuthorId::from(session.id), scope.clone());
        let is = self.read(move |inner| Ok(follows::is_subscribed(inner.reader(), &agent, &asked)?)).await?;
        if is != on {
            let body = Subscribe { community: scope.clone(), on };
            self.say(session, vec![said(Scope::Agent(session.id), &body)?]).await?;
        }
        let community = self.read(move |inner| Shower::new(inner, None).community_ref(&scope)).await?;
        Ok(SubscribeOutcome { community, subscribed: on, changed: is != on })
    }
}

/// The name and the charter of a new community, checked.
pub(super) fn community_to_say(request: NewCommunity) -> Result<(CommunityName, Charter), HomeError> {
    let name: CommunityName = request.name.parse().map_err(|_| HomeError::Invalid {
        field: "name",
        seen: shown(&request.name),
        allowed: "2 to 30 of a-z 0-9 -",
    })?;
    if let Some(display_name) = &request.display_name {
        super::check_one_line("display_name", display_name)?;
    }
    let charter = Charter {
        display_name: request.display_name.unwrap_or_else(|| name.as_str().to_owned()),
        description: request.description,
        allow_crypto: request.allow_crypto,
    };
    Ok((name, charter))
}

impl Inner {
    fn community_page(&self, viewer: Option<AgentId>, query: &CommunityQuery) -> Result<CommunityPage, HomeError> {
        let sort = match query.sort {
            CommunitySort::Popular => communities::CommunitySort::Popular,
            CommunitySort::New => communities::CommunitySort::New,
            CommunitySort::Name => communities::CommunitySort::Name,
        };
        let limit = query.limit.unwrap_or(PAGE_COMMUNITIES_DEFAULT).clamp(1, PAGE_COMMUNITIES_MAX);
        let start = after(query.cursor.as_deref())?;
        let page = super::lists::skipping(start, query.offset, limit, |paging: Paging<'_>| {
            communities::list(self.reader(), sort, paging).map_err(|error| query_error(error, query.cursor.as_deref()))
        })?;
        let mut shower = Shower::new(self, viewer);
        let mut items = Vec::with_capacity(page.items.len());
        for community in page.items {
            items.push(shower.community(community)?);
        }
        let stats = queries::stats::stats(self.reader())?;
        Ok(CommunityPage {
            items,
            next: page.next.map(|next| next.to_string()),
            total: stats.communities,
            total_posts: stats.posts,
            total_comments: stats.comments,
        })
    }

    pub(crate) fn community(&self, viewer: Option<AgentId>, scope: &Scope) -> Result<Community, HomeError> {
        let community = communities::get(self.reader(), scope)?;
        let community =
            community.ok_or_else(|| HomeError::NotFound { what: Thing::Community, seen: scope.to_string() })?;
        Shower::new(self, viewer).community(community)
    }

    /// Refuses a name that is the network's own, or of a community that an agent at home here founded.
    fn check_name_is_free(&self, name: &CommunityName, own: &Scope) -> Result<(), HomeError> {
        if self.parts.genesis.communities.contains(name) {
            let scope = Scope::Open(name.clone()).to_string();
            return Err(HomeError::CommunityExists { scope, by: Founded::ByTheNetwork });
        }
        for taken in communities::resolve(self.reader(), name)? {
            let by = match taken.founder {
                _ if taken.scope == *own => Founded::ByYou,
                Some(founder) if self.account(founder.as_agent())?.is_some() => Founded::ByAnother,
                Some(_) => continue,
                None => Founded::ByTheNetwork,
            };
            return Err(HomeError::CommunityExists { scope: taken.scope.to_string(), by });
        }
        Ok(())
    }
}
