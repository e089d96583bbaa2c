//! The home's way to the kernel: a request goes into the lane of local work, its reply comes back by its ticket.

use super::lanes::{LOCAL_MAX, LaneError, Lanes};
use super::replies::Replies;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::sync::Arc;
use tidepool_home::KernelPort;
use tidepool_kernel::{Input, LocalError, LocalRequest, Receipt};
use tidepool_views::Cursor;
use tokio::sync::watch;

/// The lanes and the replies of one kernel thread.
pub(crate) struct KernelLink {
    pub(crate) lanes: Lanes,
    pub(crate) replies: Arc<Replies>,
    pub(crate) notified: watch::Receiver<Cursor>,
}

impl KernelPort for KernelLink {
    fn request(&self, request: LocalRequest) -> BoxFuture<'static, Result<Receipt, LocalError>> {
        let Some((ticket, reply)) = self.replies.register() else {
            return futures::future::ready(Err(LocalError::Stopping)).boxed();
        };
        if let Err(refused) = self.lanes.offer(Input::Local { ticket, request }) {
            self.replies.withdraw(ticket);
            let error = match refused {
                LaneError::Full => LocalError::Busy { waiting: LOCAL_MAX, allowed: LOCAL_MAX },
                LaneError::Stopped => LocalError::Stopping,
            };
            return futures::future::ready(Err(error)).boxed();
        }
        async move { reply.await.unwrap_or(Err(LocalError::Stopping)) }.boxed()
    }

    fn notified(&self) -> watch::Receiver<Cursor> {
        self.notified.clone()
    }
}
