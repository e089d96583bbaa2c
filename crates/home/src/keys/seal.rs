//! Sealing: how secrets stand in the store. XChaCha20-Poly1305 under the node's sealing key, a random nonce of 24 bytes
//! for each, and what it is and whose it is as associated data, so that no sealed row serves in another's place.

use crate::ports::Random;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// The key that seals; wiped when dropped, never shown.
pub(crate) struct SealingKey(Zeroizing<[u8; 32]>);

/// What is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SealPurpose {
    /// The seed of an agent's signing key.
    Signing,
    /// The entropy of an agent's recovery phrase.
    Recovery,
    /// The token of an agent's claim page.
    Claim,
    /// A text known beforehand, by which a foreign key file is noticed.
    Check,
}

impl SealPurpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Signing => "tidepool/seal/signing/1",
            Self::Recovery => "tidepool/seal/recovery/1",
            Self::Claim => "tidepool/seal/claim/1",
            Self::Check => "tidepool/seal/check/1",
        }
    }

    fn associated(self, subject: &[u8]) -> Vec<u8> {
        let mut bytes = self.name().as_bytes().to_vec();
        bytes.push(0);
        bytes.extend_from_slice(subject);
        bytes
    }
}

const NONCE_BYTES: usize = 24;

impl SealingKey {
    pub(crate) const fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// `nonce || ciphertext || tag` of `secret`, bound to its purpose and subject.
    pub(crate) fn seal(&self, random: &dyn Random, purpose: SealPurpose, subject: &[u8], secret: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        random.fill(&mut nonce);
        let aad = purpose.associated(subject);
        let sealed = self
            .cipher()
            .encrypt(XNonce::from_slice(&nonce), Payload { msg: secret, aad: &aad })
            .expect("a secret of some bytes is within the cipher's bound of 256 GiB");
        [nonce.as_slice(), &sealed].concat()
    }

    /// The secret; `None` when it was sealed under another key, for another purpose or subject, or was damaged.
    pub(crate) fn open(&self, purpose: SealPurpose, subject: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
        let aad = purpose.associated(subject);
        let opened = self.cipher().decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: &aad });
        opened.ok().map(Zeroizing::new)
    }

    /// The same for a secret of exactly 32 bytes.
    pub(crate) fn open_seed(&self, purpose: SealPurpose, subject: &[u8], sealed: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
        let opened = self.open(purpose, subject, sealed)?;
        let mut seed = Zeroizing::new([0; 32]);
        if opened.len() != seed.len() {
            return None;
        }
        seed.copy_from_slice(&opened);
        Some(seed)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(chacha20poly1305::Key::from_slice(self.0.as_slice()))
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey(…)")
    }
}
