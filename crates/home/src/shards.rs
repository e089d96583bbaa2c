//! What the node shows of each shard: how many envelopes, and their fingerprint, by which two nodes compare themselves.

use crate::error::HomeError;
use crate::home::Inner;
use crate::model::ShardView;
use data_encoding::HEXLOWER;
use tidepool_kernel::digest::{self, Sums};
use tidepool_protocol::slot::Topic;
use tidepool_protocol::{Shard, Slot};

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
