//! Disks that are put back to an earlier state: backups that are restored, and copies of directories that are brought back
//! as if they were the originals.
//!
//! What was acknowledged after the copy was made and lies durably nowhere else is lost with the disk, and nobody is to
//! blame; everything else has to come back. A restore is told to the store, as `tidepool restore` does, so it forks
//! nothing. A copy is not: its agents go on from where they had been, and fork.

use crate::queue::Event;
use crate::world::World;
use std::collections::BTreeSet;
use tidepool_kernel::memory::MemoryStore;
use tidepool_kernel::{Coverage, StoreReader};
use tidepool_protocol::EnvelopeId;
use tidepool_protocol::envelope::LogId;

/// How many agents act as soon as their home is back, and how soon, in milliseconds.
const LOOKING: usize = 2;
const LOOK_MS: (u64, u64) = (50, 1_500);

/// A copy of a node's disk.
#[derive(Debug)]
pub(crate) struct Backup {
    disk: MemoryStore,
    made: u64,
}

impl World<'_> {
    /// Copies what is durable at a node, for fault number `fault`.
    pub(crate) fn back_up(&mut self, at: usize, fault: usize) {
        let made = self.now;
        let member = &mut self.members[at];
        if member.starts > 0 {
            member.backups.insert(fault, Backup { disk: member.disk.durable_copy(), made });
        }
    }

    /// The disk is gone; a backup takes its place.
    pub(crate) fn disk_is_lost(&mut self, at: usize, fault: usize) {
        self.members[at].down += 1;
        if self.put_back(at, fault) {
            self.coverage.count("backups restored");
            let clock = self.clock(at);
            self.members[at].disk.mark_restored(clock);
        }
    }

    /// A copy of the directory takes the place of the original, and nobody tells the node; it is alone until the fault ends.
    pub(crate) fn copy_comes_back(&mut self, at: usize, fault: usize) {
        if self.members[at].copied || !self.put_back(at, fault) {
            return;
        }
        self.coverage.count("directories copied back");
        self.members[at].copied = true;
        self.partitions.insert(fault, BTreeSet::from([at]));
        if self.members[at].down == 0 {
            self.start(at);
            self.owners_look(at);
        }
    }

    /// Kills a node and gives it the copy. Not one of a time before another copy took its place: two lives of one copy are
    /// what nobody may make.
    fn put_back(&mut self, at: usize, fault: usize) -> bool {
        let Some(backup) = self.members[at].backups.remove(&fault) else { return false };
        if self.members[at].put_back.is_some_and(|last| backup.made <= last) {
            return false;
        }
        self.dies(at);
        let logs = backup.disk.all().into_iter().map(|stored| stored.envelope.header().log());
        let logs: BTreeSet<LogId> = logs.collect();
        let now = self.now;
        let member = &mut self.members[at];
        member.disk = backup.disk;
        member.spoken.clear();
        member.put_back = Some(now);
        member.known = Some(logs);
        self.forget_lost(at);
        true
    }

    /// Agents of a home that is back act at once: their owners look whether it works.
    pub(crate) fn owners_look(&mut self, at: usize) {
        let agents: Vec<usize> = (0..self.scenario.agents).filter(|agent| self.cast.home(*agent) == at).collect();
        for agent in self.disks.some(&agents, LOOKING) {
            let ms = self.disks.between(LOOK_MS.0, LOOK_MS.1);
            self.anyway(at, self.now + ms, Event::Work(agent));
        }
    }

    /// What no disk holds any more is not to be found anywhere again.
    fn forget_lost(&mut self, at: usize) {
        let here: BTreeSet<EnvelopeId> =
            self.members[at].disk.all().iter().map(|stored| stored.envelope.id()).collect();
        let mut held = here.clone();
        for member in self.members.iter().filter(|member| !member.prunes()) {
            let durable = StoreReader::durable(&member.disk);
            let all = member.disk.all().into_iter().filter(|stored| stored.cursor <= durable);
            // What a node holds and does not say that it covers, nobody asks it for.
            held.extend(
                all.filter(|stored| {
                    member.settings.coverage == Coverage::Archive || member.covers(stored.envelope.header().slot())
                })
                .map(|stored| stored.envelope.id()),
            );
        }
        let before = self.work.acknowledged.len();
        self.work.acknowledged.retain(|id, _| held.contains(id));
        let lost = before - self.work.acknowledged.len();
        self.coverage.add("envelopes lost with a disk", u64::try_from(lost).unwrap_or(u64::MAX));
        for (id, node) in &mut self.work.acknowledged {
            if *node == Some(at) && !here.contains(id) {
                *node = None;
            }
        }
        for agent in 0..self.scenario.agents {
            self.work.forget_lost(agent, &self.cast.agents[agent].genesis.id());
        }
    }
}
