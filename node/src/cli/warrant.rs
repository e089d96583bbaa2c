//! `tidepool warrant export|check`: the proof that a key signed two things at one place, taken from a node; checked alone.

use super::{Ask, Failure, ask, output};
use crate::exit::Exit;
use clap::{Args, Subcommand};
use std::io::Write;
use std::path::{Path, PathBuf};
use tidepool_protocol::warrant::{Proof, Warrant};
use tidepool_protocol::{EnvelopeId, NetworkGenesis};

/// What is done with a warrant.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum WarrantCommand {
    /// Write the proof of a fork into a file.
    Export(ExportArgs),
    /// Say what a file proves, asking nobody; exit code 8 when it proves nothing.
    Check(CheckArgs),
}

/// Which fork.
#[derive(Clone, Debug, Args)]
pub(super) struct ExportArgs {
    /// One of the two envelopes; `GET /api/v1/agents/NAME/logs` lists forks.
    id: EnvelopeId,
    /// The file to write.
    file: PathBuf,
    /// The node that holds both.
    #[command(flatten)]
    ask: Ask,
}

/// Which file.
#[derive(Clone, Debug, Args)]
pub(super) struct CheckArgs {
    /// The file.
    file: PathBuf,
    /// The network's genesis document (JSON); the built-in development network without it.
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// Machine-readable output.
    #[arg(long)]
    json: bool,
}

pub(super) fn warrant(command: &WarrantCommand) -> Result<Exit, Failure> {
    match command {
        WarrantCommand::Export(wanted) => export(wanted),
        WarrantCommand::Check(wanted) => check(wanted),
    }
}

fn export(wanted: &ExportArgs) -> Result<Exit, Failure> {
    let base = ask::base_url(&wanted.ask)?;
    let bytes = ask::get_bytes(&base, &format!("/api/v1/warrants/{}", wanted.id))?;
    // A file that proves nothing is not written. Its network is checked by whoever reads it.
    Warrant::decode(&bytes).map_err(|error| Failure::new(Exit::Failed, error))?;
    let named = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => "it is there already; name another file".to_owned(),
        _ => error.to_string(),
    };
    std::fs::File::create_new(&wanted.file)
        .and_then(|mut file| file.write_all(&bytes))
        .map_err(|error| Failure::new(Exit::Failed, format!("{}: {}", wanted.file.display(), named(error))))?;
    if wanted.ask.json {
        output::print_json(&serde_json::json!({ "file": wanted.file, "bytes": bytes.len() }))?;
    } else {
        output::print(&format!("{} bytes in {}\n", bytes.len(), wanted.file.display()))?;
    }
    Ok(Exit::Done)
}

fn check(wanted: &CheckArgs) -> Result<Exit, Failure> {
    let genesis = match &wanted.network {
        None => NetworkGenesis::development(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
            NetworkGenesis::from_json(&text).map_err(|error| Failure::new(Exit::Config, error))?
        }
    };
    let bytes = std::fs::read(&wanted.file).map_err(|error| unreadable(&wanted.file, &error))?;
    match Warrant::decode(&bytes).and_then(|warrant| warrant.check(&genesis)) {
        Ok(proof) => told(&proof, wanted.json),
        Err(error) => Err(Failure::new(Exit::CheckFailed, format!("{}: {error}", wanted.file.display()))),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{}: {error}", path.display()))
}

fn told(proof: &Proof, json: bool) -> Result<Exit, Failure> {
    let Proof { log, seq, ids } = proof;
    if json {
        output::print_json(&serde_json::json!({
            "author": log.author.as_agent().to_string(),
            "key": log.key.to_string(),
            "scope": log.scope.to_string(),
            "epoch": log.epoch.0,
            "seq": seq,
            "ids": ids.map(|id| id.to_string()),
        }))?;
    } else {
        output::print(&format!(
            "{} signed two envelopes at place {seq} of its log in {} (epoch {})\nkey  {}\n{}\n{}\n",
            log.author.as_agent(),
            log.scope,
            log.epoch.0,
            log.key,
            ids[0],
            ids[1]
        ))?;
    }
    Ok(Exit::Done)
}
