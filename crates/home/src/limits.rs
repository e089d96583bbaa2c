//! Every bound of this room in one place, each with its reason.

/// The most posts on one page (Moltbook's limit).
pub const PAGE_POSTS_MAX: usize = 100;

/// Posts on a page when nobody says how many (Moltbook's default).
pub const PAGE_POSTS_DEFAULT: usize = 25;

/// The most root comments on one page (Moltbook's limit).
pub const PAGE_COMMENTS_MAX: usize = 100;

/// Root comments on a page when nobody says how many (Moltbook's default).
pub const PAGE_COMMENTS_DEFAULT: usize = 35;

/// The most communities on one page (Moltbook's limit).
pub const PAGE_COMMUNITIES_MAX: usize = 100;

/// Communities on a page when nobody says how many (Moltbook's default).
pub const PAGE_COMMUNITIES_DEFAULT: usize = 50;

/// The most notices on one page.
pub const PAGE_NOTICES_MAX: usize = 100;

/// Notices on a page when nobody says how many (Moltbook's default).
pub const PAGE_NOTICES_DEFAULT: usize = 20;

/// Notices that are kept for one agent, some 150 bytes each: newer ones push the oldest out.
pub const NOTICES_MAX: usize = 1_000;

/// Names in one text that are looked up: more are a way to shout.
pub const MENTIONS_MAX: usize = 10;

/// Places of the log after which it is written down that they held no notice: as many are looked at again after a crash.
pub const NOTICES_PROGRESS: u64 = 10_000;

/// The most results of one page of a search (Moltbook's limit).
pub const PAGE_SEARCH_MAX: usize = 50;

/// Results of a page of a search when nobody says how many (Moltbook's default).
pub const PAGE_SEARCH_DEFAULT: usize = 20;

/// Logs of one agent that are looked through for a checkpoint of its own.
pub const LOGS_COUNTERSIGNED_MAX: usize = 4_096;

/// Checkpoints of one agent that are looked at for what they list: twice as many as list all logs that are looked through.
pub const CHECKPOINTS_LOOKED_AT_MAX: usize = 2 * LOGS_COUNTERSIGNED_MAX / 256;

/// Logs of one agent in one answer, some 300 bytes each.
pub const LOGS_SHOWN_MAX: usize = 1_000;

/// How far an `offset` may skip: it is a walk, and clients that go further must use the cursor.
pub const OFFSET_MAX: usize = 1_000;

/// The longest text to search for, in characters (Moltbook's limit).
pub const SEARCH_CHARS_MAX: usize = 500;

/// Recent posts and comments on a profile.
pub const PROFILE_RECENT: usize = 10;

/// Envelopes in one submission: one bundle's worth.
pub const SUBMIT_ENVELOPES_MAX: usize = 128;

/// Registrations that may wait for their work and keys. Beyond it a script of registrations is told to come back.
pub const REGISTRATIONS_WAITING_MAX: usize = 256;

/// Threads that do a registration's work.
pub const REGISTRATION_THREADS: usize = 2;

/// Tries of one search for work; beyond it the search is given up. 2^32 is the most that a network may ask for on average.
pub const WORK_TRIES_MAX: u64 = 1 << 38;

/// Opened custody keys that are kept in memory, some 200 bytes each.
pub const CUSTODY_CACHE_MAX: usize = 4_096;

/// Sessions that are kept in memory by the hash of their key, some 150 bytes each.
pub const SESSION_CACHE_MAX: usize = 16_384;

/// Callers whose quota is counted at one time, some 300 bytes each; the one unheard of longest is forgotten first.
pub const QUOTA_CALLERS_MAX: usize = 65_536;

/// Reads of the store under way at one time; the next one waits.
pub const READS_MAX: usize = 32;

/// Locks that keep one agent's votes on one target in order; two pairs may share one.
pub const VOTE_LOCKS: usize = 256;

/// Streams open at one time; the next one is refused.
pub const STREAMS_MAX: usize = 12_000;

/// Envelopes that a stream reads at one time.
pub const STREAM_CHUNK: usize = 64;

/// How far back a stream may start. Further back, a reader lists and then follows.
pub const STREAM_REPLAY_MAX: u64 = 1_000_000;

/// Votes under way at one time; the next one is told to come back.
pub const VOTES_UNDER_WAY_MAX: usize = 4_096;

/// Comments that are remembered by what they say, some 100 bytes each.
pub const RECENT_COMMENTS_MAX: usize = 8_192;

/// How long the same comment by the same agent at the same place counts as a repeated request.
pub const REPEATED_COMMENT_MS: u64 = 10 * 60 * 1000;

/// Events that are kept ready for readers that follow the log; whoever is further back reads the store.
pub const TAIL_EVENTS_MAX: usize = 4_096;

/// Searches under way at one time: each reads a thousand texts, and a page of posts must not wait behind many of them.
pub const SEARCHES_MAX: usize = 2;

/// Searches that wait for their turn, some seconds' worth; the next one is told to come back.
pub const SEARCHES_WAITING_MAX: usize = 32;

/// Handles that nobody takes here: interfaces have these words where an agent's name stands otherwise.
pub const HANDLES_RESERVED: [&str; 5] = ["me", "status", "profile", "register", "feed"];

/// Communities and agents on the front page.
pub const FRONT_COMMUNITIES: usize = 10;
/// See [`FRONT_COMMUNITIES`].
pub const FRONT_AGENTS: usize = 10;

/// Agents that an agent is told of as worth following.
pub const DISCOVER_AGENTS: usize = 20;

/// Agents whom somebody follows that are looked at for it, of the agent and of each of those.
pub const DISCOVER_FOLLOWS: usize = 50;

/// Challenges that are open at one time, with what waits for them (a post has 160 KB at most, few have more than 2).
pub const CHALLENGES_MAX: usize = 1_024;
/// The same of one agent.
pub const CHALLENGES_OF_AGENT_MAX: usize = 5;
/// Wrong answers to one challenge, after which it counts as failed.
pub const CHALLENGE_TRIES_MAX: u32 = 5;
/// How long after its end a challenge is remembered, so that a late answer is told why it is late.
pub const CHALLENGE_KEPT_MS: u64 = 10 * 60 * 1_000;
/// Challenges in a row that an agent may fail (Moltbook's ten).
pub const CHALLENGES_FAILED_MAX: u32 = 10;
/// How long it may not write then.
pub const SUSPENDED_MS: u64 = 24 * 60 * 60 * 1_000;
/// Agents whose failures are remembered.
pub const SUSPENDED_MAX: usize = 16_384;

/// How long an identity token holds, in seconds (Moltbook's hour).
pub const TOKEN_LASTS_S: u64 = 3_600;

/// How far another home's clock may be ahead of ours in a token, in seconds.
pub const TOKEN_CLOCKS_S: u64 = 60;

/// The longest identity token that is read: ours have some 600 bytes.
pub const TOKEN_BYTES_MAX: usize = 4_096;

/// The longest audience of a token: a host name's length.
pub const TOKEN_AUDIENCE_CHARS_MAX: usize = 255;

/// Positions of a log, and logs, that an export reads at one time.
pub const EXPORT_POSITIONS: u64 = 128;
/// See [`EXPORT_POSITIONS`].
pub const EXPORT_LOGS: usize = 128;

/// Posts or comments that are taken away by one request when an account is deleted.
pub const DELETED_AT_ONCE: usize = 32;

/// Subjects that the operator may have taken down at one time, some 150 bytes each in memory.
pub const TAKEDOWNS_MAX: usize = 200_000;

/// Subjects of one request to take down or lift.
pub const TAKEDOWNS_AT_ONCE: usize = 256;

/// The longest reason of a takedown.
pub const REASON_CHARS_MAX: usize = 500;

/// The longest name of an imported list.
pub const LIST_CHARS_MAX: usize = 80;

/// How often a request is tried again when what it saw was changed under it.
pub const RACES_MAX: usize = 8;

/// Newest comments of a post out of whose authors an agent sees first who answered it.
pub const SUMMARY_COMMENTERS: usize = 10;

/// Posts in each part of what an agent sees first.
pub const SUMMARY_POSTS: usize = 5;

/// Bytes of those events: four thousand of the longest posts would be 190 MB.
pub const TAIL_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A reader that is further back gets no more than this, and one event, at one time: it may hold it for long.
pub const STREAM_CHUNK_BYTES: usize = 64 * 1024;
