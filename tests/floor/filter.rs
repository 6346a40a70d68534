//! Imitates the kernel of CentOS 6 (2.6.32-642.el6) with a seccomp filter: system calls that it
//! lacks fail as they would there. Every child inherits the filter, and it cannot be removed.
//!
//! A filter sees only numbers and plain arguments. What it cannot imitate: calls that the vDSO
//! answers without entering the kernel (clock_gettime as a C library makes it; a direct call does
//! pass here), flags that 2.6.32 ignores, and what /proc shows.

use libc::{sock_filter, sock_fprog};
use std::io;

/// The numbers below [`LARGEST`] without a system call in this kernel.
pub const ABSENT: [i64; 20] = [
    libc::SYS_uselib,
    174, // create_module, which not every libc names
    177, // get_kernel_syms
    178, // query_module
    libc::SYS_getpmsg,
    libc::SYS_putpmsg,
    libc::SYS_afs_syscall,
    libc::SYS_tuxcall,
    libc::SYS_security,
    libc::SYS_set_thread_area,
    libc::SYS_get_thread_area,
    libc::SYS_epoll_ctl_old,
    libc::SYS_epoll_wait_old,
    libc::SYS_vserver,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    libc::SYS_prlimit64,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_getcpu,
];

/// The largest number of a system call in this kernel.
pub const LARGEST: i64 = libc::SYS_process_vm_writev;

/// PR_SET_CHILD_SUBREAPER and PR_GET_CHILD_SUBREAPER.
pub const ABSENT_PRCTL: [i32; 2] = [libc::PR_SET_CHILD_SUBREAPER, libc::PR_GET_CHILD_SUBREAPER];

/// The calls whose first argument is a clock: CLOCK_BOOTTIME is newer than this kernel.
pub const CLOCK_CALLS: [i64; 4] = [
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_timerfd_create,
];

/// The bit of O_TMPFILE beside O_DIRECTORY. 2.6.32 sees the O_DIRECTORY and the wish to write.
const TEMPORARY: u32 = libc::O_TMPFILE.cast_unsigned() & !libc::O_DIRECTORY.cast_unsigned();

/// fcntl(F_SETPIPE_SZ) came with 2.6.35.
const SET_PIPE_SIZE: u32 = libc::F_SETPIPE_SZ.cast_unsigned();

/// personality(2): uname(2) says 2.6.
const UNAME26: libc::c_ulong = 0x0002_0000;
/// The calling convention the numbers are about; with another one they mean other calls.
const AUDIT_ARCH_X86_64: u32 = 0xC000_003E;

/// Where struct seccomp_data has what the filter asks for.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;

/// The place of the low half of argument `index`: all that these calls' ints and flags fill.
const fn argument(index: u32) -> u32 {
    16 + 8 * index
}

/// Puts this process, and all that it starts, under the filter.
pub fn install() -> io::Result<()> {
    // SAFETY: personality takes no pointer.
    said(unsafe { libc::personality(UNAME26) })?;
    // Without it an unprivileged process may not install a filter.
    // SAFETY: this prctl takes no pointer.
    said(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    let mut program = program();
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let program = sock_fprog { len: length, filter: program.as_mut_ptr() };
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: the kernel copies `len` instructions from `filter`, which outlives the call.
    said(unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program, 0, 0) })
}

fn said(answer: libc::c_int) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The filter. Each test is followed by its own results, so that no jump leaves the block of its
/// test.
fn program() -> Vec<sock_filter> {
    let mut program = vec![
        load(ARCHITECTURE),
        jump(libc::BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0),
        refuse(libc::ENOSYS),
        load(NUMBER),
        // The numbers of x32, which carry bit 30, are larger too.
        jump(libc::BPF_JGT, low(LARGEST), 0, 1),
        refuse(libc::ENOSYS),
    ];
    for number in ABSENT {
        program.extend([jump(libc::BPF_JEQ, low(number), 0, 1), refuse(libc::ENOSYS)]);
    }
    // A block that is entered ends with a result, because the accumulator no longer has the number.
    let empty_path = libc::AT_EMPTY_PATH.cast_unsigned();
    program.extend(if_any_bit(libc::SYS_newfstatat, 3, empty_path, libc::EINVAL));
    program.extend(if_any_bit(libc::SYS_open, 1, TEMPORARY, libc::EISDIR));
    program.extend(if_any_bit(libc::SYS_openat, 2, TEMPORARY, libc::EISDIR));
    program.extend(if_one_of(libc::SYS_prctl, &ABSENT_PRCTL.map(i32::cast_unsigned)));
    program.extend(if_it_is(libc::SYS_fcntl, 1, SET_PIPE_SIZE));
    for call in CLOCK_CALLS {
        program.extend(if_one_of(call, &[libc::CLOCK_BOOTTIME.cast_unsigned()]));
    }
    program.push(allow());
    program
}

/// Call `number` is refused with `error` when its argument `index` has one of `bits`.
fn if_any_bit(number: i64, index: u32, bits: u32, error: libc::c_int) -> [sock_filter; 5] {
    [
        jump(libc::BPF_JEQ, low(number), 0, 4),
        load(argument(index)),
        jump(libc::BPF_JSET, bits, 0, 1),
        refuse(error),
        allow(),
    ]
}

/// Call `number` is refused with EINVAL when its argument `index` is `value`.
fn if_it_is(number: i64, index: u32, value: u32) -> [sock_filter; 5] {
    [
        jump(libc::BPF_JEQ, low(number), 0, 4),
        load(argument(index)),
        jump(libc::BPF_JEQ, value, 0, 1),
        refuse(libc::EINVAL),
        allow(),
    ]
}

/// Call `number` is refused with EINVAL when its first argument is one of `values`.
fn if_one_of(number: i64, values: &[u32]) -> Vec<sock_filter> {
    let mut block = vec![load(argument(0))];
    for value in values {
        block.extend([jump(libc::BPF_JEQ, *value, 0, 1), refuse(libc::EINVAL)]);
    }
    block.push(allow());
    let length = u8::try_from(block.len()).expect("a short block");
    block.insert(0, jump(libc::BPF_JEQ, low(number), 0, length));
    block
}

fn load(place: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, place)
}

fn refuse(error: libc::c_int) -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | error.cast_unsigned())
}

fn allow() -> sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW)
}

fn statement(code: u32, value: u32) -> sock_filter {
    sock_filter { code: short(code), jt: 0, jf: 0, k: value }
}

/// Compares the accumulator with `value` and skips so many instructions.
fn jump(test: u32, value: u32, if_true: u8, if_false: u8) -> sock_filter {
    let code = short(libc::BPF_JMP | test | libc::BPF_K);
    sock_filter { code, jt: if_true, jf: if_false, k: value }
}

fn short(code: u32) -> u16 {
    u16::try_from(code).expect("an opcode has 16 bits")
}

fn low(number: i64) -> u32 {
    u32::try_from(number).expect("a system call's number has 32 bits")
}
