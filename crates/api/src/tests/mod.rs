//! Whole requests against a real home.
#![allow(clippy::unwrap_used, clippy::panic)]

mod agents;
mod claims;
mod content;
mod errors;
mod logs;
mod moderation;
mod notifications;
mod own_keys;
mod paths;
mod rig;
mod serving;
mod streams;
