//! Admission: a pure function of an envelope, its author's identity, the network's parameters and the time.
//!
//! It reads the header and the identity operations up to `auth`, which never change, and nothing else: so the set of
//! admissible envelopes depends neither on the order of arrival nor on local policy. What depends on other envelopes is
//! a verdict of the views. Signature, hash and canonical form were checked before: [`Verified`] says so.

mod refusal;
mod scopes;
#[cfg(test)]
mod tests;

pub use refusal::{Refusal, invalid_verdict};

use tidepool_protocol::identity::{IdentityError, IdentityState, begin, check_home, extend, home_word};
use tidepool_protocol::limits::FUTURE_MS_MAX;
use tidepool_protocol::{AuthorId, Envelope, EnvelopeId, NetworkGenesis, NetworkId, NodeId, TimeMs, Verified};

/// What all nodes of a network judge by.
#[derive(Clone, Debug)]
pub struct Rules {
    genesis: NetworkGenesis,
    network: NetworkId,
}

impl Rules {
    /// The rules of the network that `genesis` makes.
    #[must_use]
    pub fn new(genesis: NetworkGenesis) -> Self {
        let network = genesis.id();
        Self { genesis, network }
    }

    /// The network.
    #[must_use]
    pub const fn network(&self) -> NetworkId {
        self.network
    }

    /// Its genesis document.
    #[must_use]
    pub const fn genesis(&self) -> &NetworkGenesis {
        &self.genesis
    }
}

/// An envelope that may stand in the log. Made by [`admit`] and [`admit_operation`] only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    envelope: Verified<Envelope>,
    state: Option<IdentityState>,
}

impl Admitted {
    /// The envelope.
    #[must_use]
    pub const fn envelope(&self) -> &Verified<Envelope> {
        &self.envelope
    }

    /// The state that it makes, when it is an identity operation.
    #[must_use]
    pub const fn state(&self) -> Option<&IdentityState> {
        self.state.as_ref()
    }

    /// The envelope, to be stored.
    pub(crate) fn into_envelope(self) -> Verified<Envelope> {
        self.envelope
    }
}

/// The identity operations that admitting an envelope needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The author's operation that `auth` names; `None` for a genesis.
    pub auth: Option<(AuthorId, EnvelopeId)>,
    /// The operation of the node that gives its word as a home.
    pub home: Option<(NodeId, EnvelopeId)>,
}

/// What must be known before `envelope` can be judged.
///
/// # Errors
/// When an identity operation's body cannot be read.
pub fn needs(envelope: &Verified<Envelope>) -> Result<Needs, Refusal> {
    let header = envelope.header();
    if !header.kind.is_identity_operation() {
        return Ok(Needs { auth: Some((header.author, header.auth)), home: None });
    }
    let auth = (!header.kind.is_genesis()).then_some((header.author, header.auth));
    let home = home_word(envelope)?.map(|(home, word)| (home, word.node_auth));
    Ok(Needs { auth, home })
}

/// Admits an envelope that is no identity operation, by the state that its `auth` made.
///
/// # Errors
/// Why not.
pub fn admit(
    envelope: &Verified<Envelope>,
    author: &IdentityState,
    rules: &Rules,
    now: TimeMs,
) -> Result<Admitted, Refusal> {
    let header = envelope.header();
    common(envelope, rules, now)?;
    scopes::check(header.kind, &header.scope, &rules.genesis)?;
    if author.author != header.author || author.operation != header.auth {
        return Err(Refusal::Auth { auth: header.auth, author: header.author });
    }
    if let Some(kind) = author.ended_by {
        return Err(IdentityError::Ended(kind).into());
    }
    if !author.lists(&header.key, header.kind.group()) {
        return Err(Refusal::KeyNotListed { key: header.key, auth: header.auth });
    }
    if header.time_ms < author.time_ms {
        return Err(Refusal::BeforeAuth { time_ms: header.time_ms, auth_ms: author.time_ms });
    }
    if header.kind.is_ephemeral() {
        if header.seq != 0 || header.prev.is_some() || header.epoch.0 != 0 {
            return Err(Refusal::EphemeralInLog);
        }
    } else {
        check_log(envelope, rules)?;
    }
    Ok(Admitted { envelope: envelope.clone(), state: None })
}

/// Admits an identity operation: a genesis when `state` is `None`, else one that extends `state`. `home` is the state
/// of the node that gives its word, where the operation has one.
///
/// # Errors
/// Why not.
pub fn admit_operation(
    envelope: &Verified<Envelope>,
    state: Option<&IdentityState>,
    home: Option<&IdentityState>,
    rules: &Rules,
    now: TimeMs,
) -> Result<Admitted, Refusal> {
    common(envelope, rules, now)?;
    let params = &rules.genesis.params;
    let next = match state {
        None => begin(envelope, params)?,
        Some(state) => extend(state, envelope, params)?,
    };
    if let Some((node, word)) = home_word(envelope)? {
        let home = home.ok_or(IdentityError::Home)?;
        check_home(rules.network, next.author.as_agent(), node, &word, home)?;
    }
    Ok(Admitted { envelope: envelope.clone(), state: Some(next) })
}

fn common(envelope: &Verified<Envelope>, rules: &Rules, now: TimeMs) -> Result<(), Refusal> {
    let header = envelope.header();
    if header.network != rules.network {
        return Err(Refusal::Network { seen: header.network, expected: rules.network });
    }
    let ahead_ms = header.time_ms.since_ms(now);
    if ahead_ms > FUTURE_MS_MAX {
        return Err(Refusal::Future { ahead_ms });
    }
    if envelope.body().is_none() {
        return Err(Refusal::NoBody);
    }
    Ok(())
}

fn check_log(envelope: &Verified<Envelope>, rules: &Rules) -> Result<(), Refusal> {
    let header = envelope.header();
    if header.epoch.week() != header.time_ms.week() {
        return Err(Refusal::Week { epoch_week: header.epoch.week(), time_week: header.time_ms.week() });
    }
    if header.seq > 0 && header.prev.is_none() {
        return Err(Refusal::NoPrev { seq: header.seq });
    }
    let allowed = rules.genesis.params.log_quota(header.time_ms);
    if header.seq >= allowed {
        return Err(Refusal::Quota { seq: header.seq, allowed });
    }
    Ok(())
}
