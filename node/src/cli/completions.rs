//! Completions for shells.

use super::{Cli, Failure};
use crate::exit::Exit;
use clap::CommandFactory;

pub(super) fn print(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tidepool", &mut text);
    super::output::print(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Done)
}
