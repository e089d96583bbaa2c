//! `tidepool import`: posts and comments of a JSON-lines file, signed anew by agents of this node.
//!
//! The node runs as `tidepool run` would while it imports, so that peers get everything. What was imported is written
//! beside the store as pairs of ids; an import that was interrupted goes on where it stopped.

mod journal;
mod record;
mod work;

use super::{Failure, Run, output};
use crate::config;
use crate::datadir::DataDir;
use crate::exit::Exit;
use crate::logging;
use crate::runtime::{RunningNode, StartError};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::{BufRead, BufReader, Seek};
use std::path::PathBuf;
use std::time::Instant;

/// What to import, and the node that does it.
#[derive(Clone, Debug, Args)]
pub(super) struct Import {
    /// A file of JSON lines: {"type":"post","id","author","community","title","content","url"?} and
    /// {"type":"comment","id","post","parent"?,"author","content"}. Comments stand behind what they answer.
    file: PathBuf,
    /// The node.
    #[command(flatten)]
    run: Run,
}

/// The end of an import.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(super) struct Summary {
    /// Lines read.
    pub(super) lines: u64,
    /// Agents that were registered for it.
    pub(super) agents: u64,
    /// Posts signed and stored.
    pub(super) posts: u64,
    /// Comments signed and stored.
    pub(super) comments: u64,
    /// Records that an earlier import had done.
    pub(super) already_done: u64,
    /// Records that were refused, each with its line and reason on standard error.
    pub(super) refused: u64,
    /// How long it took, in seconds.
    pub(super) seconds: f64,
}

/// Refused records are told one by one up to this many, then only counted.
const REFUSALS_TOLD: u64 = 20;

pub(super) fn import(wanted: &Import) -> Result<Exit, Failure> {
    let config = config::load(&wanted.run)?;
    let genesis = config::network(&config)?;
    logging::start(&config.log).map_err(|error| Failure::new(Exit::Config, error))?;
    let unreadable =
        |error| Failure::new(Exit::Failed, format!("{}: {error}; check the path of the file", wanted.file.display()));
    let file = File::open(&wanted.file).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let directory = DataDir::open(&config.data_dir, genesis.id(), &genesis.name)
        .map_err(|error| Failure::from(StartError::from(error)))?;
    let mut first_line = String::new();
    BufReader::new(&file).read_line(&mut first_line).map_err(unreadable)?;
    (&file).rewind().map_err(unreadable)?;
    let journal =
        journal::Journal::open(directory.path(), &first_line).map_err(|error| Failure::new(Exit::Data, error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let summary = runtime.block_on(async {
        let mut node = RunningNode::start(config, genesis, directory).await?;
        let began = Instant::now();
        let bar = progress(length);
        let work = work::Work::new(node.home().clone(), journal);
        let result = tokio::select! {
            result = read(BufReader::new(file), work, &bar) => result,
            signal = super::run::stop_signal() => Err(Failure::new(
                Exit::Failed,
                format!("stopped by {signal}; run the same command again to go on"),
            )),
        };
        bar.finish_and_clear();
        node.stop().await;
        let mut summary = result?;
        summary.seconds = began.elapsed().as_secs_f64();
        Ok::<_, Failure>(summary)
    })?;
    if wanted.run.place.json {
        output::print_json(&summary)?;
    } else {
        output::print(&shown(&summary))?;
    }
    Ok(if summary.refused == 0 { Exit::Done } else { Exit::CheckFailed })
}

async fn read(lines: impl BufRead, mut work: work::Work, bar: &ProgressBar) -> Result<Summary, Failure> {
    let mut batch = Vec::with_capacity(work::BATCH);
    for (number, line) in (1..).zip(lines.lines()) {
        let line = line.map_err(|error| Failure::new(Exit::Failed, format!("line {number}: {error}")))?;
        bar.inc(line.len() as u64 + 1);
        work.summary.lines += 1;
        if line.trim().is_empty() {
            continue;
        }
        match record::parse(&line) {
            Ok(record) => batch.push((number, record)),
            Err(error) => work.refuse(number, &error),
        }
        if batch.len() == work::BATCH {
            work.carry_out(&mut batch).await?;
        }
    }
    work.carry_out(&mut batch).await?;
    Ok(work.summary)
}

fn progress(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    let style = "{bar:40} {bytes} of {total_bytes}, {eta} left";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

#[allow(clippy::cast_precision_loss, reason = "a rate for people")]
fn shown(summary: &Summary) -> String {
    let records = summary.posts + summary.comments;
    format!(
        "{} posts and {} comments of {} agents in {:.1} s ({:.0} a second); {} done before, {} refused\n",
        summary.posts,
        summary.comments,
        summary.agents,
        summary.seconds,
        records as f64 / summary.seconds.max(0.001),
        summary.already_done,
        summary.refused,
    )
}
