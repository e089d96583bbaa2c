//! Communities: open ones stand in the network's genesis and belong to nobody; an owned one stands by the charter of the
//! founder whose fingerprint its scope carries, and that founder sets its fields, or whom it lets (`moderation`).

use super::agents::not_permitted;
use super::counters::{CommunityRow, change_community, change_totals};
use super::keys::{self, scope_tag};
use super::register::{self, Order, Step};
use crate::chunks::Chunks;
use crate::overlay::Overlay;
use crate::port::{ReadError, Rows, Stored};
use crate::rank::time_key_down;
use crate::void::VoidReason;
use tidepool_protocol::body::Settings;
use tidepool_protocol::scope::Fingerprint;
use tidepool_protocol::{AuthorId, Header, NetworkGenesis, Scope, TimeMs};

/// Fields of a community.
pub(crate) const CHARTER: u8 = 0;
pub(crate) const DISPLAY_NAME: u8 = 1;
pub(crate) const DESCRIPTION: u8 = 2;
pub(crate) const BANNER_COLOR: u8 = 3;
pub(crate) const THEME_COLOR: u8 = 4;
pub(crate) const AVATAR: u8 = 5;
pub(crate) const BANNER: u8 = 6;
pub(crate) const RULES: u8 = 7;

/// Lists of communities.
pub(crate) const BY_NAME: u8 = 0;
pub(crate) const BY_AGE: u8 = 1;
pub(crate) const BY_SUBSCRIBERS: u8 = 2;

/// Writes the open communities, once: they stand without any envelope.
pub(crate) fn begin(overlay: &mut Overlay<'_>, genesis: &NetworkGenesis) -> Result<(), ReadError> {
    if overlay.get(&keys::begun())?.is_some() {
        return Ok(());
    }
    overlay.put(keys::begun(), vec![1]);
    for name in &genesis.communities {
        let scope = Scope::Open(name.clone());
        found(overlay, &scope, Some(genesis.created_ms))?;
    }
    Ok(())
}

/// Whether posts may lie in this scope: any owned community, and the open ones of the network.
pub(crate) fn is_place(scope: &Scope, genesis: &NetworkGenesis) -> bool {
    match scope {
        Scope::Open(name) => genesis.communities.binary_search(name).is_ok(),
        Scope::Owned(_, _) => true,
        Scope::Agent(_) | Scope::Identity(_) | Scope::Mail(_) | Scope::Presence(_) => false,
    }
}

/// Whether the author founded the community in whose scope it speaks.
pub(crate) fn is_founder(header: &Header) -> bool {
    founded_by(&header.scope, header.author)
}

/// Whether `author` founded the community of this scope.
pub(crate) fn founded_by(scope: &Scope, author: AuthorId) -> bool {
    match scope {
        Scope::Owned(name, fingerprint) => Fingerprint::of(author.as_agent(), name) == *fingerprint,
        Scope::Open(_) | Scope::Agent(_) | Scope::Identity(_) | Scope::Mail(_) | Scope::Presence(_) => false,
    }
}

pub(crate) fn charter(overlay: &mut Overlay<'_>, stored: &Stored, step: Step) -> Result<(), ReadError> {
    let header = stored.envelope.header();
    if !is_founder(header) {
        return not_permitted(overlay, stored, VoidReason::NotPermitted, step);
    }
    let all = keys::community_fields(&scope_tag(&header.scope));
    let order = Order::of(&stored.envelope);
    for field in [CHARTER, DISPLAY_NAME, DESCRIPTION] {
        register::change(overlay, &all, &[field], (&order, &[]), step)?;
    }
    let earliest = register::earliest(overlay, &all, &[CHARTER])?.map(|first| first.order.time());
    found(overlay, &header.scope, earliest)
}

/// Settings whose author may set them.
pub(crate) fn settings(
    overlay: &mut Overlay<'_>,
    stored: &Stored,
    settings: &Settings,
    step: Step,
) -> Result<(), ReadError> {
    let all = keys::community_fields(&scope_tag(&stored.envelope.header().scope));
    let order = Order::of(&stored.envelope);
    let named = [
        (DISPLAY_NAME, settings.display_name.is_some()),
        (DESCRIPTION, settings.description.is_some()),
        (BANNER_COLOR, settings.banner_color.is_some()),
        (THEME_COLOR, settings.theme_color.is_some()),
        (AVATAR, settings.avatar.is_some()),
        (BANNER, settings.banner.is_some()),
        (RULES, settings.rules.is_some()),
    ];
    for (field, _) in named.into_iter().filter(|(_, set)| *set) {
        register::change(overlay, &all, &[field], (&order, &[]), step)?;
    }
    Ok(())
}

fn age_key(created: TimeMs, name: &str) -> Vec<u8> {
    [&time_key_down(created)[..], name.as_bytes()].concat()
}

fn subscribers_key(subscribers: i64, name: &str) -> Vec<u8> {
    let held = u32::try_from(subscribers).unwrap_or(u32::MAX);
    [&(!held).to_be_bytes()[..], name.as_bytes()].concat()
}

/// The community stands since `created`, or no longer.
fn found(overlay: &mut Overlay<'_>, scope: &Scope, created: Option<TimeMs>) -> Result<(), ReadError> {
    let tag = scope_tag(scope);
    let name = scope.to_string();
    let mut before = None;
    let row = change_community(overlay, &tag, |row| {
        before = row.created;
        row.created = created;
    })?;
    if before == created {
        return Ok(());
    }
    relist(
        overlay,
        &keys::communities(BY_AGE),
        before.map(|time| age_key(time, &name)),
        created.map(|time| age_key(time, &name)),
    )?;
    if before.is_some() == created.is_some() {
        return Ok(());
    }
    let standing = |key: Vec<u8>| (before.is_some().then(|| key.clone()), created.is_some().then_some(key));
    let (from, to) = standing(name.clone().into_bytes());
    relist(overlay, &keys::communities(BY_NAME), from, to)?;
    let (from, to) = standing(subscribers_key(row.subscribers, &name));
    relist(overlay, &keys::communities(BY_SUBSCRIBERS), from, to)?;
    let one = if created.is_some() { 1 } else { -1 };
    change_totals(overlay, |totals| totals.communities += one)
}

/// The number of subscribers changed from `before` to the row's.
pub(crate) fn resubscribed(
    overlay: &mut Overlay<'_>,
    name: &str,
    row: CommunityRow,
    before: i64,
) -> Result<(), ReadError> {
    if row.created.is_none() {
        return Ok(());
    }
    let (from, to) = (subscribers_key(before, name), subscribers_key(row.subscribers, name));
    relist(overlay, &keys::communities(BY_SUBSCRIBERS), Some(from), Some(to))
}

fn relist(
    overlay: &mut Overlay<'_>,
    list: &Chunks,
    from: Option<Vec<u8>>,
    to: Option<Vec<u8>>,
) -> Result<(), ReadError> {
    if let Some(from) = from {
        list.remove(overlay, &from)?;
    }
    if let Some(to) = to {
        list.insert(overlay, &to, &[])?;
    }
    Ok(())
}
