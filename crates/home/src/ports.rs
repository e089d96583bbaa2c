//! What a home needs from the rest of the node, as traits: `node` implements them, tests fake them.
//!
//! Nothing here knows a socket, a thread or a file.

use crate::model::Item;
use futures::future::BoxFuture;
use tidepool_kernel::{LocalError, LocalRequest, Receipt};
use tidepool_protocol::{PublicKey, TimeMs};
use tidepool_views::Cursor;
use tokio::sync::watch;

/// The kernel, as the home speaks to it.
pub trait KernelPort: Send + Sync {
    /// Asks for something and waits until it is on disk. All of it happened, or nothing.
    fn request(&self, request: LocalRequest) -> BoxFuture<'static, Result<Receipt, LocalError>>;

    /// The cursor up to which everything may be spoken of ([`tidepool_kernel::Effect::Notify`]). A wake-up, not a
    /// queue: whoever was slow reads on from where it was.
    fn notified(&self) -> watch::Receiver<Cursor>;
}

/// The network, as the home shows it.
pub trait NetworkPort: Send + Sync {
    /// What stands at this moment.
    fn status(&self) -> NetworkStatus;
}

/// The network at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkStatus {
    /// This node's libp2p peer id.
    pub peer_id: String,
    /// Multiaddresses on which it listens, each with `/p2p/…`.
    pub listen: Vec<String>,
    /// Whether others can reach it: `public`, `private`, or `unknown` while nobody has tried.
    pub reachability: &'static str,
    /// Whether its network is private: only who has the shared key gets in.
    pub private: bool,
    /// Peers that it refuses because their score fell too low.
    pub greylisted: usize,
    /// Peers with a connection.
    pub peers: Vec<PeerStatus>,
    /// Names of the gossip topics that it joined.
    pub topics: Vec<String>,
}

/// One connected peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its libp2p peer id.
    pub peer_id: String,
    /// The key of that id, when it is ed25519 (every Tidepool node's is).
    pub key: Option<PublicKey>,
    /// Addresses by which it is connected or known.
    pub addresses: Vec<String>,
    /// What it says that it runs, from identify.
    pub agent_version: Option<String>,
    /// The last measured round trip in milliseconds.
    pub rtt_ms: Option<u64>,
    /// How it is reached: `tcp`, `quic`, `punched-tcp`, `punched-quic` or `relay`.
    pub via: &'static str,
    /// Who opened the connection: `inbound` (the peer) or `outbound` (this node).
    pub direction: &'static str,
    /// Since when it is connected.
    pub since_ms: u64,
    /// Its gossip score, rounded.
    pub score: i64,
}

/// What time it is. Passed in, so that tests can set it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> TimeMs;
}

/// Where randomness comes from. Passed in, so that tests can fix it.
pub trait Random: Send + Sync {
    /// Fills `bytes` with bytes that nobody can guess.
    fn fill(&self, bytes: &mut [u8]);
}

/// An operator's own rule about what this node shows. It hides from answers and streams; it changes neither what is
/// stored nor what is forwarded, so digests stay equal between nodes. An agent at home here may write what is hidden here:
/// it is signed, kept and forwarded, and its author has it back as the answer to its own request, there alone.
pub trait LocalPolicy: Send + Sync {
    /// The rule by which `item` is not shown here; `None` when it is shown.
    fn hides(&self, item: &Item<'_>) -> Option<Rule>;

    /// Whether it hides anything at all. What it says `false` to is not asked, which saves reading what a thing stands
    /// under.
    fn is_active(&self) -> bool {
        true
    }
}

/// The name of a local rule and why it speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its name, as the operator calls it.
    pub name: String,
    /// Why it hides, for people.
    pub reason: String,
}

/// The policy that hides nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct ShowAll;

impl LocalPolicy for ShowAll {
    fn hides(&self, _item: &Item<'_>) -> Option<Rule> {
        None
    }

    fn is_active(&self) -> bool {
        false
    }
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> TimeMs {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        TimeMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The system's source of randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("without the system's randomness no key may be made");
    }
}
