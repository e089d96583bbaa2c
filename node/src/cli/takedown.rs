//! `tidepool takedown`: what a running node shows no more, by its operator's word, and the log of such words.

use super::{Failure, Place, Run, output};
use crate::config;
use crate::exit::Exit;
use crate::runtime::control::{self, Answer, Ask};
use crate::runtime::takedowns::{Act, Taken, Wish};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// Subjects of one request, as many as a home takes.
const AT_ONCE: usize = 256;

/// Bytes of subjects and reasons in one request: with quotes and escapes still less than a request may have.
const BYTES_AT_ONCE: usize = 24 * 1024;

/// What is done.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum TakedownCommand {
    /// Hide posts, comments, other envelopes or authors on this node. They are kept and forwarded all the same.
    Add(AddArgs),
    /// Show again what was taken down.
    Lift(LiftArgs),
    /// Take down everything that a file names.
    Import(ImportArgs),
    /// Print what is taken down, and why.
    List(Place),
    /// Print the audit log: everything that was ever taken down or lifted, the latest first.
    Log(Place),
}

/// What to take down.
#[derive(Clone, Debug, Args)]
pub(super) struct AddArgs {
    /// The id of a post, a comment or another envelope (bafyrei…), an author (did:tide:…), or the name of an agent.
    #[arg(required = true)]
    subject: Vec<String>,
    /// Why: told to whoever asks for it.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The node; it must run.
    #[command(flatten)]
    place: Place,
}

/// What to show again.
#[derive(Clone, Debug, Args)]
pub(super) struct LiftArgs {
    /// As `takedown list` prints them, or the name of an agent.
    #[arg(required_unless_present = "list", conflicts_with = "list")]
    subject: Vec<String>,
    /// Everything that was taken down with this list.
    #[arg(long, value_name = "NAME")]
    list: Option<String>,
    /// Why: kept in the audit log.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The node; it must run.
    #[command(flatten)]
    place: Place,
}

/// A list to take down.
#[derive(Clone, Debug, Args)]
pub(super) struct ImportArgs {
    /// A subject on each line, and behind it, if it has one of its own, the reason; lines that begin with # say nothing.
    file: PathBuf,
    /// The list's name, by which it can be lifted [default: the file's name without its ending].
    #[arg(long, value_name = "NAME")]
    list: Option<String>,
    /// Why, for lines without a reason.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// The node; it must run.
    #[command(flatten)]
    place: Place,
}

pub(super) fn takedown(command: &TakedownCommand) -> Result<Exit, Failure> {
    match command {
        TakedownCommand::Add(wanted) => {
            let wish = |subject: &String| Wish { subject: subject.clone(), reason: wanted.reason.clone() };
            let wishes = wanted.subject.iter().map(wish).collect();
            taken_down(&wanted.place, wishes, None)
        }
        TakedownCommand::Lift(wanted) => lift(wanted),
        TakedownCommand::Import(wanted) => import(wanted),
        TakedownCommand::List(place) => list(place),
        TakedownCommand::Log(place) => log(place),
    }
}

/// How many were changed, and how many were so before.
type Counts = (usize, usize);

fn taken_down(place: &Place, wishes: Vec<Wish>, list: Option<&str>) -> Result<Exit, Failure> {
    let directory = directory(place)?;
    let mut done: Counts = (0, 0);
    for wishes in chunks(wishes) {
        let ask = Ask::TakeDown { wishes, list: list.map(str::to_owned) };
        done = add(done, counts(control::ask(&directory, &ask), &directory).map_err(|failure| begun(failure, done))?);
    }
    told(place, done, "taken down", "taken down before")
}

fn lift(wanted: &LiftArgs) -> Result<Exit, Failure> {
    let directory = directory(&wanted.place)?;
    let mut done: Counts = (0, 0);
    if let Some(list) = &wanted.list {
        let ask = Ask::LiftList { list: list.clone(), reason: wanted.reason.clone() };
        done = counts(control::ask(&directory, &ask), &directory)?;
    }
    for subjects in wanted.subject.chunks(AT_ONCE) {
        let ask = Ask::Lift { subjects: subjects.to_vec(), reason: wanted.reason.clone() };
        done = add(done, counts(control::ask(&directory, &ask), &directory).map_err(|failure| begun(failure, done))?);
    }
    told(&wanted.place, done, "shown again", "not taken down")
}

fn import(wanted: &ImportArgs) -> Result<Exit, Failure> {
    let path = &wanted.file;
    let unreadable = |error: std::io::Error| Failure::new(Exit::Failed, format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let mut wishes = Vec::new();
    for (number, line) in text.lines().enumerate() {
        wishes
            .extend(wish_of(line, wanted.reason.as_deref()).map_err(|why| {
                Failure::new(Exit::Failed, format!("{}, line {}: {why}", path.display(), number + 1))
            })?);
    }
    if wishes.is_empty() {
        return Err(Failure::new(Exit::Failed, format!("{} names nothing to take down", path.display())));
    }
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let list = wanted.list.clone().or(stem).unwrap_or_default();
    taken_down(&wanted.place, wishes, Some(&list))
}

/// What a line of a list names; `None` for one that says nothing.
fn wish_of(line: &str, reason: Option<&str>) -> Result<Option<Wish>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (subject, own) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let own = Some(own.trim()).filter(|own| !own.is_empty());
    let reason =
        own.or(reason).ok_or("no reason stands behind the subject; write one there, or give --reason for all")?;
    Ok(Some(Wish { subject: subject.to_owned(), reason: reason.to_owned() }))
}

/// In as few requests as they fit into.
fn chunks(wishes: Vec<Wish>) -> Vec<Vec<Wish>> {
    let mut chunks: Vec<Vec<Wish>> = Vec::new();
    let mut bytes = 0;
    for wish in wishes {
        let more = wish.subject.len() + wish.reason.len();
        match chunks.last_mut() {
            Some(open) if open.len() < AT_ONCE && bytes + more <= BYTES_AT_ONCE => {
                open.push(wish);
                bytes += more;
            }
            Some(_) | None => {
                chunks.push(vec![wish]);
                bytes = more;
            }
        }
    }
    chunks
}

const fn add(one: Counts, other: Counts) -> Counts {
    (one.0 + other.0, one.1 + other.1)
}

/// A failure after others were carried out.
fn begun(failure: Failure, (changed, _): Counts) -> Failure {
    match changed {
        0 => failure,
        _ => Failure::new(failure.exit, format!("{}; {changed} before it were carried out", failure.message)),
    }
}

fn list(place: &Place) -> Result<Exit, Failure> {
    let directory = directory(place)?;
    let mut all: Vec<Taken> = Vec::new();
    loop {
        let after = all.last().map(|taken| taken.subject.clone());
        match answered(control::ask(&directory, &Ask::Takedowns { after }), &directory)? {
            Answer::Takedowns { items } if items.is_empty() => break,
            Answer::Takedowns { items } => all.extend(items),
            other => return Err(unexpected(&other)),
        }
    }
    if place.json {
        output::print_json(&serde_json::json!({ "takedowns": all }))?;
        return Ok(Exit::Done);
    }
    let mut rows = vec![["subject", "since", "list", "reason"].map(str::to_owned).to_vec()];
    for Taken { subject, reason, list, since } in all {
        rows.push(vec![subject, since, list.unwrap_or_else(|| "-".to_owned()), reason]);
    }
    output::print(&output::table(&rows))?;
    Ok(Exit::Done)
}

fn log(place: &Place) -> Result<Exit, Failure> {
    let directory = directory(place)?;
    let mut all: Vec<Act> = Vec::new();
    loop {
        let below = all.last().map(|act| act.number);
        match answered(control::ask(&directory, &Ask::Audit { below }), &directory)? {
            Answer::Audit { acts } if acts.is_empty() => break,
            Answer::Audit { acts } => all.extend(acts),
            other => return Err(unexpected(&other)),
        }
    }
    if place.json {
        output::print_json(&serde_json::json!({ "acts": all }))?;
        return Ok(Exit::Done);
    }
    let mut rows = vec![["number", "time", "act", "subject", "list", "reason"].map(str::to_owned).to_vec()];
    for Act { number, time, act, subject, reason, list } in all {
        rows.push(vec![number.to_string(), time, act, subject, list.unwrap_or_else(|| "-".to_owned()), reason]);
    }
    output::print(&output::table(&rows))?;
    Ok(Exit::Done)
}

fn directory(place: &Place) -> Result<PathBuf, Failure> {
    Ok(config::load(&Run::of(place))?.data_dir)
}

fn answered(answer: std::io::Result<Answer>, directory: &Path) -> Result<Answer, Failure> {
    match answer {
        Ok(Answer::Failed { reason }) => Err(Failure::new(Exit::Failed, reason)),
        Ok(answer) => Ok(answer),
        Err(error) => Err(Failure::new(
            Exit::Unreachable,
            format!(
                "no node answers on {0}/control: {error}; takedowns are a running node's: start it with `tidepool run --data-dir {0}`",
                directory.display()
            ),
        )),
    }
}

fn counts(answer: std::io::Result<Answer>, directory: &Path) -> Result<Counts, Failure> {
    match answered(answer, directory)? {
        Answer::Changed { changed, unchanged } => Ok((changed, unchanged)),
        other => Err(unexpected(&other)),
    }
}

fn unexpected(answer: &Answer) -> Failure {
    Failure::new(Exit::Failed, format!("the node answered something else: {answer:?}"))
}

fn told(place: &Place, (changed, unchanged): Counts, verb: &str, before: &str) -> Result<Exit, Failure> {
    if place.json {
        output::print_json(&serde_json::json!({ "changed": changed, "unchanged": unchanged }))?;
    } else if unchanged == 0 {
        output::print(&format!("{changed} {verb}\n"))?;
    } else {
        output::print(&format!("{changed} {verb}, {unchanged} {before}\n"))?;
    }
    Ok(Exit::Done)
}
