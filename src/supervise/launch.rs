//! The two-step start: the child waits until supervise, its parent, has recorded it, so that no
//! service ever runs unrecorded. If supervise dies before that, the child exits and never executes
//! `./run`.

use crate::error::{Exit, Program};
use crate::service;
use crate::sys::process::{self, Environment, Pid, Side};
use crate::sys::{Errno, descriptor, signal};
use std::os::fd::{AsFd, OwnedFd};

/// A forked child that waits for its release.
#[derive(Debug)]
pub struct Held {
    /// Its pid.
    pub pid: Pid,
    gate: OwnedFd,
}

/// Forks a child that will exec `./run`, in a session of its own if `own_session`.
///
/// # Errors
/// Those of pipe2(2) and fork(2).
pub fn hold(program: Program, name: &[u8], own_session: bool) -> Result<Held, Errno> {
    let (wait, gate) = descriptor::pipe()?;
    match process::fork()? {
        Side::Parent(pid) => Ok(Held { pid, gate }),
        Side::Child => {
            drop(gate);
            become_service(program, name, own_session, wait)
        }
    }
}

impl Held {
    /// Lets the child execute `./run`.
    pub fn release(self) {
        // This fails only if the child is dead, and the loop will see that end.
        let _ = descriptor::write(self.gate.as_fd(), b"!");
    }
}

/// What the child does. It sets the dispositions first (supervise has all but these at their
/// defaults) and unblocks the signals second, so that no signal meets a disposition meant for
/// supervise. Then it waits, and executes `./run`.
fn become_service(program: Program, name: &[u8], own_session: bool, wait: OwnedFd) -> ! {
    signal::ready_for_exec();
    if descriptor::read(wait.as_fd(), &mut [0]) != Ok(1) {
        process::leave(Exit::SYSTEM.number());
    }
    if own_session {
        // A fresh child leads no group: this cannot fail.
        let _ = process::new_session();
    }
    let error = process::exec(service::RUN, &[service::RUN], &Environment::Inherited);
    let exit = program.fatal_because(&[b"unable to start ", name, b"/run"], error);
    process::leave(exit.number())
}
