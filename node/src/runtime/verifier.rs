//! The verifying threads: decode, hash and check signatures away from the kernel, in chunks of [`CHUNK`].
//!
//! Jobs are bounded by the kernel, which counts what it has handed out; results go back by the lane that is never full.

use crossbeam_channel::{Receiver, Sender, unbounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use tidepool_kernel::{Input, Invalid, Ticket};
use tidepool_protocol::{Envelope, Verified, verify};

/// One thread takes this many envelopes at once: 64 signatures are 4 ms, short beside a bundle's delay, long beside a wake-up.
const CHUNK: usize = 64;

type Checked = Result<Verified<Envelope>, Invalid>;

/// A part of one [`tidepool_kernel::Effect::Verify`].
struct Chunk {
    job: Arc<Job>,
    index: usize,
    envelopes: Vec<bytes::Bytes>,
}

/// One effect's envelopes, gathered again when the last chunk is done.
struct Job {
    ticket: Ticket,
    open: AtomicUsize,
    results: std::sync::Mutex<Vec<Option<Vec<Checked>>>>,
}

/// The pool; its threads end when it is dropped.
pub(crate) struct Verifier {
    chunks: Option<Sender<Chunk>>,
    threads: Vec<JoinHandle<()>>,
}

impl Verifier {
    /// Starts `threads` threads that send their results to `results`.
    pub(crate) fn start(threads: usize, results: &Sender<Input>) -> std::io::Result<Self> {
        let (sender, receiver) = unbounded();
        let threads = (0..threads.max(1))
            .map(|number| {
                let (receiver, results) = (receiver.clone(), results.clone());
                std::thread::Builder::new().name(format!("verify-{number}")).spawn(move || run(&receiver, &results))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { chunks: Some(sender), threads })
    }

    /// Hands one effect to the threads.
    pub(crate) fn submit(&self, ticket: Ticket, envelopes: Vec<bytes::Bytes>) {
        let count = envelopes.len().div_ceil(CHUNK).max(1);
        let results = std::sync::Mutex::new((0..count).map(|_| None).collect());
        let job = Arc::new(Job { ticket, open: AtomicUsize::new(count), results });
        let Some(chunks) = &self.chunks else { return };
        let mut rest = envelopes;
        for index in 0..count {
            let behind = rest.split_off(rest.len().min(CHUNK));
            let chunk = Chunk { job: Arc::clone(&job), index, envelopes: rest };
            rest = behind;
            // The receiving threads live as long as the sender: they end only when it is dropped.
            let _ = chunks.send(chunk);
        }
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.chunks = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn run(chunks: &Receiver<Chunk>, results: &Sender<Input>) {
    for chunk in chunks {
        let checked = chunk.envelopes.into_iter().map(check).collect();
        let job = chunk.job;
        lock(&job.results)[chunk.index] = Some(checked);
        if job.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            let parts = std::mem::take(&mut *lock(&job.results));
            let results_of_job = parts.into_iter().flatten().flatten().collect();
            // A kernel that has stopped takes no results; there is nobody left to tell.
            let _ = results.send(Input::Verified { ticket: job.ticket, results: results_of_job });
        }
    }
}

fn check(bytes: bytes::Bytes) -> Checked {
    Ok(verify(Envelope::decode(bytes)?)?)
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
