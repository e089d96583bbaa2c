//! Why a post or comment stands where it does. The views explain; here it is only put into words of this room.

use super::comments::comment_sort_of;
use super::lists::sort_of;
use crate::error::{HomeError, Thing};
use crate::home::{Home, Inner};
use crate::model::{CommentSort, Explanation, Number, PostSort, Window};
use tidepool_protocol::EnvelopeId;
use tidepool_views::explain::{self, Term};
use tidepool_views::rank;

impl Home {
    /// Why a post stands where it does in a list of this order; `window` is how far back [`PostSort::Top`] looks.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] or [`HomeError::Hidden`].
    pub async fn explain(&self, id: EnvelopeId, sort: PostSort, window: Window) -> Result<Explanation, HomeError> {
        let now = self.now();
        let sort = sort_of(sort, window);
        self.read(move |inner| {
            inner.check_shown(&id)?;
            let explained = explain::post(inner.reader(), &id, sort, now)?;
            explained.map(|explained| shown(inner, id, explained)).ok_or_else(|| unknown(Thing::Post, id))
        })
        .await
    }

    /// Why a comment stands where it does among its siblings.
    ///
    /// # Errors
    /// [`HomeError::NotFound`] or [`HomeError::Hidden`].
    pub async fn explain_comment(&self, id: EnvelopeId, sort: CommentSort) -> Result<Explanation, HomeError> {
        self.read(move |inner| {
            inner.check_shown(&id)?;
            let explained = explain::comment(inner.reader(), &id, comment_sort_of(sort))?;
            explained.map(|explained| shown(inner, id, explained)).ok_or_else(|| unknown(Thing::Comment, id))
        })
        .await
    }
}

fn unknown(what: Thing, id: EnvelopeId) -> HomeError {
    HomeError::NotFound { what, seen: id.to_string() }
}

fn shown(inner: &Inner, id: EnvelopeId, explained: explain::Explanation) -> Explanation {
    let named = |terms: &[Term]| terms.iter().map(|term| (term.name.to_owned(), number(term.value))).collect();
    let step = |term: &Term| format!("{} = {} = {}", term.name, term.expression, term.value);
    Explanation {
        id,
        home: inner.facts.node,
        formula: explained.formula.to_owned(),
        version: explained.version,
        text: explained.expression.to_owned(),
        inputs: named(&explained.inputs),
        terms: named(&explained.terms),
        result: number(explained.result),
        exact: explained.result.to_string(),
        steps: explained.terms.iter().map(step).collect(),
        ties: explained.ties.into_iter().map(|tie| (tie.rule.to_owned(), tie.value)).collect(),
        window: explained.window,
    }
}

fn number(number: explain::Number) -> Number {
    match number {
        explain::Number::Whole(number) => Number::Whole(number),
        explain::Number::Fraction(number) => Number::Fraction(decimal(number)),
    }
}

#[allow(clippy::cast_precision_loss, reason = "for programs that read decimals; `exact` and `steps` have every digit")]
fn decimal(fraction: rank::Q32) -> f64 {
    fraction as f64 / rank::ONE as f64
}
