//! Tries system calls that CentOS 6 lacks, and some that it has.
//!
//! Every call has arguments with no effect, so that the probe is harmless without the filter.

use super::filter::{ABSENT, ABSENT_PRCTL, CLOCK_CALLS, LARGEST};
use std::fs;
use std::ops::RangeInclusive;
use std::os::raw::{c_char, c_long};

/// uretprobe and uprobe: newer kernels do not filter them, and kill a process that calls them
/// outside of a probe.
const UNFILTERED: RangeInclusive<i64> = 335..=336;

/// getpid by the calling convention x32.
const X32_GETPID: i64 = 0x4000_0000 | libc::SYS_getpid;

/// The results that differ from CentOS 6, one in each line; empty on that kernel.
pub fn differences() -> Vec<String> {
    let mut found = Vec::new();
    if !in_force() {
        // The numbers below are not called blindly on a kernel that has them all.
        found.push("no filter in force: /proc/self/status has no `Seccomp: 2`".to_owned());
        return found;
    }
    let release = release();
    if !release.starts_with("2.6.") {
        found.push(format!("uname says {release}"));
    }
    let later = (LARGEST + 1..600).filter(|number| !UNFILTERED.contains(number));
    for number in ABSENT.into_iter().chain(later).chain([-1, X32_GETPID]) {
        expect(&mut found, &format!("call {number}"), call(number, &[-1; 6]), libc::ENOSYS);
    }
    let named = [
        ("close_range", libc::SYS_close_range),
        ("pidfd_open", libc::SYS_pidfd_open),
        ("clone3", libc::SYS_clone3),
        ("getrandom", libc::SYS_getrandom),
        ("statx", libc::SYS_statx),
        ("prlimit64", libc::SYS_prlimit64),
    ];
    for (name, number) in named {
        expect(&mut found, name, call(number, &[-1; 6]), libc::ENOSYS);
    }
    for number in ABSENT_PRCTL {
        // The null pointer is for the call that reads.
        let answer = call(libc::SYS_prctl, &[number.into(), 0, 0, 0, 0, 0]);
        expect(&mut found, &format!("prctl {number}"), answer, libc::EINVAL);
    }
    for number in CLOCK_CALLS {
        let boot_time = libc::CLOCK_BOOTTIME.into();
        let answer = call(number, &[boot_time, 0, 0, 0, 0, 0]);
        expect(&mut found, &format!("CLOCK_BOOTTIME in call {number}"), answer, libc::EINVAL);
    }
    let mut room = [0_u8; 256];
    let room = room.as_mut_ptr().expose_provenance().cast_signed() as c_long;
    let (empty, root) = (address(c""), address(c"/"));
    let empty_path = libc::AT_EMPTY_PATH.into();
    let answer = call(libc::SYS_newfstatat, &[0, empty, room, empty_path, 0, 0]);
    expect(&mut found, "newfstatat with AT_EMPTY_PATH", answer, libc::EINVAL);
    let temporary = (libc::O_TMPFILE | libc::O_RDWR).into();
    let here = libc::AT_FDCWD.into();
    let answer = call(libc::SYS_openat, &[here, root, temporary, 0o600, 0, 0]);
    expect(&mut found, "openat with O_TMPFILE", answer, libc::EISDIR);
    let answer = call(libc::SYS_open, &[root, temporary, 0o600, 0, 0, 0]);
    expect(&mut found, "open with O_TMPFILE", answer, libc::EISDIR);
    let answer = call(libc::SYS_fcntl, &[0, libc::F_SETPIPE_SZ.into(), 65536, 0, 0, 0]);
    expect(&mut found, "fcntl with F_SETPIPE_SZ", answer, libc::EINVAL);
    found.extend(missing(room, root));
    found
}

/// Calls that this kernel has must not fail: otherwise the filter would hide a fault of ours behind
/// a fallback that is never used on CentOS 6.
fn missing(room: c_long, root: c_long) -> Vec<String> {
    let here = libc::AT_FDCWD.into();
    let present: [(&str, i64, [c_long; 6]); 23] = [
        ("stat", libc::SYS_stat, [root, room, 0, 0, 0, 0]),
        ("fstat", libc::SYS_fstat, [-1, room, 0, 0, 0, 0]),
        ("newfstatat", libc::SYS_newfstatat, [here, root, room, 0, 0, 0]),
        ("openat", libc::SYS_openat, [-1, 0, 0, 0, 0, 0]),
        ("utimensat", libc::SYS_utimensat, [-1, 0, 0, 0, 0, 0]),
        ("clock_gettime", libc::SYS_clock_gettime, [1, room, 0, 0, 0, 0]),
        ("getrlimit", libc::SYS_getrlimit, [7, room, 0, 0, 0, 0]),
        ("setrlimit", libc::SYS_setrlimit, [-1, room, 0, 0, 0, 0]),
        ("prctl", libc::SYS_prctl, [libc::PR_GET_DUMPABLE.into(), 0, 0, 0, 0, 0]),
        ("pipe2", libc::SYS_pipe2, [0, -1, 0, 0, 0, 0]),
        ("dup3", libc::SYS_dup3, [-1, -1, 0, 0, 0, 0]),
        ("epoll_create1", libc::SYS_epoll_create1, [-1, 0, 0, 0, 0, 0]),
        ("inotify_init1", libc::SYS_inotify_init1, [-1, 0, 0, 0, 0, 0]),
        ("signalfd4", libc::SYS_signalfd4, [-1, 0, 0, -1, 0, 0]),
        ("timerfd_create", libc::SYS_timerfd_create, [1, -1, 0, 0, 0, 0]),
        ("eventfd2", libc::SYS_eventfd2, [0, -1, 0, 0, 0, 0]),
        ("accept4", libc::SYS_accept4, [-1, 0, 0, 0, 0, 0]),
        ("ppoll", libc::SYS_ppoll, [0, -1, 0, 0, 0, 0]),
        ("recvmmsg", libc::SYS_recvmmsg, [-1, 0, 0, 0, 0, 0]),
        ("fcntl", libc::SYS_fcntl, [-1, 0, 0, 0, 0, 0]),
        ("tee", libc::SYS_tee, [-1, -1, 1, 0, 0, 0]),
        ("splice", libc::SYS_splice, [-1, 0, -1, 0, 1, 0]),
        ("syncfs", libc::SYS_syncfs, [-1, 0, 0, 0, 0, 0]),
    ];
    let refused = present
        .into_iter()
        .filter(|(_, number, arguments)| call(*number, arguments) == Err(libc::ENOSYS));
    refused.map(|(name, ..)| format!("{name}: refused, though CentOS 6 has it")).collect()
}

/// Whether a seccomp filter is in force on this process.
pub fn in_force() -> bool {
    is_filtered(std::process::id())
}

/// Whether a seccomp filter is in force on process `pid`.
pub fn is_filtered(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line == "Seccomp:\t2")
}

fn expect(found: &mut Vec<String>, what: &str, answer: Result<c_long, i32>, error: i32) {
    if answer != Err(error) {
        found.push(format!("{what}: {answer:?}, not errno {error}"));
    }
}

fn call(number: i64, arguments: &[c_long; 6]) -> Result<c_long, i32> {
    let [first, second, third, fourth, fifth, sixth] = *arguments;
    // SAFETY: no call made here gets a pointer other than null, -1, a string, or the 256 bytes of
    // `room`, more than any of them writes.
    let answer = unsafe { libc::syscall(number, first, second, third, fourth, fifth, sixth) };
    if answer == -1 {
        Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
    } else {
        Ok(answer)
    }
}

fn address(text: &'static core::ffi::CStr) -> c_long {
    let pointer: *const c_char = text.as_ptr();
    pointer.expose_provenance().cast_signed() as c_long
}

fn release() -> String {
    nix::sys::utsname::uname()
        .map(|name| name.release().to_string_lossy().into_owned())
        .unwrap_or_default()
}
