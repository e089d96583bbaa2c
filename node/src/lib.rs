//! Tidepool as a library: a node in the process of whoever wants one, and the command line around it.
//!
//! This crate holds no rules. It reads configuration, opens store, network, home and HTTP, joins their threads, and
//! stops them in order.

mod backup;
pub mod cli;
pub mod config;
pub mod datadir;
pub mod exit;
mod logging;
pub mod runtime;

pub use logging::report_panics;
