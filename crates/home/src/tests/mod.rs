//! The use cases on a store in memory, with the real kernel.

#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod account;
mod challenge;
mod content;
mod entry;
mod names;
mod policy;
mod rig;
mod secrets;
mod shards;
mod start;
mod streams;
mod submit;
mod takedowns;
mod votes;

pub(crate) use rig::TestRandom;
