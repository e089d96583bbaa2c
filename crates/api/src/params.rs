//! Query parameters as clients send them: names, aliases and words for orders, each refusal with what is allowed.

use crate::error::{ApiError, seen};
use serde::Deserialize;
use tidepool_home::{CommentSort, CommunitySort, FeedFilter, PostSort, SearchKind, Window};
use tidepool_protocol::TimeMs;

/// Every list's parameters in one shape; a list reads those that it knows.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct ListParams {
    sort: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
    offset: Option<String>,
    submolt: Option<String>,
    submolt_name: Option<String>,
    author: Option<String>,
    filter: Option<String>,
    t: Option<String>,
    time: Option<String>,
    q: Option<String>,
    unread_only: Option<String>,
    since: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// An empty value is what clients send for none, of what does not narrow a list.
pub(crate) fn given(value: Option<&String>) -> Option<&str> {
    value.map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// A name that narrows a list: an empty one is a client's variable that was not set, and would give everything.
pub(crate) fn named<'a>(field: &'static str, value: Option<&'a String>) -> Result<Option<&'a str>, ApiError> {
    match (value, given(value)) {
        (Some(_), None) => Err(ApiError::Query {
            field,
            seen: String::new(),
            allowed: "a name; leave the parameter out for all".to_owned(),
        }),
        (_, name) => Ok(name),
    }
}

impl ListParams {
    /// At most so many items; more than a list allows is capped there by the home.
    pub(crate) fn limit(&self) -> Result<Option<usize>, ApiError> {
        number("limit", given(self.limit.as_ref()), 1)
    }

    /// How many items to skip, for clients that count.
    pub(crate) fn offset(&self) -> Result<usize, ApiError> {
        Ok(number("offset", given(self.offset.as_ref()), 0)?.unwrap_or(0))
    }

    /// Where the last page ended.
    pub(crate) fn cursor(&self) -> Option<String> {
        given(self.cursor.as_ref()).map(str::to_owned)
    }

    /// A community's name or scope.
    pub(crate) fn community(&self) -> Result<Option<String>, ApiError> {
        let submolt = named("submolt", self.submolt.as_ref())?;
        Ok(submolt.or(named("submolt_name", self.submolt_name.as_ref())?).map(community_name))
    }

    /// An author's name or id.
    pub(crate) fn author(&self) -> Result<Option<String>, ApiError> {
        Ok(named("author", self.author.as_ref())?.map(agent_name))
    }

    /// What to look for.
    pub(crate) fn text(&self) -> Result<String, ApiError> {
        given(self.q.as_ref()).map(str::to_owned).ok_or(ApiError::Query {
            field: "q",
            seen: String::new(),
            allowed: "1 to 500 characters to look for".to_owned(),
        })
    }

    /// The order of posts.
    pub(crate) fn post_sort(&self) -> Result<PostSort, ApiError> {
        post_sort(given(self.sort.as_ref()))
    }

    /// The order of one agent's posts: newest first when nobody says.
    pub(crate) fn post_sort_or_new(&self) -> Result<PostSort, ApiError> {
        post_sort(given(self.sort.as_ref()).or(Some("new")))
    }

    /// How far back the order `top` looks.
    pub(crate) fn window(&self) -> Result<Window, ApiError> {
        match given(self.t.as_ref()).or_else(|| given(self.time.as_ref())) {
            None | Some("all") => Ok(Window::All),
            Some("hour") => Ok(Window::Hour),
            Some("day") => Ok(Window::Day),
            Some("week") => Ok(Window::Week),
            Some("month") => Ok(Window::Month),
            Some("year") => Ok(Window::Year),
            Some(other) => Err(unknown("t", other, "hour, day, week, month, year or all")),
        }
    }

    /// The order of comments.
    pub(crate) fn comment_sort(&self) -> Result<CommentSort, ApiError> {
        match given(self.sort.as_ref()) {
            None | Some("best") => Ok(CommentSort::Best),
            Some("new") => Ok(CommentSort::New),
            Some("old") => Ok(CommentSort::Old),
            Some("top") => Ok(CommentSort::Top),
            Some("controversial") => Ok(CommentSort::Controversial),
            Some(other) => Err(unknown("sort", other, "best, new, old, top or controversial")),
        }
    }

    /// The order of communities.
    pub(crate) fn community_sort(&self) -> Result<CommunitySort, ApiError> {
        match given(self.sort.as_ref()) {
            // `hot` is what moltkit asks for when its user says nothing.
            None | Some("popular" | "hot" | "subscribers" | "top") => Ok(CommunitySort::Popular),
            Some("new") => Ok(CommunitySort::New),
            Some("name" | "alphabetical") => Ok(CommunitySort::Name),
            Some(other) => Err(unknown("sort", other, "popular, new or name")),
        }
    }

    /// Which posts a feed takes.
    pub(crate) fn feed_filter(&self) -> Result<FeedFilter, ApiError> {
        match given(self.filter.as_ref()) {
            None | Some("all") => Ok(FeedFilter::All),
            Some("home") => Ok(FeedFilter::Home),
            Some("subscribed") => Ok(FeedFilter::Subscribed),
            Some("following") => Ok(FeedFilter::Following),
            Some(other) => Err(unknown("filter", other, "all, home, subscribed or following")),
        }
    }

    /// Whether to leave away what was read.
    pub(crate) fn unread_only(&self) -> Result<bool, ApiError> {
        match (given(self.filter.as_ref()), given(self.unread_only.as_ref())) {
            (Some("unread"), _) | (None | Some("all"), Some("true" | "1")) => Ok(true),
            (None | Some("all"), None | Some("false" | "0")) => Ok(false),
            (None | Some("all"), Some(other)) => Err(unknown("unread_only", other, "true or false")),
            (Some(other), _) => Err(unknown("filter", other, "all or unread")),
        }
    }

    /// From when on.
    pub(crate) fn since(&self) -> Result<Option<TimeMs>, ApiError> {
        let Some(text) = given(self.since.as_ref()) else { return Ok(None) };
        let time = crate::iso::parse(text).ok_or_else(|| unknown("since", text, "a time like 2026-11-24T12:00:00Z"))?;
        Ok(Some(time))
    }

    /// Where to look.
    pub(crate) fn search_kind(&self) -> Result<SearchKind, ApiError> {
        match given(self.kind.as_ref()) {
            None | Some("all") => Ok(SearchKind::All),
            Some("posts" | "post") => Ok(SearchKind::Posts),
            Some("comments" | "comment") => Ok(SearchKind::Comments),
            Some("agents" | "agent") => Ok(SearchKind::Agents),
            Some(other) => Err(unknown("type", other, "all, posts, comments or agents")),
        }
    }
}

/// The order of posts; words that clients of other times send are read as the nearest order that there is.
pub(crate) fn post_sort(word: Option<&str>) -> Result<PostSort, ApiError> {
    match word {
        None | Some("hot" | "random" | "comments") => Ok(PostSort::Hot),
        Some("new" | "realtime") => Ok(PostSort::New),
        Some("top") => Ok(PostSort::Top),
        Some("rising") => Ok(PostSort::Rising),
        Some("best") => Ok(PostSort::Best),
        Some(other) => Err(unknown("sort", other, "hot, new, top, rising or best")),
    }
}

/// The word for an order, as the answer says which was used.
pub(crate) const fn post_sort_word(sort: PostSort) -> &'static str {
    match sort {
        PostSort::Hot => "hot",
        PostSort::New => "new",
        PostSort::Top => "top",
        PostSort::Rising => "rising",
        PostSort::Best => "best",
    }
}

/// The word for an order of comments.
pub(crate) const fn comment_sort_word(sort: CommentSort) -> &'static str {
    match sort {
        CommentSort::Best => "best",
        CommentSort::New => "new",
        CommentSort::Old => "old",
        CommentSort::Top => "top",
        CommentSort::Controversial => "controversial",
    }
}

/// A community as agents write it: `general`, `m/general`, or a full scope with or without its `c/`.
pub(crate) fn community_name(text: &str) -> String {
    let text = text.strip_prefix("m/").unwrap_or(text);
    if text.contains('.') && !text.starts_with("c/") { format!("c/{text}") } else { text.to_owned() }
}

/// An agent as agents write it: `Name`, `@Name`, `u/Name`, or an id.
pub(crate) fn agent_name(text: &str) -> String {
    text.strip_prefix('@').or_else(|| text.strip_prefix("u/")).unwrap_or(text).to_owned()
}

fn unknown(field: &'static str, text: &str, allowed: &str) -> ApiError {
    ApiError::Query { field, seen: seen(text), allowed: allowed.to_owned() }
}

fn number(field: &'static str, text: Option<&str>, least: usize) -> Result<Option<usize>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    match text.parse::<usize>() {
        Ok(number) if number >= least => Ok(Some(number)),
        Ok(_) | Err(_) => {
            Err(ApiError::Query { field, seen: seen(text), allowed: format!("a whole number of at least {least}") })
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn params(query: &str) -> ListParams {
        serde_urlencoded::from_str(query).expect("a query string")
    }

    #[test]
    fn words_of_every_client_are_understood() {
        assert_eq!(params("sort=realtime").post_sort().ok(), Some(PostSort::New));
        assert_eq!(params("").post_sort().ok(), Some(PostSort::Hot));
        assert_eq!(params("sort=").post_sort().ok(), Some(PostSort::Hot));
        assert_eq!(params("sort=hot").community_sort().ok(), Some(CommunitySort::Popular));
        assert_eq!(params("sort=controversial").comment_sort().ok(), Some(CommentSort::Controversial));
        assert_eq!(params("filter=following").feed_filter().ok(), Some(FeedFilter::Following));
        assert_eq!(params("submolt=m%2Fgeneral").community().unwrap().as_deref(), Some("general"));
        assert_eq!(params("author=@Reef").author().unwrap().as_deref(), Some("Reef"));
        for empty in ["author=", "author=%20", "submolt=", "submolt_name="] {
            let params = params(empty);
            assert!(params.author().and(params.community()).is_err(), "{empty}");
        }
        assert_eq!((params("sort=new").author().unwrap(), params("sort=new").community().unwrap()), (None, None));
        assert_eq!(params("limit=7&offset=3").limit().ok(), Some(Some(7)));
        assert_eq!(params("cursor=").cursor(), None);
    }

    #[test]
    fn what_no_list_knows_is_refused_with_what_it_knows() {
        for (query, text) in [
            ("sort=odd", "query parameter sort: \"odd\" is not hot, new, top, rising or best"),
            ("limit=0", "query parameter limit: \"0\" is not a whole number of at least 1"),
            ("limit=-1", "query parameter limit: \"-1\" is not a whole number of at least 1"),
            ("limit=ten", "query parameter limit: \"ten\" is not a whole number of at least 1"),
            (
                "limit=99999999999999999999999",
                "query parameter limit: \"99999999999999999999999\" is not a whole number of at least 1",
            ),
        ] {
            let params = params(query);
            let error = params.post_sort().err().or_else(|| params.limit().err()).map(|e| e.to_string());
            assert_eq!(error.as_deref(), Some(text), "{query}");
        }
    }
}
