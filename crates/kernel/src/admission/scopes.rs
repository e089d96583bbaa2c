//! Which groups of kinds belong in which scopes.
//!
//! The rule is by group, never by kind: a kind that a newer version adds to a group is admitted by both versions alike,
//! so the set of admissible envelopes does not depend on the software.

use super::Refusal;
use tidepool_protocol::kind::Group;
use tidepool_protocol::{Kind, NetworkGenesis, Scope};

/// Whether `kind` may stand in `scope`, and whether the scope exists on this network. Not for identity operations.
pub(super) fn check(kind: Kind, scope: &Scope, genesis: &NetworkGenesis) -> Result<(), Refusal> {
    match scope {
        Scope::Mail(_) => return Err(Refusal::Mail),
        Scope::Open(name) if genesis.communities.binary_search(name).is_err() => {
            return Err(Refusal::NotOpen { community: name.clone() });
        }
        Scope::Open(_) | Scope::Owned(..) | Scope::Agent(_) | Scope::Identity(_) | Scope::Presence(_) => {}
    }
    let in_community = matches!(scope, Scope::Open(_) | Scope::Owned(..));
    let in_agent = matches!(scope, Scope::Agent(_));
    let fits = if kind.is_ephemeral() {
        in_community || in_agent || matches!(scope, Scope::Presence(_))
    } else {
        match kind.group() {
            // `keep` is the one kind of the group that stands in a log: in the scope that it concerns.
            Group::Identity | Group::Unknown(_) => in_community || in_agent,
            Group::Agent => in_agent,
            Group::Content | Group::Community => in_community,
            // What the registry orders has topics of its own; what is ephemeral carries the bit.
            Group::Registry | Group::Ephemeral => false,
        }
    };
    if fits { Ok(()) } else { Err(Refusal::Scope { kind, scope: scope.clone() }) }
}
