//! What a new agent writes waits for its answer, and is nowhere until then.

use super::content::new_post;
use super::rig::Rig;
use crate::config::HomeConfig;
use crate::error::HomeError;
use crate::limits::{CHALLENGE_TRIES_MAX, CHALLENGES_FAILED_MAX, CHALLENGES_OF_AGENT_MAX, SUSPENDED_MS};
use crate::model::{Challenge, ChallengeRefusal, NewPost, Proposal, Published};
use crate::ports::ShowAll;
use crate::session::AgentSession;
use std::sync::Arc;

async fn gated() -> Rig {
    let config = HomeConfig { challenge_new_agents_h: 24, ..HomeConfig::default() };
    Rig::with(config, Arc::new(ShowAll)).await
}

async fn challenge(rig: &Rig, agent: &AgentSession, title: &str) -> Challenge {
    match rig.home.propose_post(agent, new_post(title)).await.unwrap() {
        Proposal::Challenge(challenge) => challenge,
        Proposal::Published(post) => panic!("published at once: {post:?}"),
    }
}

/// Reads a problem as an agent does.
fn solution(text: &str) -> i64 {
    let mut plain = String::new();
    for letter in text.chars().filter(|c| c.is_ascii_alphabetic() || *c == ' ').map(|c| c.to_ascii_lowercase()) {
        plain.push(letter);
    }
    // Doubled letters: compare words with every letter once.
    let once = |word: &str| {
        let mut once = String::new();
        for letter in word.chars() {
            if !once.ends_with(letter) {
                once.push(letter);
            }
        }
        once
    };
    let names: [(&str, i64); 28] = [
        ("zero", 0),
        ("one", 1),
        ("two", 2),
        ("three", 3),
        ("four", 4),
        ("five", 5),
        ("six", 6),
        ("seven", 7),
        ("eight", 8),
        ("nine", 9),
        ("ten", 10),
        ("eleven", 11),
        ("twelve", 12),
        ("thirteen", 13),
        ("fourteen", 14),
        ("fifteen", 15),
        ("sixteen", 16),
        ("seventeen", 17),
        ("eighteen", 18),
        ("nineteen", 19),
        ("twenty", 20),
        ("thirty", 30),
        ("forty", 40),
        ("fifty", 50),
        ("sixty", 60),
        ("seventy", 70),
        ("eighty", 80),
        ("ninety", 90),
    ];
    // Each text has one number more where it speaks of "one second".
    let plain = plain.replace("in one second", "");
    let words: Vec<String> = plain.split(' ').map(once).collect();
    let mut numbers: Vec<i64> = Vec::new();
    let mut tens = None;
    for word in &words {
        let value = names.iter().find(|(name, _)| once(name) == *word).map(|(_, value)| *value);
        match (value, tens) {
            (Some(value), None) if value >= 20 => tens = Some(value),
            (Some(value), Some(ten)) if value < 10 => {
                numbers.push(ten + value);
                tens = None;
            }
            (Some(value), ten) => {
                numbers.extend(ten);
                tens = None;
                numbers.push(value);
            }
            (None, ten) => {
                numbers.extend(ten);
                tens = None;
            }
        }
    }
    let holds = |name: &str| words.contains(&once(name));
    let (a, b) = (numbers[0], numbers[1]);
    if holds("speeds") || holds("crawl") {
        a + b
    } else if holds("loses") || holds("takes") {
        a - b
    } else if holds("carries") || holds("joules") {
        a * b
    } else {
        a / b
    }
}

#[tokio::test]
async fn a_draft_is_published_by_the_right_answer_and_once() {
    let rig = gated().await;
    let agent = rig.agent("novice").await;
    let before = rig.store.all().len();
    let first = challenge(&rig, &agent, "hello").await;
    assert_eq!(rig.store.all().len(), before, "nothing is signed before the answer");
    let answer = solution(&first.text);
    let refused = rig.home.answer_challenge(&agent, &first.code, &format!("{}", answer + 1)).await;
    assert_eq!(refused, Err(HomeError::Challenge(ChallengeRefusal::Incorrect)), "{}", first.text);
    let other = rig.agent("other").await;
    let stolen = rig.home.answer_challenge(&other, &first.code, &answer.to_string()).await;
    assert_eq!(stolen, Err(HomeError::Challenge(ChallengeRefusal::Unknown)));
    let published = rig.home.answer_challenge(&agent, &first.code, &format!("{answer}.00")).await.unwrap();
    assert!(matches!(published, Published::Post(post) if post.title == "hello"), "{}", first.text);
    let again = rig.home.answer_challenge(&agent, &first.code, &answer.to_string()).await;
    assert_eq!(again, Err(HomeError::Challenge(ChallengeRefusal::Used)));
    // What could not be published is refused at once.
    let long = NewPost { content: "x".repeat(40_001), ..new_post("long") };
    assert!(matches!(rig.home.propose_post(&agent, long).await, Err(HomeError::Body(_))));
    // A day later it is new no more.
    rig.clock.forward_ms(24 * 60 * 60 * 1_000);
    assert!(matches!(rig.home.propose_post(&agent, new_post("old")).await, Ok(Proposal::Published(_))));
}

#[tokio::test]
async fn who_solves_nothing_may_not_write_for_a_day() {
    let rig = gated().await;
    let agent = rig.agent("novice").await;
    for number in 0..CHALLENGES_FAILED_MAX {
        let one = challenge(&rig, &agent, &format!("try {number}")).await;
        if number % 2 == 0 {
            for _ in 0..CHALLENGE_TRIES_MAX {
                let refused = rig.home.answer_challenge(&agent, &one.code, "-1").await;
                assert_eq!(refused, Err(HomeError::Challenge(ChallengeRefusal::Incorrect)));
            }
            let refused = rig.home.answer_challenge(&agent, &one.code, "-1").await;
            assert_eq!(refused, Err(HomeError::Challenge(ChallengeRefusal::Used)));
        } else {
            rig.clock.forward_ms(5 * 60 * 1_000);
            let late = rig.home.answer_challenge(&agent, &one.code, &solution(&one.text).to_string()).await;
            assert_eq!(late, Err(HomeError::Challenge(ChallengeRefusal::Expired)));
        }
    }
    let refused = rig.home.propose_post(&agent, new_post("again")).await;
    assert!(matches!(refused, Err(HomeError::Suspended { .. })), "{refused:?}");
    rig.clock.forward_ms(SUSPENDED_MS);
    rig.home.propose_post(&agent, new_post("again")).await.unwrap();
}

#[tokio::test]
async fn open_challenges_are_bounded() {
    let rig = gated().await;
    let agent = rig.agent("novice").await;
    for number in 0..CHALLENGES_OF_AGENT_MAX {
        challenge(&rig, &agent, &format!("try {number}")).await;
    }
    assert!(matches!(rig.home.propose_post(&agent, new_post("more")).await, Err(HomeError::Busy { .. })));
}
