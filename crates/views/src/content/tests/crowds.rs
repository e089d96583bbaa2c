//! Lists that are many chunks long.

use super::answers::all;
use super::model::Model;
use super::properties::contents;
use super::world::{Line, Say, World, agent, community, script};
use crate::queries::{
    After, CommentFeed, CommentSort, Feed, Paging, RECENT_MAX, Sort, Window, comments, posts, search, stats,
};
use crate::testing::T0;
use std::collections::BTreeSet;
use tidepool_protocol::{Envelope, EnvelopeId, TimeMs, Verified};

const NOW: TimeMs = T0.plus_ms(30 * 24 * 3_600_000);

/// A fixed scatter of numbers.
fn scattered(number: usize, of: usize) -> usize {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23) % of
}

/// 1,500 posts over a month, and 3,000 votes that favour few of them.
fn crowd() -> Vec<Verified<Envelope>> {
    let line = |number: usize, say| Line {
        author: u8::try_from(scattered(number, 5)).unwrap(),
        minute: scattered(number + 7, 60 * 24 * 30) as u64,
        say,
    };
    let posts = (0..1_500).map(|number| line(number, Say::Post { community: u8::try_from(number % 4).unwrap() }));
    let votes = (0..3_000).map(|number| {
        let favoured = scattered(number, 1_500) * scattered(number + 1, 1_500) / 1_500;
        let value = if number % 6 == 0 { -1 } else { 1 };
        line(number * 3 + 1, Say::Vote { target: favoured, value, stray: false })
    });
    script(&posts.chain(votes).collect::<Vec<_>>())
}

#[test]
fn the_pages_of_long_feeds_are_the_sorted_list() {
    let envelopes = crowd();
    let (said, voted) = envelopes.split_at(1_500);
    // Votes move every post after it was placed.
    let mut world = World::of(said);
    for vote in voted {
        world.apply(vote);
    }
    let model = Model::of(&envelopes);
    let own = Feed::AuthorIn(agent(1), community(2));
    for feed in [Feed::Everything, Feed::Community(community(2)), Feed::Author(agent(1)), own] {
        let held: Vec<_> = model
            .posts()
            .filter(|item| match &feed {
                Feed::Community(scope) => item.scope == *scope,
                Feed::Author(author) => item.author == *author,
                Feed::AuthorIn(author, scope) => item.author == *author && item.scope == *scope,
                Feed::Everything | Feed::Home(_) | Feed::Following(_) | Feed::Subscribed(_) => true,
            })
            .collect();
        let newest: BTreeSet<EnvelopeId> =
            Model::sorted(held.clone(), Sort::New, NOW).into_iter().take(RECENT_MAX).collect();
        let windows = Model::windows().map(Sort::Top);
        for sort in [Sort::Hot, Sort::New, Sort::Best, Sort::Rising].into_iter().chain(windows) {
            let items = all(|after| posts::page(&world.memory, &feed, sort, Paging::new(90, after), NOW));
            let seen: Vec<_> = items.iter().map(|post| post.signed.id).collect();
            let of = if sort == Sort::Rising {
                held.iter().copied().filter(|item| newest.contains(&item.id)).collect()
            } else {
                held.clone()
            };
            assert_eq!(seen, Model::sorted(of, sort, NOW), "{feed:?} by {sort:?}");
        }
    }
    let mut left: Vec<_> = voted.to_vec();
    left.reverse();
    for vote in &left {
        world.retract(vote);
    }
    let items = all(|after| posts::page(&world.memory, &Feed::Everything, Sort::Best, Paging::new(90, after), NOW));
    assert!(items.iter().all(|post| post.votes.score() == 0));
    let times: Vec<_> = items.iter().map(|post| post.signed.time_ms).collect();
    assert!(times.is_sorted_by(|a, b| a >= b) && times.len() == 1_500);
}

/// 1,300 posts within an hour; the oldest of them has votes.
#[test]
fn the_top_of_an_hour_and_a_search_reach_behind_the_newest_thousand() {
    let line = |number: usize, say| Line { author: u8::try_from(number % 5).unwrap(), minute: 0, say };
    let posts = (0..1_300).map(|number| line(number, Say::Post { community: 0 }));
    let votes = (0..4).map(|number| line(number + 1, Say::Vote { target: 0, value: 1, stray: false }));
    let envelopes = script(&posts.chain(votes).collect::<Vec<_>>());
    let world = World::of(&envelopes);
    let now = T0.plus_ms(30 * 60_000);
    let oldest = envelopes[..1_300].iter().min_by_key(|said| (said.header().time_ms, said.id())).unwrap();
    let voted = envelopes[0].id();
    for feed in [Feed::Everything, Feed::Author(agent(0)), Feed::Community(community(0))] {
        let page = posts::page(&world.memory, &feed, Sort::Top(Window::Hour), Paging::first(5), now).unwrap();
        assert_eq!((page.items[0].signed.id, page.of_newest), (voted, None), "{feed:?}");
    }
    let rising = posts::page(&world.memory, &Feed::Everything, Sort::Rising, Paging::first(5), now).unwrap();
    assert_eq!(rising.of_newest, Some(RECENT_MAX));
    let title = posts::get(&world.memory, &oldest.id()).unwrap().unwrap().title;
    let first = search::search_substring(&world.memory, &title, search::SearchKind::Posts, Paging::first(5)).unwrap();
    assert!(first.next.is_some() || !first.items.is_empty());
    let found =
        all(|after| search::search_substring(&world.memory, &title, search::SearchKind::Posts, Paging::new(5, after)));
    assert!(found.iter().any(|found| matches!(found, search::Found::Post(post) if post.signed.id == oldest.id())));
}

#[test]
fn rising_goes_on_in_the_order_of_its_first_page_however_much_later_the_next_is_asked_for() {
    let world = World::of(&crowd());
    for sort in [Sort::Rising, Sort::Top(Window::Week)] {
        let mut later = 0;
        let paged = all(|after: Option<&After>| {
            later += 3_600_000;
            posts::page(&world.memory, &Feed::Everything, sort, Paging::new(50, after), NOW.plus_ms(later))
        });
        let at_once = all(|after| {
            posts::page(&world.memory, &Feed::Everything, sort, Paging::new(100, after), NOW.plus_ms(3_600_000))
        });
        let ids = |posts: &[crate::queries::Post]| posts.iter().map(|post| post.signed.id).collect::<Vec<_>>();
        assert_eq!(ids(&paged), ids(&at_once));
        assert!(paged.len() > 100);
    }
}

/// A post with 1,200 comments on it, 1,300 below one of those, and a few that cannot fit.
fn wide_tree() -> Vec<Verified<Envelope>> {
    let line = |number: usize, say| Line { author: u8::try_from(number % 5).unwrap(), minute: number as u64, say };
    let comment = |target, wrong| Say::Comment { target, wrong };
    let mut lines = vec![line(0, Say::Post { community: 0 })];
    lines.extend((1..=1_200).map(|number| line(number, comment(0, 0))));
    // Target 1 is the first comment.
    lines.extend((1_201..=2_500).map(|number| line(number, comment(1, 0))));
    lines.extend((2_501..=2_510).map(|number| line(number, comment(0, 2))));
    lines.extend((2_511..=2_520).map(|number| line(number, Say::Vote { target: number % 7, value: 1, stray: false })));
    script(&lines)
}

#[test]
fn a_large_tree_follows_its_post_in_steps_and_is_hidden_at_once() {
    let envelopes = wide_tree();
    let (post, rest) = envelopes.split_first().unwrap();
    let whole = World::of(&envelopes);
    let mut world = World::of(&envelopes);
    assert!(!world.run_jobs(1), "comments that come behind their post leave nothing to do");
    world.retract(post);
    let hidden = |world: &World| {
        rest.iter().all(|comment| comments::get(&world.memory, &comment.id()).unwrap().is_none())
            && comments::page(&world.memory, &CommentFeed::Everything, Paging::first(100)).unwrap().items.is_empty()
    };
    assert!(hidden(&world), "not all is detached yet, but nothing is shown");
    assert!(stats::stats(&world.memory).unwrap().comments > 0, "a part is left to jobs");
    let mut steps = 0;
    while world.run_jobs(100) {
        steps += 1;
        assert!(steps % 8 != 0 || hidden(&world));
    }
    assert!(steps > 10);
    assert_eq!(stats::stats(&world.memory).unwrap().comments, 0);
    let mut expected = World::of(rest);
    while expected.run_jobs(100) {}
    assert_eq!(contents(&world), contents(&expected));

    world.apply(post);
    while world.run_jobs(100) {}
    assert_eq!(contents(&world), contents(&whole));
    let page = comments::tree(&world.memory, &post.id(), CommentSort::New, Paging::first(5)).unwrap().unwrap();
    assert_eq!(page.total, 2_500);
}

#[test]
fn a_post_that_comes_and_goes_while_jobs_wait_ends_where_it_stands() {
    let envelopes = wide_tree();
    let post = &envelopes[0];
    let whole = World::of(&envelopes);
    for turns in 1..4 {
        let mut world = World::of(&envelopes);
        for turn in 0..turns {
            world.retract(post);
            world.run_jobs(70 * (turn + 1));
            world.apply(post);
            world.run_jobs(33 * turn);
        }
        while world.run_jobs(250) {}
        assert_eq!(contents(&world), contents(&whole), "after {turns} turns");
    }
}

#[test]
fn a_tree_whose_middle_goes_and_whose_post_comes_late_is_the_same_in_the_end() {
    let envelopes = wide_tree();
    let (post, middle) = (&envelopes[0], &envelopes[1]);
    let mut backwards: Vec<_> = envelopes.clone();
    backwards.reverse();
    let mut late = World::of(&backwards);
    late.run_jobs(300);
    late.retract(middle);
    late.run_jobs(10);
    late.retract(post);
    late.apply(middle);
    late.run_jobs(500);
    late.apply(post);
    while late.run_jobs(400) {}
    assert_eq!(contents(&late), contents(&World::of(&envelopes)));
}
