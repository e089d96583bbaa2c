//! Faults begin and end: crashes, slow and failing disks, clocks, partitions, leaves and joins.

use crate::disk;
use crate::plan::FaultKind;
use crate::queue::Event;
use crate::world::World;
use tidepool_kernel::{Input, StoreError};

/// A node that was told to shut down is gone after this, in milliseconds.
const SHUTDOWN_MS: u64 = 2_000;

impl World<'_> {
    /// Sets when the faults of the plan begin and end; all are over when the work is.
    pub(crate) fn set_faults(&mut self) {
        let end = self.scenario.work_ms();
        for number in 0..self.plan.faults.len() {
            let fault = &self.plan.faults[number];
            if fault.at_ms >= end {
                continue;
            }
            let (begins, ends) = (fault.at_ms, fault.ends_ms().min(end - 1).max(fault.at_ms + 1));
            let before = if fault.kind == FaultKind::Crash { fault.amount.unsigned_abs() } else { 0 };
            let victims = fault.nodes.clone();
            let copies = matches!(fault.kind, FaultKind::Restore | FaultKind::Copy);
            let age = fault.amount.unsigned_abs();
            for node in victims {
                if before > 0 {
                    self.anyway(node, begins.saturating_sub(before), Event::Checkpoint);
                } else if copies {
                    self.anyway(node, begins.saturating_sub(age), Event::BackUp(number));
                }
            }
            self.anyway(0, begins, Event::FaultBegins(number));
            self.anyway(0, ends, Event::FaultEnds(number));
        }
    }

    /// Whom the plan lets join later.
    pub(crate) fn joins_later(&self, at: usize) -> bool {
        self.plan.faults.iter().any(|fault| fault.kind == FaultKind::Join && fault.nodes.contains(&at))
    }

    pub(crate) fn fault_begins(&mut self, number: usize) {
        let fault = self.plan.faults[number].clone();
        self.coverage.count(fault.kind.word());
        let amount = fault.amount.unsigned_abs();
        match fault.kind {
            FaultKind::Partition => {
                let side = fault.nodes.iter().copied().collect();
                self.cut_links(&side);
                self.partitions.insert(number, side);
            }
            FaultKind::Loss => {
                self.losses.insert(number, amount);
            }
            FaultKind::Crash => fault.nodes.iter().for_each(|at| {
                // Mostly in the middle of a flush: that is when there is something to lose.
                self.members[*at].down += 1;
                if self.disks.per_mille(700) {
                    self.members[*at].armed = true;
                } else {
                    self.dies(*at);
                }
            }),
            FaultKind::DiskFails => fault.nodes.iter().for_each(|at| {
                // It halts when it next writes; the end of the fault lets it start again.
                self.members[*at].disk.fail_appends();
            }),
            FaultKind::SlowDisk => fault.nodes.iter().for_each(|at| self.members[*at].slow_ms += amount),
            FaultKind::Skew => fault.nodes.iter().for_each(|at| self.move_clock(*at, fault.amount)),
            FaultKind::Leave => fault.nodes.iter().for_each(|at| self.leave(*at)),
            FaultKind::Join => {}
            FaultKind::Restore => fault.nodes.iter().for_each(|at| self.disk_is_lost(*at, number)),
            FaultKind::Copy => fault.nodes.iter().for_each(|at| self.copy_comes_back(*at, number)),
        }
    }

    pub(crate) fn fault_ends(&mut self, number: usize) {
        let fault = self.plan.faults[number].clone();
        let amount = fault.amount.unsigned_abs();
        match fault.kind {
            FaultKind::Partition | FaultKind::Copy => {
                self.partitions.remove(&number);
            }
            FaultKind::Loss => {
                self.losses.remove(&number);
            }
            FaultKind::Crash | FaultKind::Leave | FaultKind::Join => {
                fault.nodes.iter().for_each(|at| self.come_back(*at));
            }
            FaultKind::Restore => fault.nodes.iter().for_each(|at| {
                self.come_back(*at);
                self.owners_look(*at);
            }),
            FaultKind::DiskFails => fault.nodes.iter().for_each(|at| {
                self.members[*at].disk.mend();
                self.members[*at].down += 1;
                self.dies(*at);
                self.come_back(*at);
            }),
            FaultKind::SlowDisk => fault.nodes.iter().for_each(|at| {
                let slow = &mut self.members[*at].slow_ms;
                *slow = slow.saturating_sub(amount);
            }),
            FaultKind::Skew => fault.nodes.iter().for_each(|at| self.move_clock(*at, -fault.amount)),
        }
    }

    /// Kills a node: what it had not flushed is gone, or some of it.
    pub(crate) fn dies(&mut self, at: usize) {
        if !self.places[at].up {
            return;
        }
        self.stop(at);
        let crash = disk::crash(&self.members[at].disk, &mut self.disks);
        self.coverage.add("batches lost in crashes", crash.batches_lost);
        self.coverage.add("envelopes lost in crashes", crash.envelopes_lost);
        self.coverage.add("unflushed batches that survived", crash.batches_kept);
        self.coverage.add("folds begun anew", u64::from(crash.refold));
        self.check_kept(at);
    }

    /// Lets a node shut down in order.
    fn leave(&mut self, at: usize) {
        self.members[at].down += 1;
        if self.places[at].up {
            self.step(at, Input::Shutdown);
            self.step(at, Input::TurnEnded);
            self.later(at, SHUTDOWN_MS, Event::Gone);
        }
    }

    /// Everything that a node promised before it shut down is on disk by now; what is not was never promised.
    pub(crate) fn gone(&mut self, at: usize) {
        if self.places[at].up {
            self.stop(at);
            disk::crash(&self.members[at].disk, &mut self.disks);
            self.check_kept(at);
        }
    }

    fn come_back(&mut self, at: usize) {
        let member = &mut self.members[at];
        member.down = member.down.saturating_sub(1);
        if member.down > 0 {
            return;
        }
        if std::mem::take(&mut member.armed) {
            // It had nothing to write until now.
            self.dies(at);
        }
        self.gone(at);
        self.start(at);
    }

    fn move_clock(&mut self, at: usize, ms: i64) {
        self.members[at].skew_ms += ms;
    }

    /// A node says that its disk failed.
    pub(crate) fn halted(&mut self, at: usize, error: &StoreError) {
        self.members[at].halted = true;
        let told = self.plan.faults.iter().any(|fault| {
            fault.kind == FaultKind::DiskFails
                && fault.nodes.contains(&at)
                && (fault.at_ms..=fault.ends_ms().min(self.scenario.work_ms())).contains(&self.now)
        });
        if told {
            self.coverage.count("halts on a failing disk");
        } else {
            let reason = error.to_string();
            self.violations.push(crate::report::Violation::Halted { node: at, reason });
        }
    }
}
