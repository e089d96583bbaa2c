//! The flushing thread: makes what the kernel appended durable, one group commit for all that waits.

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::sync::Arc;
use std::thread::JoinHandle;
use tidepool_kernel::{Input, StoreError};
use tidepool_views::Cursor;

/// Makes everything appended durable and says up to where.
pub(crate) type Flush = Arc<dyn Fn() -> Result<Cursor, StoreError> + Send + Sync>;

/// The thread; it ends when this is dropped.
pub(crate) struct Flusher {
    wake: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Starts the thread. Durable cursors go to `results`, a failure to `failed`.
    pub(crate) fn start(flush: Flush, results: Sender<Input>, failed: Sender<StoreError>) -> std::io::Result<Self> {
        // One place: a flush that is asked for while one runs covers everything that was appended until it begins.
        let (wake, woken) = bounded(1);
        let thread = std::thread::Builder::new()
            .name("flush".to_owned())
            .spawn(move || run(&woken, &flush, &results, &failed))?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }

    /// Asks for a flush of everything appended so far.
    pub(crate) fn wake(&self) {
        if let Some(wake) = &self.wake {
            match wake.try_send(()) {
                Ok(()) | Err(TrySendError::Full(())) => {}
                Err(TrySendError::Disconnected(())) => tracing::error!("the flushing thread has ended"),
            }
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(woken: &Receiver<()>, flush: &Flush, results: &Sender<Input>, failed: &Sender<StoreError>) {
    for () in woken {
        match flush() {
            Ok(upto) => {
                let _ = results.send(Input::Durable { upto });
            }
            Err(error) => {
                let _ = failed.send(error);
                return;
            }
        }
    }
}
