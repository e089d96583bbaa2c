//! Signing for agents that leave their keys here: sealed in the store, opened when needed, a bounded number kept open.

use super::{NodeKeys, SealPurpose};
use crate::limits::CUSTODY_CACHE_MAX;
use crate::rows::{self, CustodyRow};
use lru::LruCache;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use tidepool_kernel::{Custody, StoreReader};
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{PublicKey, SecretKey, Signature, Signer};

/// The keys that this node signs with: its own, and those in custody. Shared between the kernel and whoever shows it.
#[derive(Clone)]
pub struct CustodyKeys {
    shared: Arc<Shared>,
}

struct Shared {
    keys: Arc<NodeKeys>,
    reader: Arc<dyn StoreReader>,
    open: Mutex<LruCache<PublicKey, SecretKey>>,
}

impl CustodyKeys {
    /// Reads sealed keys through `reader`, opens them with the node's sealing key.
    #[must_use]
    pub fn new(keys: Arc<NodeKeys>, reader: Arc<dyn StoreReader>) -> Self {
        let most = NonZeroUsize::new(CUSTODY_CACHE_MAX).expect("a bound above zero");
        Self { shared: Arc::new(Shared { keys, reader, open: Mutex::new(LruCache::new(most)) }) }
    }

    /// To be called once a key's row is gone: nobody signs with it any more.
    pub(crate) fn forget(&self, key: &PublicKey) {
        self.shared.open.lock().unwrap_or_else(PoisonError::into_inner).pop(key);
    }

    fn open(&self, key: &PublicKey) -> Option<SecretKey> {
        let row = match self.shared.reader.get(&rows::custody_key(key)) {
            Ok(row) => row?,
            Err(error) => {
                tracing::error!(%key, %error, "custody row unreadable");
                return None;
            }
        };
        let opened = rows::decode::<CustodyRow>(&row).ok().and_then(|row| {
            let seed = self.shared.keys.sealing().open_seed(SealPurpose::Signing, &key.0, &row.sealed)?;
            Some(SecretKey::from_seed(*seed))
        });
        if opened.is_none() {
            tracing::error!(%key, "custody row does not open under this node's key file");
        }
        opened.filter(|secret| secret.public_key() == *key)
    }
}

impl Custody for CustodyKeys {
    fn sign(&self, key: &PublicKey, domain: Domain, message: &[u8]) -> Option<Signature> {
        for own in [&self.shared.keys.signing, &self.shared.keys.rotation] {
            if own.public_key() == *key {
                return Some(own.sign(domain, message));
            }
        }
        // Locked while the row is read: a key that is forgotten meanwhile must not come back.
        let mut open = self.shared.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(secret) = open.get(key) {
            return Some(secret.sign(domain, message));
        }
        let secret = self.open(key)?;
        let signature = secret.sign(domain, message);
        open.put(*key, secret);
        Some(signature)
    }
}

impl std::fmt::Debug for CustodyKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CustodyKeys(…)")
    }
}
