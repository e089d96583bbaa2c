//! Half a core for an attacker: its threads have a name of their own, and pause when they have had their share.

use std::time::{Duration, Instant};

/// The part of one core that an attacker gets.
const SHARE: f64 = 0.5;

/// The longest name of a thread that Linux keeps.
const NAME_MAX: usize = 15;

/// What the threads called `name` have had since this was made.
pub struct Share {
    name: String,
    began: Instant,
    before: Duration,
    looked: Instant,
    /// CPU time so far, by the last look: threads that have ended are not found any more.
    used: Duration,
}

impl Share {
    pub fn new(name: &str) -> Self {
        assert!(name.len() <= NAME_MAX, "{name:?} would be cut short");
        let before = used(name);
        Self { name: name.to_owned(), began: Instant::now(), before, looked: Instant::now(), used: Duration::ZERO }
    }

    /// Waits until the threads are within their share.
    pub fn hold(&mut self) {
        // Looking costs system calls, so it is done every few milliseconds.
        if self.looked.elapsed() < Duration::from_millis(2) {
            return;
        }
        loop {
            self.looked = Instant::now();
            let over = self.look().as_secs_f64() / SHARE - self.began.elapsed().as_secs_f64();
            if over <= 0.0 {
                return;
            }
            std::thread::park_timeout(Duration::from_secs_f64(over.min(0.05)));
        }
    }

    fn look(&mut self) -> Duration {
        self.used = self.used.max(used(&self.name).saturating_sub(self.before));
        self.used
    }

    /// CPU time by time, in percent of a core.
    pub fn percent(&self) -> f64 {
        100.0 * self.used.as_secs_f64() / self.began.elapsed().as_secs_f64()
    }
}

/// The thread that keeps libp2p's timers, one for the whole process: it counts for every attacker.
const TIMERS: &str = "futures-timer";

/// The CPU time of this process's threads of that name, alive ones, and of the timers'.
fn used(name: &str) -> Duration {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = threads
        .filter(|thread| {
            std::fs::read_to_string(thread.path().join("comm"))
                .is_ok_and(|comm| [name, TIMERS].contains(&comm.trim_end()))
        })
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).ok())
        .filter_map(|stat| stat.split_whitespace().next()?.parse::<u64>().ok());
    Duration::from_nanos(nanos.sum())
}
