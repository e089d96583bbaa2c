//! Composing: the kernel finds an envelope's place in its log, its `auth` and its time, and signs it by custody.
//!
//! Heads are given out where the batch is made, so two requests of one agent cannot take one `seq`.

#[cfg(test)]
mod tests;

use crate::admission;
use crate::custody::Custody;
use crate::handle::{Plan, Planned};
use crate::input::Invalid;
use crate::local::{Compose, LocalError, RowExpect, Ticket};
use crate::node::Node;
use crate::store::{Store, StoreError};
use std::collections::BTreeMap;
use tidepool_protocol::envelope::{Draft, SignError};
use tidepool_protocol::identity::IdentityState;
use tidepool_protocol::limits::BODY_BYTES_MAX;
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{
    AuthorId, EnvelopeId, Epoch, Kind, NetworkParams, PublicKey, Scope, Signature, Signer, TimeMs,
};
use tidepool_views::logs::{self, Tip};
use tidepool_views::{Cursor, Origin, ReadError, RowWrite, identity, index};

/// A clock that stepped back no more than this is waited for: the log goes on at the time of its head.
const STEP_BACK_MS: u64 = 2_000;

/// A request to compose, as it waits for peers' answers about its author's heads.
#[derive(Clone, Debug)]
pub(crate) struct Parked {
    pub(crate) author: AuthorId,
    pub(crate) items: Vec<Compose>,
    pub(crate) rows: Vec<RowWrite>,
    pub(crate) expect: Vec<RowExpect>,
}

/// The newest envelope of one key in one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Newest {
    pub(crate) epoch: Epoch,
    pub(crate) seq: u64,
    pub(crate) id: EnvelopeId,
    pub(crate) time_ms: TimeMs,
    /// Whether it stands as far as its log goes: what follows a fork is void.
    pub(crate) stands: bool,
    /// What a new log names as its predecessor: this one, or the last one that stands.
    pub(crate) follow: Option<EnvelopeId>,
    /// Where this node holds it; not what it signs just now.
    pub(crate) cursor: Option<Cursor>,
}

/// Where the next envelope of a log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) epoch: Epoch,
    pub(crate) seq: u64,
    pub(crate) prev: Option<EnvelopeId>,
    pub(crate) time_ms: TimeMs,
}

/// A key in custody as a signer. Custody may decline; then the signature is none, and the draft refuses it.
struct CustodySigner<'c> {
    custody: &'c dyn Custody,
    key: PublicKey,
}

impl Signer for CustodySigner<'_> {
    fn public_key(&self) -> PublicKey {
        self.key
    }

    fn sign(&self, domain: Domain, message: &[u8]) -> Signature {
        self.custody.sign(&self.key, domain, message).unwrap_or(Signature([0; 64]))
    }
}

/// Where a log goes on at `now`, behind `newest`; `ahead` is the epoch in which peers know more of it than this node, or in
/// which somebody else signed last. A log whose head is void is left behind like one that peers are ahead of.
///
/// # Errors
/// When this week's sixteen logs are used up: how long until the next week, in seconds.
pub(crate) fn next_place(
    newest: Option<Newest>,
    ahead: Option<Epoch>,
    auth_ms: TimeMs,
    now: TimeMs,
) -> Result<Place, u64> {
    let now = now.max(auth_ms);
    let Some(newest) = newest else {
        let first = Epoch::first_of(now);
        let epoch = match ahead {
            Some(ahead) if ahead >= first => after(ahead, now)?,
            Some(_) | None => first,
        };
        return Ok(Place { epoch, seq: 0, prev: None, time_ms: time_in(epoch, now) });
    };
    let back_ms = newest.time_ms.since_ms(now);
    let overtaken = ahead.is_some_and(|ahead| ahead >= newest.epoch) || !newest.stands;
    let known = newest.epoch.max(ahead.unwrap_or(newest.epoch));
    if now.week() > known.week() {
        return Ok(Place { epoch: Epoch::first_of(now), seq: 0, prev: newest.follow, time_ms: now });
    }
    if overtaken || back_ms > STEP_BACK_MS {
        let epoch = after(known, now)?;
        return Ok(Place { epoch, seq: 0, prev: newest.follow, time_ms: time_in(epoch, now) });
    }
    Ok(Place { epoch: newest.epoch, seq: newest.seq + 1, prev: Some(newest.id), time_ms: now.max(newest.time_ms) })
}

fn after(epoch: Epoch, now: TimeMs) -> Result<Epoch, u64> {
    epoch.next_in_week().ok_or_else(|| tidepool_protocol::limits::WEEK_S - now.seconds_into_week())
}

/// `now`, moved into the week of `epoch`: a clock that is a week behind its own log.
fn time_in(epoch: Epoch, now: TimeMs) -> TimeMs {
    let week_ms = tidepool_protocol::limits::WEEK_S * 1_000;
    TimeMs(now.0.clamp(epoch.week() * week_ms, epoch.week() * week_ms + week_ms - 1))
}

/// Whether a log may hold one more at `place`, and if not, when.
pub(crate) fn check_quota(params: &NetworkParams, place: &Place) -> Result<(), LocalError> {
    if place.seq < params.log_quota(place.time_ms) {
        return Ok(());
    }
    // The first second of the week at which burst and rate make room for this place; the next week's log without a rate.
    let more = place.seq.saturating_sub(params.log_burst).saturating_add(1);
    let week_s = tidepool_protocol::limits::WEEK_S;
    let at_s = match params.log_per_hour {
        0 => week_s,
        rate => more.saturating_mul(3_600).div_ceil(rate).min(week_s),
    };
    let retry_after_s = at_s.saturating_sub(place.time_ms.seconds_into_week()).max(1);
    Err(LocalError::Quota { seq: place.seq, retry_after_s })
}

impl<S: Store, C: Custody> Node<S, C> {
    pub(crate) fn on_compose(&mut self, ticket: Ticket, parked: Parked) -> Result<(), StoreError> {
        if let Err(error) = self.check_shape(parked.items.len(), &parked.rows, &parked.expect) {
            return self.fail(ticket, error);
        }
        if let Some(error) = self.check_expected(&parked.expect)? {
            return self.fail(ticket, error);
        }
        let logged = parked.items.iter().any(|item| !item.kind.is_ephemeral());
        if logged && self.must_ask_heads(parked.author) {
            return self.park_for_heads(ticket, parked);
        }
        self.compose(ticket, parked)
    }

    /// Signs and writes. The author's heads are known as well as they will be.
    pub(crate) fn compose(&mut self, ticket: Ticket, parked: Parked) -> Result<(), StoreError> {
        if let Some(error) = self.check_expected(&parked.expect)? {
            return self.fail(ticket, error);
        }
        match self.sign_all(&parked)? {
            Ok(envelopes) => {
                let says = parked.items.iter().any(|item| !item.kind.is_ephemeral() && item.kind != Kind::CHECKPOINT);
                if says {
                    self.note_signed(parked.author, self.turn.last_cursor().next())?;
                }
                self.carry_out(ticket, Plan { envelopes, rows: parked.rows })
            }
            Err(error) => self.fail(ticket, error),
        }
    }

    fn sign_all(&mut self, parked: &Parked) -> Result<Result<Vec<Planned>, LocalError>, StoreError> {
        let Some(identity) = self.read(|rows| identity::current(rows, parked.author))? else {
            return Ok(Err(LocalError::NoKey));
        };
        let state = identity.state;
        let mut moved = BTreeMap::new();
        let mut planned = Vec::new();
        for (index, item) in parked.items.iter().enumerate() {
            match self.sign_one(index, item, &state, &mut moved)? {
                Ok(one) => planned.push(one),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(planned))
    }

    fn sign_one(
        &mut self,
        index: usize,
        item: &Compose,
        state: &IdentityState,
        moved: &mut BTreeMap<(PublicKey, Scope), Newest>,
    ) -> Result<Result<Planned, LocalError>, StoreError> {
        let refused = |reason| Ok(Err(LocalError::Refused { index, reason }));
        if item.kind.is_identity_operation() {
            return refused(admission::Refusal::Scope { kind: item.kind, scope: item.scope.clone() });
        }
        if item.body.is_empty() || item.body.len() > BODY_BYTES_MAX {
            return refused(admission::Refusal::BodyLength { seen: item.body.len() });
        }
        let group = item.kind.group();
        let keys: Vec<PublicKey> =
            state.signing.iter().filter(|entry| entry.allows(group)).map(|entry| entry.key).collect();
        for key in keys {
            let place = if item.kind.is_ephemeral() {
                Ok(Place { epoch: Epoch(0), seq: 0, prev: None, time_ms: self.now.max(state.time_ms) })
            } else {
                let newest = match moved.get(&(key, item.scope.clone())) {
                    Some(newest) => Some(*newest),
                    None => self.newest(state.author, key, &item.scope)?,
                };
                let ahead = self.heads.ahead(state.author, key, &item.scope);
                let foreign = match newest {
                    Some(newest) if !self.is_ours(state.author, key, &item.scope, &newest)? => Some(newest.epoch),
                    Some(_) | None => None,
                };
                let taken = self.heads.restored.taken(newest.map(|newest| newest.epoch), self.now.max(state.time_ms));
                // A clock that was set back does not reach behind the horizon: from there nobody would ask for it.
                let horizon = self.horizon_of(item.kind, item.scope.slot());
                next_place(newest, ahead.max(foreign).max(taken), state.time_ms, self.now.max(horizon))
            };
            let place = match place {
                Ok(place) => place,
                Err(retry_after_s) => {
                    return Ok(Err(LocalError::Quota { seq: 0, retry_after_s }));
                }
            };
            if let Err(error) = check_quota(&self.rules.genesis().params, &place) {
                return Ok(Err(error));
            }
            let body = match item.kind {
                Kind::CHECKPOINT => self.countersigned(state.author, state.home, &item.body, place.time_ms)?,
                _ => item.body.to_vec(),
            };
            let signer = CustodySigner { custody: &self.custody, key };
            let draft = Draft {
                network: self.rules.network(),
                author: state.author,
                auth: state.operation,
                scope: item.scope.clone(),
                epoch: place.epoch,
                seq: place.seq,
                prev: place.prev,
                time_ms: place.time_ms,
                kind: item.kind,
                body,
            };
            let envelope = match draft.try_sign(&signer) {
                Ok(envelope) => envelope,
                Err(SignError::Signature(_)) => continue,
                Err(SignError::Envelope(error)) => return refused(Invalid::from(error).into()),
            };
            let admitted = match admission::admit(&envelope, state, &self.rules, self.now) {
                Ok(admitted) => admitted,
                Err(reason) => return refused(reason),
            };
            if !item.kind.is_ephemeral() {
                let Place { epoch, seq, time_ms, .. } = place;
                let (id, follow) = (envelope.id(), Some(envelope.id()));
                self.heads.wrote(state.author, key, &item.scope, id);
                let newest = Newest { epoch, seq, id, time_ms, stands: true, follow, cursor: None };
                moved.insert((key, item.scope.clone()), newest);
            }
            return Ok(Ok(Planned::New(Box::new(admitted))));
        }
        Ok(Err(LocalError::NoKey))
    }

    /// The newest envelope of `key` of `author` in `scope`.
    pub(crate) fn newest(
        &mut self,
        author: AuthorId,
        key: PublicKey,
        scope: &Scope,
    ) -> Result<Option<Newest>, ReadError> {
        self.read(|rows| {
            let Some(tip) = logs::tip(rows, author, key, scope)? else { return Ok(None) };
            let Tip { head, time_ms, stands, cursor } = tip;
            let follow = if stands { Some(head.id) } else { logs::standing(rows, author, key, scope)? };
            let (epoch, seq, id) = (head.epoch, head.seq, head.id);
            Ok(Some(Newest { epoch, seq, id, time_ms, stands, follow, cursor: Some(cursor) }))
        })
    }

    /// Whether `newest` was signed here, in the life that this store has led since it was last restored. What another
    /// process signed with the same key is never gone on from, or both would go on from it.
    fn is_ours(&mut self, author: AuthorId, key: PublicKey, scope: &Scope, newest: &Newest) -> Result<bool, ReadError> {
        if self.heads.last_written(author, key, scope) == Some(newest.id) {
            return Ok(true);
        }
        let restored = self.heads.restored;
        let found = self.read(|rows| index::envelope(rows, &newest.id))?;
        let Some((entry, stored)) = found else { return Ok(false) };
        self.counters.foreign_heads += u64::from(stored.origin != Origin::Local);
        Ok(!restored.brought(entry.cursor) && stored.origin == Origin::Local)
    }
}
