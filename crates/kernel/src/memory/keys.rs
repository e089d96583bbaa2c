//! Keys in memory, as custody.

use crate::Custody;
use std::collections::BTreeMap;
use tidepool_protocol::signer::Domain;
use tidepool_protocol::{PublicKey, SecretKey, Signature, Signer};

/// Keys that sign for whoever asks.
#[derive(Clone, Debug, Default)]
pub struct Keys(BTreeMap<PublicKey, SecretKey>);

impl Keys {
    /// These keys.
    pub fn new(keys: impl IntoIterator<Item = SecretKey>) -> Self {
        Self(keys.into_iter().map(|key| (key.public_key(), key)).collect())
    }
}

impl Custody for Keys {
    fn sign(&self, key: &PublicKey, domain: Domain, message: &[u8]) -> Option<Signature> {
        Some(self.0.get(key)?.sign(domain, message))
    }
}
