//! What agents do: they register, post, comment, vote, follow, edit, take back, rotate their keys and close old ones.
//!
//! Three of four sign by custody at home; the fourth signs itself and hands in whole envelopes, as a client with keys of
//! its own does.

use crate::chance::Chance;
use crate::queue::Event;
use crate::scenario::Scenario;
use crate::world::World;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use tidepool_kernel::{Compose, Input, LocalError, LocalRequest, Receipt, Ticket};
use tidepool_protocol::body::{BodyOf, Comment, Edit, Follow, Post, PostType, Profile, Tombstone, Vote};
use tidepool_protocol::identity::IdentityState;
use tidepool_protocol::{EnvelopeId, Epoch, Kind, Salt, Scope, Signer, TimeMs};
use tidepool_views::testing::{TestAgent, Writer};

/// The open communities in which agents write.
const COMMUNITIES: [&str; 2] = ["c/general", "c/introductions"];

/// How far an identity has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Unknown,
    Asked,
    Registered,
}

/// What a request was for.
#[derive(Clone, Debug)]
enum Purpose {
    Register,
    /// Posts and comments: where, and at which depth below which post.
    Content(Vec<Option<Said>>),
    /// Signed by the agent itself: its log as it is behind it.
    Signed(Box<Writer>, Option<Said>),
    /// An identity operation: the state that it makes.
    Operation(Box<IdentityState>),
    /// A `keep` of its owner.
    Keep,
}

/// Something that was said, to be answered or voted on.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    id: EnvelopeId,
    scope: Scope,
    agent: usize,
    /// Of a comment: its post and depth.
    under: Option<(EnvelopeId, u32)>,
}

#[derive(Debug)]
struct Agent {
    standing: Standing,
    state: Option<IdentityState>,
    operations: u32,
    writers: BTreeMap<Scope, Writer>,
    /// A self-signing agent waits for the answer to one request before it signs the next.
    busy: bool,
}

/// Agents and what they have under way.
#[derive(Debug)]
pub(crate) struct Work {
    chance: Chance,
    agents: Vec<Agent>,
    waiting: BTreeMap<Ticket, (usize, usize, Purpose)>,
    said: Vec<Said>,
    /// What was acknowledged, and where.
    /// Nowhere in particular, when its node's disk was put back to a time before it.
    pub(crate) acknowledged: BTreeMap<EnvelopeId, Option<usize>>,
}

impl Work {
    pub(crate) fn new(scenario: &Scenario, seed: u64) -> Self {
        let agent = |_| Agent {
            standing: Standing::Unknown,
            state: None,
            operations: 0,
            writers: BTreeMap::new(),
            busy: false,
        };
        Self {
            chance: Chance::new(seed, "work"),
            agents: (0..scenario.agents).map(agent).collect(),
            waiting: BTreeMap::new(),
            said: Vec::new(),
            acknowledged: BTreeMap::new(),
        }
    }

    /// Nobody answers any more what was asked of `node`.
    pub(crate) fn node_stopped(&mut self, node: usize) {
        let gone: Vec<Ticket> =
            self.waiting.iter().filter(|(_, (at, ..))| *at == node).map(|(ticket, _)| *ticket).collect();
        for ticket in gone {
            if let Some((_, agent, purpose)) = self.waiting.remove(&ticket) {
                self.unanswered(agent, &purpose);
            }
        }
    }

    /// What is not in `acknowledged` any more was lost with a disk: an agent registers anew, and rotates its keys no more.
    pub(crate) fn forget_lost(&mut self, agent: usize, genesis: &EnvelopeId) {
        let lost = |id: &EnvelopeId| !self.acknowledged.contains_key(id);
        let of = &mut self.agents[agent];
        if of.standing == Standing::Registered && lost(genesis) {
            of.standing = Standing::Unknown;
        }
        if of.state.as_ref().is_some_and(|state| lost(&state.operation)) {
            (of.operations, of.state) = (2, None);
            of.writers.clear();
        }
    }

    fn unanswered(&mut self, agent: usize, purpose: &Purpose) {
        let agent = &mut self.agents[agent];
        agent.busy = false;
        if matches!(purpose, Purpose::Register) {
            agent.standing = Standing::Unknown;
        }
    }

    fn salt(&mut self) -> Salt {
        let mut salt = [0; 16];
        salt.copy_from_slice(&self.chance.bytes32()[..16]);
        Salt(salt)
    }
}

impl World<'_> {
    /// Sets when agents act: everybody once early, then by chance, few often and many rarely.
    pub(crate) fn set_work(&mut self) {
        let end = self.scenario.work_ms();
        let agents = self.scenario.agents;
        for agent in 0..agents {
            let at = self.work.chance.between(500, end / 8);
            self.anyway(self.cast.home(agent), at, Event::Work(agent));
        }
        for _ in 0..self.scenario.envelopes {
            let at = self.work.chance.between(end / 60, end - 1);
            let (one, other) = (self.work.chance.place(agents), self.work.chance.place(agents));
            let agent = one.min(other);
            self.anyway(self.cast.home(agent), at, Event::Work(agent));
        }
    }

    pub(crate) fn work_at(&mut self, at: usize, agent: usize) {
        if !self.places[at].up {
            self.coverage.count("work: home is down");
            return;
        }
        match self.work.agents[agent].standing {
            Standing::Unknown => self.register(at, agent),
            Standing::Asked => self.coverage.count("work: not registered yet"),
            Standing::Registered => self.act(at, agent),
        }
    }

    fn register(&mut self, at: usize, agent: usize) {
        self.work.agents[agent].standing = Standing::Asked;
        let envelopes =
            [&self.cast.nodes[at].genesis, &self.cast.agents[agent].genesis].map(|genesis| genesis.bytes().clone());
        let request = LocalRequest::Submit { envelopes: envelopes.to_vec(), rows: vec![], expect: vec![] };
        self.ask_home(at, agent, request, Purpose::Register);
    }

    /// Its owner says which branches of its logs stand.
    pub(crate) fn submit_keep(&mut self, at: usize, agent: usize, keep: &Bytes) {
        let request = LocalRequest::Submit { envelopes: vec![keep.clone()], rows: vec![], expect: vec![] };
        self.ask_home(at, agent, request, Purpose::Keep);
    }

    fn ask_home(&mut self, at: usize, agent: usize, request: LocalRequest, purpose: Purpose) {
        let ticket = Ticket(1_000_000_000 + self.number());
        self.work.waiting.insert(ticket, (at, agent, purpose));
        self.step(at, Input::Local { ticket, request });
    }

    fn act(&mut self, at: usize, agent: usize) {
        let draw = self.work.chance.below(1_000);
        if draw < 12 && agent.is_multiple_of(3) && self.work.agents[agent].operations < 2 {
            self.operate(at, agent);
        } else if draw < 25 {
            let other = self.work.chance.place(self.scenario.agents);
            let author = self.cast.agents[other].author();
            let ticket = Ticket(1_000_000_000 + self.number());
            self.step(at, Input::Local { ticket, request: LocalRequest::Locate { author } });
        } else if agent % 4 == 3 {
            self.sign_alone(at, agent);
        } else {
            let items = if draw > 950 { self.work.chance.between(2, 8) } else { 1 };
            let (mut composed, mut said) = (Vec::new(), Vec::new());
            for _ in 0..items {
                let (compose, of) = self.item(agent);
                composed.push(compose);
                said.push(of);
            }
            let author = self.cast.agents[agent].author();
            let request = LocalRequest::Compose { author, items: composed, rows: vec![], expect: vec![] };
            self.ask_home(at, agent, request, Purpose::Content(said));
        }
    }

    /// A new key beside the first one, then the end of the first one.
    fn operate(&mut self, at: usize, agent: usize) {
        let own: &TestAgent = &self.cast.agents[agent];
        let state = self.work.agents[agent].state.clone().unwrap_or_else(|| own.state.clone());
        let next = &self.cast.next_keys[agent];
        let change = match self.work.agents[agent].operations {
            0 => own.rotate(&[next, &own.key], &[&own.rotation[0]]),
            _ => own.revoke(&[own.key.public_key()]),
        };
        let time_ms = self.clock(at);
        if time_ms <= state.time_ms {
            return;
        }
        let (envelope, after) = own.operation(&state, &change, &own.rotation[0], &[], time_ms);
        let request = LocalRequest::Submit { envelopes: vec![envelope.bytes().clone()], rows: vec![], expect: vec![] };
        self.ask_home(at, agent, request, Purpose::Operation(Box::new(after)));
    }

    /// The next envelope of an agent that keeps its own key.
    fn sign_alone(&mut self, at: usize, agent: usize) {
        if self.work.agents[agent].busy {
            self.coverage.count("work: waits for an answer");
            return;
        }
        let (compose, said) = self.item(agent);
        let clock = self.clock(at);
        let own = &self.cast.agents[agent];
        let state = self.work.agents[agent].state.as_ref().unwrap_or(&own.state);
        let rotated = state.operation != own.state.operation;
        let key = if rotated { &self.cast.next_keys[agent] } else { &own.key };
        let mut writer = match self.work.agents[agent].writers.get(&compose.scope) {
            Some(writer) => writer.clone(),
            None => {
                let mut writer = Writer::new(own.author(), state.operation, key, compose.scope.clone());
                writer.epoch = Epoch::first_of(clock);
                writer.time_ms = clock;
                writer
            }
        };
        writer.auth = state.operation;
        writer.time_ms = writer.time_ms.max(clock);
        let first = Epoch::first_of(writer.time_ms);
        if first.week() > writer.epoch.week() {
            (writer.epoch, writer.seq) = (first, 0);
        }
        let time_ms = writer.time_ms;
        let envelope = writer.write(compose.kind, compose.body.to_vec());
        writer.time_ms = time_ms;
        self.work.agents[agent].busy = true;
        self.sent.insert(envelope.id(), self.now);
        let request = LocalRequest::Submit { envelopes: vec![envelope.bytes().clone()], rows: vec![], expect: vec![] };
        self.ask_home(at, agent, request, Purpose::Signed(Box::new(writer), said));
    }

    /// Something to say, and what it can be answered by.
    fn item(&mut self, agent: usize) -> (Compose, Option<Said>) {
        let draw = self.work.chance.below(100);
        let salt = self.work.salt();
        let target = self.work.chance.pick(&self.work.said).cloned();
        let number = self.work.chance.below(1_000_000);
        let me: Scope = Scope::Agent(self.cast.agents[agent].id);
        let Some(target) = target.filter(|_| draw >= 30) else {
            let community = self.work.chance.pick(&COMMUNITIES).copied().unwrap_or(COMMUNITIES[0]);
            let scope: Scope = community.parse().expect("a community of the development network");
            let content = "words ".repeat(usize::try_from(number % 60).unwrap_or(0));
            let title = format!("post {number}");
            let post = Post { salt, post_type: PostType::Text, title, content, url: None };
            let id = EnvelopeId::ZERO;
            return (compose(scope.clone(), &post), Some(Said { id, scope, agent, under: None }));
        };
        match draw {
            30..58 => {
                let (root, depth) = target.under.map_or((target.id, 0), |(root, depth)| (root, depth + 1));
                let comment = Comment { salt, root, parent: target.id, depth, content: format!("comment {number}") };
                let said =
                    Said { id: EnvelopeId::ZERO, scope: target.scope.clone(), agent, under: Some((root, depth)) };
                (compose(target.scope, &comment), Some(said))
            }
            58..84 => {
                let value = if number.is_multiple_of(5) { -1 } else { 1 };
                (compose(target.scope, &Vote { target: target.id, value }), None)
            }
            84..89 => {
                let followed = &self.cast.agents[target.agent];
                let follow = Follow { target: followed.id, on: !number.is_multiple_of(4) };
                (compose(Scope::Agent(followed.id), &follow), None)
            }
            89..92 => {
                let description = Some(format!("agent at {number}"));
                let profile = Profile { display_name: None, description, metadata: None, avatar: None };
                (compose(me, &profile), None)
            }
            92..97 => {
                let edit = Edit { salt, target: target.id, title: None, content: Some(format!("edited {number}")) };
                (compose(target.scope, &edit), None)
            }
            _ => (compose(target.scope, &Tombstone { target: target.id }), None),
        }
    }

    pub(crate) fn replied(&mut self, at: usize, ticket: Ticket, result: Result<Receipt, LocalError>) {
        let Some((_, agent, purpose)) = self.work.waiting.remove(&ticket) else { return };
        self.work.agents[agent].busy = false;
        let receipt = match result {
            Ok(receipt) => receipt,
            Err(error) => {
                self.work.unanswered(agent, &purpose);
                self.refused(agent, purpose, &error);
                return;
            }
        };
        let now = self.now;
        for (id, _) in &receipt.envelopes {
            self.work.acknowledged.insert(*id, Some(at));
            self.sent.entry(*id).or_insert(now);
        }
        let ids: Vec<EnvelopeId> = receipt.envelopes.iter().map(|(id, _)| *id).collect();
        match purpose {
            Purpose::Register => {
                self.coverage.count("agents registered");
                self.work.agents[agent].standing = Standing::Registered;
            }
            Purpose::Content(said) => {
                let said = said.into_iter().zip(ids).filter_map(|(said, id)| Some(Said { id, ..said? }));
                self.work.said.extend(said);
            }
            Purpose::Signed(writer, said) => {
                self.coverage.count("envelopes signed by agents themselves");
                self.work.agents[agent].writers.insert(writer.scope.clone(), *writer);
                self.work.said.extend(said.zip(ids.first().copied()).map(|(said, id)| Said { id, ..said }));
            }
            Purpose::Keep => self.coverage.count("keeps that name a branch"),
            Purpose::Operation(state) => {
                self.coverage.count("identity operations");
                let of = &mut self.work.agents[agent];
                of.operations += 1;
                of.state = Some(*state);
                // A new key has logs of its own.
                if of.operations == 1 {
                    of.writers.clear();
                }
            }
        }
    }

    fn refused(&mut self, agent: usize, purpose: Purpose, error: &LocalError) {
        self.coverage.count(match error {
            LocalError::Refused { .. } => "work: refused",
            LocalError::Conflict { .. } => "work: conflict",
            LocalError::Quota { .. } => "work: quota",
            LocalError::Busy { .. } => "work: busy",
            LocalError::Stopping => "work: stopping",
            LocalError::NoKey => "work: no key",
            LocalError::Changed { .. }
            | LocalError::TooMany { .. }
            | LocalError::Row { .. }
            | LocalError::NotFound
            | LocalError::Read(_) => "work: other",
        });
        if let (LocalError::Conflict { epoch, seq, prev }, Purpose::Signed(mut writer, _)) = (error, purpose) {
            (writer.epoch, writer.seq, writer.prev) = (Epoch(*epoch), *seq, *prev);
            let time = Epoch(*epoch).week() * tidepool_protocol::limits::WEEK_S * 1_000;
            writer.time_ms = writer.time_ms.max(TimeMs(time));
            self.work.agents[agent].writers.insert(writer.scope.clone(), *writer);
        }
    }

    /// Agents that were registered, and the bytes of what they were told of.
    pub(crate) fn acknowledged_at(&self, at: usize) -> BTreeSet<EnvelopeId> {
        self.work.acknowledged.iter().filter(|(_, node)| **node == Some(at)).map(|(id, _)| *id).collect()
    }
}

fn compose<T: BodyOf>(scope: Scope, body: &T) -> Compose {
    let body: Bytes = body.encode().expect("what agents say is within the limits").into();
    let kind: Kind = T::KIND;
    Compose { scope, kind, body }
}
