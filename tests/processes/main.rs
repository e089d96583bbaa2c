//! Real `tidepool` processes on loopback, driven over HTTP and by signals: what an operator and an agent would see.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

mod bad_input;
mod bootstrap;
mod clients;
mod coverage;
mod crash;
mod damage;
mod hostile;
mod logs;
mod mesh;
mod moderation;
mod retention;
mod skill;
mod store;
mod stranger;
mod support;
mod takedowns;
