//! Whole nodes against one another, in virtual time.
#![allow(clippy::unwrap_used, clippy::panic)]

mod anti_entropy;
mod bad_input;
mod convergence;
mod coverage;
mod delivery;
mod local;
mod logs;
mod proofs;
mod retention;

use crate::local::{Compose, LocalError, LocalRequest, Receipt};
use crate::testing::{Faults, Keys, Network};
use crate::{NodeSettings, Ticket};
use bytes::Bytes;
use tidepool_protocol::body::{BodyOf, Post, PostType, Vote};
use tidepool_protocol::{EnvelopeId, Kind, Scope, Signer, TimeMs};
use tidepool_views::index;
use tidepool_views::testing::{T0, TestAgent, TestNode, network, salt};

/// An hour into the week of [`T0`].
const START: TimeMs = TimeMs(T0.0 + 60 * 60 * 1_000);

/// Nodes and agents, all their keys, and a network to play in.
struct World {
    net: Network,
    nodes: Vec<TestNode>,
    agents: Vec<TestAgent>,
}

impl World {
    /// `nodes` nodes that are not connected, each with `agents` agents at home, whose keys are in custody there. Only the
    /// nodes' identities are known, each at home.
    fn new(seed: u64, faults: Faults, nodes: u64, agents: u64) -> Self {
        Self::with(seed, faults, nodes, agents, &|_| {})
    }

    fn with(seed: u64, faults: Faults, nodes: u64, agents: u64, change: &dyn Fn(&mut NodeSettings)) -> Self {
        let mut world = Self { net: Network::new(seed, START, faults), nodes: Vec::new(), agents: Vec::new() };
        for number in 0..nodes {
            let node = TestNode::new(1_000 * (number + 1));
            let mut keys = vec![node.key.clone()];
            for place in 0..agents {
                let agent = TestAgent::new(
                    1_000 * (number + 1) + 10 * (place + 1),
                    &format!("agent-{number}-{place}"),
                    &node,
                    1,
                );
                keys.push(agent.key.clone());
                world.agents.push(agent);
            }
            let mut settings = NodeSettings::archive(network(), node.id, node.key.public_key());
            settings.anti_entropy_ms = 2_000;
            settings.seed = seed + number;
            change(&mut settings);
            let at = world.net.add(settings, Keys::new(keys));
            let ticket = world.submit(at, vec![node.genesis.bytes().clone()]);
            world.nodes.push(node);
            world.net.run(50);
            world.done(at, ticket);
        }
        world
    }

    fn link_all(&mut self) {
        for a in 0..self.nodes.len() {
            for b in 0..a {
                self.net.connect(a, b);
            }
        }
    }

    fn submit(&mut self, at: usize, envelopes: Vec<Bytes>) -> Ticket {
        self.net.ask(at, LocalRequest::Submit { envelopes, rows: vec![], expect: vec![] })
    }

    fn reply(&self, at: usize, ticket: Ticket) -> Result<Receipt, LocalError> {
        self.net.replies.get(&(at, ticket)).expect("the request was answered").clone()
    }

    fn done(&self, at: usize, ticket: Ticket) -> Receipt {
        self.reply(at, ticket).expect("the request was done")
    }

    /// Registers agent number `agent` at its home.
    fn register(&mut self, agent: usize) {
        let at = self.home(agent);
        let genesis = self.agents[agent].genesis.bytes().clone();
        let ticket = self.submit(at, vec![genesis]);
        self.net.run(50);
        self.done(at, ticket);
    }

    fn home(&self, agent: usize) -> usize {
        agent / (self.agents.len() / self.nodes.len())
    }

    fn compose(&mut self, agent: usize, items: Vec<Compose>) -> Ticket {
        let author = self.agents[agent].author();
        let at = self.home(agent);
        self.net.ask(at, LocalRequest::Compose { author, items, rows: vec![], expect: vec![] })
    }

    /// Lets an agent post at its home, and waits for the reply.
    fn post(&mut self, agent: usize, title: &str) -> EnvelopeId {
        let ticket = self.compose(agent, vec![post(title)]);
        self.net.run(50);
        self.done(self.home(agent), ticket).envelopes[0].0
    }

    fn holds(&self, at: usize, id: &EnvelopeId) -> bool {
        index::get(self.net.store(at), id).unwrap().is_some()
    }

    fn all_equal(&self) -> bool {
        (1..self.nodes.len()).all(|other| self.net.equal(0, other))
    }
}

fn general() -> Scope {
    "c/general".parse().unwrap()
}

fn post(title: &str) -> Compose {
    let (title, content) = (title.to_owned(), format!("about {title}"));
    let body = Post { salt: salt(7), post_type: PostType::Text, title, content, url: None };
    Compose { scope: general(), kind: Kind::POST, body: body.encode().unwrap().into() }
}

fn vote(target: EnvelopeId) -> Compose {
    Compose { scope: general(), kind: Kind::VOTE, body: Vote { target, value: 1 }.encode().unwrap().into() }
}
