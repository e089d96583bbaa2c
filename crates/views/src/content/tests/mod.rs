//! Content: every answer against a model, in every order; and single cases told as stories.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap
)]

mod answers;
mod crowds;
mod model;
mod moderation;
mod properties;
mod scenes;
mod withdrawn;
mod world;
