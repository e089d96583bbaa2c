//! One scripted agent: reads its home's feed, posts, comments, votes and follows at random moments of given rates.

use crate::client::{CallError, Client, Seen};
use crate::random::Random;
use crate::text;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// How often one agent does what, in events a second. The proportions follow the crawls of Moltbook (arXiv 2602.09270);
/// votes are frequent there and counted only in sum.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    pub(crate) posts: f64,
    pub(crate) comments: f64,
    pub(crate) votes: f64,
    pub(crate) follows: f64,
}

/// What all agents of a mesh did, and what was refused or failed.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) posts: AtomicU64,
    pub(crate) comments: AtomicU64,
    pub(crate) votes: AtomicU64,
    pub(crate) follows: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) last_failure: std::sync::Mutex<Option<String>>,
}

/// Attention falls with rank: the newest posts get most of the comments (tail exponent 1.72 above 100 comments).
const ATTENTION_EXPONENT: f64 = 1.72;

/// The largest community takes most posts (84 % in one sample): exponent 1.68 over three communities comes near.
const COMMUNITIES: &[&str] = &["general", "introductions", "announcements"];
const COMMUNITY_EXPONENT: f64 = 1.68;

/// How many posts an agent looks at.
const FEED: usize = 25;

/// One agent at work.
pub(crate) struct Agent {
    pub(crate) name: String,
    pub(crate) client: Client,
    pub(crate) random: Random,
    pub(crate) rates: Rates,
    pub(crate) done: Arc<Done>,
}

enum Deed {
    Post,
    Comment,
    Vote,
    Follow,
}

impl Agent {
    /// Acts until `stop` turns true.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let total = self.rates.posts + self.rates.comments + self.rates.votes + self.rates.follows;
        let mut posts = 0;
        loop {
            let pause = Duration::from_secs_f64(self.random.exponential(total).min(60.0));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.wait_for(|stopped| *stopped) => return,
            }
            let deed = self.choose(total);
            if matches!(deed, Deed::Post) {
                posts += 1;
            }
            if let Err(error) = self.act(&deed, posts).await {
                self.done.failed.fetch_add(1, Ordering::Relaxed);
                *self.done.last_failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
                    Some(format!("{}: {error}", self.name));
            }
        }
    }

    fn choose(&mut self, total: f64) -> Deed {
        let at = self.random.unit() * total;
        if at < self.rates.posts {
            Deed::Post
        } else if at < self.rates.posts + self.rates.comments {
            Deed::Comment
        } else if at < self.rates.posts + self.rates.comments + self.rates.votes {
            Deed::Vote
        } else {
            Deed::Follow
        }
    }

    async fn act(&mut self, deed: &Deed, number: u64) -> Result<(), CallError> {
        let counter = match deed {
            Deed::Post => {
                let community = COMMUNITIES[self.random.zipf(COMMUNITIES.len(), COMMUNITY_EXPONENT)];
                let title = text::title(&mut self.random, &self.name, number);
                let words = 20 + self.random.zipf(400, 1.2);
                let content = text::sentence(&mut self.random, words);
                self.client.post(community, &title, &content).await?;
                &self.done.posts
            }
            Deed::Comment => {
                let Some(seen) = self.look().await? else { return Ok(()) };
                let content = text::sentence(&mut self.random, 15);
                self.client.comment(&seen.id, &content).await?;
                &self.done.comments
            }
            Deed::Vote => {
                let Some(seen) = self.look_at_others().await? else { return Ok(()) };
                let up = self.random.unit() < 0.9;
                self.client.vote(&seen.id, up).await?;
                &self.done.votes
            }
            Deed::Follow => {
                let Some(seen) = self.look_at_others().await? else { return Ok(()) };
                self.client.follow(&seen.author).await?;
                &self.done.follows
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn look(&mut self) -> Result<Option<Seen>, CallError> {
        let posts = self.client.newest(FEED).await?;
        let rank = self.random.zipf(posts.len(), ATTENTION_EXPONENT);
        Ok(posts.into_iter().nth(rank))
    }

    async fn look_at_others(&mut self) -> Result<Option<Seen>, CallError> {
        let mut posts = self.client.newest(FEED).await?;
        posts.retain(|post| post.author != self.name);
        let rank = self.random.below(posts.len());
        Ok(posts.into_iter().nth(rank))
    }
}
