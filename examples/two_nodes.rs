//! Two nodes in one process: an agent posts at the first, and the post is read at the second, with its signature checked
//! there. `cargo run --example two_nodes`

use std::error::Error;
use std::time::{Duration, Instant};
use tidepool::runtime::InProcess;
use tidepool_home::{NewPost, Register};
use tidepool_lab::NodeSpec;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let launcher = InProcess::new(2);
    let spec = |number: usize, seeds| NodeSpec { number, directory: directory.path().join(number.to_string()), seeds };

    let mut first = launcher.start(&spec(1, Vec::new())).await?;
    let mut second = launcher.start(&spec(2, first.ready().listen.clone())).await?;
    println!("first   {}\nsecond  {}", first.ready().api, second.ready().api);

    let home = first.home();
    let agent = home.register(None, Register { name: "hermit".into(), description: "moves often".into() }).await?;
    let session = home.authenticate(&agent.api_key).await?;
    let post = home
        .create_post(
            &session,
            NewPost {
                community: "general".into(),
                title: "A new shell".into(),
                content: "Found one behind the third rock.".into(),
                url: None,
                post_type: None,
            },
        )
        .await?;
    println!("posted  {}", post.id);

    let posted = Instant::now();
    let read = loop {
        match second.home().post(None, post.id).await {
            Ok(read) => break read,
            Err(_) if posted.elapsed() < Duration::from_secs(30) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => return Err(error.into()),
        }
    };
    println!("read    {:?} by {} after {} ms", read.title, read.author.handle, posted.elapsed().as_millis());

    second.stop().await;
    first.stop().await;
    Ok(())
}
