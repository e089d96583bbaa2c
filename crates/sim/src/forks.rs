//! Honest agents whose logs forked because a copy of their home's directory was brought back: their owners name the branch
//! that stands, and then it stands everywhere, and no other does.

use crate::report::Violation;
use crate::world::World;
use std::collections::{BTreeMap, BTreeSet};
use tidepool_protocol::envelope::LogId;
use tidepool_protocol::limits::EPOCHS_PER_WEEK;
use tidepool_protocol::{AuthorId, Envelope, EnvelopeId, Epoch, PublicKey, Scope, Verified};
use tidepool_views::logs::{self, LogView};
use tidepool_views::testing::Writer;
use tidepool_views::{Rows, identity, index};

/// Logs of one agent that are looked through.
const LOGS_MAX: usize = 256;

/// The log of one author by scope, key and epoch.
type LogName = (Scope, PublicKey, Epoch);

/// A branch that a `keep` names.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    agent: usize,
    log: LogName,
    head: EnvelopeId,
}

/// What each envelope names as its predecessor.
type Before = BTreeMap<EnvelopeId, Option<EnvelopeId>>;

fn name_of(view: &LogView) -> LogName {
    (view.head.scope.clone(), view.head.key, view.head.epoch)
}

/// Whether `older` is `id` or comes before it in its line.
fn leads_to(before: &Before, older: EnvelopeId, id: EnvelopeId) -> bool {
    let mut at = Some(id);
    while let Some(id) = at {
        if id == older {
            return true;
        }
        at = before.get(&id).copied().flatten();
    }
    false
}

fn views_of(rows: &dyn Rows, author: AuthorId) -> Vec<LogView> {
    logs::view(rows, author, None, None, LOGS_MAX).unwrap_or_default()
}

impl World<'_> {
    /// Whether the logs of `agent` may fork: its home was brought back from a copy.
    pub(crate) fn may_fork(&self, agent: usize) -> bool {
        self.members[self.cast.home(agent)].copied
    }

    /// Whether a restored home may have opened a log that its original opened, too: a further one of a week, of which the
    /// backup knew nothing. What the backup knew, and the first log of a week, no restore forks.
    pub(crate) fn could_not_know(&self, agent: usize, log: &LogId) -> bool {
        let known = &self.members[self.cast.home(agent)].known;
        let is_first = log.epoch.0.is_multiple_of(EPOCHS_PER_WEEK);
        !is_first && known.as_ref().is_some_and(|known| !known.contains(log))
    }

    fn envelopes_of(&self, author: AuthorId) -> BTreeMap<EnvelopeId, Verified<Envelope>> {
        let all = self.members[0].disk.all().into_iter().map(|stored| stored.envelope);
        all.filter(|envelope| envelope.header().author == author).map(|envelope| (envelope.id(), envelope)).collect()
    }

    /// The owners of forked logs name a branch of each. Whether there were any.
    pub(crate) fn name_branches(&mut self) -> bool {
        for agent in 0..self.scenario.agents {
            if self.may_fork(agent) {
                self.name_branches_of(agent);
            }
        }
        !self.named.is_empty()
    }

    fn name_branches_of(&mut self, agent: usize) {
        let author = self.cast.agents[agent].author();
        let forked: Vec<LogView> = views_of(&self.members[0].disk, author)
            .into_iter()
            .filter(|view| !view.forks.is_empty() && view.branches.len() > 1)
            .collect();
        if forked.is_empty() {
            return;
        }
        let envelopes = self.envelopes_of(author);
        let before: Before = envelopes.iter().map(|(id, envelope)| (*id, envelope.header().prev)).collect();
        let mut of_line: BTreeMap<(Scope, PublicKey), Vec<(Epoch, LogView)>> = BTreeMap::new();
        for view in forked {
            let (scope, key, epoch) = name_of(&view);
            of_line.entry((scope, key)).or_default().push((epoch, view));
        }
        let mut heads: BTreeMap<Scope, Vec<EnvelopeId>> = BTreeMap::new();
        for ((scope, key), mut views) in of_line {
            views.sort_by_key(|(epoch, _)| std::cmp::Reverse(*epoch));
            let mut last: Option<EnvelopeId> = None;
            for (epoch, view) in views {
                self.coverage.count("logs of honest agents that forked");
                // The newest log's by chance; in older ones what it goes on from.
                let leading = view.branches.iter().find(|end| last.is_some_and(|id| leads_to(&before, end.id, id)));
                let head = match leading {
                    Some(end) => end.id,
                    None => match self.delivery.pick(&view.branches) {
                        Some(end) => end.id,
                        None => continue,
                    },
                };
                last = Some(head);
                heads.entry(scope.clone()).or_default().push(head);
                self.named.push(Named { agent, log: (scope.clone(), key, epoch), head });
            }
        }
        for (scope, heads) in heads {
            self.say_which_stand(agent, scope, &heads, &envelopes);
        }
    }

    fn say_which_stand(
        &mut self,
        agent: usize,
        scope: Scope,
        heads: &[EnvelopeId],
        envelopes: &BTreeMap<EnvelopeId, Verified<Envelope>>,
    ) {
        let home = self.cast.home(agent);
        let own = &self.cast.agents[agent];
        let Ok(Some(identity)) = identity::current(&self.members[0].disk, own.author()) else { return };
        let mut owner = Writer::new(own.author(), identity.state.operation, &own.rotation[0], scope);
        owner.time_ms = self.clock(home).max(identity.state.time_ms);
        owner.epoch = Epoch::first_of(owner.time_ms);
        let named: Vec<&Verified<Envelope>> = heads.iter().filter_map(|id| envelopes.get(id)).collect();
        let keep = owner.keep(&named);
        self.submit_keep(home, agent, keep.bytes());
    }

    /// What a `keep` names stands at every node that holds its log, with what leads to it, and no other branch does.
    pub(crate) fn check_branches(&mut self) {
        let mut ignored: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let agents: BTreeSet<usize> = self.named.iter().map(|named| named.agent).collect();
        for agent in agents {
            let author = self.cast.agents[agent].author();
            let before: Before =
                self.envelopes_of(author).into_iter().map(|(id, envelope)| (id, envelope.header().prev)).collect();
            for (at, member) in self.members.iter().enumerate() {
                let views: BTreeMap<LogName, LogView> =
                    views_of(&member.disk, author).into_iter().map(|view| (name_of(&view), view)).collect();
                for named in self.named.iter().filter(|named| named.agent == agent) {
                    if !member.covers(named.log.0.slot()) {
                        continue;
                    }
                    let view = views.get(&named.log);
                    // Of a log of which it lacks what lies behind its horizon, a node cannot say what stands.
                    let whole = || before.keys().all(|id| matches!(index::get(&member.disk, id), Ok(Some(_))));
                    if member.prunes() && !whole() {
                        continue;
                    }
                    let stands = view.is_some_and(|view| {
                        let on_branch = |id| leads_to(&before, named.head, id) || leads_to(&before, id, named.head);
                        let ends = || view.branches.iter();
                        ends().any(|end| end.stands && leads_to(&before, named.head, end.id))
                            && ends().all(|end| end.stands == on_branch(end.id))
                    });
                    if !stands {
                        *ignored.entry((at, agent)).or_default() += 1;
                    }
                }
            }
        }
        let ignored = ignored.into_iter();
        self.violations.extend(ignored.map(|((node, agent), logs)| Violation::KeepIgnored { node, agent, logs }));
    }
}
