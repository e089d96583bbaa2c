//! The libp2p swarm as inputs and effects of the kernel.
//!
//! This crate owns the connections: transports, gossip with its scores, Kademlia, identify, ping, mDNS, relays and NAT
//! traversal, limits, and the sync protocol's frames. It turns what the swarm says into [`tidepool_kernel::Input`]s and [`tidepool_kernel::Effect`]s into what the
//! swarm does, and it is the only importer of libp2p. It never decodes a body, checks a signature of an envelope, or
//! touches a disk: one task polls the swarm and routes, and whatever takes longer than that happens elsewhere.
//!
//! ```no_run
//! # async fn example() -> Result<(), tidepool_net::NetError> {
//! use tidepool_net::{InputLanes, Net, NetSettings, NetStart};
//! use tidepool_protocol::{NetworkGenesis, SecretKey};
//!
//! let (sender, inputs) = crossbeam_channel::bounded(1_024);
//! let (net, task) = Net::start(NetStart {
//!     settings: NetSettings::default(),
//!     network: NetworkGenesis::development().id(),
//!     key: SecretKey::from_seed([7; 32]),
//!     inputs: InputLanes::from(sender),
//!     known_peers: Vec::new(),
//! })
//! .await?;
//! println!("listening on {:?}", net.status().borrow().listen);
//! # drop((inputs, task)); Ok(())
//! # }
//! ```

mod address;
mod backoff;
mod behaviour;
mod book;
mod codec;
mod conduct;
mod counters;
mod duty;
mod error;
mod gate;
mod gossip;
mod handle;
mod handshakes;
mod inbox;
mod ip_limits;
mod network_key;
mod patience;
mod peer;
mod score;
mod settings;
mod start;
mod status;
mod swarm;
mod task;
mod transport;

pub use book::KnownPeer;
pub use counters::Counters;
pub use duty::duty_shards;
pub use error::NetError;
pub use handle::NetHandle;
pub use inbox::InputLanes;
pub use multiaddr::Multiaddr;
pub use network_key::{NetworkKey, NetworkKeyError};
pub use peer::{PeerName, peer_id, peer_of};
pub use settings::{GossipSettings, Loopback, NetFaults, NetSettings};
pub use start::{Net, NetStart};
pub use status::{Direction, NetStatus, PeerStatus, Reachability, TopicStatus, Via};
