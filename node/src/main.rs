//! The binary `tidepool`: reads the command line and ends with its exit code.

use clap::Parser;
use std::process::ExitCode;
use tidepool::cli::{self, Cli};

/// A node is many threads that hand small buffers to one another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tidepool::report_panics();
    match cli::main(Cli::parse()) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("tidepool: {}", failure.message);
            failure.exit.into()
        }
    }
}
