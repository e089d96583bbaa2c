//! Carries records out in batches: many at once, comments after what they answer.

use super::journal::Journal;
use super::record::Record;
use super::{Failure, REFUSALS_TOLD, Summary};
use crate::exit::Exit;
use futures::StreamExt;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tidepool_home::{AgentSession, Home, HomeError, NewComment, NewPost, Register};
use tidepool_protocol::EnvelopeId;

/// Records that are looked at together.
pub(super) const BATCH: usize = 1_024;

/// Records under way at once: enough that one flush serves many.
const AT_ONCE: usize = 128;

/// A refusal for a limit is tried again this often.
const TRIES: u32 = 20;

/// The longest wait before a try.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What an import has at hand.
pub(super) struct Work {
    home: Home,
    journal: Journal,
    sessions: HashMap<String, AgentSession>,
    /// Ids of records that were refused: what answers them is refused too.
    refused: HashSet<String>,
    pub(super) summary: Summary,
}

impl Work {
    pub(super) fn new(home: Home, journal: Journal) -> Self {
        Self { home, journal, sessions: HashMap::new(), refused: HashSet::new(), summary: Summary::default() }
    }

    /// Counts a refused line, and says why.
    pub(super) fn refuse(&mut self, line: u64, reason: &dyn std::fmt::Display) {
        self.summary.refused += 1;
        match self.summary.refused {
            count if count <= REFUSALS_TOLD => eprintln!("line {line}: {reason}"),
            count if count == REFUSALS_TOLD + 1 => eprintln!("further refusals are only counted"),
            _ => {}
        }
    }

    /// Carries out a batch; it is empty afterwards.
    pub(super) async fn carry_out(&mut self, batch: &mut Vec<(u64, Record)>) -> Result<(), Failure> {
        let mut open = std::mem::take(batch);
        open.retain(|(_, record)| {
            let new = self.journal.get(record.id()).is_none();
            self.summary.already_done += u64::from(!new);
            new
        });
        self.register_authors(&mut open).await;
        while !open.is_empty() {
            let in_batch: HashSet<String> = open.iter().map(|(_, record)| record.id().to_owned()).collect();
            let (ready, waiting): (Vec<_>, Vec<_>) = open.into_iter().partition(|(_, record)| match record {
                Record::Post { .. } => true,
                Record::Comment { id, post, parent, .. } => {
                    let waits = |other: &String| other != id && in_batch.contains(other);
                    !waits(post) && !parent.as_ref().is_some_and(waits)
                }
            });
            if ready.is_empty() {
                for (line, _) in waiting {
                    self.refuse(line, &"it answers a comment that answers it");
                }
                return Ok(());
            }
            self.carry_out_ready(ready).await?;
            open = waiting;
        }
        Ok(())
    }

    async fn register_authors(&mut self, open: &mut Vec<(u64, Record)>) {
        let names: HashSet<String> = open.iter().map(|(_, record)| record.author().to_owned()).collect();
        let new: Vec<_> = names.into_iter().filter(|name| !self.sessions.contains_key(name)).collect();
        let home = &self.home;
        let registered: Vec<_> = futures::stream::iter(new)
            .map(|name| async move {
                let session = session(home, &name).await;
                (name, session)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut failed = HashMap::new();
        for (name, result) in registered {
            match result {
                Ok((session, new)) => {
                    self.summary.agents += u64::from(new);
                    self.sessions.insert(name, session);
                }
                Err(error) => {
                    failed.insert(name, error.to_string());
                }
            }
        }
        for (line, record) in std::mem::take(open) {
            match failed.get(record.author()) {
                Some(reason) => {
                    self.refused.insert(record.id().to_owned());
                    self.refuse(line, &format!("author {:?}: {reason}", record.author()));
                }
                None => open.push((line, record)),
            }
        }
    }

    async fn carry_out_ready(&mut self, ready: Vec<(u64, Record)>) -> Result<(), Failure> {
        let mut calls = Vec::with_capacity(ready.len());
        for (line, record) in ready {
            match self.call(&record) {
                Ok(call) => calls.push((line, record.id().to_owned(), call)),
                Err(reason) => {
                    self.refused.insert(record.id().to_owned());
                    self.refuse(line, &reason);
                }
            }
        }
        let home = &self.home;
        let done: Vec<_> = futures::stream::iter(calls)
            .map(|(line, id, call)| async move {
                let is_post = matches!(call, Call::Post(..));
                (line, id, is_post, call.make(home).await)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut pairs = Vec::with_capacity(done.len());
        for (line, id, is_post, result) in done {
            match result {
                Ok(envelope) => {
                    self.summary.posts += u64::from(is_post);
                    self.summary.comments += u64::from(!is_post);
                    pairs.push((id, envelope));
                }
                Err(error) => {
                    self.refused.insert(id);
                    self.refuse(line, &error);
                }
            }
        }
        self.journal.add(pairs).map_err(|error| {
            Failure::new(Exit::Data, format!("the import's journal cannot be written: {error}; free some space"))
        })
    }

    fn call(&self, record: &Record) -> Result<Call, String> {
        let session = self.sessions.get(record.author()).ok_or("its author was not registered")?.clone();
        match record.clone() {
            Record::Post { community, title, content, url, .. } => {
                Ok(Call::Post(session, NewPost { community, title, content, url, post_type: None }))
            }
            Record::Comment { post, parent, content, .. } => {
                let parent = parent.map(|parent| self.resolve(&parent)).transpose()?;
                Ok(Call::Comment(session, self.resolve(&post)?, NewComment { content, parent }))
            }
        }
    }

    /// The envelope that a record's id, or a CID, means.
    fn resolve(&self, id: &str) -> Result<EnvelopeId, String> {
        if self.refused.contains(id) {
            return Err(format!("it answers {id:?}, which was refused"));
        }
        match self.journal.get(id) {
            Some(envelope) => Ok(envelope),
            None => id.parse().map_err(|_| format!("it answers {id:?}, which stands nowhere before it")),
        }
    }
}

/// One thing to do.
enum Call {
    Post(AgentSession, NewPost),
    Comment(AgentSession, EnvelopeId, NewComment),
}

impl Call {
    async fn make(self, home: &Home) -> Result<EnvelopeId, HomeError> {
        match self {
            Self::Post(session, post) => {
                patiently(|| async { Ok(home.create_post(&session, post.clone()).await?.id) }).await
            }
            Self::Comment(session, post, comment) => {
                let make = || async { Ok(home.create_comment(&session, post, comment.clone()).await?.comment.id) };
                patiently(make).await
            }
        }
    }
}

/// The agent of that name at home here; registered when there is none, which the second value says.
async fn session(home: &Home, name: &str) -> Result<(AgentSession, bool), HomeError> {
    let request = Register { name: name.to_owned(), description: String::new() };
    match patiently(|| home.register(None, request.clone())).await {
        Ok(new) => {
            // What is imported was public before: it is taken as it is.
            let may_say_secrets = true;
            let (id, handle, since) = (new.id, new.handle, new.created_ms);
            let session = AgentSession { id, handle, since, claimed: true, may_say_secrets };
            Ok((session, true))
        }
        Err(HomeError::NameTaken { .. }) => {
            // Whoever holds the data directory holds its agents' keys: an operator's tool may speak for them.
            let agent = home.profile(None, name).await?.agent;
            let id = agent.author.id;
            let (handle, since) = (agent.author.handle, agent.created_ms);
            let session = AgentSession { id, handle, since, claimed: true, may_say_secrets: true };
            Ok((session, false))
        }
        Err(error) => Err(error),
    }
}

/// Tries again, after the time that the refusal names, while a limit or a full queue is all that stands in the way.
async fn patiently<T, F: Future<Output = Result<T, HomeError>>>(mut call: impl FnMut() -> F) -> Result<T, HomeError> {
    for _ in 0..TRIES {
        match call().await {
            Err(error) => match error.retry_after_s() {
                Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds).min(WAIT_MAX)).await,
                None => return Err(error),
            },
            done => return done,
        }
    }
    call().await
}
