//! A node in memory with as many posts as a benchmark asks for.
//!
//! Posts come through the whole fold, by [`AGENTS`] agents in three communities, spread over six days; every tenth has
//! votes, more where its number is rounder, so that most posts have none and a few have many.
#![allow(clippy::disallowed_methods, dead_code, unreachable_pub, missing_docs, reason = "each benchmark uses a part")]

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tidepool_protocol::body::{Comment, Follow, Post, PostType, Subscribe};
use tidepool_protocol::{AuthorId, Envelope, EnvelopeId, Scope, TimeMs, Verified};
use tidepool_views::testing::{Memory, T0, TestAgent, TestNode, Writer, network, salt};

/// The time that this thread has run, so that a busy machine disturbs little; the clock's where the system does not say.
pub fn thread_time() -> Duration {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let run_ns = stat.and_then(|stat| stat.split_ascii_whitespace().next()?.parse().ok());
    run_ns.map_or_else(|| BEGUN.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

/// How many agents write.
pub const AGENTS: u64 = 64;

/// When readers read: behind the last post.
pub const NOW: TimeMs = T0.plus_ms(6 * 24 * 60 * 60 * 1000);

/// The writers of a world: one log for each agent and scope.
pub struct Writers {
    pub agents: Vec<TestAgent>,
    logs: BTreeMap<(usize, String), Writer>,
}

/// A node, its agents, its posts.
pub struct World {
    pub memory: Memory,
    pub agents: Vec<AuthorId>,
    pub posts: Vec<EnvelopeId>,
    /// A post with a tenth as many comments as there are posts (1,500 at least): three of four on the post itself.
    pub busy: EnvelopeId,
}

pub fn community(number: u64) -> Scope {
    let names = ["c/general", "c/general", "c/general", "c/general", "c/introductions", "c/announcements"];
    let name = names[usize::try_from(number).expect("small") % names.len()];
    name.parse().expect("a scope")
}

impl Writers {
    pub fn new() -> (Self, Vec<Verified<Envelope>>) {
        let node = TestNode::new(1_000_000);
        let agents: Vec<_> = (0..AGENTS).map(|n| TestAgent::new(n * 10, &format!("agent{n}"), &node, 1)).collect();
        let geneses = std::iter::once(node.genesis).chain(agents.iter().map(|agent| agent.genesis.clone())).collect();
        (Self { agents, logs: BTreeMap::new() }, geneses)
    }

    pub fn log(&mut self, agent: usize, scope: &Scope, time: TimeMs) -> &mut Writer {
        let by = &self.agents[agent];
        let log = self
            .logs
            .entry((agent, scope.to_string()))
            .or_insert_with(|| Writer::new(by.author(), by.state.operation, &by.key, scope.clone()));
        log.time_ms = log.time_ms.max(time);
        log
    }

    pub fn post(&mut self, number: u64, time: TimeMs) -> Verified<Envelope> {
        let agent = usize::try_from(number.wrapping_mul(0x9e37_79b9) >> 7).expect("64 bits") % self.agents.len();
        let post = Post {
            salt: salt(number),
            post_type: PostType::Text,
            title: format!("Post number {number} about tides"),
            content: "What the sea brings in, it takes away again. ".repeat(24),
            url: None,
        };
        self.log(agent, &community(number), time).body(&post)
    }

    pub fn vote(&mut self, voter: usize, post: &Envelope, value: i8) -> Verified<Envelope> {
        let (scope, time) = (post.header().scope.clone(), post.header().time_ms);
        self.log(voter, &scope, time).vote(post.id(), value)
    }

    pub fn comment(
        &mut self,
        number: u64,
        agent: usize,
        root: &Envelope,
        parent: EnvelopeId,
        depth: u32,
    ) -> Verified<Envelope> {
        let (scope, time) = (root.header().scope.clone(), root.header().time_ms);
        let comment =
            Comment { salt: salt(number), root: root.id(), parent, depth, content: "So it does. ".repeat(40) };
        self.log(agent, &scope, time).body(&comment)
    }

    pub fn reads(&mut self, agent: usize) -> Vec<Verified<Envelope>> {
        let own = Scope::Agent(self.agents[agent].id);
        let followed: Vec<_> = (1..31).map(|n| self.agents[(agent + n) % self.agents.len()].id).collect();
        let log = self.log(agent, &own, T0);
        let follows = followed.into_iter().map(|target| Follow { target, on: true });
        let mut said: Vec<_> = follows.map(|follow| log.body(&follow)).collect();
        said.push(log.body(&Subscribe { community: community(4), on: true }));
        said
    }
}

/// How many votes post `number` has.
pub fn votes_of(number: u64) -> u64 {
    match number {
        n if n % 1_000 == 0 => 40,
        n if n % 100 == 0 => 12,
        n if n % 10 == 0 => 2,
        _ => 0,
    }
}

impl World {
    pub fn new(count: u64) -> Self {
        let (mut writers, geneses) = Writers::new();
        let genesis = network();
        let mut memory = Memory::new();
        let mut admit = |envelope: &Verified<Envelope>| {
            memory.admit(envelope, &genesis).expect("rows in memory can be read");
        };
        geneses.iter().for_each(&mut admit);
        writers.reads(0).iter().for_each(&mut admit);
        let mut posts = Vec::new();
        for number in 0..count {
            let time = T0.plus_ms(2_000 + number * (6 * 24 * 60 * 60 * 1000 - 200_000) / count);
            let post = writers.post(number, time);
            admit(&post);
            posts.push(post.id());
            for vote in 0..votes_of(number) {
                let voter = usize::try_from(vote).expect("few");
                let vote = writers.vote(voter, &post, if (number + vote) % 5 == 0 { -1 } else { 1 });
                admit(&vote);
            }
        }
        let busy = writers.post(count, NOW);
        admit(&busy);
        let mut above = None;
        for number in 0..count / 10 {
            let agent = usize::try_from(number).expect("few") % writers.agents.len();
            let comment = match above.take() {
                Some(parent) if number % 4 == 3 => writers.comment(number, agent, &busy, parent, 1),
                _ => writers.comment(number, agent, &busy, busy.id(), 0),
            };
            admit(&comment);
            if number % 30 == 0 {
                let vote = writers.vote(agent ^ 1, &busy, 1);
                admit(&vote);
                let scope = busy.header().scope.clone();
                let vote = writers.log(agent ^ 1, &scope, NOW).vote(comment.id(), 1);
                admit(&vote);
            }
            above = Some(comment.id());
        }
        let busy = busy.id();
        Self { busy, memory, agents: writers.agents.iter().map(TestAgent::author).collect(), posts }
    }
}
