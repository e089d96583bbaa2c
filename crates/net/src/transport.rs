//! What bytes travel over: TCP with Noise and Yamux, and QUIC; in a private network TCP alone, under the network's key.

use crate::error::NetError;
use crate::network_key::NetworkKey;
use crate::patience::{Patience, STALLED_AFTER};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::pnet::PnetConfig;
use libp2p::{PeerId, Transport as _, noise, quic, tcp, yamux};
use std::time::Duration;

/// Streams on one connection at once: gossip takes two, Kademlia and sync some dozens at their bounds.
const STREAMS_MAX: usize = 256;

/// A dial or a handshake over TCP that takes longer is given up. Below the ten seconds that who asks for a test of its
/// address waits for: behind a NAT that swallows everything, the answer has to be "not reached", and not silence.
const HANDSHAKE_MAX: Duration = Duration::from_secs(8);

pub(crate) fn muxer() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS_MAX);
    config
}

/// The transports of a node, without relays and names.
pub(crate) fn transport(
    keypair: &Keypair,
    key: Option<NetworkKey>,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, NetError> {
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .map(|stream, _| Patience::new(stream, STALLED_AFTER));
    let noise = noise::Config::new(keypair).map_err(|error| NetError::Transport(error.to_string()))?;
    let Some(key) = key else {
        let tcp = tcp.upgrade(Version::V1Lazy).authenticate(noise).multiplex(muxer()).timeout(HANDSHAKE_MAX);
        let quic = quic::tokio::Transport::new(quic::Config::new(keypair));
        let either = tcp.or_transport(quic).map(|either, _| match either {
            futures::future::Either::Left((peer, muxer)) => (peer, StreamMuxerBox::new(muxer)),
            futures::future::Either::Right((peer, muxer)) => (peer, StreamMuxerBox::new(muxer)),
        });
        return Ok(either.boxed());
    };
    let under_key = tcp.and_then(move |socket, _| PnetConfig::new(key.0).handshake(socket));
    let tcp = under_key.upgrade(Version::V1Lazy).authenticate(noise).multiplex(muxer()).timeout(HANDSHAKE_MAX);
    Ok(tcp.map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer))).boxed())
}
