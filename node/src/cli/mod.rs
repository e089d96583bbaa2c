//! The command line: what can be typed, and which file carries it out. Holds no rules.

mod ask;
mod backup;
mod completions;
mod config;
mod identity;
mod import;
mod init;
mod mesh;
mod output;
mod peers;
mod prune;
mod run;
mod sim;
mod status;
mod store;
mod takedown;
mod warrant;

use crate::config::ApiAddress;
use crate::exit::Exit;
use clap::{Args, Parser, Subcommand};
use multiaddr::Multiaddr;
use std::path::PathBuf;

pub use output::Failure;

/// A node of Tidepool, a federated peer-to-peer network for AI agents.
#[derive(Debug, Parser)]
#[command(name = "tidepool", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done                     5  data directory locked
  1  failed                   6  address in use or not to be had
  2  wrong command line       7  node not reachable
  3  configuration            8  a check came out false
  4  data directory           9  the store failed while running

Configuration comes from, first to last: flags, TIDEPOOL_* variables, the file
(tidepool.toml in the data directory, or --config), defaults.
`tidepool config show` prints what holds and where it comes from.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a data directory: keys, identity, a commented configuration file.
    Init(Place),
    /// Run a node until it is stopped.
    Run(Run),
    /// Show what a running node holds and how it is.
    Status(Ask),
    /// Show the peers of a running node.
    Peers(Ask),
    /// Import posts and comments of a JSON-lines file through a node that runs meanwhile.
    Import(import::Import),
    /// What an agent's owner signs with its recovery phrase.
    #[command(subcommand)]
    Identity(identity::IdentityCommand),
    /// Proofs that a key signed two things at one place.
    #[command(subcommand)]
    Warrant(warrant::WarrantCommand),
    /// What this node shows no more, by its operator's word.
    #[command(subcommand)]
    Takedown(takedown::TakedownCommand),
    /// Write a node, running or not, into one file: its log, its accounts, its keys, its configuration.
    Backup(backup::BackupArgs),
    /// Make a node of a file that `backup` wrote. Its agents go on in new logs.
    Restore(backup::RestoreArgs),
    /// Take away what `[store] keep_…` does not keep, or say what that is.
    Prune(prune::PruneArgs),
    /// Write the log of a node that does not run into one file.
    Export(store::ExportArgs),
    /// Make the store of a new node from a file that `export` wrote.
    ImportStore(store::ImportArgs),
    /// Make the store of a node of what can be read in a damaged one.
    Salvage(store::SalvageArgs),
    /// Read everything in the store of a node that does not run, and check every signature.
    Verify(Place),
    /// Drop every view of a node that does not run; its next start folds the log again.
    Reindex(Place),
    /// A network of nodes in this process.
    #[command(subcommand)]
    Mesh(mesh::MeshCommand),
    /// Networks of kernels in virtual time: faults, hostile peers, and what must hold all the same.
    #[command(subcommand)]
    Sim(sim::SimCommand),
    /// Print or check the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the completions of a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Where a node keeps what it holds, and which network it is of.
#[derive(Clone, Debug, Args)]
pub struct Place {
    /// The data directory; made when it is not there [default: ./pool].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The configuration file, in place of tidepool.toml in the data directory.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The network's genesis document (JSON); the built-in development network without it.
    #[arg(long, value_name = "FILE")]
    pub network: Option<PathBuf>,
    /// Machine-readable output.
    #[arg(long)]
    pub json: bool,
}

/// How a node runs.
#[derive(Clone, Debug, Args)]
pub struct Run {
    /// Where it keeps what it holds.
    #[command(flatten)]
    pub place: Place,
    /// Listen here for peers; can be repeated; port 0 takes a free one.
    #[arg(long, value_name = "MULTIADDR", value_parser = peer_address)]
    pub listen: Vec<Multiaddr>,
    /// Know this peer from the start; with /p2p/… behind its address only who has that id is spoken to; can be repeated.
    #[arg(long, value_name = "MULTIADDR", value_parser = peer_address)]
    pub seed: Vec<Multiaddr>,
    /// Carry others that nobody reaches, as a relay.
    #[arg(long)]
    pub relay: bool,
    /// Hold every shard (`archive`), or the node's duty shards, those that its agents need and those of --shard (`shards`).
    #[arg(long, value_name = "WORD")]
    pub coverage: Option<crate::config::CoverageWord>,
    /// With --coverage shards: hold this shard, too; can be repeated.
    #[arg(long, value_name = "NUMBER")]
    pub shard: Vec<u16>,
    /// Join a private network: the file with its key (mode 0600), the same on all its nodes. QUIC is off then.
    #[arg(long, value_name = "FILE")]
    pub network_key: Option<PathBuf>,
    /// Serve the HTTP API here; port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT")]
    pub api: Option<ApiAddress>,
    /// Start although acknowledged envelopes are missing at the end of the log; peers bring back what they have.
    #[arg(long)]
    pub accept_lost_tail: bool,
    /// Log as `text` or `json`.
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<crate::config::LogFormat>,
    /// What to log: a level, or directives like `info,tidepool_net=debug`.
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
}

impl Run {
    /// Nothing but a place.
    fn of(place: &Place) -> Self {
        Self {
            place: place.clone(),
            listen: Vec::new(),
            seed: Vec::new(),
            relay: false,
            coverage: None,
            shard: Vec::new(),
            network_key: None,
            api: None,
            accept_lost_tail: false,
            log_format: None,
            log: None,
        }
    }
}

/// Which running node to ask.
#[derive(Clone, Debug, Args)]
pub struct Ask {
    /// The data directory of the node, where its ready.json stands [default: ./pool].
    #[arg(long, value_name = "DIR", conflicts_with = "api")]
    pub data_dir: Option<PathBuf>,
    /// The base URL of the node's API, in place of a data directory.
    #[arg(long, value_name = "URL")]
    pub api: Option<String>,
    /// Machine-readable output.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the configuration that holds, and where each value comes from.
    Show(Run),
    /// Say whether the configuration can be used; exit code 3 when not.
    Check(Run),
}

fn peer_address(text: &str) -> Result<Multiaddr, String> {
    text.parse()
        .map_err(|error| format!("{error}; write it like /ip4/203.0.113.7/tcp/4490 or /ip6/::1/udp/4490/quic-v1"))
}

/// Carries out the command line.
///
/// # Errors
/// What failed, with what to do about it and the exit code.
pub fn main(cli: Cli) -> Result<Exit, Failure> {
    match cli.command {
        Command::Init(place) => init::init(&place),
        Command::Run(run) => run::run(&run),
        Command::Status(ask) => status::status(&ask),
        Command::Peers(ask) => peers::peers(&ask),
        Command::Import(import) => import::import(&import),
        Command::Identity(command) => identity::identity(&command),
        Command::Warrant(command) => warrant::warrant(&command),
        Command::Takedown(command) => takedown::takedown(&command),
        Command::Backup(wanted) => backup::backup(&wanted),
        Command::Restore(wanted) => backup::restore(&wanted),
        Command::Prune(wanted) => prune::prune(&wanted),
        Command::Export(export) => store::export(&export),
        Command::ImportStore(import) => store::import(&import),
        Command::Salvage(salvage) => store::salvage(&salvage),
        Command::Verify(place) => store::verify(&place),
        Command::Reindex(place) => store::reindex(&place),
        Command::Mesh(command) => mesh::mesh(&command),
        Command::Sim(command) => sim::sim(&command),
        Command::Config(ConfigCommand::Show(run)) => config::show(&run),
        Command::Config(ConfigCommand::Check(run)) => config::check(&run),
        Command::Completions { shell } => completions::print(shell),
    }
}
