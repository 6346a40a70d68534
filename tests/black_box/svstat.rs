//! svstat, contract.md, section 6.

use crate::scratch::{Said, Scratch, only_ours};
use nix::sys::ptrace;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

/// A service directory that looks as if a supervise ran there: its `ok` is held open.
struct Feigned {
    scratch: Scratch,
    _ok: File,
}

impl Feigned {
    fn new() -> Self {
        let scratch = Scratch::new();
        scratch.directory_at("a/supervise");
        scratch.fifo("a/supervise/ok");
        let ok = scratch.path().join("a/supervise/ok");
        let ok = File::options().read(true).write(true).open(ok).unwrap();
        Self { scratch, _ok: ok }
    }

    fn says(&self) -> String {
        let said = self.scratch.run("svstat", &["a"]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
        said.out
    }

    fn status(&self, ago: i64, rest: &[u8]) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let label = (1_u64 << 62) + 10 + now.checked_add_signed(-ago).unwrap();
        let bytes = [&label.to_be_bytes()[..], &[0; 4], rest].concat();
        self.scratch.write("a/supervise/status", &bytes);
    }
}

#[test]
fn no_argument_is_silence() {
    assert_eq!(Scratch::new().run("svstat", &[]), Said::exit(0));
}

#[test]
fn every_trouble_has_its_line_on_stdout_and_exit_0() {
    let scratch = Scratch::new();
    scratch.directory_at("no-ok");
    scratch.directory_at("stopped/supervise");
    scratch.fifo("stopped/supervise/ok");
    scratch.write("file", b"");
    scratch.directory_at("loop");
    std::os::unix::fs::symlink("down", scratch.path().join("loop/down")).unwrap();
    scratch.directory_at("odd");
    scratch.write("odd/supervise", b"");
    let said =
        scratch.run("svstat", &["none", "file", "no-ok", "./stopped//", "loop", "odd", "no-ok"]);
    let expected = "none: unable to chdir: file does not exist\n\
                    file: unable to chdir: not a directory\n\
                    no-ok: unable to open supervise/ok: file does not exist\n\
                    ./stopped//: supervise not running\n\
                    loop: unable to stat down: symbolic link loop\n\
                    odd: unable to open supervise/ok: not a directory\n\
                    no-ok: unable to open supervise/ok: file does not exist\n";
    assert_eq!(said, Said::text(expected));
}

#[test]
fn a_stdout_that_takes_nothing_changes_nothing() {
    let scratch = Scratch::new();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = scratch.command("svstat").arg("none").stdout(full).output().unwrap();
    assert_eq!(Said::of(&output), Said::exit(0));
}

#[test]
fn a_status_that_is_missing_or_short_is_named() {
    let feigned = Feigned::new();
    assert_eq!(feigned.says(), "a: unable to open supervise/status: file does not exist\n");
    feigned.status(0, b"\0\0\0\0\0");
    assert_eq!(feigned.says(), "a: unable to read supervise/status: bad format\n");
}

#[test]
fn a_status_that_cannot_be_read_is_named() {
    if !only_ours("0.76 takes a failed read of the status for 18 bytes") {
        return;
    }
    let feigned = Feigned::new();
    feigned.scratch.directory_at("a/supervise/status");
    assert_eq!(feigned.says(), "a: unable to read supervise/status: is a directory\n");
}

#[test]
fn all_48_combinations_say_what_the_table_says() {
    let feigned = Feigned::new();
    for marked_down in [false, true] {
        let down = feigned.scratch.path().join("a/down");
        if marked_down {
            std::fs::write(down, "").unwrap();
        }
        for pid in [0_u32, 4_000_000_000] {
            for paused in [0_u8, 1, 7] {
                for want in [b'u', b'd', 0, b'z'] {
                    let rest = [&pid.to_le_bytes()[..], &[paused, want]].concat();
                    let is_up = pid != 0;
                    // The clock may tick in between, and time(2) lags behind it by a moment.
                    let line = |seconds| {
                        let mut line = String::from("a: ");
                        line += if is_up { "up (pid 4000000000) " } else { "down " };
                        line += &format!("{seconds} seconds");
                        line += if is_up && marked_down { ", normally down" } else { "" };
                        line += if !is_up && !marked_down { ", normally up" } else { "" };
                        line += if is_up && paused != 0 { ", paused" } else { "" };
                        line += if !is_up && want == b'u' { ", want up" } else { "" };
                        line += if is_up && want == b'd' { ", want down" } else { "" };
                        line + "\n"
                    };
                    feigned.status(1000, &rest);
                    let said = feigned.says();
                    assert!([999, 1000, 1001].map(line).contains(&said), "{said}");
                }
            }
        }
    }
}

#[test]
fn a_label_in_the_future_is_0_seconds_and_longer_files_are_fine() {
    let feigned = Feigned::new();
    feigned.status(-5000, b"\x01\0\0\0\0u and more");
    assert_eq!(feigned.says(), "a: up (pid 1) 0 seconds\n");
}

/// How many system calls `svstat` makes that is asked about service `a` so many times.
fn calls(scratch: &Scratch, times: usize) -> usize {
    let mut command = scratch.command("svstat");
    command.args(vec!["a"; times]).stdout(Stdio::null());
    // SAFETY: the new process makes one system call before it executes svstat.
    let traced = unsafe { command.pre_exec(|| Ok(ptrace::traceme()?)) };
    let svstat = traced.spawn().unwrap();
    let svstat = Pid::from_raw(svstat.id().cast_signed());
    let mut stops = 0;
    loop {
        match waitpid(svstat, None).unwrap() {
            WaitStatus::Exited(_, code) => {
                assert_eq!(code, 0);
                // One when a call begins, one when it ends.
                return stops / 2;
            }
            _ => stops += 1,
        }
        ptrace::syscall(svstat, None).unwrap();
    }
}

#[test]
fn a_further_service_costs_few_system_calls() {
    if !only_ours("how many system calls it makes") {
        return;
    }
    let feigned = Feigned::new();
    feigned.status(5, &[0, b'u']);
    let (few, many) = (calls(&feigned.scratch, 1), calls(&feigned.scratch, 11));
    // 14, and one more at each of three closes where the standard library is not optimized. 0.76
    // makes 8, and does not look at what it opens.
    let each = (many - few) / 10;
    assert!(each <= 17, "{each}");
}
