//! Local requests that wait for the kernel's reply.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tidepool_kernel::{LocalError, Receipt, Ticket};
use tokio::sync::oneshot;

/// What a request ends with.
pub(crate) type Reply = Result<Receipt, LocalError>;

/// Requests under way, by their tickets. Bounded by the lane of local work and by what the kernel holds open.
#[derive(Debug, Default)]
pub(crate) struct Replies(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    next: u64,
    stopped: bool,
    waiting: BTreeMap<Ticket, oneshot::Sender<Reply>>,
}

impl Replies {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new ticket and where its reply will come; `None` when the kernel has stopped.
    pub(crate) fn register(&self) -> Option<(Ticket, oneshot::Receiver<Reply>)> {
        let mut open = self.open();
        if open.stopped {
            return None;
        }
        open.next += 1;
        let ticket = Ticket(open.next);
        let (sender, receiver) = oneshot::channel();
        open.waiting.insert(ticket, sender);
        Some((ticket, receiver))
    }

    /// Forgets a ticket whose request was not taken.
    pub(crate) fn withdraw(&self, ticket: Ticket) {
        self.open().waiting.remove(&ticket);
    }

    /// Passes a reply on. Whoever asked may have gone away; what was done stays done.
    pub(crate) fn answer(&self, ticket: Ticket, reply: Reply) {
        if let Some(sender) = self.open().waiting.remove(&ticket) {
            let _ = sender.send(reply);
        }
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.open().waiting.is_empty()
    }

    /// Tells everybody who waits that the node is stopping, and takes nothing more.
    pub(crate) fn stop(&self) {
        let mut open = self.open();
        open.stopped = true;
        for (_, sender) in std::mem::take(&mut open.waiting) {
            let _ = sender.send(Err(LocalError::Stopping));
        }
    }
}
