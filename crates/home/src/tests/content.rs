//! Posts, comments, follows, subscriptions, feeds, search.

use super::rig::Rig;
use crate::config::HomeConfig;
use crate::error::{Forbidden, HomeError, Thing};
use crate::limits::REPEATED_COMMENT_MS;
use crate::model::{
    CameFrom, CommentQuery, CommentSort, FeedFilter, FeedQuery, Found, NewComment, NewPost, NewText, Number, PostQuery,
    PostSort, ProfilePatch, SearchKind, SearchQuery, SettingsChange, Votable, Window,
};
use crate::ports::ShowAll;
use crate::quota::{QuotaConfig, Use};
use crate::session::AgentSession;
use std::sync::Arc;
use tidepool_protocol::EnvelopeId;

pub(super) fn new_post(title: &str) -> NewPost {
    NewPost {
        community: "general".to_owned(),
        title: title.to_owned(),
        content: format!("what {title} says"),
        url: None,
        post_type: None,
    }
}

fn answer(content: &str, parent: Option<EnvelopeId>) -> NewComment {
    NewComment { content: content.to_owned(), parent }
}

async fn comment(rig: &Rig, by: &AgentSession, post: EnvelopeId, text: &str, parent: Option<EnvelopeId>) -> EnvelopeId {
    rig.home.create_comment(by, post, answer(text, parent)).await.unwrap().comment.id
}

#[tokio::test]
async fn a_post_is_read_as_it_was_written_with_who_signed_it() {
    let rig = Rig::new().await;
    let registered = rig.register("Coral").await;
    let author = rig.home.authenticate(&registered.api_key).await.unwrap();
    let url = Some("https://example.org/page".to_owned());
    let made = rig.home.create_post(&author, NewPost { url: url.clone(), ..new_post("hello") }).await.unwrap();
    let read = rig.home.post(Some(&author), made.id).await.unwrap();
    assert_eq!(read, made);
    assert_eq!((read.title.as_str(), read.content.as_str(), &read.url), ("hello", "what hello says", &url));
    assert_eq!((read.author.id, read.author.handle.as_str(), read.author.is_local), (author.id, "Coral", true));
    assert_eq!((read.provenance.key, read.provenance.from), (registered.signing_key, CameFrom::Here));
    assert_eq!(read.community.scope.to_string(), "c/general");
    let raw = rig.home.envelope(made.id).await.unwrap();
    let envelope = tidepool_protocol::Envelope::decode(raw.bytes).unwrap();
    assert_eq!(tidepool_protocol::verify(envelope).unwrap().id(), made.id);
}

#[tokio::test]
async fn a_post_out_of_its_limits_is_refused_and_writes_nothing() {
    let rig = Rig::new().await;
    let author = rig.agent("Coral").await;
    let before = rig.store.all().len();
    let long = NewPost { content: "x".repeat(40_001), ..new_post("long") };
    assert!(matches!(rig.home.create_post(&author, long).await, Err(HomeError::Body(_))));
    for title in ["", "   ", "\u{200b}", "\u{2060}", "\u{3164}", "\u{ad}", "\0"] {
        let refused = rig.home.create_post(&author, new_post(title)).await.unwrap_err();
        assert!(matches!(refused, HomeError::Invalid { field: "title", .. }), "{refused}");
    }
    let odd = NewPost { url: Some("javascript:alert(1)".to_owned()), ..new_post("odd") };
    let refused = rig.home.create_post(&author, odd).await.unwrap_err();
    assert!(matches!(refused, HomeError::Invalid { field: "url", .. }), "{refused}");
    let bare = NewPost { post_type: Some(tidepool_protocol::body::PostType::Link), ..new_post("bare") };
    let refused = rig.home.create_post(&author, bare).await.unwrap_err();
    assert!(matches!(refused, HomeError::Invalid { field: "url", .. }), "{refused}");
    let nowhere = NewPost { community: "nowhere".to_owned(), ..new_post("lost") };
    let refused = rig.home.create_post(&author, nowhere).await.unwrap_err();
    assert_eq!(refused, HomeError::NotFound { what: Thing::Community, seen: "nowhere".to_owned() });
    assert_eq!(rig.store.all().len(), before);
}

#[tokio::test]
async fn posting_too_fast_names_the_rule_and_the_numbers() {
    let config = HomeConfig { quota: QuotaConfig::moltbook(), ..HomeConfig::default() };
    let rig = Rig::with(config, Arc::new(ShowAll)).await;
    let author = rig.agent("Coral").await;
    // A post that fails costs nothing.
    let nowhere = NewPost { community: "nowhere".to_owned(), ..new_post("lost") };
    rig.home.create_post(&author, nowhere).await.unwrap_err();
    rig.home.create_post(&author, new_post("first")).await.unwrap();
    let HomeError::Quota(refusal) = rig.home.create_post(&author, new_post("second")).await.unwrap_err() else {
        panic!("a limit");
    };
    assert_eq!((refusal.rule, refusal.limit, refusal.per_s, refusal.new_agent), (Use::Post, 1, 7_200, true));
    rig.clock.forward_ms(7_200_000);
    rig.home.create_post(&author, new_post("second")).await.unwrap();
}

#[tokio::test]
async fn only_its_author_edits_and_deletes_a_post() {
    let rig = Rig::new().await;
    let (author, other) = (rig.agent("author").await, rig.agent("other").await);
    let id = rig.home.create_post(&author, new_post("title")).await.unwrap().id;
    let text = NewText { title: None, content: Some("new text".to_owned()) };
    let forbidden = HomeError::Forbidden { rule: Forbidden::NotTheAuthor };
    assert_eq!(rig.home.edit_post(&other, id, text.clone()).await, Err(forbidden.clone()));
    assert_eq!(rig.home.delete_post(&other, id).await, Err(forbidden));
    let blank = NewText { title: Some(" ".to_owned()), content: None };
    assert!(matches!(rig.home.edit_post(&author, id, blank).await, Err(HomeError::Invalid { field: "title", .. })));
    rig.clock.forward_ms(5_000);
    let edited = rig.home.edit_post(&author, id, text).await.unwrap();
    assert_eq!((edited.title.as_str(), edited.content.as_str()), ("title", "new text"));
    assert_eq!(edited.updated_ms.since_ms(edited.created_ms), 5_000);
    rig.home.delete_post(&author, id).await.unwrap();
    let gone = rig.home.post(None, id).await.unwrap();
    assert!(gone.is_deleted && gone.content.is_empty());
    let twice = HomeError::Deleted { what: Thing::Post, id };
    assert_eq!(rig.home.delete_post(&author, id).await, Err(twice.clone()));
    assert_eq!(rig.home.create_comment(&other, id, answer("late", None)).await, Err(twice));
}

#[tokio::test]
async fn comments_come_as_trees_in_the_order_asked_for() {
    let rig = Rig::new().await;
    let (author, other) = (rig.agent("author").await, rig.agent("other").await);
    let post = rig.home.create_post(&author, new_post("title")).await.unwrap().id;
    let mut roots = Vec::new();
    for number in 0..3 {
        rig.clock.forward_ms(1_000);
        roots.push(comment(&rig, &other, post, &format!("root {number}"), None).await);
    }
    let child = comment(&rig, &author, post, "child", Some(roots[0])).await;
    let grandchild = comment(&rig, &other, post, "grandchild", Some(child)).await;
    let query = |sort, limit| CommentQuery { sort, limit: Some(limit), cursor: None };
    let page = rig.home.comments(None, post, &query(CommentSort::Old, 10)).await.unwrap();
    assert_eq!(page.roots.iter().map(|root| root.id).collect::<Vec<_>>(), roots);
    assert_eq!(page.total, 5);
    let first = &page.roots[0];
    assert_eq!((first.parent, first.depth, first.reply_count), (None, 0, 1));
    assert_eq!((first.replies[0].id, first.replies[0].parent, first.replies[0].depth), (child, Some(roots[0]), 1));
    assert_eq!((first.replies[0].replies[0].id, first.replies[0].replies[0].depth), (grandchild, 2));

    let mut newest = Vec::new();
    let mut cursor = None;
    loop {
        let query = CommentQuery { sort: CommentSort::New, limit: Some(1), cursor };
        let page = rig.home.comments(None, post, &query).await.unwrap();
        newest.extend(page.roots.iter().map(|root| root.id));
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    roots.reverse();
    assert_eq!(newest, roots);
    assert_eq!(rig.home.post(None, post).await.unwrap().comments, 5);
}

#[tokio::test]
async fn a_comment_that_answers_what_is_not_there_is_refused() {
    let rig = Rig::new().await;
    let author = rig.agent("author").await;
    let post = rig.home.create_post(&author, new_post("title")).await.unwrap().id;
    let elsewhere = rig.home.create_post(&author, new_post("other")).await.unwrap().id;
    let stranger = comment(&rig, &author, elsewhere, "elsewhere", None).await;
    for parent in [EnvelopeId([3; 32]), stranger] {
        let refused = rig.home.create_comment(&author, post, answer("text", Some(parent))).await.unwrap_err();
        assert!(matches!(refused, HomeError::NotFound { what: Thing::Comment, .. }), "{refused}");
    }
    let refused = rig.home.create_comment(&author, EnvelopeId([3; 32]), answer("text", None)).await.unwrap_err();
    assert!(matches!(refused, HomeError::NotFound { what: Thing::Post, .. }), "{refused}");
    for content in ["", " \n "] {
        let refused = rig.home.create_comment(&author, post, answer(content, None)).await.unwrap_err();
        assert!(matches!(refused, HomeError::Invalid { field: "content", .. }), "{refused}");
    }
    let long = answer(&"x".repeat(10_001), None);
    assert!(matches!(rig.home.create_comment(&author, post, long).await, Err(HomeError::Body(_))));
}

#[tokio::test]
async fn a_thread_deeper_than_is_shown_is_refused() {
    let rig = Rig::new().await;
    let author = rig.agent("author").await;
    let post = rig.home.create_post(&author, new_post("title")).await.unwrap().id;
    let mut parent = None;
    for depth in 0..=64 {
        parent = Some(comment(&rig, &author, post, &format!("depth {depth}"), parent).await);
    }
    let refused = rig.home.create_comment(&author, post, answer("too deep", parent)).await.unwrap_err();
    assert_eq!(refused, HomeError::Forbidden { rule: Forbidden::TooDeep });
}

#[tokio::test]
async fn a_repeated_comment_is_one_comment() {
    let rig = Rig::new().await;
    let author = rig.agent("author").await;
    let post = rig.home.create_post(&author, new_post("title")).await.unwrap().id;
    let sends = (0..10).map(|_| rig.home.create_comment(&author, post, answer("once", None)));
    let outcomes: Vec<_> = futures::future::join_all(sends).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes.iter().filter(|outcome| !outcome.already_existed).count(), 1);
    assert!(outcomes.iter().all(|outcome| outcome.comment.id == outcomes[0].comment.id));
    let other = rig.agent("other").await;
    assert!(!rig.home.create_comment(&other, post, answer("once", None)).await.unwrap().already_existed);
    rig.clock.forward_ms(REPEATED_COMMENT_MS + 1);
    assert!(!rig.home.create_comment(&author, post, answer("once", None)).await.unwrap().already_existed);
    assert_eq!(rig.home.post(None, post).await.unwrap().comments, 3);
}

#[tokio::test]
async fn a_deleted_comment_leaves_its_answers() {
    let rig = Rig::new().await;
    let (author, other) = (rig.agent("author").await, rig.agent("other").await);
    let post = rig.home.create_post(&author, new_post("title")).await.unwrap().id;
    let root = comment(&rig, &author, post, "root", None).await;
    let child = comment(&rig, &other, post, "child", Some(root)).await;
    let forbidden = HomeError::Forbidden { rule: Forbidden::NotTheAuthor };
    assert_eq!(rig.home.delete_comment(&other, root).await, Err(forbidden));
    rig.home.delete_comment(&author, root).await.unwrap();
    let page = rig.home.comments(None, post, &CommentQuery::default()).await.unwrap();
    assert!(page.roots[0].is_deleted && page.roots[0].content.is_empty());
    assert_eq!(page.roots[0].replies[0].id, child);
}

#[tokio::test]
async fn a_comment_is_edited_by_its_author() {
    let rig = Rig::new().await;
    let author = rig.agent("author").await;
    let post = rig.home.create_post(&author, new_post("title")).await.unwrap().id;
    let id = comment(&rig, &author, post, "first", None).await;
    rig.clock.forward_ms(1_000);
    let edited = rig.home.edit_comment(&author, id, "second".to_owned()).await.unwrap();
    assert_eq!(edited.content, "second");
    let long = rig.home.edit_comment(&author, id, "x".repeat(10_001)).await;
    assert!(matches!(long, Err(HomeError::Body(_))));
}

#[tokio::test]
async fn a_follow_counts_for_both_and_is_said_once() {
    let rig = Rig::new().await;
    let (fan, star) = (rig.agent("fan").await, rig.agent("Star").await);
    let first = rig.home.follow(&fan, "star").await.unwrap();
    assert_eq!((first.target.id, first.follows, first.changed, first.target.followers), (star.id, true, true, 1));
    let written = rig.store.all().len();
    let again = rig.home.follow(&fan, "Star").await.unwrap();
    assert!(again.follows && !again.changed);
    assert_eq!(rig.store.all().len(), written);
    assert_eq!(rig.home.me(&fan).await.unwrap().following, 1);
    assert!(rig.home.profile(Some(&fan), "Star").await.unwrap().agent.you_follow);
    let ended = rig.home.unfollow(&fan, "Star").await.unwrap();
    assert_eq!((ended.follows, ended.changed, ended.target.followers), (false, true, 0));
    assert!(!rig.home.unfollow(&fan, "Star").await.unwrap().changed);
    let refused = rig.home.follow(&fan, "fan").await.unwrap_err();
    assert_eq!(refused, HomeError::Forbidden { rule: Forbidden::SelfFollow });
}

#[tokio::test]
async fn feeds_take_what_is_followed_or_everything() {
    let rig = Rig::new().await;
    let (reader, one, two) = (rig.agent("reader").await, rig.agent("one-agent").await, rig.agent("two-agent").await);
    let first = rig.home.create_post(&one, new_post("first")).await.unwrap().id;
    rig.clock.forward_ms(1_000);
    let second = rig.home.create_post(&two, new_post("second")).await.unwrap().id;
    rig.home.follow(&reader, "one-agent").await.unwrap();
    let ids = async |filter| {
        let query = FeedQuery { filter, sort: PostSort::New, ..FeedQuery::default() };
        let page = rig.home.feed(&reader, &query).await.unwrap();
        page.items.into_iter().map(|post| post.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(FeedFilter::All).await, [second, first]);
    assert_eq!(ids(FeedFilter::Following).await, [first]);
    rig.home.subscribe(&reader, "general").await.unwrap();
    assert_eq!(ids(FeedFilter::Subscribed).await, [second, first]);
    // What a followed agent says elsewhere is in the feed of both, and in none of subscriptions.
    let elsewhere = NewPost { community: "introductions".to_owned(), ..new_post("elsewhere") };
    rig.clock.forward_ms(1_000);
    let third = rig.home.create_post(&one, elsewhere).await.unwrap().id;
    assert_eq!(ids(FeedFilter::Subscribed).await, [second, first]);
    assert_eq!(ids(FeedFilter::Home).await, [third, second, first]);
    assert_eq!(ids(FeedFilter::Following).await, [third, first]);
    let both = |community: &str| PostQuery {
        author: Some("one-agent".to_owned()),
        community: Some(community.to_owned()),
        ..PostQuery::default()
    };
    for (community, id) in [("general", first), ("introductions", third)] {
        let page = rig.home.posts(None, &both(community)).await.unwrap();
        assert_eq!(page.items.iter().map(|post| post.id).collect::<Vec<_>>(), [id], "{community}");
    }
}

#[tokio::test]
async fn pages_of_every_sort_give_every_post_once() {
    let rig = Rig::new().await;
    let author = rig.agent("author").await;
    for number in 0..25 {
        rig.clock.forward_ms(1_000);
        rig.home.create_post(&author, new_post(&format!("number {number}"))).await.unwrap();
    }
    for sort in [PostSort::Hot, PostSort::New, PostSort::Top, PostSort::Rising, PostSort::Best] {
        for community in [None, Some("general".to_owned())] {
            let mut titles = Vec::new();
            let mut cursor = None;
            loop {
                let query =
                    PostQuery { sort, community: community.clone(), cursor, limit: Some(7), ..Default::default() };
                let page = rig.home.posts(None, &query).await.unwrap();
                titles.extend(page.items.into_iter().map(|post| post.title));
                match page.next {
                    Some(next) => cursor = Some(next),
                    None => break,
                }
            }
            titles.sort();
            titles.dedup();
            assert_eq!(titles.len(), 25, "{sort:?}");
        }
    }
    let by = |author: &str, offset| PostQuery {
        sort: PostSort::New,
        author: Some(author.to_owned()),
        offset,
        limit: Some(5),
        ..Default::default()
    };
    let page = rig.home.posts(None, &by("author", 20)).await.unwrap();
    assert_eq!(
        page.items.iter().map(|post| post.title.as_str()).collect::<Vec<_>>(),
        ["number 4", "number 3", "number 2", "number 1", "number 0"]
    );
    assert!(rig.home.posts(None, &by("author", 30)).await.unwrap().items.is_empty());
    assert!(matches!(rig.home.posts(None, &by("author", 1_001)).await, Err(HomeError::Invalid { .. })));
    assert!(matches!(rig.home.posts(None, &by("nobody", 0)).await, Err(HomeError::NotFound { .. })));
}

#[tokio::test]
async fn a_cursor_that_no_page_gave_is_refused() {
    let rig = Rig::new().await;
    let query = PostQuery { cursor: Some("!".to_owned()), ..Default::default() };
    let refused = rig.home.posts(None, &query).await.unwrap_err();
    assert!(matches!(refused, HomeError::Invalid { field: "cursor", .. }), "{refused}");
}

#[tokio::test]
async fn a_profile_is_changed_field_by_field() {
    let rig = Rig::new().await;
    let agent = rig.agent("Coral").await;
    assert_eq!(rig.home.me(&agent).await.unwrap().description, "Coral describes itself");
    let patch = ProfilePatch {
        metadata: Some("{\"model\":\"a\"}".to_owned()),
        display_name: Some("Coral the First".to_owned()),
        description: None,
    };
    let changed = rig.home.update_profile(&agent, patch).await.unwrap();
    assert_eq!(changed.display_name, "Coral the First");
    assert_eq!(changed.description, "Coral describes itself");
    assert_eq!(changed.metadata.as_deref(), Some("{\"model\":\"a\"}"));
    assert_eq!(changed.claimed, Some(false));
    let bad = ProfilePatch { metadata: Some("{".to_owned()), ..ProfilePatch::default() };
    let refused = rig.home.update_profile(&agent, bad).await.unwrap_err();
    assert!(matches!(refused, HomeError::Invalid { field: "metadata", .. }), "{refused}");
}

#[tokio::test]
async fn a_search_finds_posts_comments_and_agents_without_regard_to_case() {
    let rig = Rig::new().await;
    let agent = rig.agent("LobsterFan").await;
    let post = rig.home.create_post(&agent, new_post("About Lobsters")).await.unwrap().id;
    comment(&rig, &agent, post, "a lObStEr comment", None).await;
    comment(&rig, &agent, post, "another thing", None).await;
    let find = async |kind| {
        let query = SearchQuery { text: "lobster".to_owned(), kind, ..SearchQuery::default() };
        rig.home.search(None, &query).await.unwrap().items
    };
    assert_eq!(find(SearchKind::Posts).await.len(), 1);
    let comments = find(SearchKind::Comments).await;
    let [Found::Comment { comment, post_title, .. }] = comments.as_slice() else { panic!("{comments:?}") };
    assert_eq!((comment.content.as_str(), post_title.as_str()), ("a lObStEr comment", "About Lobsters"));
    let agents = find(SearchKind::Agents).await;
    assert!(matches!(agents.as_slice(), [Found::Agent(found)] if found.author.id == agent.id), "{agents:?}");
    assert_eq!(find(SearchKind::All).await.len(), 3);
}

#[tokio::test]
async fn pages_of_a_search_give_every_find_once() {
    let rig = Rig::new().await;
    let agent = rig.agent("searcher").await;
    for number in 0..23 {
        rig.clock.forward_ms(10);
        rig.home.create_post(&agent, new_post(&format!("needle {number}"))).await.unwrap();
    }
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let query = SearchQuery { text: "NEEDLE".to_owned(), limit: Some(5), cursor, ..SearchQuery::default() };
        let page = rig.home.search(None, &query).await.unwrap();
        for item in page.items {
            let Found::Post(post) = item else { panic!("posts only") };
            found.push(post.title);
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let expected: Vec<_> = (0..23).rev().map(|number| format!("needle {number}")).collect();
    assert_eq!(found, expected);
    for text in ["", "  ", &"x".repeat(501)] {
        let query = SearchQuery { text: text.to_owned(), ..SearchQuery::default() };
        assert!(matches!(rig.home.search(None, &query).await, Err(HomeError::Invalid { field: "q", .. })));
    }
}

#[tokio::test]
async fn an_explanation_gives_what_the_formula_gives() {
    let rig = Rig::new().await;
    let (author, voter) = (rig.agent("author").await, rig.agent("voter").await);
    let post = rig.home.create_post(&author, new_post("title")).await.unwrap();
    rig.home.vote(&voter, Votable::Post, post.id, crate::model::Direction::Up).await.unwrap();
    let explained = rig.home.explain(post.id, PostSort::Hot, Window::All).await.unwrap();
    #[allow(clippy::cast_precision_loss)]
    let value = |number: Number| match number {
        Number::Whole(number) => number as f64,
        Number::Fraction(number) => number,
    };
    let of = |numbers: &[(String, Number)], name: &str| numbers.iter().find(|(known, _)| known == name).unwrap().1;
    assert!(matches!(of(&explained.inputs, "time_ms"), Number::Whole(_)));
    let input = |name: &str| value(of(&explained.inputs, name));
    let score: f64 = input("up") - input("down");
    let expected = score.abs().max(1.0).log10() * score.signum() + input("time_ms") / 1000.0 / 45_000.0;
    let result = value(explained.result);
    assert!((result - expected).abs() < 1e-6, "{result} is not {expected}");
    let term = |name: &str| value(of(&explained.terms, name));
    assert!((result - term("votes") - term("age")).abs() < 1e-6);
    assert!(explained.steps.iter().any(|step| step.starts_with("age = time_ms / 45000000 = ")));
    assert_eq!((explained.formula.as_str(), explained.version), ("hot", 1));
}

#[tokio::test]
async fn the_summary_shows_what_waits() {
    let rig = Rig::new().await;
    let (agent, other) = (rig.agent("agent").await, rig.agent("other").await);
    let own = rig.home.create_post(&agent, new_post("own")).await.unwrap().id;
    let seen = rig.home.create_post(&other, new_post("seen")).await.unwrap().id;
    comment(&rig, &other, own, "hello", None).await;
    let news = NewPost { community: "announcements".to_owned(), ..new_post("news") };
    let news = rig.home.create_post(&other, news).await.unwrap().id;
    rig.home.follow(&agent, "other").await.unwrap();
    let summary = rig.home.summary(&agent).await.unwrap();
    assert_eq!(summary.announcement.unwrap().id, news);
    assert!(summary.from_followed.iter().any(|post| post.id == seen));
    assert_eq!(summary.own_posts.iter().map(|own| own.post.id).collect::<Vec<_>>(), [own]);
    let commenters = &summary.own_posts[0].commenters;
    assert_eq!(commenters.iter().map(|who| who.handle.as_str()).collect::<Vec<_>>(), ["other"]);
}

#[tokio::test]
async fn control_characters_are_not_signed_and_titles_have_one_line() {
    let rig = Rig::new().await;
    let agent = rig.agent("bell").await;
    let before = rig.store.all().len();
    for (title, content, code) in [("a\0b", "", 0), ("fine", "\u{1b}[2J", 0x1b), ("fine", "a\u{85}", 0x85)] {
        let post = NewPost { title: title.to_owned(), content: content.to_owned(), ..new_post("") };
        assert_eq!(rig.home.create_post(&agent, post).await.unwrap_err(), HomeError::Control { code });
    }
    let lines = NewPost { title: "one\ntwo".to_owned(), ..new_post("") };
    assert!(matches!(rig.home.create_post(&agent, lines).await, Err(HomeError::Invalid { field: "title", .. })));
    let linked = NewPost { url: Some("https://example.org/\nx".to_owned()), ..new_post("fine") };
    assert!(matches!(rig.home.create_post(&agent, linked).await, Err(HomeError::Invalid { field: "url", .. })));
    let change = SettingsChange { display_name: Some("one\ntwo".to_owned()), ..SettingsChange::default() };
    let changed = rig.home.change_settings(&agent, "general", change).await;
    assert!(matches!(changed, Err(HomeError::Invalid { field: "display_name", .. })));
    let named = ProfilePatch { display_name: Some("one\ttwo".to_owned()), ..ProfilePatch::default() };
    assert!(matches!(
        rig.home.update_profile(&agent, named).await,
        Err(HomeError::Invalid { field: "display_name", .. })
    ));
    let told = ProfilePatch { description: Some("\u{7}".to_owned()), ..ProfilePatch::default() };
    assert_eq!(rig.home.update_profile(&agent, told).await.unwrap_err(), HomeError::Control { code: 7 });
    assert_eq!(rig.store.all().len(), before, "nothing was signed");
    let post = NewPost { content: "one\r\n\ttwo".to_owned(), ..new_post("fine") };
    rig.home.create_post(&agent, post).await.unwrap();
}

#[tokio::test]
async fn a_secret_is_not_signed_unless_its_agent_means_it() {
    let rig = Rig::new().await;
    let agent = rig.agent("careless").await;
    let key = format!("moltbook_sk_{}", "a1b2c3d4".repeat(6));
    let leaky = || NewPost { content: format!("use {key} for now"), ..new_post("how to call me") };
    let before = rig.store.all().len();
    let sort = "an API key or claim token of an agent";
    assert_eq!(rig.home.create_post(&agent, leaky()).await.unwrap_err(), HomeError::Secret { sort });
    assert!(!HomeError::Secret { sort }.to_string().contains(&key));
    let titled = NewPost { title: key.clone(), ..new_post("") };
    assert!(matches!(rig.home.create_post(&agent, titled).await, Err(HomeError::Secret { .. })));
    let post = rig.home.create_post(&agent, new_post("fine")).await.unwrap().id;
    let comment = NewComment { content: key.clone(), parent: None };
    assert!(matches!(rig.home.create_comment(&agent, post, comment).await, Err(HomeError::Secret { .. })));
    let text = NewText { title: None, content: Some(key.clone()) };
    assert!(matches!(rig.home.edit_post(&agent, post, text).await, Err(HomeError::Secret { .. })));
    let patch = ProfilePatch { metadata: Some(format!("{{\"token\": \"{key}\"}}")), ..ProfilePatch::default() };
    assert!(matches!(rig.home.update_profile(&agent, patch).await, Err(HomeError::Secret { .. })));
    assert_eq!(rig.store.all().len(), before + 1, "nothing but the good post was signed");
    let means_it = crate::AgentSession { may_say_secrets: true, ..agent.clone() };
    rig.home.create_post(&means_it, leaky()).await.unwrap();
}
