//! What the operator took down, as the policies of this node ask for it at each look.
//!
//! On disk it is a row for each subject and a row for each act on it, written together; in memory a map, because every
//! item of every page is asked about. Nothing of it leaves the node, and no digest sees it.

mod row;

pub(crate) use row::{
    AuditRow, TakedownRow, audit_key, audit_range, number_of, subject_key, subject_of, takedown_key, takedowns_range,
};

use crate::error::HomeError;
use crate::model::{Item, Subject};
use crate::ports::{LocalPolicy, Rule};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use tidepool_kernel::StoreReader;

/// The name of the rule that readers of something taken down are told.
pub(crate) const RULE: &str = "takedown";

/// Subjects that are taken down, with why.
pub(crate) struct Takedowns {
    standing: RwLock<HashMap<Subject, Arc<str>>>,
    /// The number of the last act. Whoever acts holds it, so that acts come one after the other.
    pub(crate) acts: tokio::sync::Mutex<u64>,
}

impl Takedowns {
    /// What the store says. Reads all of it: call it where blocking is allowed.
    pub(crate) fn load(reader: &dyn StoreReader) -> Result<Self, HomeError> {
        let (from, to) = takedowns_range();
        let mut rows = Vec::new();
        reader.scan(&from, &to, &mut |key, value| {
            rows.push((key.to_vec(), value.clone()));
            true
        })?;
        let mut standing = HashMap::with_capacity(rows.len());
        for (key, value) in rows {
            let row: TakedownRow = crate::rows::decode(&value)?;
            standing.insert(subject_of(&key)?, row.reason.into());
        }
        let (from, to) = audit_range();
        let last = reader.last(&from, &to)?;
        let acts = last.map(|(key, _)| number_of(&key)).transpose()?.unwrap_or(0);
        Ok(Self { standing: RwLock::new(standing), acts: tokio::sync::Mutex::new(acts) })
    }

    /// Follows what was written: `Some` says why a subject is taken down, `None` that it no longer is.
    pub(crate) fn apply(&self, changes: impl IntoIterator<Item = (Subject, Option<Arc<str>>)>) {
        let mut standing = self.standing.write().unwrap_or_else(PoisonError::into_inner);
        for (subject, reason) in changes {
            match reason {
                Some(reason) => standing.insert(subject, reason),
                None => standing.remove(&subject),
            };
        }
    }

    pub(crate) fn is_down(&self, subject: &Subject) -> bool {
        self.reason(subject).is_some()
    }

    pub(crate) fn count(&self) -> usize {
        self.standing.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn reason(&self, subject: &Subject) -> Option<Arc<str>> {
        self.standing.read().unwrap_or_else(PoisonError::into_inner).get(subject).cloned()
    }
}

/// What was taken down, and the rule that the node was started with.
pub(crate) struct Combined {
    pub(crate) takedowns: Arc<Takedowns>,
    pub(crate) rule: Arc<dyn LocalPolicy>,
}

impl LocalPolicy for Combined {
    fn hides(&self, item: &Item<'_>) -> Option<Rule> {
        let (id, author) = match item {
            Item::Post(post) => (Some(post.id), post.author.id.into()),
            Item::Comment(comment) => (Some(comment.id), comment.author.id.into()),
            Item::Event { id, author, .. } => (Some(**id), *author),
            Item::Author(author) => (None, *author),
        };
        let reason = id.and_then(|id| self.takedowns.reason(&Subject::Envelope(id)));
        match reason.or_else(|| self.takedowns.reason(&Subject::Author(author))) {
            Some(reason) => Some(Rule { name: RULE.to_owned(), reason: reason.as_ref().to_owned() }),
            None => self.rule.hides(item),
        }
    }

    fn is_active(&self) -> bool {
        self.takedowns.count() > 0 || self.rule.is_active()
    }
}
