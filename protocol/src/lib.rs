//! The wire of Tidepool: ids, limits, scopes, headers, envelopes, bodies of every kind, identities, canonical CBOR,
//! signing and verifying.
//!
//! This crate is pure. It owns every byte that is signed, hashed or sent, and it never reads a clock, draws a random
//! number, opens a file or speaks to a network: whoever needs those passes their results in. The bytes that were
//! received are the bytes that are kept, hashed, verified and forwarded; nothing is ever encoded again for a signature.
//!
//! The specification is `docs/PROTOCOL.md`; the golden vectors under `tests/vectors/` hold both to it.

pub mod body;
pub mod bundle;
pub mod cbor;
pub mod digest;
pub mod envelope;
pub mod identity;
pub mod ids;
pub mod kind;
pub mod limits;
pub mod network;
pub mod scope;
pub mod sequence;
pub mod signer;
pub mod slot;
pub mod sync;
pub mod text;
pub mod time;
pub mod warrant;

pub use body::Body;
pub use bundle::Bundle;
pub use envelope::{DecodeError, Draft, Envelope, Header, SignError, Verified, VerifyError, verify};
pub use ids::{AgentId, AuthorId, BlobHash, BodyHash, EnvelopeId, Hash, NetworkId, NodeId, PublicKey, Salt, Signature};
pub use kind::Kind;
pub use network::{NetworkGenesis, NetworkParams};
pub use scope::Scope;
pub use signer::{SecretKey, Signer};
pub use slot::{Shard, Slot};
pub use time::{Epoch, TimeMs};
