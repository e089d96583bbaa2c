//! `keep`: an envelope of a rotation key that names which heads stand in its scope.
//!
//! A `keep` has an effect when its key is a rotation key of the identity as it stands, on a branch that stands, and it is
//! among the lowest ids at its position; or when it is itself an ancestor of a head that another one with effect keeps.
//! So a later rotation key can vouch for the `keep`s of an earlier one, and no two can hold up one another. What several
//! name is added up: naming a head cannot be taken back.

use super::{Voucher, newest, row_key};
use crate::codec;
use crate::identity::{self, branch};
use crate::index;
use crate::logs::edit::{Log, logs_from};
use crate::logs::insert::HELD_PER_POSITION;
use crate::logs::place::LogAt;
use crate::logs::row::Bits;
use crate::logs::{chain, path};
use crate::overlay::Overlay;
use crate::port::{Cursor, ReadError, ReadPort, Stored};
use crate::rows;
use crate::void::Range;
use crate::work::Work;
use std::collections::BTreeSet;
use tidepool_protocol::{Body, Header};

/// Whether the signer of a `keep` was a rotation key where its `auth` stands.
pub(crate) fn by_rotation_key(port: &dyn ReadPort, header: &Header) -> Result<bool, ReadError> {
    let state = identity::state_at(port, header.author, &header.auth)?;
    Ok(state.is_some_and(|state| state.rotation.contains(&header.key)))
}

fn voucher_key(stored: &Stored) -> Vec<u8> {
    let header = stored.envelope.header();
    row_key(rows::KEEP, LogAt::of(header).scope(), header.time_ms, &stored.envelope.id())
}

/// Writes down a `keep` that is held now, and weighs it.
pub(crate) fn arrived(overlay: &mut Overlay<'_>, stored: &Stored, work: &mut Work) {
    let voucher = Voucher { cursor: stored.cursor, counts: false };
    overlay.put(voucher_key(stored), voucher.encode());
    work.keeps.push(stored.cursor);
}

/// Forgets a `keep` that left the log.
pub(crate) fn left(overlay: &mut Overlay<'_>, stored: &Stored, work: &mut Work) -> Result<(), ReadError> {
    let key = voucher_key(stored);
    if let Some(value) = rows_get(overlay, &key)?
        && Voucher::decode(rows::KEEP, &value)?.counts
    {
        work.rebuild.insert(LogAt::of(stored.envelope.header()).scope().to_vec());
    }
    overlay.delete(key);
    Ok(())
}

fn rows_get(port: &dyn ReadPort, key: &[u8]) -> Result<Option<bytes::Bytes>, ReadError> {
    port.get(key)
}

fn has_effect(port: &dyn ReadPort, stored: &Stored) -> Result<bool, ReadError> {
    let header = stored.envelope.header();
    let Some(summary) = identity::summary(port, header.author)? else { return Ok(false) };
    if branch::reason(port, &summary.branch, &header.auth)?.is_some() || !by_rotation_key(port, header)? {
        return Ok(false);
    }
    let id = stored.envelope.id().short();
    let Some(mut log) = Log::load(port, LogAt::of(header))? else { return Ok(false) };
    let entries = log.entries(port, header.seq)?;
    let Some(rank) = entries.iter().position(|at| at.id == id) else { return Ok(false) };
    let is_open = summary.keepers(port)?.contains(&header.key);
    Ok(entries[rank].bits.has(Bits::KEPT) || (is_open && rank < HELD_PER_POSITION))
}

/// Lets the `keep` at `cursor` take effect when it has any and had none.
pub(crate) fn weigh(overlay: &mut Overlay<'_>, cursor: Cursor, work: &mut Work) -> Result<(), ReadError> {
    let Some(stored) = overlay_stored(overlay, cursor)? else { return Ok(()) };
    let key = voucher_key(&stored);
    let Some(value) = rows_get(overlay, &key)? else { return Ok(()) };
    if Voucher::decode(rows::KEEP, &value)?.counts || !has_effect(overlay, &stored)? {
        return Ok(());
    }
    overlay.put(key, Voucher { cursor, counts: true }.encode());
    let header = stored.envelope.header();
    let Some(Ok(Some(Body::Keep(keep)))) = stored.envelope.body().map(|body| Body::decode(header.kind, body)) else {
        return Ok(());
    };
    for head in keep.heads.iter().filter(|head| head.scope == header.scope) {
        let at = LogAt::new(&header.author, &head.scope, &head.key, head.epoch);
        let marked = path::name(overlay, at, head, true, &mut work.dirty)?;
        work.keeps.extend(marked.keeps);
    }
    Ok(())
}

fn overlay_stored(port: &dyn ReadPort, cursor: Cursor) -> Result<Option<Stored>, ReadError> {
    // An envelope that left the log may still lie in the open batch: the index knows.
    let Some(stored) = port.stored(cursor)? else { return Ok(None) };
    let entry = index::get(port, &stored.envelope.id())?;
    Ok(entry.filter(|entry| entry.cursor == cursor).map(|_| stored))
}

/// Weighs all `keep`s of one author in one scope anew, from none.
pub(crate) fn rebuild(overlay: &mut Overlay<'_>, scope: &[u8], work: &mut Work) -> Result<(), ReadError> {
    let vouchers = newest(overlay, rows::KEEP, scope, usize::MAX)?;
    let mut touched: BTreeSet<LogAt> = path::unmark(overlay, scope, true)?.into_iter().collect();
    for (key, voucher) in &vouchers {
        overlay.put(key.clone(), Voucher { counts: false, ..*voucher }.encode());
    }
    let mut inner = Work { keeps: vouchers.iter().map(|(_, voucher)| voucher.cursor).collect(), ..Work::default() };
    while let Some(cursor) = inner.keeps.pop() {
        weigh(overlay, cursor, &mut inner)?;
    }
    for mut log in logs_from(overlay, scope, scope, usize::MAX)? {
        if !log.row.named.is_empty() {
            touched.insert(log.at);
        }
        if touched.contains(&log.at) {
            crowd(overlay, &mut log, work)?;
        }
    }
    for at in &touched {
        chain::evaluate(overlay, *at, 0, u64::MAX, &mut work.dirty)?;
    }
    work.dirty.push(Range::all(scope));
    Ok(())
}

/// Notes the positions at which only a mark that is gone may have held somebody.
fn crowd(port: &dyn ReadPort, log: &mut Log, work: &mut Work) -> Result<(), ReadError> {
    let mut next = log.next(port, 0)?;
    while let Some(seq) = next {
        if log.entries(port, seq)?.len() > HELD_PER_POSITION {
            work.crowded.insert((log.at, seq));
        }
        next = match seq.checked_add(1) {
            Some(above) => log.next(port, above)?,
            None => None,
        };
    }
    Ok(())
}

/// The scopes in which `author` has any `keep`, as prefixes of keys.
pub(crate) fn scopes(port: &dyn ReadPort, author: &[u8; 16]) -> Result<BTreeSet<Vec<u8>>, ReadError> {
    let from = codec::key(rows::KEEP, &[author]);
    let to = codec::prefix_end(&from);
    let mut scopes = BTreeSet::new();
    port.scan(&from, &to, &mut |key, _| {
        scopes.extend(key.get(1..33).map(<[u8]>::to_vec));
        true
    })?;
    Ok(scopes)
}
