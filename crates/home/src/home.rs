//! The home itself: what its use cases share. The use cases stand in `usecases/`, one file for each subject.

use crate::config::HomeConfig;
use crate::error::HomeError;
use crate::keys::NodeKeys;
use crate::ports::{Clock, KernelPort, LocalPolicy, NetworkPort, Random};
use crate::quota::{Allowance, Caller, Quotas, Use};
use std::sync::Arc;
use tidepool_kernel::StoreReader;
use tidepool_protocol::{NetworkGenesis, NodeId};

/// What a home is made of.
#[derive(Clone)]
pub struct Parts {
    /// The kernel.
    pub kernel: Arc<dyn KernelPort>,
    /// The network.
    pub network: Arc<dyn NetworkPort>,
    /// The store, to read.
    pub reader: Arc<dyn StoreReader>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The node's keys.
    pub keys: Arc<NodeKeys>,
    /// The network's genesis document.
    pub genesis: Arc<NetworkGenesis>,
    /// What this node's operator hides.
    pub policy: Arc<dyn LocalPolicy>,
    /// The program's version.
    pub version: &'static str,
}

/// What a home node does for its agents. Cheap to clone; all clones are one home.
#[derive(Clone)]
pub struct Home {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    pub(crate) config: HomeConfig,
    pub(crate) quotas: Quotas,
}

impl Home {
    /// Opens the home: publishes the node's identity if the store has not got it, checks that the key file belongs to
    /// the store's sealed keys, and starts the threads that do registrations' work.
    ///
    /// # Errors
    /// When the key file is of another store, or the kernel or the store fails.
    pub async fn start(parts: Parts, config: HomeConfig) -> Result<Self, HomeError> {
        let quotas = Quotas::new(config.quota);
        Ok(Self { inner: Arc::new(Inner { parts, config, quotas }) })
    }

    /// This node's identity.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        self.inner.parts.keys.node_id()
    }

    /// What its operator set.
    #[must_use]
    pub fn config(&self) -> &HomeConfig {
        &self.inner.config
    }

    /// Counts one use of a caller. Interfaces call it for each request with [`Use::Read`] or [`Use::Write`]; posts,
    /// comments, communities and registrations are counted by their use cases.
    ///
    /// # Errors
    /// When the caller's limit is reached.
    pub fn charge(&self, caller: Caller, what: Use) -> Result<Allowance, HomeError> {
        Ok(self.inner.quotas.charge(caller, &[what], self.inner.parts.clock.now())?)
    }
}
