//! Bytes on disk: compressed values with a checksum, and the small primitives that all formats here share.
//!
//! Every value that the store writes passes through [`seal`] and comes back through [`open`], so that a damaged byte is
//! noticed even where the engine does not look.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::cell::RefCell;

/// No sealed value unfolds to more: a block or page of the largest single row, with room.
pub(crate) const VALUE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Speed before size: level 1 packs envelopes at some 400 MB a second, and level 3 saves 4 % more.
const ZSTD_LEVEL: i32 = 1;

/// A value that cannot be read back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("a value of {0} bytes is cut short")]
    Short(usize),
    #[error("a value claims {claimed} bytes, {VALUE_BYTES_MAX} are allowed")]
    TooLong { claimed: usize },
    #[error("a value is damaged: {0}")]
    Damaged(String),
    #[error("a value's parts do not add up")]
    Shape,
}

struct Contexts {
    pack: zstd::bulk::Compressor<'static>,
    unpack: zstd::bulk::Decompressor<'static>,
}

impl Contexts {
    fn new() -> std::io::Result<Self> {
        let mut pack = zstd::bulk::Compressor::new(ZSTD_LEVEL)?;
        pack.include_checksum(true)?;
        Ok(Self { pack, unpack: zstd::bulk::Decompressor::new()? })
    }
}

thread_local! {
    // A context is some hundred kilobytes: one per thread that reads or writes, made once.
    static CONTEXTS: RefCell<Option<Contexts>> = const { RefCell::new(None) };
}

fn with_contexts<R>(run: impl FnOnce(&mut Contexts) -> std::io::Result<R>) -> Result<R, CodecError> {
    CONTEXTS.with(|cell| {
        let mut slot = cell.borrow_mut();
        let contexts = match &mut *slot {
            Some(contexts) => contexts,
            None => slot.insert(Contexts::new().map_err(|error| CodecError::Damaged(error.to_string()))?),
        };
        run(contexts).map_err(|error| CodecError::Damaged(error.to_string()))
    })
}

/// Compresses `raw` with a checksum behind its length.
pub(crate) fn seal(raw: &[u8]) -> Result<Vec<u8>, CodecError> {
    let claimed = raw.len();
    let length = u32::try_from(claimed).ok().filter(|_| claimed <= VALUE_BYTES_MAX);
    let length = length.ok_or(CodecError::TooLong { claimed })?;
    let packed = with_contexts(|contexts| contexts.pack.compress(raw))?;
    let mut sealed = Vec::with_capacity(packed.len() + 4);
    sealed.extend_from_slice(&length.to_be_bytes());
    sealed.extend_from_slice(&packed);
    Ok(sealed)
}

/// What was sealed.
pub(crate) fn open(sealed: &[u8]) -> Result<Bytes, CodecError> {
    let Some((length, packed)) = sealed.split_first_chunk::<4>() else { return Err(CodecError::Short(sealed.len())) };
    let claimed = u32::from_be_bytes(*length) as usize;
    if claimed > VALUE_BYTES_MAX {
        return Err(CodecError::TooLong { claimed });
    }
    let raw = with_contexts(|contexts| contexts.unpack.decompress(packed, claimed))?;
    if raw.len() == claimed { Ok(Bytes::from(raw)) } else { Err(CodecError::Short(raw.len())) }
}

/// Appends a run of bytes behind its length.
pub(crate) fn put_bytes(into: &mut BytesMut, bytes: &[u8]) {
    into.put_u32(u32::try_from(bytes.len()).expect("rows and envelopes are far shorter than 4 GiB"));
    into.put_slice(bytes);
}

/// Takes a run of bytes that [`put_bytes`] appended, without copying.
pub(crate) fn take_bytes(from: &mut Bytes) -> Result<Bytes, CodecError> {
    let length = take_u32(from)? as usize;
    if from.len() < length { Err(CodecError::Shape) } else { Ok(from.split_to(length)) }
}

/// Takes a big-endian number.
pub(crate) fn take_u32(from: &mut Bytes) -> Result<u32, CodecError> {
    from.try_get_u32().map_err(|_| CodecError::Shape)
}

/// Takes a big-endian number.
pub(crate) fn take_u64(from: &mut Bytes) -> Result<u64, CodecError> {
    from.try_get_u64().map_err(|_| CodecError::Shape)
}

/// Takes one byte.
pub(crate) fn take_u8(from: &mut Bytes) -> Result<u8, CodecError> {
    from.try_get_u8().map_err(|_| CodecError::Shape)
}

/// Appends a row change: the key, a mark whether a value follows, the value.
pub(crate) fn put_row(into: &mut BytesMut, key: &[u8], value: Option<&Bytes>) {
    put_bytes(into, key);
    match value {
        Some(value) => {
            into.put_u8(1);
            put_bytes(into, value);
        }
        None => into.put_u8(0),
    }
}

/// Takes a row change.
pub(crate) fn take_row(from: &mut Bytes) -> Result<(Bytes, Option<Bytes>), CodecError> {
    let key = take_bytes(from)?;
    match take_u8(from)? {
        0 => Ok((key, None)),
        1 => Ok((key, Some(take_bytes(from)?))),
        _ => Err(CodecError::Shape),
    }
}
