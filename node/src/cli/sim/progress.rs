//! How far the runs are: a bar that is drawn again on a terminal, a line every ten seconds elsewhere. On standard error.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines are this far apart where no terminal redraws them.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// What is shown; shared by the threads that run.
pub(super) struct Progress {
    bar: ProgressBar,
    quiet: bool,
    began: Instant,
    last: Mutex<Instant>,
}

impl Progress {
    /// For so many seeds; nothing is shown when `quiet`.
    pub(super) fn new(count: u64, quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(count), target);
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} seeds  {elapsed} gone, {eta} to go  {msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        let now = Instant::now();
        Self { bar, quiet, began: now, last: Mutex::new(now) }
    }

    /// Says something beside the bar.
    pub(super) fn say(&self, line: &str) {
        if self.quiet {
            return;
        }
        if self.bar.is_hidden() { eprintln!("{line}") } else { self.bar.println(line) }
    }

    /// One more is done.
    pub(super) fn done(&self) {
        self.bar.inc(1);
        self.show(&String::new);
    }

    /// The run of a seed, or the search for its replay, has come so far.
    pub(super) fn reached(&self, how_far: &dyn Fn() -> String) {
        if !self.quiet && !self.bar.is_hidden() {
            self.bar.set_message(how_far());
        }
        self.show(how_far);
    }

    /// Where no terminal redraws the bar, a line now and then.
    fn show(&self, how_far: &dyn Fn() -> String) {
        if self.quiet || !self.bar.is_hidden() {
            return;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= PLAIN_EVERY {
            *last = Instant::now();
            let (done, count) = (self.bar.position(), self.bar.length().unwrap_or(0));
            let (gone, how_far) = (self.began.elapsed().as_secs(), how_far());
            let between = if how_far.is_empty() { "" } else { ": " };
            eprintln!("{done} of {count} seeds after {gone} s{between}{how_far}");
        }
    }

    /// All are done.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
