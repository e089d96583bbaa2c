//! The live line: one line on a terminal that is drawn again each second, a line every ten seconds elsewhere.

use crate::arrivals::Counted;
use crate::numbers::{count, delay};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::{Duration, Instant};

/// Lines are this far apart where no terminal redraws them.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// What the line shows.
pub(crate) struct Now {
    pub(crate) nodes: usize,
    pub(crate) agents: usize,
    /// What the node that has most holds, and what all hold of that, by their own count.
    pub(crate) envelopes: u64,
    pub(crate) ratio: f64,
    /// What the streams showed, which lags on a busy machine.
    pub(crate) counted: Counted,
    pub(crate) per_second: f64,
    pub(crate) digests_equal: bool,
}

/// The line.
pub(crate) struct Live {
    bar: Option<ProgressBar>,
    last: Option<Instant>,
    quiet: bool,
}

impl Live {
    /// A line on standard error; nothing when `quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let on_terminal = !quiet && !bar.is_hidden();
        if on_terminal {
            bar.set_style(
                ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
        }
        Self { bar: on_terminal.then_some(bar), last: None, quiet }
    }

    /// Shows `now`.
    pub(crate) fn show(&mut self, now: &Now) {
        let counted = &now.counted;
        let line = format!(
            "{}  {}  {} ({:.0}/s)  delivery {:.3}  p50 {}  p99 {}  digests {}",
            count(now.nodes as u64, "node"),
            count(now.agents as u64, "agent"),
            count(now.envelopes, "envelope"),
            now.per_second,
            now.ratio,
            delay(counted.p50_ms),
            delay(counted.p99_ms),
            if now.digests_equal { "equal" } else { "differ" },
        );
        match &self.bar {
            Some(bar) => {
                bar.set_message(line);
                bar.tick();
            }
            None if self.quiet => {}
            None if self.last.is_none_or(|last| last.elapsed() >= PLAIN_EVERY) => {
                eprintln!("{line}");
                self.last = Some(Instant::now());
            }
            None => {}
        }
    }

    /// Ends the line.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
