//! A process under ptrace(2), which goes from system call to system call. Calls without an effect
//! outside the process are no steps: a kill before one of them is the same as a kill before the
//! next.

use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

/// Time between two looks at a running process.
const LOOK: Duration = Duration::from_micros(100);
/// How long a process must sleep in a call before it counts as waiting.
const CALM: Duration = Duration::from_millis(3);

/// Calls that change nothing outside of their process, and wait for nothing.
const UNSEEN: [i64; 22] = [
    libc::SYS_arch_prctl,
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_fstat,
    libc::SYS_getdents64,
    libc::SYS_getpid,
    libc::SYS_geteuid,
    libc::SYS_getrandom,
    libc::SYS_getrlimit,
    libc::SYS_lseek,
    libc::SYS_lstat,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_munmap,
    libc::SYS_newfstatat,
    libc::SYS_readlink,
    libc::SYS_readlinkat,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_set_tid_address,
    libc::SYS_stat,
    libc::SYS_uname,
];
/// Calls that are unseen on a file of /proc.
const UNSEEN_IN_PROC: [i64; 3] = [libc::SYS_read, libc::SYS_close, libc::SYS_pread64];
/// The beginning of a path in /proc.
const PROC: &[u8] = b"/proc/";

/// What a process did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is stopped before its next system call.
    Call(u64),
    /// It sleeps in a call.
    Waits,
    /// It has ended by itself.
    Ended,
}

/// A traced process: killed when dropped.
pub struct Traced {
    pid: Pid,
    /// Between the entry of a call and its return.
    is_inside: bool,
    /// Whether it was continued since it last stopped.
    is_going: bool,
    has_ended: bool,
    /// The descriptors that it has open below /proc.
    in_proc: BTreeSet<u64>,
    /// Whether the call that it is inside of opens something below /proc.
    opens_proc: bool,
}

impl Traced {
    /// Starts `command`, stopped before its first instruction.
    pub fn start(mut command: Command) -> Self {
        // SAFETY: ptrace(PTRACE_TRACEME) is a bare system call.
        unsafe { command.pre_exec(|| Ok(ptrace::traceme()?)) };
        let pid = Pid::from_raw(command.spawn().unwrap().id().cast_signed());
        let first = waitpid(pid, Some(WaitPidFlag::__WALL)).unwrap();
        assert_eq!(first, WaitStatus::Stopped(pid, Signal::SIGTRAP), "not stopped at its exec");
        let options = Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_TRACEEXEC;
        ptrace::setoptions(pid, options).unwrap();
        Self {
            pid,
            is_inside: false,
            is_going: false,
            has_ended: false,
            in_proc: BTreeSet::new(),
            opens_proc: false,
        }
    }

    pub fn pid(&self) -> u32 {
        self.pid.as_raw().cast_unsigned()
    }

    /// Continues it to the entry of the next call, or until it waits, or to its end.
    pub fn step(&mut self) -> Step {
        let mut calm_since: Option<Instant> = None;
        let mut signal = None;
        loop {
            if self.has_ended {
                return Step::Ended;
            }
            if !self.is_going {
                let _ = ptrace::syscall(self.pid, signal.take());
                self.is_going = true;
            }
            let flags = WaitPidFlag::__WALL | WaitPidFlag::WNOHANG;
            match waitpid(self.pid, Some(flags)) {
                Ok(WaitStatus::StillAlive) => {
                    let since = *calm_since.get_or_insert_with(Instant::now);
                    if self.state() != 'S' {
                        calm_since = None;
                    } else if since.elapsed() >= CALM {
                        return Step::Waits;
                    }
                    std::thread::park_timeout(LOOK);
                    continue;
                }
                Ok(WaitStatus::PtraceSyscall(_)) => {
                    self.is_going = false;
                    self.is_inside = !self.is_inside;
                    let Ok(registers) = ptrace::getregs(self.pid) else { continue };
                    if !self.is_inside {
                        if std::mem::take(&mut self.opens_proc) {
                            self.in_proc.insert(registers.rax);
                        }
                    } else if !self.is_unseen(&registers) {
                        return Step::Call(registers.orig_rax);
                    }
                }
                Ok(WaitStatus::Stopped(_, stop)) => {
                    self.is_going = false;
                    signal = Some(stop);
                }
                Ok(WaitStatus::PtraceEvent(..)) => {
                    // After an exec its close-on-exec descriptors are closed, and their numbers are
                    // used again.
                    self.in_proc.clear();
                    self.is_going = false;
                }
                Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(_) => {
                    self.has_ended = true;
                }
                Ok(other) => panic!("unexpected news of a traced process: {other:?}"),
            }
            calm_since = None;
        }
    }

    pub fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Kills it. A call whose entry was reached is not made.
    pub fn kill(&mut self) {
        if self.has_ended {
            return;
        }
        let _ = nix::sys::signal::kill(self.pid, Signal::SIGKILL);
        loop {
            match waitpid(self.pid, Some(WaitPidFlag::__WALL)) {
                Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) | Err(_) => break,
                Ok(_) => {}
            }
        }
        self.has_ended = true;
    }

    /// Whether the call that it is about to make has no effect outside the process.
    fn is_unseen(&mut self, registers: &libc::user_regs_struct) -> bool {
        let call = registers.orig_rax.cast_signed();
        if UNSEEN.contains(&call) {
            return true;
        }
        if call == libc::SYS_openat || call == libc::SYS_open {
            let path = if call == libc::SYS_openat { registers.rsi } else { registers.rdi };
            let address = std::ptr::with_exposed_provenance_mut(usize::try_from(path).unwrap());
            let start = ptrace::read(self.pid, address).unwrap_or(0);
            self.opens_proc = start.to_ne_bytes().starts_with(PROC);
            return self.opens_proc;
        }
        let is_in_proc = UNSEEN_IN_PROC.contains(&call) && self.in_proc.contains(&registers.rdi);
        if is_in_proc && call == libc::SYS_close {
            self.in_proc.remove(&registers.rdi);
        }
        is_in_proc
    }

    fn state(&self) -> char {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let after = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
        after.unwrap_or('-')
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        self.kill();
    }
}
