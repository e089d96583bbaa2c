//! Pages of feeds (and of trees, profiles) at 10,000 and 100,000 posts, in memory: a page is to cost the same however much lies behind it.
//!
//! `cargo bench -p tidepool-views --features testing --bench feeds`. With `TIDEPOOL_BENCH_POSTS=1000000` a million is
//! measured too (a few minutes and some gigabytes). At the end stands the ratio of the sizes, which is to stay under 1.5.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs, reason = "a benchmark reads the clock")]

mod common;

use common::{NOW, World, community};
use std::sync::OnceLock;
use std::time::Instant;
use tidepool_views::queries::{CommentFeed, CommentSort, Feed, Paging, Sort, Window, agents, comments, posts};

const SMALL: u64 = 10_000;
const LARGE: u64 = 100_000;

const SORTS: [(&str, Sort); 8] = [
    ("hot", Sort::Hot),
    ("new", Sort::New),
    ("top", Sort::Top(Window::All)),
    ("top of a day", Sort::Top(Window::Day)),
    ("top of a month", Sort::Top(Window::Month)),
    ("top of a year", Sort::Top(Window::Year)),
    ("best", Sort::Best),
    ("rising", Sort::Rising),
];

fn world(posts: u64) -> &'static World {
    static WORLDS: [OnceLock<World>; 3] = [const { OnceLock::new() }; 3];
    let at = match posts {
        SMALL => 0,
        LARGE => 1,
        _ => 2,
    };
    WORLDS[at].get_or_init(|| World::new(posts))
}

fn read(world: &World, feed: &Feed, sort: Sort, limit: usize) -> usize {
    posts::page(&world.memory, feed, sort, Paging::first(limit), NOW).unwrap().items.len()
}

#[divan::bench(args = [(0, 25), (0, 50), (1, 25), (1, 50), (2, 25), (3, 25), (4, 25), (5, 25), (6, 25), (6, 50), (7, 25), (7, 50)])]
fn page_at_100_000(bencher: divan::Bencher<'_, '_>, (sort, limit): (usize, usize)) {
    let world = world(LARGE);
    bencher.bench_local(|| read(world, &Feed::Everything, SORTS[sort].1, limit));
}

#[divan::bench(args = [(0, 25), (1, 25), (7, 25)])]
fn home_page_at_100_000(bencher: divan::Bencher<'_, '_>, (sort, limit): (usize, usize)) {
    let world = world(LARGE);
    let feed = Feed::Home(world.agents[0]);
    bencher.bench_local(|| read(world, &feed, SORTS[sort].1, limit));
}

fn main() {
    divan::main();
    let million = std::env::var("TIDEPOOL_BENCH_POSTS").ok().and_then(|posts| posts.parse().ok());
    let sizes: Vec<u64> = [SMALL, LARGE].into_iter().chain(million).collect();
    println!("\nmedian of 500 pages in µs, and the ratio of the largest to the smallest (is to be under 1.5)");
    for (name, sort) in SORTS {
        for limit in [25, 50] {
            report(&format!("everything, {name}, {limit}"), &sizes, sort, limit, |_| Feed::Everything);
        }
    }
    for (name, sort) in [SORTS[0], SORTS[1], SORTS[2], SORTS[7]] {
        report(&format!("community, {name}, 25"), &sizes, sort, 25, |_| Feed::Community(community(4)));
        // An author of the small world has fewer posts than rising looks at, so that the two sizes do not compare.
        if sort != Sort::Rising {
            report(&format!("author, {name}, 25"), &sizes, sort, 25, |world| Feed::Author(world.agents[3]));
        }
        report(&format!("home of 31 sources, {name}, 25"), &sizes, sort, 25, |world| Feed::Home(world.agents[0]));
    }
    other_pages(&sizes);
}

/// Pages that are no feeds: trees below a post with a tenth as many comments as there are posts, a profile, a list of
/// comments, one post.
fn other_pages(sizes: &[u64]) {
    let sorts =
        [("best", CommentSort::Best), ("new", CommentSort::New), ("old", CommentSort::Old), ("top", CommentSort::Top)];
    for (name, sort) in sorts {
        measured(&format!("trees of 35 roots, {name}"), sizes, |world| {
            let page = comments::tree(&world.memory, &world.busy, sort, Paging::first(35)).unwrap().unwrap();
            assert_eq!(divan::black_box(page.threads.items.len()), 35);
        });
    }
    measured("profile", sizes, |world| {
        assert!(divan::black_box(agents::get(&world.memory, &world.agents[3]).unwrap()).is_some());
    });
    measured("comments of an author, 15", sizes, |world| {
        let feed = CommentFeed::Author(world.agents[3]);
        let page = comments::page(&world.memory, &feed, Paging::first(15)).unwrap();
        assert_eq!(divan::black_box(page.items.len()), 15);
    });
    measured("one post", sizes, |world| {
        assert!(divan::black_box(posts::get(&world.memory, &world.posts[77]).unwrap()).is_some());
    });
}

fn report(name: &str, sizes: &[u64], sort: Sort, limit: usize, feed: impl Fn(&World) -> Feed) {
    measured(name, sizes, |world| {
        assert_eq!(divan::black_box(read(world, &feed(world), sort, limit)), limit);
    });
}

/// Prints the median of 500 readings for every size, and the ratio of the last to the first.
fn measured(name: &str, sizes: &[u64], read: impl Fn(&World)) {
    let median = |size: &u64| {
        let world = world(*size);
        let mut taken: Vec<_> = (0..500)
            .map(|_| {
                let begun = Instant::now();
                read(world);
                begun.elapsed()
            })
            .collect();
        taken.sort_unstable();
        taken[250].as_secs_f64() * 1e6
    };
    let medians: Vec<f64> = sizes.iter().map(median).collect();
    let shown: Vec<String> = medians.iter().map(|median| format!("{median:8.1}")).collect();
    println!("{name:40} {}   × {:.2}", shown.join(" "), medians[medians.len() - 1] / medians[0]);
}
