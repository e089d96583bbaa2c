//! Where a log lies among the rows: author, scope, key, epoch, each in a fixed width, so that all logs of an author, of
//! an author in a scope, and of a *line* (one key there, through all epochs) are ranges.

use crate::codec;
use crate::rows;
use tidepool_protocol::envelope::LogId;
use tidepool_protocol::ids::sha256;
use tidepool_protocol::{AuthorId, Epoch, Header, PublicKey, Scope};

/// The key of a log: 16 bytes of the author, of the scope's hash and of the key, and the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LogAt(pub(crate) [u8; Self::LEN]);

impl LogAt {
    pub(crate) const LEN: usize = 56;
    const AUTHOR: usize = 16;
    const SCOPE: usize = 32;
    const LINE: usize = 48;

    pub(crate) fn new(author: &AuthorId, scope: &Scope, key: &PublicKey, epoch: Epoch) -> Self {
        let mut bytes = [0; Self::LEN];
        bytes[..Self::AUTHOR].copy_from_slice(&author.0[..16]);
        bytes[Self::AUTHOR..Self::SCOPE].copy_from_slice(&scope_hash(scope));
        bytes[Self::SCOPE..Self::LINE].copy_from_slice(&key.0[..16]);
        bytes[Self::LINE..].copy_from_slice(&epoch.0.to_be_bytes());
        Self(bytes)
    }

    pub(crate) fn of(header: &Header) -> Self {
        Self::new(&header.author, &header.scope, &header.key, header.epoch)
    }

    pub(crate) fn of_log(log: &LogId) -> Self {
        Self::new(&log.author, &log.scope, &log.key, log.epoch)
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn author(&self) -> &[u8] {
        &self.0[..Self::AUTHOR]
    }

    /// Author and scope.
    pub(crate) fn scope(&self) -> &[u8] {
        &self.0[..Self::SCOPE]
    }

    /// Author, scope and key.
    pub(crate) fn line(&self) -> &[u8] {
        &self.0[..Self::LINE]
    }

    pub(crate) fn epoch(&self) -> Epoch {
        Epoch(self.0[Self::LINE..].iter().fold(0, |epoch, byte| epoch << 8 | u64::from(*byte)))
    }

    /// The same line in another epoch.
    pub(crate) fn in_epoch(&self, epoch: Epoch) -> Self {
        let mut other = *self;
        other.0[Self::LINE..].copy_from_slice(&epoch.0.to_be_bytes());
        other
    }

    pub(crate) fn row_key(&self) -> Vec<u8> {
        codec::key(rows::LOG, &[&self.0])
    }

    pub(crate) fn chunk_key(&self, number: u64) -> Vec<u8> {
        codec::key(rows::LOG_CHUNK, &[&self.0, &number.to_be_bytes()])
    }
}

/// Sixteen bytes by which a scope stands in keys.
pub(crate) fn scope_hash(scope: &Scope) -> [u8; 16] {
    codec::short(&sha256(&[scope.to_string().as_bytes()]))
}
