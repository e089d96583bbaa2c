//! The lines that withdrawals name: a head and everything before it, as far as it is here.
//!
//! A line goes from an envelope to the predecessor that it signed, so nothing that was signed later can lie on it, whatever
//! time it claims. Where a predecessor is missing the line waits for it. What is marked depends on the set of envelopes
//! alone: when one leaves, its line is followed anew.

use super::super::keys::{self, Short, scope_tag, tail_id};
use super::{reconsider, withdrawal, withdrawals};
use crate::codec::prefix_end;
use crate::index;
use crate::overlay::Overlay;
use crate::port::{ReadError, ReadPort, Rows, Stored};
use std::collections::BTreeSet;
use tidepool_protocol::Scope;
use tidepool_protocol::body::Withdraw;

const MARKED: u8 = 1;
/// Not here yet.
const WANTED: u8 = 0;

/// Whether `id` lies on a line that a withdrawal of `grant` names.
pub(crate) fn is_named(rows: &dyn Rows, grant: &Short, id: &Short) -> Result<bool, ReadError> {
    Ok(rows.get(&keys::named(grant, id))?.is_some_and(|mark| mark.first() == Some(&MARKED)))
}

fn put(overlay: &mut Overlay<'_>, grant: &Short, id: &Short, mark: u8) {
    overlay.put(keys::named(grant, id), vec![mark]);
    overlay.put(keys::named_by(id, grant), vec![mark]);
}

/// Follows the lines of one withdrawal.
pub(crate) fn name(overlay: &mut Overlay<'_>, stored: &Stored, withdraw: &Withdraw) -> Result<(), ReadError> {
    let scope = &stored.envelope.header().scope;
    let (grant, tag) = (withdraw.grant.short(), scope_tag(scope));
    for head in withdraw.heads.iter().filter(|head| head.scope == *scope) {
        follow(overlay, (&grant, &tag), head.id.short())?;
    }
    Ok(())
}

fn follow(overlay: &mut Overlay<'_>, (grant, scope): (&Short, &Short), first: Short) -> Result<(), ReadError> {
    let mut next = Some(first);
    while let Some(id) = next {
        if is_named(overlay, grant, &id)? {
            break;
        }
        let Some(entry) = index::by_short(overlay, &id)? else {
            put(overlay, grant, &id, WANTED);
            break;
        };
        let stored = index::stored(overlay, &entry)?;
        let header = stored.envelope.header();
        if scope_tag(&header.scope) != *scope {
            break;
        }
        put(overlay, grant, &id, MARKED);
        next = header.prev.map(|prev| prev.short());
    }
    Ok(())
}

/// The grants on whose lines `id` lies, or that wait for it.
fn grants_of(rows: &dyn Rows, id: &Short, mark: u8) -> Result<Vec<Short>, ReadError> {
    let prefix = keys::named_by_any(id);
    let mut found = Vec::new();
    rows.scan(&prefix, &prefix_end(&prefix), &mut |key, value| {
        if value.first() == Some(&mark) {
            found.extend(tail_id(key));
        }
        true
    })?;
    Ok(found)
}

/// An envelope is held now: lines that waited for it go on.
///
/// # Errors
/// When the store fails.
pub(crate) fn came(overlay: &mut Overlay<'_>, stored: &Stored) -> Result<(), ReadError> {
    let header = stored.envelope.header();
    if !matches!(header.scope, Scope::Owned(_, _)) {
        return Ok(());
    }
    let id = stored.envelope.id().short();
    for grant in grants_of(overlay, &id, WANTED)? {
        let scope = scope_tag(&header.scope);
        if !withdrawals(overlay, &grant, &scope)?.is_empty() {
            follow(overlay, (&grant, &scope), id)?;
            reconsider(overlay, &grant)?;
        }
    }
    Ok(())
}

/// An envelope left: lines that it lay on end before it.
///
/// # Errors
/// When the store fails.
pub(crate) fn left(overlay: &mut Overlay<'_>, stored: &Stored) -> Result<(), ReadError> {
    if !matches!(stored.envelope.header().scope, Scope::Owned(_, _)) {
        return Ok(());
    }
    for grant in grants_of(overlay, &stored.envelope.id().short(), MARKED)? {
        rebuild(overlay, &grant)?;
        reconsider(overlay, &grant)?;
    }
    Ok(())
}

/// Follows all lines of a grant anew, from none.
pub(crate) fn rebuild(overlay: &mut Overlay<'_>, grant: &Short) -> Result<(), ReadError> {
    let prefix = keys::named_under(grant);
    let mut marked = Vec::new();
    let port: &dyn ReadPort = overlay;
    port.scan(&prefix, &prefix_end(&prefix), &mut |key, _| {
        marked.extend(tail_id(key));
        true
    })?;
    for id in marked {
        overlay.delete(keys::named(grant, &id));
        overlay.delete(keys::named_by(&id, grant));
    }
    let mut all = BTreeSet::new();
    keys::withdrawals(grant).visit_part(overlay, &[], &mut |key, _| {
        all.extend(tail_id(key));
        true
    })?;
    for id in all {
        if let Some((stored, withdraw)) = withdrawal(overlay, &id)? {
            name(overlay, &stored, &withdraw)?;
        }
    }
    Ok(())
}
