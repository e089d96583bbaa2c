//! The same answers computed the slow way: from the whole set, with maps and sorts, and nothing kept between questions.

use super::moderation::Moderation;
use super::world::body;
use crate::queries::{CommentSort, Sort, Window};
use crate::rank::{self, Votes};
use crate::testing::network;
use crate::void::VoidReason;
use std::collections::{BTreeMap, BTreeSet};
use tidepool_protocol::body::{Comment, Deed, Edit};
use tidepool_protocol::limits::COMMENT_CHARS_MAX;
use tidepool_protocol::scope::Fingerprint;
use tidepool_protocol::{AuthorId, Body, Envelope, EnvelopeId, Scope, TimeMs, Verified};

pub(super) type Order = (TimeMs, u64, u64, EnvelopeId);

pub(super) fn order(envelope: &Envelope) -> Order {
    let header = envelope.header();
    (header.time_ms, header.epoch.0, header.seq, envelope.id())
}

/// A post or comment.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) id: EnvelopeId,
    pub(crate) author: AuthorId,
    pub(crate) scope: Scope,
    pub(crate) time: TimeMs,
    pub(crate) comment: Option<Comment>,
    pub(crate) title: String,
    pub(crate) content: String,
    pub(crate) removed: bool,
    pub(crate) hidden: bool,
    pub(crate) pinned: bool,
    pub(crate) locked: bool,
    pub(crate) attached: bool,
    pub(crate) votes: Votes,
}

impl Item {
    pub(crate) fn visible(&self) -> bool {
        self.attached && !self.gone()
    }

    pub(crate) fn gone(&self) -> bool {
        self.removed || self.hidden
    }
}

/// Everything that follows from a set of envelopes.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) items: BTreeMap<EnvelopeId, Item>,
    pub(crate) reasons: BTreeMap<EnvelopeId, VoidReason>,
    /// Winners of every yes-or-no register: (order, on).
    pub(crate) follows: BTreeMap<(AuthorId, AuthorId, bool), (Order, bool)>,
    pub(crate) subscriptions: BTreeMap<(AuthorId, Scope), (Order, bool)>,
    pub(crate) charters: BTreeMap<Scope, BTreeSet<Order>>,
    votes: BTreeMap<(EnvelopeId, Scope, AuthorId), (Order, i8)>,
    pub(crate) moderation: Moderation,
}

fn is_place(scope: &Scope) -> bool {
    match scope {
        Scope::Open(name) => network().communities.contains(name),
        other => matches!(other, Scope::Owned(_, _)),
    }
}

pub(super) fn is_founder(author: AuthorId, scope: &Scope) -> bool {
    matches!(scope, Scope::Owned(name, fp) if Fingerprint::of(author.as_agent(), name) == *fp)
}

fn greatest<K: Ord, V>(map: &mut BTreeMap<K, (Order, V)>, key: K, order: Order, value: V) {
    if map.get(&key).is_none_or(|(known, _)| *known < order) {
        map.insert(key, (order, value));
    }
}

impl Model {
    pub(crate) fn of(envelopes: &[Verified<Envelope>]) -> Self {
        let mut model = Self::default();
        for envelope in envelopes {
            model.read(envelope);
        }
        model.attach();
        for envelope in envelopes {
            model.speak_of(envelope);
        }
        model.edit(envelopes);
        model.moderation = Moderation::of(envelopes);
        model.moderate(envelopes);
        model.count();
        model
    }

    fn read(&mut self, envelope: &Verified<Envelope>) {
        let (header, id) = (envelope.header(), envelope.id());
        let (author, scope) = (header.author, header.scope.clone());
        let home = scope == Scope::Agent(author.as_agent());
        let permitted = match body(envelope) {
            Body::Post(_) | Body::Comment(_) | Body::Edit(_) | Body::Tombstone(_) | Body::Vote(_) => is_place(&scope),
            Body::Profile(_) | Body::Card(_) | Body::MailKey(_) | Body::Subscribe(_) => home,
            Body::Charter(_) | Body::Grant(_) | Body::Withdraw(_) => is_founder(author, &scope),
            Body::Report(_) => is_place(&scope),
            Body::Follow(follow) => AuthorId::from(follow.target) != author,
            _ => true,
        };
        if !permitted {
            self.reasons.insert(id, VoidReason::NotPermitted);
            return;
        }
        let item = |comment: Option<Comment>, title: String, content: String| Item {
            id,
            author,
            scope: scope.clone(),
            time: header.time_ms,
            attached: comment.is_none(),
            comment,
            title,
            content,
            removed: false,
            hidden: false,
            pinned: false,
            locked: false,
            votes: Votes::default(),
        };
        match body(envelope) {
            Body::Post(post) => {
                self.items.insert(id, item(None, post.title, post.content));
            }
            Body::Comment(comment) => {
                let content = comment.content.clone();
                self.items.insert(id, item(Some(comment), String::new(), content));
            }
            Body::Vote(vote) => greatest(&mut self.votes, (vote.target, scope, author), order(envelope), vote.value),
            Body::Follow(follow) if home || scope == Scope::Agent(follow.target) => {
                greatest(&mut self.follows, (author, follow.target.into(), home), order(envelope), follow.on);
            }
            Body::Follow(_) => {
                self.reasons.insert(id, VoidReason::ScopeMismatch);
            }
            Body::Subscribe(subscribe) => {
                greatest(&mut self.subscriptions, (author, subscribe.community), order(envelope), subscribe.on);
            }
            Body::Charter(_) => {
                self.charters.entry(scope).or_default().insert(order(envelope));
            }
            _ => {}
        }
    }

    fn attach(&mut self) {
        loop {
            let fits = |item: &Item| -> Option<bool> {
                let comment = item.comment.as_ref()?;
                let parent = self.items.get(&comment.parent)?;
                Some(misfit(parent, item, comment).is_none() && parent.attached && !item.attached)
            };
            let found: Vec<_> =
                self.items.values().filter(|item| fits(item) == Some(true)).map(|item| item.id).collect();
            if found.is_empty() {
                break;
            }
            for id in found {
                self.items.get_mut(&id).unwrap().attached = true;
            }
        }
        for item in self.items.values() {
            if let Some(comment) = &item.comment
                && let Some(parent) = self.items.get(&comment.parent)
                && let Some(reason) = misfit(parent, item, comment)
            {
                self.reasons.insert(item.id, reason);
            }
        }
    }

    /// Judges votes, edits and tombstones against their targets.
    fn speak_of(&mut self, envelope: &Verified<Envelope>) {
        let header = envelope.header();
        let (target, is_vote) = match body(envelope) {
            Body::Vote(vote) => (vote.target, true),
            Body::Edit(edit) => (edit.target, false),
            Body::Tombstone(tombstone) => (tombstone.target, false),
            _ => return,
        };
        let Some(item) = self.items.get_mut(&target).filter(|_| !self.reasons.contains_key(&envelope.id())) else {
            return;
        };
        let own = item.author == header.author;
        let reason = match (is_vote, own, item.scope == header.scope) {
            (true, _, false) | (false, true, false) => VoidReason::ScopeMismatch,
            (true, true, true) => VoidReason::OwnVote,
            (false, false, _) => VoidReason::ForeignTarget,
            (true, false, true) => return,
            (false, true, true) => {
                item.removed |= matches!(body(envelope), Body::Tombstone(_));
                return;
            }
        };
        self.reasons.insert(envelope.id(), reason);
    }

    fn moderate(&mut self, envelopes: &[Verified<Envelope>]) {
        for envelope in envelopes {
            let (header, id) = (envelope.header(), envelope.id());
            let stands = self.moderation.standing.contains(&id);
            match body(envelope) {
                Body::Settings(_) | Body::Action(_) if !stands => {
                    self.reasons.insert(id, VoidReason::NotPermitted);
                }
                Body::Action(action) => {
                    let Some(item) = self.items.get(&action.target) else { continue };
                    if item.scope != header.scope {
                        self.reasons.insert(id, VoidReason::ScopeMismatch);
                    } else if item.comment.is_some() && !matches!(action.deed, Deed::Remove | Deed::Restore) {
                        self.reasons.insert(id, VoidReason::TargetKind);
                    }
                }
                _ => {}
            }
        }
        for item in self.items.values_mut() {
            let on = |pair| self.moderation.decided(item.id, &item.scope, pair).is_some_and(|(_, on)| on);
            item.hidden = on(0);
            item.pinned = on(1) && item.comment.is_none();
            item.locked = on(2) && item.comment.is_none();
        }
    }

    fn edit(&mut self, envelopes: &[Verified<Envelope>]) {
        let mut edits: Vec<(Order, Edit)> = envelopes
            .iter()
            .filter(|envelope| !self.reasons.contains_key(&envelope.id()))
            .filter_map(|envelope| match body(envelope) {
                Body::Edit(edit) => Some((order(envelope), edit)),
                _ => None,
            })
            .collect();
        edits.sort_by_key(|(order, _)| *order);
        for (_, edit) in edits {
            let Some(item) = self.items.get_mut(&edit.target) else { continue };
            let is_post = item.comment.is_none();
            if let Some(title) = edit.title.filter(|_| is_post) {
                item.title = title;
            }
            let fits = |text: &String| is_post || (1..=COMMENT_CHARS_MAX).contains(&text.chars().count());
            if let Some(content) = edit.content.filter(fits) {
                item.content = content;
            }
        }
    }

    fn count(&mut self) {
        for ((target, scope, voter), (_, value)) in &self.votes {
            let Some(item) = self.items.get_mut(target).filter(|item| item.scope == *scope && item.author != *voter)
            else {
                continue;
            };
            match value {
                1 => item.votes.up += 1,
                -1 => item.votes.down += 1,
                _ => {}
            }
        }
    }

    pub(crate) fn vote(&self, voter: AuthorId, target: EnvelopeId) -> i8 {
        let Some(item) = self.items.get(&target).filter(|item| item.author != voter) else { return 0 };
        self.votes.get(&(target, item.scope.clone(), voter)).map_or(0, |(_, value)| *value)
    }

    pub(crate) fn posts(&self) -> impl Iterator<Item = &Item> {
        self.items.values().filter(|item| item.comment.is_none() && item.visible())
    }

    pub(crate) fn comments(&self) -> impl Iterator<Item = &Item> {
        self.items.values().filter(|item| item.comment.is_some() && item.visible())
    }

    /// Comments of the whole tree below a post that count.
    pub(crate) fn comment_count(&self, post: EnvelopeId) -> u64 {
        self.comments().filter(|item| item.comment.as_ref().unwrap().root == post).count() as u64
    }

    pub(crate) fn following(&self, agent: AuthorId) -> Vec<AuthorId> {
        let on = self.follows.iter().filter(|((from, _, home), (_, on))| *from == agent && *home && *on);
        let mut found: Vec<_> = on.map(|((_, to, _), (order, _))| (std::cmp::Reverse(order.0), *to)).collect();
        found.sort();
        found.into_iter().map(|(_, to)| to).collect()
    }

    pub(crate) fn followers(&self, agent: AuthorId) -> Vec<AuthorId> {
        let on = self.follows.iter().filter(|((_, to, home), (_, on))| *to == agent && !*home && *on);
        on.map(|((from, _, _), _)| *from).collect()
    }

    pub(crate) fn subscribed(&self, agent: AuthorId) -> BTreeSet<Scope> {
        let on = self.subscriptions.iter().filter(|((who, _), (_, on))| *who == agent && *on);
        on.map(|((_, scope), _)| scope.clone()).collect()
    }

    /// The ids of some posts in a sort's order.
    pub(crate) fn sorted(posts: Vec<&Item>, sort: Sort, now: TimeMs) -> Vec<EnvelopeId> {
        let since = match sort {
            Sort::Top(window) => window.length_ms().map_or(0, |length| now.0 - length),
            _ => 0,
        };
        let mut keyed: Vec<_> = posts
            .into_iter()
            .filter(|item| item.time.0 >= since)
            .map(|item| {
                let (score, time) = (item.votes.score(), item.time);
                let key = match sort {
                    Sort::Hot => (rank::hot(score, time), TimeMs(0)),
                    Sort::New => (0, time),
                    Sort::Top(_) => (score, time),
                    Sort::Rising => (rank::rising(score, time, now), time),
                    Sort::Best => (rank::best(item.votes), time),
                };
                (key, item.id)
            })
            .collect();
        keyed.sort();
        keyed.into_iter().rev().map(|(_, id)| id).collect()
    }

    /// The comments that answer `parent`, in a sort's order.
    pub(crate) fn answers(&self, parent: EnvelopeId, sort: CommentSort) -> Vec<EnvelopeId> {
        let answers = self
            .items
            .values()
            .filter(|item| item.attached && item.comment.as_ref().is_some_and(|comment| comment.parent == parent));
        let mut keyed: Vec<_> = answers
            .map(|item| {
                let late = i128::from(item.time.0);
                let key = match sort {
                    CommentSort::Best => (i128::from(rank::best(item.votes)), late),
                    CommentSort::New => (0, late),
                    CommentSort::Old => (0, -late),
                    CommentSort::Top => (i128::from(item.votes.score()), -late),
                    CommentSort::Controversial => (i128::from(rank::controversial(item.votes)), late),
                };
                (key, item.id)
            })
            .collect();
        // Of two of one time, old shows the lesser id first: it is new the other way round.
        keyed.sort_by(|(a, x), (b, y)| b.cmp(a).then(if sort == CommentSort::Old { x.cmp(y) } else { y.cmp(x) }));
        keyed.into_iter().map(|(_, id)| id).collect()
    }

    pub(crate) fn windows() -> [Window; 6] {
        [Window::Hour, Window::Day, Window::Week, Window::Month, Window::Year, Window::All]
    }
}

fn misfit(parent: &Item, item: &Item, comment: &Comment) -> Option<VoidReason> {
    if parent.scope != item.scope {
        return Some(VoidReason::ScopeMismatch);
    }
    let fits = match &parent.comment {
        None => comment.root == parent.id && comment.depth == 0,
        Some(above) => comment.root == above.root && comment.depth == above.depth + 1,
    };
    if fits { None } else { Some(VoidReason::ParentMismatch) }
}
