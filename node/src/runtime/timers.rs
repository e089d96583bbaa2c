//! The kernel's timers: values in, due values out. Each timer stands at most once; setting it again moves it.

use std::collections::BTreeMap;
use tidepool_kernel::{Steady, Timer};

/// What is set and when it is due. Bounded by the number of [`Timer`] values.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeMap<Timer, Steady>);

impl Timers {
    /// Sets `timer` to `at`, wherever it stood before.
    pub(crate) fn set(&mut self, timer: Timer, at: Steady) {
        self.0.insert(timer, at);
    }

    /// The earliest time at which something is due.
    pub(crate) fn next_at(&self) -> Option<Steady> {
        self.0.values().min().copied()
    }

    /// Takes out one timer that is due at `now`, the earliest first.
    pub(crate) fn take_due(&mut self, now: Steady) -> Option<Timer> {
        let (timer, _) = self.0.iter().filter(|(_, at)| **at <= now).min_by_key(|(_, at)| **at)?;
        let timer = *timer;
        self.0.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_set_again_moves() {
        let mut timers = Timers::default();
        timers.set(Timer::Bundle, Steady(10));
        timers.set(Timer::Bundle, Steady(30));
        assert_eq!(timers.take_due(Steady(20)), None);
        assert_eq!(timers.take_due(Steady(30)), Some(Timer::Bundle));
        assert_eq!(timers.next_at(), None);
    }

    #[test]
    fn due_timers_come_earliest_first() {
        let mut timers = Timers::default();
        timers.set(Timer::Outbox, Steady(5));
        timers.set(Timer::Bundle, Steady(9));
        timers.set(Timer::Jobs, Steady(50));
        let due: Vec<_> = std::iter::from_fn(|| timers.take_due(Steady(10))).collect();
        assert_eq!(due, [Timer::Outbox, Timer::Bundle]);
        assert_eq!(timers.next_at(), Some(Steady(50)));
    }
}
