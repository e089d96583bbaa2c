//! What the kernel and the network count, given to the process's Prometheus recorder once a second.
//!
//! Several nodes in one process share one recorder; the label `node` (the end of the peer id) tells them apart.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tidepool_home::Home;
use tidepool_kernel::{Counters, StoreReader};
use tidepool_net::{NetHandle, Via};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often numbers are renewed: scrapers ask every 15 s or so, people more often.
const EVERY: Duration = Duration::from_secs(1);

/// How many characters of the peer id make the label.
const LABEL_CHARS: usize = 8;

/// Bounds of the buckets of times, in seconds: from what a read takes to where a request is given up.
const SECONDS: [f64; 16] =
    [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

/// The process's recorder; made at the first call. `None` when something else in the process recorded metrics before.
pub(crate) fn recorder() -> Option<PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let made = || {
        let times = Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(times, &SECONDS).ok()?;
        let recorder = builder.install_recorder().ok()?;
        describe();
        Some(recorder)
    };
    RECORDER.get_or_init(made).clone()
}

/// What a scraper shows beside the names.
fn describe() {
    let counters = [
        ("tidepool_frames_total", "Gossip frames by verdict"),
        ("tidepool_frames_dropped_total", "Gossip frames that were not looked at, by reason"),
        ("tidepool_envelopes_refused_total", "Envelopes that were not admitted, by rule; absent until the first"),
        ("tidepool_envelopes_admitted_total", "Envelopes that were admitted, by origin"),
        ("tidepool_request_failures_total", "Requests to peers that failed, by failure"),
        ("tidepool_sync_sessions_total", "Anti-entropy sessions by outcome"),
        ("tidepool_http_requests_total", "Requests of the HTTP API"),
        ("tidepool_http_streams_ended_total", "Event streams that ended, by cause"),
    ];
    for (name, text) in counters {
        metrics::describe_counter!(name, text);
    }
    let nothing = Counters::default();
    for (name, text, _) in plain_counters(&nothing) {
        metrics::describe_counter!(name, text);
    }
    for (name, text, _) in plain_gauges(&nothing) {
        metrics::describe_gauge!(name, text);
    }
    let gauges = [
        ("tidepool_log_head", "Cursor of the last envelope that readers see"),
        ("tidepool_log_durable", "Cursor up to which everything survives a crash"),
        ("tidepool_http_streams", "Event streams that are open"),
        ("tidepool_net_greylisted", "Peers that are refused for an hour"),
        ("tidepool_net_known_peers", "Peers whose addresses are kept"),
        ("tidepool_net_routing_peers", "Peers in the routing table of Kademlia"),
        ("tidepool_net_peers", "Connected peers by the way in which they are reached"),
        ("tidepool_net_score_lowest", "The lowest score of a connected peer"),
        ("tidepool_takedowns", "Envelopes and authors that the operator has taken down"),
    ];
    for (name, text) in gauges {
        metrics::describe_gauge!(name, text);
    }
    metrics::describe_histogram!(
        "tidepool_http_request_seconds",
        metrics::Unit::Seconds,
        "Seconds to answer a request; a stream counts until its first byte"
    );
}

/// Renews one node's numbers until it is dropped.
pub(crate) struct Meters(JoinHandle<()>);

impl Meters {
    pub(crate) fn start(
        counted: watch::Receiver<Counters>,
        net: NetHandle,
        reader: Arc<dyn StoreReader>,
        home: Home,
    ) -> Self {
        Self(tokio::spawn(async move {
            let peer_id = net.status().borrow().peer_id.clone();
            let node = peer_id[peer_id.len().saturating_sub(LABEL_CHARS)..].to_owned();
            let mut every = tokio::time::interval(EVERY);
            let mut alarms = Alarms::default();
            for (name, meaning, _) in net.counters().each() {
                metrics::describe_counter!(format!("tidepool_net_{name}_total"), meaning.trim());
            }
            loop {
                every.tick().await;
                kernel(&node, &counted.borrow());
                alarms.look(&counted.borrow());
                network(&node, &net);
                gauge(&node, "tidepool_log_head", reader.head().0);
                gauge(&node, "tidepool_log_durable", reader.durable().0);
                gauge(&node, "tidepool_takedowns", home.takedown_count() as u64);
                // What was timed is kept sample by sample until then: a node that nobody scrapes would keep all of it.
                if let Some(recorder) = recorder() {
                    recorder.run_upkeep();
                }
            }
        }))
    }
}

/// What an operator must hear of, said once each time that it grows.
#[derive(Default)]
struct Alarms {
    home_forks: u64,
    foreign_heads: u64,
}

impl Alarms {
    fn look(&mut self, counters: &Counters) {
        if counters.home_forks > self.home_forks
            && let Some((author, envelope)) = counters.home_fork_last
        {
            tracing::warn!(
                agent = %author.as_agent(),
                %envelope,
                forks = counters.home_forks,
                "an agent at home here signed two envelopes at one place of its log; both are void: see `GET /api/v1/agents/ID/logs`, then `tidepool identity keep` or `revoke`"
            );
        }
        if counters.foreign_heads > self.foreign_heads {
            tracing::warn!(
                logs = counters.foreign_heads,
                "another process signs with keys of agents at home here: a copy of this data directory runs somewhere, or the keys are stolen"
            );
        }
        (self.home_forks, self.foreign_heads) = (counters.home_forks, counters.foreign_heads);
    }
}

impl Drop for Meters {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn counter(node: &str, name: &'static str, value: u64) {
    metrics::counter!(name, "node" => node.to_owned()).absolute(value);
}

#[allow(clippy::cast_precision_loss, reason = "gauges are floats; counts stay below 2^53")]
fn gauge(node: &str, name: &'static str, value: u64) {
    metrics::gauge!(name, "node" => node.to_owned()).set(value as f64);
}

fn labelled(node: &str, name: &'static str, label: &'static str, values: &BTreeMap<&'static str, u64>) {
    for (kind, value) in values {
        metrics::counter!(name, "node" => node.to_owned(), label => *kind).absolute(*value);
    }
}

/// Counters without labels: name, meaning, value.
fn plain_counters(counters: &Counters) -> [(&'static str, &'static str, u64); 31] {
    [
        ("tidepool_envelopes_duplicate_total", "Envelopes that came again", counters.duplicates),
        ("tidepool_envelopes_evicted_total", "Envelopes that left for lower ids at their position", counters.evicted),
        (
            "tidepool_envelopes_not_held_total",
            "Envelopes that were not taken, because two lower ids stand at their position",
            counters.not_held,
        ),
        ("tidepool_envelopes_void_total", "Envelopes that were void when they came", counters.void),
        ("tidepool_envelopes_ephemeral_total", "Ephemeral envelopes that were handed on", counters.ephemeral),
        (
            "tidepool_pending_added_total",
            "Envelopes that began to wait for their author's identity",
            counters.pending_added,
        ),
        (
            "tidepool_pending_dropped_total",
            "Envelopes that waited for an identity and were given up",
            counters.pending_dropped,
        ),
        ("tidepool_chains_missing_total", "Identities that were wanted and that no peer had", counters.chains_missing),
        ("tidepool_sync_begun_total", "Anti-entropy sessions begun", counters.sync_begun),
        ("tidepool_bundles_total", "Bundles gossiped", counters.bundles),
        ("tidepool_bundle_bytes_total", "Bytes of bundles gossiped", counters.bundle_bytes),
        ("tidepool_batches_total", "Batches written to the store", counters.batches),
        ("tidepool_flushes_total", "Flushes of the store to the disk", counters.flushes),
        ("tidepool_sync_offences_total", "Lies of peers that their own answers proved", counters.offences),
        (
            "tidepool_frames_stale_total",
            "Gossip frames with envelopes older than twenty minutes",
            counters.frames_stale,
        ),
        (
            "tidepool_frames_crowding_total",
            "Gossip frames with more than eight surplus envelopes of one position",
            counters.frames_crowding,
        ),
        (
            "tidepool_sync_offered_gone_total",
            "Ids that a peer offered and marked as gone when they were fetched",
            counters.offered_gone,
        ),
        ("tidepool_sync_served_total", "Requests of peers answered", counters.served),
        ("tidepool_sync_served_busy_total", "Requests of peers answered with busy", counters.served_busy),
        ("tidepool_sync_bytes_in_total", "Bytes of answers from peers", counters.sync_bytes_in),
        ("tidepool_sync_bytes_out_total", "Bytes of answers to peers", counters.sync_bytes_out),
        ("tidepool_log_gaps_asked_total", "Gaps in logs that peers were asked for", counters.gaps_asked),
        ("tidepool_log_gaps_filled_total", "Gaps in logs that were filled", counters.gaps_filled),
        (
            "tidepool_log_gaps_left_total",
            "Gaps in logs that no peer could fill and that are no longer asked for",
            counters.gaps_left,
        ),
        ("tidepool_checkpoints_signed_total", "Checkpoints signed for agents at home here", counters.checkpoints),
        ("tidepool_pruned_total", "Bodies taken away behind the horizon", counters.pruned),
        ("tidepool_shards_joined_total", "Shards that this node began to hold", counters.shards_joined),
        (
            "tidepool_foreign_heads_total",
            "Logs of agents at home here in which another process signs",
            counters.foreign_heads,
        ),
        ("tidepool_home_forks_total", "Forks in logs of agents at home here", counters.home_forks),
        ("tidepool_local_requests_done_total", "Requests of the home that the kernel carried out", counters.local_done),
        ("tidepool_local_requests_failed_total", "Requests of the home that the kernel refused", counters.local_failed),
    ]
}

/// Gauges of the kernel, likewise.
fn plain_gauges(counters: &Counters) -> [(&'static str, &'static str, u64); 4] {
    [
        ("tidepool_pending", "Envelopes that wait for their author's identity", counters.pending),
        ("tidepool_outbox", "Envelopes of local agents that no peer has yet", counters.outbox),
        ("tidepool_log_gaps", "Gaps in logs that are known and asked for", counters.gaps),
        ("tidepool_peers", "Connected peers that speak our protocol", counters.peers),
    ]
}

fn kernel(node: &str, counters: &Counters) {
    let frames = [
        ("accept", counters.frames_accepted),
        ("ignore", counters.frames_ignored),
        ("reject", counters.frames_rejected),
    ];
    labelled(node, "tidepool_frames_total", "verdict", &BTreeMap::from(frames));
    labelled(node, "tidepool_frames_dropped_total", "reason", &counters.frames_dropped);
    labelled(node, "tidepool_envelopes_refused_total", "reason", &counters.refused);
    let admitted =
        [("local", counters.admitted_local), ("gossip", counters.admitted_gossip), ("sync", counters.admitted_sync)];
    labelled(node, "tidepool_envelopes_admitted_total", "origin", &BTreeMap::from(admitted));
    labelled(node, "tidepool_request_failures_total", "failure", &counters.request_failures);
    let sync = [("done", counters.sync_done), ("failed", counters.sync_failed), ("equal", counters.sync_equal)];
    labelled(node, "tidepool_sync_sessions_total", "outcome", &BTreeMap::from(sync));
    for (name, _, value) in plain_counters(counters) {
        counter(node, name, value);
    }
    for (name, _, value) in plain_gauges(counters) {
        gauge(node, name, value);
    }
}

/// All ways in which a peer can be reached: each has its gauge, also when nobody is reached so.
const WAYS: [Via; 5] = [Via::Tcp, Via::Quic, Via::PunchedTcp, Via::PunchedQuic, Via::Relay];

fn network(node: &str, net: &NetHandle) {
    for (name, _, value) in net.counters().each() {
        metrics::counter!(format!("tidepool_net_{name}_total"), "node" => node.to_owned()).absolute(value);
    }
    let status = net.status().borrow().clone();
    gauge(node, "tidepool_net_greylisted", status.greylisted as u64);
    gauge(node, "tidepool_net_known_peers", status.known_peers as u64);
    gauge(node, "tidepool_net_routing_peers", status.routing_peers as u64);
    let mut ways = BTreeMap::from(WAYS.map(|way| (way.name(), 0_u64)));
    for peer in &status.peers {
        *ways.entry(peer.via.name()).or_default() += 1;
    }
    for (way, peers) in ways {
        #[allow(clippy::cast_precision_loss, reason = "gauges are floats; a node has some hundred peers")]
        metrics::gauge!("tidepool_net_peers", "node" => node.to_owned(), "via" => way).set(peers as f64);
    }
    #[allow(clippy::cast_precision_loss, reason = "scores are shown, not computed with")]
    let lowest = status.peers.iter().map(|peer| peer.score).min().unwrap_or(0) as f64;
    metrics::gauge!("tidepool_net_score_lowest", "node" => node.to_owned()).set(lowest);
}
