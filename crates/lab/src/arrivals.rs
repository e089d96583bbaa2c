//! What arrived where and when: reads the event stream of every node and keeps the delays from first sight to each node.
//!
//! An envelope is first seen on its home's stream, when its author had its answer; every other node's stream shows it
//! when it is durable and readable there. The difference is the delay that an agent on the other node feels.

use futures::StreamExt;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Delays kept for the percentiles: beyond it every second one is dropped, again and again.
const DELAYS_MAX: usize = 1 << 18;

/// Envelopes whose arrivals are still awaited; beyond it new ones are neither timed nor counted.
const OPEN_MAX: usize = 1 << 17;

/// All nodes' arrivals.
#[derive(Debug)]
pub(crate) struct Arrivals {
    nodes: usize,
    kept: Mutex<Kept>,
    /// How many streams have been answered once.
    connected: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Kept {
    open: HashMap<String, Open>,
    complete: u64,
    arrived: u64,
    delays_ms: Vec<f32>,
    keep_one_in: u64,
    passed: u64,
}

#[derive(Debug)]
struct Open {
    first: Instant,
    /// One bit for each node.
    seen: u128,
}

/// The state at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    /// Arrivals over envelopes times nodes; 1 when everything is everywhere.
    pub(crate) ratio: f64,
    /// `None` while nothing went from one node to another.
    pub(crate) p50_ms: Option<f32>,
    pub(crate) p99_ms: Option<f32>,
}

/// The most nodes of one mesh: a bit for each.
pub(crate) const NODES_MAX: usize = 128;

impl Arrivals {
    pub(crate) fn new(nodes: usize) -> Self {
        let kept = Mutex::new(Kept { keep_one_in: 1, ..Kept::default() });
        Self { nodes, kept, connected: watch::Sender::new(0) }
    }

    /// Waits until every node's stream is read: from here on, nothing that is published is missed.
    pub(crate) async fn all_connected(&self) {
        // The sender is ours: an error cannot be.
        let _ = self.connected.subscribe().wait_for(|connected| *connected >= self.nodes).await;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrived(&self, node: usize, id: &str, at: Instant) {
        let mut kept = self.kept();
        let kept = &mut *kept;
        let Some(open) = kept.open.get_mut(id) else {
            if kept.open.len() < OPEN_MAX {
                kept.open.insert(id.to_owned(), Open { first: at, seen: 1 << node });
                kept.arrived += 1;
            }
            return;
        };
        if open.seen >> node & 1 == 1 {
            return;
        }
        open.seen |= 1 << node;
        kept.arrived += 1;
        kept.passed += 1;
        if kept.passed.is_multiple_of(kept.keep_one_in) {
            kept.delays_ms.push(at.saturating_duration_since(open.first).as_secs_f32() * 1000.0);
            if kept.delays_ms.len() >= DELAYS_MAX {
                let mut keep = false;
                kept.delays_ms.retain(|_| {
                    keep = !keep;
                    keep
                });
                kept.keep_one_in *= 2;
            }
        }
        if open.seen.count_ones() as usize == self.nodes {
            kept.open.remove(id);
            kept.complete += 1;
        }
    }

    /// What was counted so far.
    #[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
    pub(crate) fn counted(&self) -> Counted {
        let mut kept = self.kept();
        let envelopes = kept.complete + kept.open.len() as u64;
        let expected = envelopes * self.nodes as u64;
        let ratio = if expected == 0 { 1.0 } else { kept.arrived as f64 / expected as f64 };
        let (p50_ms, p99_ms) = (percentile(&mut kept.delays_ms, 50), percentile(&mut kept.delays_ms, 99));
        Counted { ratio, p50_ms, p99_ms }
    }

    /// Reads the event stream of `node` at `api` until the task is aborted; reconnects where it stopped.
    pub(crate) async fn follow(&self, node: usize, http: reqwest::Client, api: String) {
        let mut last = None;
        loop {
            let mut request = http.get(format!("{api}/api/v1/stream")).header("accept", "text/event-stream");
            if let Some(id) = &last {
                request = request.header("last-event-id", id);
            }
            match request.send().await {
                Ok(answer) if answer.status().is_success() => self.read(node, answer, &mut last).await,
                Ok(answer) => tracing::warn!(%api, status = %answer.status(), "the event stream was refused"),
                Err(error) => tracing::debug!(%api, %error, "the event stream broke"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn read(&self, node: usize, answer: reqwest::Response, last: &mut Option<String>) {
        let mut bytes = answer.bytes_stream();
        let mut buffer = Vec::new();
        while let Some(Ok(chunk)) = bytes.next().await {
            let now = Instant::now();
            buffer.extend_from_slice(&chunk);
            while let Some(end) = buffer.windows(2).position(|pair| pair == b"\n\n") {
                let event = String::from_utf8_lossy(&buffer[..end]).into_owned();
                buffer.drain(..end + 2);
                for line in event.lines() {
                    if let Some(id) = line.strip_prefix("id:") {
                        // The first event of a stream is an id alone: where it begins.
                        if last.is_none() {
                            self.connected.send_modify(|connected| *connected += 1);
                        }
                        *last = Some(id.trim().to_owned());
                    } else if let Some(data) = line.strip_prefix("data:")
                        && let Ok(value) = serde_json::from_str::<serde_json::Value>(data)
                        // Nodes' identities were published before the streams were read.
                        && value["change"].as_str() != Some("node_joined")
                        && let Some(id) = value["id"].as_str()
                    {
                        self.arrived(node, id, now);
                    }
                }
            }
        }
    }
}

fn percentile(delays: &mut [f32], percent: usize) -> Option<f32> {
    let last = delays.len().checked_sub(1)?;
    let at = (delays.len() * percent / 100).min(last);
    Some(*delays.select_nth_unstable_by(at, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_was_not_measured_has_no_delay() {
        let arrivals = Arrivals::new(1);
        arrivals.arrived(0, "alone", Instant::now());
        let counted = arrivals.counted();
        assert_eq!((counted.p50_ms, counted.p99_ms), (None, None));
    }

    #[test]
    fn an_envelope_that_one_node_lacks_keeps_the_ratio_below_one() {
        let arrivals = Arrivals::new(3);
        let now = Instant::now();
        for node in 0..3 {
            arrivals.arrived(node, "everywhere", now + Duration::from_millis(10 * node as u64));
        }
        arrivals.arrived(0, "here", now);
        arrivals.arrived(0, "here", now);
        let counted = arrivals.counted();
        assert!((counted.ratio - 4.0 / 6.0).abs() < 1e-9, "{}", counted.ratio);
        assert!((counted.p99_ms.unwrap() - 20.0).abs() < 0.5, "{:?}", counted.p99_ms);
    }
}
