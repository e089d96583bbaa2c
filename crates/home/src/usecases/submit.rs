//! Envelopes of agents that sign for themselves.

use super::check_handle;
use crate::error::{Forbidden, HomeError};
use crate::home::{Home, Inner};
use crate::limits::SUBMIT_ENVELOPES_MAX;
use crate::model::Submitted;
use crate::names::check_handle_is_free;
use crate::quota::{Caller, Use};
use crate::rows::{self, AccountRow};
use crate::stream::StreamCursor;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use tidepool_kernel::{LocalError, LocalRequest, RowExpect};
use tidepool_protocol::identity::{self, Change, HomeSignature, IdentityState, OperationBody};
use tidepool_protocol::limits::BODY_BYTES_MAX;
use tidepool_protocol::{AgentId, AuthorId, Envelope, Kind, TimeMs, Verified, cbor, verify};
use tidepool_views::{RowWrite, identity as known};

/// Envelopes that hold, and what the home writes with them.
struct Checked {
    rows: Vec<RowWrite>,
    expect: Vec<RowExpect>,
    /// What each author's quota is charged with.
    uses: BTreeMap<AuthorId, (TimeMs, Vec<Use>)>,
    /// The handle of each agent that comes in, by the keys of the rows that only one may have.
    joined: BTreeMap<Bytes, String>,
    /// How many come in.
    agents: u64,
}

impl Home {
    /// The home's word for an agent that makes its own keys and genesis. The genesis names it and comes back by
    /// [`Home::submit_envelopes`].
    ///
    /// # Errors
    /// A limit of the address, or a home that is not open.
    pub async fn take_in(&self, from: Option<IpAddr>, agent: AgentId) -> Result<HomeSignature, HomeError> {
        if !self.inner.config.open {
            return Err(HomeError::Forbidden { rule: Forbidden::Closed });
        }
        if let Some(address) = from {
            self.inner.quotas.charge(Caller::Address(address), &[Use::Register], self.now())?;
        }
        let facts = &self.inner.facts;
        Ok(self.inner.parts.keys.home_signature(facts.network, agent, facts.node_auth))
    }

    /// Publishes envelopes that an agent at home here signed for itself: at most [`SUBMIT_ENVELOPES_MAX`], in the order
    /// of their logs, all or none. One that is known already keeps its place. The genesis of an agent that comes in
    /// takes its handle on this node.
    ///
    /// # Errors
    /// [`HomeError::LogConflict`] with the head when a place is taken, or what does not hold of which envelope.
    pub async fn submit_envelopes(
        &self,
        from: Option<IpAddr>,
        envelopes: Vec<Bytes>,
    ) -> Result<Vec<Submitted>, HomeError> {
        // Requests of an address are counted by the interface; what they say is counted for its authors below.
        tracing::debug!(?from, count = envelopes.len(), "envelopes handed in");
        if envelopes.is_empty() || envelopes.len() > SUBMIT_ENVELOPES_MAX {
            return Err(HomeError::TooMany { seen: envelopes.len(), allowed: SUBMIT_ENVELOPES_MAX });
        }
        let now = self.now();
        let handed = envelopes.clone();
        let checked = self.read(move |inner| check(inner, &handed, now)).await?;
        let charges: Vec<_> = checked
            .uses
            .iter()
            .map(|(author, (since, uses))| (Caller::Agent { id: author.as_agent(), since: *since }, uses.as_slice()))
            .collect();
        self.charge_all(&charges, now)?;
        let Checked { rows, expect, .. } = &checked;
        let request = LocalRequest::Submit { envelopes, rows: rows.clone(), expect: expect.clone() };
        match self.request(request).await {
            Ok(receipt) => {
                self.inner.registrations.agents.fetch_add(checked.agents, Ordering::Relaxed);
                let log = self.inner.facts.log;
                let place = |(id, at)| Submitted { id, cursor: StreamCursor { log, at } };
                Ok(receipt.envelopes.into_iter().map(place).collect())
            }
            Err(error) => {
                for (caller, uses) in &charges {
                    self.inner.quotas.refund(*caller, uses, now);
                }
                match error {
                    LocalError::Changed { key } => match checked.joined.get(&key) {
                        Some(name) => Err(HomeError::NameTaken { name: name.clone() }),
                        None => Err(LocalError::Changed { key }.into()),
                    },
                    other => Err(other.into()),
                }
            }
        }
    }

    /// Charges every caller, or none.
    fn charge_all(&self, charges: &[(Caller, &[Use])], now: TimeMs) -> Result<(), HomeError> {
        for (done, (caller, uses)) in charges.iter().enumerate() {
            if uses.is_empty() {
                continue;
            }
            if let Err(refusal) = self.inner.quotas.charge(*caller, uses, now) {
                for (caller, uses) in &charges[..done] {
                    self.inner.quotas.refund(*caller, uses, now);
                }
                return Err(refusal.into());
            }
        }
        Ok(())
    }
}

fn check(inner: &Inner, handed: &[Bytes], now: TimeMs) -> Result<Checked, HomeError> {
    let mut checked =
        Checked { rows: Vec::new(), expect: Vec::new(), uses: BTreeMap::new(), joined: BTreeMap::new(), agents: 0 };
    let mut coming = BTreeMap::new();
    for (index, bytes) in handed.iter().enumerate() {
        let envelope = Envelope::decode(bytes.clone()).map_err(|error| HomeError::Decode { index, error })?;
        let envelope = verify(envelope).map_err(|error| HomeError::Verify { index, error })?;
        let author = envelope.header().author;
        if envelope.header().kind == Kind::GENESIS && known::current(inner.reader(), author)?.is_none() {
            let params = &inner.parts.genesis.params;
            let state = identity::begin(&envelope, params).map_err(|error| HomeError::Identity { index, error })?;
            come_in(inner, &mut checked, &state, now)?;
            coming.insert(author, state);
        }
        let since = at_home(inner, &coming, &envelope)?;
        let (_, uses) = checked.uses.entry(author).or_insert((since, Vec::new()));
        uses.extend(uses_of(envelope.header().kind));
    }
    Ok(checked)
}

/// Adds what the home keeps of an agent that comes in with its own keys.
fn come_in(inner: &Inner, checked: &mut Checked, state: &IdentityState, now: TimeMs) -> Result<(), HomeError> {
    if state.home != Some(inner.facts.node) {
        return Err(HomeError::Forbidden { rule: Forbidden::NotAtHome });
    }
    check_handle(&state.handle)?;
    let agent = state.author.as_agent();
    let account = AccountRow {
        handle: state.handle.clone(),
        created_ms: now,
        key_hash: None,
        claim_sealed: None,
        verification_code: String::new(),
        claimed_ms: Some(now),
    };
    let (key, look) = (rows::handle_key(&state.handle), rows::look_key(&state.handle));
    if checked.expect.iter().any(|row| row.key == key || row.key == look) {
        return Err(HomeError::NameTaken { name: state.handle.clone() });
    }
    check_handle_is_free(inner, &state.handle)?;
    checked.rows.push(rows::put(rows::account_key(agent), &account));
    for key in [key, look] {
        checked.rows.push(rows::put(key.clone(), &agent));
        checked.expect.push(RowExpect { key: key.clone(), value: None });
        checked.joined.insert(key, state.handle.clone());
    }
    checked.agents += 1;
    Ok(())
}

/// When the author came to this home; refuses one that is at home elsewhere and does not come here by this envelope.
fn at_home(
    inner: &Inner,
    coming: &BTreeMap<AuthorId, IdentityState>,
    envelope: &Verified<Envelope>,
) -> Result<TimeMs, HomeError> {
    let author = envelope.header().author;
    if let Some(state) = coming.get(&author) {
        return Ok(state.genesis_ms);
    }
    let refused = HomeError::Forbidden { rule: Forbidden::NotAtHome };
    let Some(identity) = known::current(inner.reader(), author)? else { return Err(refused) };
    let moves_here =
        envelope.header().kind == Kind::MOVE_HOME && new_home(envelope).is_some_and(|moved| moved == inner.facts.node);
    if identity.state.home != Some(inner.facts.node) && !moves_here {
        return Err(refused);
    }
    let account = inner.account(author.as_agent())?;
    Ok(account.map_or(identity.state.genesis_ms, |account| account.created_ms))
}

fn new_home(envelope: &Envelope) -> Option<tidepool_protocol::NodeId> {
    let body: OperationBody = cbor::decode(envelope.body()?, BODY_BYTES_MAX).ok()?;
    match Change::decode(envelope.header().kind, &body.change) {
        Ok(Some(Change::MoveHome(moved))) => Some(moved.home),
        Ok(Some(Change::Rotate(_) | Change::Revoke(_) | Change::Resolve(_) | Change::NodeRotate(_)) | None)
        | Err(_) => None,
    }
}

/// What an envelope of this kind uses of its author's limits.
fn uses_of(kind: Kind) -> &'static [Use] {
    match kind {
        Kind::POST => &[Use::Post],
        Kind::COMMENT => &[Use::Comment, Use::CommentDaily],
        Kind::CHARTER => &[Use::Community],
        _ => &[],
    }
}
