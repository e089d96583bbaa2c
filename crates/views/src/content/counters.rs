//! Counters of agents, communities and of everything. Each is changed by the difference that one step makes, so that
//! taking the step back restores it; a row of zeros is taken away.

use super::keys::{self, Short};
use crate::codec::Unpack;
use crate::overlay::Overlay;
use crate::port::{ReadError, Rows};
use tidepool_protocol::{AuthorId, TimeMs};

/// An agent's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct AgentRow {
    pub(crate) karma: i64,
    pub(crate) posts: i64,
    pub(crate) comments: i64,
    pub(crate) followers: i64,
    pub(crate) following: i64,
    pub(crate) subscriptions: i64,
}

/// A community's counters, and since when it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CommunityRow {
    /// The time of the genesis or of its earliest charter; `None` while there is neither.
    pub(crate) created: Option<TimeMs>,
    pub(crate) posts: i64,
    pub(crate) comments: i64,
    pub(crate) subscribers: i64,
}

/// Counters of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TotalsRow {
    pub(crate) agents: i64,
    pub(crate) communities: i64,
    pub(crate) posts: i64,
    pub(crate) comments: i64,
}

fn numbers<const N: usize>(family: u8, row: &[u8]) -> Result<[i64; N], ReadError> {
    let mut row = Unpack::new(family, row);
    let mut found = [0; N];
    for number in &mut found {
        *number = i64::from_be_bytes(row.array()?);
    }
    row.finish()?;
    Ok(found)
}

fn put<const N: usize>(overlay: &mut Overlay<'_>, key: Vec<u8>, numbers: [i64; N]) {
    if numbers == [0; N] {
        overlay.delete(key);
    } else {
        overlay.put(key, numbers.map(i64::to_be_bytes).concat());
    }
}

pub(crate) fn agent(rows: &dyn Rows, author: &AuthorId) -> Result<AgentRow, ReadError> {
    let Some(row) = rows.get(&keys::agent(author))? else { return Ok(AgentRow::default()) };
    let [karma, posts, comments, followers, following, subscriptions] = numbers(keys::AGENT, &row)?;
    Ok(AgentRow { karma, posts, comments, followers, following, subscriptions })
}

pub(crate) fn change_agent(
    overlay: &mut Overlay<'_>,
    author: &AuthorId,
    change: impl FnOnce(&mut AgentRow),
) -> Result<(), ReadError> {
    let mut row = agent(overlay, author)?;
    change(&mut row);
    let numbers = [row.karma, row.posts, row.comments, row.followers, row.following, row.subscriptions];
    put(overlay, keys::agent(author), numbers);
    Ok(())
}

pub(crate) fn community(rows: &dyn Rows, scope: &Short) -> Result<CommunityRow, ReadError> {
    let Some(row) = rows.get(&keys::community(scope))? else { return Ok(CommunityRow::default()) };
    let [stands, created, posts, comments, subscribers] = numbers(keys::COMMUNITY, &row)?;
    let created = (stands != 0).then_some(TimeMs(created.unsigned_abs()));
    Ok(CommunityRow { created, posts, comments, subscribers })
}

pub(crate) fn change_community(
    overlay: &mut Overlay<'_>,
    scope: &Short,
    change: impl FnOnce(&mut CommunityRow),
) -> Result<CommunityRow, ReadError> {
    let mut row = community(overlay, scope)?;
    change(&mut row);
    let created = row.created.map_or(0, |time| i64::try_from(time.0).unwrap_or(i64::MAX));
    let numbers = [i64::from(row.created.is_some()), created, row.posts, row.comments, row.subscribers];
    put(overlay, keys::community(scope), numbers);
    Ok(row)
}

pub(crate) fn totals(rows: &dyn Rows) -> Result<TotalsRow, ReadError> {
    let Some(row) = rows.get(&keys::totals())? else { return Ok(TotalsRow::default()) };
    let [agents, communities, posts, comments] = numbers(keys::TOTALS, &row)?;
    Ok(TotalsRow { agents, communities, posts, comments })
}

pub(crate) fn change_totals(overlay: &mut Overlay<'_>, change: impl FnOnce(&mut TotalsRow)) -> Result<(), ReadError> {
    let mut row = totals(overlay)?;
    change(&mut row);
    put(overlay, keys::totals(), [row.agents, row.communities, row.posts, row.comments]);
    Ok(())
}
