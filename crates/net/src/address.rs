//! Which addresses are worth keeping, dialling and handing on. Identify brings them in floods, private ones included.

use libp2p::PeerId;
use multiaddr::{Multiaddr, Protocol};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most addresses kept for one peer: TCP and QUIC on a few interfaces.
pub(crate) const ADDRESSES_PER_PEER_MAX: usize = 8;

/// Of these, through relays.
const CIRCUITS_PER_PEER_MAX: usize = 2;

/// The longest address in bytes: a DNS name and a PeerId fit.
const ADDRESS_BYTES_MAX: usize = 512;

/// From how far away an address can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Realm {
    /// From the same machine.
    Machine,
    /// From the same network.
    Local,
    /// From everywhere.
    World,
}

/// The realm of an address that this node could dial; `None` for one that it could not (another transport, a relay,
/// an unspecified or multicast IP, port 0).
pub(crate) fn realm(address: &Multiaddr) -> Option<Realm> {
    if address.len() > ADDRESS_BYTES_MAX {
        return None;
    }
    let mut parts = address.iter();
    let realm = match parts.next()? {
        Protocol::Ip4(ip) => ip_realm(IpAddr::V4(ip))?,
        Protocol::Ip6(ip) => ip_realm(IpAddr::V6(ip))?,
        Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name) if !name.is_empty() => Realm::World,
        _ => return None,
    };
    let dialable = match (parts.next()?, parts.next(), parts.next(), parts.next()) {
        (Protocol::Tcp(port), None | Some(Protocol::P2p(_)), None, None) => port != 0,
        (Protocol::Udp(port), Some(Protocol::QuicV1), None | Some(Protocol::P2p(_)), None) => port != 0,
        _ => false,
    };
    dialable.then_some(realm)
}

fn ip_realm(ip: IpAddr) -> Option<Realm> {
    if ip.is_unspecified() || ip.is_multicast() {
        return None;
    }
    if ip.is_loopback() {
        return Some(Realm::Machine);
    }
    let local = match ip {
        IpAddr::V4(ip) => local_v4(ip),
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or_else(|| local_v6(ip), local_v4),
    };
    Some(if local { Realm::Local } else { Realm::World })
}

fn local_v4(ip: Ipv4Addr) -> bool {
    // 100.64.0.0/10 is shared by a carrier's customers (RFC 6598).
    let shared = ip.octets()[0] == 100 && (64..128).contains(&ip.octets()[1]);
    ip.is_private() || ip.is_link_local() || ip.is_broadcast() || ip.is_documentation() || shared
}

fn local_v6(ip: Ipv6Addr) -> bool {
    ip.is_unique_local() || ip.is_unicast_link_local()
}

/// The relay of an address through one (`/ip4/…/p2p/RELAY/p2p-circuit`, with or without a PeerId at its end), when the way
/// to that relay is one that this node could dial; `None` for anything else.
pub(crate) fn circuit(address: &Multiaddr) -> Option<PeerId> {
    if address.len() > ADDRESS_BYTES_MAX {
        return None;
    }
    let mut way = Multiaddr::empty();
    let mut parts = without_peer(address.clone()).into_iter().map(Protocol::acquire).collect::<Vec<_>>();
    if parts.pop()? != Protocol::P2pCircuit {
        return None;
    }
    let Protocol::P2p(relay) = parts.pop()? else { return None };
    parts.into_iter().for_each(|part| way.push(part));
    realm(&way).map(|_| relay)
}

/// The PeerId at the end of an address, if one stands there.
pub(crate) fn peer_in(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(id)) => Some(id),
        _ => None,
    }
}

/// The address without the PeerId at its end.
pub(crate) fn without_peer(mut address: Multiaddr) -> Multiaddr {
    if peer_in(&address).is_some() {
        address.pop();
    }
    address
}

/// Of the addresses that `peer` claims, those worth keeping: dialable, not another peer's, and no nearer than the
/// address it was seen at, which is how one knows that it shares our machine or network. At most
/// [`ADDRESSES_PER_PEER_MAX`].
pub(crate) fn filtered(peer: &PeerId, claimed: Vec<Multiaddr>, seen_at: Option<Realm>) -> Vec<Multiaddr> {
    let nearest = seen_at.unwrap_or(Realm::World);
    let mut kept: Vec<Multiaddr> = Vec::new();
    let mut circuits = 0;
    for address in claimed {
        let others = peer_in(&address).is_some_and(|id| id != *peer);
        // A circuit says nothing of the peer's own network, so its realm tells nothing.
        let relayed = circuit(&address).is_some_and(|relay| relay != *peer) && circuits < CIRCUITS_PER_PEER_MAX;
        circuits += usize::from(relayed && !others);
        if others || (!relayed && realm(&address).is_none_or(|realm| realm < nearest)) {
            continue;
        }
        let address = without_peer(address);
        if !kept.contains(&address) {
            kept.push(address);
        }
        if kept.len() == ADDRESSES_PER_PEER_MAX {
            break;
        }
    }
    kept
}

#[cfg(test)]
mod tests;
