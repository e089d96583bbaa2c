//! Properties: every order of arrival gives the same answers, folding the log again gives the same rows, and what is
//! void leaves the answers as if it had never come.
//!
//! A play is made of moves on two agents' logs, identities, `keep`s and checkpoints. What it is about is drawn, what it
//! becomes is signed once; then the same envelopes come in several orders.

use crate::queries::{CommentFeed, Feed, Paging, Sort, Window, agents, comments, posts, stats};
use crate::testing::{Memory, T0, TestAgent, TestNode, Writer, network, salt, secret};
use crate::void::{self, VoidReason};
use crate::{identity, index, logs};
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use tidepool_protocol::body::{Comment, Edit, Tombstone};
use tidepool_protocol::identity::IdentityState;
use tidepool_protocol::{
    AgentId, AuthorId, Body, Envelope, EnvelopeId, Kind, PublicKey, Scope, SecretKey, Signer, TimeMs, Verified,
};

/// What an agent does next. Indices choose among what there is by then.
#[derive(Clone, Debug)]
enum Move {
    /// Goes on in a log.
    Write(Index),
    /// Goes on in a log with something about an earlier envelope.
    React(Index, Index, u8),
    /// Goes on from an earlier state of a log: the next write forks it.
    Rewind(Index, Index),
    /// Goes on in the next epoch.
    NextLog(Index),
    /// Forgets what came before: the next write contradicts it.
    Mistake(Index, bool),
    /// Begins to write with another key or in another scope.
    Open(Index, Index),
    /// A rotation key names heads.
    Keep(Index, Vec<Index>),
    /// A checkpoint, countersigned or not.
    Checkpoint(Vec<Index>, bool),
    /// An operation of the identity that extends any state that there is.
    Operate(Index, Index, Index, bool),
}

fn a_move() -> impl Strategy<Value = Move> {
    let index = any::<Index>;
    prop_oneof![
        8 => index().prop_map(Move::Write),
        6 => (index(), index(), any::<u8>()).prop_map(|(log, target, what)| Move::React(log, target, what)),
        4 => (index(), index()).prop_map(|(log, at)| Move::Rewind(log, at)),
        1 => index().prop_map(Move::NextLog),
        1 => (index(), any::<bool>()).prop_map(|(log, time)| Move::Mistake(log, time)),
        2 => (index(), index()).prop_map(|(key, scope)| Move::Open(key, scope)),
        3 => (index(), proptest::collection::vec(index(), 1..4)).prop_map(|(key, heads)| Move::Keep(key, heads)),
        1 => (proptest::collection::vec(index(), 1..4), any::<bool>()).prop_map(|(heads, signed)| Move::Checkpoint(heads, signed)),
        2 => (index(), index(), index(), any::<bool>()).prop_map(|(state, signer, what, co)| Move::Operate(state, signer, what, co)),
    ]
}

struct Cast {
    node: TestNode,
    agent: TestAgent,
    other: TestAgent,
}

static CAST: LazyLock<Cast> = LazyLock::new(|| {
    let node = TestNode::new(100);
    let agent = TestAgent::new(200, "Ada", &node, 3);
    let other = TestAgent::new(300, "Bob", &node, 1);
    Cast { node, agent, other }
});

fn scopes() -> [Scope; 2] {
    ["c/general".parse().unwrap(), Scope::Agent(CAST.agent.id)]
}

/// Keys that operations bring in: signing keys 900 and 901, rotation keys 950 and 951.
fn key_sets() -> Vec<(Vec<SecretKey>, Vec<SecretKey>)> {
    let agent = &CAST.agent;
    let first = agent.rotation.clone();
    // Ada's first keys may come back after they were closed; Bob's never change.
    vec![
        (vec![agent.key.clone(), secret(900)], first.clone()),
        (vec![secret(900)], first.clone()),
        (vec![secret(900), secret(901)], vec![first[0].clone(), secret(950)]),
        (vec![agent.key.clone()], vec![secret(950), secret(951)]),
    ]
}

fn all_keys() -> Vec<SecretKey> {
    let agent = &CAST.agent;
    let mut keys = vec![agent.key.clone(), secret(900), secret(901), secret(950), secret(951)];
    keys.extend(agent.rotation.iter().cloned());
    keys.push(CAST.other.key.clone());
    keys
}

fn secret_of(key: &PublicKey) -> SecretKey {
    all_keys().into_iter().find(|secret| secret.public_key() == *key).unwrap()
}

/// Signs a play.
#[derive(Default)]
struct Stage {
    envelopes: Vec<Verified<Envelope>>,
    states: Vec<IdentityState>,
    writers: Vec<Vec<Writer>>,
    clock: u64,
}

impl Stage {
    fn new() -> Self {
        let mut stage =
            Self { envelopes: vec![CAST.node.genesis.clone(), CAST.agent.genesis.clone()], ..Self::default() };
        stage.states.push(CAST.agent.state.clone());
        for agent in [&CAST.agent, &CAST.other] {
            stage.open(&agent.state.clone(), &agent.key, scopes()[0].clone());
        }
        stage
    }

    fn tick(&mut self) -> TimeMs {
        self.clock += 1_000;
        T0.plus_ms(self.clock)
    }

    fn open(&mut self, state: &IdentityState, key: &SecretKey, scope: Scope) {
        let writer = Writer::new(state.author, state.operation, key, scope);
        self.writers.push(vec![writer]);
    }

    /// Writes with the newest copy of a log's writer; older copies stay for a fork.
    fn write(&mut self, log: usize, write: impl FnOnce(&mut Writer) -> Verified<Envelope>) {
        let time = self.tick();
        let mut writer = self.writers[log].last().unwrap().clone();
        writer.time_ms = writer.time_ms.max(time);
        self.envelopes.push(write(&mut writer));
        self.writers[log].push(writer);
    }

    fn logged(&self) -> Vec<&Verified<Envelope>> {
        self.envelopes.iter().filter(|envelope| !envelope.header().kind.is_identity_operation()).collect()
    }

    fn heads(&self, scope: Option<&Scope>, chosen: &[Index]) -> Vec<Verified<Envelope>> {
        let logged = self.logged();
        let fits: Vec<_> = logged.iter().filter(|e| scope.is_none_or(|scope| e.header().scope == *scope)).collect();
        if fits.is_empty() {
            return Vec::new();
        }
        let mut heads: Vec<Verified<Envelope>> = chosen.iter().map(|index| (**index.get(&fits)).clone()).collect();
        heads.sort_by_key(|envelope| envelope.id());
        heads.dedup_by_key(|envelope| envelope.id());
        heads
    }

    fn play(&mut self, a_move: &Move) {
        match a_move {
            Move::Write(log) => {
                let log = log.index(self.writers.len());
                let number = self.envelopes.len();
                self.write(log, |writer| writer.post(&format!("post {number}")));
            }
            Move::React(log, target, what) => {
                let log = log.index(self.writers.len());
                let targets: Vec<_> = self.logged().iter().map(|envelope| envelope.id()).collect();
                if targets.is_empty() {
                    return;
                }
                let target = *target.get(&targets);
                let salt = salt(self.envelopes.len() as u64);
                self.write(log, |writer| match what % 8 {
                    0..=2 => writer.vote(target, i8::try_from(what % 3).unwrap() - 1),
                    3..=5 => writer.body(&Comment {
                        salt,
                        root: target,
                        parent: target,
                        depth: 0,
                        content: "yes".to_owned(),
                    }),
                    6 => writer.body(&Edit { salt, target, title: None, content: Some("edited".to_owned()) }),
                    _ => writer.body(&Tombstone { target }),
                });
            }
            Move::Rewind(log, at) => {
                let log = log.index(self.writers.len());
                let writer = at.get(&self.writers[log]).clone();
                self.writers[log].push(writer);
            }
            Move::NextLog(log) => {
                let log = log.index(self.writers.len());
                let mut writer = self.writers[log].last().unwrap().clone();
                if writer.epoch.next_in_week().is_some() {
                    writer.next_log();
                }
                self.writers[log].push(writer);
            }
            Move::Mistake(log, time) => {
                let log = log.index(self.writers.len());
                let mut writer = self.writers[log].last().unwrap().clone();
                if *time {
                    writer.time_ms = T0;
                    let number = self.envelopes.len();
                    self.envelopes.push(writer.post(&format!("early {number}")));
                } else if writer.seq > 0 {
                    writer.prev = Some(EnvelopeId([3; 32]));
                }
                self.writers[log].push(writer);
            }
            Move::Open(key, scope) => {
                let state = key.get(&self.states).clone();
                let keys: Vec<_> = state.signing.iter().map(|entry| entry.key).chain(state.rotation.clone()).collect();
                if !keys.is_empty() {
                    let secret = secret_of(key.get(&keys));
                    self.open(&state, &secret, scope.get(&scopes()).clone());
                }
            }
            Move::Keep(key, heads) => {
                let state = key.get(&self.states).clone();
                if state.rotation.is_empty() {
                    return;
                }
                let secret = secret_of(key.get(&state.rotation));
                let scope = heads[0].get(&scopes()).clone();
                let heads = self.heads(Some(&scope), heads);
                // Half of them go on in a log of that key, the others open one and may fork it.
                let known = self.writers.iter().position(|copies| {
                    let writer = &copies[0];
                    writer.key.public_key() == secret.public_key() && writer.scope == scope && key.index(2) == 0
                });
                let log = known.unwrap_or_else(|| {
                    self.open(&state, &secret, scope);
                    self.writers.len() - 1
                });
                self.write(log, |writer| writer.keep(&heads.iter().collect::<Vec<_>>()));
            }
            Move::Checkpoint(heads, signed) => {
                let log = self.writers.iter().position(|copies| copies[0].scope == scopes()[1]);
                let heads = self.heads(None, heads);
                if let Some(log) = log {
                    let (key, node_auth) = (&CAST.node.key, CAST.node.state.operation);
                    let home = signed.then_some((key, node_auth));
                    self.write(log, |writer| writer.checkpoint(&heads.iter().collect::<Vec<_>>(), home));
                }
            }
            Move::Operate(state, signer, what, cosigned) => self.operate(state, signer, what, *cosigned),
        }
    }

    fn operate(&mut self, state: &Index, signer: &Index, what: &Index, cosigned: bool) {
        let agent = &CAST.agent;
        let state = state.get(&self.states).clone();
        if state.rotation.is_empty() || state.chain_seq > 4 {
            return;
        }
        let time = self.tick();
        let signer = secret_of(signer.get(&state.rotation));
        let sets = key_sets();
        let change = match what.index(sets.len() + 2) {
            0 if state.signing.len() > 1 => agent.revoke(&[state.signing[0].key]),
            1 => match self.states.iter().find(|next| next.chain_seq == state.chain_seq + 1) {
                Some(sibling) => agent.resolve(sibling.operation),
                None => return,
            },
            _ => {
                let (signing, rotation) = what.get(&sets);
                agent.rotate(&signing.iter().collect::<Vec<_>>(), &rotation.iter().collect::<Vec<_>>())
            }
        };
        let others: Vec<_> = state.rotation.iter().filter(|key| **key != signer.public_key()).map(secret_of).collect();
        let cosigners: Vec<_> = others.iter().take(usize::from(cosigned)).collect();
        let (envelope, next) = agent.operation(&state, &change, &signer, &cosigners, time);
        self.envelopes.push(envelope);
        self.states.push(next);
    }
}

fn signed(moves: &[Move]) -> Vec<Verified<Envelope>> {
    let mut stage = Stage::new();
    for a_move in moves {
        stage.play(a_move);
    }
    let mut envelopes = stage.envelopes;
    envelopes.sort_by_key(|envelope| envelope.id());
    envelopes.dedup_by_key(|envelope| envelope.id());
    envelopes
}

/// What content shows, in public ids.
#[derive(Debug, PartialEq)]
struct Shown {
    feeds: Vec<Vec<(EnvelopeId, String, crate::rank::Votes, u64)>>,
    threads: Vec<Vec<EnvelopeId>>,
    agents: Vec<Option<agents::Agent>>,
    stats: stats::Stats,
}

fn shown(memory: &Memory) -> Shown {
    let general = Feed::Community(scopes()[0].clone());
    let feeds = [Sort::New, Sort::Top(Window::All), Sort::Hot].map(|sort| {
        let page = posts::page(memory, &general, sort, Paging::first(100), T0).unwrap();
        let line = |post: &posts::Post| (post.signed.id, post.content.clone(), post.votes, post.comment_count);
        page.items.iter().map(line).collect::<Vec<_>>()
    });
    let threads = feeds[0].iter().map(|(root, ..)| {
        let tree = comments::page(memory, &CommentFeed::Everything, Paging::first(100)).unwrap();
        tree.items.iter().filter(|comment| comment.root == *root).map(|comment| comment.signed.id).collect()
    });
    Shown {
        threads: threads.collect(),
        feeds: feeds.to_vec(),
        agents: [&CAST.agent, &CAST.other].map(|agent| agents::get(memory, &agent.author()).unwrap()).to_vec(),
        stats: stats::stats(memory).unwrap(),
    }
}

/// Every answer, in public ids.
#[derive(Debug, PartialEq)]
struct Answers {
    verdicts: Vec<(EnvelopeId, Option<VoidReason>, bool)>,
    identity: Option<identity::Identity>,
    chain: Vec<EnvelopeId>,
    handles: Vec<AgentId>,
    heads: Vec<tidepool_protocol::body::Head>,
    /// What each log holds, and what it lacks.
    held: Vec<Vec<EnvelopeId>>,
    gaps: Vec<Vec<(u64, u64)>>,
    shown: Shown,
}

fn is_for_content(kind: Kind) -> bool {
    !kind.is_identity_operation() && kind != Kind::KEEP && kind != Kind::CHECKPOINT
}

fn answers(memory: &Memory, envelopes: &[Verified<Envelope>]) -> Answers {
    let author = CAST.agent.author();
    let mut all = envelopes.to_vec();
    all.sort_by_key(|envelope| envelope.id());
    let mut verdicts = Vec::new();
    for envelope in &all {
        if let Some(entry) = index::get(memory, &envelope.id()).unwrap() {
            let verdict = void::verdict(memory, &entry).unwrap();
            assert_eq!(verdict, entry.void(), "no job is left");
            assert_eq!(entry.applied, entry.core.is_none() && is_for_content(entry.kind), "content knows what stands");
            verdicts.push((entry.id, verdict, entry.applied));
        }
    }
    let mut ids: Vec<_> = all.iter().map(|envelope| envelope.header().log()).collect();
    ids.sort();
    ids.dedup();
    let held = ids.iter().map(|log| logs::range(memory, log, 0, u64::MAX, usize::MAX).unwrap());
    let gaps = ids.iter().map(|log| logs::gaps(memory, log, usize::MAX).unwrap());
    Answers {
        verdicts,
        identity: identity::current(memory, author).unwrap(),
        chain: identity::chain(memory, author).unwrap(),
        handles: identity::by_handle(memory, "ada").unwrap(),
        heads: logs::heads(memory, author, None, usize::MAX).unwrap(),
        held: held.collect(),
        gaps: gaps.collect(),
        shown: shown(memory),
    }
}

/// Heads that a checkpoint names, and their ancestors.
fn named_in_checkpoints(envelopes: &[Verified<Envelope>]) -> BTreeSet<EnvelopeId> {
    let prev: BTreeMap<_, _> = envelopes.iter().map(|envelope| (envelope.id(), envelope.header().prev)).collect();
    let mut found = BTreeSet::new();
    for envelope in envelopes.iter().filter(|envelope| envelope.header().kind == Kind::CHECKPOINT) {
        let body = envelope.body().map(|body| Body::decode(Kind::CHECKPOINT, body));
        let Some(Ok(Some(Body::Checkpoint(checkpoint)))) = body else { continue };
        for head in checkpoint.heads {
            let mut next = Some(head.id);
            while let Some(id) = next.filter(|id| found.insert(*id)) {
                next = prev.get(&id).copied().flatten();
            }
        }
    }
    found
}

/// Whose logs by which key in which scope an envelope is in.
fn line(envelope: &Verified<Envelope>) -> (AuthorId, PublicKey, Scope) {
    let header = envelope.header();
    (header.author, header.key, header.scope.clone())
}

fn told(envelopes: &[Verified<Envelope>]) -> Memory {
    let mut memory = Memory::new();
    memory.admit_all(envelopes, &network()).unwrap();
    memory
}

/// The same envelopes in three orders.
fn plays() -> impl Strategy<Value = Vec<Vec<Verified<Envelope>>>> {
    let moves = proptest::collection::vec(a_move(), 1..60);
    moves.prop_flat_map(|moves| proptest::collection::vec(Just(signed(&moves)).prop_shuffle(), 3))
}

/// A case folds some hundred envelopes; `PROPTEST_CASES` asks for more of them.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_order_of_arrival_gives_the_same_answers(orders in plays()) {
        let expected = answers(&told(&orders[0]), &orders[0]);
        for order in &orders[1..] {
            prop_assert_eq!(&answers(&told(order), order), &expected);
        }
    }

    #[test]
    fn folding_the_log_again_gives_the_same_rows(orders in plays()) {
        let order = &orders[0];
        let incremental = told(order);
        let again = incremental.reindexed(&network()).unwrap();
        prop_assert_eq!(answers(&again, order), answers(&incremental, order));
        // Where nobody left the log, not even to come again, it was folded in the same steps.
        let last = incremental.envelopes().last().map_or(0, |stored| stored.cursor.0);
        if incremental.envelopes().count() == order.len() && last == order.len() as u64 {
            let differs = incremental.rows().zip(again.rows()).find(|(one, other)| one != other);
            prop_assert_eq!(differs, None);
            prop_assert_eq!(incremental.rows().count(), again.rows().count());
        }
    }

    #[test]
    fn texts_without_bodies_are_as_if_they_had_said_nothing(orders in plays(), seconds in 0u64..60) {
        let horizon = T0.plus_ms(seconds * 1_000);
        let pruned = |order: &[Verified<Envelope>]| {
            let mut memory = told(order);
            memory.prune_before(horizon, &network()).unwrap();
            memory
        };
        let memory = pruned(&orders[0]);
        let expected = shown(&memory);
        prop_assert_eq!(&shown(&memory.reindexed(&network()).unwrap()), &expected, "the pruned log folded again");
        prop_assert_eq!(&shown(&pruned(&orders[1])), &expected, "another order");
        // What held and lacked, and what stands, is as before.
        let before = told(&orders[0]);
        let heads = |memory: &Memory| logs::heads(memory, CAST.agent.author(), None, usize::MAX).unwrap();
        prop_assert_eq!(heads(&memory), heads(&before));
    }

    #[test]
    fn what_is_void_leaves_what_is_shown_as_if_it_had_never_come(orders in plays()) {
        let memory = told(&orders[0]);
        // What is void for another reason may still be a link between what stands: a body that does not fit, say.
        let by_log = |id: &EnvelopeId| {
            let entry = index::get(&memory, id).unwrap();
            entry.is_none_or(|entry| matches!(
                entry.core,
                Some(VoidReason::Fork | VoidReason::AfterFork | VoidReason::Predecessor | VoidReason::KeyClosed)
            ))
        };
        let is_void = |envelope: &Verified<Envelope>| is_for_content(envelope.header().kind) && by_log(&envelope.id());
        // Heads that a checkpoint names in vain link its word to what they go on from: their lines stay whole.
        let links = named_in_checkpoints(&orders[0]);
        let void_links = orders[0].iter().filter(|envelope| links.contains(&envelope.id()) && is_void(envelope));
        let whole: BTreeSet<_> = void_links.map(line).collect();
        let remains = |envelope: &&Verified<Envelope>| !is_void(envelope) || whole.contains(&line(envelope));
        let rest: Vec<_> = orders[1].iter().filter(remains).cloned().collect();
        prop_assert_eq!(shown(&told(&rest)), shown(&memory));
    }
}
