//! How the lab gets its nodes: whoever wires nodes implements [`Launch`].

use futures::future::BoxFuture;
use std::path::PathBuf;

/// What one node of a mesh is to be.
#[derive(Clone, Debug)]
pub struct NodeSpec {
    /// Its number in the mesh, from 0.
    pub number: usize,
    /// Its data directory, which is not there yet.
    pub directory: PathBuf,
    /// Multiaddresses with `/p2p/…` that it knows from the start.
    pub seeds: Vec<String>,
}

/// A node could not be started.
#[derive(Debug, thiserror::Error)]
#[error("node {number} did not start: {reason}")]
pub struct LaunchError {
    /// Its number.
    pub number: usize,
    /// What was wrong, as a sentence.
    pub reason: String,
}

/// Starts full nodes (own store, own swarm, own API) on loopback.
pub trait Launch: Send + Sync {
    /// Starts one; it serves when this returns.
    fn launch(&self, spec: NodeSpec) -> BoxFuture<'_, Result<Box<dyn RunningNode>, LaunchError>>;
}

/// A node that serves.
pub trait RunningNode: Send + Sync {
    /// The base URL of its API.
    fn api(&self) -> String;

    /// Its libp2p peer id.
    fn peer_id(&self) -> String;

    /// Its multiaddresses with `/p2p/…`.
    fn listen(&self) -> Vec<String>;

    /// Stops it cleanly.
    fn stop(self: Box<Self>) -> BoxFuture<'static, ()>;
}
