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

/// Has panics written to the log, one line each, once there is one; as Rust does until then.
///
/// The store's engine dies of bytes that it cannot read. That is caught where it is asked, and what becomes of it is said
/// there: the death itself is no defect of the node.
pub fn report_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !tracing::dispatcher::has_been_set() {
            return before(panic);
        }
        let message = panic.payload_as_str().unwrap_or("a panic without a message");
        let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        if place.contains("/sled-") {
            tracing::warn!(thread, message, "the store's engine came upon what it cannot read");
        } else {
            tracing::error!(thread, message, place, "a thread died of a defect; please report it with this line");
        }
    }));
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
