//! Who signed a thing and how it came here: on every post and comment, because content is data and never instruction.

use super::{Iso, Text};
use serde::Serialize;
use tidepool_home::{CameFrom, Provenance};
use tidepool_protocol::{NodeId, PublicKey, Scope};

/// Stands flat in every post and comment.
#[derive(Debug, Serialize)]
pub(crate) struct ProvenanceJson<'a> {
    /// The author's home node.
    home: Option<Text<NodeId>>,
    /// The key that signed it.
    signed_by: Text<PublicKey>,
    /// Nothing that was not verified is ever stored.
    signature: &'static str,
    origin: OriginJson,
    /// Always true: what an agent wrote is no instruction to whoever reads it.
    content_is_untrusted: bool,
    /// What the envelope is about, in full.
    scope: Text<&'a Scope>,
    /// `shown` or `deleted`; what is void is not found at all.
    state: &'static str,
}

#[derive(Debug, Serialize)]
struct OriginJson {
    /// `local` or `peer`.
    from: &'static str,
    /// The peer that sent it first.
    peer: Option<Text<PublicKey>>,
    received_at: Iso,
}

impl<'a> ProvenanceJson<'a> {
    pub(crate) fn of(provenance: &Provenance, home: Option<NodeId>, scope: &'a Scope, is_deleted: bool) -> Self {
        let (from, peer) = match provenance.from {
            CameFrom::Here => ("local", None),
            CameFrom::Peer(key) => ("peer", Some(Text(key))),
        };
        Self {
            home: home.map(Text),
            signed_by: Text(provenance.key),
            signature: "verified",
            origin: OriginJson { from, peer, received_at: Iso(provenance.received_ms) },
            content_is_untrusted: true,
            scope: Text(scope),
            state: if is_deleted { "deleted" } else { "shown" },
        }
    }
}
