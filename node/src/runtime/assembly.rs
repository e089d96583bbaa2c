//! Puts one node together and takes it apart again.

use super::clock;
use super::control::{Control, Hands};
use super::driver::{Driver, Ended};
use super::error::StartError;
use super::flusher::Flusher;
use super::kernel_port::KernelLink;
use super::lanes::{Lanes, lanes};
use super::metrics::{self, Meters};
use super::network_port::NetworkLink;
use super::peers_file::{self, PeersFile};
use super::replies::Replies;
use super::verifier::Verifier;
use crate::config::{Config, StoreConfig};
use crate::datadir::{DataDir, Ready};
use crossbeam_channel::Sender;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidepool_home::{
    CustodyKeys, Home, LocalPolicy, NodeKeys, Parts, ShowAll, SystemClock, SystemRandom, check_keys, is_sealed,
};
use tidepool_kernel::{Input, Node, NodeSettings, Store, StoreError};
use tidepool_net::{Net, NetHandle, NetSettings, NetStart};
use tidepool_protocol::{NetworkGenesis, NetworkId};
use tidepool_store::{Alarm, OpenSettings, SledStore};
use tidepool_views::Cursor;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// The file of a data directory that holds the node's keys.
pub const KEY_FILE: &str = "node.key";

/// The folder of a data directory that holds the store.
const STORE_DIR: &str = "store";

/// What a node starts from.
pub struct Setup {
    /// What its operator set.
    pub config: Config,
    /// Its network.
    pub genesis: NetworkGenesis,
    /// Its data directory, locked.
    pub directory: DataDir,
    /// What its operator hides.
    pub policy: Arc<dyn LocalPolicy>,
}

/// A node at work. Dropping it without [`RunningNode::stop`] ends its threads without waiting for them.
pub struct RunningNode {
    ready: Ready,
    home: Home,
    directory: DataDir,
    lanes: Lanes,
    net: NetHandle,
    peers: PeersFile,
    stop_api: Option<oneshot::Sender<()>>,
    api: JoinHandle<()>,
    swarm: JoinHandle<()>,
    kernel: Option<oneshot::Receiver<Ended>>,
    control: Option<Control>,
    _meters: Meters,
}

/// The node's keys in `directory`, made when they are not there.
///
/// # Errors
/// When the key file cannot be used.
pub fn node_keys(directory: &Path) -> Result<NodeKeys, StartError> {
    Ok(NodeKeys::load_or_create(&directory.join(KEY_FILE), clock::now(), &SystemRandom)?)
}

impl RunningNode {
    /// Starts a node that hides nothing.
    ///
    /// # Errors
    /// What could not be opened or listened on.
    pub async fn start(config: Config, genesis: NetworkGenesis, directory: DataDir) -> Result<Self, StartError> {
        Self::start_with(Setup { config, genesis, directory, policy: Arc::new(ShowAll) }).await
    }

    /// Starts a node; it serves when this returns, and `ready.json` says how it is reached.
    ///
    /// # Errors
    /// What could not be opened or listened on; nothing runs then.
    pub async fn start_with(setup: Setup) -> Result<Self, StartError> {
        let Setup { config, genesis, directory, policy } = setup;
        let genesis = Arc::new(genesis);
        let key_file = directory.path().join(KEY_FILE);
        let found = if key_file.exists() { Some(node_keys(directory.path())?) } else { None };
        // Listened on first: a port in use should be said before anything was opened.
        let api_failed = |source| StartError::Api { address: config.api_listen.clone(), source };
        let listener = TcpListener::bind(config.api_listen.as_str()).await.map_err(api_failed)?;
        let (lanes, waiting) = lanes();
        let (failed_sender, failed) = crossbeam_channel::bounded(1);
        let alarm = alarm(failed_sender.clone(), lanes.results());
        let store = open_store(&directory, genesis.id(), config.store, alarm).await?;
        let reader = store.reader();
        let keys = match found {
            Some(keys) => {
                check_keys(&*reader, &keys)?;
                keys
            }
            // Keys that were made now would be nobody's.
            None if is_sealed(&*reader)? => return Err(StartError::KeysLost(key_file)),
            None => node_keys(directory.path())?,
        };
        let keys = Arc::new(keys);
        let (operator_reader, retention) = (store.sled_reader(), config.store.retention());
        let (net, swarm) = Net::start(NetStart {
            settings: NetSettings { faults: config.faults, ..config.net.clone() },
            network: genesis.id(),
            key: keys.signing().clone(),
            inputs: lanes.for_network(),
            known_peers: peers_file::read(directory.path()),
        })
        .await?;
        let (notified, notifications) = watch::channel(Cursor::START);
        let (counters, counted) = watch::channel(tidepool_kernel::Counters::default());
        let replies = Arc::new(Replies::default());
        let threads = verify_threads(config.node.verify_threads);
        let mut settings = NodeSettings {
            coverage: config.node.coverage(&genesis, &keys.public_key()),
            anti_entropy_ms: config.node.anti_entropy_s.saturating_mul(1000),
            checkpoint_ms: config.node.checkpoint_h.saturating_mul(60 * 60 * 1000),
            retention: config.store.retention(),
            seed: seed(),
            ..NodeSettings::archive((*genesis).clone(), keys.node_id(), keys.public_key())
        };
        settings.limits.verifying_max = VERIFYING_PER_THREAD * threads;
        let custody = CustodyKeys::new(Arc::clone(&keys), Arc::clone(&reader));
        let flusher = Flusher::start(store.flusher(), lanes.results(), failed_sender)?;
        let verifier = Verifier::start(threads, &lanes.results())?;
        let (recovered, wait_for_recovery) = oneshot::channel();
        let driver = Driver {
            node: Node::new(store, custody.clone(), settings),
            waiting,
            results: lanes.results(),
            failed,
            verifier,
            flusher,
            net: net.clone(),
            replies: Arc::clone(&replies),
            notified,
            counters,
            recovered,
        };
        let kernel = spawn_kernel(driver)?;
        if wait_for_recovery.await.is_err() {
            let ended = kernel.await;
            net.stop().await;
            return Err(not_recovered(ended));
        }
        let home = Home::start(
            Parts {
                kernel: Arc::new(KernelLink { lanes: lanes.clone(), replies, notified: notifications }),
                network: Arc::new(NetworkLink::new(&net)),
                reader: Arc::clone(&reader),
                clock: Arc::new(SystemClock),
                random: Arc::new(SystemRandom),
                keys,
                custody,
                genesis: Arc::clone(&genesis),
                policy,
                version: env!("CARGO_PKG_VERSION"),
            },
            config.home.clone(),
        )
        .await;
        let home = match home {
            Ok(home) => home,
            Err(error) => {
                // The kernel runs already: it is stopped as it would be later.
                let _ = lanes.offer(Input::Shutdown);
                let ended = kernel.await;
                net.stop().await;
                // A store that failed under the home's first request is the cause, not the home.
                return Err(match ended {
                    Ok(Ended::StoreFailed(error)) => StartError::Failed(error),
                    Ok(Ended::Stopped | Ended::Panicked) | Err(_) => error.into(),
                });
            }
        };
        let address = listener.local_addr().map_err(api_failed)?;
        let recorder = metrics::recorder();
        let meters = Meters::start(counted, net.clone(), reader, home.clone());
        let (stop_api, api_stopped) = oneshot::channel::<()>();
        let router = tidepool_api::router(home.clone(), &config.api, recorder);
        let api = tokio::spawn(async move {
            let shutdown = async move {
                let _ = api_stopped.await;
            };
            if let Err(error) = tidepool_api::serve(listener, router, &config.api, shutdown).await {
                tracing::error!(%error, "the API ended");
            }
        });
        let status = net.status().borrow().clone();
        let ready = Ready {
            api: format!("http://{address}"),
            peer_id: status.peer_id,
            listen: status.listen.iter().map(ToString::to_string).collect(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let control = Some(Control::start(Hands {
            directory: directory.path().to_owned(),
            genesis,
            reader: operator_reader,
            retention,
            home: home.clone(),
        }));
        let peers = PeersFile::keep(directory.path(), net.clone());
        directory.write_ready(&ready)?;
        Ok(Self {
            ready,
            home,
            directory,
            lanes,
            net,
            peers,
            stop_api: Some(stop_api),
            api,
            swarm,
            kernel: Some(kernel),
            control,
            _meters: meters,
        })
    }

    /// How it is reached.
    #[must_use]
    pub const fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Its home, for whoever runs a node in its own process.
    #[must_use]
    pub const fn home(&self) -> &Home {
        &self.home
    }

    /// Waits until the node ends by itself: its store failed.
    pub async fn ended(&mut self) -> Ended {
        let Some(kernel) = &mut self.kernel else { return Ended::Stopped };
        let ended = kernel.await.unwrap_or(Ended::Panicked);
        self.kernel = None;
        self.directory.remove_ready();
        ended
    }

    /// Stops it: no new requests, what is under way is answered, what was appended is made durable, connections close.
    pub async fn stop(&mut self) -> Ended {
        self.directory.remove_ready();
        // It holds the store open.
        self.control = None;
        if let Some(stop) = self.stop_api.take() {
            let _ = stop.send(());
        }
        if let Err(error) = (&mut self.api).await {
            tracing::error!(%error, "the API's task failed");
        }
        let _ = self.lanes.offer(Input::Shutdown);
        let ended = self.ended().await;
        self.peers.close(&self.net).await;
        self.net.stop().await;
        let _ = (&mut self.swarm).await;
        ended
    }
}

impl Drop for RunningNode {
    fn drop(&mut self) {
        self.directory.remove_ready();
        let _ = self.lanes.offer(Input::Shutdown);
    }
}

/// How an operator's settings open a store of `network`.
#[must_use]
pub fn store_settings(network: NetworkId, config: &StoreConfig) -> OpenSettings {
    OpenSettings {
        cache_capacity: config.cache_mib.saturating_mul(1024 * 1024),
        reserve_bytes: config.reserve_mib.saturating_mul(1024 * 1024),
        accept_lost_tail: config.accept_lost_tail,
        ..OpenSettings::new(network)
    }
}

/// Where the store of a data directory lies.
#[must_use]
pub fn store_path(directory: &DataDir) -> PathBuf {
    directory.path().join(STORE_DIR)
}

/// A store that fails while only readers use it stops the node like one that fails under the kernel.
fn alarm(failed: Sender<StoreError>, wake: Sender<Input>) -> Alarm {
    Alarm(Arc::new(move |error| {
        // One place: the first failure is the cause of those after it.
        if failed.try_send(error).is_ok() {
            let _ = wake.send(Input::TurnEnded);
        }
    }))
}

/// Why a kernel ended before it had folded its log.
fn not_recovered(ended: Result<Ended, oneshot::error::RecvError>) -> StartError {
    match ended {
        Ok(Ended::StoreFailed(error)) => StartError::Failed(error),
        Ok(Ended::Stopped | Ended::Panicked) | Err(_) => {
            StartError::Thread(std::io::Error::other("the kernel thread ended while it folded the log"))
        }
    }
}

async fn open_store(
    directory: &DataDir,
    network: NetworkId,
    config: StoreConfig,
    alarm: Alarm,
) -> Result<SledStore, StartError> {
    let path = store_path(directory);
    let settings = OpenSettings { alarm: Some(alarm), ..store_settings(network, &config) };
    // A long log is scanned at its opening: seconds that must not hold up the runtime.
    let opened = tokio::task::spawn_blocking(move || SledStore::open(&path, &settings)).await;
    match opened {
        Ok(store) => Ok(store?),
        Err(error) => Err(StartError::Thread(std::io::Error::other(error))),
    }
}

/// Runs the kernel on a thread of its own; what comes back says how it ended.
fn spawn_kernel<S>(driver: Driver<S, CustodyKeys>) -> Result<oneshot::Receiver<Ended>, StartError>
where
    S: Store + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new().name("kernel".to_owned()).spawn(move || {
        // A panic drops the sender, which the receiver reads as `Ended::Panicked`.
        let _ = sender.send(driver.run());
    })?;
    Ok(receiver)
}

/// Envelopes that each verifying thread is given ahead: it never waits for the kernel, and what is more urgent waits for them
/// for some 17 ms at most.
const VERIFYING_PER_THREAD: usize = 384;

fn verify_threads(wanted: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if wanted > 0 { wanted } else { cores.saturating_sub(1).max(1) }
}

/// Where the kernel's choice of peers comes from: different on each node and at each start.
fn seed() -> u64 {
    use tidepool_home::Random;
    let mut bytes = [0; 8];
    SystemRandom.fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
