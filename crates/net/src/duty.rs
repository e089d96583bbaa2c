//! Which shards a node carries whoever its agents are: its duty. Pure arithmetic.

use std::collections::BTreeSet;
use tidepool_kernel::Peer;
use tidepool_protocol::Shard;
use tidepool_protocol::ids::sha256;

/// What is hashed before the key, so that a duty tells nothing about another hash of it.
const DOMAIN: &[u8] = b"tidepool/duty/1\0";

/// The two shards (one, where there is only one) that `peer` carries in `generation`, of `shards` in all.
///
/// Every node computes the same for every peer, so that one that does not carry its duty can be told. A new generation
/// deals anew. `shards` is a power of two from 1 to 1,024, as a network's genesis guarantees.
#[must_use]
pub fn duty_shards(peer: &Peer, shards: u16, generation: u32) -> BTreeSet<Shard> {
    let hash = sha256(&[DOMAIN, peer.as_bytes(), &generation.to_be_bytes()]);
    let wanted = usize::from(shards.min(2));
    // 16 pairs of bytes: that all fall on one of two shards has a chance of 2^-15, and then the neighbour serves.
    let dealt = hash.chunks_exact(2).map(|pair| Shard(u16::from_be_bytes([pair[0], pair[1]]) % shards));
    let mut duty = BTreeSet::new();
    for shard in dealt {
        duty.insert(shard);
        if duty.len() == wanted {
            return duty;
        }
    }
    let neighbours: Vec<_> = duty.iter().map(|shard| Shard((shard.0 + 1) % shards)).collect();
    duty.extend(neighbours);
    duty
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duty_is_two_different_shards_where_there_are_two() {
        for shards in [1, 2, 4, 128, 1_024] {
            for seed in 0..=255 {
                let duty = duty_shards(&Peer::from([seed; 32]), shards, 0);
                assert_eq!(duty.len(), usize::from(shards.min(2)));
                assert!(duty.iter().all(|shard| shard.0 < shards));
            }
        }
    }

    #[test]
    fn duties_are_spread_over_all_shards_and_dealt_anew_by_generation() {
        let mut count = [0; 64];
        let mut moved = 0;
        for number in 0..1_024_u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&number.to_be_bytes());
            let peer = Peer::from(key);
            let duty = duty_shards(&peer, 64, 0);
            moved += usize::from(duty != duty_shards(&peer, 64, 1));
            for shard in duty {
                count[usize::from(shard.0)] += 1;
            }
        }
        // 2,048 duties over 64 shards are 32 each; five standard deviations either way.
        assert!(count.iter().all(|carriers| (5..=60).contains(carriers)), "{count:?}");
        assert!(moved > 1_000, "{moved} of 1,024 moved");
    }

    #[test]
    fn a_duty_is_the_same_on_every_node_and_version() {
        let duty: Vec<_> = duty_shards(&Peer::from([7; 32]), 1_024, 3).into_iter().map(|shard| shard.0).collect();
        let hash = sha256(&[b"tidepool/duty/1\0", &[7; 32], &[0, 0, 0, 3]]);
        let mut expected: Vec<_> = (0..2).map(|i| u16::from_be_bytes([hash[2 * i], hash[2 * i + 1]]) % 1_024).collect();
        expected.sort_unstable();
        assert_eq!(duty, expected);
    }
}
