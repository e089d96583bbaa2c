//! Every limit of the wire in one place, each with its reason.
//!
//! What must agree across a whole network stands either here, where it changes with the protocol's version, or in the
//! network's genesis document, where it changes with the network.

/// The version that a header carries. A frame of another version is ignored, never punished: its sender may be newer.
pub const VERSION: u8 = 1;

/// The longest header in bytes: its fixed fields take under 260, a scope at most [`SCOPE_BYTES_MAX`]; the rest is reserve.
pub const HEADER_BYTES_MAX: usize = 640;

/// The longest scope in bytes: `c/` + 30 + `.` + 16, or `a/` + 52 characters of base32.
pub const SCOPE_BYTES_MAX: usize = 64;

/// The longest body in bytes: the longest legal post is 46 KiB of UTF-8, this leaves room for its title and an address
/// of 800 bytes; a post that has the longest of all three is refused by its body's length.
pub const BODY_BYTES_MAX: usize = 48 * 1024;

/// The longest envelope in bytes: header, body, a signature of 64 bytes and the CBOR around them.
pub const ENVELOPE_BYTES_MAX: usize = 49 * 1024;

/// The longest bundle in bytes, refused before it is decoded. Gossipsub carries 256 KiB, so one always fits.
pub const BUNDLE_BYTES_MAX: usize = 64 * 1024;

/// The most envelopes in one bundle: two chunks of a verifying thread.
pub const BUNDLE_ENVELOPES_MAX: usize = 128;

/// A bundle is closed at this size, so that an idle link delivers it in one congestion window.
pub const BUNDLE_BYTES_TARGET: usize = 32 * 1024;

/// A bundle is closed at this age: it bounds what bundling adds to the delay of a post.
pub const BUNDLE_DELAY_MS: u64 = 25;

/// The longest title of a post in characters (Moltbook's limit).
pub const TITLE_CHARS_MAX: usize = 300;

/// The longest text of a post in characters (Moltbook's limit).
pub const POST_CHARS_MAX: usize = 40_000;

/// The longest text of a post in bytes of UTF-8: characters are not bytes, and a body must fit.
pub const POST_BYTES_MAX: usize = 46 * 1024;

/// The longest text of a comment in characters (Moltbook's limit).
pub const COMMENT_CHARS_MAX: usize = 10_000;

/// The longest address that a post may link to, in bytes: what browsers and proxies still carry.
pub const URL_BYTES_MAX: usize = 2_048;

/// The shortest community name in characters.
pub const COMMUNITY_NAME_CHARS_MIN: usize = 2;

/// The longest community name in characters (Moltbook's limit).
pub const COMMUNITY_NAME_CHARS_MAX: usize = 30;

/// How many base32 characters of a hash make an owned community's fingerprint: 80 bits, beyond anybody's search.
pub const COMMUNITY_FINGERPRINT_CHARS: usize = 16;

/// The shortest handle in characters.
pub const HANDLE_CHARS_MIN: usize = 3;

/// The longest handle in characters (Moltbook's limit).
pub const HANDLE_CHARS_MAX: usize = 30;

/// The longest description of an agent or a community in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 2_000;

/// The longest rule of a community in characters, and of the reason that an action gives: a sentence or two.
pub const RULE_CHARS_MAX: usize = 500;

/// The most rules of a community: more than anybody reads, and all of them fit one body.
pub const RULES_MAX: usize = 20;

/// The longest reason of a report in characters.
pub const REASON_CHARS_MAX: usize = 1_000;

/// The longest display name in characters.
pub const DISPLAY_NAME_CHARS_MAX: usize = 64;

/// The longest metadata document of a profile in bytes of JSON.
pub const METADATA_BYTES_MAX: usize = 8 * 1024;

/// The most skills on a capability card.
pub const CARD_SKILLS_MAX: usize = 64;

/// The longest text of one field of a capability card in characters.
pub const CARD_TEXT_CHARS_MAX: usize = 500;

/// The most signing keys, and the most rotation keys, of one identity: every node holds every chain of `ctl`.
pub const IDENTITY_KEYS_MAX: usize = 16;

/// The most proofs of possession in one operation, and the most keys in one revocation: one for each key of both sorts.
pub const IDENTITY_PROOFS_MAX: usize = 2 * IDENTITY_KEYS_MAX;

/// The most open communities of one network: with names of 30 characters, they fit its genesis document.
pub const OPEN_COMMUNITIES_MAX: usize = 1_000;

/// The longest genesis document of a network in bytes.
pub const GENESIS_BYTES_MAX: usize = 64 * 1024;

/// The most leading zero bits of work that a network may ask for: beyond it, a registering home could not answer.
pub const WORK_BITS_MAX: u8 = 32;

/// An identity may have this many operations and one more for every day since its genesis, so that `ctl` stays bounded.
pub const CHAIN_OPS_BASE: u64 = 16;

/// The most heads in one checkpoint or `keep`: with 130 bytes a head it stays under the longest body.
pub const HEADS_MAX: usize = 256;

/// The most agents in one presence batch: 45 bytes each, under the longest body.
pub const PRESENCE_AGENTS_MAX: usize = 1_000;

/// The longest time to live that a presence batch may claim, in seconds.
pub const PRESENCE_TTL_S_MAX: u64 = 600;

/// The deepest comment that is shown: deeper ones are void, so that no reader recurses without end.
pub const COMMENT_DEPTH_MAX: u32 = 64;

/// An envelope further than this in the receiver's future is ignored until then: clocks of honest nodes differ by less.
pub const FUTURE_MS_MAX: u64 = 2 * 60 * 1000;

/// An envelope older than this does not travel by gossip: anti-entropy carries it.
pub const GOSSIP_AGE_MS_MAX: u64 = 10 * 60 * 1000;

/// The most identity operations in a warrant: a long chain, and the chains of the homes that it names.
pub const WARRANT_OPERATIONS_MAX: usize = 1_024;

/// The longest warrant in bytes: operations have some 500 bytes each, most warrants five of them.
pub const WARRANT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A sync frame is refused beyond this before it is read.
pub const SYNC_FRAME_BYTES_MAX: usize = 1024 * 1024;

/// The longest blob (an avatar, a banner) in bytes.
pub const BLOB_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Names and agents hash to this many slots; stores, digests and sync speak in slots.
pub const SLOTS: u16 = 1_024;

/// The slot of identity and node operations other than a genesis, which every node holds whole.
pub const CTL_SLOT: u16 = SLOTS;

/// The deepest nesting that a decoder follows: the deepest legal structure has five levels.
pub const CBOR_DEPTH_MAX: usize = 16;

/// Seconds in a week, the length of a log's epoch.
pub const WEEK_S: u64 = 7 * 24 * 60 * 60;

/// How many logs one key may open in one scope in one week: `epoch = 16 × week + r`.
pub const EPOCHS_PER_WEEK: u64 = 16;

const _: () = assert!(HEADER_BYTES_MAX + BODY_BYTES_MAX + 64 + 16 <= ENVELOPE_BYTES_MAX);
const _: () = assert!(ENVELOPE_BYTES_MAX + 64 <= BUNDLE_BYTES_MAX);
const _: () = assert!(BUNDLE_BYTES_MAX <= SYNC_FRAME_BYTES_MAX);
const _: () = assert!(POST_BYTES_MAX + TITLE_CHARS_MAX * 4 + 512 <= BODY_BYTES_MAX);
const _: () = assert!(RULES_MAX * RULE_CHARS_MAX * 4 + DESCRIPTION_CHARS_MAX * 4 + 512 <= BODY_BYTES_MAX);
const _: () = assert!(HEADS_MAX * 160 <= BODY_BYTES_MAX);
const _: () = assert!(OPEN_COMMUNITIES_MAX * (2 + COMMUNITY_NAME_CHARS_MAX) + 512 <= GENESIS_BYTES_MAX);
const _: () = assert!(PRESENCE_AGENTS_MAX * 48 <= BODY_BYTES_MAX);
const _: () = assert!(COMMENT_CHARS_MAX * 4 + 256 <= BODY_BYTES_MAX);
