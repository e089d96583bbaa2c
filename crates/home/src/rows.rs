//! The home's own rows: families 0x90 to 0xbf of the store's key space. Durable: nothing computes them again.
//!
//! Those of takedowns are in [`crate::takedown`]. No secret stands here in clear: API keys and claim tokens as hashes, everything else sealed.

use crate::error::HomeError;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};
use tidepool_protocol::ids::Hash;
use tidepool_protocol::{AgentId, PublicKey, Scope, TimeMs, cbor};
use tidepool_views::{Cursor, ReadError, RowWrite};

/// SHA-256 of an API key → [`AgentId`].
const API_KEY: u8 = 0x90;
/// Agent → [`AccountRow`].
const ACCOUNT: u8 = 0x91;
/// Handle in lower case → [`AgentId`].
const HANDLE: u8 = 0x92;
/// Public key → [`CustodyRow`].
const CUSTODY: u8 = 0x93;
/// Agent → sealed entropy of its recovery phrase.
const RECOVERY: u8 = 0x94;
/// SHA-256 of a claim token → [`AgentId`].
const CLAIM: u8 = 0x95;
/// Community name → the [`Scope`] that it was first resolved to.
const PIN: u8 = 0x96;
/// A few rows about the home itself.
const META: u8 = 0x97;

/// Agent → the key that waits in custody for its owner to list it.
const NEXT_KEY: u8 = 0x98;

/// Agent and place of an event in the log → [`crate::inbox::NoticeRow`].
const NOTICE: u8 = 0x99;

/// What a handle looks like, as [`crate::names::look`] says → [`AgentId`].
const LOOK: u8 = 0x9a;

/// The longest row that the home reads: accounts have some 300 bytes.
const ROW_BYTES_MAX: usize = 4 * 1024;

/// An agent at home here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct AccountRow {
    /// As it was registered.
    pub(crate) handle: String,
    /// When it registered.
    pub(crate) created_ms: TimeMs,
    /// SHA-256 of its API key: which session to forget when the account changes. `None` for one that signs for itself.
    pub(crate) key_hash: Option<Hash32>,
    /// The sealed token of its claim page.
    pub(crate) claim_sealed: Option<ByteBuf>,
    /// What the owner compares.
    pub(crate) verification_code: String,
    /// When its owner confirmed it.
    pub(crate) claimed_ms: Option<TimeMs>,
}

/// A hash as a CBOR byte string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Hash32(pub(crate) tidepool_protocol::BodyHash);

impl Hash32 {
    pub(crate) const fn new(hash: Hash) -> Self {
        Self(tidepool_protocol::BodyHash(hash))
    }
}

/// A signing key in custody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct CustodyRow {
    /// Whose.
    pub(crate) agent: AgentId,
    /// Its sealed seed.
    pub(crate) sealed: ByteBuf,
}

pub(crate) fn key(family: u8, rest: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(1 + rest.len());
    bytes.push(family);
    bytes.extend_from_slice(rest);
    bytes.into()
}

pub(crate) fn api_key_key(hash: &Hash) -> Bytes {
    key(API_KEY, hash)
}

pub(crate) fn account_key(agent: AgentId) -> Bytes {
    key(ACCOUNT, &agent.0)
}

/// The range of all accounts.
pub(crate) const ACCOUNTS: ([u8; 1], [u8; 1]) = ([ACCOUNT], [ACCOUNT + 1]);

pub(crate) fn handle_key(handle: &str) -> Bytes {
    key(HANDLE, handle.to_ascii_lowercase().as_bytes())
}

/// The place of all handles that look alike.
pub(crate) fn look_key(handle: &str) -> Bytes {
    key(LOOK, crate::names::look(handle).as_bytes())
}

/// Says that every account has its [`look_key`].
pub(crate) fn looks_written_key() -> Bytes {
    key(META, b"looks")
}

pub(crate) fn custody_key(public: &PublicKey) -> Bytes {
    key(CUSTODY, &public.0)
}

pub(crate) fn next_key_key(agent: AgentId) -> Bytes {
    key(NEXT_KEY, &agent.0)
}

pub(crate) fn recovery_key(agent: AgentId) -> Bytes {
    key(RECOVERY, &agent.0)
}

pub(crate) fn claim_key(hash: &Hash) -> Bytes {
    key(CLAIM, hash)
}

pub(crate) fn pin_key(name: &str) -> Bytes {
    key(PIN, name.as_bytes())
}

/// An agent's notice of the event at this place.
pub(crate) fn notice_key(agent: AgentId, at: Cursor) -> Bytes {
    key(NOTICE, &[&agent.0[..], &at.0.to_be_bytes()].concat())
}

/// The range of an agent's notices.
pub(crate) fn notices_of(agent: AgentId) -> (Bytes, Bytes) {
    (key(NOTICE, &agent.0), key(NOTICE, &[&agent.0[..], &[0xff; 9]].concat()))
}

/// How far notices were written: which log, and the place.
pub(crate) fn notices_upto_key() -> Bytes {
    key(META, b"notices")
}

/// Which log this is: drawn when the store was made.
pub(crate) fn log_id_key() -> Bytes {
    key(META, b"log")
}

/// The restore behind which that log was drawn.
pub(crate) fn log_mark_key() -> Bytes {
    key(META, b"log restored")
}

/// A known text, sealed: by it a foreign key file is noticed.
pub(crate) fn seal_check_key() -> Bytes {
    key(META, b"seal")
}

pub(crate) fn put<T: Serialize>(key: Bytes, value: &T) -> RowWrite {
    RowWrite { key, value: Some(cbor::encode(value).into()) }
}

pub(crate) const fn delete(key: Bytes) -> RowWrite {
    RowWrite { key, value: None }
}

/// Reads a row of ours.
pub(crate) fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, HomeError> {
    cbor::decode(bytes, ROW_BYTES_MAX)
        .map_err(|error| HomeError::Store(ReadError { reason: format!("a row of the home: {error}") }))
}

/// The value of a pin.
pub(crate) fn put_pin(name: &str, scope: &Scope) -> RowWrite {
    put(pin_key(name), scope)
}
