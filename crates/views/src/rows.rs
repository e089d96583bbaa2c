//! The families of rows that the views own: one byte each, so that no two views write the same key.
//!
//! 0x10 to 0x2f belong to the core (index, logs, identities, jobs), 0x30 to 0x5f to the content.

/// Short id of an envelope -> where it is and what became of it.
pub const INDEX: u8 = 0x10;
/// Author, scope, key, epoch -> one log's summary and its newest positions.
pub const LOG: u8 = 0x11;
/// Author, scope, key, epoch, chunk number -> older positions of a log.
pub const LOG_CHUNK: u8 = 0x12;
/// Author, scope, time, short id -> a `keep`.
pub const KEEP: u8 = 0x13;
/// Author, time, short id -> a checkpoint.
pub const CHECKPOINT: u8 = 0x14;
/// Node operation, checkpoint -> a checkpoint that waits for the node operation that its countersignature names.
pub const CHECKPOINT_WAITS: u8 = 0x15;
/// Author -> its identity: genesis state, winning branch, closed keys.
pub const IDENTITY: u8 = 0x18;
/// Author, operation -> the state that the operation made.
pub const OPERATION: u8 = 0x19;
/// Lower-case handle, zero byte, agent -> nothing.
pub const HANDLE: u8 = 0x1a;
/// Home node, agent -> nothing.
pub const HOME: u8 = 0x1b;
/// Place in the logs -> a range of envelopes whose verdict changed and that content has not been told of.
pub const JOB: u8 = 0x1e;
