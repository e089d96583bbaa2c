//! What a node of some shards says on every answer: which it holds. A list without it would look as if it were of all.

use crate::App;
use axum::extract::{Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// The header's name.
const SHARDS: &str = "x-tidepool-shards";

/// Adds `x-tidepool-shards: 1, 6 of 16` where the node does not hold all; an archive adds nothing.
pub(crate) async fn held(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    match app.home.held().await {
        Ok(Some(held)) => {
            let numbers: Vec<String> = held.iter().map(|shard| shard.0.to_string()).collect();
            let text = format!("{} of {}", numbers.join(", "), app.home.shard_count());
            if let Ok(value) = HeaderValue::from_str(&text) {
                response.headers_mut().insert(SHARDS, value);
            }
        }
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "what is held cannot be read"),
    }
    response
}
