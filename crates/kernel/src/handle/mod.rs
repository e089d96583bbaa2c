//! What each input does: the table of contents of the node.

mod durable;
mod gossip;
mod local;
mod peers;
mod request;
mod response;
mod started;
mod timer;
mod verified;

pub(crate) use local::{Plan, Planned};

use crate::custody::Custody;
use crate::effect::Verdict;
use crate::input::Input;
use crate::node::{Node, Phase};
use crate::store::{Store, StoreError};

/// Takes one input.
pub(crate) fn take<S: Store, C: Custody>(node: &mut Node<S, C>, input: Input) -> Result<(), StoreError> {
    match input {
        Input::Started => node.on_started(),
        Input::Local { ticket, request } => node.on_local(ticket, request),
        Input::Gossip { id, .. } if node.phase == Phase::Stopping => {
            node.judge(id, Verdict::Ignore);
            Ok(())
        }
        Input::Gossip { id, from, topic, frame } => node.on_gossip(id, from, topic, &frame),
        Input::Verified { ticket, results } => node.on_verified(ticket, results),
        Input::Published { ticket, outcome } => node.on_published(ticket, outcome),
        Input::GossipDropped => {
            node.counters.drop_frame("lane");
            node.syncing.gossip_dropped();
            Ok(())
        }
        Input::Request { from, channel, frame } => node.on_request(from, channel, &frame),
        Input::Response { request, result } => node.on_response(request, result),
        Input::PeerConnected { peer } => node.on_peer_connected(peer),
        Input::PeerDisconnected { peer } => node.on_peer_disconnected(peer),
        Input::PeerSubscribed { topic, .. } => node.on_peer_subscribed(topic),
        Input::Timer(timer) => node.on_timer(timer),
        Input::Durable { upto } => node.on_durable(upto),
        Input::TurnEnded => node.on_turn_ended(),
        Input::Shutdown => node.on_shutdown(),
    }
}
