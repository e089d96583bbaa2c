//! What the node shows of each shard: how many envelopes, and their fingerprint, by which two nodes compare themselves.

use crate::error::HomeError;
use crate::home::Inner;
use crate::model::ShardView;
use data_encoding::HEXLOWER;
use tidepool_kernel::digest::{self, Sums};
use tidepool_kernel::retention;
use tidepool_protocol::slot::Topic;
use tidepool_protocol::sync::Horizon;
use tidepool_protocol::{Shard, Slot, TimeMs};

impl Inner {
    /// One for each shard, then `ctl`.
    pub(crate) fn shards(&self) -> Result<Vec<ShardView>, HomeError> {
        let params = &self.parts.genesis.params;
        let mut shards = Vec::with_capacity(usize::from(params.shards) + 1);
        for number in 0..params.shards {
            let shard = Shard(number);
            let sums = digest::shard(self.reader(), shard, params.shards)?;
            let topic = Topic::Shard { generation: params.generation, shard };
            shards.push(self.shard_view(Some(number), topic, &sums));
        }
        let ctl = digest::slot(self.reader(), Slot::CTL)?;
        shards.push(self.shard_view(None, Topic::Ctl, &ctl));
        Ok(shards)
    }

    /// From when on texts are held, for the shards of which older ones were pruned.
    pub(crate) fn horizons(&self) -> Result<Vec<(u16, TimeMs)>, HomeError> {
        let shards = self.parts.genesis.params.shards;
        let horizons = retention::horizons(self.reader(), shards)?;
        let of = |horizon: Horizon| Shard::of(horizon.first, shards).map(|shard| (shard.0, horizon.from));
        Ok(horizons.into_iter().filter_map(of).collect())
    }

    fn shard_view(&self, shard: Option<u16>, topic: Topic, sums: &Sums) -> ShardView {
        ShardView {
            shard,
            topic: topic.name(self.facts.network),
            state_count: sums.state.count,
            state_digest: HEXLOWER.encode(&sums.state.fingerprint().0),
            content_count: sums.content.count,
            content_digest: HEXLOWER.encode(&sums.content.fingerprint().0),
        }
    }
}
