//! The longer messages of supervise: those of 0.76 about its status, and those that 0.76 does not
//! have. The loop allocates nothing, and neither do these.

use super::watched::Watched;
use crate::error::{Program, decimal};
use crate::service::status::PublishError;
use crate::sys::Errno;
use crate::sys::process::Pid;

/// The name at the start of every message.
pub const SUPERVISE: Program = Program::daemon("supervise");

/// Warns which process supervise waits for, and how an admin can end the wait.
pub fn warn_of_doubt(name: &[u8], process: &Watched) {
    let mut digits = [0; 20];
    let pid = decimal(u64::from(process.identity().pid), &mut digits);
    let [before, between, behind]: [&[u8]; 3] = [
        b" may be the service of ",
        b", waiting until it is gone; if it is another one, remove ",
        b"/supervise/journal",
    ];
    SUPERVISE.warning(&[b"process ", pid, before, name, between, name, behind]);
}

/// Warns that the recorded pid of the service belongs to another process now.
pub fn warn_of_another(name: &[u8], pid: Pid) {
    let mut digits = [0; 20];
    let pid = decimal(u64::from(pid), &mut digits);
    let reason: &[u8] = b": the pid belongs to another process now";
    SUPERVISE.warning(&[b"unable to adopt process ", pid, b" of ", name, reason]);
}

/// Warns that the fork failed and when supervise tries again.
pub fn warn_of_fork(name: &[u8], seconds: u64, error: Errno) {
    let mut digits = [0; 20];
    let seconds = decimal(seconds, &mut digits);
    let [before, between]: [&[u8]; 2] = [b"unable to fork for ", b", sleeping "];
    SUPERVISE.warning_because(&[before, name, between, seconds, b" seconds"], error);
}

/// Warns that supervise sends no KILL to a group, since its number may belong to other processes by
/// now.
pub fn warn_of_group(name: &[u8], leader: Pid) {
    let mut digits = [0; 20];
    let leader = decimal(u64::from(leader), &mut digits);
    let [before, behind]: [&[u8]; 2] =
        [b"unable to end process group ", b": it may not be the one that the service of "];
    SUPERVISE.warning(&[before, leader, behind, name, b" left"]);
}

/// Warns which step of writing the status failed.
pub fn warn_unpublished(name: &[u8], error: PublishError) {
    let new: &[u8] = b"/supervise/status.new";
    match error {
        PublishError::Open(error) => {
            SUPERVISE.warning_because(&[b"unable to open ", name, new], error);
        }
        PublishError::Write(error) => {
            SUPERVISE.warning_because(&[b"unable to write ", name, new], error);
        }
        PublishError::Partial => {
            SUPERVISE.warning(&[b"unable to write ", name, new, b": partial write"]);
        }
        PublishError::Rename(error) => {
            SUPERVISE.warning_because(&[b"unable to rename ", name, new, b" to status"], error);
        }
    }
}
