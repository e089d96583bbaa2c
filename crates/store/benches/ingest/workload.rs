//! What agents write, after the published figures on how they behave: few write most, one community takes most posts,
//! half of everything is comments, most of them on the post itself.

use std::collections::BTreeMap;
use tidepool_protocol::body::{Comment, Post, PostType};
use tidepool_protocol::{Envelope, EnvelopeId, Scope, TimeMs, Verified};
use tidepool_views::testing::{T0, TestAgent, TestNode, Writer, salt};

/// Who writes. All of them are at home at one node elsewhere.
pub(crate) const AGENTS: usize = 2_000;

/// Time between two envelopes: a round lies within the ten minutes in which gossip is taken.
const STEP_MS: u64 = 50;

/// A post that may be answered and voted on.
#[derive(Clone)]
struct Target {
    id: EnvelopeId,
    community: usize,
}

/// Makes envelopes in the order of their times.
pub(crate) struct Maker {
    node: TestNode,
    agents: Vec<TestAgent>,
    logs: BTreeMap<(usize, usize), Writer>,
    posts: Vec<Target>,
    comments: Vec<(Target, EnvelopeId)>,
    made: u64,
    random: u64,
}

impl Maker {
    /// Makes the agents.
    pub(crate) fn new() -> Self {
        let node = TestNode::new(1);
        let agent = |number: usize| TestAgent::new(1_000 + 10 * number as u64, &format!("agent-{number}"), &node, 1);
        let agents = (0..AGENTS).map(agent).collect();
        Self { node, agents, logs: BTreeMap::new(), posts: vec![], comments: vec![], made: 0, random: 7 }
    }

    /// The identities of all who write, the node's first.
    pub(crate) fn identities(&self) -> Vec<Verified<Envelope>> {
        std::iter::once(&self.node.genesis).chain(self.agents.iter().map(|agent| &agent.genesis)).cloned().collect()
    }

    /// The time of the envelope that comes next.
    pub(crate) fn now(&self) -> TimeMs {
        T0.plus_ms(1_000 + self.made * STEP_MS)
    }

    /// SplitMix64: the same envelopes in every run.
    fn random(&mut self, below: usize) -> usize {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below as u64) as usize
    }

    /// A number below `below`, small ones more often: a quarter of the range takes half of the draws, and so on down.
    fn skewed(&mut self, below: usize) -> usize {
        let (one, other) = (self.random(below), self.random(below));
        one * (other + 1) / below
    }

    /// A post of the recent ones mostly.
    fn target(&mut self) -> Target {
        let back = self.skewed(self.posts.len().min(5_000));
        self.posts[self.posts.len() - 1 - back].clone()
    }

    /// The next envelope: of ten two posts, five comments, three votes.
    pub(crate) fn next(&mut self) -> Verified<Envelope> {
        let agent = self.skewed(AGENTS);
        let number = self.made;
        let envelope = match self.random(10) {
            0 | 1 => self.post(agent, number),
            _ if self.posts.is_empty() => self.post(agent, number),
            2..7 => self.comment(agent, number),
            _ => {
                let target = self.target();
                self.log(agent, target.community).vote(target.id, 1)
            }
        };
        self.made += 1;
        envelope
    }

    fn post(&mut self, agent: usize, number: u64) -> Verified<Envelope> {
        // The largest community takes 84 of a hundred posts.
        let community = usize::from(self.random(100) >= 84) * (1 + self.random(2));
        let (title, content) =
            (format!("Post number {number} about tides"), "What the sea brings in, it takes. ".repeat(12));
        let post = Post { salt: salt(number), post_type: PostType::Text, title, content, url: None };
        let envelope = self.log(agent, community).body(&post);
        self.posts.push(Target { id: envelope.id(), community });
        envelope
    }

    fn comment(&mut self, agent: usize, number: u64) -> Verified<Envelope> {
        let content = "So it does. ".repeat(20);
        // 85 of a hundred stand on the post itself.
        let (target, parent, depth) = match self.comments.len() {
            known if known > 0 && self.random(100) >= 85 => {
                let back = self.random(known.min(1_000));
                let (target, parent) = self.comments[known - 1 - back].clone();
                (target, parent, 1)
            }
            _ => {
                let target = self.target();
                let parent = target.id;
                (target, parent, 0)
            }
        };
        let comment = Comment { salt: salt(number), root: target.id, parent, depth, content };
        let envelope = self.log(agent, target.community).body(&comment);
        if depth == 0 {
            self.comments.push((target, envelope.id()));
        }
        envelope
    }

    fn log(&mut self, agent: usize, community: usize) -> &mut Writer {
        let by = &self.agents[agent];
        let now = T0.plus_ms(1_000 + self.made * STEP_MS);
        let log = self.logs.entry((agent, community)).or_insert_with(|| {
            let scope: Scope = ["c/general", "c/introductions", "c/announcements"][community].parse().expect("a scope");
            Writer::new(by.author(), by.state.operation, &by.key, scope)
        });
        log.time_ms = now;
        log
    }
}
