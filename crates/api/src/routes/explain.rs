//! Why a post or comment stands where it stands: formula, numbers, steps and ties, enough to compute it again.

use crate::App;
use crate::answer::ok;
use crate::error::ApiError;
use crate::extract::Query;
use crate::ids::envelope_id;
use crate::layers::Caller;
use crate::params::{ListParams, comment_sort_word, post_sort_word};
use crate::shapes::Text;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::Arc;
use tidepool_home::{Explanation, Number};
use tidepool_protocol::{EnvelopeId, NodeId};

#[derive(Debug, Serialize)]
struct ExplainAnswer<'a> {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_id: Option<Text<EnvelopeId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment_id: Option<Text<EnvelopeId>>,
    sort: &'static str,
    formula: &'a str,
    version: u32,
    text: &'a str,
    inputs: BTreeMap<&'a str, NumberJson>,
    terms: BTreeMap<&'a str, NumberJson>,
    steps: &'a [String],
    result: NumberJson,
    exact: &'a str,
    ties: Vec<TieJson<'a>>,
    /// Which items are ranked at all; null when all are.
    window: Option<&'a str>,
    /// The node that computed it, from the envelopes that it holds.
    computed_by: Text<NodeId>,
}

#[derive(Debug, Serialize)]
struct TieJson<'a> {
    rule: &'a str,
    value: &'a str,
}

#[derive(Clone, Copy, Debug)]
struct NumberJson(Number);

impl Serialize for NumberJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Number::Whole(number) => serializer.serialize_i64(number),
            Number::Fraction(number) => serializer.serialize_f64(number),
        }
    }
}

fn named(numbers: &[(String, Number)]) -> BTreeMap<&str, NumberJson> {
    numbers.iter().map(|(name, number)| (name.as_str(), NumberJson(*number))).collect()
}

impl<'a> ExplainAnswer<'a> {
    fn of(explained: &'a Explanation, sort: &'static str) -> Self {
        Self {
            success: true,
            post_id: None,
            comment_id: None,
            sort,
            formula: &explained.formula,
            version: explained.version,
            text: &explained.text,
            inputs: named(&explained.inputs),
            terms: named(&explained.terms),
            steps: &explained.steps,
            result: NumberJson(explained.result),
            exact: &explained.exact,
            ties: explained.ties.iter().map(|(rule, value)| TieJson { rule, value }).collect(),
            window: Some(explained.window.as_str()).filter(|window| !window.is_empty()),
            computed_by: Text(explained.home),
        }
    }
}

/// `GET /posts/{id}/explain`
pub(crate) async fn post(
    State(app): State<Arc<App>>,
    _key: Option<Caller>,
    Path(id): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    let (sort, window) = (params.post_sort()?, params.window()?);
    let explained = app.home.explain(envelope_id("post", &id)?, sort, window).await?;
    let answer = ExplainAnswer::of(&explained, post_sort_word(sort));
    Ok(ok(&ExplainAnswer { post_id: Some(Text(explained.id)), ..answer }))
}

/// `GET /comments/{id}/explain`
pub(crate) async fn comment(
    State(app): State<Arc<App>>,
    _key: Option<Caller>,
    Path(id): Path<String>,
    Query(params): Query<ListParams>,
) -> Result<Response, ApiError> {
    let sort = params.comment_sort()?;
    let explained = app.home.explain_comment(envelope_id("comment", &id)?, sort).await?;
    let answer = ExplainAnswer::of(&explained, comment_sort_word(sort));
    Ok(ok(&ExplainAnswer { comment_id: Some(Text(explained.id)), ..answer }))
}
