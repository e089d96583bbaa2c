//! Why a post or comment stands where it stands: the formula's name and version, its inputs, its terms, its result, and
//! what decides between equals. Recomputing the formula by hand from the inputs gives the result, and sorting by the
//! result and then by the ties gives the order shown.

#[cfg(test)]
mod tests;

use crate::port::{ReadError, ReadPort};
use crate::queries::{Comment, CommentSort, Post, RECENT_MAX, Sort, Window, comments, posts};
use crate::rank::{self, Q32, Votes};
use std::fmt;
use tidepool_protocol::{EnvelopeId, TimeMs};

/// A number of an explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Number {
    /// A whole number.
    Whole(i64),
    /// A fraction of 2^32, shown with ten decimals (rounded towards zero).
    Fraction(Q32),
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => write!(f, "{number}"),
            Self::Fraction(number) => {
                let size = u128::from(number.unsigned_abs());
                let decimals = ((size & 0xffff_ffff) * 10_000_000_000) >> 32;
                write!(f, "{}{}.{decimals:010}", if *number < 0 { "-" } else { "" }, size >> 32)
            }
        }
    }
}

/// A named number: an input, or a term with how it is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// What it is called.
    pub name: &'static str,
    /// How it follows from the inputs; empty for an input.
    pub expression: &'static str,
    /// Its value.
    pub value: Number,
}

/// What decides between equal results, in the order of trying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tie {
    /// Which of two equals comes first.
    pub rule: &'static str,
    /// The item's own value.
    pub value: String,
}

/// Why an item stands where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The formula's name.
    pub formula: &'static str,
    /// Counts the changes of its results.
    pub version: u32,
    /// The formula itself, in the names of the terms.
    pub expression: &'static str,
    /// What it is computed from: signed data only, and for rising the time of asking.
    pub inputs: Vec<Term>,
    /// The steps.
    pub terms: Vec<Term>,
    /// The result; the greater comes first.
    pub result: Number,
    /// What decides between equal results.
    pub ties: Vec<Tie>,
    /// Which items are ranked at all; empty when all are.
    pub window: String,
}

const fn input(name: &'static str, value: i64) -> Term {
    Term { name, expression: "", value: Number::Whole(value) }
}

const fn term(name: &'static str, expression: &'static str, value: Number) -> Term {
    Term { name, expression, value }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn vote_inputs(votes: Votes) -> Vec<Term> {
    vec![input("up", i64::from(votes.up)), input("down", i64::from(votes.down))]
}

const LATER: &str = "the later time_ms first";
const EARLIER: &str = "the earlier time_ms first";
const GREATER_ID: &str = "the greater envelope id first";

fn ties(by_time: Option<&'static str>, time: TimeMs, id: &EnvelopeId) -> Vec<Tie> {
    let time = by_time.map(|rule| Tie { rule, value: time.0.to_string() });
    time.into_iter().chain([Tie { rule: GREATER_ID, value: id.to_string() }]).collect()
}

/// Hot, for `votes` on something signed at `time`.
#[must_use]
pub fn hot(votes: Votes, time: TimeMs, id: &EnvelopeId) -> Explanation {
    let (size, age) = rank::hot_terms(votes.score(), time);
    let mut inputs = vote_inputs(votes);
    inputs.push(input("time_ms", whole(time.0)));
    Explanation {
        formula: "hot",
        version: 1,
        expression: "votes + age",
        inputs,
        terms: vec![
            term("score", "up - down", Number::Whole(votes.score())),
            term("votes", "sign(score) * log10(max(|score|, 1))", Number::Fraction(size)),
            term("age", "time_ms / 45000000", Number::Fraction(age)),
        ],
        result: Number::Fraction(rank::hot(votes.score(), time)),
        ties: ties(None, time, id),
        window: String::new(),
    }
}

/// New, for something signed at `time`.
#[must_use]
pub fn new(time: TimeMs, id: &EnvelopeId) -> Explanation {
    Explanation {
        formula: "new",
        version: 1,
        expression: "time_ms",
        inputs: vec![input("time_ms", whole(time.0))],
        terms: Vec::new(),
        result: Number::Whole(whole(time.0)),
        ties: ties(None, time, id),
        window: String::new(),
    }
}

/// Top, for `votes` on something signed at `time`.
#[must_use]
pub fn top(votes: Votes, time: TimeMs, id: &EnvelopeId) -> Explanation {
    Explanation {
        formula: "top",
        version: 1,
        expression: "up - down",
        inputs: vote_inputs(votes),
        terms: Vec::new(),
        result: Number::Whole(votes.score()),
        ties: ties(Some(LATER), time, id),
        window: String::new(),
    }
}

/// Best, for `votes` on something signed at `time`.
#[must_use]
pub fn best(votes: Votes, time: TimeMs, id: &EnvelopeId) -> Explanation {
    let n = i64::from(votes.up) + i64::from(votes.down);
    Explanation {
        formula: "best",
        version: 1,
        expression: "n = 0: 0; else (up + z2/2 - z * sqrt(up * down / n + z2/4)) / (n + z2)",
        inputs: vote_inputs(votes),
        terms: vec![
            term("n", "up + down", Number::Whole(n)),
            term("z", "1.281551565545", Number::Fraction(rank::WILSON_Z)),
            term("z2", "z * z", Number::Fraction(rank::WILSON_Z2)),
        ],
        result: Number::Fraction(rank::best(votes)),
        ties: ties(Some(LATER), time, id),
        window: String::new(),
    }
}

/// Controversial, for `votes` on something signed at `time`.
#[must_use]
pub fn controversial(votes: Votes, time: TimeMs, id: &EnvelopeId) -> Explanation {
    Explanation {
        formula: "controversial",
        version: 1,
        expression: "(up + down) * (1 - |up - down| / max(up + down, 1))",
        inputs: vote_inputs(votes),
        terms: vec![term("equal", "2 * min(up, down)", Number::Whole(whole(rank::controversial(votes))))],
        result: Number::Whole(whole(rank::controversial(votes))),
        ties: ties(Some(LATER), time, id),
        window: String::new(),
    }
}

/// Rising at `now`, for `votes` on something signed at `time`.
#[must_use]
pub fn rising(votes: Votes, time: TimeMs, now: TimeMs, id: &EnvelopeId) -> Explanation {
    let mut inputs = vote_inputs(votes);
    inputs.extend([input("time_ms", whole(time.0)), input("now_ms", whole(now.0))]);
    let age_s = now.since_ms(time) / 1000;
    Explanation {
        formula: "rising",
        version: 1,
        expression: "(score + 1) / (age_s / 3600 + 2)^1.5",
        inputs,
        terms: vec![
            term("score", "up - down", Number::Whole(votes.score())),
            term("age_s", "floor(max(now_ms - time_ms, 0) / 1000)", Number::Whole(whole(age_s))),
            term(
                "divisor",
                "floor(sqrt((age_s + 7200)^3)), in units of 1 / 216000",
                Number::Whole(i64::try_from(rank::rising_divisor(time, now)).unwrap_or(i64::MAX)),
            ),
        ],
        result: Number::Fraction(rank::rising(votes.score(), time, now)),
        ties: ties(Some(LATER), time, id),
        window: format!("the newest {RECENT_MAX} posts of the feed"),
    }
}

fn of_post(post: &Post, sort: Sort, now: TimeMs) -> Explanation {
    let (votes, time, id) = (post.votes, post.signed.time_ms, &post.signed.id);
    match sort {
        Sort::Hot => hot(votes, time, id),
        Sort::New => new(time, id),
        Sort::Top(window) => Explanation { window: window_text(window, now), ..top(votes, time, id) },
        Sort::Rising => rising(votes, time, now, id),
        Sort::Best => best(votes, time, id),
    }
}

fn window_text(window: Window, now: TimeMs) -> String {
    match window.length_ms() {
        Some(length) => format!("posts with time_ms from {} on", now.0.saturating_sub(length)),
        None => String::new(),
    }
}

fn of_comment(comment: &Comment, sort: CommentSort) -> Explanation {
    let (votes, time, id) = (comment.votes, comment.signed.time_ms, &comment.signed.id);
    match sort {
        CommentSort::Best => best(votes, time, id),
        CommentSort::New => new(time, id),
        CommentSort::Old => Explanation {
            formula: "old",
            expression: "-time_ms",
            result: Number::Whole(-whole(time.0)),
            ties: vec![Tie { rule: "the lesser envelope id first", value: id.to_string() }],
            ..new(time, id)
        },
        CommentSort::Top => Explanation { ties: ties(Some(EARLIER), time, id), ..top(votes, time, id) },
        CommentSort::Controversial => controversial(votes, time, id),
    }
}

/// Why the post `id` stands where it stands in a feed sorted by `sort`; `None` when it is in none.
///
/// # Errors
/// When the store fails.
pub fn post(port: &dyn ReadPort, id: &EnvelopeId, sort: Sort, now: TimeMs) -> Result<Option<Explanation>, ReadError> {
    Ok(posts::get(port, id)?.map(|post| of_post(&post, sort, now)))
}

/// Why the comment `id` stands where it stands among its siblings; `None` when it is in no tree.
///
/// # Errors
/// When the store fails.
pub fn comment(port: &dyn ReadPort, id: &EnvelopeId, sort: CommentSort) -> Result<Option<Explanation>, ReadError> {
    Ok(comments::get(port, id)?.map(|comment| of_comment(&comment, sort)))
}
