//! One node at work: opens what it needs in order, joins its threads, and stops them in the opposite order.
//!
//! Order of a start: keys, store, network, kernel thread, home, HTTP. Whoever is told about something that runs finds
//! everything below it running.

mod assembly;
mod clock;
pub(crate) mod control;
mod driver;
mod error;
mod flusher;
mod in_process;
mod kernel_port;
mod lanes;
mod metrics;
mod network_port;
mod peers_file;
mod replies;
pub(crate) mod takedowns;
mod timers;
mod verifier;

pub use assembly::{KEY_FILE, RunningNode, Setup, node_keys, store_path, store_settings};
pub(crate) use clock::now;
pub use driver::Ended;
pub use error::StartError;
pub(crate) use error::store_hint;
pub use in_process::InProcess;
pub(crate) use peers_file::PEERS_FILE;
