//! System calls that fail: multilog on a file system without hard links, or with a stale file
//! handle.

use libc::{sock_filter, sock_fprog};
use std::os::unix::process::CommandExt;
use std::process::Command;

pub const WORD: &str = "--refuse";

/// Where struct seccomp_data has the number of the call, and its first argument.
const NUMBER: u32 = 0;
const ARGUMENT: u32 = 16;

/// `--refuse CALL ERROR [ARGUMENT] -- COMMAND...`: becomes the command, for which this call, or the
/// one with this first argument, fails with this error.
pub fn become_command(words: &[String]) -> ! {
    let place = words.iter().position(|word| word == "--").unwrap();
    let numbers: Vec<u32> = words[..place].iter().map(|word| word.parse().unwrap()).collect();
    let refuse = statement(libc::BPF_RET, libc::SECCOMP_RET_ERRNO | numbers[1]);
    let allow = statement(libc::BPF_RET, libc::SECCOMP_RET_ALLOW);
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let mut program = vec![statement(load, NUMBER), unless(numbers[0])];
    program.push(allow);
    if let Some(argument) = numbers.get(2) {
        program.extend([statement(load, ARGUMENT), unless(*argument), allow]);
    }
    program.push(refuse);
    let program =
        sock_fprog { len: u16::try_from(program.len()).unwrap(), filter: program.as_mut_ptr() };
    // SAFETY: this prctl takes no pointer.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: the kernel copies `len` instructions from `filter`, which outlives the call.
    let done = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program, 0, 0) };
    assert_eq!(done, 0);
    let error = Command::new(&words[place + 1]).args(&words[place + 2..]).exec();
    panic!("{error}");
}

/// Skips the next instruction if the accumulator is `value`.
fn unless(value: u32) -> sock_filter {
    let code = u16::try_from(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K).unwrap();
    sock_filter { code, jt: 1, jf: 0, k: value }
}

fn statement(code: u32, value: u32) -> sock_filter {
    sock_filter { code: u16::try_from(code).unwrap(), jt: 0, jf: 0, k: value }
}
