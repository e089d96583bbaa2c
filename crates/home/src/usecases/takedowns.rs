//! What the operator takes down on this node, lifts again, and reads of both. Agents reach none of this.

use crate::error::{HomeError, Thing, shown};
use crate::home::{Home, Inner};
use crate::limits::{LIST_CHARS_MAX, REASON_CHARS_MAX, TAKEDOWNS_AT_ONCE, TAKEDOWNS_MAX};
use crate::model::{AuditAct, AuditEntry, Subject, TakeDown, Takedown, TakedownOutcome};
use crate::rows;
use crate::takedown::{
    AuditRow, TakedownRow, audit_key, audit_range, number_of, subject_key, subject_of, takedown_key, takedowns_range,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use tidepool_kernel::{LocalRequest, RowExpect};
use tidepool_protocol::TimeMs;
use tidepool_views::RowWrite;

/// An act on one subject: `Some` takes it down, `None` lifts it.
type Wish = (Subject, Option<TakedownRow>);

impl Home {
    /// Takes things down, each for a reason of its own: from now on nothing of them is shown here. What is not known here
    /// yet is hidden when it comes. At most [`TAKEDOWNS_AT_ONCE`] in one call, all of them or none.
    ///
    /// # Errors
    /// [`HomeError::Invalid`] for a subject, a reason or a list's name out of form, or beyond [`TAKEDOWNS_MAX`] subjects;
    /// the store's failure.
    pub async fn take_down(&self, wishes: Vec<TakeDown>, list: Option<String>) -> Result<TakedownOutcome, HomeError> {
        check_count(wishes.len())?;
        if let Some(list) = &list {
            check_text("list", list, LIST_CHARS_MAX, "1 to 80 characters on one line")?;
        }
        let since_ms = self.now();
        let wishes = self
            .read(move |inner| {
                wishes
                    .into_iter()
                    .map(|TakeDown { subject, reason }| {
                        check_reason(&reason)?;
                        let row = TakedownRow { reason, list: list.clone(), since_ms };
                        Ok((inner.subject_named(&subject)?, Some(row)))
                    })
                    .collect::<Result<Vec<Wish>, HomeError>>()
            })
            .await?;
        self.act(wishes, None).await
    }

    /// Shows again what was taken down, for a reason that the audit log keeps.
    ///
    /// # Errors
    /// As [`Home::take_down`].
    pub async fn lift(&self, subjects: Vec<String>, reason: String) -> Result<TakedownOutcome, HomeError> {
        check_count(subjects.len())?;
        check_reason(&reason)?;
        let named = move |inner: &Inner| {
            subjects.iter().map(|subject| Ok((inner.subject_named(subject)?, None))).collect::<Result<Vec<Wish>, _>>()
        };
        let wishes = self.read(named).await?;
        self.act(wishes, Some(reason)).await
    }

    /// Shows again everything that was taken down with one list.
    ///
    /// # Errors
    /// [`HomeError::Invalid`] for a list of which nothing is taken down, or a reason out of form; the store's failure,
    /// before which some of it may be shown again.
    pub async fn lift_list(&self, list: String, reason: String) -> Result<TakedownOutcome, HomeError> {
        check_reason(&reason)?;
        let name = list.clone();
        let of_list = move |inner: &Inner| {
            let mut found = Vec::new();
            for (subject, row) in inner.standing_takedowns(None, usize::MAX)? {
                if row.list.as_ref() == Some(&name) {
                    found.push((subject, None));
                }
            }
            Ok(found)
        };
        let wishes: Vec<Wish> = self.read(of_list).await?;
        if wishes.is_empty() {
            let allowed = "the name of a list of which something is taken down; `tidepool takedown list` shows them";
            return Err(HomeError::Invalid { field: "list", seen: shown(&list), allowed });
        }
        let mut outcome = TakedownOutcome::default();
        for some in wishes.chunks(TAKEDOWNS_AT_ONCE) {
            let done = self.act(some.to_vec(), Some(reason.clone())).await?;
            outcome.changed += done.changed;
            outcome.unchanged += done.unchanged;
        }
        Ok(outcome)
    }

    /// What is taken down, in the order of the ids, behind `after`; at most `limit`.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn takedowns(&self, after: Option<Subject>, limit: usize) -> Result<Vec<Takedown>, HomeError> {
        self.read(move |inner| {
            let found = inner.standing_takedowns(after, limit)?;
            let shown = found.into_iter().map(|(subject, TakedownRow { reason, list, since_ms })| Takedown {
                subject,
                reason,
                list,
                since_ms,
            });
            Ok(shown.collect())
        })
        .await
    }

    /// The audit log, the latest first, before the act of number `below`; at most `limit`.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn audit(&self, below: Option<u64>, limit: usize) -> Result<Vec<AuditEntry>, HomeError> {
        self.read(move |inner| inner.audit(below, limit)).await
    }

    /// How much is taken down.
    #[must_use]
    pub fn takedown_count(&self) -> usize {
        self.inner.takedowns.count()
    }

    /// Writes what is another way afterwards, with a line of the audit log each, and lets readers see it. Goes on to its
    /// end when nobody waits for it any more: what is on disk and what is shown must not differ.
    async fn act(&self, wishes: Vec<Wish>, lifted_for: Option<String>) -> Result<TakedownOutcome, HomeError> {
        let home = self.clone();
        let task = tokio::spawn(async move { home.act_now(wishes, lifted_for).await });
        task.await.map_err(|_| HomeError::Stopping)?
    }

    async fn act_now(&self, wishes: Vec<Wish>, lifted_for: Option<String>) -> Result<TakedownOutcome, HomeError> {
        let takedowns = &self.inner.takedowns;
        let mut last = takedowns.acts.lock().await;
        let now = self.now();
        let all = wishes.len();
        // The same subject twice in one request is one act.
        let wishes: BTreeMap<Subject, Option<TakedownRow>> = wishes.into_iter().collect();
        let wishes: Vec<Wish> =
            wishes.into_iter().filter(|(subject, wish)| wish.is_some() != takedowns.is_down(subject)).collect();
        let more = wishes.iter().filter(|(_, wish)| wish.is_some()).count();
        if takedowns.count() + more > TAKEDOWNS_MAX {
            let seen = (takedowns.count() + more).to_string();
            return Err(HomeError::Invalid { field: "takedowns", seen, allowed: "200,000 in all; lift some first" });
        }
        let outcome = TakedownOutcome { changed: wishes.len(), unchanged: all - wishes.len() };
        if wishes.is_empty() {
            return Ok(outcome);
        }
        let (mut rows, mut expect) = (Vec::new(), Vec::new());
        for (number, (subject, wish)) in (*last + 1..).zip(&wishes) {
            rows.extend(act_rows(number, now, subject, wish.as_ref(), lifted_for.as_deref()));
            expect.push(RowExpect { key: audit_key(number), value: None });
        }
        self.request(LocalRequest::Write { rows, expect }).await?;
        *last += wishes.len() as u64;
        takedowns.apply(wishes.into_iter().map(|(subject, wish)| (subject, wish.map(|row| Arc::from(row.reason)))));
        // Events were judged when they were made: those that are kept ready are judged anew.
        self.inner.tail.renew();
        Ok(outcome)
    }
}

impl Inner {
    /// What the operator means: an id, or the name of an agent.
    fn subject_named(&self, text: &str) -> Result<Subject, HomeError> {
        let parsed = text.parse::<Subject>();
        if parsed.is_ok() || text.starts_with("did:") {
            return parsed;
        }
        match self.agent_named(text) {
            Ok(agent) => Ok(Subject::Author(agent.into())),
            Err(HomeError::NotFound { what: Thing::Agent, .. }) => Err(HomeError::Invalid {
                field: "subject",
                seen: shown(text),
                allowed: "the id of a post, a comment or another envelope (bafyrei…), or of an author (did:tide:…), or the \
                          name of an agent that is known here",
            }),
            Err(error) => Err(error),
        }
    }

    fn standing_takedowns(
        &self,
        after: Option<Subject>,
        limit: usize,
    ) -> Result<Vec<(Subject, TakedownRow)>, HomeError> {
        let (first, to) = takedowns_range();
        let from = match after {
            Some(subject) => [&takedown_key(&subject)[..], &[0]].concat().into(),
            None => first,
        };
        let mut rows = Vec::new();
        self.reader().scan(&from, &to, &mut |key, value| {
            rows.push((key.to_vec(), value.clone()));
            rows.len() < limit
        })?;
        rows.iter().map(|(key, value)| Ok((subject_of(key)?, rows::decode(value)?))).collect()
    }

    fn audit(&self, below: Option<u64>, limit: usize) -> Result<Vec<AuditEntry>, HomeError> {
        let (from, end) = audit_range();
        let to = below.map_or(end, audit_key);
        let mut rows = Vec::new();
        self.reader().scan_back(&from, &to, &mut |key, value| {
            rows.push((key.to_vec(), value.clone()));
            rows.len() < limit
        })?;
        rows.iter()
            .map(|(key, value)| {
                let row: AuditRow = rows::decode(value)?;
                let act = if row.is_takedown { AuditAct::TakeDown } else { AuditAct::Lift };
                let (number, subject) = (number_of(key)?, subject_of(&row.subject)?);
                Ok(AuditEntry { number, time_ms: row.time_ms, act, subject, reason: row.reason, list: row.list })
            })
            .collect()
    }
}

/// The rows of one act: the takedown, there or gone, and its line of the audit log.
fn act_rows(
    number: u64,
    time_ms: TimeMs,
    subject: &Subject,
    wish: Option<&TakedownRow>,
    lifted_for: Option<&str>,
) -> [RowWrite; 2] {
    let key = takedown_key(subject);
    let (row, reason, list) = match wish {
        Some(row) => (rows::put(key, row), row.reason.as_str(), row.list.clone()),
        None => (rows::delete(key), lifted_for.unwrap_or_default(), None),
    };
    let act = AuditRow {
        time_ms,
        is_takedown: wish.is_some(),
        subject: subject_key(subject).into(),
        reason: reason.to_owned(),
        list,
    };
    [row, rows::put(audit_key(number), &act)]
}

fn check_count(count: usize) -> Result<(), HomeError> {
    if (1..=TAKEDOWNS_AT_ONCE).contains(&count) {
        return Ok(());
    }
    Err(HomeError::Invalid { field: "subjects", seen: count.to_string(), allowed: "1 to 256 at once" })
}

fn check_reason(reason: &str) -> Result<(), HomeError> {
    check_text("reason", reason, REASON_CHARS_MAX, "1 to 500 characters on one line")
}

fn check_text(field: &'static str, text: &str, most: usize, allowed: &'static str) -> Result<(), HomeError> {
    let fits = !text.trim().is_empty() && text.chars().count() <= most && !text.contains(char::is_control);
    if fits { Ok(()) } else { Err(HomeError::Invalid { field, seen: shown(text), allowed }) }
}
