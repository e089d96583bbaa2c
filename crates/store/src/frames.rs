//! A file of compressed frames between a header and a check sum over everything: what cannot be read whole is refused.
//!
//! ```text
//! "tidepool" | name: 8 bytes | version: u16 | header length: u32 | header | first 8 bytes of SHA-256 of all that
//! length: u32 > 0 | sealed frame            (any number)
//! 0: u32 | items: u64 | SHA-256 of everything before the sum
//! ```

use crate::codec::{self, CodecError, VALUE_BYTES_MAX};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::io::{ErrorKind, Read, Write};

const MAGIC: &[u8; 8] = b"tidepool";

/// Refused before it is read: the longest header has a few fields.
const HEADER_BYTES_MAX: usize = 4096;

/// A frame is closed before it passes this, unpacked.
pub(crate) const FRAME_BYTES_TARGET: usize = 256 * 1024;

/// Why a file of frames is not usable.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// It starts with something else.
    #[error("not a file of this kind: it does not start with the mark of a tidepool {expected} file")]
    Foreign {
        /// What was expected.
        expected: &'static str,
    },
    /// It was written by a newer program.
    #[error("the file has format {found}, this program reads up to {supported}; use the newer program")]
    Newer {
        /// Its format.
        found: u16,
        /// The newest that this program knows.
        supported: u16,
    },
    /// It ends before its end.
    #[error("the file is cut short after {items} items")]
    Truncated {
        /// Whole items before the cut.
        items: u64,
    },
    /// Its check sum, or that of a part, does not hold.
    #[error("the file is damaged after {items} items: {reason}")]
    Damaged {
        /// Whole items before the damage.
        items: u64,
        /// What does not hold.
        reason: String,
    },
    /// It could not be read or written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Which kind of file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    pub(crate) name: &'static str,
    pub(crate) version: u16,
}

impl Format {
    fn mark(self) -> [u8; 8] {
        let mut mark = [b' '; 8];
        for (to, from) in mark.iter_mut().zip(self.name.bytes()) {
            *to = from;
        }
        mark
    }
}

pub(crate) struct FrameWriter<W> {
    into: W,
    sum: Sha256,
}

impl<W: Write> FrameWriter<W> {
    pub(crate) fn new(into: W, format: Format, header: &[u8]) -> Result<Self, FrameError> {
        let mut writer = Self { into, sum: Sha256::new() };
        let mut head = Vec::with_capacity(64 + header.len());
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&format.mark());
        head.extend_from_slice(&format.version.to_be_bytes());
        head.extend_from_slice(&u32::try_from(header.len()).unwrap_or(u32::MAX).to_be_bytes());
        head.extend_from_slice(header);
        let check = Sha256::digest(&head);
        head.extend_from_slice(&check[..8]);
        writer.write(&head)?;
        Ok(writer)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), FrameError> {
        self.sum.update(bytes);
        Ok(self.into.write_all(bytes)?)
    }

    /// Appends a frame; an empty one leaves nothing.
    pub(crate) fn frame(&mut self, raw: &[u8]) -> Result<(), FrameError> {
        if raw.is_empty() {
            return Ok(());
        }
        let sealed = codec::seal(raw).map_err(|error| FrameError::Io(std::io::Error::other(error)))?;
        let length = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
        self.write(&length.to_be_bytes())?;
        self.write(&sealed)
    }

    /// Closes the file with the number of items in it.
    pub(crate) fn finish(mut self, items: u64) -> Result<W, FrameError> {
        self.write(&0_u32.to_be_bytes())?;
        self.write(&items.to_be_bytes())?;
        let sum = self.sum.clone().finalize();
        self.into.write_all(&sum)?;
        self.into.flush()?;
        Ok(self.into)
    }
}

#[derive(Debug)]
pub(crate) struct FrameReader<R> {
    from: R,
    sum: Sha256,
    pub(crate) header: Vec<u8>,
}

impl<R: Read> FrameReader<R> {
    pub(crate) fn open(mut from: R, format: Format) -> Result<Self, FrameError> {
        let foreign = || FrameError::Foreign { expected: format.name };
        let mut head = vec![0; 22];
        read_all(&mut from, &mut head, 0).map_err(|error| match error {
            FrameError::Truncated { .. } => foreign(),
            other => other,
        })?;
        if !head.starts_with(MAGIC) || head[8..16] != format.mark() {
            return Err(foreign());
        }
        let found = u16::from_be_bytes([head[16], head[17]]);
        let length = u32::from_be_bytes([head[18], head[19], head[20], head[21]]) as usize;
        if found > format.version {
            return Err(FrameError::Newer { found, supported: format.version });
        }
        if length > HEADER_BYTES_MAX {
            return Err(FrameError::Damaged { items: 0, reason: format!("a header of {length} bytes") });
        }
        let mut header = vec![0; length];
        read_all(&mut from, &mut header, 0)?;
        head.extend_from_slice(&header);
        let mut check = [0; 8];
        read_all(&mut from, &mut check, 0)?;
        if Sha256::digest(&head)[..8] != check {
            return Err(FrameError::Damaged { items: 0, reason: "the header's check sum does not hold".to_owned() });
        }
        let mut sum = Sha256::new();
        sum.update(&head);
        sum.update(check);
        Ok(Self { from, sum, header })
    }

    /// The next frame; `None` once the end was read and everything holds. `items` is how many the caller has read.
    pub(crate) fn next_frame(&mut self, items: u64) -> Result<Option<Bytes>, FrameError> {
        let mut length = [0; 4];
        read_all(&mut self.from, &mut length, items)?;
        self.sum.update(length);
        let length = u32::from_be_bytes(length) as usize;
        if length == 0 {
            return self.end(items).map(|()| None);
        }
        if length > VALUE_BYTES_MAX {
            return Err(FrameError::Damaged { items, reason: format!("a frame of {length} bytes") });
        }
        // What is claimed is believed only as far as it is there.
        let mut sealed = Vec::new();
        (&mut self.from).take(length as u64).read_to_end(&mut sealed)?;
        if sealed.len() < length {
            return Err(FrameError::Truncated { items });
        }
        self.sum.update(&sealed);
        let raw = codec::open(&sealed)
            .map_err(|error: CodecError| FrameError::Damaged { items, reason: error.to_string() })?;
        Ok(Some(raw))
    }

    fn end(&mut self, items: u64) -> Result<(), FrameError> {
        let mut claimed = [0; 8];
        read_all(&mut self.from, &mut claimed, items)?;
        self.sum.update(claimed);
        let mut sum = [0; 32];
        read_all(&mut self.from, &mut sum, items)?;
        if self.sum.clone().finalize()[..] != sum {
            return Err(FrameError::Damaged { items, reason: "the check sum does not hold".to_owned() });
        }
        let claimed = u64::from_be_bytes(claimed);
        if claimed == items {
            Ok(())
        } else {
            Err(FrameError::Damaged { items, reason: format!("it says that it holds {claimed}") })
        }
    }
}

fn read_all(from: &mut impl Read, into: &mut [u8], items: u64) -> Result<(), FrameError> {
    from.read_exact(into).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => FrameError::Truncated { items },
        _ => FrameError::Io(error),
    })
}
