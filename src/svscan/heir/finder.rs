//! Finds the running supervises by their working directories. Names, FIFOs and journals may be
//! gone, or planted by another user.

use crate::service::lock;
use crate::service::records::Records;
use crate::svscan::plan::{Key, Role};
use crate::sys::descriptor::HERE;
use crate::sys::file::{self, Facts};
use crate::sys::process::Pid;
use crate::sys::{Errno, proc};
use std::cell::OnceCell;
use std::os::fd::BorrowedFd;

/// Searches /proc when it is first needed, and uses that result for a whole round.
#[derive(Debug, Default)]
pub struct Finder {
    found: OnceCell<Vec<(Key, Role, Pid)>>,
}

impl Finder {
    /// A finder that finds nothing and does not search, for a service that has no supervise yet.
    #[must_use]
    pub fn blind() -> Self {
        Self { found: OnceCell::from(Vec::new()) }
    }

    /// All running supervises, each with its service and its role, in the order of the services.
    #[must_use]
    pub fn all(&self) -> &[(Key, Role, Pid)] {
        self.found.get_or_init(|| {
            let key = |facts: &Facts| (facts.device, facts.inode);
            let mut found = Vec::new();
            for worker in proc::workers(b"supervise") {
                found.push((key(&worker.directory), Role::Main, worker.pid));
                // A supervise in a directory `log` may be the logger's of the parent directory.
                if let Some(around) = worker.around.filter(|_| worker.name == b"log") {
                    found.push((key(&around), Role::Log, worker.pid));
                }
            }
            found.sort_unstable();
            found
        })
    }

    /// The supervise that works in the directory of this service, or in the `log` below it.
    #[must_use]
    pub fn supervise(&self, key: Key, role: Role) -> Option<Pid> {
        self.those_of(key, role).next()
    }

    /// All supervises that work there.
    fn those_of(&self, key: Key, role: Role) -> impl Iterator<Item = Pid> {
        let all = self.all();
        let from = all.partition_point(|(other, as_role, _)| (*other, *as_role) < (key, role));
        let those = all.get(from..).unwrap_or_default().iter();
        those.take_while(move |found| (found.0, found.1) == (key, role)).map(|found| found.2)
    }

    /// The supervise that works in this service directory and has the lock there open. If the lock
    /// file was removed, any supervise that works in the directory.
    #[must_use]
    pub fn supervise_of(&self, directory: BorrowedFd<'_>) -> Option<Pid> {
        let here = file::facts_of(directory).ok()?;
        let mut here = self.those_of((here.device, here.inode), Role::Main);
        match Records::find(directory).and_then(|records| lock::facts(&records)) {
            Ok(lock) => here.find(|&pid| proc::has_open(pid, &lock)),
            Err(Errno::ENOENT) => here.next(),
            Err(_) => None,
        }
    }
}

/// Whether this name still leads to this service.
#[must_use]
pub fn is_there(key: Key, name: &[u8]) -> bool {
    file::facts(HERE, name).is_ok_and(|facts| (facts.device, facts.inode) == key)
}
