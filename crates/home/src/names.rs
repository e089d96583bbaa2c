//! From what people call an agent or a community to which one it is.
//!
//! Agents: one at home here first, then the only one elsewhere, else the candidates are listed. Communities: the
//! network's own first, then one that an agent at home here founded, then the one with the most subscribers; the first
//! answer is pinned, so that a name does not come to mean another place because somebody gathered subscribers.

use crate::error::{HomeError, Thing, shown};
use crate::home::{Home, Inner};
use crate::rows;
use crate::usecases::is_handle;
use tidepool_kernel::{LocalError, LocalRequest, RowExpect};
use tidepool_protocol::scope::CommunityName;
use tidepool_protocol::{AgentId, AuthorId, Scope};
use tidepool_views::queries::{agents, communities};

/// One of several agents of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub id: AgentId,
    /// Its handle.
    pub handle: String,
    /// How many follow it, as far as this node sees.
    pub followers: u64,
}

/// What a handle looks like to somebody who reads quickly: the skeleton of Unicode's confusables (UTS #39), as it is written and
/// without regard to case, because `I` looks like `l` and `m` like `rn`.
pub(crate) fn look(handle: &str) -> String {
    let skeleton = |text: &str| unicode_security::skeleton(text).collect::<String>().to_lowercase();
    skeleton(&skeleton(handle))
}

/// Refuses a handle that is taken here, or that looks like one that is.
pub(crate) fn check_handle_is_free(inner: &Inner, handle: &str) -> Result<(), HomeError> {
    if inner.reader().get(&rows::handle_key(handle))?.is_some() {
        return Err(HomeError::NameTaken { name: handle.to_owned() });
    }
    let Some(other) = inner.row::<AgentId>(&rows::look_key(handle))? else { return Ok(()) };
    let like = inner.account(other)?.map(|account| account.handle).unwrap_or_default();
    Err(HomeError::NameLooksLike { name: handle.to_owned(), like })
}

fn unknown_agent(name: &str) -> HomeError {
    HomeError::NotFound { what: Thing::Agent, seen: shown(name) }
}

fn unknown_community(name: &str) -> HomeError {
    HomeError::NotFound { what: Thing::Community, seen: shown(name) }
}

impl Inner {
    /// The agent that is called `name`: a handle, `handle@did:tide:…`, or a did:tide.
    pub(crate) fn agent_named(&self, name: &str) -> Result<AgentId, HomeError> {
        let name = name.strip_prefix('@').unwrap_or(name);
        if name.starts_with("did:tide:") {
            let id: AgentId = name.parse().map_err(|_| unknown_agent(name))?;
            return agents::get(self.reader(), &id.into())?.map(|_| id).ok_or_else(|| unknown_agent(name));
        }
        if let Some((handle, did)) = name.split_once('@') {
            let id: AgentId = did.parse().map_err(|_| unknown_agent(name))?;
            let agent = agents::get(self.reader(), &id.into())?.ok_or_else(|| unknown_agent(name))?;
            let same = agent.handle.is_some_and(|known| known.eq_ignore_ascii_case(handle));
            return if same { Ok(id) } else { Err(unknown_agent(name)) };
        }
        if !is_handle(name) {
            return Err(unknown_agent(name));
        }
        if let Some(local) = self.row::<AgentId>(&rows::handle_key(name))? {
            return Ok(local);
        }
        let candidates = agents::by_name(self.reader(), name)?;
        match candidates.as_slice() {
            [] => Err(unknown_agent(name)),
            [only] => Ok(only.as_agent()),
            several => Err(HomeError::Ambiguous { name: name.to_owned(), candidates: self.candidates(several)? }),
        }
    }

    fn candidates(&self, ids: &[AuthorId]) -> Result<Vec<Candidate>, HomeError> {
        let mut candidates = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(agent) = agents::get(self.reader(), id)? {
                let handle = agent.handle.unwrap_or_default();
                candidates.push(Candidate { id: id.as_agent(), handle, followers: agent.counts.followers });
            }
        }
        candidates.sort_by(|a, b| b.followers.cmp(&a.followers).then(a.id.cmp(&b.id)));
        Ok(candidates)
    }

    /// The community that is called `name` or whose full scope it is, and the pin to write, when it was resolved for
    /// the first time.
    pub(crate) fn community_named(&self, name: &str) -> Result<(Scope, Option<CommunityName>), HomeError> {
        let bare = name.strip_prefix("m/").unwrap_or(name);
        if bare.starts_with("c/") || bare.contains('.') {
            let full = if bare.starts_with("c/") { bare.to_owned() } else { format!("c/{bare}") };
            let scope: Scope = full.parse().map_err(|_| unknown_community(name))?;
            if communities::get(self.reader(), &scope)?.is_some() {
                return Ok((scope, None));
            }
            self.check_held(&scope)?;
            return Err(unknown_community(name));
        }
        let bare: CommunityName = bare.parse().map_err(|_| unknown_community(name))?;
        if self.parts.genesis.communities.contains(&bare) {
            return Ok((Scope::Open(bare), None));
        }
        let pinned = self.row::<Scope>(&rows::pin_key(bare.as_str()))?;
        if let Some(scope) = pinned
            && communities::get(self.reader(), &scope)?.is_some()
        {
            return Ok((scope, None));
        }
        let candidates = communities::resolve(self.reader(), &bare)?;
        let mut best = None;
        for candidate in &candidates {
            let is_local = match candidate.founder {
                Some(founder) => self.account(founder.as_agent())?.is_some(),
                None => true,
            };
            if is_local {
                best = Some(candidate);
                break;
            }
            best = best.or(Some(candidate));
        }
        let Some(best) = best else {
            // Both forms of a community lie where its name says.
            self.check_held(&Scope::Open(bare))?;
            return Err(unknown_community(name));
        };
        Ok((best.scope.clone(), Some(bare)))
    }
}

impl Home {
    /// [`Inner::community_named`], with its first answer pinned on disk before it is given.
    pub(crate) async fn community_scope(&self, name: &str) -> Result<Scope, HomeError> {
        for _ in 0..crate::limits::RACES_MAX {
            let asked = name.to_owned();
            let resolved = self.read(move |inner| {
                let (scope, pin) = inner.community_named(&asked)?;
                let Some(pin) = pin else { return Ok((scope, None)) };
                let key = rows::pin_key(pin.as_str());
                let seen = inner.reader().get(&key)?;
                Ok((scope, Some((pin, key, seen))))
            });
            let (scope, unpinned) = resolved.await?;
            let Some((pin, key, seen)) = unpinned else { return Ok(scope) };
            let rows = vec![rows::put_pin(pin.as_str(), &scope)];
            let expect = vec![RowExpect { key, value: seen }];
            match self.request(LocalRequest::Write { rows, expect }).await {
                Ok(_) => return Ok(scope),
                // Somebody pinned it meanwhile: its answer counts.
                Err(LocalError::Changed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(HomeError::Busy { what: "requests for the same thing", waiting: 1, allowed: 1, retry_after_s: 1 })
    }

    /// The same to be read from: this node must hold it.
    pub(crate) async fn held_community(&self, name: &str) -> Result<Scope, HomeError> {
        let scope = self.community_scope(name).await?;
        let asked = scope.clone();
        self.read(move |inner| inner.check_held(&asked)).await?;
        Ok(scope)
    }

    /// The same to be subscribed to, which makes this node hold it: one that it does not hold must be named by its scope.
    pub(crate) async fn community_to_hold(&self, name: &str) -> Result<Scope, HomeError> {
        match self.community_scope(name).await {
            Err(HomeError::NotHeld { scope, .. }) if name.contains('.') => {
                Ok(scope.parse().map_err(|_| unknown_community(name))?)
            }
            found => found,
        }
    }

    /// [`Inner::agent_named`].
    pub(crate) async fn agent_id(&self, name: &str) -> Result<AgentId, HomeError> {
        let name = name.to_owned();
        self.read(move |inner| inner.agent_named(&name)).await
    }

    /// [`Home::agent_id`]; an agent named by its id that is not known here is looked for on the network first.
    pub(crate) async fn locate_agent(&self, name: &str) -> Result<AgentId, HomeError> {
        let found = self.agent_id(name).await;
        let Err(HomeError::NotFound { .. }) = found else { return found };
        let did = name.split_once('@').map_or(name, |(_, did)| did);
        let Ok(author) = did.parse::<AuthorId>() else { return found };
        match self.request(LocalRequest::Locate { author }).await {
            Ok(_) => self.agent_id(name).await,
            Err(LocalError::NotFound) => found,
            Err(error) => Err(error.into()),
        }
    }
}
