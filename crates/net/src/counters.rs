//! What the network counts, for `/metrics` and for tests: plain atomics, each with its meaning.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Everything that this crate counts since it started.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $name: AtomicU64,)+
        }

        impl Counters {
            /// Name, meaning and value of each, in a fixed order.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
                [$((stringify!($name), concat!($($doc),+), self.$name.load(Ordering::Relaxed)),)+].into_iter()
            }
        }
    };
}

counters! {
    /// Connections that were opened.
    connections_opened,
    /// Connections that were closed.
    connections_closed,
    /// Connections that were closed because no ping was answered for 30 s.
    connections_unheard,
    /// Incoming connections that were refused: limits, lists, kind of key, handshake.
    connections_refused,
    /// Handshakes of others that were given up for newer ones, because their address had too many under way.
    handshakes_displaced,
    /// Dials that failed.
    dial_failures,
    /// Peers of another network that were disconnected.
    peers_foreign,
    /// Peers that never joined a topic and were disconnected.
    peers_silent,
    /// Peers whose score fell so low that they were disconnected and are refused for an hour.
    peers_greylisted,
    /// Tests of this node's addresses by peers: reached.
    addresses_reached,
    /// Tests of this node's addresses by peers: not reached.
    addresses_unreached,
    /// Connections of this node's through relays, either way.
    circuits_used,
    /// Direct connections that replaced one through a relay.
    holes_punched,
    /// Attempts at such that failed.
    holes_failed,
    /// Places that this node keeps for others as a relay.
    relay_places,
    /// Circuits that this node carries as a relay.
    relay_circuits,
    /// Places and circuits that this node refused as a relay.
    relay_refusals,
    /// Gossip frames received.
    gossip_in_frames,
    /// Bytes of gossip frames received.
    gossip_in_bytes,
    /// Gossip frames published here.
    gossip_out_frames,
    /// Bytes of gossip frames published here.
    gossip_out_bytes,
    /// Gossip frames ignored because the kernel's queue was full.
    gossip_dropped_queue,
    /// Gossip frames ignored because too many waited for their verdict.
    gossip_dropped_waiting,
    /// Gossip frames ignored because their sender goes beyond its rate.
    gossip_dropped_rate,
    /// Gossip frames of old news beyond the number that a wrong clock explains.
    gossip_stale_beyond_rate,
    /// Gossip frames of another version beyond the number that a newer node explains.
    gossip_unreadable_beyond_rate,
    /// Gossip frames dropped because a test wants it.
    gossip_dropped_fault,
    /// Gossip frames rejected because they are larger than a bundle may be.
    gossip_oversize,
    /// Gossip frames that slow peers were not sent.
    gossip_slow_peer_drops,
    /// Verdicts given: accept.
    verdicts_accept,
    /// Verdicts given: ignore.
    verdicts_ignore,
    /// Verdicts given: reject.
    verdicts_reject,
    /// Verdicts that came after gossipsub had forgotten the frame.
    verdicts_late,
    /// Gossip frames whose verdict never came.
    verdicts_missing,
    /// Publishes: sent.
    publish_sent,
    /// Publishes: duplicate.
    publish_duplicate,
    /// Publishes: nobody is subscribed.
    publish_no_peers,
    /// Publishes: every peer's queue is full.
    publish_queues_full,
    /// Publishes: refused.
    publish_refused,
    /// Requests of peers that reached the kernel.
    requests_in,
    /// Requests of peers that were answered busy.
    requests_in_busy,
    /// Requests of peers that were answered busy because they go beyond their rate.
    requests_in_beyond_rate,
    /// Requests of peers that could not be read: garbage, over the limit, cut off.
    requests_in_garbage,
    /// Requests of peers whose answer was too late or could not be sent.
    requests_in_failed,
    /// Requests of peers of another network, dropped.
    requests_in_foreign,
    /// Our requests: answered.
    requests_out_answered,
    /// Our requests: no connection.
    requests_out_unreachable,
    /// Our requests: no answer in time.
    requests_out_timeout,
    /// Our requests: the peer broke the protocol.
    requests_out_protocol,
    /// Our requests: the connection closed.
    requests_out_closed,
    /// Our requests: the peer, or our own queue to it, was full.
    requests_out_busy,
    /// Effects that found the queue to the swarm full and were not done.
    effects_refused,
    /// Inputs that may not be lost and had to wait for room in the kernel's queue.
    inputs_delayed,
    /// Inputs that may not be lost and were lost: the kernel stands still.
    inputs_lost,
    /// Peers that were looked for by key.
    connects_wanted,
    /// Peers that were looked for by key and not found.
    connects_failed,
    /// Kademlia records that were refused: values, and providers of what is no topic here.
    records_refused,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    add(counter, 1);
}

/// Adds `amount`.
pub(crate) fn add(counter: &AtomicU64, amount: usize) {
    counter.fetch_add(u64::try_from(amount).unwrap_or(u64::MAX), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_a_name_a_meaning_and_its_value() {
        let counters = Counters::default();
        add(&counters.gossip_in_bytes, 41);
        count(&counters.gossip_in_bytes);
        let (_, meaning, value) =
            counters.each().find(|(name, ..)| *name == "gossip_in_bytes").expect("the counter is listed");
        assert_eq!((meaning.trim(), value), ("Bytes of gossip frames received.", 42));
        assert!(counters.each().all(|(name, meaning, _)| !name.is_empty() && meaning.len() > 10));
    }
}
