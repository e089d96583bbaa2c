//! `tidepool mesh up`: a network of full nodes in this process, at work.

use super::{Failure, output};
use crate::config::{LogConfig, LogFormat};
use crate::exit::Exit;
use crate::logging;
use crate::runtime::InProcess;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;
use tidepool_lab::{MeshError, MeshSettings};
use tidepool_net::NetFaults;
use tokio::sync::watch;

/// What to do with a mesh.
#[derive(Debug, Subcommand)]
pub(super) enum MeshCommand {
    /// Start nodes on loopback, join them through one seed, people them with scripted agents, show what happens.
    Up(Up),
}

/// What the mesh is to be.
#[derive(Clone, Debug, Args)]
pub(super) struct Up {
    /// How many nodes.
    #[arg(long, default_value_t = 5)]
    nodes: usize,
    /// How many scripted agents, up to 20000.
    #[arg(long, default_value_t = 20)]
    agents: usize,
    /// Stop this long after the agents are registered (`60s`, `5m`); exit code 0 only if every node then holds every envelope;
    /// rates and delays are reported and not judged.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Drop so many of a hundred gossip frames at their receivers: what gossip loses, anti-entropy has to bring.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    drop_gossip: u8,
    /// The seed of what agents choose; the process's number without it. The report prints it.
    #[arg(long)]
    seed: Option<u64>,
    /// Keep the nodes' data directories here, in place of a temporary directory that is removed at the end.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print the report as JSON, and nothing else on standard output; each node's URL and id go to standard error as it starts.
    #[arg(long)]
    json: bool,
    /// What to log: a level, or directives like `info,tidepool_net=debug`.
    #[arg(long, value_name = "FILTER", default_value = "warn,libp2p_kad=error,yamux=error")]
    log: String,
}

/// `60s`, `5m`, `2h`, or a number of seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let refused = || format!("{text:?} is no time of at least a second; write 60s, 5m or 2h");
    let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
        Some(number) => (number, text.chars().last().unwrap_or('s')),
        None => (text, 's'),
    };
    let number: u64 = number.parse().map_err(|_| refused())?;
    let seconds = match unit {
        'm' => number.checked_mul(60),
        'h' => number.checked_mul(3600),
        _ => Some(number),
    };
    seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs).ok_or_else(refused)
}

pub(super) fn mesh(command: &MeshCommand) -> Result<Exit, Failure> {
    let MeshCommand::Up(up) = command;
    logging::start(&LogConfig { format: LogFormat::Text, filter: up.log.clone() })
        .map_err(|error| Failure::new(Exit::Config, error))?;
    let temporary = tempfile::Builder::new().prefix("tidepool-mesh-").tempdir()?;
    let settings = MeshSettings {
        nodes: up.nodes,
        agents: up.agents,
        duration: up.duration,
        directory: up.dir.clone().unwrap_or_else(|| temporary.path().to_owned()),
        seed: up.seed.unwrap_or_else(|| u64::from(std::process::id())),
        quiet: up.json,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(async move {
            super::run::stop_signal().await;
            stop.send_replace(true);
        });
        tidepool_lab::up(
            &settings,
            &InProcess::new(up.nodes).with_faults(NetFaults { gossip_drop_percent: up.drop_gossip }),
            stopped,
        )
        .await
    });
    let report = report.map_err(|error| {
        let exit = match &error {
            MeshError::Nodes(_) | MeshError::Agents(_) => Exit::Usage,
            MeshError::Launch(_) | MeshError::Call(_) => Exit::Failed,
        };
        Failure::new(exit, error)
    })?;
    if up.json {
        output::print_json(&report)?;
    } else {
        output::print(&format!("{report}\n"))?;
    }
    // A mesh without an end was stopped by hand: it promised nothing.
    Ok(if up.duration.is_none() || report.is_whole() { Exit::Done } else { Exit::CheckFailed })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_are_read_in_seconds_minutes_and_hours() {
        assert_eq!(duration("60s").unwrap(), Duration::from_secs(60));
        assert_eq!(duration("5m").unwrap(), Duration::from_secs(300));
        assert_eq!(duration("2h").unwrap(), Duration::from_secs(7200));
        assert_eq!(duration("7").unwrap(), Duration::from_secs(7));
    }

    #[test]
    fn what_is_no_time_is_refused_with_examples() {
        for text in ["", "s", "-1s", "0s", "1d", "ten", "99999999999999999999h", "9999999999999999999h"] {
            assert!(duration(text).unwrap_err().contains("60s"), "{text}");
        }
    }
}
