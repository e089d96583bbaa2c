//! Why a post stands where it does: the formula, what went in, and what came out, so that anybody can compute it again.

use crate::error::HomeError;
use crate::home::Home;
use crate::model::{Explanation, Post, PostSort};
use tidepool_protocol::{EnvelopeId, TimeMs};
use tidepool_views::rank::{self, Q32, Votes};

/// The version of every formula below; a change of any result is a new one.
const VERSION: u32 = 1;

impl Home {
    /// Why a post stands where it does in a list of this order.
    ///
    /// # Errors
    /// [`HomeError::NotFound`].
    pub async fn explain(&self, id: EnvelopeId, sort: PostSort) -> Result<Explanation, HomeError> {
        let now = self.now();
        let post = self.read(move |inner| inner.post(None, id)).await?;
        Ok(explanation(&post, sort, now))
    }
}

/// Shown as a decimal fraction: what is compared is the whole number of 2^-32 parts.
#[allow(clippy::cast_precision_loss, reason = "for people; the exact number is in the formula's own units")]
fn decimal(value: Q32) -> f64 {
    value as f64 / rank::ONE as f64
}

#[allow(clippy::cast_precision_loss, reason = "votes and times are below 2^53")]
const fn whole(value: i64) -> f64 {
    value as f64
}

fn explanation(post: &Post, sort: PostSort, now: TimeMs) -> Explanation {
    let count = |votes: u64| u32::try_from(votes).unwrap_or(u32::MAX);
    let votes = Votes { up: count(post.upvotes), down: count(post.downvotes) };
    let score = votes.score();
    let time = post.created_ms;
    let milliseconds = |time: TimeMs| whole(i64::try_from(time.0).unwrap_or(i64::MAX));
    let named = |name: &str, value: f64| (name.to_owned(), value);
    let mut inputs = vec![
        named("upvotes", f64::from(votes.up)),
        named("downvotes", f64::from(votes.down)),
        named("created_ms", milliseconds(time)),
    ];
    let (formula, text, terms, result) = match sort {
        PostSort::Hot => {
            let (size, age) = rank::hot_terms(score, time);
            let terms = vec![named("votes", decimal(size)), named("age", decimal(age))];
            let text = "sign(score) × log10(max(|score|, 1)) + created in seconds / 45,000";
            ("hot", text, terms, decimal(rank::hot(score, time)))
        }
        PostSort::New => ("new", "the time it was signed, the latest first", Vec::new(), milliseconds(time)),
        PostSort::Top => {
            ("top", "upvotes less downvotes, then the latest first", vec![named("score", whole(score))], whole(score))
        }
        PostSort::Rising => {
            inputs.push(named("now_ms", milliseconds(now)));
            let hours = milliseconds(TimeMs(now.since_ms(time))) / 3_600_000.0;
            let terms = vec![named("score", whole(score)), named("age_hours", hours)];
            ("rising", "(score + 1) / (age in hours + 2)^1.5", terms, decimal(rank::rising(score, time, now)))
        }
        PostSort::Best => {
            let text = "the lower bound of Wilson's interval of the share of upvotes, at a confidence of 90 %";
            ("best", text, Vec::new(), decimal(rank::best(votes)))
        }
    };
    Explanation {
        id: post.id,
        formula: formula.to_owned(),
        version: VERSION,
        text: text.to_owned(),
        inputs,
        terms,
        result,
    }
}
