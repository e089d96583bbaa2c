//! Which shards a node of some shards holds: those that it was told of, and those that its agents read or write.
//!
//! What an agent at home here writes into a shard that this node does not hold joins that shard: peers ask a node only for
//! what it says that it covers, so what lay outside would be lost with the first gossip that found nobody. At a start the
//! shards that agents need are found anew, so what nobody here needs any more is left then, and never while the node runs.
//!
//! A durable row, `0x66`, says what is held, for whoever reads the store beside the kernel. A store without it is an
//! archive's.

use crate::custody::Custody;
use crate::effect::Effect;
use crate::node::Node;
use crate::peer::Peer;
use crate::planted::Defect;
use crate::retention;
use crate::settings::Coverage;
use crate::store::{Store, StoreError};
use bytes::Bytes;
use std::collections::BTreeSet;
use tidepool_protocol::body::Subscribe;
use tidepool_protocol::envelope::LogId;
use tidepool_protocol::slot::Topic;
use tidepool_protocol::sync::Class;
use tidepool_protocol::{AgentId, AuthorId, Body, Envelope, Kind, Scope, Shard, Slot, TimeMs};
use tidepool_views::queries::{Paging, QueryError, follows};
use tidepool_views::{ReadError, RowWrite, Rows, identity, logs};

/// The key of the row.
const HELD: [u8; 1] = [0x66];

/// Agents, logs and subscriptions that are read at once when a start looks for what agents need.
const AT_ONCE: usize = 256;

/// Peers that are asked for a shard that is joined while the node runs; the rest follows in the usual rounds.
const CARRIERS: usize = 2;

/// Which shards the node of this store holds, or held when it last ran.
///
/// # Errors
/// When the store cannot be read.
pub fn held(rows: &dyn Rows) -> Result<Coverage, ReadError> {
    let numbers =
        |value: &Bytes| value.as_chunks::<2>().0.iter().map(|number| Shard(u16::from_be_bytes(*number))).collect();
    Ok(rows.get(&HELD)?.map_or(Coverage::Archive, |value| Coverage::Shards(numbers(&value))))
}

fn row(coverage: &Coverage) -> RowWrite {
    let value = match coverage {
        Coverage::Archive => None,
        Coverage::Shards(shards) => Some(shards.iter().flat_map(|shard| shard.0.to_be_bytes()).collect::<Vec<u8>>()),
    };
    RowWrite { key: Bytes::from_static(&HELD), value: value.map(Bytes::from) }
}

/// What an agent at home here reads or writes by what it says: the slot it is said in, its own, and that of a community
/// to which it subscribes.
fn needed_by(envelope: &Envelope) -> BTreeSet<Slot> {
    let header = envelope.header();
    let mut slots = BTreeSet::from([header.slot(), Scope::Agent(header.author.as_agent()).slot()]);
    let body = envelope.body().filter(|_| header.kind == Kind::SUBSCRIBE).map(|body| Body::decode(header.kind, body));
    if let Some(Ok(Some(Body::Subscribe(Subscribe { community, on: true })))) = body {
        slots.insert(community.slot());
    }
    slots
}

impl<S: Store, C: Custody> Node<S, C> {
    /// Finds out what is held from this start on: what the node was told of, what its agents need, and what lies in the
    /// outbox, which peers still have to ask for.
    pub(crate) fn start_coverage(&mut self) -> Result<(), StoreError> {
        if self.settings.coverage != Coverage::Archive {
            let unsent = self.outgoing.slots();
            self.widen(unsent);
            self.widen_for_agents()?;
        }
        if held(&self.store)? != self.settings.coverage {
            self.turn.write(row(&self.settings.coverage));
            // Whoever waits for the start reads it next.
            self.close_turn()?;
        }
        Ok(self.cover_anew()?)
    }

    /// What is covered, by what is held and how far it is pruned.
    pub(crate) fn cover_anew(&mut self) -> Result<(), ReadError> {
        let horizons = retention::horizons(&self.store, self.rules.genesis().params.shards)?;
        if !self.planted.is(Defect::HorizonUnsaid) {
            self.set_horizons(&horizons);
        }
        Ok(())
    }

    /// From when on this node holds what is of `kind` in `slot`, as it tells its peers.
    pub(crate) fn horizon_of(&self, kind: Kind, slot: Slot) -> TimeMs {
        match Class::of(kind) {
            Class::State => TimeMs(0),
            Class::Content => self.cover.from(slot).unwrap_or(TimeMs(0)),
        }
    }

    fn widen_for_agents(&mut self) -> Result<(), ReadError> {
        let mut last: Option<AgentId> = None;
        while !self.holds_all() {
            let agents = identity::of_home(&self.store, self.settings.node, last, AT_ONCE)?;
            let Some(end) = agents.last().copied() else { break };
            last = Some(end);
            for agent in agents {
                self.widen([Scope::Agent(agent).slot()]);
                self.widen_for_logs(agent.into())?;
                self.widen_for_subscriptions(agent.into())?;
            }
        }
        Ok(())
    }

    fn widen_for_logs(&mut self, author: AuthorId) -> Result<(), ReadError> {
        let mut last: Option<LogId> = None;
        while !self.holds_all() {
            let heads = logs::heads(&self.store, author, last.as_ref(), AT_ONCE)?;
            let Some(end) = heads.last() else { break };
            last = Some(LogId { author, key: end.key, scope: end.scope.clone(), epoch: end.epoch });
            self.widen(heads.iter().map(|head| head.scope.slot()));
        }
        Ok(())
    }

    fn widen_for_subscriptions(&mut self, author: AuthorId) -> Result<(), ReadError> {
        let mut last = None;
        while !self.holds_all() {
            let page = match follows::subscriptions(&self.store, &author, Paging::new(AT_ONCE, last.as_ref())) {
                Ok(page) => page,
                Err(QueryError::Read(error)) => return Err(error),
                // The place is one that the page before gave.
                Err(QueryError::After(_)) => break,
            };
            self.widen(page.items.iter().map(Scope::slot));
            match page.next {
                Some(next) => last = Some(next),
                None => break,
            }
        }
        Ok(())
    }

    /// Whether there is nothing to be added.
    fn holds_all(&self) -> bool {
        match &self.settings.coverage {
            Coverage::Archive => true,
            Coverage::Shards(shards) => shards.len() >= usize::from(self.rules.genesis().params.shards),
        }
    }

    /// Adds the shards of `slots` to what is held; those that were not.
    fn widen(&mut self, slots: impl IntoIterator<Item = Slot>) -> Vec<Shard> {
        let of_all = self.rules.genesis().params.shards;
        let Coverage::Shards(shards) = &mut self.settings.coverage else { return Vec::new() };
        slots.into_iter().filter_map(|slot| Shard::of(slot, of_all)).filter(|shard| shards.insert(*shard)).collect()
    }

    /// An agent at home here says this: what it needs is held from now on, in the batch that holds what it says.
    pub(crate) fn hold_for(&mut self, envelope: &Envelope) -> Result<(), StoreError> {
        if self.holds_all() {
            return Ok(());
        }
        let joined = self.widen(needed_by(envelope));
        if joined.is_empty() {
            return Ok(());
        }
        self.turn.write(row(&self.settings.coverage));
        self.cover_anew()?;
        self.counters.shards_joined += joined.len() as u64;
        let genesis = self.rules.genesis();
        let (generation, of_all) = (genesis.params.generation, genesis.params.shards);
        for shard in &joined {
            self.out.push(Effect::Join(Topic::Shard { generation, shard: *shard }));
        }
        let first = joined.iter().filter_map(|shard| shard.slots(of_all).next()).collect::<Vec<_>>();
        self.ask_carriers(&first)
    }

    /// Compares digests soon with peers that hold these slots, as far as they have said.
    fn ask_carriers(&mut self, slots: &[Slot]) -> Result<(), StoreError> {
        for peer in self.carriers(slots, CARRIERS) {
            self.begin_session_anew(peer)?;
        }
        Ok(())
    }

    /// Up to `count` connected peers, by chance, of those that hold any of `slots` or have not said yet what they hold.
    pub(crate) fn carriers(&mut self, slots: &[Slot], count: usize) -> Vec<Peer> {
        let peers = self.some_peers(self.connected.len());
        let carries = |peer: &Peer| {
            let cover = self.syncing.covers.get(peer);
            cover.is_none_or(|cover| slots.iter().any(|slot| cover.from(*slot).is_some()))
        };
        peers.into_iter().filter(carries).take(count).collect()
    }
}
