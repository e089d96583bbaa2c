//! An account at this home: its API key, and its end.

use super::said;
use crate::error::{HomeError, shown};
use crate::home::{Home, Inner};
use crate::limits::{DELETED_AT_ONCE, RACES_MAX};
use crate::model::Deletion;
use crate::register;
use crate::rows::{self, AccountRow, CustodyRow, Hash32};
use crate::session::AgentSession;
use crate::show::query_error;
use bytes::Bytes;
use std::sync::atomic::Ordering;
use tidepool_kernel::{Compose, LocalError, LocalRequest, RowExpect};
use tidepool_protocol::body::{Profile, Tombstone};
use tidepool_protocol::kind::Group;
use tidepool_protocol::{AgentId, EnvelopeId, PublicKey, Scope, TimeMs};
use tidepool_views::queries::{self, After, CommentFeed, Feed, Paging, Sort, State};
use tidepool_views::{RowWrite, identity};
use zeroize::Zeroizing;

impl Home {
    /// A new API key for the agent; the old one is worth nothing once this answers. Shown this once.
    ///
    /// # Errors
    /// When the kernel or the store fails.
    pub async fn rotate_api_key(&self, session: &AgentSession) -> Result<Zeroizing<String>, HomeError> {
        self.renew_api_key(session.id).await
    }

    /// The same for an owner that shows the token of the agent's claim page: its agent lost the key, or somebody else has it.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] when there is no such page.
    pub async fn claim_api_key(&self, token: &str) -> Result<Zeroizing<String>, HomeError> {
        let token = Zeroizing::new(token.to_owned());
        let agent = self.read(move |inner| inner.claimed_by(&token)).await?;
        self.renew_api_key(agent).await
    }

    async fn renew_api_key(&self, agent: AgentId) -> Result<Zeroizing<String>, HomeError> {
        let key = register::new_api_key(&*self.inner.parts.random);
        let hash = register::api_key_hash(&key);
        let row = rows::put(rows::api_key_key(&hash), &agent);
        self.set_key_hash(agent, Some(Hash32::new(hash)), vec![row]).await?;
        Ok(key)
    }

    /// The agent's API key is worth nothing once this answers. Its owner makes a new one on the claim page.
    ///
    /// # Errors
    /// When the kernel or the store fails.
    pub async fn revoke_api_key(&self, session: &AgentSession) -> Result<(), HomeError> {
        self.set_key_hash(session.id, None, Vec::new()).await
    }

    /// Puts `hash` in the place of the key that the account has, with further `rows`.
    async fn set_key_hash(&self, agent: AgentId, hash: Option<Hash32>, more: Vec<RowWrite>) -> Result<(), HomeError> {
        let key = rows::account_key(agent);
        for _ in 0..RACES_MAX {
            let (seen, account) = self.account_seen(agent).await?;
            let old = account.key_hash;
            let account = AccountRow { key_hash: hash, ..account };
            let mut rows = more.clone();
            rows.push(rows::put(key.clone(), &account));
            rows.extend(old.map(|old| rows::delete(rows::api_key_key(&old.0.0))));
            let expect = vec![RowExpect { key: key.clone(), value: Some(seen) }];
            match self.request(LocalRequest::Write { rows, expect }).await {
                Ok(_) => {
                    if let Some(old) = old {
                        self.inner.sessions.forget(&old.0.0);
                    }
                    return Ok(());
                }
                Err(LocalError::Changed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(LocalError::Changed { key }.into())
    }

    async fn account_seen(&self, agent: AgentId) -> Result<(Bytes, AccountRow), HomeError> {
        let key = rows::account_key(agent);
        let seen = self.read(move |inner| inner.reader().get(&key)?.ok_or(HomeError::Unauthorized)).await?;
        let account = rows::decode(&seen)?;
        Ok((seen, account))
    }

    /// Takes the agent's posts and comments away, empties its profile, and then forgets the account: its API key, its signing
    /// key, its notices and its name at this home. What was signed before stays in others' logs, as tombstones and history;
    /// nobody can sign for the agent here any more, and who has its recovery phrase can still take its identity elsewhere.
    /// `confirmed` is the agent's handle once more. When it fails half way the account is still there: calling it again goes on.
    ///
    /// # Errors
    /// Another name, the network's limit of a log ([`HomeError::LogQuota`]), or the kernel's failure.
    pub async fn delete_account(&self, session: &AgentSession, confirmed: &str) -> Result<Deletion, HomeError> {
        if !session.handle.eq_ignore_ascii_case(confirmed.trim()) {
            return Err(HomeError::Invalid {
                field: "confirm",
                seen: shown(confirmed),
                allowed: "your own name, because nothing of this can be undone",
            });
        }
        let agent = session.id;
        let mut deletion = Deletion::default();
        // A node that signs for the agent no longer has nothing to sign with; its account goes all the same.
        let signs = self.read(move |inner| inner.signs_for(agent)).await?;
        if signs {
            deletion.posts = self.take_all_away(session, What::Posts).await?;
            deletion.comments = self.take_all_away(session, What::Comments).await?;
            let empty = |text: &str| Some(text.to_owned());
            let blank = Profile {
                display_name: empty(&session.handle),
                description: empty(""),
                metadata: empty("{}"),
                avatar: None,
            };
            // Its own name may look like anything.
            let session = AgentSession { may_say_secrets: true, ..session.clone() };
            self.say(&session, vec![said(Scope::Agent(agent), &blank)?]).await?;
        }
        self.forget_account(agent).await?;
        Ok(deletion)
    }

    async fn take_all_away(&self, session: &AgentSession, what: What) -> Result<u64, HomeError> {
        let agent = session.id;
        let (mut count, mut after) = (0, None);
        loop {
            let now = self.now();
            let (targets, next) = self.read(move |inner| inner.standing(agent, what, after.as_ref(), now)).await?;
            count += targets.len() as u64;
            let items = targets.into_iter().map(|(scope, target)| said(scope, &Tombstone { target }));
            let items = items.collect::<Result<Vec<Compose>, HomeError>>()?;
            if !items.is_empty() {
                self.say(session, items).await?;
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(count),
            }
        }
    }

    async fn forget_account(&self, agent: AgentId) -> Result<(), HomeError> {
        for _ in 0..RACES_MAX {
            let (seen, account) = self.account_seen(agent).await?;
            let (hash, key) = (account.key_hash, rows::account_key(agent));
            let (rows, signing) = self.read(move |inner| inner.rows_of(agent, &account)).await?;
            let expect = vec![RowExpect { key, value: Some(seen) }];
            match self.request(LocalRequest::Write { rows, expect }).await {
                Ok(_) => {
                    if let Some(hash) = hash {
                        self.inner.sessions.forget(&hash.0.0);
                    }
                    for key in &signing {
                        self.inner.parts.custody.forget(key);
                    }
                    self.inner.registrations.agents.fetch_sub(1, Ordering::Relaxed);
                    return Ok(());
                }
                Err(LocalError::Changed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(LocalError::Changed { key: rows::account_key(agent) }.into())
    }
}

/// Some things, each with its community, and where to go on.
type Standing = (Vec<(Scope, EnvelopeId)>, Option<After>);

/// What is taken away with an account.
#[derive(Clone, Copy)]
enum What {
    Posts,
    Comments,
}

impl Inner {
    /// Whether this node has the key that signs for the agent now.
    fn signs_for(&self, agent: AgentId) -> Result<bool, HomeError> {
        Ok(self.custody_key_of(agent)?.is_some())
    }

    /// The agent's key in this node's custody: the newest that its identity lists for what an agent says, and that is sealed here.
    pub(crate) fn custody_key_of(&self, agent: AgentId) -> Result<Option<PublicKey>, HomeError> {
        let Some(identity) = identity::current(self.reader(), agent.into())? else { return Ok(None) };
        for entry in identity.state.signing.iter().rev().filter(|entry| entry.allows(Group::Agent)) {
            if self.row::<CustodyRow>(&rows::custody_key(&entry.key))?.is_some_and(|row| row.agent == agent) {
                return Ok(Some(entry.key));
            }
        }
        Ok(None)
    }

    /// Some of what the agent wrote and nobody took away yet, each with its community, and where to go on.
    fn standing(&self, agent: AgentId, what: What, after: Option<&After>, now: TimeMs) -> Result<Standing, HomeError> {
        let paging = Paging::new(DELETED_AT_ONCE, after);
        let failed = |error| query_error(error, None);
        let (found, next): (Vec<_>, _) = match what {
            What::Posts => {
                let feed = Feed::Author(agent.into());
                let page = queries::posts::page(self.reader(), &feed, Sort::New, paging, now).map_err(failed)?;
                (page.items.into_iter().map(|post| (post.signed, post.state)).collect(), page.next)
            }
            What::Comments => {
                let feed = CommentFeed::Author(agent.into());
                let page = queries::comments::page(self.reader(), &feed, paging).map_err(failed)?;
                (page.items.into_iter().map(|comment| (comment.signed, comment.state)).collect(), page.next)
            }
        };
        let stands = found.into_iter().filter(|(_, state)| !matches!(state, State::Removed));
        Ok((stands.map(|(signed, _)| (signed.scope, signed.id)).collect(), next))
    }

    /// Deletes every row that is about the agent's account; with the signing keys that stood in them.
    fn rows_of(&self, agent: AgentId, account: &AccountRow) -> Result<(Vec<RowWrite>, Vec<PublicKey>), HomeError> {
        let mut keys = vec![
            rows::account_key(agent),
            rows::handle_key(&account.handle),
            rows::look_key(&account.handle),
            rows::recovery_key(agent),
            rows::next_key_key(agent),
        ];
        keys.extend(account.key_hash.map(|hash| rows::api_key_key(&hash.0.0)));
        keys.extend(self.claim_token(agent, account).map(|token| rows::claim_key(&register::claim_hash(&token))));
        let waiting: Option<PublicKey> = self.row(&rows::next_key_key(agent))?;
        let listed =
            identity::current(self.reader(), agent.into())?.map(|identity| (identity.state.signing, identity.closed));
        let (signing, closed) = listed.unwrap_or_default();
        let signing = signing.into_iter().map(|entry| entry.key);
        let own: Vec<PublicKey> = waiting.into_iter().chain(signing).chain(closed).collect();
        keys.extend(own.iter().map(rows::custody_key));
        let (from, to) = rows::notices_of(agent);
        self.reader().scan(&from, &to, &mut |key, _| {
            keys.push(Bytes::copy_from_slice(key));
            true
        })?;
        Ok((keys.into_iter().map(rows::delete).collect(), own))
    }
}
