//! Handshakes that others have begun here and not finished: so many, and of one address few.
//!
//! A newcomer always gets its place. When its address, its neighbourhood or the whole table has as many as may be, the oldest
//! handshake goes: of that address, of that neighbourhood, or of the neighbourhood that has most. So silent sockets, which
//! cost their owner nothing, push out one another, and a handshake that takes its few round trips is done before. Addresses
//! at which a peer of ours was met are pushed out last.
//!
//! It stands around the transport, because the swarm has no way to give up a handshake that it has begun.

use crate::counters::{Counters, count};
use crate::ip_limits::ip_of;
use futures::task::AtomicWaker;
use libp2p::core::transport::{Boxed, DialOpts, ListenerId, Transport, TransportError, TransportEvent};
use multiaddr::Multiaddr;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// Handshakes under way at once, each way.
pub(crate) const HANDSHAKES_MAX: usize = 128;

/// Of one IP address (of IPv6, its first 64 bits): a company's nodes that all start at once pass.
const PER_ADDRESS_MAX: usize = 8;

/// Of one neighbourhood: 256 addresses of IPv4, the first 48 bits of IPv6, which is what one customer gets.
const PER_NEIGHBOURHOOD_MAX: usize = 24;

/// Why a handshake was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a newer handshake took its place: its address, or addresses near it, had the most under way")]
struct Displaced;

/// What the table and a handshake share.
#[derive(Debug, Default)]
struct Place {
    displaced: AtomicBool,
    waker: AtomicWaker,
}

#[derive(Debug)]
struct Pending {
    ip: IpAddr,
    place: Arc<Place>,
}

/// Who is under way, in the order of arrival.
#[derive(Debug, Default)]
struct Table {
    next: u64,
    pending: BTreeMap<u64, Pending>,
    /// Addresses at which peers were met.
    known: BTreeSet<IpAddr>,
}

/// The addresses that one customer is likely to have.
fn neighbourhood(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() & !0xFF)),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 80 << 80)),
    }
}

impl Table {
    /// Takes a newcomer in; whether another went for it.
    fn arrives(&mut self, ip: IpAddr) -> (u64, Arc<Place>, bool) {
        let near = neighbourhood(ip);
        let goes = self
            .oldest_beyond(PER_ADDRESS_MAX, |other| other == ip)
            .or_else(|| self.oldest_beyond(PER_NEIGHBOURHOOD_MAX, |other| neighbourhood(other) == near))
            .or_else(|| (self.pending.len() >= HANDSHAKES_MAX).then(|| self.heaviest()).flatten());
        if let Some(gone) = goes.and_then(|id| self.pending.remove(&id)) {
            gone.place.displaced.store(true, Ordering::Release);
            gone.place.waker.wake();
        }
        let (id, place) = (self.next, Arc::new(Place::default()));
        self.next += 1;
        self.pending.insert(id, Pending { ip, place: Arc::clone(&place) });
        (id, place, goes.is_some())
    }

    /// The oldest of those that `of` picks, when they are `most` or more.
    fn oldest_beyond(&self, most: usize, of: impl Fn(IpAddr) -> bool) -> Option<u64> {
        let mut picked = self.pending.iter().filter(|(_, pending)| of(pending.ip)).map(|(id, _)| *id);
        let oldest = picked.next()?;
        (picked.count() + 1 >= most).then_some(oldest)
    }

    /// The oldest of the neighbourhood that has most, known addresses apart; of the known, when there are no others.
    fn heaviest(&self) -> Option<u64> {
        // By neighbourhood: how many, and the oldest.
        let mut strangers: BTreeMap<IpAddr, (usize, u64)> = BTreeMap::new();
        for (id, pending) in self.pending.iter().filter(|(_, pending)| !self.known.contains(&pending.ip)) {
            strangers.entry(neighbourhood(pending.ip)).or_insert((0, *id)).0 += 1;
        }
        let most = strangers.values().max_by_key(|(count, oldest)| (*count, std::cmp::Reverse(*oldest)));
        most.map(|(_, oldest)| *oldest).or_else(|| self.pending.keys().next().copied())
    }
}

/// The table, shared by the transport, its handshakes and the swarm's task.
#[derive(Clone, Debug)]
pub(crate) struct Handshakes {
    table: Arc<Mutex<Table>>,
    counters: Arc<Counters>,
}

impl Handshakes {
    pub(crate) fn new(counters: Arc<Counters>) -> Self {
        Self { table: Arc::default(), counters }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Addresses at which peers were met, in place of those before.
    pub(crate) fn know(&self, addresses: impl Iterator<Item = Multiaddr>) {
        let known = addresses.filter_map(|address| ip_of(&address)).collect();
        self.table().known = known;
    }

    /// `transport` with this table around its incoming handshakes.
    pub(crate) fn around<O: Send + 'static>(self, transport: Boxed<O>) -> Boxed<O> {
        Around { inner: transport, handshakes: self }.boxed()
    }
}

/// The transport with the table around it.
struct Around<O> {
    inner: Boxed<O>,
    handshakes: Handshakes,
}

type Upgrade<O> = <Boxed<O> as Transport>::ListenerUpgrade;

/// One handshake of another.
struct Handshake<O> {
    inner: Upgrade<O>,
    /// `None` for an address without an IP.
    pending: Option<(u64, Arc<Place>, Handshakes)>,
}

impl<O> Future for Handshake<O> {
    type Output = Result<O, io::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some((_, place, _)) = &self.pending {
            // Registered first, so that nobody is displaced between the look and the sleep.
            place.waker.register(cx.waker());
            if place.displaced.load(Ordering::Acquire) {
                return Poll::Ready(Err(io::Error::other(Displaced)));
            }
        }
        self.inner.as_mut().poll(cx)
    }
}

impl<O> Drop for Handshake<O> {
    fn drop(&mut self) {
        if let Some((id, _, handshakes)) = &self.pending {
            handshakes.table().pending.remove(id);
        }
    }
}

impl<O: Send + 'static> Transport for Around<O> {
    type Output = O;
    type Error = io::Error;
    type ListenerUpgrade = Handshake<O>;
    type Dial = <Boxed<O> as Transport>::Dial;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<Self::Error>> {
        self.inner.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, opts: DialOpts) -> Result<Self::Dial, TransportError<Self::Error>> {
        self.inner.dial(address, opts)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        let this = &mut *self;
        Pin::new(&mut this.inner).poll(cx).map(|event| {
            let from = match &event {
                TransportEvent::Incoming { send_back_addr, .. } => ip_of(send_back_addr),
                _ => None,
            };
            let pending = from.map(|ip| {
                let (id, place, displaced) = this.handshakes.table().arrives(ip);
                if displaced {
                    count(&this.handshakes.counters.handshakes_displaced);
                }
                (id, place, this.handshakes.clone())
            });
            event.map_upgrade(|inner| Handshake { inner, pending })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// Lets one arrive from each address; the ids of those that are left, in order.
    fn after(table: &mut Table, addresses: impl IntoIterator<Item = IpAddr>) -> Vec<u64> {
        for address in addresses {
            let _ = table.arrives(address);
            assert!(table.pending.len() <= HANDSHAKES_MAX);
        }
        table.pending.keys().copied().collect()
    }

    #[test]
    fn an_address_and_its_neighbourhood_push_out_their_own() {
        let mut table = Table::default();
        let other = ip("10.0.1.1");
        after(&mut table, [other]);
        assert_eq!(after(&mut table, vec![ip("10.0.0.1"); 10]), [vec![0], (3..11).collect()].concat());
        let near = (2..20).map(|host| IpAddr::V4(Ipv4Addr::new(10, 0, 0, host)));
        let left = after(&mut table, near);
        assert_eq!((left.len(), left[0]), (1 + PER_NEIGHBOURHOOD_MAX, 0));
        // In IPv6 the last 64 bits are one host's own.
        let hosts = (0..10).map(|host| IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) | host)));
        let mut table = Table::default();
        let hosts = hosts.map(|host| ip_of(&Multiaddr::empty().with(host.into())).expect("an IP"));
        assert_eq!(after(&mut table, hosts).len(), PER_ADDRESS_MAX);
        let networks = (0..100).map(|net| IpAddr::V6(Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) | net << 64)));
        assert_eq!(after(&mut table, networks).len(), PER_NEIGHBOURHOOD_MAX);
    }

    #[test]
    fn a_newcomer_to_a_full_table_takes_the_place_of_the_oldest_of_the_heaviest() {
        let mut table = Table::default();
        table.known.insert(ip("10.9.0.1"));
        // 120 of five neighbourhoods, and eight others, one of them known and the oldest of all.
        after(&mut table, vec![ip("10.9.0.1"); 4]);
        for net in 0..5 {
            after(&mut table, (0..24).map(|host| IpAddr::V4(Ipv4Addr::new(10, 0, net, host))));
        }
        let full = after(&mut table, (0..4).map(|net| IpAddr::V4(Ipv4Addr::new(10, 1, net, 1))));
        assert_eq!(full.len(), HANDSHAKES_MAX);
        let (_, place, displaced) = table.arrives(ip("10.2.0.1"));
        assert!(displaced && !place.displaced.load(Ordering::Acquire));
        assert!(!table.pending.contains_key(&4), "the oldest of the first that has 24");
        assert_eq!(table.pending.keys().take(5).copied().collect::<Vec<_>>(), [0, 1, 2, 3, 5]);
        // All alike: still a stranger's, and not the known one's.
        let mut table = Table { known: [ip("10.9.0.1")].into(), ..Table::default() };
        after(&mut table, [ip("10.9.0.1")]);
        let left = after(&mut table, (0..200).map(|net| IpAddr::V4(Ipv4Addr::new(10, 1, net, 1))));
        assert_eq!((left.len(), left[0], left[1]), (HANDSHAKES_MAX, 0, 74));
    }
}
