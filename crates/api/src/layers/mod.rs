//! What every request passes on its way in and out: tracing and metrics, the error body, panics, time, key and quota.

mod caller;
mod drain;
mod held;
mod observe;
mod problems;

pub(crate) use caller::{Address, Caller, caller};
pub(crate) use drain::drain;
pub(crate) use held::held;
pub(crate) use observe::observe;
pub(crate) use problems::{panicked, problems, timeout};
