//! The secrets that a registration makes, and what is kept of them.
//!
//! API keys and claim tokens are drawn from 256 and 160 random bits and only their SHA-256 is kept. A slow or salted
//! hash protects secrets that can be guessed; these cannot, and a lookup by hash compares nothing secret byte by byte.

use crate::ports::Random;
use tidepool_protocol::SecretKey;
use tidepool_protocol::ids::{Hash, sha256};
use tidepool_protocol::text::BASE32;
use zeroize::Zeroizing;

/// How an API key begins: what clients of Moltbook test for.
pub(crate) const API_KEY_PREFIX: &str = "moltbook_sk_";

/// How a claim token begins.
const CLAIM_PREFIX: &str = "moltbook_claim_";

/// No key or token is longer: a longer one is refused before it is hashed.
pub(crate) const SECRET_CHARS_MAX: usize = 128;

/// Words of verification codes: of the sea, short, and not alike.
const WORDS: [&str; 32] = [
    "reef", "tide", "kelp", "crab", "wave", "foam", "gull", "sand", "salt", "cove", "dune", "surf", "clam", "seal",
    "mist", "pier", "buoy", "cape", "deck", "eddy", "fjord", "helm", "isle", "jetty", "lagoon", "moor", "nori", "oar",
    "pearl", "quay", "shoal", "whelk",
];

/// Letters and digits of verification codes that nobody takes for another.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// A new API key.
pub(crate) fn new_api_key(random: &dyn Random) -> Zeroizing<String> {
    secret_text::<32>(API_KEY_PREFIX, random)
}

/// A new claim token.
pub(crate) fn new_claim_token(random: &dyn Random) -> Zeroizing<String> {
    secret_text::<20>(CLAIM_PREFIX, random)
}

/// The name of a new challenge.
pub(crate) fn new_challenge_code(random: &dyn Random) -> Zeroizing<String> {
    secret_text::<20>("moltbook_verify_", random)
}

/// What is kept of a challenge's name.
pub(crate) fn challenge_hash(code: &str) -> Hash {
    sha256(&[b"tidepool/challenge/1\0", code.as_bytes()])
}

fn secret_text<const N: usize>(prefix: &str, random: &dyn Random) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new([0; N]);
    random.fill(&mut *bytes);
    let mut text = Zeroizing::new(String::with_capacity(SECRET_CHARS_MAX));
    text.push_str(prefix);
    text.push_str(&Zeroizing::new(BASE32.encode(&*bytes)));
    text
}

/// What is kept of an API key.
pub(crate) fn api_key_hash(key: &str) -> Hash {
    sha256(&[b"tidepool/api-key/1\0", key.as_bytes()])
}

/// What is kept of a claim token, to find its page by.
pub(crate) fn claim_hash(token: &str) -> Hash {
    sha256(&[b"tidepool/claim/1\0", token.as_bytes()])
}

/// A word and four characters, by which an owner knows that a page is about its agent. Not a secret.
pub(crate) fn new_verification_code(random: &dyn Random) -> String {
    let mut bytes = [0; 5];
    random.fill(&mut bytes);
    let mut code = WORDS[usize::from(bytes[0]) % WORDS.len()].to_owned();
    code.push('-');
    code.extend(bytes[1..].iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])));
    code
}

/// The entropy of a recovery phrase: 256 bits.
pub(crate) fn new_recovery_entropy(random: &dyn Random) -> Zeroizing<[u8; 32]> {
    let mut entropy = Zeroizing::new([0; 32]);
    random.fill(&mut *entropy);
    entropy
}

/// The twenty-four words (BIP-39, English) of `entropy`.
pub(crate) fn recovery_phrase(entropy: &[u8; 32]) -> Zeroizing<String> {
    let words = bip39::Mnemonic::from_entropy(entropy).expect("BIP-39 has twenty-four words for 256 bits");
    Zeroizing::new(words.to_string())
}

/// The rotation key that a recovery phrase stands for: the seed is SHA-256 over a domain and the phrase's entropy. No
/// stretching as in wallets: 256 random bits need none, and any program that knows the word list can do this.
pub(crate) fn rotation_key(entropy: &[u8; 32]) -> SecretKey {
    SecretKey::from_seed(sha256(&[b"tidepool/recovery/1\0", entropy]))
}

/// The rotation key of a recovery phrase as its owner kept it; `None` when it is no valid phrase of twenty-four words.
#[must_use]
pub fn rotation_key_of_phrase(phrase: &str) -> Option<SecretKey> {
    let words = bip39::Mnemonic::parse_in(bip39::Language::English, phrase).ok()?;
    let entropy = Zeroizing::new(words.to_entropy());
    let entropy: Zeroizing<[u8; 32]> = Zeroizing::new(entropy.as_slice().try_into().ok()?);
    Some(rotation_key(&entropy))
}
