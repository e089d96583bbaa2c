//! A stream that does not wait for ever to be written to.
//!
//! When a peer is behind a partition, or reads nothing, what is sent to it fills the system's buffer, and then every write
//! waits: the one that says goodbye too, so that libp2p's own close would wait until TCP gives up after a quarter of an
//! hour, and meanwhile the peer would count as connected. Here a write that made no progress for long is an error, which
//! ends the connection.

use futures::{AsyncRead, AsyncWrite};
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;

/// A write that waits longer than this made no progress: not a byte went out, while even a slow link takes some.
pub(crate) const STALLED_AFTER: Duration = Duration::from_secs(10);

/// The stream.
#[derive(Debug)]
pub(crate) struct Patience<S> {
    inner: S,
    stalled_after: Duration,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Patience<S> {
    pub(crate) fn new(inner: S, stalled_after: Duration) -> Self {
        Self { inner, stalled_after, waiting: None }
    }

    /// What a write's result means: progress ends the wait, none begins it or goes on with it.
    fn judge<T>(&mut self, context: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.waiting = None;
            return result;
        }
        let stalled_after = self.stalled_after;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(stalled_after)));
        ready!(waiting.as_mut().poll(context));
        let kind = io::ErrorKind::TimedOut;
        Poll::Ready(Err(io::Error::new(kind, format!("the peer took no byte for {stalled_after:?}"))))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patience<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_read(context, bytes)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patience<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.judge(context, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_flush(context) {
            // Nothing was waiting to go out: no progress, and no reason to wait.
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => self.judge(context, Poll::Pending),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.inner).poll_close(context);
        self.judge(context, result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::AsyncWriteExt as _;

    /// Takes so many bytes and then none.
    struct Full(usize);

    impl AsyncWrite for Full {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            match self.0.min(bytes.len()) {
                0 => Poll::Pending,
                room => {
                    self.0 -= room;
                    Poll::Ready(Ok(room))
                }
            }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_write_or_a_close_that_goes_nowhere_ends() {
        let soon = Duration::from_millis(50);
        let mut stream = Patience::new(Full(10), soon);
        assert!(stream.write_all(&[0; 10]).await.is_ok());
        let began = tokio::time::Instant::now();
        let error = stream.write_all(&[0; 1]).await.expect_err("it is full");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= soon);
        assert_eq!(Patience::new(Full(0), soon).close().await.expect_err("never").kind(), error.kind());
    }
}
