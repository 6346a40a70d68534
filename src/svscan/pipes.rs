//! The log pipes: made once per entry; found again by a successor, through those who hold them.
//!
//! A pipe is taken over only if it is the one that was recorded for the service; or, where
//! nothing was recorded (0.76 was here), if it is the same at the main supervise's descriptor 1
//! and at the logger's supervise's descriptor 0. Never the pipe of a descriptor 2: that one leads
//! to readproctitle.

use super::entry::LogPipe;
use crate::service::journal::recorded_service;
use crate::service::scan_pipes::{Key, PipeRecords};
use crate::sys::descriptor::{self, HERE, Purpose, open};
use crate::sys::file::{self, Facts, Kind};
use crate::sys::process::Pid;
use crate::sys::{Errno, proc};
use std::os::fd::{AsFd, OwnedFd};

/// The pipe for a service with a logger: the one that it has already, or a new one, recorded
/// before anybody can use it.
///
/// # Errors
/// Those of pipe2(2).
pub fn obtain(
    records: &mut PipeRecords,
    service: Key,
    name: &[u8],
    running: Option<&Finder>,
) -> Result<LogPipe, Errno> {
    let recorded = records.get(service);
    // Without a record and with nobody there, there is nothing to look for.
    let found = (recorded.is_some() || running.is_some())
        .then(|| find(recorded, name, running.unwrap_or(&Finder::NOBODY)))
        .flatten();
    let pipe = match found {
        Some(pipe) => pipe,
        None => {
            let (read, write) = descriptor::pipe()?;
            LogPipe { read, write: Some(write) }
        }
    };
    let inode = file::facts_of(pipe.read.as_fd())?.inode;
    // A record that cannot be written costs only what a killed svscan would need it for.
    let _ = records.put(service, inode);
    Ok(pipe)
}

fn find(recorded: Option<u64>, name: &[u8], running: &Finder) -> Option<LogPipe> {
    let main = open(HERE, name, Purpose::Directory).ok()?;
    let log = open(HERE, &[name, b"/log"].concat(), Purpose::Directory).ok()?;
    let (main_supervise, log_supervise) = (running.supervise_of(&main), running.supervise_of(&log));
    let is_pipe = |facts: &Facts| facts.kind == Kind::Fifo;
    let at = |pid: Option<Pid>, number| {
        proc::descriptor_facts(pid?, number).ok().filter(is_pipe).map(|facts| facts.inode)
    };
    let wanted = match recorded {
        Some(inode) => inode,
        None => {
            let inode = at(main_supervise, 1)?;
            let leads_elsewhere = at(main_supervise, 2) == Some(inode)
                || file::facts_of(descriptor::standard(2)).is_ok_and(|own| own.inode == inode);
            if leads_elsewhere || at(log_supervise, 0) != Some(inode) {
                return None;
            }
            inode
        }
    };
    let service = |directory: &OwnedFd| recorded_service(directory.as_fd()).map(|found| found.pid);
    let candidates =
        [(main_supervise, 1), (log_supervise, 0), (service(&main), 1), (service(&log), 0)];
    candidates.into_iter().find_map(|(pid, number)| {
        let pid = pid.filter(|_| at(pid, number) == Some(wanted))?;
        let ends = |purpose| {
            let end = proc::reopen(pid, number, purpose).ok()?;
            // Once more, on what was opened: the process may have changed its mind in between.
            let is_it = |facts: Facts| is_pipe(&facts) && facts.inode == wanted;
            file::facts_of(end.as_fd()).is_ok_and(is_it).then_some(end)
        };
        Some(LogPipe { read: ends(Purpose::Read)?, write: Some(ends(Purpose::Write)?) })
    })
}

/// The supervises that run, by the directory they work in.
#[derive(Debug)]
pub struct Finder {
    supervises: Vec<(Pid, Facts)>,
}

impl Finder {
    const NOBODY: Self = Self { supervises: Vec::new() };

    /// Looks through /proc, once for many services.
    #[must_use]
    pub fn look_around() -> Self {
        Self { supervises: proc::working_directories(b"supervise") }
    }

    /// The supervise that works in this service directory and has its lock open.
    fn supervise_of(&self, directory: &OwnedFd) -> Option<Pid> {
        let here = file::facts_of(directory.as_fd()).ok()?;
        let lock = file::facts(directory.as_fd(), b"supervise/lock").ok()?;
        let is_here = |cwd: &Facts| (cwd.device, cwd.inode) == (here.device, here.inode);
        let mut candidates = self.supervises.iter().filter(|(_, cwd)| is_here(cwd));
        candidates.find(|(pid, _)| proc::has_open(*pid, &lock)).map(|(pid, _)| *pid)
    }
}
