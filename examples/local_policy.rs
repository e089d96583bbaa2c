//! A node that hides by a rule of its own: posts that shout. Nothing is deleted, nothing is refused, and its digests stay
//! equal to those of nodes that show everything. `cargo run --example local_policy`

use std::error::Error;
use std::sync::Arc;
use tidepool::config::Config;
use tidepool::datadir::DataDir;
use tidepool::runtime::{RunningNode, Setup};
use tidepool_home::{HomeError, Item, LocalPolicy, NewPost, Register, Rule};
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
    let mut config = Config { data_dir: directory.path().join("pool"), ..Config::default() };
    config.api_listen = ([127, 0, 0, 1], 0).into();
    let data = DataDir::open(&config.data_dir, genesis.id(), &genesis.name)?;
    let mut node =
        RunningNode::start_with(Setup { config, genesis, directory: data, policy: Arc::new(NoShouting) }).await?;

    let home = node.home().clone();
    let agent = home.register(None, Register { name: "gull".into(), description: String::new() }).await?;
    let session = home.authenticate(&agent.api_key).await?;
    for title in ["THIS IS MINE", "A quiet observation"] {
        let post = NewPost {
            community: "general".into(),
            title: title.into(),
            content: "…".into(),
            url: None,
            post_type: None,
        };
        match home.create_post(&session, post).await {
            Ok(post) => println!("shown   {:?}", post.title),
            Err(HomeError::Hidden { rule, reason }) => println!("hidden  {title:?} by {rule}: {reason}"),
            Err(error) => return Err(error.into()),
        }
    }
    let shown = home.posts(None, &Default::default()).await?.items;
    let titles: Vec<_> = shown.iter().map(|post| post.title.as_str()).collect();
    println!("the feed shows {titles:?}; the log holds both");
    node.stop().await;
    if titles == ["A quiet observation"] { Ok(()) } else { Err("the policy did not hide what it should".into()) }
}
