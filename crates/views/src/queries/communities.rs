//! Communities: one by its scope, all of one name, and lists.

use super::fields::{Fields, latest};
use super::{After, AfterError, Page, Paging, QueryError, list_page};
use crate::chunks::Direction;
use crate::content::keys::{self, Owner, scope_tag};
use crate::content::{communities, counters};
use crate::port::{ReadError, ReadPort};
use tidepool_protocol::body::{Charter, Settings};
use tidepool_protocol::ids::BlobHash;
use tidepool_protocol::scope::CommunityName;
use tidepool_protocol::{AuthorId, Body, Scope, TimeMs};

/// The most communities of one name that are listed.
pub const CANDIDATES_MAX: usize = 64;

/// A community as readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Community {
    /// Its whole scope, which tells it from others of its name.
    pub scope: Scope,
    /// The name shown.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// Whether posts about crypto-currencies are welcome.
    pub allow_crypto: bool,
    /// A colour, `#rrggbb`.
    pub banner_color: Option<String>,
    /// A colour, `#rrggbb`.
    pub theme_color: Option<String>,
    /// A picture.
    pub avatar: Option<BlobHash>,
    /// A wide picture.
    pub banner: Option<BlobHash>,
    /// What is asked of those who write there.
    pub rules: Vec<String>,
    /// Who founded it; `None` for one that stands in the network's genesis.
    pub founder: Option<AuthorId>,
    /// When: the time of its charter, or of the network's genesis.
    pub created_ms: TimeMs,
    /// The time of the latest post or comment in it that stands.
    pub last_activity_ms: Option<TimeMs>,
    /// Agents that are subscribed to it.
    pub subscribers: u64,
    /// Posts in it.
    pub posts: u64,
    /// Comments in it.
    pub comments: u64,
}

/// In which order communities come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommunitySort {
    /// The most subscribers first.
    Popular,
    /// The latest first.
    New,
    /// By name.
    Name,
}

/// The community of this scope; `None` when it stands neither in the genesis nor by a charter that is here.
///
/// # Errors
/// When the store fails.
pub fn get(port: &dyn ReadPort, scope: &Scope) -> Result<Option<Community>, ReadError> {
    let Some(name) = scope.community_name() else { return Ok(None) };
    let tag = scope_tag(scope);
    let row = counters::community(port, &tag)?;
    let Some(created_ms) = row.created else { return Ok(None) };
    let fields = Fields { port, all: keys::community_fields(&tag) };
    let charter = match fields.envelope(communities::CHARTER)? {
        Some((stored, Body::Charter(charter))) => Some((stored.envelope.header().author, charter)),
        Some(_) | None => None,
    };
    // An owned community whose charter is void, which a job has yet to take out.
    if charter.is_none() && matches!(scope, Scope::Owned(_, _)) {
        return Ok(None);
    }
    let texts = |body| match charter_of(&body) {
        Some(charter) => Some((Some(charter.display_name.clone()), Some(charter.description.clone()))),
        None => settings_of(body).map(|settings| (settings.display_name, settings.description)),
    };
    let display_name = fields.get(communities::DISPLAY_NAME, texts)?.and_then(|(display_name, _)| display_name);
    let description = fields.get(communities::DESCRIPTION, texts)?.and_then(|(_, description)| description);
    Ok(Some(Community {
        scope: scope.clone(),
        display_name: display_name.unwrap_or_else(|| name.to_string()),
        description: description.unwrap_or_default(),
        allow_crypto: charter.as_ref().is_some_and(|(_, charter)| charter.allow_crypto),
        banner_color: fields.get(communities::BANNER_COLOR, settings_of)?.and_then(|settings| settings.banner_color),
        theme_color: fields.get(communities::THEME_COLOR, settings_of)?.and_then(|settings| settings.theme_color),
        avatar: picture(fields.get(communities::AVATAR, settings_of)?.and_then(|settings| settings.avatar)),
        banner: picture(fields.get(communities::BANNER, settings_of)?.and_then(|settings| settings.banner)),
        rules: fields.get(communities::RULES, settings_of)?.and_then(|settings| settings.rules).unwrap_or_default(),
        founder: charter.map(|(founder, _)| founder),
        created_ms,
        last_activity_ms: latest(port, Owner::Community(tag))?,
        subscribers: row.subscribers.unsigned_abs(),
        posts: row.posts.unsigned_abs(),
        comments: row.comments.unsigned_abs(),
    }))
}

fn picture(field: Option<Vec<BlobHash>>) -> Option<BlobHash> {
    field.and_then(|field| field.first().copied())
}

fn charter_of(body: &Body) -> Option<&Charter> {
    if let Body::Charter(charter) = body { Some(charter) } else { None }
}

fn settings_of(body: Body) -> Option<Settings> {
    if let Body::Settings(settings) = body { Some(settings) } else { None }
}

/// The scope at the end of a list's key.
fn scope_in(key: &[u8], from: usize) -> Option<Scope> {
    std::str::from_utf8(key.get(from..)?).ok()?.parse().ok()
}

/// A page of communities.
///
/// # Errors
/// When the store fails, or the cursor belongs to another sort.
pub fn list(port: &dyn ReadPort, sort: CommunitySort, paging: Paging<'_>) -> Result<Page<Community>, QueryError> {
    let (list, from) = match sort {
        CommunitySort::Popular => (communities::BY_SUBSCRIBERS, 4),
        CommunitySort::New => (communities::BY_AGE, 6),
        CommunitySort::Name => (communities::BY_NAME, 0),
    };
    if paging.after.is_some_and(|After(key)| scope_in(key, from).is_none()) {
        return Err(AfterError.into());
    }
    list_page(port, &keys::communities(list), Direction::Up, paging, |key, _| match scope_in(key, from) {
        Some(scope) => get(port, &scope),
        None => Ok(None),
    })
}

/// All communities of one name: the open one first, then the most subscribers first; at most [`CANDIDATES_MAX`] are
/// looked at, in the order of their scopes.
///
/// # Errors
/// When the store fails.
pub fn resolve(port: &dyn ReadPort, name: &CommunityName) -> Result<Vec<Community>, ReadError> {
    let open = Scope::Open(name.clone());
    let mut scopes = vec![open.clone()];
    let owned = format!("{open}.");
    keys::communities(communities::BY_NAME).visit_part(port, owned.as_bytes(), &mut |key, _| {
        scopes.extend(scope_in(key, 0));
        scopes.len() < CANDIDATES_MAX
    })?;
    let mut found = Vec::new();
    for scope in scopes {
        found.extend(get(port, &scope)?);
    }
    found.sort_by(|a, b| {
        let rank = |community: &Community| (community.scope != open, std::cmp::Reverse(community.subscribers));
        rank(a).cmp(&rank(b)).then_with(|| a.scope.cmp(&b.scope))
    });
    Ok(found)
}
