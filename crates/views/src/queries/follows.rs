//! Who follows whom, and who is subscribed to what.

use super::{Page, Paging, QueryError};
use crate::port::{ReadError, ReadPort};
use tidepool_protocol::{AuthorId, Scope};

/// Whether `follower` follows `target`, as its own mirror says or the target's scope.
///
/// # Errors
/// When the store fails.
pub fn is_following(_port: &dyn ReadPort, _follower: &AuthorId, _target: &AuthorId) -> Result<bool, ReadError> {
    Ok(false)
}

/// A page of those who follow `target`, in the order of their ids.
///
/// # Errors
/// When the store fails, or the cursor is of another list.
pub fn followers(_port: &dyn ReadPort, _target: &AuthorId, _paging: Paging<'_>) -> Result<Page<AuthorId>, QueryError> {
    Ok(Page::empty())
}

/// A page of those whom `follower` follows, the latest first.
///
/// # Errors
/// When the store fails, or the cursor is of another list.
pub fn following(
    _port: &dyn ReadPort,
    _follower: &AuthorId,
    _paging: Paging<'_>,
) -> Result<Page<AuthorId>, QueryError> {
    Ok(Page::empty())
}

/// Whether `agent` is subscribed to `community`.
///
/// # Errors
/// When the store fails.
pub fn is_subscribed(_port: &dyn ReadPort, _agent: &AuthorId, _community: &Scope) -> Result<bool, ReadError> {
    Ok(false)
}

/// A page of the communities that `agent` is subscribed to, the latest first.
///
/// # Errors
/// When the store fails, or the cursor is of another list.
pub fn subscriptions(_port: &dyn ReadPort, _agent: &AuthorId, _paging: Paging<'_>) -> Result<Page<Scope>, QueryError> {
    Ok(Page::empty())
}
