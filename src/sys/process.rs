//! Processes: fork, exec, wait, kill, and pidfds where the kernel has them.

use super::command_line::{Arguments, environ};
use super::{Errno, heap, signal};
use nix::unistd::ForkResult;
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// A process id. Never 0: to kill(2) that would mean our own group.
pub type Pid = u32;

/// Which side of a fork we are.
#[derive(Debug)]
pub enum Side {
    /// The new process, with every signal blocked.
    Child,
    /// The old process. This is the id of the new one.
    Parent(Pid),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It exited with this code, 0 to 255.
    Code(u8),
    /// This signal killed it.
    Killed(u8),
}

/// fork(2) with every signal blocked. In the parent, the old mask is restored.
///
/// # Errors
/// Those of fork(2): EAGAIN or ENOMEM when the machine has no room.
pub fn fork() -> Result<Side, Errno> {
    let mask = signal::block_all();
    // SAFETY: this program never starts a thread, so the child may run any code.
    let forked = unsafe { nix::unistd::fork() };
    match forked {
        Ok(ForkResult::Child) => {
            heap::end_in_shortage();
            Ok(Side::Child)
        }
        Ok(ForkResult::Parent { child }) => {
            signal::restore(&mask);
            Ok(Side::Parent(child.as_raw().unsigned_abs()))
        }
        Err(error) => {
            signal::restore(&mask);
            Err(error)
        }
    }
}

/// _exit(2): ends a forked child without the parent's clean-up.
pub fn leave(code: u8) -> ! {
    // SAFETY: _exit takes no pointer and does not return.
    unsafe { libc::_exit(i32::from(code)) }
}

/// What a program gets as its environment.
#[derive(Debug)]
pub enum Environment<'a> {
    /// The caller's own, unchanged.
    Inherited,
    /// Exactly these `NAME=value` strings.
    Exactly(&'a [&'a CStr]),
}

/// The words that a program is run with, its name first.
#[derive(Clone, Copy, Debug)]
pub enum Words<'a> {
    /// These words.
    These(&'a [&'a CStr]),
    /// The words of our own command line, from this index on. This needs no memory.
    Own(&'a Arguments, usize),
}

impl<'a> From<&'a [&'a CStr]> for Words<'a> {
    fn from(words: &'a [&'a CStr]) -> Self {
        Self::These(words)
    }
}

impl<'a, const COUNT: usize> From<&'a [&'a CStr; COUNT]> for Words<'a> {
    fn from(words: &'a [&'a CStr; COUNT]) -> Self {
        Self::These(words)
    }
}

/// execve(2). Returns only if it failed, with the reason.
#[must_use]
pub fn exec<'a>(
    program: &CStr,
    words: impl Into<Words<'a>>,
    environment: &Environment<'_>,
) -> Errno {
    // Between fork and exec we avoid the heap. Few programs have many words.
    let mut few = [std::ptr::null(); FEW + 1];
    let many;
    let arguments = match words.into() {
        Words::Own(arguments, first) => arguments.pointers_from(first),
        Words::These(words) if words.len() <= FEW => {
            for (pointer, string) in few.iter_mut().zip(words) {
                *pointer = string.as_ptr();
            }
            few.as_ptr()
        }
        Words::These(words) => {
            many = match pointers(words) {
                Ok(many) => many,
                Err(error) => return error,
            };
            many.as_ptr()
        }
    };
    let own;
    let environment = match environment {
        // SAFETY: reads libc's pointer, which no other thread can be changing: there is none.
        Environment::Inherited => unsafe { environ },
        Environment::Exactly(strings) => {
            own = match pointers(strings) {
                Ok(own) => own,
                Err(error) => return error,
            };
            own.as_ptr()
        }
    };
    // SAFETY: both arrays end in a null pointer and outlive the call.
    unsafe { libc::execve(program.as_ptr(), arguments, environment) };
    Errno::last()
}

/// How many words of a command line are handled without the heap.
const FEW: usize = 6;

fn pointers(strings: &[&CStr]) -> Result<Vec<*const libc::c_char>, Errno> {
    let mut pointers = heap::with_room(strings.len() + 1).ok_or(Errno::ENOMEM)?;
    pointers.extend(strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]));
    Ok(pointers)
}

/// Whether our child `pid` has ended, without reaping it. While it is a zombie, no other process
/// can get its number, and no other process group.
#[must_use]
pub fn has_ended(pid: Pid) -> bool {
    let mut facts = MaybeUninit::<libc::siginfo_t>::zeroed();
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: waitid writes at most one siginfo_t to the pointer.
    let done = unsafe { libc::waitid(libc::P_PID, pid, facts.as_mut_ptr(), flags) };
    // SAFETY: zeroed above, and all-zero is a valid siginfo_t.
    let facts = unsafe { facts.assume_init() };
    done == 0 && facts.si_signo != 0
}

/// waitpid(2) for `pid`, without waiting. Returns how it ended, or `None` if it has not.
#[must_use]
pub fn reap(pid: Pid) -> Option<End> {
    reap_raw(libc::pid_t::try_from(pid).ok()?, libc::WNOHANG).map(|(_, end)| end)
}

/// As [`reap`], with the reason if waitpid(2) fails.
///
/// # Errors
/// Those of waitpid(2): ECHILD if it is no child of ours, or was reaped by the kernel.
pub fn try_wait(pid: Pid) -> Result<Option<End>, Errno> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| Errno::ECHILD)?;
    Ok(wait_raw(pid, libc::WNOHANG)?.map(|(_, end, _)| end))
}

/// As [`reap`], and whether the process left a core.
#[must_use]
pub fn reap_with_core(pid: Pid) -> Option<(End, bool)> {
    let waited = wait_raw(libc::pid_t::try_from(pid).ok()?, libc::WNOHANG);
    let (_, end, status) = waited.ok().flatten()?;
    Some((end, libc::WCOREDUMP(status)))
}

/// Whether process `pid` is a child of ours that is not reaped: then no other process has its
/// number.
#[must_use]
pub fn is_child(pid: Pid) -> bool {
    let mut facts = MaybeUninit::<libc::siginfo_t>::zeroed();
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: waitid writes at most one siginfo_t to the pointer.
    let done = unsafe { libc::waitid(libc::P_PID, pid, facts.as_mut_ptr(), flags) };
    done == 0
}

/// Whether there is a process of this number, a zombie included. Uses kill(2), which needs no
/// /proc.
#[must_use]
pub fn exists(pid: Pid) -> bool {
    kill(pid, 0) != Err(Errno::ESRCH)
}

/// waitpid(2) for any child, without waiting.
#[must_use]
pub fn reap_any() -> Option<(Pid, End)> {
    reap_raw(-1, libc::WNOHANG)
}

/// waitpid(2) for `pid`, waiting until it ends.
///
/// # Errors
/// Those of waitpid(2), EINTR excepted.
pub fn wait_for(pid: Pid) -> Result<End, Errno> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| Errno::ECHILD)?;
    loop {
        if let Some((_, end)) = reap_raw(pid, 0) {
            return Ok(end);
        }
        match Errno::last() {
            Errno::EINTR => {}
            error => return Err(error),
        }
    }
}

/// Reaps every child that has ended, except `spared`. A process may have children that it did not
/// start: from before an exec, or as process 1.
pub fn reap_others(spared: &[Pid]) {
    loop {
        let mut facts = MaybeUninit::<libc::siginfo_t>::zeroed();
        let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: waitid writes at most one siginfo_t to the pointer.
        let done = unsafe { libc::waitid(libc::P_ALL, 0, facts.as_mut_ptr(), flags) };
        // SAFETY: zeroed above, and all-zero is a valid siginfo_t.
        let facts = unsafe { facts.assume_init() };
        if done != 0 || facts.si_signo == 0 {
            return;
        }
        // SAFETY: waitid filled in the fields of a child's end.
        let pid = unsafe { facts.si_pid() }.unsigned_abs();
        if spared.contains(&pid) || reap(pid).is_none() {
            return;
        }
    }
}

fn reap_raw(pid: libc::pid_t, flags: libc::c_int) -> Option<(Pid, End)> {
    wait_raw(pid, flags).ok().flatten().map(|(pid, end, _)| (pid, end))
}

/// The process, how it ended, and the status from waitpid(2).
type Waited = (Pid, End, libc::c_int);

fn wait_raw(pid: libc::pid_t, flags: libc::c_int) -> Result<Option<Waited>, Errno> {
    let mut status: libc::c_int = 0;
    // SAFETY: waitpid writes one int to the pointer. nix's wrapper is not used: it refuses the
    // status of a child killed by a real-time signal.
    let reaped = Errno::result(unsafe { libc::waitpid(pid, &raw mut status, flags) })?;
    let Some(reaped) = Pid::try_from(reaped).ok().filter(|&pid| pid > 0) else { return Ok(None) };
    let end = if libc::WIFEXITED(status) {
        End::Code(u8::try_from(libc::WEXITSTATUS(status)).unwrap_or(u8::MAX))
    } else {
        End::Killed(u8::try_from(libc::WTERMSIG(status)).unwrap_or(u8::MAX))
    };
    Ok(Some((reaped, end, status)))
}

/// prctl(PR_SET_CHILD_SUBREAPER): orphans among our descendants become our children instead of
/// process 1's. Linux 3.4.
///
/// # Errors
/// EINVAL before Linux 3.4.
pub fn take_orphans() -> Result<(), Errno> {
    let yes: libc::c_ulong = 1;
    // SAFETY: this option takes a number and no pointer.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, yes, 0, 0, 0) }).map(drop)
}

/// kill(2) of one process.
///
/// # Errors
/// Those of kill(2); ESRCH for a number that cannot be a pid.
pub fn kill(pid: Pid, number: signal::SignalNumber) -> Result<(), Errno> {
    let pid = libc::pid_t::try_from(pid).ok().filter(|&pid| pid > 0).ok_or(Errno::ESRCH)?;
    // SAFETY: kill takes no pointer.
    Errno::result(unsafe { libc::kill(pid, number) }).map(drop)
}

/// kill(2) of a process group, named by its leader's pid.
///
/// # Errors
/// Those of kill(2): ESRCH when the group is empty.
pub fn kill_group(leader: Pid, number: signal::SignalNumber) -> Result<(), Errno> {
    let leader = libc::pid_t::try_from(leader).ok().filter(|&pid| pid > 1);
    let leader = leader.ok_or(Errno::ESRCH)?;
    // SAFETY: kill takes no pointer.
    Errno::result(unsafe { libc::kill(-leader, number) }).map(drop)
}

/// pidfd_open(2): a descriptor that becomes readable when `pid` ends. It never stands for a later
/// process of the same number. Linux 5.3.
///
/// # Errors
/// ENOSYS before Linux 5.3 (callers probe instead); ESRCH when there is no such process.
pub fn open_pidfd(pid: Pid) -> Result<OwnedFd, Errno> {
    let flags: libc::c_uint = 0;
    // SAFETY: pidfd_open takes no pointer.
    let opened = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) })?;
    let number = i32::try_from(opened).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel just opened it for us (close-on-exec by definition).
    let owned = unsafe { OwnedFd::from_raw_fd(number) };
    Ok(owned)
}

/// pidfd_send_signal(2). Linux 5.1.
///
/// # Errors
/// Those of pidfd_send_signal(2).
pub fn kill_by_pidfd(pidfd: BorrowedFd<'_>, number: signal::SignalNumber) -> Result<(), Errno> {
    let no_facts: *const libc::siginfo_t = std::ptr::null();
    let flags: libc::c_uint = 0;
    let pidfd = pidfd.as_raw_fd();
    // SAFETY: a null siginfo means "as kill(2)".
    let done =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd, number, no_facts, flags) };
    Errno::result(done).map(drop)
}

/// getpid(2)
#[must_use]
pub fn our_pid() -> Pid {
    nix::unistd::Pid::this().as_raw().unsigned_abs()
}

/// getppid(2): 0 for a parent in another pid namespace.
#[must_use]
pub fn our_parent() -> Pid {
    nix::unistd::Pid::parent().as_raw().unsigned_abs()
}

/// Whether an init started us: we are a child of process 1 and lead a session, as the children of
/// an init do, or we are process 1 ourselves. Call it at the start: a process that loses its parent
/// later becomes a child of process 1 too.
#[must_use]
pub fn is_inits() -> bool {
    let us = nix::unistd::Pid::this();
    let leads = nix::unistd::getsid(None) == Ok(us);
    our_pid() == 1 || leads && our_parent() == 1
}

/// setsid(2): a session and a process group of its own.
///
/// # Errors
/// EPERM when the caller leads a group already.
pub fn new_session() -> Result<(), Errno> {
    nix::unistd::setsid().map(drop)
}

/// setpgid(0, 0): a process group of its own in the same session.
///
/// # Errors
/// Those of setpgid(2).
pub fn new_group() -> Result<(), Errno> {
    let own = nix::unistd::Pid::from_raw(0);
    nix::unistd::setpgid(own, own)
}
