//! Process 1 of the run: starts the first program of the supervisor again whenever it dies, as an
//! init with respawn does, and reaps every orphan.

use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How a child ended: its exit code, or minus the signal.
type End = i32;

#[derive(Default)]
pub struct Init {
    ends: BTreeMap<i32, End>,
}

impl Init {
    /// Reaps all children that have ended, and keeps how they ended.
    pub fn reap(&mut self) {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => self.ends.insert(pid.as_raw(), code),
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    self.ends.insert(pid.as_raw(), -(signal as i32))
                }
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(_) => None,
            };
        }
    }

    /// How a child ended, if it has. Call it once: later another process may have the pid.
    pub fn end_of(&mut self, pid: i32) -> Option<End> {
        self.reap();
        self.ends.remove(&pid)
    }

    /// Starts a child. Forgets the end of an earlier process with its pid.
    pub fn start(&mut self, command: &mut Command) -> Child {
        self.reap();
        let child = command.spawn().unwrap();
        self.ends.remove(&id(&child));
        child
    }

    /// Runs a command to its end. `None` if it takes longer than ten seconds.
    pub fn run(&mut self, command: &mut Command) -> Option<(End, String)> {
        let mut child = self.start(command);
        let until = Instant::now() + Duration::from_secs(10);
        let end = loop {
            match self.end_of(id(&child)) {
                Some(end) => break end,
                None if Instant::now() >= until => {
                    let _ = nix::sys::signal::kill(
                        Pid::from_raw(id(&child)),
                        nix::sys::signal::Signal::SIGKILL,
                    );
                    return None;
                }
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        let mut said = String::new();
        if let Some(stdout) = &mut child.stdout {
            stdout.read_to_string(&mut said).unwrap();
        }
        Some((end, said))
    }
}

pub fn id(child: &Child) -> i32 {
    i32::try_from(child.id()).unwrap()
}
