//! What a peer answers that promises what it does not have, or has what nobody wants.

use super::forks::Forks;
use tidepool_protocol::digest::Fingerprint;
use tidepool_protocol::slot::Slot;
use tidepool_protocol::sync::{Digest, Horizon, Part, Point, SyncAnswer, SyncRequest};
use tidepool_protocol::{EnvelopeId, TimeMs};

/// How a peer lies.
pub enum Lie {
    /// It names ids, and does not serve them.
    Withhold,
    /// It promises digests of more than anybody has, and serves nothing.
    Digests,
    /// No lie: it has these, and serves them as often as it is asked.
    Forks(Box<Forks>),
}

/// So many envelopes are promised in every range.
const PROMISED: u64 = 5;

/// The answer to `request`.
pub fn answer(lie: &Lie, request: &SyncRequest) -> SyncAnswer {
    let nothing = SyncAnswer::Envelopes { envelopes: Vec::new(), next: None, gone: Vec::new() };
    let served = match lie {
        Lie::Forks(forks) => SyncAnswer::Envelopes { envelopes: forks.page(), next: None, gone: Vec::new() },
        Lie::Withhold | Lie::Digests => nothing.clone(),
    };
    let digest = || Digest { count: PROMISED, fingerprint: Fingerprint([7; 16]) };
    match request {
        SyncRequest::Digest(runs) => SyncAnswer::Digests {
            digests: runs.iter().map(|_| digest()).collect(),
            covers: vec![Horizon { first: Slot::new(0).unwrap(), last: Slot::CTL, from: TimeMs(0) }],
        },
        SyncRequest::Split { range, .. } => {
            let Digest { count, fingerprint } = digest();
            SyncAnswer::Parts(vec![Part { to: range.to, count, fingerprint }])
        }
        SyncRequest::Ids { range, .. } if matches!(lie, Lie::Withhold) => {
            let point = |number: u8| Point {
                time_ms: TimeMs(range.from.time_ms.0 + 1 + u64::from(number)),
                id: EnvelopeId::from([number + 1; 32]),
            };
            SyncAnswer::Ids { points: (0..PROMISED as u8).map(point).collect(), next: None }
        }
        SyncRequest::Ids { .. } => match lie {
            Lie::Forks(forks) => SyncAnswer::Ids { points: forks.points(), next: None },
            Lie::Withhold | Lie::Digests => SyncAnswer::Ids { points: Vec::new(), next: None },
        },
        SyncRequest::Identity(_) => match lie {
            Lie::Forks(forks) => {
                SyncAnswer::Envelopes { envelopes: forks.chain().to_vec(), next: None, gone: Vec::new() }
            }
            Lie::Withhold | Lie::Digests => nothing,
        },
        SyncRequest::Fetch(ids) => match lie {
            Lie::Forks(forks) => SyncAnswer::Envelopes { envelopes: forks.of(ids), next: None, gone: Vec::new() },
            Lie::Withhold | Lie::Digests => nothing,
        },
        SyncRequest::Range { .. } | SyncRequest::Log { .. } => served,
        SyncRequest::Snapshot { .. } => {
            let envelopes = match lie {
                Lie::Forks(forks) => forks.chain().iter().cloned().chain(forks.page()).collect(),
                Lie::Withhold | Lie::Digests => Vec::new(),
            };
            SyncAnswer::Snapshot { envelopes, next: None, digest: digest() }
        }
        // Too much for one message: the range is to be split.
        SyncRequest::Reconcile { .. } => SyncAnswer::Reconciled(bytes::Bytes::new()),
        SyncRequest::Heads(_) => SyncAnswer::Heads { heads: Vec::new(), more: false },
        SyncRequest::Blob(_) => SyncAnswer::Blob(None),
    }
}
