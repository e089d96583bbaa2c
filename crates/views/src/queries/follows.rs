//! Who follows whom, and who is subscribed to what.

use super::{Page, Paging, QueryError, list_page};
use crate::chunks::Direction;
use crate::content::agents::is_on;
use crate::content::keys::{self, scope_tag};
use crate::content::register;
use crate::port::{ReadError, ReadPort};
use tidepool_protocol::{AuthorId, Scope};

/// Whether `follower` follows `target`: as its own mirror says, or where that says nothing, as the target's scope does.
///
/// # Errors
/// When the store fails.
pub fn is_following(port: &dyn ReadPort, follower: &AuthorId, target: &AuthorId) -> Result<bool, ReadError> {
    let mirrored = keys::of_author(keys::FOLLOWING_REGISTER, follower);
    if let Some(winner) = register::winner(port, &mirrored, &target.0)? {
        return Ok(is_on(Some(&winner)));
    }
    let counted = keys::of_author(keys::FOLLOWER_REGISTER, target);
    Ok(is_on(register::winner(port, &counted, &follower.0)?.as_ref()))
}

/// A page of those who follow `target`, in the order of their ids.
///
/// # Errors
/// When the store fails, or the cursor is of another list.
pub fn followers(port: &dyn ReadPort, target: &AuthorId, paging: Paging<'_>) -> Result<Page<AuthorId>, QueryError> {
    let list = keys::of_author(keys::FOLLOWERS, target);
    list_page(port, &list, Direction::Up, paging, |key, _| Ok(AuthorId::from_slice(key)))
}

/// A page of those whom `follower` follows, the latest first.
///
/// # Errors
/// When the store fails, or the cursor is of another list.
pub fn following(port: &dyn ReadPort, follower: &AuthorId, paging: Paging<'_>) -> Result<Page<AuthorId>, QueryError> {
    let list = keys::of_author(keys::FOLLOWING, follower);
    list_page(port, &list, Direction::Up, paging, |key, _| Ok(key.get(6..).and_then(AuthorId::from_slice)))
}

/// Whether `agent` is subscribed to `community`.
///
/// # Errors
/// When the store fails.
pub fn is_subscribed(port: &dyn ReadPort, agent: &AuthorId, community: &Scope) -> Result<bool, ReadError> {
    let all = keys::of_author(keys::SUBSCRIPTION_REGISTER, agent);
    Ok(is_on(register::winner(port, &all, &scope_tag(community))?.as_ref()))
}

/// A page of the communities that `agent` is subscribed to, the latest first.
///
/// # Errors
/// When the store fails, or the cursor is of another list.
pub fn subscriptions(port: &dyn ReadPort, agent: &AuthorId, paging: Paging<'_>) -> Result<Page<Scope>, QueryError> {
    let list = keys::of_author(keys::SUBSCRIPTIONS, agent);
    list_page(port, &list, Direction::Up, paging, |_, name| {
        Ok(std::str::from_utf8(name).ok().and_then(|name| name.parse().ok()))
    })
}
