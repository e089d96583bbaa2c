//! The kernel thread: takes inputs by importance, steps the kernel, carries out its effects. Holds no rules.

use super::clock::Clocks;
use super::flusher::Flusher;
use super::lanes::Waiting;
use super::replies::Replies;
use super::timers::Timers;
use super::verifier::Verifier;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidepool_kernel::{Custody, Effect, Input, Node, Outbox, Steady, Store, StoreError};
use tidepool_net::NetHandle;
use tidepool_views::Cursor;
use tokio::sync::{oneshot, watch};

/// A stop waits this long for what was appended to become durable and answered.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// A busy kernel's counters are shown this often, an idle one's at the end of each turn.
const COUNT_EVERY: Duration = Duration::from_millis(250);

/// What the kernel thread works with.
pub(crate) struct Driver<S: Store, C: Custody> {
    pub(crate) node: Node<S, C>,
    pub(crate) waiting: Waiting,
    pub(crate) results: Sender<Input>,
    pub(crate) failed: Receiver<StoreError>,
    pub(crate) verifier: Verifier,
    pub(crate) flusher: Flusher,
    pub(crate) net: NetHandle,
    pub(crate) replies: Arc<Replies>,
    pub(crate) notified: watch::Sender<Cursor>,
    pub(crate) counters: watch::Sender<tidepool_kernel::Counters>,
    /// Told once everything in the log is folded: before that, readers would miss what was acknowledged. Dropped when the
    /// store failed meanwhile.
    pub(crate) recovered: oneshot::Sender<()>,
}

/// How the kernel thread ended.
#[derive(Debug)]
pub enum Ended {
    /// It was asked to stop, and everything that was appended is durable.
    Stopped,
    /// The store failed: what was acknowledged is on disk, nothing more was taken.
    StoreFailed(StoreError),
    /// The thread panicked: a defect.
    Panicked,
}

/// What one effect means for the loop.
enum After {
    Continue,
    Halt(StoreError),
}

impl<S: Store, C: Custody> Driver<S, C> {
    /// Runs until it is asked to stop or the store fails.
    pub(crate) fn run(mut self) -> Ended {
        let mut timers = Timers::default();
        let mut outbox = Outbox::default();
        let clocks = Clocks::start();
        self.node.step(Input::Started, clocks.now(), &mut outbox);
        let (recovered, _) = oneshot::channel();
        let recovered = std::mem::replace(&mut self.recovered, recovered);
        if !outbox.0.iter().any(|effect| matches!(effect, Effect::Halt { .. })) {
            // Nobody waits when the start was given up meanwhile.
            let _ = recovered.send(());
        }
        let mut stopping: Option<Instant> = None;
        let mut counted = Instant::now();
        loop {
            if let Some(error) = self.carry_out(&mut outbox, &mut timers) {
                return self.ended(Ended::StoreFailed(error));
            }
            if let Ok(error) = self.failed.try_recv() {
                return self.ended(Ended::StoreFailed(error));
            }
            if stopping.is_some_and(|deadline| self.replies.is_empty() || Instant::now() >= deadline) {
                return self.ended(Ended::Stopped);
            }
            let now = clocks.now();
            let input = match timers.take_due(now.steady) {
                Some(timer) => Input::Timer(timer),
                None => match self.waiting.next() {
                    Some(input) => input,
                    None => {
                        self.node.step(Input::TurnEnded, now, &mut outbox);
                        if outbox.0.is_empty() || counted.elapsed() >= COUNT_EVERY {
                            self.counters.send_replace(self.node.counters());
                            counted = Instant::now();
                        }
                        if outbox.0.is_empty() {
                            self.waiting.wait(next_wake(&timers, now.steady, stopping));
                        }
                        continue;
                    }
                },
            };
            if matches!(input, Input::Shutdown) {
                stopping = Some(Instant::now() + DRAIN_MAX);
            }
            self.node.step(input, now, &mut outbox);
        }
    }

    fn carry_out(&mut self, outbox: &mut Outbox, timers: &mut Timers) -> Option<StoreError> {
        for effect in outbox.0.drain(..) {
            if let After::Halt(error) = self.carry_out_one(effect, timers) {
                return Some(error);
            }
        }
        None
    }

    fn carry_out_one(&self, effect: Effect, timers: &mut Timers) -> After {
        match effect {
            Effect::Verify { ticket, envelopes } => self.verifier.submit(ticket, envelopes),
            Effect::SetTimer { timer, at } => timers.set(timer, at),
            Effect::Flush => self.flusher.wake(),
            Effect::Reply { ticket, result } => self.replies.answer(ticket, result),
            Effect::Notify { upto } => {
                self.notified.send_replace(upto);
            }
            Effect::Halt { error } => return After::Halt(error),
            Effect::Judge { .. }
            | Effect::Publish { .. }
            | Effect::Request { .. }
            | Effect::Respond { .. }
            | Effect::Join(_)
            | Effect::Leave(_)
            | Effect::Connect(_)
            | Effect::Block(_)
            | Effect::Penalise { .. } => {
                // What the network could not take is an answer like any other.
                if let Some(answer) = self.net.effect(effect) {
                    let _ = self.results.send(answer);
                }
            }
        }
        After::Continue
    }

    fn ended(self, how: Ended) -> Ended {
        self.replies.stop();
        how
    }
}

/// When the loop must look again even if nothing comes: the next timer, or the end of a stop.
fn next_wake(timers: &Timers, now: Steady, stopping: Option<Instant>) -> Option<Instant> {
    let timer = timers.next_at().map(|at| Instant::now() + Duration::from_millis(at.since_ms(now)));
    match (timer, stopping) {
        (Some(timer), Some(stop)) => Some(timer.min(stop)),
        (one, other) => one.or(other),
    }
}
