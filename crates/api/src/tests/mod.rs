//! Whole requests against a real home.
#![allow(clippy::unwrap_used, clippy::panic)]

mod account;
mod agents;
mod challenges;
mod claims;
mod content;
mod discover;
mod errors;
mod logs;
mod moderation;
mod notifications;
mod own_keys;
mod paths;
mod repeats;
mod rig;
mod serving;
mod skills;
mod streams;
