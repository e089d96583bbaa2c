//! Nodes for the lab: full ones, on loopback, in this process.

use super::assembly::RunningNode;
use crate::config::Config;
use crate::datadir::DataDir;
use futures::FutureExt;
use futures::future::BoxFuture;
use tidepool_lab::{Launch, LaunchError, NodeSpec, RunningNode as LabNode};
use tidepool_net::{GossipSettings, Loopback, NetFaults};
use tidepool_protocol::NetworkGenesis;

/// The engines' caches of a whole mesh, in MiB, shared out among its nodes.
const CACHE_MIB: u64 = 256;

/// Starts the nodes of one mesh.
pub struct InProcess {
    cache_mib: u64,
    faults: NetFaults,
}

impl InProcess {
    /// For a mesh of `nodes`.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self { cache_mib: (CACHE_MIB / nodes.max(1) as u64).max(4), faults: NetFaults::default() }
    }

    /// The same with faults on purpose in each node.
    #[must_use]
    pub fn with_faults(self, faults: NetFaults) -> Self {
        Self { faults, ..self }
    }

    fn config(&self, spec: &NodeSpec) -> Result<Config, String> {
        let mut config =
            Config { data_dir: spec.directory.clone(), api_listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
        config.net.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().map_err(|error| format!("{error}"))?];
        config.net.loopback = Loopback::On;
        // Copies that few neighbours would not send are what a mesh on one machine spends most of its time on.
        config.net.gossip = GossipSettings { mesh_low: 3, mesh: 4, mesh_high: 6, ..config.net.gossip };
        let seeds = spec.seeds.iter().map(|seed| seed.parse().map_err(|error| format!("seed {seed}: {error}")));
        config.net.seeds = seeds.collect::<Result<_, String>>()?;
        config.store.cache_mib = self.cache_mib;
        config.faults = self.faults;
        config.node.verify_threads = 1;
        // A mesh on one machine should show a loss mended within a breath.
        config.node.anti_entropy_s = 5;
        Ok(config)
    }
}

impl InProcess {
    /// Starts one node of the development network.
    ///
    /// # Errors
    /// Which node did not start, and why.
    pub async fn start(&self, spec: &NodeSpec) -> Result<RunningNode, LaunchError> {
        let failed = |reason: String| LaunchError { number: spec.number, reason };
        let config = self.config(spec).map_err(failed)?;
        let genesis = NetworkGenesis::development();
        let directory =
            DataDir::open(&config.data_dir, genesis.id(), &genesis.name).map_err(|error| failed(error.to_string()))?;
        RunningNode::start(config, genesis, directory).await.map_err(|error| failed(error.to_string()))
    }
}

impl Launch for InProcess {
    fn launch(&self, spec: NodeSpec) -> BoxFuture<'_, Result<Box<dyn LabNode>, LaunchError>> {
        async move { Ok(Box::new(self.start(&spec).await?) as Box<dyn LabNode>) }.boxed()
    }
}

impl LabNode for RunningNode {
    fn api(&self) -> String {
        self.ready().api.clone()
    }

    fn peer_id(&self) -> String {
        self.ready().peer_id.clone()
    }

    fn listen(&self) -> Vec<String> {
        self.ready().listen.clone()
    }

    fn stop(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        async move {
            RunningNode::stop(&mut self).await;
        }
        .boxed()
    }
}
