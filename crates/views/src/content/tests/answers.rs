//! Every query's answer held against the model's.

use super::model::{Item, Model};
use super::moderation;
use super::world::{AGENTS, World, agent, as_agent, community};
use crate::index;
use crate::queries::{
    After, CommentFeed, CommentSort, Feed, Page, Paging, QueryError, Sort, State, Thread, agents, comments,
    communities, follows, posts, stats, votes,
};
use crate::testing::T0;
use std::collections::BTreeSet;
use tidepool_protocol::{AuthorId, Envelope, EnvelopeId, Scope, TimeMs, Verified};

/// All pages of a list, one behind another.
pub(crate) fn all<T>(mut page: impl FnMut(Option<&After>) -> Result<Page<T>, QueryError>) -> Vec<T> {
    let (mut found, mut after) = (Vec::new(), None::<After>);
    loop {
        let next = page(after.as_ref()).unwrap();
        found.extend(next.items);
        // As clients do: through its text.
        after = next.next.map(|after| after.to_string().parse().unwrap());
        if after.is_none() {
            return found;
        }
    }
}

/// Whether a feed holds a post.
type Holds = Box<dyn Fn(&Item) -> bool>;

/// By what a list of communities is sorted.
type CommunityKey<'k> = &'k dyn Fn(&(Scope, TimeMs)) -> (u64, String);

const SORTS: [CommentSort; 5] =
    [CommentSort::Best, CommentSort::New, CommentSort::Old, CommentSort::Top, CommentSort::Controversial];

/// Checks every answer of `world`, read in pages of `limit`, against what follows from `envelopes`.
pub(crate) fn check(world: &World, envelopes: &[Verified<Envelope>], limit: usize) {
    let model = Model::of(envelopes);
    // Shortly after all of it could have been said, and when windows have passed over most of it.
    for days in [40, 62] {
        let now = T0.plus_ms(days * 24 * 3_600_000);
        check_feeds(world, &model, limit, now);
    }
    check_items(world, &model, envelopes);
    check_trees(world, &model, limit);
    check_comment_lists(world, &model, limit);
    for number in 0..AGENTS {
        check_agent(world, &model, agent(number), limit);
    }
    check_communities(world, &model, limit);
    moderation::check(world, &model, envelopes, limit);
    let stats = stats::stats(&world.memory).unwrap();
    assert_eq!((stats.posts, stats.comments), (model.posts().count() as u64, model.comments().count() as u64));
}

fn check_feeds(world: &World, model: &Model, limit: usize, now: TimeMs) {
    let mut feeds: Vec<(Feed, Holds)> = vec![(Feed::Everything, Box::new(|_| true))];
    for number in 0..4 {
        let scope = community(number);
        feeds.push((Feed::Community(scope.clone()), Box::new(move |item| item.scope == scope)));
    }
    for number in 0..AGENTS {
        let who = agent(number);
        feeds.push((Feed::Author(who), Box::new(move |item| item.author == who)));
        let (followed, subscribed) = (model.following(who), model.subscribed(who));
        let also = followed.clone();
        feeds.push((Feed::Following(who), Box::new(move |item| also.contains(&item.author))));
        let home = move |item: &Item| followed.contains(&item.author) || subscribed.contains(&item.scope);
        feeds.push((Feed::Home(who), Box::new(home)));
        let subscribed = model.subscribed(who);
        feeds.push((Feed::Subscribed(who), Box::new(move |item| subscribed.contains(&item.scope))));
        let scope = community(number % 4);
        let own = move |item: &Item| item.author == who && item.scope == scope;
        feeds.push((Feed::AuthorIn(who, community(number % 4)), Box::new(own)));
    }
    let sorts = [Sort::Hot, Sort::New, Sort::Rising, Sort::Best];
    for sort in sorts.into_iter().chain(Model::windows().map(Sort::Top)) {
        for (feed, holds) in &feeds {
            let items = all(|after| posts::page(&world.memory, feed, sort, Paging::new(limit, after), now));
            let seen: Vec<_> = items.iter().map(|post| post.signed.id).collect();
            let expected = Model::sorted(model.posts().filter(|item| holds(item)).collect(), sort, now);
            assert_eq!(seen, expected, "{feed:?} by {sort:?}");
        }
    }
}

fn check_items(world: &World, model: &Model, envelopes: &[Verified<Envelope>]) {
    for envelope in envelopes {
        let id = envelope.id();
        let entry = index::get(&world.memory, &id).unwrap().unwrap();
        assert_eq!(entry.content, model.reasons.get(&id).copied(), "{:?} {:?}", envelope.header().kind, id);
        for number in 0..AGENTS {
            assert_eq!(votes::of(&world.memory, &agent(number), &id).unwrap(), model.vote(agent(number), id));
        }
        let (post, comment) = (posts::get(&world.memory, &id).unwrap(), comments::get(&world.memory, &id).unwrap());
        let Some(item) = model.items.get(&id).filter(|item| item.attached) else {
            assert_eq!((post, comment), (None, None));
            continue;
        };
        let removed = State::is_gone;
        if item.comment.is_none() {
            let post = post.unwrap();
            assert_eq!(post.votes, item.votes);
            assert_eq!(post.comment_count, model.comment_count(id));
            assert_eq!(removed(post.state), item.gone());
            let shown = if item.gone() { ("", "") } else { (item.title.as_str(), item.content.as_str()) };
            assert_eq!((post.title.as_str(), post.content.as_str()), shown);
            assert_eq!((post.signed.author, &post.signed.scope), (item.author, &item.scope));
        } else {
            let comment = comment.unwrap();
            assert_eq!(comment.votes, item.votes);
            assert_eq!(removed(comment.state), item.gone());
            assert_eq!(comment.content, if item.gone() { "" } else { item.content.as_str() });
            assert_eq!(comment.reply_count, model.answers(id, CommentSort::Old).len() as u64);
        }
    }
}

fn check_trees(world: &World, model: &Model, limit: usize) {
    fn flat(threads: &[Thread], found: &mut Vec<(u32, EnvelopeId)>) {
        for thread in threads {
            found.push((thread.comment.depth, thread.comment.signed.id));
            flat(&thread.replies, found);
        }
    }
    fn expect(model: &Model, parent: EnvelopeId, sort: CommentSort, depth: u32, found: &mut Vec<(u32, EnvelopeId)>) {
        for id in model.answers(parent, sort) {
            found.push((depth, id));
            expect(model, id, sort, depth + 1, found);
        }
    }
    for post in model.items.values().filter(|item| item.comment.is_none()) {
        for sort in SORTS {
            let threads = all(|after| {
                let page = comments::tree(&world.memory, &post.id, sort, Paging::new(limit, after))?.unwrap();
                assert_eq!(page.total, model.comment_count(post.id));
                Ok(page.threads)
            });
            let (mut seen, mut expected) = (Vec::new(), Vec::new());
            flat(&threads, &mut seen);
            expect(model, post.id, sort, 0, &mut expected);
            assert_eq!(seen, expected, "the tree by {sort:?}");
        }
    }
}

fn check_comment_lists(world: &World, model: &Model, limit: usize) {
    let check = |feed: CommentFeed, holds: &dyn Fn(&Item) -> bool| {
        let seen: Vec<_> = all(|after| comments::page(&world.memory, &feed, Paging::new(limit, after)))
            .into_iter()
            .map(|comment| comment.signed.id)
            .collect();
        let expected = Model::sorted(model.comments().filter(|item| holds(item)).collect(), Sort::New, TimeMs(0));
        assert_eq!(seen, expected, "{feed:?}");
    };
    check(CommentFeed::Everything, &|_| true);
    for number in 0..4 {
        check(CommentFeed::Community(community(number)), &|item| item.scope == community(number));
    }
    for number in 0..AGENTS {
        check(CommentFeed::Author(agent(number)), &|item| item.author == agent(number));
    }
}

fn check_agent(world: &World, model: &Model, who: AuthorId, limit: usize) {
    let following = all(|after| follows::following(&world.memory, &who, Paging::new(limit, after)));
    assert_eq!(following, model.following(who));
    let followers = all(|after| follows::followers(&world.memory, &who, Paging::new(limit, after)));
    assert_eq!(followers, model.followers(who));
    let subscribed = all(|after| follows::subscriptions(&world.memory, &who, Paging::new(limit, after)));
    assert_eq!(subscribed.iter().cloned().collect::<BTreeSet<_>>(), model.subscribed(who));
    assert_eq!(subscribed.len(), model.subscribed(who).len());
    for number in 0..4 {
        let scope = community(number);
        let on = model.subscribed(who).contains(&scope);
        assert_eq!(follows::is_subscribed(&world.memory, &who, &scope).unwrap(), on);
    }
    for number in 0..AGENTS {
        let said = |home| model.follows.get(&(who, agent(number), home)).map(|(_, on)| *on);
        let expected = said(true).or(said(false)).unwrap_or(false);
        assert_eq!(follows::is_following(&world.memory, &who, &agent(number)).unwrap(), expected);
    }
    let counts = agents::get(&world.memory, &who).unwrap().map(|agent| agent.counts).unwrap_or_default();
    let of = |items: Vec<&Item>| {
        let own: Vec<_> = items.into_iter().filter(|item| item.author == who).collect();
        (own.len() as u64, own.iter().map(|item| item.votes.score()).sum::<i64>())
    };
    let ((posts, post_karma), (comments, comment_karma)) =
        (of(model.posts().collect()), of(model.comments().collect()));
    assert_eq!((counts.posts, counts.comments), (posts, comments));
    assert_eq!(counts.karma, post_karma + comment_karma);
    let lengths = (counts.followers, counts.following, counts.subscriptions);
    assert_eq!(lengths, (followers.len() as u64, following.len() as u64, subscribed.len() as u64));
    assert_eq!(as_agent(who).0, who.0);
}

fn check_communities(world: &World, model: &Model, limit: usize) {
    let subscribers =
        |scope: &Scope| (0..AGENTS).filter(|number| model.subscribed(agent(*number)).contains(scope)).count() as u64;
    let mut standing = Vec::new();
    for scope in (0..5).map(community).chain(["c/announcements".parse().unwrap()]) {
        let found = communities::get(&world.memory, &scope).unwrap();
        let open = crate::testing::network().communities.iter().any(|name| Scope::Open(name.clone()) == scope);
        let created = match model.charters.get(&scope) {
            Some(charters) => charters.first().map(|order| order.0),
            None => open.then(|| crate::testing::network().created_ms),
        };
        assert_eq!(found.as_ref().map(|community| community.created_ms), created);
        let Some(found) = found else { continue };
        let posts: Vec<_> = model.posts().filter(|item| item.scope == scope).collect();
        let comments: Vec<_> = model.comments().filter(|item| item.scope == scope).collect();
        assert_eq!((found.posts, found.comments), (posts.len() as u64, comments.len() as u64));
        let latest = posts.iter().chain(&comments).map(|item| item.time).max();
        assert_eq!(found.last_activity_ms, latest);
        assert_eq!(found.subscribers, subscribers(&scope));
        standing.push((scope, found.created_ms));
    }
    let by = |sort| {
        let page = |after: Option<&After>| communities::list(&world.memory, sort, Paging::new(limit, after));
        all(page).into_iter().map(|community| community.scope).collect::<Vec<_>>()
    };
    let sorted = |key: CommunityKey<'_>| {
        let mut sorted = standing.clone();
        sorted.sort_by_key(key);
        sorted.into_iter().map(|(scope, _)| scope).collect::<Vec<_>>()
    };
    assert_eq!(by(communities::CommunitySort::Name), sorted(&|(scope, _)| (0, scope.to_string())));
    let popular = sorted(&|(scope, _)| (u64::MAX - subscribers(scope), scope.to_string()));
    assert_eq!(by(communities::CommunitySort::Popular), popular);
    let new = sorted(&|(scope, created)| (u64::MAX - created.0, scope.to_string()));
    assert_eq!(by(communities::CommunitySort::New), new);
    let reefs = communities::resolve(&world.memory, &"reef".parse().unwrap()).unwrap();
    let named = standing.iter().filter(|(scope, _)| scope.to_string().starts_with("c/reef")).count();
    assert_eq!(reefs.len(), named);
}
