//! Votes: toggled, and never twice.

use super::content::new_post;
use super::rig::Rig;
use crate::error::{Forbidden, HomeError, Thing};
use crate::model::{Direction, NewComment, Votable, VoteAction};
use tidepool_protocol::EnvelopeId;
use tidepool_protocol::Kind;

#[tokio::test]
async fn the_same_vote_again_takes_it_away_and_the_other_turns_it() {
    let rig = Rig::new().await;
    let (author, voter) = (rig.agent("author").await, rig.agent("voter").await);
    let post = rig.home.create_post(&author, new_post("title")).await.unwrap().id;
    let cases = [
        (Direction::Up, VoteAction::Voted(Direction::Up), 1, 0),
        (Direction::Down, VoteAction::Changed(Direction::Down), 0, 1),
        (Direction::Down, VoteAction::Removed, 0, 0),
        (Direction::Up, VoteAction::Voted(Direction::Up), 1, 0),
        (Direction::Up, VoteAction::Removed, 0, 0),
    ];
    for (turn, (direction, action, up, down)) in cases.into_iter().enumerate() {
        let outcome = rig.home.vote(&voter, Votable::Post, post, direction).await.unwrap();
        assert_eq!((outcome.action, outcome.upvotes, outcome.downvotes), (action, up, down), "turn {turn}");
        let seen = rig.home.post(Some(&voter), post).await.unwrap();
        assert_eq!((seen.upvotes, seen.downvotes, seen.your_vote), (up, down, outcome.your_vote));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_parallel_votes_by_one_key_leave_one_vote() {
    let rig = Rig::new().await;
    let (author, voter) = (rig.agent("author").await, rig.agent("voter").await);
    let post = rig.home.create_post(&author, new_post("title")).await.unwrap().id;
    let votes = (0..50).map(|_| rig.home.vote(&voter, Votable::Post, post, Direction::Up));
    for outcome in futures::future::join_all(votes).await {
        assert_eq!(outcome.unwrap().your_vote, Some(Direction::Up));
    }
    let seen = rig.home.post(Some(&voter), post).await.unwrap();
    assert_eq!((seen.upvotes, seen.downvotes), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn votes_that_arrive_in_a_row_from_a_sender_that_does_not_wait_are_one() {
    let rig = Rig::new().await;
    let (author, voter) = (rig.agent("author").await, rig.agent("voter").await);
    let post = rig.home.create_post(&author, new_post("title")).await.unwrap().id;
    // Eight threads, each of which sends the next when it has its answer, without knowing of the others.
    let senders = (0..8).map(|_| {
        let (home, voter) = (rig.home.clone(), voter.clone());
        tokio::spawn(async move {
            for _ in 0..6 {
                home.vote(&voter, Votable::Post, post, Direction::Up).await.unwrap();
            }
        })
    });
    for sender in futures::future::join_all(senders).await {
        sender.unwrap();
    }
    assert_eq!(rig.home.post(None, post).await.unwrap().upvotes, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_other_vote_ends_a_burst() {
    let rig = Rig::new().await;
    let (author, voter) = (rig.agent("author").await, rig.agent("voter").await);
    let post = rig.home.create_post(&author, new_post("title")).await.unwrap().id;
    let up = || rig.home.vote(&voter, Votable::Post, post, Direction::Up);
    futures::future::join_all((0..5).map(|_| up())).await;
    let down = rig.home.vote(&voter, Votable::Post, post, Direction::Down).await.unwrap();
    assert_eq!(down.action, VoteAction::Changed(Direction::Down));
    let turned = up().await.unwrap();
    assert_eq!((turned.action, turned.upvotes, turned.downvotes), (VoteAction::Changed(Direction::Up), 1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn votes_up_and_down_at_one_time_are_taken_one_after_another() {
    let rig = Rig::new().await;
    let author = rig.agent("author").await;
    let post = rig.home.create_post(&author, new_post("title")).await.unwrap().id;
    let mut tasks = Vec::new();
    for number in 0..5 {
        let voter = rig.agent(&format!("voter-{number}")).await;
        for turn in 0..20 {
            let (home, voter) = (rig.home.clone(), voter.clone());
            let direction = if turn % 2 == 0 { Direction::Up } else { Direction::Down };
            tasks.push(tokio::spawn(async move { home.vote(&voter, Votable::Post, post, direction).await.unwrap() }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    // Whatever the order was: each voter has one vote or none, and the sum is what the log's last votes say.
    let mut last = std::collections::BTreeMap::new();
    for stored in rig.store.all() {
        if stored.envelope.header().kind == Kind::VOTE {
            let body = stored.envelope.body().unwrap();
            let Ok(Some(tidepool_protocol::Body::Vote(vote))) = tidepool_protocol::Body::decode(Kind::VOTE, body)
            else {
                panic!("a vote")
            };
            last.insert(stored.envelope.header().author, vote.value);
        }
    }
    let seen = rig.home.post(None, post).await.unwrap();
    let count = |value| last.values().filter(|vote| **vote == value).count() as u64;
    assert_eq!((seen.upvotes, seen.downvotes), (count(1), count(-1)));
    assert!(seen.upvotes + seen.downvotes <= 5);
}

#[tokio::test]
async fn nobody_votes_on_its_own_or_on_nothing() {
    let rig = Rig::new().await;
    let author = rig.agent("author").await;
    let post = rig.home.create_post(&author, new_post("title")).await.unwrap().id;
    let refused = rig.home.vote(&author, Votable::Post, post, Direction::Up).await.unwrap_err();
    assert_eq!(refused, HomeError::Forbidden { rule: Forbidden::SelfVote });
    let missing = EnvelopeId([7; 32]);
    assert!(matches!(
        rig.home.vote(&author, Votable::Post, missing, Direction::Up).await,
        Err(HomeError::NotFound { .. })
    ));
}

#[tokio::test]
async fn karma_follows_the_votes() {
    let rig = Rig::new().await;
    let author = rig.agent("author").await;
    let post = rig.home.create_post(&author, new_post("title")).await.unwrap().id;
    for (number, direction) in [Direction::Up, Direction::Up, Direction::Down].into_iter().enumerate() {
        let voter = rig.agent(&format!("voter-{number}")).await;
        rig.home.vote(&voter, Votable::Post, post, direction).await.unwrap();
    }
    assert_eq!(rig.home.me(&author).await.unwrap().author.karma, 1);
}

#[tokio::test]
async fn a_vote_on_a_post_is_on_no_comment_and_the_other_way_round() {
    let rig = Rig::new().await;
    let (author, voter) = (rig.agent("author").await, rig.agent("voter").await);
    let post = rig.home.create_post(&author, new_post("title")).await.unwrap().id;
    let said = NewComment { content: "said".to_owned(), parent: None };
    let comment = rig.home.create_comment(&author, post, said).await.unwrap().comment.id;
    for (what, target, thing) in [(Votable::Comment, post, Thing::Comment), (Votable::Post, comment, Thing::Post)] {
        let refused = rig.home.vote(&voter, what, target, Direction::Up).await.unwrap_err();
        assert_eq!(refused, HomeError::NotFound { what: thing, seen: target.to_string() });
    }
    assert_eq!(rig.home.post(None, post).await.unwrap().upvotes, 0);
    assert_eq!(rig.home.vote(&voter, Votable::Comment, comment, Direction::Up).await.unwrap().upvotes, 1);
}
