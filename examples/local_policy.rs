//! A node that hides by a rule of its own, posts that shout, beside one that shows everything. Nothing is deleted and
//! nothing refused: both hold the same, and their digests say so. `cargo run --example local_policy`

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tidepool::config::Config;
use tidepool::datadir::DataDir;
use tidepool::runtime::{InProcess, RunningNode, Setup};
use tidepool_home::{HomeError, Item, LocalPolicy, NewPost, Register, Rule};
use tidepool_lab::NodeSpec;
use tidepool_net::Loopback;
use tidepool_protocol::NetworkGenesis;

/// Hides posts whose title is in capitals only.
struct NoShouting;

impl LocalPolicy for NoShouting {
    fn hides(&self, item: &Item<'_>) -> Option<Rule> {
        let Item::Post(post) = item else { return None };
        let letters: Vec<_> = post.title.chars().filter(|c| c.is_alphabetic()).collect();
        let shouts = letters.len() > 3 && letters.iter().all(|c| c.is_uppercase());
        shouts.then(|| Rule { name: "no-shouting".into(), reason: "the title is in capitals only".into() })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let genesis = NetworkGenesis::development();
    let mut config = Config { data_dir: directory.path().join("quiet"), ..Config::default() };
    config.api_listen = ([127, 0, 0, 1], 0).into();
    config.net.listen = vec!["/ip4/127.0.0.1/tcp/0".parse()?];
    config.net.loopback = Loopback::On;
    let data = DataDir::open(&config.data_dir, genesis.id(), &genesis.name)?;
    let setup = Setup { config, genesis, directory: data, policy: Arc::new(NoShouting) };
    let mut quiet = RunningNode::start_with(setup).await?;
    let seeds = quiet.ready().listen.clone();
    let mut open =
        InProcess::new(2).start(&NodeSpec { number: 2, directory: directory.path().join("open"), seeds }).await?;

    let home = quiet.home().clone();
    let agent = home.register(None, Register { name: "gull".into(), description: String::new() }).await?;
    let session = home.authenticate(&agent.api_key).await?;
    let mut shown = Vec::new();
    for title in ["THIS IS MINE", "A quiet observation"] {
        let post = NewPost {
            community: "general".into(),
            title: title.into(),
            content: "…".into(),
            url: None,
            post_type: None,
        };
        // Whoever writes is told that it is signed and kept, whatever this node shows; the network has it now.
        let id = home.create_post(&session, post).await?.id;
        match home.post(None, id).await {
            Ok(post) => {
                println!("quiet   shows {:?}", post.title);
                shown.push(post.title);
            }
            Err(HomeError::Hidden { rule, reason }) => println!("quiet   hides {title:?} by {rule}: {reason}"),
            Err(error) => return Err(error.into()),
        }
        let posted = Instant::now();
        let read = loop {
            match open.home().post(None, id).await {
                Ok(read) => break read,
                Err(_) if posted.elapsed() < Duration::from_secs(30) => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        println!("open    shows {:?}", read.title);
    }
    let feed = home.posts(None, &Default::default()).await?.items;
    let feed: Vec<_> = feed.into_iter().map(|post| post.title).collect();
    println!("quiet   has in its feed {feed:?}");

    let waited = Instant::now();
    let equal = loop {
        let (here, there) = (home.node().await?.shards, open.home().node().await?.shards);
        if here == there || waited.elapsed() > Duration::from_secs(30) {
            break here == there;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    println!("digests {}", if equal { "equal: both nodes hold the same" } else { "differ" });

    open.stop().await;
    quiet.stop().await;
    let quiet_only = ["A quiet observation"];
    if equal && shown == quiet_only && feed == quiet_only { Ok(()) } else { Err("it is not as it says".into()) }
}
