//! The frames of `/tidepool/sync/1` on a stream: lengths, bounds and nothing else. What a frame says, the kernel reads.
//!
//! ```text
//! request  = length: u32 big-endian, that many bytes
//! response = 0x00, length: u32 big-endian, that many bytes
//!          / 0x01                        -- busy: ask later, or another
//! ```
//!
//! One request and one response to a stream. A length is a claim: memory is taken as bytes arrive, not before.

use crate::counters::{Counters, count};
use bytes::{Bytes, BytesMut};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};
use std::io;
use std::sync::Arc;
use tidepool_protocol::limits::SYNC_FRAME_BYTES_MAX;

/// The protocol's name. It holds for every network: a peer's network is known from identify before it is heard.
pub(crate) const SYNC_PROTOCOL: StreamProtocol = StreamProtocol::new("/tidepool/sync/1");

/// Memory is reserved in steps of this many bytes, so that a claimed length costs its sender what it costs us.
const STEP: usize = 64 * 1024;

const STATUS_FRAME: u8 = 0;
const STATUS_BUSY: u8 = 1;

/// A response as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The answer's frame.
    Frame(Bytes),
    /// No room now.
    Busy,
}

/// A request as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// The request's frame.
    Frame(Bytes),
    /// What came is no frame. It is handed on, because libp2p tells nobody of requests that cannot be read, and somebody
    /// must bear the blame.
    Garbage,
}

/// Reads and writes frames of at most [`SYNC_FRAME_BYTES_MAX`] bytes, and counts requests that cannot be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct SyncCodec {
    pub(crate) counters: Arc<Counters>,
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A stream that ends inside a frame broke it; one that ends before it merely said nothing.
fn cut(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof { io::Error::new(io::ErrorKind::InvalidData, Cut) } else { error }
}

/// A frame whose end did not come. It breaks the protocol, but a connection that went away does the same, so nobody is
/// blamed for it.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the stream ended inside a frame")]
struct Cut;

/// Whether the peer is to blame: it sent what no honest peer sends.
pub(crate) fn is_to_blame(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::InvalidData && !error.get_ref().is_some_and(|inner| inner.is::<Cut>())
}

async fn read_frame<T: AsyncRead + Unpin + Send>(io: &mut T) -> io::Result<Bytes> {
    let mut length = [0; 4];
    io.read_exact(&mut length).await.map_err(cut)?;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(|_| broken("a frame over the limit"))?;
    if length > SYNC_FRAME_BYTES_MAX {
        return Err(broken("a frame over the limit"));
    }
    let mut frame = BytesMut::with_capacity(length.min(STEP));
    while frame.len() < length {
        let start = frame.len();
        frame.resize(length.min(start + STEP), 0);
        io.read_exact(&mut frame[start..]).await.map_err(cut)?;
    }
    Ok(frame.freeze())
}

async fn write_frame<T: AsyncWrite + Unpin + Send>(io: &mut T, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).ok().filter(|_| frame.len() <= SYNC_FRAME_BYTES_MAX);
    let length = length.ok_or_else(|| broken("a frame over the limit"))?;
    io.write_all(&length.to_be_bytes()).await?;
    io.write_all(frame).await
}

impl request_response::Codec for SyncCodec {
    type Protocol = StreamProtocol;
    type Request = Question;
    type Response = Answer;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Question>
    where
        T: AsyncRead + Unpin + Send,
    {
        match read_frame(io).await {
            Ok(frame) => Ok(Question::Frame(frame)),
            Err(error) => {
                count(&self.counters.requests_in_garbage);
                if is_to_blame(&error) { Ok(Question::Garbage) } else { Err(error) }
            }
        }
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Answer>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut status = [0];
        io.read_exact(&mut status).await?;
        match status[0] {
            STATUS_FRAME => read_frame(io).await.map(Answer::Frame),
            STATUS_BUSY => Ok(Answer::Busy),
            _ => Err(broken("an unknown status of a response")),
        }
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Question) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        match request {
            Question::Frame(frame) => write_frame(io, &frame).await,
            Question::Garbage => Err(broken("nobody asks garbage")),
        }
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, answer: Answer) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        match answer {
            Answer::Frame(frame) => {
                io.write_all(&[STATUS_FRAME]).await?;
                write_frame(io, &frame).await
            }
            Answer::Busy => io.write_all(&[STATUS_BUSY]).await,
        }
    }
}

#[cfg(test)]
mod tests;
