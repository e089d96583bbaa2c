//! What the rest of the node holds of the network: effects go in, the state can be watched.

use crate::book::KnownPeer;
use crate::counters::{Counters, count};
use crate::status::NetStatus;
use std::sync::Arc;
use tidepool_kernel::{Effect, Input, PublishOutcome, RequestFailure};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

/// Effects that wait for the swarm's task. It takes some microseconds for each, so that this is a tenth of a second.
pub(crate) const EFFECTS_MAX: usize = 2_048;

/// Room beyond it for what may not be refused: topics joined and left, peers blocked. A node joins 2,049 topics at most.
pub(crate) const EFFECTS_RESERVE: usize = 4_096;

/// What the handle asks of the swarm's task.
#[derive(Debug)]
pub(crate) enum Command {
    /// An effect of the kernel.
    Effect(Effect),
    /// The book, for the node to write down.
    KnownPeers(oneshot::Sender<Vec<KnownPeer>>),
    /// Leave: close the connections and end.
    Stop,
}

/// A handle on the network; cheap to clone. The network ends when the last one is dropped.
#[derive(Clone, Debug)]
pub struct NetHandle {
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<NetStatus>,
    counters: Arc<Counters>,
}

impl NetHandle {
    pub(crate) fn new(
        commands: mpsc::Sender<Command>,
        status: watch::Receiver<NetStatus>,
        counters: Arc<Counters>,
    ) -> Self {
        Self { commands, status, counters }
    }

    /// Does what the kernel wants done on the network. Never blocks.
    ///
    /// When the queue to the swarm is full, the effect is not done, which is counted, and what the kernel would have been
    /// told comes back at once for the caller to hand to it: a publish has [`PublishOutcome::NoPeers`] (a retry works: the
    /// frame's id is in no cache), a request has failed with [`RequestFailure::Busy`]. A verdict is lost like one that
    /// never came, an answer like one that came too late, and a wish to connect may be made again. Topics joined and
    /// left and peers blocked have room of their own and are always done.
    ///
    /// Effects that are none of the network's are not done; handing one over is the driver's mistake, and is logged.
    #[must_use = "what comes back is an input that the kernel waits for"]
    pub fn effect(&self, effect: Effect) -> Option<Input> {
        let vital = match &effect {
            Effect::Join(_) | Effect::Leave(_) | Effect::Block(_) => true,
            // A flood of bad frames must not use up the room of what is rare.
            Effect::Penalise { offence, .. } => offence.is_lie(),
            Effect::Judge { .. }
            | Effect::Publish { .. }
            | Effect::Request { .. }
            | Effect::Respond { .. }
            | Effect::Connect(_) => false,
            Effect::Verify { .. }
            | Effect::SetTimer { .. }
            | Effect::Flush
            | Effect::Reply { .. }
            | Effect::Notify { .. }
            | Effect::Halt { .. } => {
                tracing::error!("an effect that is none of the network's was handed to it");
                return None;
            }
        };
        if !vital && self.commands.capacity() <= EFFECTS_RESERVE {
            return self.refuse(effect);
        }
        match self.commands.try_send(Command::Effect(effect)) {
            Ok(()) => None,
            Err(TrySendError::Full(Command::Effect(effect)) | TrySendError::Closed(Command::Effect(effect))) => {
                self.refuse(effect)
            }
            Err(TrySendError::Full(_) | TrySendError::Closed(_)) => None,
        }
    }

    fn refuse(&self, effect: Effect) -> Option<Input> {
        count(&self.counters.effects_refused);
        match effect {
            Effect::Publish { ticket, .. } => Some(Input::Published { ticket, outcome: PublishOutcome::NoPeers }),
            Effect::Request { request, .. } => Some(Input::Response { request, result: Err(RequestFailure::Busy) }),
            Effect::Judge { .. }
            | Effect::Respond { .. }
            | Effect::Connect(_)
            | Effect::Join(_)
            | Effect::Leave(_)
            | Effect::Block(_)
            | Effect::Penalise { .. }
            | Effect::Verify { .. }
            | Effect::SetTimer { .. }
            | Effect::Flush
            | Effect::Reply { .. }
            | Effect::Notify { .. }
            | Effect::Halt { .. } => None,
        }
    }

    /// The state of the network, to be read or waited on.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<NetStatus> {
        self.status.clone()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The peers whose addresses are known, for the node to keep and to hand to its next start. Empty when the network
    /// has ended.
    pub async fn known_peers(&self) -> Vec<KnownPeer> {
        let (reply, known) = oneshot::channel();
        if self.commands.send(Command::KnownPeers(reply)).await.is_err() {
            return Vec::new();
        }
        known.await.unwrap_or_default()
    }

    /// Ends the network: what was handed over before is done first, then connections are closed. The task of
    /// [`crate::Net::start`] ends soon after.
    pub async fn stop(&self) {
        // An error says that it has ended already.
        let _ = self.commands.send(Command::Stop).await;
    }
}

#[cfg(test)]
mod tests;
