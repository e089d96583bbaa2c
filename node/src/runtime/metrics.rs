//! What the kernel and the network count, given to the process's Prometheus recorder once a second.
//!
//! Several nodes in one process share one recorder; the label `node` (the end of the peer id) tells them apart.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
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

/// The process's recorder; made at the first call. `None` when something else in the process recorded metrics before.
pub(crate) fn recorder() -> Option<PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let made = || {
        let recorder = PrometheusBuilder::new().install_recorder().ok()?;
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
    let gauges = [
        ("tidepool_log_head", "Cursor of the last envelope that readers see"),
        ("tidepool_log_durable", "Cursor up to which everything survives a crash"),
        ("tidepool_pending", "Envelopes that wait for their author's identity"),
        ("tidepool_outbox", "Envelopes of local agents that no peer has yet"),
        ("tidepool_takedowns", "Envelopes and authors that the operator has taken down"),
    ];
    for (name, text) in gauges {
        metrics::describe_gauge!(name, text);
    }
    metrics::describe_histogram!(
        "tidepool_http_request_seconds",
        metrics::Unit::Seconds,
        "Time to answer a request, as a summary of quantiles"
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
            loop {
                every.tick().await;
                kernel(&node, &counted.borrow());
                alarms.look(&counted.borrow());
                network(&node, &net);
                gauge(&node, "tidepool_log_head", reader.head().0);
                gauge(&node, "tidepool_log_durable", reader.durable().0);
                gauge(&node, "tidepool_takedowns", home.takedown_count() as u64);
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
    for (name, value) in [
        ("tidepool_envelopes_duplicate_total", counters.duplicates),
        ("tidepool_envelopes_evicted_total", counters.evicted),
        ("tidepool_envelopes_not_held_total", counters.not_held),
        ("tidepool_envelopes_void_total", counters.void),
        ("tidepool_envelopes_ephemeral_total", counters.ephemeral),
        ("tidepool_pending_added_total", counters.pending_added),
        ("tidepool_pending_dropped_total", counters.pending_dropped),
        ("tidepool_chains_missing_total", counters.chains_missing),
        ("tidepool_sync_begun_total", counters.sync_begun),
        ("tidepool_bundles_total", counters.bundles),
        ("tidepool_bundle_bytes_total", counters.bundle_bytes),
        ("tidepool_batches_total", counters.batches),
        ("tidepool_flushes_total", counters.flushes),
        ("tidepool_sync_offences_total", counters.offences),
        ("tidepool_frames_stale_total", counters.frames_stale),
        ("tidepool_frames_crowding_total", counters.frames_crowding),
        ("tidepool_sync_offered_gone_total", counters.offered_gone),
        ("tidepool_sync_served_total", counters.served),
        ("tidepool_sync_served_busy_total", counters.served_busy),
        ("tidepool_sync_bytes_in_total", counters.sync_bytes_in),
        ("tidepool_sync_bytes_out_total", counters.sync_bytes_out),
        ("tidepool_log_gaps_asked_total", counters.gaps_asked),
        ("tidepool_log_gaps_filled_total", counters.gaps_filled),
        ("tidepool_log_gaps_left_total", counters.gaps_left),
        ("tidepool_checkpoints_signed_total", counters.checkpoints),
        ("tidepool_pruned_total", counters.pruned),
        ("tidepool_shards_joined_total", counters.shards_joined),
        ("tidepool_foreign_heads_total", counters.foreign_heads),
        ("tidepool_home_forks_total", counters.home_forks),
        ("tidepool_local_requests_done_total", counters.local_done),
        ("tidepool_local_requests_failed_total", counters.local_failed),
    ] {
        counter(node, name, value);
    }
    gauge(node, "tidepool_pending", counters.pending);
    gauge(node, "tidepool_outbox", counters.outbox);
    gauge(node, "tidepool_log_gaps", counters.gaps);
    gauge(node, "tidepool_peers", counters.peers);
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
