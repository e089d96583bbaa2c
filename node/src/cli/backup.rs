//! `tidepool backup|restore`: a node as one file, while it runs or not, and a node made of such a file.

use super::{Failure, Place, output, store};
use crate::backup;
use crate::config;
use crate::datadir::DataDir;
use crate::exit::Exit;
use crate::runtime::control::{self, Answer, Ask};
use crate::runtime::{self, StartError};
use clap::Args;
use std::path::{Path, PathBuf};
use tidepool_protocol::{NetworkGenesis, TimeMs};
use tidepool_store::SledStore;

/// What to back up, and whereto.
#[derive(Clone, Debug, Args)]
pub(super) struct BackupArgs {
    /// The file to write, which must not be there yet; or a directory, in which it gets a name of its own. It holds the
    /// node's keys: keep it where secrets are kept.
    file: PathBuf,
    /// The node, running or not.
    #[command(flatten)]
    place: Place,
}

/// What to restore.
#[derive(Clone, Debug, Args)]
pub(super) struct RestoreArgs {
    /// A file that `tidepool backup` wrote.
    file: PathBuf,
    /// The node that is made of it; its data directory must not be there yet, or be empty.
    #[command(flatten)]
    place: Place,
}

pub(super) fn backup(wanted: &BackupArgs) -> Result<Exit, Failure> {
    let (file, envelopes, rows) = match store::hold(&wanted.place) {
        Ok(held) => {
            let made_ms = runtime::now();
            let file = backup::place(&wanted.file, made_ms);
            let store = held.open()?;
            let done = backup::make(held.directory.path(), &held.genesis, &store.sled_reader(), &file, made_ms)?;
            store.close()?;
            (file, done.counted.envelopes, done.counted.rows)
        }
        // It runs: its own hands are on the store.
        Err(failure) if failure.exit == Exit::Locked => {
            let config = config::load(&super::Run::of(&wanted.place))?;
            running(&config.data_dir, &std::path::absolute(&wanted.file)?, &failure)?
        }
        Err(failure) => return Err(failure),
    };
    if wanted.place.json {
        let text = serde_json::json!({ "file": file, "envelopes": envelopes, "account_rows": rows });
        output::print_json(&text)?;
    } else {
        output::print(&format!(
            "backed up {envelopes} envelopes, {rows} rows of accounts and the node's keys into {}\nkeep it secret; `tidepool restore` makes a node of it that opens new logs\n",
            file.display()
        ))?;
    }
    Ok(Exit::Done)
}

fn running(directory: &Path, path: &Path, locked: &Failure) -> Result<(PathBuf, u64, u64), Failure> {
    match control::ask(directory, &Ask::Backup { path: path.to_owned() }) {
        Ok(Answer::Backup { file, envelopes, rows }) => Ok((file, envelopes, rows)),
        Ok(Answer::Failed { reason }) => Err(Failure::new(Exit::Failed, reason)),
        Ok(other) => Err(Failure::new(Exit::Failed, format!("the node answered something else: {other:?}"))),
        Err(error) => Err(Failure::new(
            Exit::Locked,
            format!(
                "{}; its control socket does not answer either ({error}): stop the node, then back it up",
                locked.message
            ),
        )),
    }
}

pub(super) fn restore(wanted: &RestoreArgs) -> Result<Exit, Failure> {
    let about = tidepool_store::about(&wanted.file)?;
    let config = config::load(&super::Run::of(&wanted.place))?;
    let genesis = network(&config, &about)?;
    let path = &config.data_dir;
    let was_there = path.exists();
    let taken = std::fs::read_dir(path).map(|mut entries| entries.next().is_some()).unwrap_or(was_there);
    if taken {
        let text = format!(
            "{} is not empty; a backup is restored into a new directory: pass another --data-dir",
            path.display()
        );
        return Err(Failure::new(Exit::Data, text));
    }
    let made = make(wanted, &config, &genesis, &about);
    let (directory, restored, node_id) = made.map_err(|failure| take_away(path, was_there, failure))?;
    told(wanted, &directory, &restored.counted, restored.made_ms, &node_id)
}

/// Makes the node in a directory that is not there, or empty.
fn make(
    wanted: &RestoreArgs,
    config: &config::Config,
    genesis: &NetworkGenesis,
    about: &tidepool_store::About,
) -> Result<(DataDir, tidepool_store::Restored, String), Failure> {
    let directory = DataDir::open(&config.data_dir, genesis.id(), &genesis.name).map_err(StartError::from)?;
    backup::put_files(directory.path(), &about.files)?;
    let settings = runtime::store_settings(genesis.id(), &config.store);
    // The store comes last: a directory that has one has its keys too.
    let restored = tidepool_store::restore(&wanted.file, &runtime::store_path(&directory), &settings)
        .map_err(|error| Failure::new(Exit::Failed, error))?;
    drop(SledStore::open(&runtime::store_path(&directory), &settings).map_err(StartError::from)?);
    let keys = runtime::node_keys(directory.path())?;
    let node_id = keys.node_id().to_string();
    Ok((directory, restored, node_id))
}

/// Takes away what a restore made that failed: half a node has its keys, and must not be started. What was there before
/// was an empty directory, and stays one.
fn take_away(path: &Path, was_there: bool, failure: Failure) -> Failure {
    let emptied = if was_there {
        std::fs::read_dir(path).and_then(|entries| {
            entries.flatten().try_for_each(|entry| match entry.file_type()?.is_dir() {
                true => std::fs::remove_dir_all(entry.path()),
                false => std::fs::remove_file(entry.path()),
            })
        })
    } else if path.exists() {
        std::fs::remove_dir_all(path)
    } else {
        Ok(())
    };
    let left = match emptied {
        Ok(()) => "; nothing was left behind".to_owned(),
        Err(error) => {
            format!("; {} holds the backup's keys and no whole store, take it away ({error})", path.display())
        }
    };
    Failure::new(failure.exit, format!("{}{left}", failure.message))
}

fn network(config: &config::Config, about: &tidepool_store::About) -> Result<NetworkGenesis, Failure> {
    if config.network.is_some() {
        return Ok(config::network(config)?);
    }
    let own = about.files.iter().find(|(name, _)| name == backup::NETWORK_FILE);
    let own = own.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok()).map(NetworkGenesis::from_json);
    match own {
        Some(Ok(genesis)) => Ok(genesis),
        Some(Err(error)) => Err(Failure::new(Exit::Config, format!("the backup's network document: {error}"))),
        None => Ok(config::network(config)?),
    }
}

fn told(
    wanted: &RestoreArgs,
    directory: &DataDir,
    counted: &tidepool_store::Counted,
    made_ms: TimeMs,
    node_id: &str,
) -> Result<Exit, Failure> {
    let place = directory.path();
    if wanted.place.json {
        output::print_json(&serde_json::json!({
            "data_dir": place,
            "node_id": node_id,
            "made_ms": made_ms.0,
            "envelopes": counted.envelopes,
            "account_rows": counted.rows,
        }))?;
    } else {
        output::print(&format!(
            "restored {} envelopes and {} rows of accounts of node {node_id} into {}\nits agents go on in new logs, whatever the original did since; never run both at one time\n",
            counted.envelopes,
            counted.rows,
            place.display()
        ))?;
    }
    Ok(Exit::Done)
}
