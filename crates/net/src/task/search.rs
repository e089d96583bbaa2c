//! Kademlia: peers found by key, shards announced and looked up, the routing table kept fresh. And mDNS.

use super::{Task, Timing};
use crate::address::{self, ADDRESSES_PER_PEER_MAX, Realm};
use crate::counters::count;
use crate::peer::peer_id;
use libp2p::kad::store::RecordStore as _;
use libp2p::kad::{
    Event, GetClosestPeersError, GetClosestPeersOk, GetProvidersOk, InboundRequest, PeerInfo, ProviderRecord, QueryId,
    QueryResult, RecordKey,
};
use libp2p::swarm::DialError;
use libp2p::{PeerId, mdns};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};
use tidepool_kernel::Peer;
use tidepool_protocol::slot::Topic;

/// Queries of ours under way at once.
const QUERIES_MAX: usize = 16;

/// Peers that are looked for by key at once; beyond it a wish is dropped and counted, and may be made again.
const SEEKS_MAX: usize = 256;

/// A peer that was not found in this time is given up.
const SEEK_TIMEOUT: Duration = Duration::from_secs(60);

/// How often an announcement that stands is made again: twice within the life of a provider record, so that one that
/// reaches nobody is made up for.
const ANNOUNCE_AGAIN: Duration = Duration::from_secs(45 * 60);

/// What runs, and what waits to run.
#[derive(Debug)]
pub(super) struct Search {
    queries: HashMap<QueryId, Query>,
    seeks: BTreeMap<PeerId, Seek>,
    walk: Pace,
    /// Peers in the routing table when it was last looked at.
    table: usize,
}

/// A query of ours.
#[derive(Clone, Copy, Debug)]
enum Query {
    Walk,
    Seek(PeerId),
    Announce(Topic),
    LookUp,
}

/// A peer that is looked for by key.
#[derive(Debug)]
struct Seek {
    since: Instant,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Known addresses are tried.
    Dialling,
    /// They were none, or did not answer; a query waits for its turn.
    Queued,
    /// A query runs.
    Searching,
    /// What it found is tried.
    DiallingFound,
}

/// When to do a thing again that may bring nothing: later and later.
#[derive(Clone, Copy, Debug)]
struct Pace {
    due: Instant,
    wait: Duration,
    first: Duration,
    max: Duration,
}

impl Pace {
    fn new(first: Duration, max: Duration) -> Self {
        Self { due: Instant::now(), wait: first, first, max }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.due <= now
    }

    fn done(&mut self, now: Instant) {
        self.due = now + self.wait;
        self.wait = (self.wait * 2).min(self.max);
    }

    /// Not again before the longest wait.
    fn rest(&mut self, now: Instant) {
        self.due = now + self.max;
    }

    /// Something changed that makes it worth doing soon, and then at growing intervals as from the start.
    fn hasten(&mut self, now: Instant) {
        self.wait = self.first;
        self.by(now + self.first);
    }

    /// Once at this time at the latest, without beginning anew.
    fn by(&mut self, latest: Instant) {
        self.due = self.due.min(latest);
    }
}

/// A joined topic as Kademlia knows it.
#[derive(Debug)]
pub(super) struct Announcement {
    /// When it was last announced, and to a table of how many peers.
    announced: Option<(Instant, usize)>,
    under_way: bool,
    look_up: Pace,
}

impl Announcement {
    pub(super) fn new(timing: Timing) -> Self {
        let look_up = Pace::new(timing.lookup_first, timing.carriers_max);
        Self { announced: None, under_way: false, look_up }
    }

    /// Announced anew when it is old, and when the table has doubled: then other peers are nearest to its key.
    fn is_due(&self, now: Instant, table: usize) -> bool {
        match self.announced {
            _ if self.under_way => false,
            None => true,
            Some((at, then)) => now.duration_since(at) > ANNOUNCE_AGAIN || table >= then.saturating_mul(2).max(1),
        }
    }
}

impl Search {
    pub(super) fn new(timing: Timing) -> Self {
        let walk = Pace::new(timing.lookup_first, timing.walk_max);
        Self { queries: HashMap::new(), seeks: BTreeMap::new(), walk, table: 0 }
    }

    fn has_room(&self) -> bool {
        self.queries.len() < QUERIES_MAX
    }
}

impl Task {
    fn key_of(&self, topic: Topic) -> RecordKey {
        RecordKey::new(&topic.name(self.network))
    }

    /// Finds a peer's addresses and connects to it.
    pub(super) fn connect(&mut self, peer: &Peer) {
        count(&self.counters.connects_wanted);
        let id = peer_id(peer).filter(|id| id != self.swarm.local_peer_id());
        let Some(id) = id else {
            count(&self.counters.connects_failed);
            return;
        };
        self.seek(id);
    }

    fn seek(&mut self, id: PeerId) {
        let now = Instant::now();
        if self.peers.contains_key(&id) || self.search.seeks.contains_key(&id) {
            return;
        }
        if self.search.seeks.len() >= SEEKS_MAX || self.dials.is_shunned(&id, now) {
            count(&self.counters.connects_failed);
            return;
        }
        let step = match self.dial_peer(id) {
            Ok(()) | Err(DialError::DialPeerConditionFalse(_)) => Step::Dialling,
            Err(_) => Step::Queued,
        };
        self.search.seeks.insert(id, Seek { since: now, step });
        self.start_seeks();
    }

    /// A peer that was looked for is connected.
    pub(super) fn found(&mut self, id: &PeerId) {
        self.search.seeks.remove(id);
    }

    /// A peer was not reached: if it is looked for, a query is next, and after the query nothing is.
    pub(super) fn not_reached(&mut self, id: &PeerId) {
        if self.peers.contains_key(id) {
            return;
        }
        match self.search.seeks.get_mut(id) {
            Some(seek) if seek.step == Step::Dialling => seek.step = Step::Queued,
            Some(seek) if seek.step == Step::DiallingFound => self.give_up(id),
            Some(_) | None => {}
        }
        self.start_seeks();
    }

    fn give_up(&mut self, id: &PeerId) {
        if self.search.seeks.remove(id).is_some() {
            count(&self.counters.connects_failed);
            tracing::debug!(peer = %id, "looked for and not found");
        }
    }

    fn start_seeks(&mut self) {
        let queued = |(id, seek): (&PeerId, &Seek)| (seek.step == Step::Queued).then_some(*id);
        let waiting: Vec<_> = self.search.seeks.iter().filter_map(queued).collect();
        for id in waiting {
            if !self.search.has_room() {
                return;
            }
            let query = self.swarm.behaviour_mut().kad.get_closest_peers(id);
            self.search.queries.insert(query, Query::Seek(id));
            if let Some(seek) = self.search.seeks.get_mut(&id) {
                seek.step = Step::Searching;
            }
        }
    }

    fn on_seek_result(&mut self, id: PeerId, peers: Vec<PeerInfo>) {
        if self.peers.contains_key(&id) {
            self.found(&id);
            return;
        }
        let addresses = peers.into_iter().find(|info| info.peer_id == id).map(|info| info.addrs).unwrap_or_default();
        // What the book had was tried and did not answer. As near as whoever told can be is near enough.
        let nearest = if self.loopback { Realm::Machine } else { Realm::Local };
        self.book.replace(id, address::filtered(&id, addresses, Some(nearest)), Instant::now());
        match self.dial_peer(id) {
            Ok(()) | Err(DialError::DialPeerConditionFalse(_)) => {
                if let Some(seek) = self.search.seeks.get_mut(&id) {
                    seek.step = Step::DiallingFound;
                }
            }
            Err(_) => self.give_up(&id),
        }
    }

    /// What is due: seeks that took too long, walks through the key space, announcements and look-ups of topics.
    pub(super) fn look_up(&mut self) {
        let now = Instant::now();
        let late = |(id, seek): (&PeerId, &Seek)| (now.duration_since(seek.since) > SEEK_TIMEOUT).then_some(*id);
        for id in self.search.seeks.iter().filter_map(late).collect::<Vec<_>>() {
            self.give_up(&id);
        }
        self.start_seeks();
        let table = self.swarm.behaviour_mut().kad.kbuckets().map(|bucket| bucket.num_entries()).sum();
        if table > self.search.table {
            // Somebody new: who it knows is worth asking soon, and whose records it has.
            self.search.walk.hasten(now);
            let soon = now + self.timing.lookup_first;
            self.topics.values_mut().for_each(|topic| topic.look_up.by(soon));
        }
        self.search.table = table;
        if table == 0 {
            return;
        }
        self.walk(now);
        self.announce(now, table);
        self.look_for_carriers(now);
    }

    /// Looks for whoever is near this node and near random keys: soon and often while more peers are wanted, else as
    /// often as a table wants to be refreshed.
    fn walk(&mut self, now: Instant) {
        let walking = self.search.queries.values().any(|query| matches!(query, Query::Walk));
        if walking || !self.search.walk.is_due(now) {
            return;
        }
        if self.peers.len() >= self.settings.peers_wanted {
            self.search.walk.rest(now);
        } else {
            self.search.walk.done(now);
        }
        if let Ok(query) = self.swarm.behaviour_mut().kad.bootstrap() {
            self.search.queries.insert(query, Query::Walk);
        }
    }

    fn announce(&mut self, now: Instant, table: usize) {
        let due: Vec<_> = self
            .topics
            .iter()
            .filter(|(topic, state)| matches!(topic, Topic::Shard { .. }) && state.is_due(now, table))
            .map(|(topic, _)| *topic)
            .collect();
        for topic in due {
            if !self.search.has_room() {
                return;
            }
            let key = self.key_of(topic);
            match self.swarm.behaviour_mut().kad.start_providing(key) {
                Ok(query) => {
                    self.search.queries.insert(query, Query::Announce(topic));
                    if let Some(state) = self.topics.get_mut(&topic) {
                        state.under_way = true;
                    }
                }
                Err(error) => tracing::warn!(?topic, %error, "a shard cannot be announced"),
            }
        }
    }

    /// A peer is gone: others may be wanted. Not before it must have noticed, too: found and dialled while it still holds
    /// the dead connection, it would take the new one for a second, and say nothing of its topics.
    pub(super) fn look_around_later(&mut self, now: Instant) {
        let latest = now + self.timing.unheard_after;
        self.search.walk.by(latest);
        self.topics.values_mut().for_each(|topic| topic.look_up.by(latest));
    }

    /// Looks for peers that carry a shard while too few of them are connected.
    fn look_for_carriers(&mut self, now: Instant) {
        let wanted = self.settings.gossip.mesh;
        let connected = |topic: &Topic| self.peers.values().filter(|peer| peer.topics.contains(topic)).count();
        let due: Vec<_> = self
            .topics
            .iter()
            .filter(|(topic, state)| matches!(topic, Topic::Shard { .. }) && state.look_up.is_due(now))
            .filter(|(topic, _)| connected(topic) < wanted)
            .map(|(topic, _)| *topic)
            .collect();
        for topic in due {
            if !self.search.has_room() {
                return;
            }
            let key = self.key_of(topic);
            let query = self.swarm.behaviour_mut().kad.get_providers(key);
            self.search.queries.insert(query, Query::LookUp);
            if let Some(state) = self.topics.get_mut(&topic) {
                state.look_up.done(now);
            }
        }
    }

    /// A topic was left: nobody is told any more that this node carries it.
    pub(super) fn stop_providing(&mut self, topic: Topic) {
        let key = self.key_of(topic);
        self.swarm.behaviour_mut().kad.stop_providing(&key);
    }

    pub(super) fn on_kad_event(&mut self, event: Event) {
        match event {
            Event::OutboundQueryProgressed { id, result, step, .. } => self.on_query(id, result, step.last),
            Event::InboundRequest { request } => self.on_kad_request(request),
            Event::RoutingUpdated { is_new_peer, peer, .. } => {
                tracing::debug!(%peer, is_new_peer, "routing table updated");
                self.changed = true;
            }
            // Peers enter the table when identify has told of their addresses, and then by our hand.
            Event::UnroutablePeer { .. } | Event::RoutablePeer { .. } | Event::PendingRoutablePeer { .. } => {}
            Event::ModeChanged { new_mode } => tracing::info!(%new_mode, "Kademlia's mode changed"),
        }
    }

    fn on_query(&mut self, id: QueryId, result: QueryResult, last: bool) {
        if let QueryResult::GetProviders(Ok(GetProvidersOk::FoundProviders { providers, .. })) = &result {
            self.on_carriers(providers);
        }
        let query = if last { self.search.queries.remove(&id) } else { self.search.queries.get(&id).copied() };
        match (query, result) {
            (Some(Query::Seek(peer)), QueryResult::GetClosestPeers(result)) if last => {
                let (Ok(GetClosestPeersOk { peers, .. }) | Err(GetClosestPeersError::Timeout { peers, .. })) = result;
                self.on_seek_result(peer, peers);
            }
            (Some(Query::Announce(topic)), result) if last => {
                let done = matches!(result, QueryResult::StartProviding(Ok(_)));
                let table = self.search.table;
                if let Some(state) = self.topics.get_mut(&topic) {
                    state.under_way = false;
                    if done {
                        state.announced = Some((Instant::now(), table));
                    }
                }
            }
            _ => {}
        }
    }

    /// Peers that carry a shard of ours: dialled while the query still knows their addresses.
    fn on_carriers(&mut self, providers: &HashSet<PeerId>) {
        let local = *self.swarm.local_peer_id();
        for id in providers.iter().filter(|id| **id != local) {
            self.seek(*id);
        }
    }

    fn on_kad_request(&mut self, request: InboundRequest) {
        match request {
            InboundRequest::AddProvider { record: Some(record) } => self.on_provider(record),
            InboundRequest::PutRecord { .. } => count(&self.counters.records_refused),
            InboundRequest::AddProvider { record: None }
            | InboundRequest::FindNode { .. }
            | InboundRequest::GetProvider { .. }
            | InboundRequest::GetRecord { .. } => {}
        }
    }

    /// Keeps a provider record when its key is a shard of this network in a generation that is near one in use: so their
    /// number is bounded, whatever peers send.
    fn on_provider(&mut self, mut record: ProviderRecord) {
        let topic = std::str::from_utf8(record.key.as_ref()).ok().and_then(|name| self.names.read(name));
        let kept = match topic {
            Some(Topic::Shard { generation, .. }) => self.is_in_use(generation),
            Some(Topic::Ctl) | None => false,
        };
        if !kept {
            count(&self.counters.records_refused);
            return;
        }
        let nearest = if self.loopback { Realm::Machine } else { Realm::Local };
        let addresses = std::mem::take(&mut record.addresses);
        record.addresses = address::filtered(&record.provider, addresses, Some(nearest));
        debug_assert!(record.addresses.len() <= ADDRESSES_PER_PEER_MAX);
        if self.swarm.behaviour_mut().kad.store_mut().add_provider(record).is_err() {
            count(&self.counters.records_refused);
        }
    }

    /// Whether `generation` is one that this node takes part in, or the one before or after it. A node that joined
    /// nothing yet takes the first two.
    fn is_in_use(&self, generation: u32) -> bool {
        let mut joined = self.topics.keys().filter_map(|topic| match topic {
            Topic::Shard { generation, .. } => Some(*generation),
            Topic::Ctl => None,
        });
        match joined.next() {
            None => generation <= 1,
            Some(first) => std::iter::once(first).chain(joined).any(|known| known.abs_diff(generation) <= 1),
        }
    }

    pub(super) fn on_mdns_event(&mut self, event: mdns::Event) {
        match event {
            mdns::Event::Discovered(found) => {
                for (id, address) in found {
                    let kept = address::filtered(&id, vec![address], Some(Realm::Local));
                    self.book.learn(id, kept, false, Instant::now());
                }
            }
            mdns::Event::Expired(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(1);
    const MAX: Duration = Duration::from_secs(600);

    /// After how many seconds it is due.
    fn due_s(pace: &Pace, now: Instant) -> u64 {
        pace.due.saturating_duration_since(now).as_secs()
    }

    #[test]
    fn what_brings_nothing_is_done_later_and_later_and_news_begin_anew() {
        let mut pace = Pace::new(FIRST, MAX);
        let now = Instant::now();
        let waits: Vec<u64> = (0..12)
            .map(|_| {
                pace.done(now);
                due_s(&pace, now)
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        pace.hasten(now);
        assert_eq!(due_s(&pace, now), 1);
        pace.done(now);
        assert_eq!(due_s(&pace, now), 1, "it goes on as slowly as before");
    }

    #[test]
    fn one_look_soon_does_not_begin_anew() {
        let mut pace = Pace::new(FIRST, MAX);
        let now = Instant::now();
        (0..12).for_each(|_| pace.done(now));
        pace.by(now + FIRST);
        assert_eq!(due_s(&pace, now), 1);
        pace.done(now);
        assert_eq!(due_s(&pace, now), 600, "who comes and goes would make others search for ever");
        pace.rest(now);
        assert_eq!(due_s(&pace, now), 600);
        pace.by(now + FIRST);
        assert_eq!(due_s(&pace, now), 1);
        pace.by(now + MAX);
        assert_eq!(due_s(&pace, now), 1, "what is due before stays so");
    }

    #[test]
    fn an_announcement_is_renewed_twice_in_its_life_and_when_the_table_has_doubled() {
        let mut topic = Announcement::new(Timing::of(false));
        let now = Instant::now();
        assert!(topic.is_due(now, 1));
        topic.announced = Some((now, 3));
        assert!(!topic.is_due(now + ANNOUNCE_AGAIN, 5));
        assert!(topic.is_due(now, 6));
        assert!(topic.is_due(now + ANNOUNCE_AGAIN + FIRST, 3));
        assert!(ANNOUNCE_AGAIN * 2 < Duration::from_secs(2 * 60 * 60), "others forget it between two");
    }
}
