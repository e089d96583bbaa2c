//! Requests that are the same and sent at one time share one answer.
//!
//! Whoever sends a second request before it has the answer to the first cannot have meant to undo it. So every answer is
//! held back for [`BURST_HOLD`]: what was sent at one time arrives meanwhile. Once two did arrive so, their sender does
//! not wait for answers, and what follows within [`BURST_QUIET`] of the one before belongs to them too. A client that
//! waits for each answer is never taken for one that does not.

use crate::home::lock;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// How long an answer is held back, from the arrival of its request: requests that fifty threads send at one time
/// arrive a millisecond apart.
pub(crate) const BURST_HOLD: Duration = Duration::from_millis(10);

/// How long after the last request of a burst the next one still belongs to it.
pub(crate) const BURST_QUIET: Duration = Duration::from_millis(250);

/// What is under way or was answered a moment ago, by its subject.
pub(crate) struct Bursts<K, W, V: Clone>(Mutex<Open<K, W, V>>);

struct Open<K, W, V: Clone> {
    bursts: BTreeMap<K, Burst<W, V>>,
    next: u64,
}

struct Burst<W, V: Clone> {
    number: u64,
    /// What is wanted: a request for something else on the same subject is no part of it.
    wanted: W,
    answer: Shared<BoxFuture<'static, V>>,
    last: Instant,
    is_joined: bool,
}

impl<W, V: Clone> Burst<W, V> {
    /// Whether what comes now belongs to it: its answer is not given yet, or its sender does not wait for answers.
    fn is_open(&self, now: Instant) -> bool {
        self.answer.peek().is_none() || (self.is_joined && self.last + BURST_QUIET > now)
    }
}

impl<K, W, V: Clone> Default for Bursts<K, W, V> {
    fn default() -> Self {
        Self(Mutex::new(Open { bursts: BTreeMap::new(), next: 0 }))
    }
}

impl<K, W, V> Bursts<K, W, V>
where
    K: Ord + Clone + Send + 'static,
    W: Eq + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Joins the burst on `subject` that wants the same, or begins one with `work`, which goes on when its callers are
    /// gone. `None` when `most` subjects are open already.
    pub(crate) async fn join(
        self: &Arc<Self>,
        subject: K,
        wanted: W,
        most: usize,
        work: impl Future<Output = V> + Send + 'static,
    ) -> Option<V> {
        let answer = {
            let mut open = lock(&self.0);
            let count = open.bursts.len();
            match open.bursts.get_mut(&subject) {
                Some(burst) if burst.wanted == wanted && burst.is_open(Instant::now()) => {
                    burst.is_joined = true;
                    burst.last = Instant::now();
                    burst.answer.clone()
                }
                None if count >= most => return None,
                Some(_) | None => {
                    let begun = Instant::now();
                    let held = async move {
                        let value = work.await;
                        tokio::time::sleep_until(begun + BURST_HOLD).await;
                        value
                    };
                    let answer = held.boxed().shared();
                    let number = open.next;
                    open.next += 1;
                    let burst = Burst { number, wanted, answer: answer.clone(), last: begun, is_joined: false };
                    open.bursts.insert(subject.clone(), burst);
                    let end = End { all: Arc::clone(self), subject, number };
                    tokio::spawn(end.after(answer.clone()));
                    answer
                }
            }
        };
        Some(answer.await)
    }
}

/// Closes a burst when it is over, however its task ends.
struct End<K: Ord, W, V: Clone> {
    all: Arc<Bursts<K, W, V>>,
    subject: K,
    number: u64,
}

impl<K: Ord, W, V: Clone> End<K, W, V> {
    async fn after(self, answer: Shared<BoxFuture<'static, V>>) {
        drop(answer.await);
        while let Some(quiet) = self.quiet_at() {
            tokio::time::sleep_until(quiet).await;
        }
    }

    /// When the burst will be over, if it is not.
    fn quiet_at(&self) -> Option<Instant> {
        let open = lock(&self.all.0);
        let burst = open.bursts.get(&self.subject)?;
        let quiet = burst.last + BURST_QUIET;
        (burst.number == self.number && burst.is_joined && quiet > Instant::now()).then_some(quiet)
    }
}

impl<K: Ord, W, V: Clone> Drop for End<K, W, V> {
    fn drop(&mut self) {
        let mut open = lock(&self.all.0);
        if open.bursts.get(&self.subject).is_some_and(|burst| burst.number == self.number) {
            open.bursts.remove(&self.subject);
        }
    }
}
