//! Real `tidepool` processes on loopback, driven over HTTP and by signals: what an operator and an agent would see.
#![allow(clippy::unwrap_used, clippy::panic)]

mod bad_input;
mod clients;
mod crash;
mod mesh;
mod support;
