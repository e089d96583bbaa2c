//! An agent's logs: what is held of them, where they fork, what is missing; and the proof of a fork.

use crate::error::{HomeError, Thing};
use crate::home::{Home, Inner};
use crate::limits::LOGS_SHOWN_MAX;
use crate::model::{AgentLogs, IdentityView};
use tidepool_protocol::warrant::Warrant;
use tidepool_protocol::{AgentId, AuthorId, EnvelopeId, Scope};
use tidepool_views::{identity, index, logs};

impl Home {
    /// The logs of the agent that is called `name`, in one scope or in all.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] or [`HomeError::Ambiguous`].
    pub async fn agent_logs(&self, name: &str, scope: Option<Scope>) -> Result<AgentLogs, HomeError> {
        let agent = self.locate_agent(name).await?;
        self.read(move |inner| inner.agent_logs(agent, scope.as_ref())).await
    }

    /// The proof that the author of `id` signed another envelope at the same position of the same log.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] when `id` is not here or stands alone at its position.
    pub async fn warrant(&self, id: EnvelopeId) -> Result<Warrant, HomeError> {
        self.read(move |inner| inner.warrant(id)).await
    }
}

impl Inner {
    fn agent_logs(&self, agent: AgentId, scope: Option<&Scope>) -> Result<AgentLogs, HomeError> {
        let author = AuthorId::from(agent);
        let found = identity::current(self.reader(), author)?;
        let found = found.ok_or_else(|| HomeError::NotFound { what: Thing::Agent, seen: agent.to_string() })?;
        let mut logs = logs::view(self.reader(), author, scope, None, LOGS_SHOWN_MAX + 1)?;
        let more = logs.len() > LOGS_SHOWN_MAX;
        logs.truncate(LOGS_SHOWN_MAX);
        let state = found.state;
        let identity = IdentityView {
            author,
            operation: state.operation,
            chain_seq: state.chain_seq,
            frozen: found.frozen,
            signing: state.signing.iter().map(|entry| entry.key).collect(),
            rotation: state.rotation,
            closed: found.closed,
            home: state.home,
        };
        Ok(AgentLogs { agent, identity, logs, more })
    }

    fn warrant(&self, id: EnvelopeId) -> Result<Warrant, HomeError> {
        let rows = self.reader();
        let missing = || HomeError::NotFound { what: Thing::Warrant, seen: id.to_string() };
        let (_, first) = index::envelope(rows, &id)?.ok_or_else(missing)?;
        let header = first.envelope.header();
        if header.kind.is_identity_operation() {
            return Err(missing());
        }
        let ids = logs::range(rows, &header.log(), header.seq, header.seq, 8)?;
        let other = ids.into_iter().find(|other| *other != id).ok_or_else(missing)?;
        let (_, second) = index::envelope(rows, &other)?.ok_or_else(missing)?;
        let home = identity::current(rows, header.author)?.and_then(|identity| identity.state.home);
        let mut operations = Vec::new();
        // The home that a genesis names may not be the one of today: every home that the chain names goes with it.
        let mut homes: Vec<AuthorId> = home.map(AuthorId::from).into_iter().collect();
        let chain = identity::chain(rows, header.author)?;
        for operation in &chain {
            if let Some(state) = identity::state_at(rows, header.author, operation)? {
                let home = state.home.map(AuthorId::from).filter(|home| !homes.contains(home));
                homes.extend(home);
            }
        }
        for author in homes {
            operations.extend(identity::chain(rows, author)?);
        }
        operations.extend(chain);
        let mut identities = Vec::new();
        for operation in operations {
            let (_, stored) = index::envelope(rows, &operation)?.ok_or_else(missing)?;
            identities.push(stored.envelope.bytes().clone());
        }
        Ok(Warrant::new(identities, &first.envelope, &second.envelope))
    }
}
