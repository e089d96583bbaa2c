//! What the operator takes down is shown nowhere on this node, until it is lifted; all is kept, and digests stay equal.

use super::content::new_post;
use super::rig::Rig;
use crate::config::HomeConfig;
use crate::error::HomeError;
use crate::limits::TAKEDOWNS_AT_ONCE;
use crate::model::{
    AuditAct, CommentQuery, Direction, NewComment, NoticeQuery, PostQuery, SearchQuery, Subject, TakeDown, Votable,
};
use crate::session::AgentSession;
use crate::stream::{EventFilter, EventKind, StreamEvent};
use futures::StreamExt;
use std::sync::Arc;
use tidepool_protocol::EnvelopeId;

fn wish(subject: impl ToString) -> TakeDown {
    TakeDown { subject: subject.to_string(), reason: "against the law here".to_owned() }
}

async fn take_down(rig: &Rig, subject: impl ToString) {
    let done = rig.home.take_down(vec![wish(subject)], None).await.unwrap();
    assert_eq!((done.changed, done.unchanged), (1, 0));
}

async fn answer(rig: &Rig, agent: &AgentSession, post: EnvelopeId, content: &str) -> EnvelopeId {
    let answer = NewComment { content: content.to_owned(), parent: None };
    rig.home.create_comment(agent, post, answer).await.unwrap().comment.id
}

/// The posts that are shown, in the order of their ids: they are of one moment.
async fn listed(rig: &Rig) -> Vec<EnvelopeId> {
    let page = rig.home.posts(None, &PostQuery::default()).await.unwrap();
    let mut ids: Vec<_> = page.items.iter().map(|post| post.id).collect();
    ids.sort();
    ids
}

fn is_hidden(refused: &HomeError) {
    let rule = |refused: &HomeError| match refused {
        HomeError::Hidden { rule, reason } => Some(format!("{rule}: {reason}")),
        _ => None,
    };
    assert_eq!(rule(refused).as_deref(), Some("takedown: against the law here"), "{refused}");
}

#[tokio::test]
async fn a_post_that_is_taken_down_is_shown_nowhere_until_it_is_lifted() {
    let rig = Rig::new().await;
    let (agent, voter) = (rig.agent("agent").await, rig.agent("voter").await);
    let from = rig.home.now_cursor();
    let mut early = rig.home.events(Some(from), EventFilter::default()).await.unwrap();
    let kept = rig.home.create_post(&agent, new_post("whale")).await.unwrap().id;
    let post = rig.home.create_post(&agent, new_post("squid")).await.unwrap().id;
    let comment = answer(&rig, &voter, post, "beside it").await;
    let first: Arc<StreamEvent> = early.next().await.unwrap().unwrap();
    assert_eq!(first.id, kept);
    let digests = rig.home.node().await.unwrap().shards;

    take_down(&rig, post).await;
    assert_eq!(rig.home.node().await.unwrap().shards, digests);
    assert_eq!(listed(&rig).await, [kept]);
    is_hidden(&rig.home.post(None, post).await.unwrap_err());
    is_hidden(&rig.home.comment(None, comment).await.unwrap_err());
    is_hidden(&rig.home.comments(None, post, &CommentQuery::default()).await.unwrap_err());
    is_hidden(&rig.home.envelope(post).await.unwrap_err());
    is_hidden(&rig.home.vote(&voter, Votable::Post, post, Direction::Up).await.unwrap_err());
    let query = SearchQuery { text: "squid".to_owned(), ..SearchQuery::default() };
    assert!(rig.home.search(None, &query).await.unwrap().items.is_empty());
    assert_eq!(rig.home.notices(&agent, &NoticeQuery::default()).await.unwrap().items, []);
    // The event was made before, and stood ready for whoever comes: nobody gets it any more.
    rig.home.vote(&voter, Votable::Post, kept, Direction::Up).await.unwrap();
    let mut late = rig.home.events(Some(from), EventFilter::default()).await.unwrap();
    let mut seen = Vec::new();
    loop {
        let event: Arc<StreamEvent> = late.next().await.unwrap().unwrap();
        if event.kind == EventKind::Vote {
            break;
        }
        seen.push(event.id);
    }
    assert!(seen.contains(&kept) && !seen.contains(&post) && !seen.contains(&comment), "{seen:?}");

    let lifted = rig.home.lift(vec![post.to_string()], "the court says otherwise".to_owned()).await.unwrap();
    assert_eq!((lifted.changed, lifted.unchanged), (1, 0));
    assert_eq!(listed(&rig).await, [post.min(kept), post.max(kept)]);
    assert_eq!(rig.home.comment(None, comment).await.unwrap().content, "beside it");
    let acts = rig.home.audit(None, 10).await.unwrap();
    let told: Vec<_> = acts.iter().map(|entry| (entry.number, entry.act, entry.reason.as_str())).collect();
    let expected = [(2, AuditAct::Lift, "the court says otherwise"), (1, AuditAct::TakeDown, "against the law here")];
    assert_eq!(told, expected);
    assert!(acts.iter().all(|entry| entry.subject == Subject::Envelope(post)));
}

#[tokio::test]
async fn an_author_that_is_taken_down_is_hidden_with_all_it_says_and_stays_so_after_a_restart() {
    let rig = Rig::new().await;
    let (agent, other) = (rig.agent("squid").await, rig.agent("other").await);
    let post = rig.home.create_post(&agent, new_post("one")).await.unwrap().id;
    let kept = rig.home.create_post(&other, new_post("two")).await.unwrap().id;
    let comment = answer(&rig, &agent, kept, "said by squid").await;
    rig.home.follow(&other, "squid").await.unwrap();
    take_down(&rig, "squid").await;
    // Twice is once.
    let again = rig.home.take_down(vec![wish(agent.id), wish("squid")], None).await.unwrap();
    assert_eq!((again.changed, again.unchanged), (0, 2));

    for rig in [&rig, &rig.restarted(HomeConfig::default()).await] {
        assert_eq!(listed(rig).await, [kept]);
        is_hidden(&rig.home.profile(None, "squid").await.unwrap_err());
        is_hidden(&rig.home.post(None, post).await.unwrap_err());
        is_hidden(&rig.home.comment(None, comment).await.unwrap_err());
        let query = SearchQuery { text: "squid".to_owned(), ..SearchQuery::default() };
        assert!(rig.home.search(None, &query).await.unwrap().items.is_empty());
        is_hidden(&rig.home.follow(&other, "squid").await.unwrap_err());
        let standing = rig.home.takedowns(None, 10).await.unwrap();
        assert_eq!(standing.iter().map(|takedown| takedown.subject).collect::<Vec<_>>(), [agent.id.into()]);
        assert_eq!(rig.home.audit(None, 10).await.unwrap().len(), 1);
    }
    // It may go on to write, which the network has; it sees itself, and one may cease to follow it.
    assert_eq!(rig.home.me(&agent).await.unwrap().author.handle, "squid");
    rig.home.create_post(&agent, new_post("three")).await.unwrap();
    rig.home.unfollow(&other, "squid").await.unwrap();
    assert_eq!(listed(&rig).await, [kept]);
}

#[tokio::test]
async fn a_list_names_what_has_not_come_yet_and_is_lifted_as_one() {
    let rig = Rig::new().await;
    let elsewhere = Rig::other(7).await;
    let author = elsewhere.agent("far").await;
    let post = elsewhere.home.create_post(&author, new_post("one")).await.unwrap().id;
    let unknown: Vec<_> = (0..TAKEDOWNS_AT_ONCE - 1).map(|n| wish(EnvelopeId([n as u8; 32]))).collect();
    let wishes = [unknown, vec![wish(post)]].concat();
    let done = rig.home.take_down(wishes, Some("harbour".to_owned())).await.unwrap();
    assert_eq!(done.changed, TAKEDOWNS_AT_ONCE);
    let own = rig.agent("near").await;
    take_down(&rig, own.id).await;
    rig.hear(&elsewhere);
    is_hidden(&rig.home.post(None, post).await.unwrap_err());

    // Pages go on where the last one ended.
    let mut all = Vec::new();
    loop {
        let page = rig.home.takedowns(all.last().copied(), 100).await.unwrap();
        if page.is_empty() {
            break;
        }
        all.extend(page.into_iter().map(|takedown| takedown.subject));
    }
    assert_eq!(all.len(), TAKEDOWNS_AT_ONCE + 1);
    let below = rig.home.audit(Some(10), 100).await.unwrap();
    assert_eq!(below.iter().map(|entry| entry.number).collect::<Vec<_>>(), (1..10).rev().collect::<Vec<_>>());

    let lifted = rig.home.lift_list("harbour".to_owned(), "withdrawn".to_owned()).await.unwrap();
    assert_eq!(lifted.changed, TAKEDOWNS_AT_ONCE);
    assert_eq!(rig.home.post(None, post).await.unwrap().title, "one");
    assert_eq!(rig.home.takedown_count(), 1);
}

#[tokio::test]
async fn what_cannot_be_taken_down_says_why_and_changes_nothing() {
    let rig = Rig::new().await;
    let agent = rig.agent("agent").await;
    let far = "x".repeat(501);
    let cases = [
        (vec![wish("nobody")], None, "subject"),
        (vec![wish("did:tide:nonsense")], None, "subject"),
        (vec![TakeDown { subject: agent.id.to_string(), reason: "  ".to_owned() }], None, "reason"),
        (vec![TakeDown { subject: agent.id.to_string(), reason: far.clone() }], None, "reason"),
        (vec![TakeDown { subject: agent.id.to_string(), reason: "two\nlines".to_owned() }], None, "reason"),
        (vec![wish(agent.id)], Some(String::new()), "list"),
        (vec![wish(agent.id), wish("bafyreinonsense")], None, "subject"),
        (vec![], None, "subjects"),
        (vec![wish(agent.id); TAKEDOWNS_AT_ONCE + 1], None, "subjects"),
    ];
    for (wishes, list, expected) in cases {
        let refused = rig.home.take_down(wishes, list).await.unwrap_err();
        assert!(matches!(refused, HomeError::Invalid { field, .. } if field == expected), "{expected}: {refused}");
    }
    let refused = rig.home.lift_list("nothing".to_owned(), "why".to_owned()).await.unwrap_err();
    assert!(matches!(refused, HomeError::Invalid { field: "list", .. }), "{refused}");
    assert_eq!(rig.home.takedown_count(), 0);
    assert_eq!(rig.home.audit(None, 10).await.unwrap(), []);
}
