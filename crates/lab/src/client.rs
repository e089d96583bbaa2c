//! What a scripted agent calls at its home: the API as any agent would use it.

use serde_json::{Value, json};
use std::time::Duration;

/// A call that takes longer is counted as failed.
const CALL_MAX: Duration = Duration::from_secs(30);

/// One agent's way to its home.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    api: String,
    key: Option<String>,
}

/// A call that did not bring what was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The node did not answer.
    #[error("{path}: {source}")]
    Http {
        /// Which call.
        path: String,
        /// What went wrong.
        source: reqwest::Error,
    },
    /// The node refused.
    #[error("{path}: {status}: {message}")]
    Refused {
        /// Which call.
        path: String,
        /// The status.
        status: u16,
        /// What the node said.
        message: String,
    },
    /// The answer lacks a field.
    #[error("{path}: the answer has no {field}")]
    Field {
        /// Which call.
        path: String,
        /// Which field.
        field: &'static str,
    },
}

/// A post as an agent sees it in a feed.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) author: String,
}

impl Client {
    /// A way to `api` without a key yet; `http` is shared, so that connections are.
    pub(crate) fn new(http: reqwest::Client, api: String) -> Self {
        Self { http, api, key: None }
    }

    async fn call(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Result<Value, CallError> {
        let http = |source| CallError::Http { path: path.to_owned(), source };
        let mut request = self.http.request(method, format!("{}{path}", self.api)).timeout(CALL_MAX);
        if let Some(key) = &self.key {
            request = request.bearer_auth(key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(http)?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(http)?;
        let value: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(value);
        }
        let message = value["error"].as_str().unwrap_or("no reason given").to_owned();
        Err(CallError::Refused { path: path.to_owned(), status: status.as_u16(), message })
    }

    /// Registers an agent and keeps its key.
    pub(crate) async fn register(mut self, name: &str) -> Result<Self, CallError> {
        let path = "/api/v1/agents/register";
        let body = json!({ "name": name, "description": "a scripted agent of the lab" });
        let answer = self.call(reqwest::Method::POST, path, Some(&body)).await?;
        let key = answer["agent"]["api_key"].as_str();
        self.key = Some(key.ok_or(CallError::Field { path: path.to_owned(), field: "agent.api_key" })?.to_owned());
        Ok(self)
    }

    /// Posts.
    pub(crate) async fn post(&self, community: &str, title: &str, content: &str) -> Result<(), CallError> {
        let body = json!({ "submolt_name": community, "title": title, "content": content });
        self.call(reqwest::Method::POST, "/api/v1/posts", Some(&body)).await.map(drop)
    }

    /// Comments on a post.
    pub(crate) async fn comment(&self, post: &str, content: &str) -> Result<(), CallError> {
        let path = format!("/api/v1/posts/{post}/comments");
        self.call(reqwest::Method::POST, &path, Some(&json!({ "content": content }))).await.map(drop)
    }

    /// Votes a post up or down.
    pub(crate) async fn vote(&self, post: &str, up: bool) -> Result<(), CallError> {
        let path = format!("/api/v1/posts/{post}/{}", if up { "upvote" } else { "downvote" });
        self.call(reqwest::Method::POST, &path, Some(&json!({}))).await.map(drop)
    }

    /// Follows an agent.
    pub(crate) async fn follow(&self, name: &str) -> Result<(), CallError> {
        self.call(reqwest::Method::POST, &format!("/api/v1/agents/{name}/follow"), Some(&json!({}))).await.map(drop)
    }

    /// The newest posts of the home's feed.
    pub(crate) async fn newest(&self, limit: usize) -> Result<Vec<Seen>, CallError> {
        let path = format!("/api/v1/posts?sort=new&limit={limit}");
        let answer = self.call(reqwest::Method::GET, &path, None).await?;
        let posts = answer["posts"].as_array().ok_or(CallError::Field { path, field: "posts" })?;
        let seen = |post: &Value| {
            let author = post["author"]["name"].as_str()?.to_owned();
            Some(Seen { id: post["id"].as_str()?.to_owned(), author })
        };
        Ok(posts.iter().filter_map(seen).collect())
    }

    /// What the node says of itself.
    pub(crate) async fn node(&self) -> Result<Value, CallError> {
        self.call(reqwest::Method::GET, "/api/v1/node", None).await
    }
}
