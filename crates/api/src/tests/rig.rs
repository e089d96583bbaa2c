//! A real home on the real kernel and the store in memory, without a network; requests go straight into the router.

use crate::{ApiSettings, App, router};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode, header};
use crossbeam_channel::{Receiver, Sender, unbounded};
use futures::FutureExt;
use futures::future::BoxFuture;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidepool_home::{
    Clock, CustodyKeys, Home, HomeConfig, KernelPort, NetworkPort, NetworkStatus, NodeKeys, Parts, ShowAll,
    SystemClock, SystemRandom,
};
use tidepool_kernel::testing::MemoryStore;
use tidepool_kernel::{
    Coverage, Effect, GossipId, Input, LocalError, LocalRequest, Node, NodeSettings, Now, Outbox, PublishOutcome,
    Receipt, RequestFailure, Steady, Store, Ticket, Timer,
};
use tidepool_protocol::slot::{Shard, Topic};
use tidepool_protocol::{Bundle, Envelope, NetworkGenesis, PublicKey, verify};
use tidepool_views::Cursor;
use tokio::sync::{oneshot, watch};
use tower::ServiceExt;

type Waiting = Mutex<BTreeMap<u64, oneshot::Sender<Result<Receipt, LocalError>>>>;

/// The kernel as the home holds it.
struct Link {
    inputs: Sender<Input>,
    waiting: Arc<Waiting>,
    notified: watch::Receiver<Cursor>,
    tickets: AtomicU64,
}

impl KernelPort for Link {
    fn request(&self, request: LocalRequest) -> BoxFuture<'static, Result<Receipt, LocalError>> {
        let ticket = self.tickets.fetch_add(1, Ordering::SeqCst);
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap().insert(ticket, sender);
        self.inputs.send(Input::Local { ticket: Ticket(ticket), request }).unwrap();
        async move { receiver.await.unwrap_or(Err(LocalError::Stopping)) }.boxed()
    }

    fn notified(&self) -> watch::Receiver<Cursor> {
        self.notified.clone()
    }
}

/// The kernel's thread: steps it, and does for it what needs no network.
struct Driver {
    node: Node<MemoryStore, CustodyKeys>,
    inputs: Receiver<Input>,
    results: Sender<Input>,
    flusher: Arc<dyn Fn() -> Result<Cursor, tidepool_kernel::StoreError> + Send + Sync>,
    waiting: Arc<Waiting>,
    notified: watch::Sender<Cursor>,
    timers: BTreeMap<Timer, Steady>,
}

impl Driver {
    fn run(mut self) {
        let mut outbox = Outbox::default();
        self.node.step(Input::Started, SystemClock.now(), &mut outbox);
        loop {
            while !outbox.0.is_empty() {
                for effect in std::mem::take(&mut outbox.0) {
                    self.carry_out(effect);
                }
                self.node.step(Input::TurnEnded, SystemClock.now(), &mut outbox);
            }
            let now = Now::from(SystemClock.now()).steady;
            let due = self.timers.iter().find(|(_, at)| **at <= now).map(|(timer, _)| *timer);
            let input = match due {
                Some(timer) => {
                    self.timers.remove(&timer);
                    Input::Timer(timer)
                }
                None => {
                    let next = self.timers.values().min().map_or(1000, |at| at.since_ms(now).min(1000));
                    match self.inputs.recv_timeout(Duration::from_millis(next)) {
                        Ok(Input::Shutdown) | Err(crossbeam_channel::RecvTimeoutError::Disconnected) => return,
                        Ok(input) => input,
                        Err(crossbeam_channel::RecvTimeoutError::Timeout) => continue,
                    }
                }
            };
            self.node.step(input, SystemClock.now(), &mut outbox);
            if outbox.0.is_empty() {
                self.node.step(Input::TurnEnded, SystemClock.now(), &mut outbox);
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Verify { ticket, envelopes } => {
                let check = |bytes| Ok(verify(Envelope::decode(bytes)?)?);
                let results = envelopes.into_iter().map(check).collect();
                self.results.send(Input::Verified { ticket, results }).unwrap();
            }
            Effect::Flush => {
                let upto = (self.flusher)().unwrap();
                self.results.send(Input::Durable { upto }).unwrap();
            }
            Effect::SetTimer { timer, at } => {
                self.timers.insert(timer, at);
            }
            Effect::Reply { ticket, result } => {
                if let Some(sender) = self.waiting.lock().unwrap().remove(&ticket.0) {
                    let _ = sender.send(result);
                }
            }
            Effect::Notify { upto } => {
                self.notified.send_replace(upto);
            }
            Effect::Publish { ticket, .. } => {
                self.results.send(Input::Published { ticket, outcome: PublishOutcome::NoPeers }).unwrap();
            }
            Effect::Request { request, .. } => {
                self.results.send(Input::Response { request, result: Err(RequestFailure::Unreachable) }).unwrap();
            }
            Effect::Halt { error } => panic!("{error}"),
            Effect::Judge { .. }
            | Effect::Respond { .. }
            | Effect::Join(_)
            | Effect::Leave(_)
            | Effect::Connect(_)
            | Effect::Block(_)
            | Effect::Penalise { .. } => {}
        }
    }
}

struct NoNetwork;

impl NetworkPort for NoNetwork {
    fn status(&self) -> NetworkStatus {
        NetworkStatus { peer_id: "12D3KooWNobody".to_owned(), ..NetworkStatus::default() }
    }
}

/// A home and its router.
pub(crate) struct Rig {
    pub(crate) home: Home,
    pub(crate) router: Router,
    inputs: Sender<Input>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.inputs.send(Input::Shutdown);
    }
}

/// One request.
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// One answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The body of an answer with this status.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self.json()
    }
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { method: method.parse().unwrap(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path).json(body)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").bytes(body.to_string().into_bytes())
    }

    pub(crate) fn bytes(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// As the agent with this key.
    pub(crate) fn by(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    fn build(self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(self.path).header(header::HOST, "tide.test:80");
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(Body::from(self.body)).unwrap()
    }
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with(HomeConfig::default(), ApiSettings::default()).await
    }

    pub(crate) async fn with(config: HomeConfig, settings: ApiSettings) -> Self {
        let (home, inputs) = start(config).await;
        Self { router: router(home.clone(), &settings, None), home, inputs }
    }

    /// Of a node that was told to hold no shard: it holds those that its agents need.
    pub(crate) async fn of_few_shards() -> Self {
        let (home, inputs) = start_covering(HomeConfig::default(), Coverage::Shards(BTreeSet::new())).await;
        Self { router: router(home.clone(), &ApiSettings::default(), None), home, inputs }
    }

    /// With a recorder behind `/metrics`.
    pub(crate) async fn with_metrics(metrics: PrometheusHandle) -> Self {
        let (home, inputs) = start(HomeConfig::default()).await;
        Self { router: router(home.clone(), &ApiSettings::default(), Some(metrics)), home, inputs }
    }

    /// With other routes under the same layers.
    pub(crate) async fn with_routes(settings: ApiSettings, routes: Router<Arc<App>>) -> Self {
        let (home, inputs) = start(HomeConfig::default()).await;
        let app =
            Arc::new(App { home: home.clone(), settings, metrics: None, attempts: crate::layers::Attempts::default() });
        Self { router: crate::router::layered(&app, routes), home, inputs }
    }

    /// The response as it is, its body unread.
    pub(crate) async fn send(&self, ask: Ask) -> Response<Body> {
        self.router.clone().oneshot(ask.build()).await.unwrap()
    }

    pub(crate) async fn ask(&self, ask: Ask) -> Answer {
        let (parts, body) = self.send(ask).await.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Ask::get(path)).await
    }

    /// Lets a peer forward an envelope, and waits until it is here.
    pub(crate) async fn gossip(&self, envelope: &Envelope) {
        let genesis = NetworkGenesis::development();
        let (generation, shards) = (genesis.params.generation, genesis.params.shards);
        let shard = Shard::of(envelope.header().slot(), shards).unwrap();
        let bundle = Bundle { envelopes: vec![envelope.bytes().clone()], identities: Vec::new() };
        let topic = Topic::Shard { generation, shard };
        let from = PublicKey([7; 32]);
        self.inputs.send(Input::Gossip { id: GossipId(1), from, topic, frame: bundle.encode() }).unwrap();
        let path = format!("/api/v1/envelopes/{}", envelope.id());
        let here = async {
            while self.get(&path).await.status != 200 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), here).await.unwrap();
    }

    /// Registers an agent; its key and id.
    pub(crate) async fn agent(&self, name: &str) -> (String, String) {
        let body = serde_json::json!({"name": name, "description": format!("{name} of a test")});
        let answer = self.ask(Ask::post("/api/v1/agents/register", &body)).await.expect(201);
        let text = |field: &str| answer["agent"][field].as_str().unwrap().to_owned();
        (text("api_key"), text("id"))
    }

    /// Posts; the post's id.
    pub(crate) async fn post(&self, key: &str, title: &str) -> String {
        let body = serde_json::json!({"submolt_name": "general", "title": title, "content": "a text"});
        let answer = self.ask(Ask::post("/api/v1/posts", &body).by(key)).await.expect(201);
        answer["post"]["id"].as_str().unwrap().to_owned()
    }

    /// Comments on a post; the comment's id.
    pub(crate) async fn comment(&self, key: &str, post: &str, content: &str, parent: Option<&str>) -> String {
        let body = serde_json::json!({"content": content, "parent_id": parent});
        let answer = self.ask(Ask::post(&format!("/api/v1/posts/{post}/comments"), &body).by(key)).await.expect(201);
        answer["comment"]["id"].as_str().unwrap().to_owned()
    }
}

/// Starts a home and its kernel.
async fn start(config: HomeConfig) -> (Home, Sender<Input>) {
    start_covering(config, Coverage::Archive).await
}

async fn start_covering(config: HomeConfig, coverage: Coverage) -> (Home, Sender<Input>) {
    let genesis = Arc::new(NetworkGenesis::development());
    let keys = Arc::new(NodeKeys::generate(SystemClock.now(), &SystemRandom));
    let store = MemoryStore::default();
    let reader = store.reader();
    let (inputs, waiting_inputs) = unbounded();
    let (notified, notifications) = watch::channel(Cursor::START);
    let waiting = Arc::new(Waiting::default());
    let custody = CustodyKeys::new(Arc::clone(&keys), Arc::clone(&reader));
    let driver = Driver {
        flusher: store.flusher(),
        node: Node::new(
            store,
            custody.clone(),
            NodeSettings { coverage, ..NodeSettings::archive((*genesis).clone(), keys.node_id(), keys.public_key()) },
        ),
        inputs: waiting_inputs,
        results: inputs.clone(),
        waiting: Arc::clone(&waiting),
        notified,
        timers: BTreeMap::new(),
    };
    std::thread::spawn(move || driver.run());
    let link = Link { inputs: inputs.clone(), waiting, notified: notifications, tickets: AtomicU64::new(1) };
    let parts = Parts {
        kernel: Arc::new(link),
        network: Arc::new(NoNetwork),
        reader,
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        keys,
        custody,
        genesis,
        policy: Arc::new(ShowAll),
        version: "test",
    };
    let home = Home::start(parts, config).await.unwrap();
    (home, inputs)
}
