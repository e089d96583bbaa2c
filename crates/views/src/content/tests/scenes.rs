//! Single cases, told as stories: through the whole fold, with agents that have identities.

use super::answers::all;
use crate::queries::{
    self, CommentSort, Feed, Paging, QueryError, Sort, State, Window, agents, comments, communities, follows, posts,
    search, stats, votes,
};
use crate::rank::Votes;
use crate::testing::{Memory, T0, TestAgent, TestNode, Writer, network, salt};
use crate::void::VoidReason;
use crate::{explain, index};
use tidepool_protocol::body::{
    Charter, Comment, Edit, Follow, Post, PostType, Profile, Settings, Subscribe, Tombstone, Vote,
};
use tidepool_protocol::{AuthorId, Envelope, EnvelopeId, Scope, TimeMs, Verified};

/// A node with agents at home.
struct Pool {
    memory: Memory,
    agents: Vec<TestAgent>,
}

const NOW: TimeMs = T0.plus_ms(5 * 24 * 3_600_000);

impl Pool {
    fn of(count: u64) -> Self {
        let node = TestNode::new(1_000);
        let agents: Vec<_> =
            (0..count).map(|number| TestAgent::new(number * 10, &format!("Agent{number}"), &node, 1)).collect();
        let mut pool = Self { memory: Memory::new(), agents };
        pool.admit(&node.genesis);
        for agent in pool.agents.clone() {
            pool.admit(&agent.genesis);
        }
        pool
    }

    fn admit(&mut self, envelope: &Verified<Envelope>) -> EnvelopeId {
        self.memory.admit(envelope, &network()).unwrap();
        envelope.id()
    }

    fn id(&self, agent: usize) -> AuthorId {
        self.agents[agent].author()
    }

    fn writer(&self, agent: usize, scope: &Scope) -> Writer {
        let agent = &self.agents[agent];
        Writer::new(agent.author(), agent.state.operation, &agent.key, scope.clone())
    }

    fn feed(&self, feed: &Feed, sort: Sort) -> Vec<EnvelopeId> {
        all(|after| posts::page(&self.memory, feed, sort, Paging::new(2, after), NOW))
            .into_iter()
            .map(|post| post.signed.id)
            .collect()
    }

    fn votes(&self, post: EnvelopeId) -> Votes {
        posts::get(&self.memory, &post).unwrap().unwrap().votes
    }
}

fn general() -> Scope {
    "c/general".parse().unwrap()
}

fn comment(number: u64, root: EnvelopeId, parent: EnvelopeId, depth: u32) -> Comment {
    Comment { salt: salt(number), root, parent, depth, content: format!("comment {number}") }
}

#[test]
fn fifty_votes_of_one_agent_on_one_post_count_once() {
    let mut pool = Pool::of(2);
    let post = pool.writer(0, &general()).post("hello");
    let post = pool.admit(&post);
    let mut writer = pool.writer(1, &general());
    let mut raced: Vec<_> = (0..50).map(|_| writer.vote(post, 1)).collect();
    raced.sort_by_key(|vote| vote.id());
    for vote in &raced {
        pool.admit(vote);
        let score = pool.votes(post).score();
        assert!((0..=1).contains(&score), "a score of {score}");
    }
    assert_eq!(pool.votes(post), Votes { up: 1, down: 0 });
    assert_eq!(votes::of(&pool.memory, &pool.id(1), &post).unwrap(), 1);
    assert_eq!(agents::get(&pool.memory, &pool.id(0)).unwrap().unwrap().counts.karma, 1);
    let taken_back = writer.vote(post, 0);
    pool.admit(&taken_back);
    assert_eq!(pool.votes(post), Votes::default());
    let against = writer.vote(post, -1);
    pool.admit(&against);
    assert_eq!(agents::get(&pool.memory, &pool.id(0)).unwrap().unwrap().counts.karma, -1);
}

#[test]
fn a_vote_on_oneself_is_void_and_counts_nothing() {
    let mut pool = Pool::of(1);
    let mut writer = pool.writer(0, &general());
    let post = writer.post("me");
    let vote = writer.vote(post.id(), 1);
    pool.admit(&vote);
    assert_eq!(index::get(&pool.memory, &vote.id()).unwrap().unwrap().void(), None, "it waits for what it is about");
    pool.admit(&post);
    assert_eq!(pool.votes(post.id()), Votes::default());
    assert_eq!(index::get(&pool.memory, &vote.id()).unwrap().unwrap().void(), Some(VoidReason::OwnVote));
}

#[test]
fn comments_wait_for_what_they_answer_and_are_shown_with_all_below_them() {
    let mut pool = Pool::of(2);
    let mut writer = pool.writer(0, &general());
    let post = writer.post("root");
    let mut answers = pool.writer(1, &general());
    let mut chain = vec![answers.body(&comment(0, post.id(), post.id(), 0))];
    for depth in 1..=64 {
        let parent = chain.last().unwrap().id();
        chain.push(answers.body(&comment(u64::from(depth), post.id(), parent, depth)));
    }
    for envelope in chain.iter().rev() {
        pool.admit(envelope);
        assert_eq!(comments::get(&pool.memory, &envelope.id()).unwrap(), None);
    }
    assert_eq!(stats::stats(&pool.memory).unwrap().comments, 0);
    pool.admit(&post);
    assert_eq!(stats::stats(&pool.memory).unwrap().comments, 65);
    let page = comments::tree(&pool.memory, &post.id(), CommentSort::Best, Paging::first(10)).unwrap().unwrap();
    let (mut thread, mut deepest) = (&page.threads.items[0], 0);
    while let Some(reply) = thread.replies.first() {
        (thread, deepest) = (reply, reply.comment.depth);
    }
    assert_eq!((deepest, page.total), (64, 65));
}

#[test]
fn a_comment_below_depth_64_is_void() {
    let mut pool = Pool::of(1);
    let mut writer = pool.writer(0, &general());
    let post = writer.post("root");
    pool.admit(&post);
    let body = tidepool_protocol::cbor::encode(&comment(0, post.id(), post.id(), 65));
    let deep = writer.write(tidepool_protocol::Kind::COMMENT, body);
    pool.admit(&deep);
    assert_eq!(index::get(&pool.memory, &deep.id()).unwrap().unwrap().void(), Some(VoidReason::Body));
}

#[test]
fn a_removed_post_leaves_feeds_but_its_comments_stay() {
    let mut pool = Pool::of(2);
    let mut writer = pool.writer(0, &general());
    let post = writer.post("soon gone");
    pool.admit(&post);
    let edited = writer.body(&Edit { salt: salt(7), target: post.id(), title: Some("secret".into()), content: None });
    pool.admit(&edited);
    let seen = posts::get(&pool.memory, &post.id()).unwrap().unwrap();
    assert_eq!((seen.title.as_str(), seen.content.as_str()), ("secret", ""));
    assert!(matches!(seen.state, State::Edited { by, .. } if by == edited.id()));
    let answer = pool.writer(1, &general()).body(&comment(1, post.id(), post.id(), 0));
    pool.admit(&answer);
    let tombstone = writer.body(&Tombstone { target: post.id() });
    pool.admit(&tombstone);
    assert!(pool.feed(&Feed::Everything, Sort::New).is_empty());
    assert!(pool.feed(&Feed::Author(pool.id(0)), Sort::Hot).is_empty());
    let seen = posts::get(&pool.memory, &post.id()).unwrap().unwrap();
    assert_eq!((seen.state, seen.title.as_str(), seen.comment_count), (State::Removed, "", 1));
    let page = comments::tree(&pool.memory, &post.id(), CommentSort::Old, Paging::first(10)).unwrap().unwrap();
    assert_eq!(page.threads.items[0].comment.signed.id, answer.id());
    let found = search::search_substring(&pool.memory, "secret", search::SearchKind::All, Paging::first(10)).unwrap();
    assert!(found.items.is_empty());
}

#[test]
fn nobody_takes_away_or_edits_what_another_wrote() {
    let mut pool = Pool::of(2);
    let post = pool.writer(0, &general()).post("mine");
    pool.admit(&post);
    let mut thief = pool.writer(1, &general());
    let tombstone = thief.body(&Tombstone { target: post.id() });
    let edit = thief.body(&Edit { salt: salt(1), target: post.id(), title: Some("his".into()), content: None });
    for envelope in [&tombstone, &edit] {
        pool.admit(envelope);
        let entry = index::get(&pool.memory, &envelope.id()).unwrap().unwrap();
        assert_eq!(entry.void(), Some(VoidReason::ForeignTarget));
    }
    let seen = posts::get(&pool.memory, &post.id()).unwrap().unwrap();
    assert_eq!((seen.state, seen.title.as_str()), (State::Original, "mine"));
}

#[test]
fn a_forked_post_goes_with_its_tree_and_keep_brings_both_back() {
    let mut pool = Pool::of(2);
    let mut writer = pool.writer(0, &general());
    let mut twin = writer.clone();
    let post = writer.post("one");
    pool.admit(&post);
    let mut answers = pool.writer(1, &general());
    let answer = answers.body(&comment(1, post.id(), post.id(), 0));
    let below = answers.body(&comment(2, post.id(), answer.id(), 1));
    let vote = answers.vote(post.id(), 1);
    for envelope in [&answer, &below, &vote] {
        pool.admit(envelope);
    }
    let counts = |pool: &Pool, agent| agents::get(&pool.memory, &pool.id(agent)).unwrap().unwrap().counts;
    let before = (pool.memory.rows().count(), counts(&pool, 0), counts(&pool, 1));
    assert_eq!((before.1.karma, before.1.posts, before.2.comments), (1, 1, 2));

    let other = twin.post("the other");
    pool.admit(&other);
    assert!(pool.feed(&Feed::Everything, Sort::New).is_empty());
    assert_eq!(posts::get(&pool.memory, &post.id()).unwrap(), None);
    assert_eq!(comments::get(&pool.memory, &below.id()).unwrap(), None);
    assert_eq!(comments::tree(&pool.memory, &post.id(), CommentSort::Best, Paging::first(5)).unwrap(), None);
    assert_eq!((counts(&pool, 0).karma, counts(&pool, 0).posts, counts(&pool, 1).comments), (0, 0, 0));

    let agent = &pool.agents[0];
    let mut rotation = Writer::new(agent.author(), agent.state.operation, &agent.rotation[0], general());
    let keep = rotation.keep(&[&post]);
    pool.admit(&keep);
    assert_eq!(pool.feed(&Feed::Everything, Sort::Best), [post.id()]);
    assert_eq!((counts(&pool, 0), counts(&pool, 1)), (before.1, before.2));
    let page = comments::tree(&pool.memory, &post.id(), CommentSort::Best, Paging::first(5)).unwrap().unwrap();
    assert_eq!(page.threads.items[0].replies[0].comment.signed.id, below.id());
}

#[test]
fn every_post_says_who_signed_it_and_where_its_author_is_at_home() {
    let mut pool = Pool::of(1);
    let post = pool.writer(0, &general()).post("signed");
    pool.admit(&post);
    let seen = posts::page(&pool.memory, &Feed::Everything, Sort::Hot, Paging::first(5), NOW).unwrap().items.remove(0);
    assert_eq!(seen.signed.id, post.id());
    assert_eq!(seen.signed.key, post.header().key);
    assert_eq!(seen.author.handle.as_deref(), Some("Agent0"));
    assert_eq!(seen.author.home, pool.agents[0].state.home);
    assert!(seen.author.home.is_some());
}

#[test]
fn agents_are_found_by_id_by_name_and_by_age() {
    let mut pool = Pool::of(3);
    let own = Scope::Agent(pool.id(1).as_agent());
    let profile = Profile { description: Some("a crab".into()), ..Profile::default() };
    let profile = pool.writer(1, &own).body(&profile);
    pool.admit(&profile);
    let found = agents::by_name(&pool.memory, "aGENT1").unwrap();
    assert_eq!(found, [pool.id(1)]);
    let agent = agents::get(&pool.memory, &found[0]).unwrap().unwrap();
    assert_eq!(agent.handle.as_deref(), Some("Agent1"));
    assert_eq!(agent.profile.description.as_deref(), Some("a crab"));
    assert_eq!(agent.created_ms, T0);
    let recent = all(|after| agents::recent(&pool.memory, Paging::new(2, after)));
    assert_eq!(recent.len(), 3);
    assert_eq!(stats::stats(&pool.memory).unwrap().agents, 3);
    let node = TestNode::new(1_000);
    assert_eq!(agents::get(&pool.memory, &node.id.into()).unwrap(), None, "a node is no agent");
}

#[test]
fn an_agents_feed_is_merged_from_what_it_follows_and_subscribes_to_without_doubles() {
    let mut pool = Pool::of(4);
    let introductions: Scope = "c/introductions".parse().unwrap();
    let mut all_posts = Vec::new();
    for (agent, scope) in [(0, general()), (1, general()), (2, introductions.clone()), (3, introductions)] {
        let mut writer = pool.writer(agent, &scope);
        for number in 0..3 {
            writer.time_ms = writer.time_ms.plus_ms(number * 77_777 + agent as u64);
            let post = writer.post("p");
            all_posts.push((post.header().time_ms, pool.admit(&post), agent));
        }
    }
    let own = Scope::Agent(pool.id(0).as_agent());
    let mut reader = pool.writer(0, &own);
    let follow = reader.body(&Follow { target: pool.id(1).as_agent(), on: true });
    let subscribe = reader.body(&Subscribe { community: general(), on: true });
    let other = reader.body(&Follow { target: pool.id(2).as_agent(), on: true });
    for envelope in [&follow, &subscribe, &other] {
        pool.admit(envelope);
    }
    all_posts.sort_unstable();
    all_posts.reverse();
    let of = |holds: &dyn Fn(usize) -> bool| -> Vec<EnvelopeId> {
        all_posts.iter().filter(|(_, _, agent)| holds(*agent)).map(|(_, id, _)| *id).collect()
    };
    assert_eq!(pool.feed(&Feed::Home(pool.id(0)), Sort::New), of(&|agent| agent != 3));
    assert_eq!(pool.feed(&Feed::Following(pool.id(0)), Sort::New), of(&|agent| agent == 1 || agent == 2));
    let end = reader.body(&Subscribe { community: general(), on: false });
    pool.admit(&end);
    assert_eq!(pool.feed(&Feed::Home(pool.id(0)), Sort::Hot).len(), 6);
    assert_eq!(follows::following(&pool.memory, &pool.id(0), Paging::first(9)).unwrap().items.len(), 2);
}

#[test]
fn only_the_founder_whom_the_scope_proves_founds_and_sets_a_community() {
    let mut pool = Pool::of(2);
    let scope = Scope::owned_by(pool.id(0).as_agent(), "reef".parse().unwrap());
    let charter = |name: &str| Charter { display_name: name.into(), description: String::new(), allow_crypto: true };
    let forged = pool.writer(1, &scope).body(&charter("stolen"));
    pool.admit(&forged);
    assert_eq!(index::get(&pool.memory, &forged.id()).unwrap().unwrap().void(), Some(VoidReason::NotPermitted));
    assert_eq!(communities::get(&pool.memory, &scope).unwrap(), None);
    let mut founder = pool.writer(0, &scope);
    let founded = founder.body(&charter("Reef"));
    pool.admit(&founded);
    let settings = founder.body(&Settings { description: Some("salt water".into()), ..Settings::default() });
    pool.admit(&settings);
    let reef = communities::get(&pool.memory, &scope).unwrap().unwrap();
    assert_eq!((reef.display_name.as_str(), reef.description.as_str()), ("Reef", "salt water"));
    assert_eq!((reef.founder, reef.allow_crypto, reef.created_ms), (Some(pool.id(0)), true, founded.header().time_ms));
    let open = communities::get(&pool.memory, &general()).unwrap().unwrap();
    assert_eq!((open.founder, open.display_name.as_str()), (None, "general"));
    assert_eq!(communities::resolve(&pool.memory, &"reef".parse().unwrap()).unwrap(), [reef]);
}

#[test]
fn a_vote_in_another_scope_than_its_target_counts_nothing() {
    let mut pool = Pool::of(2);
    let post = pool.writer(0, &general()).post("p");
    let stray = pool.writer(1, &"c/introductions".parse().unwrap()).vote(post.id(), 1);
    let fits = pool.writer(1, &general()).vote(post.id(), -1);
    for envelope in [&stray, &fits, &post] {
        pool.admit(envelope);
    }
    assert_eq!(pool.votes(post.id()), Votes { up: 0, down: 1 });
    assert_eq!(index::get(&pool.memory, &stray.id()).unwrap().unwrap().void(), Some(VoidReason::ScopeMismatch));
}

#[test]
fn a_cursor_of_another_sort_is_refused() {
    let mut pool = Pool::of(1);
    let mut writer = pool.writer(0, &general());
    for _ in 0..3 {
        let post = writer.post("p");
        pool.admit(&post);
    }
    let page = |sort, after: Option<&queries::After>| {
        posts::page(&pool.memory, &Feed::Everything, sort, Paging::new(1, after), NOW)
    };
    let after = page(Sort::New, None).unwrap().next.unwrap();
    assert!(matches!(page(Sort::Hot, Some(&after)), Err(QueryError::After(_))));
    assert!(matches!(page(Sort::Top(Window::Day), Some(&after)), Err(QueryError::After(_))));
    assert!(page(Sort::New, Some(&after)).is_ok());
    assert!("".parse::<queries::After>().is_err());
    assert!("not base32!".parse::<queries::After>().is_err());
    assert!("a".repeat(4_000).parse::<queries::After>().is_err());
}

#[test]
fn a_thread_wider_than_its_maximum_is_cut_and_says_what_there_is() {
    let mut pool = Pool::of(2);
    let post = pool.writer(0, &general()).post("wide");
    pool.admit(&post);
    let mut writer = pool.writer(1, &general());
    let root = writer.body(&comment(0, post.id(), post.id(), 0));
    pool.admit(&root);
    let wide = comments::REPLIES_MAX as u64 + 20;
    for number in 1..=wide {
        let reply = writer.body(&comment(number, post.id(), root.id(), 1));
        pool.admit(&reply);
    }
    let page = comments::tree(&pool.memory, &post.id(), CommentSort::New, Paging::first(5)).unwrap().unwrap();
    let thread = &page.threads.items[0];
    assert_eq!(thread.replies.len(), comments::REPLIES_MAX);
    assert_eq!((thread.comment.reply_count, page.total), (wide, wide + 1));
}

#[test]
fn search_finds_without_regard_to_case_on_pages_of_any_size() {
    let mut pool = Pool::of(1);
    let mut writer = pool.writer(0, &general());
    let mut ids = Vec::new();
    for number in 0..5 {
        let (title, content) = (format!("Title {number}"), "The TIDE rises".to_owned());
        let post = writer.body(&Post { salt: salt(number), post_type: PostType::Text, title, content, url: None });
        ids.push(pool.admit(&post));
    }
    let answer = writer.body(&comment(9, ids[0], ids[0], 0));
    pool.admit(&answer);
    let find = |query: &str, limit| {
        let kind = search::SearchKind::All;
        all(|after| search::search_substring(&pool.memory, query, kind, Paging::new(limit, after)))
    };
    for limit in [1, 2, 5, 10] {
        assert_eq!(find("tide RISES", limit).len(), 5);
        assert_eq!(find("e", limit).len(), 6);
        let found = find("comment 9", limit);
        assert!(matches!(&found[..], [search::Found::Comment(found)] if found.signed.id == answer.id()));
    }
    assert!(find("", 10).is_empty());
    assert!(find("dolphin", 10).is_empty());
    let foreign = crate::queries::After(vec![1, 2]);
    let paging = Paging::new(5, Some(&foreign));
    assert!(search::search_substring(&pool.memory, "tide", search::SearchKind::All, paging).is_err());
}

#[test]
fn explanations_give_the_order_that_is_shown() {
    let mut pool = Pool::of(6);
    let mut writer = pool.writer(0, &general());
    let ids: Vec<_> = (0..6)
        .map(|_| {
            writer.time_ms = writer.time_ms.plus_ms(3_600_000);
            let post = writer.post("p");
            pool.admit(&post)
        })
        .collect();
    for (at, id) in ids.iter().enumerate() {
        for voter in 1..6 {
            let value = if (at + voter) % 3 == 0 { -1 } else { i8::from((at * voter) % 4 != 1) };
            let mut writer = pool.writer(voter, &general());
            writer.epoch.0 += at as u64;
            let vote = writer.body(&Vote { target: *id, value });
            pool.admit(&vote);
        }
    }
    for sort in [Sort::Hot, Sort::New, Sort::Best, Sort::Rising, Sort::Top(Window::All), Sort::Top(Window::Week)] {
        let shown = pool.feed(&Feed::Everything, sort);
        assert_eq!(shown.len(), 6);
        let results: Vec<_> =
            shown.iter().map(|id| explain::post(&pool.memory, id, sort, NOW).unwrap().unwrap().result).collect();
        assert!(results.is_sorted_by(|a, b| a >= b), "{sort:?}: {results:?}");
    }
}

#[test]
fn a_damaged_row_is_an_error_and_not_a_panic() {
    let mut pool = Pool::of(1);
    let post = pool.writer(0, &general()).post("p");
    pool.admit(&post);
    let rows: Vec<_> = pool.memory.rows().map(|(key, value)| (key.clone(), value.clone())).collect();
    for (key, value) in rows.into_iter().filter(|(key, value)| (0x30..0x60).contains(&key[0]) && value.len() > 1) {
        pool.memory.put(key.clone(), value.slice(..value.len() - 1));
        let _ = posts::get(&pool.memory, &post.id());
        let _ = posts::page(&pool.memory, &Feed::Everything, Sort::Hot, Paging::first(3), NOW);
        let _ = agents::get(&pool.memory, &pool.id(0));
        let _ = communities::get(&pool.memory, &general());
        pool.memory.put(key, value);
    }
    assert!(posts::get(&pool.memory, &post.id()).unwrap().is_some());
}
