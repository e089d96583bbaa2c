//! Reading registers of fields (a profile's, a community's), and the time of what was said last.

use super::load;
use crate::chunks::{Chunks, Direction};
use crate::content::keys::{Owner, tail_id};
use crate::content::lists;
use crate::port::{ReadError, ReadPort, Stored};
use crate::rank::time_of;
use tidepool_protocol::{Body, TimeMs};

/// How many candidates of a field are looked at, from the greatest down, for one that is not void: more than one is void
/// only while a job still takes them out.
const CANDIDATES_MAX: usize = 16;

/// The fields of one agent or community.
pub(crate) struct Fields<'p> {
    pub(crate) port: &'p dyn ReadPort,
    pub(crate) all: Chunks,
}

impl Fields<'_> {
    /// The envelope that sets `field`, and its body.
    pub(crate) fn envelope(&self, field: u8) -> Result<Option<(Stored, Body)>, ReadError> {
        let mut candidates = Vec::new();
        let last = [field + 1];
        let below = std::ops::Bound::Excluded(&last[..]);
        let first = [field];
        let bounds = (std::ops::Bound::Included(&first[..]), below);
        self.all.visit(self.port, bounds, Direction::Down, &mut |key, _| {
            candidates.extend(tail_id(key));
            candidates.len() < CANDIDATES_MAX
        })?;
        for id in candidates {
            if let Some(found) = load::shown(self.port, &id)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// What `read` takes from the body that sets `field`.
    pub(crate) fn get<T>(&self, field: u8, read: impl Fn(Body) -> Option<T>) -> Result<Option<T>, ReadError> {
        Ok(self.envelope(field)?.and_then(|(_, body)| read(body)))
    }
}

/// The time of the latest visible post or comment of an owner.
pub(crate) fn latest(port: &dyn ReadPort, owner: Owner) -> Result<Option<TimeMs>, ReadError> {
    let newest = |list: Chunks| Ok::<_, ReadError>(list.last_of(port, &[])?.and_then(|(key, _)| time_of(&key)));
    Ok(newest(owner.feed(lists::NEW))?.max(newest(owner.comments())?))
}
