//! The library of the crate `moltbook-cli`, which none of us wrote, against three nodes: `moltbook-client-test FIRST SECOND
//! CHALLENGING`, the base URLs of their APIs. It writes on the first and reads on the second, by the very functions that its
//! commands call; the third asks new agents for an answer before it publishes. Its types are strict: an answer that lacks a field, or has one of another type, is an error here.

use moltbook_cli::api::client::MoltbookClient;
use moltbook_cli::api::error::ApiError;
use moltbook_cli::api::types::{
    Agent, FeedResponse, HomeResponse, NotificationsResponse, Post, PostResponse, RegistrationResponse, SearchResponse,
    StatusResponse, Submolt, SubmoltFeedResponse, SubmoltResponse,
};
use moltbook_cli::cli::{account, notification, post, submolt};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What one node says is shown on the other within this.
const ARRIVES: Duration = Duration::from_secs(20);

type Done<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn refused(error: ApiError) -> Box<dyn std::error::Error> {
    format!("{error:?}").into()
}

/// An agent at home at `base`.
async fn register(base: &str, name: &str) -> Done<MoltbookClient> {
    let api = format!("{base}/api/v1");
    let nobody = MoltbookClient::new(String::new(), String::new(), false).with_base_url(api.clone());
    let body = json!({ "name": name, "description": "tries a strict client" });
    let answer: RegistrationResponse = nobody.post_unauth("/agents/register", &body).await.map_err(refused)?;
    let agent = answer.agent;
    assert!(answer.success && agent.name == name && agent.claim_url.contains("/claim/"), "{agent:?}");
    Ok(MoltbookClient::new(agent.api_key, agent.name, false).with_base_url(api))
}

/// Asks until `holds`, as one waits for what comes from another node.
async fn until<T, F>(what: &str, client: &MoltbookClient, path: &str, holds: F) -> Done<T>
where
    T: serde::de::DeserializeOwned,
    F: Fn(&T) -> bool,
{
    let began = Instant::now();
    loop {
        let last = match client.get::<T>(path).await {
            Ok(answer) if holds(&answer) => return Ok(answer),
            Ok(_) => "an answer without it".to_owned(),
            Err(error) => format!("{error:?}"),
        };
        if began.elapsed() > ARRIVES {
            return Err(format!("{what}: {path} did not come to show it; at last: {last}").into());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn one_post(answer: Value) -> Done<Post> {
    Ok(serde_json::from_value(answer.get("post").cloned().unwrap_or(answer))?)
}

/// Its account, its profile, what it is shown first.
async fn begins(ada: &MoltbookClient) -> Done {
    account::view_my_profile(ada).await.map_err(refused)?;
    account::status(ada).await.map_err(refused)?;
    account::home(ada).await.map_err(refused)?;
    account::heartbeat(ada).await.map_err(refused)?;
    account::update_profile(ada, "reads and writes").await.map_err(refused)?;
    let me: Value = ada.get("/agents/me").await.map_err(refused)?;
    let me: Agent = serde_json::from_value(me.get("agent").cloned().unwrap_or(me))?;
    assert_eq!(me.description.as_deref(), Some("reads and writes"));
    let status: StatusResponse = ada.get("/agents/status").await.map_err(refused)?;
    assert!(status.status.is_some(), "{status:?}");
    let home: HomeResponse = ada.get("/home").await.map_err(refused)?;
    assert_eq!(home.your_account.map(|account| account.name).as_deref(), Some(ada.agent_name.as_str()));
    Ok(())
}

/// A community of its own, with settings and a moderator.
async fn founds(ada: &MoltbookClient, name: &str) -> Done {
    submolt::create_submolt(ada, name, "Strict Pool", Some("for strict clients".to_owned()), false)
        .await
        .map_err(refused)?;
    submolt::list_submolts(ada, "new", 25).await.map_err(refused)?;
    submolt::submolt_info(ada, name).await.map_err(refused)?;
    let info: SubmoltResponse = ada.get(&format!("/submolts/{name}")).await.map_err(refused)?;
    assert_eq!((info.submolt.display_name.as_str(), info.your_role.as_deref()), ("Strict Pool", Some("owner")));
    submolt::update_settings(ada, name, Some("told anew".to_owned()), None, Some("#123456".to_owned()))
        .await
        .map_err(refused)?;
    let info: SubmoltResponse = ada.get(&format!("/submolts/{name}")).await.map_err(refused)?;
    assert_eq!(info.submolt.description.as_deref(), Some("told anew"));
    submolt::unsubscribe(ada, name).await.map_err(refused)?;
    submolt::subscribe(ada, name).await.map_err(refused)?;
    submolt::list_moderators(ada, name).await.map_err(refused)
}

/// Posts of two sorts; the ids.
async fn posts(ada: &MoltbookClient, name: &str) -> Done<(String, String)> {
    let text = json!({ "submolt_name": name, "title": "Strict tides", "content": "types that must parse" });
    let text: PostResponse = ada.post("/posts", &text).await.map_err(refused)?;
    let link = json!({ "submolt_name": name, "title": "A link", "url": "https://example.org/tide" });
    let link: PostResponse = ada.post("/posts", &link).await.map_err(refused)?;
    let id = |answer: PostResponse| answer.post.map(|post| post.id).ok_or("a post that was made is not in the answer");
    let (text, link) = (id(text)?, id(link)?);
    post::view_post(ada, &text).await.map_err(refused)?;
    let pinned = async |wanted: bool| -> Done {
        let shown = one_post(ada.get(&format!("/posts/{text}")).await.map_err(refused)?)?;
        assert_eq!(shown.is_pinned, Some(wanted));
        Ok(())
    };
    submolt::pin_post(ada, &text).await.map_err(refused)?;
    pinned(true).await?;
    submolt::unpin_post(ada, &text).await.map_err(refused)?;
    pinned(false).await?;
    Ok((text, link))
}

/// What the other node shows of it, and what an agent there does about it.
async fn reads_there(bob: &MoltbookClient, ada: &str, name: &str, text: &str) -> Done {
    until::<Value, _>("the post", bob, &format!("/posts/{text}"), |answer| !answer.is_null()).await?;
    until::<SubmoltFeedResponse, _>("the community's feed", bob, &format!("/submolts/{name}/feed?sort=new"), |feed| {
        feed.posts.len() == 2
    })
    .await?;
    post::view_post(bob, text).await.map_err(refused)?;
    submolt::view_submolt(bob, name, "hot", 10, None).await.map_err(refused)?;
    submolt::submolt_info(bob, name).await.map_err(refused)?;
    for sort in ["hot", "new", "top", "rising"] {
        post::global_feed(bob, sort, 10, None).await.map_err(refused)?;
        post::agent_posts(bob, ada, sort, 10, None).await.map_err(refused)?;
        post::feed(bob, sort, 10, "all", None).await.map_err(refused)?;
    }
    account::view_agent_profile(bob, ada).await.map_err(refused)?;
    account::follow(bob, ada).await.map_err(refused)?;
    let followed = format!("/posts?author={ada}&sort=new");
    let feed = until::<FeedResponse, _>("the followed author", bob, &followed, |feed| {
        feed.posts.iter().all(|post| post.you_follow_author == Some(true)) && feed.posts.len() == 2
    })
    .await?;
    assert!(feed.success);
    post::feed(bob, "new", 10, "following", None).await.map_err(refused)?;
    submolt::subscribe(bob, name).await.map_err(refused)?;
    post::upvote_post(bob, text).await.map_err(refused)?;
    post::create_comment(bob, text, Some("seen there".to_owned()), None, None).await.map_err(refused)?;
    post::comments(bob, text, "new", 25, None).await.map_err(refused)?;
    post::search(bob, "Strict tides", "posts", 10, None).await.map_err(refused)?;
    let found: SearchResponse = bob.get("/search?q=Strict%20tides&type=posts&limit=10").await.map_err(refused)?;
    assert!(found.results.iter().any(|result| result.id == text), "{found:?}");
    post::report_post(bob, text, Some("only a trial".to_owned())).await.map_err(refused)
}

/// What its own node tells of what happened there.
async fn hears_back(ada: &MoltbookClient, bob: &str, name: &str, text: &str) -> Done {
    let shown = until::<Value, _>("the vote and the comment", ada, &format!("/posts/{text}"), |answer| {
        let post = answer.get("post").unwrap_or(answer);
        post["upvotes"] == 1 && post["comment_count"] == 1
    })
    .await?;
    assert_eq!(one_post(shown)?.score, Some(1));
    let comments: Value = ada.get(&format!("/posts/{text}/comments?sort=new")).await.map_err(refused)?;
    let comment = comments["comments"][0]["id"].as_str().ok_or("a comment without an id")?.to_owned();
    post::upvote_comment(ada, &comment).await.map_err(refused)?;
    post::create_comment(ada, text, Some("heard".to_owned()), None, Some(comment)).await.map_err(refused)?;
    let told = until::<NotificationsResponse, _>("the notification", ada, "/notifications?limit=20", |answer| {
        answer.notifications.as_ref().is_some_and(|all| all.iter().any(|one| one.post_id.as_deref() == Some(text)))
    })
    .await?;
    assert!(told.unread_count.is_some_and(|count| count > 0), "{told:?}");
    notification::list(ada, 20, None, true).await.map_err(refused)?;
    notification::read_by_post(ada, text).await.map_err(refused)?;
    notification::read_all(ada).await.map_err(refused)?;
    let told: NotificationsResponse = ada.get("/notifications?limit=20").await.map_err(refused)?;
    assert_eq!(told.unread_count, Some(0));
    account::home(ada).await.map_err(refused)?;
    submolt::add_moderator(ada, name, bob, "moderator").await.map_err(refused)?;
    let named = async |wanted: bool| -> Done {
        let all: Value = ada.get(&format!("/submolts/{name}/moderators")).await.map_err(refused)?;
        assert_eq!(all.to_string().contains(bob), wanted, "{all}");
        Ok(())
    };
    named(true).await?;
    submolt::remove_moderator(ada, name, bob).await.map_err(refused)?;
    named(false).await
}

/// What goes away, and what is refused.
async fn ends(ada: &MoltbookClient, bob: &MoltbookClient, (text, link): (&str, &str)) -> Done {
    post::downvote_post(bob, link).await.map_err(refused)?;
    account::unfollow(bob, &ada.agent_name).await.map_err(refused)?;
    post::delete_post(ada, link).await.map_err(refused)?;
    let gone = one_post(ada.get(&format!("/posts/{link}")).await.map_err(refused)?)?;
    assert_eq!((gone.is_deleted, gone.content.as_deref()), (Some(true), Some("")));
    // Errors are what this client shows its user: a text and a hint.
    for (path, what) in [("/posts/nothing", "an unknown post"), ("/submolts/nopool", "an unknown community")] {
        match ada.get::<Value>(path).await {
            Err(ApiError::MoltbookError(error, hint)) => {
                assert!(!error.is_empty() && !hint.is_empty(), "{error}: {hint}")
            }
            other => return Err(format!("{what} is answered with {other:?}").into()),
        }
    }
    match bob.delete::<Value>(&format!("/posts/{text}")).await {
        Err(ApiError::MoltbookError(..)) => Ok(()),
        other => Err(format!("another's post is deleted with {other:?}").into()),
    }
}

/// What a node asks of a new agent before it publishes.
async fn is_challenged(cid: &MoltbookClient) -> Done {
    let text = json!({ "submolt_name": "general", "title": "Not yet", "content": "waits for an answer" });
    let waits: PostResponse = cid.post("/posts", &text).await.map_err(refused)?;
    let challenge = waits.verification.ok_or("no challenge where one was to be")?;
    assert_eq!(waits.verification_required, Some(true));
    assert!(!challenge.code.is_empty() && !challenge.challenge.is_empty() && !challenge.instructions.is_empty());
    let body = json!({ "verification_code": challenge.code, "answer": "-1.00" });
    match cid.post::<Value>("/verify", &body).await {
        Err(ApiError::MoltbookError(error, hint)) => assert!(!error.is_empty() && !hint.is_empty(), "{error}: {hint}"),
        other => return Err(format!("a wrong answer is answered with {other:?}").into()),
    }
    let feed: FeedResponse = cid.get("/posts?sort=new").await.map_err(refused)?;
    assert!(feed.posts.iter().all(|post| post.title != "Not yet"), "{:?}", feed.posts);
    Ok(())
}

#[tokio::main]
async fn main() -> Done {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [first, second, challenging] = arguments.as_slice() else {
        return Err("usage: moltbook-client-test FIRST SECOND CHALLENGING".into());
    };
    let ada = register(first, "strict_ada").await?;
    let bob = register(second, "strict_bob").await?;
    begins(&ada).await?;
    founds(&ada, "strictpool").await?;
    let all: Value = ada.get("/submolts?limit=25").await.map_err(refused)?;
    let all: Vec<Submolt> = serde_json::from_value(all["submolts"].clone())?;
    assert!(all.iter().any(|submolt| submolt.name == "strictpool"));
    let (text, link) = posts(&ada, "strictpool").await?;
    reads_there(&bob, &ada.agent_name, "strictpool", &text).await?;
    hears_back(&ada, &bob.agent_name, "strictpool", &text).await?;
    ends(&ada, &bob, (&text, &link)).await?;
    is_challenged(&register(challenging, "strict_cid").await?).await?;
    println!("moltbook-cli: every answer parsed");
    Ok(())
}
