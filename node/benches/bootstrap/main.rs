//! How fast an empty node becomes equal to one that holds much, over the real wire on loopback, beside what bounds it,
//! measured in the same run with the same bytes.
//!
//! `cargo bench -p tidepool --bench bootstrap`; `BOOTSTRAP_ENVELOPES` sets the size (200,000 unless told).
//!
//! - *stream*: frames of the same envelopes over a TCP connection, decoded and verified by as many threads as a node's.
//! - *engine*: the batches that a node writes for them, envelopes and rows, into the same store with the same flusher.
//! - *by hand*: both nodes' kernels stepped by one thread, to see what each part takes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_precision_loss, reason = "a benchmark")]

mod by_hand;
#[path = "../../../tests/workload/crowd.rs"]
mod crowd;
mod limits;
#[path = "../../../tests/workload/pool.rs"]
mod pool;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tidepool::config::Config;
use tidepool::datadir::DataDir;
use tidepool::runtime::RunningNode;
use tidepool_home::NodeView;
use tidepool_net::Loopback;
use tidepool_protocol::{NetworkGenesis, TimeMs};

/// The binary's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Now, by the machine's clock.
fn now() -> TimeMs {
    TimeMs(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap())
}

async fn start(directory: &Path, seeds: &[String]) -> RunningNode {
    let mut config =
        Config { data_dir: directory.to_owned(), api_listen: ([127, 0, 0, 1], 0).into(), ..Config::default() };
    config.net.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()];
    config.net.loopback = Loopback::On;
    config.net.seeds = seeds.iter().map(|seed| seed.parse().unwrap()).collect();
    let network = NetworkGenesis::development();
    let data = DataDir::open(directory, network.id(), &network.name).unwrap();
    RunningNode::start(config, network, data).await.unwrap()
}

/// How many envelopes a node shows.
fn held(node: &NodeView) -> u64 {
    node.shards.iter().map(|shard| shard.state_count + shard.content_count).sum()
}

/// Seconds from the client's start until both show the same digests.
async fn over_the_wire(server: &Path, client: &Path) -> f64 {
    // The first start folds what was filled in, and packs it away as it stops: what joins finds a node that runs.
    start(server, &[]).await.stop().await;
    let mut server = start(server, &[]).await;
    let began = Instant::now();
    let mut client = start(client, &server.ready().listen).await;
    let wanted = held(&server.home().node().await.unwrap());
    let mut shown = Instant::now();
    loop {
        let ours = client.home().node().await.unwrap();
        // The client's own genesis goes the other way meanwhile: equal when both hold both.
        let theirs = server.home().node().await.unwrap();
        if ours.shards == theirs.shards && held(&theirs) >= wanted {
            break;
        }
        if shown.elapsed() > Duration::from_secs(2) {
            println!("  {:.1} s: {} of {} envelopes", began.elapsed().as_secs_f64(), held(&ours), held(&theirs));
            shown = Instant::now();
        }
        assert!(began.elapsed() < Duration::from_secs(1_800), "the nodes do not become equal");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    client.stop().await;
    server.stop().await;
    seconds
}

fn main() {
    let count = std::env::var("BOOTSTRAP_ENVELOPES").ok().and_then(|text| text.parse().ok()).unwrap_or(200_000);
    let directory = tempfile::tempdir().unwrap();
    let [server, client] = ["server", "client"].map(|name| directory.path().join(name));
    let envelopes = crowd::envelopes(count, 1, now());
    let raw: usize = envelopes.iter().map(|envelope| envelope.bytes().len()).sum();
    println!("{count} envelopes of {:.0} bytes on average", raw as f64 / count as f64);
    pool::fill(&server, &envelopes);

    let rate = |seconds: f64| count as f64 / seconds;
    let threads = std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1);
    let stream = rate(limits::stream(&envelopes, threads));
    println!("stream, verified by {threads} thread(s)  {stream:>8.0} envelopes/s");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let wire = rate(runtime.block_on(over_the_wire(&server, &client)));
    println!("sync over the wire            {wire:>8.0} envelopes/s");
    let (batches, hand) = by_hand::run(&server, &envelopes);
    let engine = rate(limits::engine(&directory.path().join("engine"), batches));
    println!("engine, the same batches      {engine:>8.0} envelopes/s");
    let us = |part: Duration| part.as_secs_f64() * 1e6 / count as f64;
    println!(
        "by hand, us an envelope: {:.1} the server's kernel, {:.1} verifying, {:.1} the client's kernel, {:.1} appends",
        us(hand.serving),
        us(hand.verifying),
        us(hand.taking) - us(hand.appending),
        us(hand.appending)
    );
    println!("ratio to the lower limit      {:>8.2}", wire / stream.min(engine));
}
