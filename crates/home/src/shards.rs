//! What the node shows of each shard that it holds: how many envelopes, and their fingerprint, by which two nodes compare
//! themselves. And what it says where it is asked for what lies in others.

use crate::error::HomeError;
use crate::home::{Home, Inner};
use crate::model::ShardView;
use data_encoding::HEXLOWER;
use tidepool_kernel::digest::{self, Sums};
use tidepool_kernel::{Coverage, held, retention};
use tidepool_protocol::slot::Topic;
use tidepool_protocol::sync::Horizon;
use tidepool_protocol::{Scope, Shard, Slot, TimeMs};
use tidepool_views::ReadError;

impl Home {
    /// The shards that this node holds; `None` for all. They grow while it runs, by what its agents come to need, and never
    /// to all of a node that began with some.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn held(&self) -> Result<Option<Vec<Shard>>, HomeError> {
        if self.inner.facts.is_archive {
            return Ok(None);
        }
        self.read(|inner| Ok(inner.held()?)).await
    }

    /// How many shards the network has.
    #[must_use]
    pub fn shard_count(&self) -> u16 {
        self.inner.parts.genesis.params.shards
    }
}

impl Inner {
    pub(crate) fn held(&self) -> Result<Option<Vec<Shard>>, ReadError> {
        Ok(match held(self.reader())? {
            Coverage::Archive => None,
            Coverage::Shards(shards) => Some(shards.into_iter().collect()),
        })
    }

    /// Refuses a community that lies in a shard that is not held.
    pub(crate) fn check_held(&self, scope: &Scope) -> Result<(), HomeError> {
        let shards = self.parts.genesis.params.shards;
        if self.facts.is_archive || held(self.reader())?.holds(scope.slot(), shards) {
            return Ok(());
        }
        let shard = Shard::of(scope.slot(), shards).map_or(0, |shard| shard.0);
        Err(HomeError::NotHeld { scope: scope.to_string(), shard, shards })
    }

    /// One for each shard that is held, then `ctl`.
    pub(crate) fn shards(&self) -> Result<Vec<ShardView>, HomeError> {
        let params = &self.parts.genesis.params;
        let mut shards = Vec::with_capacity(usize::from(params.shards) + 1);
        let held = held(self.reader())?;
        let is_held = |shard: &Shard| match &held {
            Coverage::Archive => true,
            Coverage::Shards(shards) => shards.contains(shard),
        };
        for shard in (0..params.shards).map(Shard).filter(is_held) {
            let sums = digest::shard(self.reader(), shard, params.shards)?;
            let topic = Topic::Shard { generation: params.generation, shard };
            shards.push(self.shard_view(Some(shard.0), topic, &sums));
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
