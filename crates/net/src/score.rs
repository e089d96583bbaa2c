//! Scores of peers: what gossipsub computes, in the shape that Lighthouse runs, and where each number comes from.
//!
//! ```text
//!      50   the most that a peer can earn: 10 for staying in a mesh, 40 for being first with frames
//!       0   below it: no place in a mesh
//!  -4,000   below it: nothing is gossiped to it about, nothing asked
//!  -8,000   below it: nothing of ours is published to it
//! -16,000   below it: grey-listed: disconnected, and refused for an hour
//! ```
//!
//! A rejected frame proves that its sender lies: an honest node forwards only what it accepted itself. Thirteen within an
//! hour grey-list. Delivery rates cost nothing: nobody can say what rate a topic should have. What a peer does outside
//! gossip comes in as its application score, see `conduct.rs`.

use crate::gossip::HEARTBEAT;
use libp2p::gossipsub::{PeerScoreParams, PeerScoreThresholds, TopicScoreParams, score_parameter_decay_with_base};
use std::time::Duration;

/// Below this a peer is grey-listed.
pub(crate) const GREYLIST: f64 = -16_000.0;

/// How long a grey-listed peer is refused, and how long scores of those who left are kept.
pub(crate) const GREYLIST_FOR: Duration = Duration::from_secs(60 * 60);

/// The most that all topics together earn. A negative score is not capped.
const TOPICS_SCORE_MAX: f64 = 50.0;

/// Points for time in a mesh, all of them after an hour.
const IN_MESH_MAX: f64 = 10.0;
const IN_MESH_FULL: Duration = Duration::from_secs(60 * 60);

/// Points for frames that a peer was first with.
const FIRST_MAX: f64 = 40.0;

/// Times the square of the number of rejected frames: 7 stop gossip, 9 publishing, 13 grey-list.
const REJECTED_WEIGHT: f64 = -100.0;

/// Times the square of what gossipsub itself sees (grafts in the back-off, promises of IHAVE that are broken), beyond
/// [`MISBEHAVIOUR_FREE`].
const MISBEHAVIOUR_WEIGHT: f64 = -16.0;
const MISBEHAVIOUR_FREE: f64 = 6.0;

/// Times the number of frames that a peer was too slow to take, of about the last second. It costs a place in the mesh, and
/// never more: with Lighthouse's ten a partition under 1,600 frames a second would grey-list the other half. Not on
/// loopback, where a mesh on one machine is slow together.
const SLOW_WEIGHT: f64 = -1.0;

/// Times the square of the number of peers behind one IP address beyond [`SHARED_IP_FREE`]: a company behind one address
/// passes, a hundred made-up peers do not. Not on loopback.
const SHARED_IP_WEIGHT: f64 = -10.0;
const SHARED_IP_FREE: f64 = 16.0;

fn decay_over(time: Duration) -> f64 {
    score_parameter_decay_with_base(time, HEARTBEAT, DECAYED)
}

/// A counter that fell below this is zero.
const DECAYED: f64 = 0.01;

/// What holds for the peer as a whole.
pub(crate) fn params(loopback: bool) -> PeerScoreParams {
    PeerScoreParams {
        topic_score_cap: TOPICS_SCORE_MAX,
        app_specific_weight: 1.0,
        ip_colocation_factor_weight: if loopback { 0.0 } else { SHARED_IP_WEIGHT },
        ip_colocation_factor_threshold: SHARED_IP_FREE,
        behaviour_penalty_weight: MISBEHAVIOUR_WEIGHT,
        behaviour_penalty_threshold: MISBEHAVIOUR_FREE,
        behaviour_penalty_decay: decay_over(Duration::from_secs(10 * 60)),
        decay_interval: HEARTBEAT,
        decay_to_zero: DECAYED,
        retain_score: GREYLIST_FOR,
        slow_peer_weight: if loopback { 0.0 } else { SLOW_WEIGHT },
        slow_peer_threshold: 0.0,
        slow_peer_decay: 0.1,
        ..PeerScoreParams::default()
    }
}

/// Where consequences begin.
pub(crate) fn thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: -4_000.0,
        publish_threshold: -8_000.0,
        graylist_threshold: GREYLIST,
        accept_px_threshold: 100.0,
        opportunistic_graft_threshold: 5.0,
    }
}

/// What holds in each topic.
pub(crate) fn topic_params() -> TopicScoreParams {
    TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_weight: IN_MESH_MAX / IN_MESH_FULL.as_secs_f64(),
        time_in_mesh_quantum: Duration::from_secs(1),
        time_in_mesh_cap: IN_MESH_FULL.as_secs_f64(),
        first_message_deliveries_weight: 1.0,
        first_message_deliveries_decay: decay_over(Duration::from_secs(20 * 60)),
        first_message_deliveries_cap: FIRST_MAX,
        // Rates are unpredictable: a quiet topic is no sign of anything.
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: REJECTED_WEIGHT,
        invalid_message_deliveries_decay: decay_over(Duration::from_secs(60 * 60)),
        ..TopicScoreParams::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_pass_gossipsubs_own_checks_and_agree_with_the_text() {
        for loopback in [true, false] {
            assert_eq!(params(loopback).validate(), Ok(()));
        }
        assert_eq!(thresholds().validate(), Ok(()));
        assert_eq!(topic_params().validate(), Ok(()));
        let rejected = |frames: f64| frames * frames * REJECTED_WEIGHT;
        let earned = IN_MESH_MAX + FIRST_MAX;
        assert!(rejected(7.0) + earned < thresholds().gossip_threshold);
        assert!(rejected(9.0) + earned < -8_000.0);
        assert!(rejected(12.0) > GREYLIST && rejected(13.0) + earned < GREYLIST);
        // One rejected frame an hour is forgotten before it adds up.
        let left = topic_params().invalid_message_deliveries_decay.powi(3_600);
        assert!((left - DECAYED).abs() < 1e-6, "{left}");
    }
}
