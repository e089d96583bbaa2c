//! The core's verdict on one envelope, from rows alone: exact at once, also while a job still tells content of a change.

use super::{VoidReason, pending};
use crate::identity::{Branch, branch};
use crate::index::{self, Entry};
use crate::logs::edit::Log;
use crate::logs::place::LogAt;
use crate::logs::row::Bits;
use crate::port::{ReadError, ReadPort, Rows};
use tidepool_protocol::{AuthorId, Header};

/// What verdicts on one author's envelopes need to know of its identity.
#[derive(Debug, Default)]
pub(crate) struct Author {
    known: Option<(AuthorId, Option<Branch>)>,
}

impl Author {
    /// Reads the identity once for many envelopes of one author.
    fn branch(&mut self, rows: &dyn Rows, author: AuthorId) -> Result<Option<&Branch>, ReadError> {
        if self.known.as_ref().is_none_or(|(known, _)| *known != author) {
            self.known = Some((author, Branch::get(rows, &author)?));
        }
        Ok(self.known.as_ref().and_then(|(_, branch)| branch.as_ref()))
    }

    /// Why a logged envelope with these bits is void, for what its identity and its log say. `entry` is as recorded:
    /// what follows from the envelope alone never changes.
    pub(crate) fn judge(
        &mut self,
        rows: &dyn Rows,
        entry: &Entry,
        header: &Header,
        bits: Bits,
    ) -> Result<Option<VoidReason>, ReadError> {
        if let Some(VoidReason::Body | VoidReason::NotRotationKey) = entry.core {
            return Ok(entry.core);
        }
        let Some(branch) = self.branch(rows, header.author)? else { return Ok(bits.chain()) };
        if let Some(reason) = branch::reason(rows, branch, &header.auth)? {
            return Ok(Some(reason));
        }
        if branch.closed.contains(&header.key) {
            return Ok((!bits.has(Bits::KEPT)).then_some(VoidReason::KeyClosed));
        }
        Ok(bits.chain())
    }
}

/// Why the envelope of `entry` is void as of now, `None` when it stands. Exact also while a job still tells content of a
/// change: every reader that shows an envelope asks here.
///
/// # Errors
/// When the store fails.
pub fn verdict(port: &dyn ReadPort, entry: &Entry) -> Result<Option<VoidReason>, ReadError> {
    if entry.kind.is_identity_operation() || !pending(port)? {
        return Ok(entry.void());
    }
    let stored = index::stored(port, entry)?;
    let header = stored.envelope.header();
    let Some(mut log) = Log::load(port, LogAt::of(header))? else { return Ok(entry.void()) };
    let Some(at) = log.entry(port, header.seq, &entry.id.short())? else { return Ok(entry.void()) };
    let core = Author::default().judge(port, entry, header, at.bits)?;
    Ok(core.or(entry.content))
}
