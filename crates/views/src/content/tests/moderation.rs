//! The model's moderation, and its answers held against it.

use super::answers::all;
use super::model::{Model, Order, is_founder, order};
use super::world::{AGENTS, World, agent, body, community};
use crate::queries::moderation::{self, PINS_MAX, What};
use crate::queries::{Paging, State, communities, posts};
use std::collections::{BTreeMap, BTreeSet};
use tidepool_protocol::body::{Deed, Powers};
use tidepool_protocol::{AuthorId, Body, Envelope, EnvelopeId, Scope, Verified};

/// Which acts stand, and what they decide.
#[derive(Default)]
pub(super) struct Moderation {
    pub(super) grants: BTreeMap<EnvelopeId, (Scope, AuthorId, Powers)>,
    withdrawn: BTreeMap<EnvelopeId, BTreeSet<Scope>>,
    /// Acts, grants and withdrawals that stand.
    pub(super) standing: BTreeSet<EnvelopeId>,
    /// By target, scope and pair of deeds.
    decided: BTreeMap<(EnvelopeId, Scope, u8), (Order, bool)>,
    /// The latest rules of a community.
    rules: BTreeMap<Scope, (Order, Vec<String>)>,
}

const fn pair(deed: Deed) -> u8 {
    match deed {
        Deed::Remove | Deed::Restore => 0,
        Deed::Pin | Deed::Unpin => 1,
        Deed::Lock | Deed::Unlock => 2,
    }
}

impl Moderation {
    pub(super) fn of(envelopes: &[Verified<Envelope>]) -> Self {
        let by_id: BTreeMap<_, _> = envelopes.iter().map(|envelope| (envelope.id(), envelope)).collect();
        let mut model = Self::default();
        let mut named: BTreeSet<(EnvelopeId, EnvelopeId)> = BTreeSet::new();
        for envelope in envelopes.iter().filter(|said| is_founder(said.header().author, &said.header().scope)) {
            let scope = &envelope.header().scope;
            match body(envelope) {
                Body::Grant(grant) => {
                    model.grants.insert(envelope.id(), (scope.clone(), grant.agent.into(), grant.powers));
                }
                Body::Withdraw(withdraw) => {
                    model.withdrawn.entry(withdraw.grant).or_default().insert(scope.clone());
                    for head in withdraw.heads.iter().filter(|head| head.scope == *scope) {
                        let mut next = Some(head.id);
                        while let Some(found) = next.and_then(|id| by_id.get(&id)) {
                            if found.header().scope != *scope {
                                break;
                            }
                            named.insert((withdraw.grant, found.id()));
                            next = found.header().prev;
                        }
                    }
                }
                _ => continue,
            }
            model.standing.insert(envelope.id());
        }
        for envelope in envelopes {
            model.act(envelope, &named);
        }
        model
    }

    fn act(&mut self, envelope: &Verified<Envelope>, named: &BTreeSet<(EnvelopeId, EnvelopeId)>) {
        let (header, id) = (envelope.header(), envelope.id());
        let said = body(envelope);
        let (grant, power) = match &said {
            Body::Action(action) => (action.grant, action.deed.power()),
            Body::Settings(settings) => (settings.grant, Powers::SETTINGS),
            _ => return,
        };
        let by_grant = |grant: EnvelopeId| {
            let (scope, holder, powers) = self.grants.get(&grant)?;
            let is_withdrawn = self.withdrawn.get(&grant).is_some_and(|scopes| scopes.contains(scope));
            let stands = *scope == header.scope && *holder == header.author && powers.has(power);
            (stands && (!is_withdrawn || named.contains(&(grant, id)))).then_some(())
        };
        if !is_founder(header.author, &header.scope) && grant.and_then(by_grant).is_none() {
            return;
        }
        self.standing.insert(id);
        let at = order(envelope);
        match said {
            Body::Action(action) => {
                let key = (action.target, header.scope.clone(), pair(action.deed));
                if self.decided.get(&key).is_none_or(|(known, _)| *known < at) {
                    self.decided.insert(key, (at, action.deed.begins()));
                }
            }
            Body::Settings(settings) => {
                if let Some(rules) = settings.rules
                    && self.rules.get(&header.scope).is_none_or(|(known, _)| *known < at)
                {
                    self.rules.insert(header.scope.clone(), (at, rules));
                }
            }
            _ => {}
        }
    }

    pub(super) fn decided(&self, target: EnvelopeId, scope: &Scope, pair: u8) -> Option<(Order, bool)> {
        self.decided.get(&(target, scope.clone(), pair)).copied()
    }
}

/// Checks moderators, logs of moderation, pins, locks and rules.
pub(super) fn check(world: &World, model: &Model, envelopes: &[Verified<Envelope>], limit: usize) {
    for scope in (0..5).map(community) {
        let moderators = moderation::moderators(&world.memory, &scope).unwrap();
        let seen: BTreeSet<_> = moderators.iter().map(|found| (found.grant, found.agent.id)).collect();
        let known = model.moderation.grants.iter();
        let expected: BTreeSet<_> = known
            .filter(|(id, (place, _, _))| {
                let withdrawn = model.moderation.withdrawn.get(*id).is_some_and(|scopes| scopes.contains(place));
                *place == scope && !withdrawn
            })
            .map(|(id, (_, holder, _))| (*id, *holder))
            .collect();
        assert_eq!(seen, expected);
        for number in 0..AGENTS {
            let own = moderation::grants_of(&world.memory, &scope, &agent(number)).unwrap();
            assert_eq!(own.len(), expected.iter().filter(|(_, holder)| *holder == agent(number)).count());
        }
        let mut acts: Vec<_> = envelopes
            .iter()
            .filter(|said| said.header().scope == scope && model.moderation.standing.contains(&said.id()))
            .filter(|said| !model.reasons.contains_key(&said.id()))
            .map(|said| (said.header().time_ms, said.id()))
            .collect();
        acts.sort_unstable();
        let entries = all(|after| moderation::log(&world.memory, &scope, Paging::new(limit, after)));
        let seen: Vec<_> = entries.iter().rev().map(|entry| (entry.signed.time_ms, entry.signed.id)).collect();
        assert_eq!(seen, acts);
        for entry in &entries {
            if let What::Action { deed, target, now, .. } = &entry.what {
                let decided = model.moderation.decided(*target, &scope, pair(*deed)).unwrap();
                assert_eq!(now.unwrap_or(entry.signed.id), decided.0.3);
            }
        }
        let mut pinned: Vec<_> = model
            .posts()
            .filter(|item| item.scope == scope && item.pinned)
            .map(|item| (model.moderation.decided(item.id, &scope, 1).unwrap().0, item.id))
            .collect();
        pinned.sort_unstable();
        let pinned: Vec<_> = pinned.into_iter().rev().take(PINS_MAX).map(|(_, id)| id).collect();
        let seen = moderation::pins(&world.memory, &scope).unwrap();
        assert_eq!(seen.iter().map(|post| post.signed.id).collect::<Vec<_>>(), pinned);
        if let Some(found) = communities::get(&world.memory, &scope).unwrap() {
            let rules = model.moderation.rules.get(&scope).map(|(_, rules)| rules.clone());
            assert_eq!(found.rules, rules.unwrap_or_default());
        }
    }
    for item in model.items.values().filter(|item| item.comment.is_none()) {
        let post = posts::get(&world.memory, &item.id).unwrap().unwrap();
        assert_eq!((post.is_pinned, post.is_locked), (item.pinned, item.locked));
        if let State::Moderated { by } = post.state {
            assert_eq!(by, model.moderation.decided(item.id, &item.scope, 0).unwrap().0.3);
        }
        assert_eq!(matches!(post.state, State::Moderated { .. }), item.hidden && !item.removed);
    }
}
