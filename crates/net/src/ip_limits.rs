//! How many connections one IP address may hold here, and how fast it may open them.
//!
//! An IPv6 host has 2^64 addresses of its own, so there the first 64 bits count. A connection through a relay counts for
//! the relay's address: that is where it comes from.

use libp2p::Multiaddr;
use libp2p::swarm::ConnectionId;
use multiaddr::Protocol;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

/// Connections that one address may open at once, and in a second after that: a node that restarts with its peers opens
/// a handful, a flood opens thousands.
const OPENED_BURST: f64 = 32.0;
const OPENED_PER_SECOND: f64 = 2.0;

/// Addresses whose pace is kept; those that have been quiet leave first, and beyond it a new one is refused.
const ADDRESSES_MAX: usize = 16_384;

/// Why an address is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IpRefusal {
    /// It holds enough.
    #[error("{held} connections from this IP address, {allowed} are allowed")]
    Held {
        /// How many there are.
        held: u32,
        /// How many there may be.
        allowed: u32,
    },
    /// It opens them too fast.
    #[error("this IP address opens connections too fast, {OPENED_PER_SECOND} a second are allowed")]
    TooFast,
    /// Too many addresses at once.
    #[error("connections from {ADDRESSES_MAX} IP addresses within seconds")]
    TooMany,
}

#[derive(Debug)]
struct Pace {
    held: u32,
    left: f64,
    at: Instant,
}

impl Pace {
    fn left(&self, now: Instant) -> f64 {
        (self.left + now.saturating_duration_since(self.at).as_secs_f64() * OPENED_PER_SECOND).min(OPENED_BURST)
    }
}

/// The limits, and who holds what.
#[derive(Debug)]
pub(crate) struct IpLimits {
    held_max: u32,
    paces: BTreeMap<IpAddr, Pace>,
    connections: HashMap<ConnectionId, IpAddr>,
}

/// The IP address at the front; of IPv6 the first 64 bits.
pub(crate) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => Some(IpAddr::V4(ip)),
            None => Some(IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)))),
        },
        _ => None,
    }
}

impl IpLimits {
    pub(crate) fn new(held_max: u32) -> Self {
        Self { held_max, paces: BTreeMap::new(), connections: HashMap::new() }
    }

    /// A connection comes in; when it is refused, nothing is kept of it.
    pub(crate) fn arrives(&mut self, id: ConnectionId, from: &Multiaddr, now: Instant) -> Result<(), IpRefusal> {
        let Some(ip) = ip_of(from) else { return Ok(()) };
        if !self.paces.contains_key(&ip) && self.paces.len() >= ADDRESSES_MAX {
            self.paces.retain(|_, pace| pace.held > 0 || pace.left(now) < OPENED_BURST);
            if self.paces.len() >= ADDRESSES_MAX {
                return Err(IpRefusal::TooMany);
            }
        }
        let pace = self.paces.entry(ip).or_insert(Pace { held: 0, left: OPENED_BURST, at: now });
        pace.left = pace.left(now);
        pace.at = now;
        if pace.left < 1.0 {
            return Err(IpRefusal::TooFast);
        }
        pace.left -= 1.0;
        if pace.held >= self.held_max {
            return Err(IpRefusal::Held { held: pace.held, allowed: self.held_max });
        }
        pace.held += 1;
        self.connections.insert(id, ip);
        Ok(())
    }

    /// A connection is gone, or never came to be.
    pub(crate) fn leaves(&mut self, id: ConnectionId) {
        let Some(ip) = self.connections.remove(&id) else { return };
        if let Some(pace) = self.paces.get_mut(&ip) {
            pace.held = pace.held.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn from(text: &str) -> Multiaddr {
        text.parse().expect("an address")
    }

    fn next(number: &mut usize) -> ConnectionId {
        *number += 1;
        ConnectionId::new_unchecked(*number)
    }

    #[test]
    fn an_address_holds_its_share_and_others_theirs() {
        let (mut limits, now, mut number) = (IpLimits::new(3), Instant::now(), 0);
        let ids: Vec<_> = (0..3).map(|_| next(&mut number)).collect();
        for id in &ids {
            assert_eq!(limits.arrives(*id, &from("/ip4/10.0.0.1/tcp/1"), now), Ok(()));
        }
        let held = limits.arrives(next(&mut number), &from("/ip4/10.0.0.1/udp/9/quic-v1"), now);
        assert_eq!(held, Err(IpRefusal::Held { held: 3, allowed: 3 }));
        assert_eq!(limits.arrives(next(&mut number), &from("/ip4/10.0.0.2/tcp/1"), now), Ok(()));
        limits.leaves(ids[0]);
        assert_eq!(limits.arrives(next(&mut number), &from("/ip4/10.0.0.1/tcp/1"), now), Ok(()));
    }

    #[test]
    fn an_address_opens_so_fast_and_no_faster() {
        let (mut limits, now, mut number) = (IpLimits::new(8), Instant::now(), 0);
        let mut opened = |now| {
            let ids: Vec<_> = (0..1_000).map(|_| next(&mut number)).collect();
            let passed = |id: &&ConnectionId| {
                let passed = limits.arrives(**id, &from("/ip6/2001:db8::1/tcp/1"), now).is_ok();
                limits.leaves(**id);
                passed
            };
            ids.iter().filter(passed).count()
        };
        assert_eq!(opened(now), 32);
        assert_eq!(opened(now + Duration::from_secs(5)), 10);
    }

    #[test]
    fn the_addresses_of_one_ipv6_host_are_one() {
        let (mut limits, now, mut number) = (IpLimits::new(1), Instant::now(), 0);
        assert_eq!(limits.arrives(next(&mut number), &from("/ip6/2001:db8::1/tcp/1"), now), Ok(()));
        assert!(limits.arrives(next(&mut number), &from("/ip6/2001:db8::ffff:2/tcp/1"), now).is_err());
        assert_eq!(limits.arrives(next(&mut number), &from("/ip6/2001:db8:0:1::1/tcp/1"), now), Ok(()));
    }

    #[test]
    fn the_books_are_bounded() {
        let (mut limits, now, mut number) = (IpLimits::new(1), Instant::now(), 0);
        for host in 0..ADDRESSES_MAX {
            let address = from(&format!("/ip4/10.0.{}.{}/tcp/1", host / 256, host % 256));
            assert_eq!(limits.arrives(next(&mut number), &address, now), Ok(()));
        }
        assert_eq!(limits.arrives(next(&mut number), &from("/ip4/11.0.0.1/tcp/1"), now), Err(IpRefusal::TooMany));
        limits.leaves(ConnectionId::new_unchecked(1));
        let later = now + Duration::from_secs(60);
        assert_eq!(limits.arrives(next(&mut number), &from("/ip4/11.0.0.1/tcp/1"), later), Ok(()));
    }
}
