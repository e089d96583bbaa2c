//! What an agent takes along: everything that it signed, as it was signed.

use crate::error::HomeError;
use crate::home::{Home, Inner};
use crate::limits::{EXPORT_LOGS, EXPORT_POSITIONS};
use crate::session::AgentSession;
use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};
use std::collections::VecDeque;
use tidepool_protocol::body::Head;
use tidepool_protocol::envelope::LogId;
use tidepool_protocol::{AuthorId, EnvelopeId};
use tidepool_views::{identity, index, logs, queries};

impl Home {
    /// Everything that the agent signed and this node holds, as it was signed: the identity of its home, its own, then log by
    /// log in order; without the bodies of what it deleted. Each item is one envelope's bytes, so that all of it is a CBOR
    /// sequence (RFC 8742), which anybody can verify. Reads some envelopes at a time, as fast as they are taken.
    pub fn export(&self, session: &AgentSession) -> impl Stream<Item = Result<Bytes, HomeError>> + Send + use<> {
        let (home, author) = (self.clone(), AuthorId::from(session.id));
        stream::try_unfold(Exported::Nothing, move |exported| {
            let home = home.clone();
            async move {
                let part = home.read(move |inner| inner.export(author, exported)).await?;
                Ok::<_, HomeError>(part.map(|(part, exported)| (stream::iter(part.into_iter().map(Ok)), exported)))
            }
        })
        .try_flatten()
    }
}

/// How far an export came.
enum Exported {
    /// Not even the identity.
    Nothing,
    /// Up to position `from` of the first of these logs; behind `after` there may be more of them.
    Logs { after: Option<LogId>, heads: VecDeque<Head>, from: u64 },
}

impl Inner {
    /// The next envelopes of an export; `None` when there are no more.
    fn export(&self, author: AuthorId, exported: Exported) -> Result<Option<(Vec<Bytes>, Exported)>, HomeError> {
        let rows = self.reader();
        let (mut after, mut heads, from) = match exported {
            Exported::Nothing => {
                let home = identity::current(rows, author)?.and_then(|identity| identity.state.home);
                let mut chain = home.map_or(Ok(Vec::new()), |home| identity::chain(rows, home.into()))?;
                chain.extend(identity::chain(rows, author)?);
                let logs = Exported::Logs { after: None, heads: VecDeque::new(), from: 0 };
                return Ok(Some((self.signed_bytes(&chain)?, logs)));
            }
            Exported::Logs { after, heads, from } => (after, heads, from),
        };
        if heads.is_empty() {
            heads = logs::heads(rows, author, after.as_ref(), EXPORT_LOGS)?.into();
            after = heads.back().map(|head| log_of(author, head));
        }
        let Some(head) = heads.pop_front() else { return Ok(None) };
        let to = from.saturating_add(EXPORT_POSITIONS - 1).min(head.seq);
        let part = self.signed_bytes(&logs::range(rows, &log_of(author, &head), from, to, usize::MAX)?)?;
        let from = if to < head.seq { to + 1 } else { 0 };
        if from > 0 {
            heads.push_front(head);
        }
        Ok(Some((part, Exported::Logs { after, heads, from })))
    }

    fn signed_bytes(&self, ids: &[EnvelopeId]) -> Result<Vec<Bytes>, HomeError> {
        let mut envelopes = Vec::with_capacity(ids.len());
        for id in ids {
            // One that was pruned since the list was read is not here any more.
            let Some((_, stored)) = index::envelope(self.reader(), id)? else { continue };
            let is_deleted = queries::deleted(self.reader(), &stored.envelope)?;
            let kept = if is_deleted { stored.envelope.without_body() } else { (*stored.envelope).clone() };
            envelopes.push(kept.bytes().clone());
        }
        Ok(envelopes)
    }
}

fn log_of(author: AuthorId, head: &Head) -> LogId {
    LogId { author, key: head.key, scope: head.scope.clone(), epoch: head.epoch }
}
