//! One service directory, and the two ends of its FIFO `stamp`: the `./run` that writes the clock
//! into it, and the benchmark that reads it.
//!
//! The clock is read by `./run` itself, so it does not matter how late the benchmark reads the
//! stamp; and a FIFO whose last writer is gone says so, which dates a death.

use crate::Fallible;
use crate::patience::{self, Deadline};
use nix::fcntl::OFlag;
use nix::poll::PollFlags;
use nix::sys::stat::Mode;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The clock that all processes share, in nanoseconds.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// The service: says when it was started, holds the FIFO open as its sign of life, and pauses.
pub fn run() -> ExitCode {
    let started = now();
    let Ok(mut stamp) = File::options().write(true).open("stamp") else {
        return ExitCode::FAILURE;
    };
    let mut record = [0; Start::SIZE];
    record[..8].copy_from_slice(&started.to_ne_bytes());
    record[8..].copy_from_slice(&nix::unistd::getpid().as_raw().to_ne_bytes());
    let _ = stamp.write_all(&record);
    loop {
        nix::unistd::pause();
    }
}

/// What a `./run` said of its start.
#[derive(Clone, Copy)]
pub struct Start {
    pub at: u64,
    pub pid: Pid,
}

impl Start {
    const SIZE: usize = 12;
}

/// What the benchmark wants to learn from a service.
#[derive(PartialEq, Eq)]
pub enum Watch {
    /// Its starts only: nothing wakes the benchmark, and so disturbs a restart, at its death.
    Starts,
    /// Its starts, and its death.
    Death,
}

/// A service directory, and the reading end of its FIFO.
pub struct Service {
    pub directory: PathBuf,
    fifo: File,
    pub last: Option<Start>,
}

impl Service {
    pub fn make(directory: PathBuf, watch: &Watch) -> Fallible<Self> {
        std::fs::create_dir(&directory)?;
        // By way of a link: the program need not be copied into the temporary directory.
        symlink(std::env::current_exe()?, directory.join("run"))?;
        let stamp = directory.join("stamp");
        nix::unistd::mkfifo(&stamp, Mode::S_IRUSR | Mode::S_IWUSR)?;
        let fifo = File::options()
            .read(true)
            // A writing end of our own keeps a death from being seen.
            .write(*watch == Watch::Starts)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(stamp)?;
        Ok(Self { directory, fifo, last: None })
    }

    /// The next start, if it has been reported.
    pub fn started(&mut self) -> Fallible<Option<Start>> {
        let mut record = [0; Start::SIZE];
        match self.fifo.read(&mut record) {
            Ok(Start::SIZE) => {
                let at = u64::from_ne_bytes(record[..8].try_into()?);
                let pid = i32::from_ne_bytes(record[8..].try_into()?);
                self.last = Some(Start { at, pid: Pid::from_raw(pid) });
                Ok(self.last)
            }
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for the next start by looking now and then: the benchmark hardly runs meanwhile.
    pub fn look_for_start(&mut self) -> Fallible<Start> {
        let deadline = Deadline::new(&format!("a start of {}", self.directory.display()));
        loop {
            if let Some(start) = self.started()? {
                return Ok(start);
            }
            deadline.left()?;
            patience::nap(Duration::from_millis(20))?;
        }
    }

    /// Waits for the death of a service watched for it, and says when it was.
    pub fn wait_for_death(&mut self) -> Fallible<u64> {
        let deadline = Deadline::new(&format!("the death of {}", self.directory.display()));
        loop {
            let events = patience::wait(&self.fifo, deadline.left()?)?;
            let at = now();
            if events.contains(PollFlags::POLLHUP) {
                return Ok(at);
            }
            self.started()?;
        }
    }

    /// Sends control bytes. All contestants take them in the same place, and all know u and d.
    pub fn send(&self, bytes: &[u8]) -> Fallible<()> {
        let path = self.directory.join("supervise/control");
        let mut control =
            File::options().write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
        Ok(control.write_all(bytes)?)
    }

    pub fn link_into(&self, scan: &Path) -> Fallible<()> {
        let name = self.directory.file_name().ok_or("a service without a name")?;
        Ok(symlink(&self.directory, scan.join(name))?)
    }
}
