//! Requests that are the same and under way at one time share one answer.

use crate::home::lock;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What is under way, by what makes two requests the same.
pub(crate) struct Flights<K, V: Clone> {
    under_way: Mutex<BTreeMap<K, Shared<BoxFuture<'static, V>>>>,
}

impl<K, V: Clone> Default for Flights<K, V> {
    fn default() -> Self {
        Self { under_way: Mutex::new(BTreeMap::new()) }
    }
}

impl<K: Ord + Clone + Send + 'static, V: Clone + Send + Sync + 'static> Flights<K, V> {
    /// Joins the flight of `key`, or starts one with `work`. A flight goes on when its callers are gone. `None` when
    /// `most` are under way already.
    pub(crate) async fn join(
        self: &Arc<Self>,
        key: K,
        most: usize,
        work: impl Future<Output = V> + Send + 'static,
    ) -> Option<V> {
        let flight = {
            let mut under_way = lock(&self.under_way);
            match under_way.get(&key) {
                Some(flight) => flight.clone(),
                None if under_way.len() >= most => return None,
                None => {
                    let (all, landed) = (Arc::clone(self), key.clone());
                    let flight = async move {
                        let _landing = Landing { all, key: landed };
                        work.await
                    };
                    let flight = flight.boxed().shared();
                    under_way.insert(key, flight.clone());
                    tokio::spawn(flight.clone());
                    flight
                }
            }
        };
        Some(flight.await)
    }
}

/// Takes a flight off the list when it ends, however it ends.
struct Landing<K: Ord, V: Clone> {
    all: Arc<Flights<K, V>>,
    key: K,
}

impl<K: Ord, V: Clone> Drop for Landing<K, V> {
    fn drop(&mut self) {
        lock(&self.all.under_way).remove(&self.key);
    }
}
