//! Locating: an identity that was only heard of is asked of peers, and a way to its home node is looked for.

use crate::clock::Steady;
use crate::custody::Custody;
use crate::effect::Effect;
use crate::local::{LocalError, Receipt, Ticket};
use crate::node::Node;
use crate::peer::RequestId;
use crate::requests::Purpose;
use crate::store::{Store, StoreError};
use crate::turn::Speech;
use std::collections::{BTreeMap, BTreeSet};
use tidepool_protocol::AuthorId;
use tidepool_protocol::sync::SyncRequest;
use tidepool_views::{ReadError, identity};

/// How many peers are asked at once.
const PEERS_MAX: usize = 8;

#[derive(Debug)]
struct Search {
    under_way: BTreeSet<RequestId>,
    deadline: Steady,
    tickets: Vec<Ticket>,
}

/// Identities that homes ask for.
#[derive(Debug, Default)]
pub(crate) struct Locating {
    searches: BTreeMap<AuthorId, Search>,
}

impl Locating {
    /// When the next search ends.
    pub(crate) fn due(&self) -> Option<Steady> {
        self.searches.values().map(|search| search.deadline).min()
    }

    /// Ends all; the requests that waited.
    pub(crate) fn give_up(&mut self) -> Vec<Ticket> {
        std::mem::take(&mut self.searches).into_values().flat_map(|search| search.tickets).collect()
    }
}

impl<S: Store, C: Custody> Node<S, C> {
    pub(crate) fn on_locate(&mut self, ticket: Ticket, author: AuthorId) -> Result<(), StoreError> {
        if self.read(|rows| identity::current(rows, author))?.is_some() {
            return self.found(vec![ticket], author);
        }
        let waiting = self.locating.searches.values().map(|search| search.tickets.len()).sum();
        let allowed = self.settings.limits.locate_max;
        if waiting >= allowed {
            return self.fail(ticket, LocalError::Busy { waiting, allowed });
        }
        if let Some(search) = self.locating.searches.get_mut(&author) {
            search.tickets.push(ticket);
            return Ok(());
        }
        let peers = self.some_peers(PEERS_MAX);
        if peers.is_empty() {
            return self.fail(ticket, LocalError::NotFound);
        }
        let request = SyncRequest::Identity(vec![author]);
        let under_way = peers.into_iter().map(|peer| self.ask(peer, &request, Purpose::Locate(author))).collect();
        let deadline = self.steady.plus_ms(self.settings.limits.locate_ms_max);
        self.locating.searches.insert(author, Search { under_way, deadline, tickets: vec![ticket] });
        self.set_pending_timer();
        Ok(())
    }

    /// The identity is here: connect to its home, and say so once it is durable.
    fn found(&mut self, tickets: Vec<Ticket>, author: AuthorId) -> Result<(), StoreError> {
        let key = self.read(|rows| {
            let Some(identity) = identity::current(rows, author)? else { return Ok(None) };
            let node = identity.state.home.unwrap_or(author.as_node());
            identity::node_key(rows, node)
        });
        let key: Result<_, ReadError> = key;
        if let Some(key) = key?
            && key != self.settings.key
            && !self.connected.contains(&key)
        {
            self.out.push(Effect::Connect(key));
        }
        for ticket in tickets {
            self.counters.local_done += 1;
            self.speak(Speech::Effect(Effect::Reply { ticket, result: Ok(Receipt::default()) }))?;
        }
        Ok(())
    }

    /// An identity was admitted; perhaps it is one that is looked for.
    pub(crate) fn locate_came(&mut self, author: AuthorId) -> Result<(), StoreError> {
        match self.locating.searches.remove(&author) {
            Some(search) => self.found(search.tickets, author),
            None => Ok(()),
        }
    }

    /// An answer came and was taken, or did not come. When it was the last, nobody knows the identity.
    pub(crate) fn locate_answered(&mut self, request: RequestId, author: AuthorId) -> Result<(), StoreError> {
        if let Some(search) = self.locating.searches.get_mut(&author) {
            search.under_way.remove(&request);
            if search.under_way.is_empty() {
                return self.not_found(author);
            }
        }
        Ok(())
    }

    fn not_found(&mut self, author: AuthorId) -> Result<(), StoreError> {
        let search = self.locating.searches.remove(&author);
        for ticket in search.map(|search| search.tickets).unwrap_or_default() {
            self.fail(ticket, LocalError::NotFound)?;
        }
        Ok(())
    }

    /// Gives up searches whose time is over.
    pub(crate) fn expire_searches(&mut self) -> Result<(), StoreError> {
        let now = self.steady;
        let over: Vec<AuthorId> = self
            .locating
            .searches
            .iter()
            .filter(|(_, search)| search.deadline <= now)
            .map(|(author, _)| *author)
            .collect();
        for author in over {
            self.not_found(author)?;
        }
        Ok(())
    }
}
