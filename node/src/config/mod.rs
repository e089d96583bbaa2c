//! Configuration in layers: flags over `TIDEPOOL_*` variables over the file over defaults. What must agree across a
//! network stands in its genesis document, not here.

mod address;
mod error;

pub use address::ApiAddress;
pub use error::ConfigError;

use crate::cli::Run;
use clap::ValueEnum;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tidepool_api::ApiSettings;
use tidepool_home::HomeConfig;
use tidepool_kernel::{Coverage, Retention};
use tidepool_net::{NetFaults, NetSettings, NetworkKey, duty_shards};
use tidepool_protocol::{NetworkGenesis, PublicKey, Shard};

/// Where a node keeps what it holds when nothing says otherwise.
pub const DEFAULT_DATA_DIR: &str = "./pool";

/// The name of the configuration file in the data directory.
pub const CONFIG_FILE: &str = "tidepool.toml";

/// Everything that an operator can set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The data directory.
    pub data_dir: PathBuf,
    /// The network's genesis document (JSON); the development network without it.
    pub network: Option<PathBuf>,
    /// Where the HTTP API is served.
    pub api_listen: ApiAddress,
    /// The HTTP API.
    pub api: ApiSettings,
    /// The network between nodes.
    pub net: NetSettings,
    /// What the home does for its agents.
    pub home: HomeConfig,
    /// The store.
    pub store: StoreConfig,
    /// Anti-entropy and threads.
    pub node: NodeConfig,
    /// Faults on purpose, for tests: refused but in the development network.
    pub faults: NetFaults,
    /// Logs.
    pub log: LogConfig,
}

/// What an operator sets of the store.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// The engine's cache in MiB.
    pub cache_mib: u64,
    /// Free space at which the node stops writing, in MiB.
    pub reserve_mib: u64,
    /// Start although acknowledged envelopes are missing at the end of the log; peers bring back what they have.
    pub accept_lost_tail: bool,
    /// Texts of other nodes' agents are kept for so many days, and today; 0 for ever (an archive).
    pub keep_days: u64,
    /// The newest days' texts of each shard are kept up to so many GiB; 0 for all. The earlier of both limits holds.
    pub keep_gib_per_shard: f64,
}

/// What an operator sets of the kernel and its threads.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NodeConfig {
    /// Whether the node holds every shard, or some.
    pub coverage: CoverageWord,
    /// Of some shards, these: beside the node's duty shards and those that its agents read or write.
    pub shards: BTreeSet<u16>,
    /// Digests are compared with a peer or two this often, in seconds.
    pub anti_entropy_s: u64,
    /// An agent's checkpoint is signed this often at most, in hours; 0 for never.
    pub checkpoint_h: u64,
    /// Verifying threads; 0 for one less than the machine's cores, at least one.
    pub verify_threads: usize,
}

/// How much of the network a node holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum CoverageWord {
    /// Every shard.
    Archive,
    /// The node's duty shards, those that its agents read or write, and those that are named.
    Shards,
}

impl NodeConfig {
    /// What the node of `key` holds in the network of `genesis`, before its agents come to need more.
    #[must_use]
    pub fn coverage(&self, genesis: &NetworkGenesis, key: &PublicKey) -> Coverage {
        let params = &genesis.params;
        match self.coverage {
            CoverageWord::Archive => Coverage::Archive,
            CoverageWord::Shards => {
                let named = self.shards.iter().copied().filter(|number| *number < params.shards).map(Shard);
                Coverage::Shards(duty_shards(key, params.shards, params.generation).into_iter().chain(named).collect())
            }
        }
    }

    /// Whether the shards that are named are some of the network's.
    fn check(&self, genesis: &NetworkGenesis) -> Result<(), ConfigError> {
        let wrong = |seen, allowed| Err(ConfigError::Range { key: "node.shards", seen, allowed });
        if self.coverage == CoverageWord::Archive && !self.shards.is_empty() {
            let allowed = "none while node.coverage is \"archive\", which holds all; set node.coverage = \"shards\" \
                           (--coverage shards), or take node.shards (--shard) out";
            return wrong(format!("{:?}", self.shards), allowed.to_owned());
        }
        let shards = genesis.params.shards;
        match self.shards.iter().find(|number| **number >= shards) {
            Some(number) => {
                let last = shards - 1;
                wrong(number.to_string(), format!("0 to {last}: network {} has {shards} shards", genesis.name))
            }
            None => Ok(()),
        }
    }
}

/// What an operator sets of the logs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Text for people, JSON for machines.
    pub format: LogFormat,
    /// A level, or directives like `info,tidepool_net=debug`.
    pub filter: String,
}

/// The form of the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from(DEFAULT_DATA_DIR),
            network: None,
            api_listen: SocketAddr::from(([127, 0, 0, 1], 4480)).into(),
            api: ApiSettings::default(),
            net: NetSettings::default(),
            home: HomeConfig::default(),
            store: StoreConfig::default(),
            node: NodeConfig::default(),
            faults: NetFaults::default(),
            log: LogConfig::default(),
        }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { cache_mib: 64, reserve_mib: 256, accept_lost_tail: false, keep_days: 0, keep_gib_per_shard: 0.0 }
    }
}

impl StoreConfig {
    /// What it keeps of content.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a negative or absurd limit keeps all or little"
    )]
    pub fn retention(&self) -> Retention {
        const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
        Retention { days: self.keep_days, bytes_per_shard: (self.keep_gib_per_shard * GIB) as u64 }
    }
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            coverage: CoverageWord::Archive,
            shards: BTreeSet::new(),
            anti_entropy_s: 30,
            checkpoint_h: 24,
            verify_threads: 0,
        }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info,libp2p_kad=error".to_owned() }
    }
}

/// The layers, before they are read as a [`Config`]: they still know where each value came from.
///
/// # Errors
/// When a file that was named cannot be read.
pub fn layers(run: &Run) -> Result<Figment, ConfigError> {
    let data_dir = run.place.data_dir.clone();
    let mut figment = Figment::from(Serialized::defaults(Config::default()));
    let environment = || Env::prefixed("TIDEPOOL_").ignore(&["PYTHON", "KILLS", "NETNS"]).split("__");
    let beside = data_dir
        .clone()
        .or_else(|| environment().iter().find(|(key, _)| key == "data_dir").map(|(_, value)| PathBuf::from(value)))
        .unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR))
        .join(CONFIG_FILE);
    match &run.place.config {
        Some(path) => {
            std::fs::File::open(path).map_err(|source| ConfigError::File { path: path.clone(), source })?;
            figment = figment.merge(Toml::file_exact(path));
        }
        None if beside.exists() => figment = figment.merge(Toml::file_exact(beside)),
        None => {}
    }
    figment = figment.merge(environment());
    let flag = |figment: Figment, key: &str, value: Option<figment::value::Value>| match value {
        Some(value) => figment.merge(Serialized::global(key, value)),
        None => figment,
    };
    let text = |value: &dyn ToString| Some(figment::value::Value::from(value.to_string()));
    let texts = |values: &[multiaddr::Multiaddr]| {
        let list: Vec<_> = values.iter().map(ToString::to_string).collect();
        (!list.is_empty()).then(|| figment::value::Value::from(list))
    };
    let path = |path: &Option<PathBuf>| path.as_ref().and_then(|path| text(&path.display()));
    figment = flag(figment, "data_dir", path(&data_dir));
    figment = flag(figment, "network", path(&run.place.network));
    figment = flag(figment, "api_listen", run.api.as_ref().and_then(|api| text(api)));
    figment = flag(figment, "net.listen", texts(&run.listen));
    figment = flag(figment, "net.seeds", texts(&run.seed));
    figment = flag(figment, "net.network_key_file", path(&run.network_key));
    figment = flag(figment, "net.relay", run.relay.then(|| figment::value::Value::from(true)));
    let coverage = run.coverage.map(|word| match word {
        CoverageWord::Archive => "archive",
        CoverageWord::Shards => "shards",
    });
    figment = flag(figment, "node.coverage", coverage.and_then(|word| text(&word)));
    let shards = (!run.shard.is_empty()).then(|| figment::value::Value::from(run.shard.clone()));
    figment = flag(figment, "node.shards", shards);
    let accept = run.accept_lost_tail.then(|| figment::value::Value::from(true));
    figment = flag(figment, "store.accept_lost_tail", accept);
    figment = flag(figment, "log.filter", run.log.as_ref().and_then(|filter| text(filter)));
    let format = run.log_format.map(|format| match format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    });
    figment = flag(figment, "log.format", format.and_then(|format| text(&format)));
    Ok(figment)
}

/// The configuration that holds for `run`.
///
/// # Errors
/// When a file cannot be read or a value cannot be used.
pub fn load(run: &Run) -> Result<Config, ConfigError> {
    let mut config: Config = layers(run)?.extract().map_err(|error| ConfigError::Value(Box::new(error)))?;
    if let Some(path) = &config.net.network_key_file {
        config.net.network_key = Some(read_network_key(path)?);
    }
    check(&config)?;
    Ok(config)
}

/// More verifying threads than any machine has cores.
const VERIFY_THREADS_MAX: usize = 256;

/// What the types of the values do not hold: what `config check` says to be usable, `run` uses.
fn check(config: &Config) -> Result<(), ConfigError> {
    let wrong = |key: &'static str, seen: String, allowed: String| Err(ConfigError::Range { key, seen, allowed });
    config.net.check()?;
    crate::logging::check(&config.log.filter).or_else(|reason| {
        wrong("log.filter", config.log.filter.clone(), format!("`info`, `info,tidepool_net=debug` ({reason})"))
    })?;
    if config.node.verify_threads > VERIFY_THREADS_MAX {
        let allowed = format!("0 (for the machine's cores) to {VERIFY_THREADS_MAX}");
        return wrong("node.verify_threads", config.node.verify_threads.to_string(), allowed);
    }
    let is_origin = |text: &&String| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        text.as_str() == "*" || rest.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ', ',']))
    };
    if let Some(origin) = config.api.cors_origins.iter().find(|origin| !is_origin(origin)) {
        return wrong("api.cors_origins", origin.clone(), "`https://host` without a path, or `*`".to_owned());
    }
    let has_port = |seed: &&multiaddr::Multiaddr| {
        seed.iter().any(|part| matches!(part, multiaddr::Protocol::Tcp(1..) | multiaddr::Protocol::Udp(1..)))
    };
    match config.net.seeds.iter().find(|seed| !has_port(seed)) {
        Some(seed) => wrong(
            "net.seeds",
            seed.to_string(),
            "addresses with a port, like /ip4/203.0.113.7/tcp/4490/p2p/12D3KooW…".to_owned(),
        ),
        None => Ok(()),
    }
}

fn read_network_key(path: &Path) -> Result<NetworkKey, ConfigError> {
    let unreadable = |source| ConfigError::NetworkKeyFile { path: path.to_owned(), source };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(ConfigError::NetworkKeyMode { path: path.to_owned(), mode });
        }
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    text.parse().map_err(|source| ConfigError::NetworkKey { path: path.to_owned(), source })
}

/// The network that the configuration names.
///
/// # Errors
/// When its file cannot be read or makes no network, faults are wanted in one that is not for tests, or shards are named
/// that it has not got.
pub fn network(config: &Config) -> Result<NetworkGenesis, ConfigError> {
    let development = NetworkGenesis::development();
    let genesis = match &config.network {
        None => development.clone(),
        Some(path) => read_network(path)?,
    };
    let percent = config.faults.gossip_drop_percent;
    if percent > 0 && genesis.id() != development.id() {
        return Err(ConfigError::Faults { percent, network: genesis.name });
    }
    config.node.check(&genesis)?;
    Ok(genesis)
}

fn read_network(path: &Path) -> Result<NetworkGenesis, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::NetworkFile { path: path.to_owned(), source })?;
    NetworkGenesis::from_json(&text).map_err(|source| ConfigError::Network { path: path.to_owned(), source })
}
