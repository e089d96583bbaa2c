//! What a peer answers that promises what it does not have.

use tidepool_protocol::digest::Fingerprint;
use tidepool_protocol::slot::Slot;
use tidepool_protocol::sync::{Digest, Horizon, Part, Point, SyncAnswer, SyncRequest};
use tidepool_protocol::{EnvelopeId, TimeMs};

/// How a peer lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// It names ids, and does not serve them.
    Withhold,
    /// It promises digests of more than anybody has, and serves nothing.
    Digests,
}

/// So many envelopes are promised in every range.
const PROMISED: u64 = 5;

fn digest() -> Digest {
    Digest { count: PROMISED, fingerprint: Fingerprint([7; 16]) }
}

/// The answer to `request`.
pub fn answer(lie: Lie, request: &SyncRequest) -> SyncAnswer {
    let nothing = SyncAnswer::Envelopes { envelopes: Vec::new(), next: None, gone: Vec::new() };
    match request {
        SyncRequest::Digest(runs) => SyncAnswer::Digests {
            digests: runs.iter().map(|_| digest()).collect(),
            covers: vec![Horizon { first: Slot::new(0).unwrap(), last: Slot::CTL, from: TimeMs(0) }],
        },
        SyncRequest::Split { range, .. } => {
            let Digest { count, fingerprint } = digest();
            SyncAnswer::Parts(vec![Part { to: range.to, count, fingerprint }])
        }
        SyncRequest::Ids { range, .. } if lie == Lie::Withhold => {
            let point = |number: u8| Point {
                time_ms: TimeMs(range.from.time_ms.0 + 1 + u64::from(number)),
                id: EnvelopeId::from([number + 1; 32]),
            };
            SyncAnswer::Ids { points: (0..PROMISED as u8).map(point).collect(), next: None }
        }
        SyncRequest::Ids { .. } => SyncAnswer::Ids { points: Vec::new(), next: None },
        SyncRequest::Fetch(_) | SyncRequest::Range { .. } | SyncRequest::Log { .. } | SyncRequest::Identity(_) => {
            nothing
        }
        SyncRequest::Snapshot { .. } => SyncAnswer::Snapshot { envelopes: Vec::new(), next: None, digest: digest() },
        // Too much for one message: the range is to be split.
        SyncRequest::Reconcile { .. } => SyncAnswer::Reconciled(bytes::Bytes::new()),
        SyncRequest::Heads(_) => SyncAnswer::Heads { heads: Vec::new(), more: false },
        SyncRequest::Blob(_) => SyncAnswer::Blob(None),
    }
}
