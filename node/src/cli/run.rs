//! `tidepool run`: a node from its start until it is stopped.

use super::{Failure, Run, output};
use crate::config;
use crate::datadir::DataDir;
use crate::exit::Exit;
use crate::logging;
use crate::runtime::{Ended, RunningNode, StartError, store_hint};

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::new(error.exit(), error)
    }
}

pub(super) fn run(wanted: &Run) -> Result<Exit, Failure> {
    let config = config::load(wanted)?;
    let genesis = config::network(&config)?;
    logging::start(&config.log).map_err(|error| Failure::new(Exit::Config, error))?;
    let directory = DataDir::open(&config.data_dir, genesis.id(), &genesis.name)
        .map_err(|error| Failure::from(StartError::from(error)))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut node = RunningNode::start(config, genesis, directory).await?;
        let ready = node.ready();
        if wanted.place.json {
            output::print_json(ready)?;
        } else {
            let mut text = format!("api      {}\npeer id  {}\n", ready.api, ready.peer_id);
            for address in &ready.listen {
                text.push_str(&format!("listen   {address}\n"));
            }
            output::print(&text)?;
        }
        let ended = tokio::select! {
            signal = stop_signal() => {
                tracing::info!(signal, "stopping");
                node.stop().await
            }
            ended = node.ended() => ended,
        };
        match ended {
            Ended::Stopped => Ok(Exit::Done),
            Ended::StoreFailed(error) => Err(Failure::new(Exit::Store, format!("{error}{}", store_hint(&error)))),
            Ended::Panicked => Err(Failure::new(
                Exit::Failed,
                "the kernel thread ended by a panic, which is a defect: please report it with the log",
            )),
        }
    })
}

/// Waits for SIGINT or SIGTERM (Ctrl-C elsewhere) and names it.
pub(super) async fn stop_signal() -> &'static str {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = signal(SignalKind::terminate());
        if let Ok(mut terminate) = terminate {
            return tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = tokio::signal::ctrl_c() => "SIGINT",
            };
        }
    }
    let _ = tokio::signal::ctrl_c().await;
    "SIGINT"
}
