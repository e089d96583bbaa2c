//! Who plays: nodes, agents and hostile peers with all their keys, made once for many seeds.

use crate::scenario::Scenario;
use std::collections::BTreeMap;
use tidepool_kernel::memory::Keys;
use tidepool_protocol::{AuthorId, SecretKey};
use tidepool_views::testing::{TestAgent, TestNode, secret};

/// Numbers of keys: nodes, agents, hostile peers and their agents do not meet.
const NODES_FROM: u64 = 1_000_000;
const AGENTS_FROM: u64 = 10_000_000;
const HOSTILE_FROM: u64 = 50_000_000;

/// Agents of one hostile peer.
pub(crate) const HOSTILE_AGENTS: usize = 2;

/// A peer that means harm, and agents whose identities are good.
#[derive(Clone, Debug)]
pub struct HostileCast {
    /// The peer.
    pub node: TestNode,
    /// Agents at home there.
    pub agents: Vec<TestAgent>,
}

/// Everybody.
#[derive(Clone, Debug)]
pub struct Cast {
    /// Honest nodes.
    pub nodes: Vec<TestNode>,
    /// Agents; number `n` is at home at node `n % homes`.
    pub agents: Vec<TestAgent>,
    /// Keys that agents rotate to, one each.
    pub next_keys: Vec<SecretKey>,
    /// Hostile peers.
    pub hostile: Vec<HostileCast>,
    homes: usize,
    /// The agents by their ids.
    of_author: BTreeMap<AuthorId, usize>,
}

fn number(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

impl Cast {
    /// Those of `scenario`, and as many hostile peers as any plan of it has.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        let nodes: Vec<_> = (0..scenario.nodes).map(|at| TestNode::new(NODES_FROM + 10 * number(at))).collect();
        let agent = |at: usize| {
            let home = &nodes[at % scenario.homes];
            TestAgent::new(AGENTS_FROM + 10 * number(at), &format!("agent-{at}"), home, 1)
        };
        let agents: Vec<_> = (0..scenario.agents).map(agent).collect();
        let next_keys = (0..scenario.agents).map(|at| secret(AGENTS_FROM + 10 * number(at) + 5)).collect();
        let planned = scenario.plan.as_ref().map_or(0, |plan| plan.hostile.len());
        let hostile = (0..scenario.hostile.max(planned)).map(hostile).collect();
        let of_author = agents.iter().enumerate().map(|(at, agent)| (agent.author(), at)).collect();
        Self { nodes, agents, next_keys, hostile, homes: scenario.homes, of_author }
    }

    /// The home of agent `agent`.
    #[must_use]
    pub const fn home(&self, agent: usize) -> usize {
        agent % self.homes
    }

    /// The agent with this id.
    #[must_use]
    pub fn agent_of(&self, author: &AuthorId) -> Option<usize> {
        self.of_author.get(author).copied()
    }

    /// The keys in custody at `node`.
    #[must_use]
    pub fn custody(&self, node: usize) -> Keys {
        let at_home = (0..self.agents.len()).filter(|agent| self.home(*agent) == node);
        let keys = at_home.flat_map(|agent| [self.agents[agent].key.clone(), self.next_keys[agent].clone()]);
        Keys::new(keys.chain([self.nodes[node].key.clone()]))
    }
}

fn hostile(at: usize) -> HostileCast {
    let from = HOSTILE_FROM + 1_000 * number(at);
    let node = TestNode::new(from);
    let agent = |place| TestAgent::new(from + 100 * (number(place) + 1), &format!("shade-{at}-{place}"), &node, 1);
    let agents = (0..HOSTILE_AGENTS).map(agent).collect();
    HostileCast { node, agents }
}
