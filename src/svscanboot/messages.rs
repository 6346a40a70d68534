//! The message pipe, from svscan, the supervises and the services to readproctitle, and the
//! readproctitle that reads it. A new svscanboot finds both again through the processes that have
//! the pipe open.

use super::child::KeptChild;
use crate::scandir::{ScanRecords, message_record};
use crate::sys::descriptor::{self, HERE, Purpose, open};
use crate::sys::file::{self, Kind};
use crate::sys::proc::{self, Process};
use crate::sys::process::{self, Pid};
use crate::sys::{Errno, poll};
use core::time::Duration;
use std::os::fd::{AsFd, OwnedFd};

/// How many dots readproctitle has as space for messages.
const DOTS: usize = 400;
/// Time between two looks at a readproctitle that is not our child.
const PROBE: Duration = Duration::from_secs(5);

/// The message pipe, both ends, and its reader.
#[derive(Debug)]
pub struct Messages {
    read: OwnedFd,
    write: OwnedFd,
    reader: MessageReader,
    /// Whether the record names this pipe, or there can be no record.
    is_recorded: bool,
}

#[derive(Debug)]
enum MessageReader {
    /// Our child, started again when it ends.
    Ours(KeptChild),
    /// Another svscanboot started it: its pid, start time, and a pidfd if the kernel has them.
    Found(Pid, u64, Option<OwnedFd>),
}

impl Messages {
    /// The recorded pipe, if a process still has it open, or a new one.
    ///
    /// # Errors
    /// Those of pipe2(2).
    pub fn obtain(records: Option<&ScanRecords>) -> Result<Self, Errno> {
        let recorded = records.and_then(message_record::get);
        let (read, write) = match recorded.and_then(find_pipe) {
            Some(ends) => ends,
            None => descriptor::pipe()?,
        };
        file::let_all_write(write.as_fd());
        let inode = file::facts_of(read.as_fd())?.inode;
        let reader =
            find_reader(inode).unwrap_or_else(|| MessageReader::Ours(KeptChild::default()));
        let mut messages = Self { read, write, reader, is_recorded: true };
        if let Some(records) = records.filter(|_| recorded != Some(inode)) {
            messages.record_in(records);
        }
        Ok(messages)
    }

    /// Records the pipe: a new one, or in new records, because the old ones were removed. If that
    /// fails, [`Self::keep_reader`] tries again: without a record the successor of a killed
    /// svscanboot would make another pipe.
    pub fn record_in(&mut self, records: &ScanRecords) {
        let inode = file::facts_of(self.read.as_fd()).map(|facts| facts.inode);
        let recorded = inode.and_then(|inode| message_record::put(records, inode));
        self.is_recorded = recorded.is_ok();
    }

    /// The end to write to.
    #[must_use]
    pub fn write_end(&self) -> &OwnedFd {
        &self.write
    }

    /// Starts a reader if none runs, and records the pipe if it could not be recorded before.
    pub fn keep_reader(&mut self, records: Option<&ScanRecords>) {
        if let Some(records) = records.filter(|_| !self.is_recorded) {
            self.record_in(records);
        }
        if let MessageReader::Found(pid, start, _) = self.reader {
            let found = Process::read(pid);
            if !found.is_ok_and(|found| found.start == start && found.is_alive()) {
                self.reader = MessageReader::Ours(KeptChild::default());
            }
        }
        if let MessageReader::Ours(child) = &mut self.reader {
            let read = self.read.as_fd();
            let dots = std::ffi::CString::new(vec![b'.'; DOTS]).unwrap_or_default();
            let words = [c"readproctitle", c"service", c"errors:", dots.as_c_str()];
            child.keep(&words, None, || {
                descriptor::place_at(read, 0)?;
                // Messages of readproctitle itself have no other place to go.
                let null = open(HERE, b"/dev/null", Purpose::Write);
                null.map_or(Ok(()), |null| descriptor::place_at(null.as_fd(), 2))
            });
        }
    }

    /// Notes that process `pid` has ended.
    pub fn note_end(&mut self, pid: Pid) {
        if let MessageReader::Ours(child) = &mut self.reader {
            child.note_end(pid);
        }
    }

    /// The descriptor that becomes readable when a found reader ends.
    #[must_use]
    pub fn watched(&self) -> Option<poll::PollFd<'_>> {
        match &self.reader {
            MessageReader::Found(_, _, Some(pidfd)) => Some(poll::readable(pidfd.as_fd())),
            _ => None,
        }
    }

    /// How long to wait before the next look at the reader, if no descriptor reports its end.
    #[must_use]
    pub fn look_after(&self) -> Option<Duration> {
        match &self.reader {
            MessageReader::Found(_, _, None) => Some(PROBE),
            MessageReader::Found(_, _, Some(_)) => None,
            MessageReader::Ours(child) => child.look_after(),
        }
    }

    /// Closes both ends, so that the reader can read the end of file. Returns a function that says
    /// whether the reader still runs.
    pub fn give_up(self) -> impl FnMut() -> bool {
        let Self { reader, .. } = self;
        move || match &reader {
            MessageReader::Ours(child) => {
                child.pid().is_some_and(|pid| process::reap(pid).is_none())
            }
            MessageReader::Found(pid, start, _) => {
                Process::read(*pid).is_ok_and(|found| found.start == *start && found.is_alive())
            }
        }
    }
}

fn is_pipe(pid: Pid, number: u32, inode: u64) -> bool {
    proc::descriptor_facts(pid, number)
        .is_ok_and(|facts| facts.kind == Kind::Fifo && facts.inode == inode)
}

/// Opens both ends of the pipe of this inode, through any process that has it at descriptor 2:
/// svscan, a supervise or a service. Even if svscan and all supervises are killed, the services
/// still have it.
fn find_pipe(inode: u64) -> Option<(OwnedFd, OwnedFd)> {
    // All pipes are on one device; a FIFO in a directory is on another.
    let (sample, _) = descriptor::pipe().ok()?;
    let device = file::facts_of(sample.as_fd()).ok()?.device;
    let is_it = |end: &OwnedFd| {
        file::facts_of(end.as_fd())
            .is_ok_and(|facts| (facts.device, facts.inode) == (device, inode))
    };
    let pids = proc::numbers(b"/proc").unwrap_or_default().into_iter();
    // A process may have ended meanwhile: then try the next.
    pids.filter(|&pid| is_pipe(pid, 2, inode)).find_map(|pid| {
        let end = |purpose| proc::reopen(pid, 2, purpose).ok().filter(is_it);
        Some((end(Purpose::Read)?, end(Purpose::Write)?))
    })
}

/// Finds the process that reads the pipe of this inode at descriptor 0. Its name does not matter: a
/// child that a killed svscanboot forked is named readproctitle only after its exec.
fn find_reader(inode: u64) -> Option<MessageReader> {
    let mut pids = proc::numbers(b"/proc").unwrap_or_default().into_iter();
    let pid = pids.find(|&pid| {
        is_pipe(pid, 0, inode) && proc::is_open_for_reading(pid, 0) && proc::is_trusted(pid)
    })?;
    let pidfd = process::open_pidfd(pid).ok();
    let start = Process::read(pid).ok()?.start;
    Some(MessageReader::Found(pid, start, pidfd))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn found(inode: u64) -> Option<Pid> {
        match find_reader(inode) {
            Some(MessageReader::Found(pid, ..)) => Some(pid),
            _ => None,
        }
    }

    #[test]
    fn who_reads_the_pipe_is_the_reader_whatever_its_name_and_who_writes_to_it_is_not() {
        let (read, write) = descriptor::pipe().unwrap();
        let inode = file::facts_of(read.as_fd()).unwrap().inode;
        let sleep = |input| Command::new("sleep").arg("1000").stdin(Stdio::from(input)).spawn();
        let mut writer = sleep(write).unwrap();
        let before = found(inode);
        let mut reader = sleep(read).unwrap();
        let after = found(inode);
        for child in [&mut writer, &mut reader] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!((before, after), (None, Some(reader.id())));
        assert_eq!(found(inode), None);
    }
}
