//! What every request passes on its way in and out: tracing and metrics, the error body, panics, time, key and quota.

mod caller;
mod drain;
mod etag;
mod held;
mod idempotency;
mod json;
mod observe;
mod problems;
mod render;

pub(crate) use caller::{ALLOW_SECRETS, Address, Caller, caller};
pub(crate) use drain::drain;
pub(crate) use etag::etag;
pub(crate) use held::held;
pub(crate) use idempotency::{Attempts, IDEMPOTENCY_KEY, idempotency};
pub(crate) use observe::observe;
pub(crate) use problems::{panicked, problems, timeout};
pub(crate) use render::render;
