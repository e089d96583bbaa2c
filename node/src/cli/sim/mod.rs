//! `tidepool sim run`: networks of kernels in virtual time, one for each seed, with a table of what they came to.

mod progress;
mod table;

use super::{Failure, output};
use crate::exit::Exit;
use clap::{Args, Subcommand};
use progress::Progress;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use table::{Report, Row};
use tidepool_sim::{Cast, Coverage, Outcome, Scenario, Violation, run, run_watched, shrink};

/// Every so many seeds one is run twice: the same seed gives the same trace.
const TWICE_EVERY: u64 = 25;

/// What to do with the simulator.
#[derive(Debug, Subcommand)]
pub(super) enum SimCommand {
    /// Run a network in virtual time for each seed, with faults and hostile peers, and check what must hold.
    Run(Run),
    /// Print the scenario that holds without a file, as a file.
    Scenario,
}

/// Which runs.
#[derive(Clone, Debug, Args)]
pub(super) struct Run {
    /// How many honest nodes; that of the scenario without it.
    #[arg(long)]
    nodes: Option<usize>,
    /// The seeds: from the first up to the second, which is not run (`1..51`), or a single one. Every 25th, and a single one,
    /// is run twice: the same seed must give the same trace.
    #[arg(long, value_name = "A..B", default_value = "1..11", value_parser = seeds)]
    seeds: Range<u64>,
    /// The scenario, as TOML; the built-in one without it.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Virtual minutes, in place of those of the scenario.
    #[arg(long)]
    minutes: Option<u64>,
    /// Envelopes that agents are to publish, in place of those of the scenario.
    #[arg(long)]
    envelopes: Option<usize>,
    /// Runs at once; one for each core without it.
    #[arg(long)]
    jobs: Option<usize>,
    /// Runs that the search for a shorter replay of a failing seed may take; 0 for none.
    #[arg(long, default_value_t = 40)]
    tries: u32,
    /// Where replays of failing seeds are written.
    #[arg(long, value_name = "DIR", default_value = ".")]
    replays: PathBuf,
    /// Print the report as JSON, and nothing else.
    #[arg(long)]
    json: bool,
}

/// `5..20`, or `7` for `7..8`.
fn seeds(text: &str) -> Result<Range<u64>, String> {
    let refused = || format!("{text:?} is no range of seeds; write 1..51, or a single seed");
    let (first, end) = match text.split_once("..") {
        Some((first, end)) => (first.parse().map_err(|_| refused())?, end.parse().map_err(|_| refused())?),
        None => {
            let seed: u64 = text.parse().map_err(|_| refused())?;
            (seed, seed.checked_add(1).ok_or_else(refused)?)
        }
    };
    if first < end { Ok(first..end) } else { Err(refused()) }
}

pub(super) fn sim(command: &SimCommand) -> Result<Exit, Failure> {
    match command {
        SimCommand::Run(run) => run_all(run),
        SimCommand::Scenario => {
            output::print(&text_of(&Scenario::default())?)?;
            Ok(Exit::Done)
        }
    }
}

fn text_of(scenario: &Scenario) -> Result<String, Failure> {
    toml::to_string(scenario).map_err(|error| Failure::new(Exit::Failed, error))
}

fn scenario_of(run: &Run) -> Result<Scenario, Failure> {
    let config = |error: String| Failure::new(Exit::Config, error);
    let mut scenario: Scenario = match &run.scenario {
        None => Scenario::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| config(format!("{}: {error}", path.display())))?;
            toml::from_str(&text).map_err(|error| config(format!("{}: {error}", path.display())))?
        }
    };
    if let Some(nodes) = run.nodes {
        // As many of each sort as before, as far as there are nodes for them.
        scenario.partial = scenario.partial.min(nodes / 4);
        scenario.pruning = scenario.pruning.min(nodes / 4);
        scenario.homes = scenario.homes.min(nodes - scenario.partial - scenario.pruning).max(1);
        scenario.hostile = scenario.hostile.min(nodes);
        scenario.nodes = nodes;
    }
    scenario.minutes = run.minutes.unwrap_or(scenario.minutes);
    scenario.envelopes = run.envelopes.unwrap_or(scenario.envelopes);
    scenario.checked().map_err(|error| config(error.to_string()))
}

/// What the threads share.
struct Shared<'s> {
    scenario: &'s Scenario,
    cast: &'s Cast,
    run: &'s Run,
    next: AtomicU64,
    outcomes: Mutex<Vec<(Outcome, Duration)>>,
    progress: Progress,
}

fn run_all(run: &Run) -> Result<Exit, Failure> {
    let scenario = scenario_of(run)?;
    if !run.replays.is_dir() {
        let error =
            format!("{} is no directory; --replays names one for replays of failing seeds", run.replays.display());
        return Err(Failure::new(Exit::Config, error));
    }
    let cast = Cast::new(&scenario);
    let count = run.seeds.end - run.seeds.start;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = run.jobs.unwrap_or(cores).clamp(1, usize::try_from(count).unwrap_or(usize::MAX));
    let shared = Shared {
        scenario: &scenario,
        cast: &cast,
        run,
        next: AtomicU64::new(run.seeds.start),
        outcomes: Mutex::new(Vec::new()),
        progress: Progress::new(count, run.json),
    };
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| shared.work());
        }
    });
    let elapsed = began.elapsed();
    let progress = &shared.progress;
    let mut outcomes = std::mem::take(&mut *shared.outcomes.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    outcomes.sort_by_key(|(outcome, _)| outcome.seed);
    let mut report = Report::new(&outcomes, jobs, elapsed);
    let failing: Vec<&Outcome> =
        outcomes.iter().map(|(outcome, _)| outcome).filter(|outcome| !outcome.is_good()).collect();
    // Of each failing seed one thread looks for the shortest replay.
    let (next, replays) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(failing.len()) {
            scope.spawn(|| {
                while let Some(outcome) = failing.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match replay(run, (&scenario, &cast), outcome, progress) {
                        Ok(replay) => {
                            replays.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(replay);
                        }
                        // The report of all seeds is worth more than the file of one.
                        Err(failure) => {
                            progress.say(&format!("tidepool: no replay of seed {}: {}", outcome.seed, failure.message));
                        }
                    }
                }
            });
        }
    });
    progress.finish();
    report.replays = replays.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    report.replays.sort_by_key(|replay| replay.seed);
    if run.json {
        output::print_json(&report)?;
    } else {
        output::print(&report.to_string())?;
    }
    Ok(if report.failed == 0 { Exit::Done } else { Exit::CheckFailed })
}

impl Shared<'_> {
    fn work(&self) {
        loop {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.run.seeds.end {
                return;
            }
            let began = Instant::now();
            let whole_s = self.scenario.work_ms() / 1_000;
            let watch = |ms: u64| {
                self.progress.reached(&|| format!("seed {seed}: {} of {whole_s} virtual seconds", ms / 1_000));
            };
            let mut outcome = run_watched(self.scenario, self.cast, seed, &watch);
            let took = began.elapsed();
            if seed.is_multiple_of(TWICE_EVERY) || self.run.seeds.end - self.run.seeds.start == 1 {
                let again = run(self.scenario, self.cast, seed);
                if again.trace != outcome.trace {
                    let (first, second) = (outcome.trace, again.trace);
                    outcome.violations.push(Violation::Trace { first, second });
                }
            }
            if !outcome.violations.is_empty() {
                self.progress.say(&format!("seed {seed}: {}", table::told(&outcome)));
            }
            self.progress.done();
            let mut outcomes = self.outcomes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            outcomes.push((outcome, took));
        }
    }
}

/// Looks for the shortest replay of a failing seed, and writes it down.
fn replay(
    run: &Run,
    (scenario, cast): (&Scenario, &Cast),
    outcome: &Outcome,
    progress: &Progress,
) -> Result<Option<table::Replay>, Failure> {
    let Some(broken) = outcome.violations.first() else { return Ok(None) };
    let tried = |tries: u32, minutes: u64, faults: usize| {
        let (seed, most) = (outcome.seed, run.tries);
        progress.reached(&|| {
            format!(
                "seed {seed} fails within {minutes} virtual minutes, {faults} faults, after {tries} of {most} tries"
            )
        });
    };
    let shrunk = shrink(scenario, cast, outcome.clone(), broken, run.tries, (&|_| {}, &tried));
    let path = run.replays.join(format!("sim-{}.toml", outcome.seed));
    write(&path, &text_of(&shrunk.scenario)?)?;
    Ok(Some(table::Replay {
        seed: outcome.seed,
        broken: table::told(outcome),
        faults: shrunk.scenario.plan.as_ref().map_or(0, |plan| plan.faults.len()),
        minutes: shrunk.scenario.minutes,
        tries: shrunk.tries,
        command: format!("tidepool sim run --scenario {} --seeds {}", path.display(), outcome.seed),
    }))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        Failure::new(Exit::Failed, format!("{}: {error}; --replays names another directory", path.display()))
    })
}

/// Adds up what all runs counted.
fn covered(outcomes: &[(Outcome, Duration)]) -> Coverage {
    let mut coverage = Coverage::default();
    outcomes.iter().for_each(|(outcome, _)| coverage.join(&outcome.coverage));
    coverage
}

/// The rows of the table.
fn rows(outcomes: &[(Outcome, Duration)]) -> Vec<Row> {
    outcomes.iter().map(|(outcome, took)| Row::new(outcome, *took)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn seeds_are_a_range_or_one() {
        assert_eq!(seeds("1..51").unwrap(), 1..51);
        assert_eq!(seeds("7").unwrap(), 7..8);
        for text in ["", "..", "5..5", "9..3", "a..b", "-1..2"] {
            assert!(seeds(text).unwrap_err().contains("1..51"), "{text}");
        }
    }

    #[test]
    fn a_scenario_comes_back_from_its_file() {
        let plan = Some(tidepool_sim::Plan {
            into_week_ms: 5,
            hostile: tidepool_sim::HostileKind::ALL.to_vec(),
            faults: vec![tidepool_sim::Fault {
                kind: tidepool_sim::FaultKind::Skew,
                at_ms: 1,
                for_ms: 2,
                nodes: vec![3],
                amount: -4,
            }],
        });
        let scenario = Scenario { plan, ..Scenario::default() };
        let text = text_of(&scenario).unwrap();
        assert_eq!(toml::from_str::<Scenario>(&text).unwrap(), scenario);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<Scenario>("nodez = 3").unwrap_err().to_string().contains("nodez"));
    }
}
