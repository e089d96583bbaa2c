//! Logs: fields on standard error, as text or JSON. Never a key, a token or a body.

use crate::config::{LogConfig, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The filter is not one.
    #[error("log filter {filter:?}: {reason}; give a level like `info` or directives like `info,tidepool_net=debug`")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something in this process set up logging before.
    #[error("logging was set up before in this process")]
    Twice,
}

/// Whether `filter` is one; else what is wrong with it.
pub(crate) fn check(filter: &str) -> Result<(), String> {
    EnvFilter::try_new(filter).map(drop).map_err(|error| error.to_string())
}

/// Sets logging up for this process.
///
/// # Errors
/// When the filter is not one, or logging was set up before.
pub(crate) fn start(config: &LogConfig) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(&config.filter)
        .map_err(|error| LogError::Filter { filter: config.filter.clone(), reason: error.to_string() })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|_| LogError::Twice)
}
