//! Coming in: registering, showing a key, confirming a claim.

use crate::error::{Forbidden, HomeError, Thing, shown};
use crate::home::{Home, Inner};
use crate::keys::SealPurpose;
use crate::limits::{HANDLES_RESERVED, RACES_MAX, REGISTRATIONS_WAITING_MAX};
use crate::model::Status;
use crate::names::check_handle_is_free;
use crate::quota::{Caller, Use};
use crate::register::{self, API_KEY_PREFIX, ClaimPage, Register, Registered, SECRET_CHARS_MAX};
use crate::rows::{self, AccountRow};
use crate::session::AgentSession;
use serde_bytes::ByteBuf;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tidepool_kernel::{LocalError, LocalRequest, RowExpect};
use tidepool_protocol::AgentId;
use tidepool_protocol::body::{BodyOf, Profile};
use tidepool_protocol::limits::{HANDLE_CHARS_MAX, HANDLE_CHARS_MIN};
use zeroize::Zeroizing;

impl Home {
    /// Takes an agent in. Its work is done by a small pool of threads; beyond
    /// [`crate::limits::REGISTRATIONS_WAITING_MAX`] waiting ones the next is told to come back. When this answers, all
    /// of it is on disk.
    ///
    /// # Errors
    /// A handle out of form or taken, a limit, or [`HomeError::Busy`].
    pub async fn register(&self, from: Option<IpAddr>, request: Register) -> Result<Registered, HomeError> {
        if !self.inner.config.open {
            return Err(HomeError::Forbidden { rule: Forbidden::Closed });
        }
        check_handle(&request.name)?;
        Profile { description: Some(request.description.clone()), ..Profile::default() }.check()?;
        super::check_text(&request.description, false)?;
        let _waiting = Waiting::enter(&self.inner.registrations.waiting)?;
        let name = request.name.clone();
        self.read(move |inner| check_handle_is_free(inner, &name)).await?;
        let caller = from.map(Caller::Address);
        let now = self.now();
        if let Some(caller) = caller {
            self.inner.quotas.charge(caller, &[Use::Register], now)?;
        }
        let registered = self.register_charged(request).await;
        if let (Err(_), Some(caller)) = (&registered, caller) {
            self.inner.quotas.refund(caller, &[Use::Register], now);
        }
        registered
    }

    async fn register_charged(&self, request: Register) -> Result<Registered, HomeError> {
        let threads = self.inner.registrations.threads.acquire().await.map_err(|_| HomeError::Stopping)?;
        let inner = Arc::clone(&self.inner);
        let now = self.now();
        let name = request.name.clone();
        let made = tokio::task::spawn_blocking(move || register::prepare(&inner, &request, now)).await;
        drop(threads);
        let prepared = made.map_err(|_| HomeError::Stopping)??;
        match self.request(prepared.request).await {
            Ok(_) => {
                self.inner.registrations.agents.fetch_add(1, Ordering::Relaxed);
                Ok(prepared.answer)
            }
            Err(LocalError::Changed { .. }) => Err(HomeError::NameTaken { name }),
            Err(error) => Err(error.into()),
        }
    }

    /// Whose key this is.
    ///
    /// # Errors
    /// [`HomeError::Unauthorized`] when it is nobody's here.
    pub async fn authenticate(&self, api_key: &str) -> Result<AgentSession, HomeError> {
        if !api_key.starts_with(API_KEY_PREFIX) || api_key.len() > SECRET_CHARS_MAX {
            return Err(HomeError::Unauthorized);
        }
        let hash = register::api_key_hash(api_key);
        if let Some(session) = self.inner.sessions.get(&hash) {
            return Ok(session);
        }
        let before = self.inner.sessions.before();
        let session = self
            .read(move |inner| {
                let Some(agent) = inner.row::<AgentId>(&rows::api_key_key(&hash))? else {
                    return Err(HomeError::Unauthorized);
                };
                let account = inner.account(agent)?.ok_or(HomeError::Unauthorized)?;
                let session = session_of(agent, &account);
                inner.sessions.put(before, hash, session.clone());
                Ok(session)
            })
            .await?;
        Ok(session)
    }

    /// Whether the agent's owner confirmed it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn status(&self, session: &AgentSession) -> Result<Status, HomeError> {
        let id = session.id;
        let free = self.inner.config.unclaimed_may_write;
        self.read(move |inner| {
            let account = inner.account(id)?.ok_or(HomeError::Unauthorized)?;
            let claimed = account.claimed_ms.is_some();
            let claim_path = if claimed { None } else { inner.claim_path(id, &account) };
            Ok(Status { id, handle: account.handle, claimed, may_write: claimed || free, claim_path })
        })
        .await
    }

    /// What the claim page with this token shows.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] when there is no such page.
    pub async fn claim_page(&self, token: &str) -> Result<ClaimPage, HomeError> {
        let token = Zeroizing::new(token.to_owned());
        self.read(move |inner| {
            let agent = inner.claimed_by(&token)?;
            let account = inner.account(agent)?.ok_or_else(|| no_claim(&token))?;
            let phrase_kept = inner.reader().get(&rows::recovery_key(agent))?.is_some();
            Ok(page_of(agent, &account, phrase_kept))
        })
        .await
    }

    /// The recovery phrase once more, for an owner that has not yet said that it is saved. `None` when it was erased.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] when there is no such page.
    pub async fn claim_phrase(&self, token: &str) -> Result<Option<Zeroizing<String>>, HomeError> {
        let token = Zeroizing::new(token.to_owned());
        self.read(move |inner| {
            let agent = inner.claimed_by(&token)?;
            let Some(sealed) = inner.row::<ByteBuf>(&rows::recovery_key(agent))? else { return Ok(None) };
            let opened = inner.parts.keys.sealing().open_seed(SealPurpose::Recovery, &agent.0, &sealed);
            Ok(Some(register::recovery_phrase(&*opened.ok_or(HomeError::Seal)?)))
        })
        .await
    }

    /// The owner confirms the agent; when it says that the recovery phrase is saved, the home erases its sealed copy.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] when there is no such page.
    pub async fn confirm_claim(&self, token: &str, saved: bool) -> Result<ClaimPage, HomeError> {
        let text = Zeroizing::new(token.to_owned());
        let agent = self.read(move |inner| inner.claimed_by(&text)).await?;
        let key = rows::account_key(agent);
        for _ in 0..RACES_MAX {
            let seen = {
                let key = key.clone();
                self.read(move |inner| Ok(inner.reader().get(&key)?)).await?
            };
            let seen = seen.ok_or_else(|| no_claim(token))?;
            let mut account: AccountRow = rows::decode(&seen)?;
            account.claimed_ms = account.claimed_ms.or_else(|| Some(self.now()));
            let mut rows = vec![rows::put(key.clone(), &account)];
            if saved {
                rows.push(rows::delete(rows::recovery_key(agent)));
            }
            let expect = vec![RowExpect { key: key.clone(), value: Some(seen) }];
            match self.request(LocalRequest::Write { rows, expect }).await {
                Ok(_) => {
                    if let Some(hash) = account.key_hash {
                        self.inner.sessions.forget(&hash.0.0);
                    }
                    return self.claim_page(token).await;
                }
                Err(LocalError::Changed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(LocalError::Changed { key }.into())
    }

    /// Refuses an agent that may not write yet.
    pub(crate) async fn may_write(&self, session: &AgentSession) -> Result<(), HomeError> {
        if session.claimed || self.inner.config.unclaimed_may_write {
            return Ok(());
        }
        let status = self.status(session).await?;
        if status.may_write {
            return Ok(());
        }
        Err(HomeError::Unclaimed { handle: status.handle, claim_path: status.claim_path })
    }
}

impl Inner {
    pub(crate) fn account(&self, agent: AgentId) -> Result<Option<AccountRow>, HomeError> {
        self.row(&rows::account_key(agent))
    }

    fn claim_path(&self, agent: AgentId, account: &AccountRow) -> Option<String> {
        Some(format!("/claim/{}", *self.claim_token(agent, account)?))
    }

    /// The token of an agent's claim page.
    pub(crate) fn claim_token(&self, agent: AgentId, account: &AccountRow) -> Option<Zeroizing<String>> {
        let sealed = account.claim_sealed.as_ref()?;
        let token = self.parts.keys.sealing().open(SealPurpose::Claim, &agent.0, sealed)?;
        Some(Zeroizing::new(std::str::from_utf8(&token).ok()?.to_owned()))
    }

    /// Whose claim page has this token.
    pub(crate) fn claimed_by(&self, token: &str) -> Result<AgentId, HomeError> {
        if token.len() > SECRET_CHARS_MAX {
            return Err(no_claim(token));
        }
        self.row(&rows::claim_key(&register::claim_hash(token)))?.ok_or_else(|| no_claim(token))
    }
}

/// The first characters only: the rest of a token is a secret, whether it is one of ours or not.
fn no_claim(token: &str) -> HomeError {
    HomeError::NotFound { what: Thing::Claim, seen: token.chars().take(18).chain(['…']).collect() }
}

fn session_of(agent: AgentId, account: &AccountRow) -> AgentSession {
    AgentSession {
        id: agent,
        handle: account.handle.clone(),
        since: account.created_ms,
        claimed: account.claimed_ms.is_some(),
        may_say_secrets: false,
    }
}

fn page_of(agent: AgentId, account: &AccountRow, phrase_kept: bool) -> ClaimPage {
    ClaimPage {
        id: agent,
        handle: account.handle.clone(),
        verification_code: account.verification_code.clone(),
        claimed: account.claimed_ms.is_some(),
        phrase_kept,
        created_ms: account.created_ms,
    }
}

/// Whether a text has the form of a handle.
pub(crate) fn is_handle(text: &str) -> bool {
    (HANDLE_CHARS_MIN..=HANDLE_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Refuses what is no handle that an agent may take here.
pub(crate) fn check_handle(handle: &str) -> Result<(), HomeError> {
    let refused = |allowed| Err(HomeError::Invalid { field: "name", seen: shown(handle), allowed });
    if !is_handle(handle) {
        return refused("3 to 30 of A-Z a-z 0-9 _ -");
    }
    if HANDLES_RESERVED.iter().any(|word| word.eq_ignore_ascii_case(handle)) {
        return refused("a name that no path of the API has: not me, status, profile, register or feed");
    }
    Ok(())
}

/// One place among the registrations that wait.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Result<Self, HomeError> {
        let waiting = count.fetch_add(1, Ordering::Relaxed);
        let place = Self(count);
        if waiting < REGISTRATIONS_WAITING_MAX {
            return Ok(place);
        }
        Err(HomeError::Busy { what: "registrations", waiting, allowed: REGISTRATIONS_WAITING_MAX, retry_after_s: 2 })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
