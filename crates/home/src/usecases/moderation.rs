//! Moderation: what founders and moderators do, and what anybody may read of it.

use super::said;
use crate::error::{Forbidden, HomeError, Thing};
use crate::home::{Home, Inner};
use crate::limits::{PAGE_COMMUNITIES_DEFAULT, PAGE_COMMUNITIES_MAX};
use crate::model::{
    ModerationEntry, ModerationOutcome, Moderator, Page, PageQuery, Reported, Role, SettingsChange, Votable,
};
use crate::session::AgentSession;
use crate::show::{Shower, after, query_error};
use tidepool_kernel::Compose;
use tidepool_protocol::body::{Action, Deed, Grant, Head, Powers, Report, Settings, Withdraw};
use tidepool_protocol::ids::sha256;
use tidepool_protocol::limits::HEADS_MAX;
use tidepool_protocol::{AgentId, AuthorId, EnvelopeId, PublicKey, Scope};
use tidepool_views::logs;
use tidepool_views::queries::moderation::{self, PINS_MAX};
use tidepool_views::queries::{self, Paging, State, agents, communities};

/// Under whose name requests that change one community wait for one another, whoever sends them.
const COMMUNITY: AgentId = AgentId([0; 32]);

fn subject(scope: &Scope) -> [u8; 32] {
    sha256(&[b"moderation", scope.to_string().as_bytes()])
}

impl Home {
    /// The founder and the moderators of a community, the founder first.
    ///
    /// # Errors
    /// [`HomeError::NotFound`].
    pub async fn moderators(&self, name: &str) -> Result<Vec<Moderator>, HomeError> {
        let scope = self.held_community(name).await?;
        self.read(move |inner| inner.moderators(&scope)).await
    }

    /// Makes an agent a moderator. One that has these powers already keeps its grant.
    ///
    /// # Errors
    /// [`HomeError::Forbidden`] for whoever did not found the community, [`HomeError::NotFound`].
    pub async fn add_moderator(
        &self,
        session: &AgentSession,
        name: &str,
        agent: &str,
        powers: Powers,
    ) -> Result<ModerationOutcome, HomeError> {
        self.may_write(session).await?;
        let scope = self.held_community(name).await?;
        let owner = session.id;
        let asked = scope.clone();
        self.read(move |inner| inner.check_owner(&asked, owner)).await?;
        let agent = self.locate_agent(agent).await?;
        if agent == owner {
            return Err(HomeError::Forbidden { rule: Forbidden::OwnerAlready });
        }
        let _order = self.inner.order.lock(COMMUNITY, &subject(&scope)).await;
        let asked = scope.clone();
        let grants = self.read(move |inner| Ok(moderation::grants_of(inner.reader(), &asked, &agent.into())?)).await?;
        if grants.iter().any(|grant| grant.powers.has(powers)) {
            return self.moderated(scope, None).await;
        }
        let receipt = self.say(session, vec![said(scope.clone(), &Grant { agent, powers })?]).await?;
        self.moderated(scope, Some(Self::first_id(&receipt))).await
    }

    /// Dismisses a moderator: every grant of it is withdrawn, and what it did until now, as far as this node knows,
    /// stands.
    ///
    /// # Errors
    /// [`HomeError::Forbidden`] for whoever did not found the community, [`HomeError::NotFound`].
    pub async fn remove_moderator(
        &self,
        session: &AgentSession,
        name: &str,
        agent: &str,
    ) -> Result<ModerationOutcome, HomeError> {
        self.may_write(session).await?;
        let scope = self.held_community(name).await?;
        let owner = session.id;
        let asked = scope.clone();
        self.read(move |inner| inner.check_owner(&asked, owner)).await?;
        let agent = self.locate_agent(agent).await?;
        let _order = self.inner.order.lock(COMMUNITY, &subject(&scope)).await;
        let asked = scope.clone();
        let items = self.read(move |inner| inner.withdrawals(&asked, agent)).await?;
        if items.is_empty() {
            return self.moderated(scope, None).await;
        }
        let receipt = self.say(session, items).await?;
        self.moderated(scope, Some(Self::first_id(&receipt))).await
    }

    /// Does something to a post or comment, by a rule of its community.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] also when `target` is of the other sort; [`HomeError::Forbidden`] for whoever may not; a
    /// removal without a rule.
    pub async fn moderate(
        &self,
        session: &AgentSession,
        (what, target): (Votable, EnvelopeId),
        deed: Deed,
        rule: String,
    ) -> Result<ModerationOutcome, HomeError> {
        self.may_write(session).await?;
        let agent = session.id;
        let scope = self.read(move |inner| Ok(inner.subject_of(what, target)?.0)).await?;
        let _order = self.inner.order.lock(COMMUNITY, &subject(&scope)).await;
        let asked = scope.clone();
        let right = self
            .read(move |inner| {
                let grant = inner.right(&asked, agent, deed.power())?;
                let (_, is_so) = inner.subject_of(what, target)?;
                if is_so(deed) {
                    return Ok(None);
                }
                if deed == Deed::Pin && moderation::pins(inner.reader(), &asked)?.len() >= PINS_MAX {
                    return Err(HomeError::Forbidden { rule: Forbidden::PinsFull });
                }
                Ok(Some(grant))
            })
            .await?;
        let Some(grant) = right else { return self.moderated(scope, None).await };
        let receipt = self.say(session, vec![said(scope.clone(), &Action { grant, deed, target, rule })?]).await?;
        self.moderated(scope, Some(Self::first_id(&receipt))).await
    }

    /// Changes a community's settings.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], [`HomeError::Forbidden`], or a value out of its limits.
    pub async fn change_settings(
        &self,
        session: &AgentSession,
        name: &str,
        change: SettingsChange,
    ) -> Result<crate::model::Community, HomeError> {
        self.may_write(session).await?;
        if let Some(display_name) = &change.display_name {
            super::check_one_line("display_name", display_name)?;
        }
        let scope = self.held_community(name).await?;
        let (agent, asked) = (session.id, scope.clone());
        let grant = self.read(move |inner| inner.right(&asked, agent, Powers::SETTINGS)).await?;
        let settings = Settings {
            grant,
            display_name: change.display_name,
            description: change.description,
            banner_color: change.banner_color,
            theme_color: change.theme_color,
            avatar: None,
            banner: None,
            rules: change.rules,
        };
        if settings != (Settings { grant, ..Settings::default() }) {
            self.say(session, vec![said(scope.clone(), &settings)?]).await?;
        }
        self.read(move |inner| inner.community(Some(agent), &scope)).await
    }

    /// What was done in a community, the latest first: everybody may read it.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], or a cursor that is none.
    pub async fn moderation_log(&self, name: &str, query: &PageQuery) -> Result<Page<ModerationEntry>, HomeError> {
        let scope = self.held_community(name).await?;
        let query = query.clone();
        self.read(move |inner| {
            let (behind, limit) = paging(&query)?;
            let page = moderation::log(inner.reader(), &scope, Paging::new(limit, behind.as_ref()))
                .map_err(|error| query_error(error, query.cursor.as_deref()))?;
            let shower = Shower::new(inner, None);
            let items = page.items.into_iter().map(|entry| shower.moderation(entry)).collect();
            Ok(Page { items, next: page.next.map(|next| next.to_string()), of_newest: None })
        })
        .await
    }

    /// Tells a community's moderators of a post or comment.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], or a reason out of its limits.
    pub async fn report(
        &self,
        session: &AgentSession,
        (what, target): (Votable, EnvelopeId),
        reason: String,
    ) -> Result<ModerationOutcome, HomeError> {
        self.may_write(session).await?;
        let scope = self.read(move |inner| Ok(inner.subject_of(what, target)?.0)).await?;
        let report = Report { salt: self.salt(), target, reason };
        let receipt = self.say(session, vec![said(scope.clone(), &report)?]).await?;
        self.moderated(scope, Some(Self::first_id(&receipt))).await
    }

    /// What was reported in a community, the latest first: for its founder and moderators.
    ///
    /// # Errors
    /// [`HomeError::NotFound`], [`HomeError::Forbidden`], or a cursor that is none.
    pub async fn reports(
        &self,
        session: &AgentSession,
        name: &str,
        query: &PageQuery,
    ) -> Result<Page<Reported>, HomeError> {
        let scope = self.held_community(name).await?;
        let (agent, query) = (session.id, query.clone());
        self.read(move |inner| {
            inner.right(&scope, agent, Powers::REMOVE)?;
            let (behind, limit) = paging(&query)?;
            let page = moderation::reports(inner.reader(), &scope, Paging::new(limit, behind.as_ref()))
                .map_err(|error| query_error(error, query.cursor.as_deref()))?;
            let shower = Shower::new(inner, Some(agent));
            let items = page.items.into_iter().map(|reported| Reported {
                id: reported.signed.id,
                author: shower.author(&reported.author),
                target: reported.target,
                reason: reported.reason,
                time_ms: reported.signed.time_ms,
            });
            Ok(Page { items: items.collect(), next: page.next.map(|next| next.to_string()), of_newest: None })
        })
        .await
    }

    async fn moderated(&self, scope: Scope, by: Option<EnvelopeId>) -> Result<ModerationOutcome, HomeError> {
        let community = self.read(move |inner| Shower::new(inner, None).community_ref(&scope)).await?;
        Ok(ModerationOutcome { community, by })
    }
}

fn paging(query: &PageQuery) -> Result<(Option<queries::After>, usize), HomeError> {
    let limit = query.limit.unwrap_or(PAGE_COMMUNITIES_DEFAULT).clamp(1, PAGE_COMMUNITIES_MAX);
    Ok((after(query.cursor.as_deref())?, limit))
}

/// Whether a deed would change nothing.
type IsSo = Box<dyn Fn(Deed) -> bool>;

impl Inner {
    fn moderators(&self, scope: &Scope) -> Result<Vec<Moderator>, HomeError> {
        let reader = self.reader();
        let shower = Shower::new(self, None);
        let mut found = Vec::new();
        let community = communities::get(reader, scope)?;
        let founder = community.as_ref().and_then(|community| community.founder);
        if let Some(founder) = founder.map(|founder| agents::get(reader, &founder)).transpose()?.flatten() {
            found.push(Moderator {
                agent: shower.author_of(&founder),
                role: Role::Owner,
                powers: Powers::ALL,
                grant: None,
                since_ms: community.map(|community| community.created_ms).unwrap_or_default(),
            });
        }
        for moderator in moderation::moderators(reader, scope)? {
            found.push(Moderator {
                agent: shower.author(&moderator.agent),
                role: Role::Moderator,
                powers: moderator.powers,
                grant: Some(moderator.grant),
                since_ms: moderator.since_ms,
            });
        }
        Ok(found)
    }

    fn check_owner(&self, scope: &Scope, agent: AgentId) -> Result<(), HomeError> {
        match scope {
            Scope::Owned(..) if moderation::is_founder(scope, &agent.into()) => Ok(()),
            Scope::Owned(..) => Err(HomeError::Forbidden { rule: Forbidden::NotTheOwner }),
            _ => Err(HomeError::Forbidden { rule: Forbidden::NoOwner }),
        }
    }

    /// The grant by which an agent may do something in a community; `None` for its founder.
    fn right(&self, scope: &Scope, agent: AgentId, power: Powers) -> Result<Option<EnvelopeId>, HomeError> {
        let author = AuthorId::from(agent);
        if !matches!(scope, Scope::Owned(..)) {
            return Err(HomeError::Forbidden { rule: Forbidden::NoOwner });
        }
        if moderation::is_founder(scope, &author) {
            return Ok(None);
        }
        let grants = moderation::grants_of(self.reader(), scope, &author)?;
        match grants.iter().find(|grant| grant.powers.has(power)) {
            Some(grant) => Ok(Some(grant.grant)),
            None => Err(HomeError::Forbidden { rule: Forbidden::NotAModerator }),
        }
    }

    /// Where a post or comment stands, and what of it is so already.
    fn subject_of(&self, what: Votable, target: EnvelopeId) -> Result<(Scope, IsSo), HomeError> {
        let unknown = |what| HomeError::NotFound { what, seen: target.to_string() };
        let (scope, state, is_pinned, is_locked) = match what {
            Votable::Post => {
                let post = queries::posts::get(self.reader(), &target)?.ok_or_else(|| unknown(Thing::Post))?;
                (post.signed.scope, post.state, post.is_pinned, post.is_locked)
            }
            Votable::Comment => {
                let comment = queries::comments::get(self.reader(), &target)?;
                let comment = comment.ok_or_else(|| unknown(Thing::Comment))?;
                (comment.signed.scope, comment.state, false, false)
            }
        };
        let is_hidden = matches!(state, State::Moderated { .. });
        let is_so = move |deed: Deed| match deed {
            Deed::Remove => is_hidden,
            Deed::Restore => !is_hidden,
            Deed::Pin => is_pinned,
            Deed::Unpin => !is_pinned,
            Deed::Lock => is_locked,
            Deed::Unlock => !is_locked,
        };
        Ok((scope, Box::new(is_so)))
    }

    /// The withdrawal of every grant of an agent, which keeps what it did there until now.
    fn withdrawals(&self, scope: &Scope, agent: AgentId) -> Result<Vec<Compose>, HomeError> {
        let author = AuthorId::from(agent);
        let grants = moderation::grants_of(self.reader(), scope, &author)?;
        if grants.is_empty() {
            return Ok(Vec::new());
        }
        let mut heads = Vec::new();
        for key in self.keys_in(scope, author)? {
            heads.extend(logs::tip(self.reader(), author, key, scope)?.map(|tip| tip.head));
        }
        heads.sort();
        heads.truncate(HEADS_MAX);
        grants.iter().map(|grant| said(scope.clone(), &Withdraw { grant: grant.grant, heads: heads.clone() })).collect()
    }

    /// The keys by which an author signed anything in a community.
    fn keys_in(&self, scope: &Scope, author: AuthorId) -> Result<Vec<PublicKey>, HomeError> {
        let mut keys = Vec::new();
        let mut after = None;
        loop {
            let page: Vec<Head> = logs::heads(self.reader(), author, after.as_ref(), HEADS_MAX)?;
            keys.extend(page.iter().filter(|head| head.scope == *scope).map(|head| head.key));
            let Some(last) = page.last().filter(|_| page.len() == HEADS_MAX) else { break };
            after = Some(tidepool_protocol::envelope::LogId {
                author,
                key: last.key,
                scope: last.scope.clone(),
                epoch: last.epoch,
            });
        }
        keys.sort();
        keys.dedup();
        Ok(keys)
    }
}
