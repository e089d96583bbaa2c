//! Takedowns as the control socket speaks of them.

use super::control::Answer;
use serde::{Deserialize, Serialize};
use tidepool_home::{AuditAct, AuditEntry, Home, HomeError, TakeDown, Takedown, TakedownOutcome};

/// Takedowns and acts of one answer, 2 KB each at most.
const PAGE: usize = 100;

/// What to take down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wish {
    /// An id, or the name of an agent.
    pub(crate) subject: String,
    /// Why.
    pub(crate) reason: String,
}

/// What is taken down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    /// An id.
    pub(crate) subject: String,
    /// Why.
    pub(crate) reason: String,
    /// With which list.
    pub(crate) list: Option<String>,
    /// Since when.
    pub(crate) since: String,
}

/// A line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Act {
    /// 1 for the first.
    pub(crate) number: u64,
    /// When.
    pub(crate) time: String,
    /// `take_down` or `lift`.
    pub(crate) act: String,
    /// To what.
    pub(crate) subject: String,
    /// Why.
    pub(crate) reason: String,
    /// With which list.
    pub(crate) list: Option<String>,
}

impl From<Takedown> for Taken {
    fn from(Takedown { subject, reason, list, since_ms }: Takedown) -> Self {
        Self { subject: subject.to_string(), reason, list, since: tidepool_api::iso(since_ms) }
    }
}

impl From<AuditEntry> for Act {
    fn from(AuditEntry { number, time_ms, act, subject, reason, list }: AuditEntry) -> Self {
        let act = match act {
            AuditAct::TakeDown => "take_down",
            AuditAct::Lift => "lift",
        };
        let (time, act) = (tidepool_api::iso(time_ms), act.to_owned());
        Self { number, time, act, subject: subject.to_string(), reason, list }
    }
}

fn failed(error: &HomeError) -> Answer {
    Answer::Failed { reason: error.to_string() }
}

pub(super) fn changed(done: Result<TakedownOutcome, HomeError>) -> Answer {
    match done {
        Ok(TakedownOutcome { changed, unchanged }) => {
            tracing::info!(changed, unchanged, "the operator changed what is taken down");
            Answer::Changed { changed, unchanged }
        }
        Err(error) => failed(&error),
    }
}

pub(super) async fn take_down(home: &Home, wishes: Vec<Wish>, list: Option<String>) -> Answer {
    let wishes = wishes.into_iter().map(|Wish { subject, reason }| TakeDown { subject, reason }).collect();
    changed(home.take_down(wishes, list).await)
}

pub(super) async fn page(home: &Home, after: Option<&str>) -> Answer {
    let page = async { home.takedowns(after.map(str::parse).transpose()?, PAGE).await };
    match page.await {
        Ok(items) => Answer::Takedowns { items: items.into_iter().map(Taken::from).collect() },
        Err(error) => failed(&error),
    }
}

pub(super) async fn audit(home: &Home, below: Option<u64>) -> Answer {
    match home.audit(below, PAGE).await {
        Ok(acts) => Answer::Audit { acts: acts.into_iter().map(Act::from).collect() },
        Err(error) => failed(&error),
    }
}
