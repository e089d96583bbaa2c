//! `mesh up`: starts the nodes, joins them through one seed, peoples them, shows what happens, stops cleanly.

use crate::agent::{Agent, Done, Rates};
use crate::arrivals::{Arrivals, NODES_MAX};
use crate::client::{CallError, Client};
use crate::launch::{Launch, LaunchError, NodeSpec, RunningNode};
use crate::live::{Live, Now};
use crate::random::Random;
use crate::report::{Member, Report};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// After the last deed, nodes have this long to become equal.
const SETTLE_MAX: Duration = Duration::from_secs(60);

/// Registrations under way at once: more would only wait for the nodes' work queues.
const REGISTRATIONS: usize = 16;

/// Agents that one process acts for.
const AGENTS_MAX: usize = 20_000;

/// What a mesh is to be.
#[derive(Clone, Debug)]
pub struct MeshSettings {
    /// How many nodes, 1 to 128.
    pub nodes: usize,
    /// How many agents, up to 20,000, spread evenly over the nodes.
    pub agents: usize,
    /// How long agents act; until `stop` without it.
    pub duration: Option<Duration>,
    /// Where the nodes' data directories are made.
    pub directory: PathBuf,
    /// The seed of the agents' choices.
    pub seed: u64,
    /// Whether the report alone is shown: nodes' addresses go to standard error, and there is no live line.
    pub quiet: bool,
}

/// Why a mesh did not come up.
#[derive(Debug, thiserror::Error)]
pub enum MeshError {
    /// Too many or too few nodes.
    #[error("{0} nodes; 1 to {NODES_MAX} are allowed in one process")]
    Nodes(usize),
    /// Too many agents.
    #[error("{0} agents; up to {AGENTS_MAX} are allowed in one process")]
    Agents(usize),
    /// A node did not start.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// A node that runs does not answer as it should.
    #[error("a node of the mesh does not answer: {0}")]
    Call(String),
}

impl From<CallError> for MeshError {
    fn from(error: CallError) -> Self {
        Self::Call(error.to_string())
    }
}

/// Brings a mesh up and runs it until its time is over or `stop` turns true; every node is stopped when this returns.
///
/// # Errors
/// When a node does not start, or does not answer while agents register.
pub async fn up(
    settings: &MeshSettings,
    launcher: &dyn Launch,
    mut stop: watch::Receiver<bool>,
) -> Result<Report, MeshError> {
    if !(1..=NODES_MAX).contains(&settings.nodes) {
        return Err(MeshError::Nodes(settings.nodes));
    }
    if settings.agents > AGENTS_MAX {
        return Err(MeshError::Agents(settings.agents));
    }
    let mut nodes: Vec<Box<dyn RunningNode>> = Vec::with_capacity(settings.nodes);
    let result = async {
        start(settings, launcher, &mut nodes).await?;
        let mesh = Mesh::new(settings, &nodes);
        mesh.run(settings, &mut stop).await
    }
    .await;
    futures::future::join_all(nodes.into_iter().map(RunningNode::stop)).await;
    result
}

async fn start(
    settings: &MeshSettings,
    launcher: &dyn Launch,
    nodes: &mut Vec<Box<dyn RunningNode>>,
) -> Result<(), MeshError> {
    let mut seeds = Vec::new();
    for number in 0..settings.nodes {
        let directory = settings.directory.join(format!("node-{number}"));
        let node = launcher.launch(NodeSpec { number, directory, seeds: seeds.clone() }).await?;
        let line = format!("node {number:>3}  {}  {}", node.api(), node.peer_id());
        // Whoever reads the report alone from standard output may still want to talk to the nodes meanwhile.
        if settings.quiet {
            eprintln!("{line}")
        } else {
            println!("{line}")
        }
        if number == 0 {
            seeds = node.listen();
        }
        nodes.push(node);
    }
    Ok(())
}

/// A mesh that runs.
struct Mesh {
    members: Vec<Member>,
    apis: Vec<String>,
    http: reqwest::Client,
    arrivals: Arc<Arrivals>,
    done: Arc<Done>,
}

/// What all nodes say of themselves at one moment.
struct Census {
    envelopes: Vec<u64>,
    digests_equal: bool,
}

impl Census {
    /// What the node that has most holds.
    fn most(&self) -> u64 {
        self.envelopes.iter().max().copied().unwrap_or(0)
    }

    /// Held over owed, of what the nodes themselves count.
    #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
    fn ratio(&self) -> f64 {
        let (held, owed) = (self.envelopes.iter().sum::<u64>(), self.most() * self.envelopes.len() as u64);
        if owed == 0 { 1.0 } else { held as f64 / owed as f64 }
    }
}

impl Mesh {
    fn new(settings: &MeshSettings, nodes: &[Box<dyn RunningNode>]) -> Self {
        Self {
            members: nodes.iter().map(|node| Member { api: node.api(), peer_id: node.peer_id() }).collect(),
            apis: nodes.iter().map(|node| node.api()).collect(),
            http: reqwest::Client::new(),
            arrivals: Arc::new(Arrivals::new(settings.nodes)),
            done: Arc::new(Done::default()),
        }
    }

    async fn run(&self, settings: &MeshSettings, stop: &mut watch::Receiver<bool>) -> Result<Report, MeshError> {
        let mut background = JoinSet::new();
        for (node, api) in self.apis.iter().enumerate() {
            let (arrivals, http, api) = (Arc::clone(&self.arrivals), self.http.clone(), api.clone());
            background.spawn(async move { arrivals.follow(node, http, api).await });
        }
        let agents = tokio::select! {
            agents = async {
                self.arrivals.all_connected().await;
                self.register(settings).await
            } => agents?,
            _ = stop.wait_for(|stopped| *stopped) => Vec::new(),
        };
        // None when it was stopped meanwhile.
        let peopled = agents.len();
        let (stop_agents, agents_stop) = watch::channel(false);
        let mut acting = JoinSet::new();
        for agent in agents {
            acting.spawn(agent.run(agents_stop.clone()));
        }
        let began = Instant::now();
        let mut live = Live::new(settings.quiet);
        self.watch(settings, peopled, stop, &mut live).await;
        stop_agents.send_replace(true);
        while acting.join_next().await.is_some() {}
        let seconds = began.elapsed().as_secs_f64();
        let (census, settled) = self.settle(settings, peopled, stop, &mut live).await?;
        live.finish();
        // The streams show an envelope a moment after the digests count it; they have the time that a reader would give.
        let owed = Instant::now() + Duration::from_secs(5);
        while census.digests_equal && self.arrivals.counted().ratio < 1.0 && Instant::now() < owed {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        background.abort_all();
        Ok(self.report(settings, peopled, seconds, &census, settled))
    }

    async fn register(&self, settings: &MeshSettings) -> Result<Vec<Agent>, MeshError> {
        use futures::{StreamExt, TryStreamExt};
        let mut random = Random::from_seed(settings.seed);
        let rates = Rates { posts: 0.14, comments: 0.18, votes: 0.29, follows: 0.01 };
        let agents: Vec<_> = (0..settings.agents).map(|number| (number, random.next())).collect();
        futures::stream::iter(agents)
            .map(|(number, seed)| async move {
                let name = format!("lab-{}-{number}", settings.seed);
                let api = self.apis[number % self.apis.len()].clone();
                let client = Client::new(self.http.clone(), api).register(&name).await?;
                Ok::<_, MeshError>(Agent {
                    name,
                    client,
                    random: Random::from_seed(seed),
                    rates,
                    done: Arc::clone(&self.done),
                })
            })
            .buffer_unordered(REGISTRATIONS)
            .try_collect()
            .await
    }

    /// Shows the live line until the time is over or the mesh is to stop.
    async fn watch(&self, settings: &MeshSettings, agents: usize, stop: &mut watch::Receiver<bool>, live: &mut Live) {
        let deadline = settings.duration.map(|duration| tokio::time::Instant::now() + duration);
        let mut every_second = tokio::time::interval(Duration::from_secs(1));
        every_second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut before: Option<(u64, Instant)> = None;
        loop {
            // On a busy machine the census takes seconds: it must not keep agents at work beyond the time asked for.
            let census = tokio::select! {
                census = async {
                    every_second.tick().await;
                    self.census().await
                } => census,
                () = at(deadline) => return,
                _ = stop.wait_for(|stopped| *stopped) => return,
            };
            let Ok(census) = census else { continue };
            let envelopes = census.most();
            #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
            let per_second = before.map_or(0.0, |(before, shown)| {
                envelopes.saturating_sub(before) as f64 / shown.elapsed().as_secs_f64().max(0.001)
            });
            before = Some((envelopes, Instant::now()));
            live.show(&Now {
                nodes: settings.nodes,
                agents,
                envelopes,
                ratio: census.ratio(),
                counted: self.arrivals.counted(),
                per_second,
                digests_equal: census.digests_equal,
            });
        }
    }

    /// Waits until all nodes are equal, at most [`SETTLE_MAX`].
    async fn settle(
        &self,
        settings: &MeshSettings,
        agents: usize,
        stop: &mut watch::Receiver<bool>,
        live: &mut Live,
    ) -> Result<(Census, Option<f64>), MeshError> {
        let began = Instant::now();
        // A mesh without an end that is stopped by hand is not made to wait.
        let patience = if settings.duration.is_none() && *stop.borrow() { Duration::ZERO } else { SETTLE_MAX };
        loop {
            let census = self.census().await?;
            if census.digests_equal {
                return Ok((census, Some(began.elapsed().as_secs_f64())));
            }
            if began.elapsed() >= patience {
                return Ok((census, None));
            }
            live.show(&Now {
                nodes: settings.nodes,
                agents,
                envelopes: census.most(),
                ratio: census.ratio(),
                counted: self.arrivals.counted(),
                per_second: 0.0,
                digests_equal: false,
            });
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn census(&self) -> Result<Census, MeshError> {
        let asked = self.apis.iter().map(|api| {
            let client = Client::new(self.http.clone(), api.clone());
            async move { client.node().await }
        });
        let answers = futures::future::try_join_all(asked).await?;
        let field = |answer: &Value, name: &'static str| match &answer[name] {
            Value::Null => Err(MeshError::Call(format!("/api/v1/node: the answer has no {name}"))),
            value => Ok(value.clone()),
        };
        let mut envelopes = Vec::with_capacity(answers.len());
        let mut digests = Vec::with_capacity(answers.len());
        for answer in &answers {
            envelopes.push(field(answer, "envelopes")?.as_u64().unwrap_or(0));
            digests.push((field(answer, "digest")?, field(answer, "shards")?));
        }
        let digests_equal = digests.iter().all(|other| *other == digests[0]);
        Ok(Census { envelopes, digests_equal })
    }

    #[allow(clippy::cast_precision_loss, reason = "rates for people")]
    fn report(
        &self,
        settings: &MeshSettings,
        agents: usize,
        seconds: f64,
        census: &Census,
        settled: Option<f64>,
    ) -> Report {
        let counted = self.arrivals.counted();
        let (done, load) = (&self.done, |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed));
        let (posts, votes) = (load(&done.posts), load(&done.votes));
        Report {
            nodes: settings.nodes,
            agents,
            seed: settings.seed,
            seconds,
            posts,
            comments: load(&done.comments),
            votes,
            follows: load(&done.follows),
            failed: load(&done.failed),
            last_failure: done.last_failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone(),
            posts_per_second: posts as f64 / seconds,
            votes_per_second: votes as f64 / seconds,
            members: self.members.clone(),
            envelopes: census.envelopes.clone(),
            // The streams' ratio must agree with what the nodes count.
            delivery_ratio: census.ratio().min(counted.ratio),
            p50_ms: counted.p50_ms,
            p99_ms: counted.p99_ms,
            digests_equal: census.digests_equal,
            settled_after_s: settled,
        }
    }
}

async fn at(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
