//! tai64n, contract.md, section 11. The common behaviour of both filters is tested here.

use crate::scratch::{DEADLINE, Scratch, end_of, only_ours, wait_for};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{SystemTime, UNIX_EPOCH};

/// A label and the space after it.
const STAMP: usize = 26;
const BOTH: [&str; 2] = ["tai64n", "tai64nlocal"];

/// A running filter, with its input and its output so far.
pub struct Filter {
    child: Child,
    said: Vec<u8>,
    arriving: Receiver<Vec<u8>>,
}

impl Filter {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let (sender, arriving) = channel();
        std::thread::spawn(move || {
            let mut block = [0; 65536];
            while let Ok(count @ 1..) = output.read(&mut block) {
                let _ = sender.send(block[..count].to_vec());
            }
        });
        Self { child, said: Vec::new(), arriving }
    }

    pub fn give(&mut self, bytes: &[u8]) {
        self.child.stdin.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Waits until it has printed so many bytes in all.
    pub fn wait_for(&mut self, count: usize) -> &[u8] {
        while self.said.len() < count {
            let more = self.arriving.recv_timeout(DEADLINE);
            self.said.extend(more.unwrap_or_else(|_| panic!("no more than {:?}", self.said)));
        }
        &self.said
    }

    /// Everything that it prints until the end of its input, and how it ends.
    pub fn finish(mut self) -> (Option<i32>, Vec<u8>) {
        drop(self.child.stdin.take());
        let end = end_of(&mut self.child);
        self.said.extend(self.arriving.iter().flatten());
        (end.code(), self.said)
    }
}

fn tai64n(input: &[u8]) -> Vec<u8> {
    let scratch = Scratch::new();
    let mut filter = Filter::start(&mut scratch.command("tai64n"));
    filter.give(input);
    let (code, said) = filter.finish();
    assert_eq!(code, Some(0));
    said
}

/// Seconds since 1970 and nanoseconds of the stamp that `line` begins with.
fn moment(line: &[u8]) -> (u64, u64) {
    let stamp = std::str::from_utf8(&line[..STAMP]).unwrap();
    let digits = stamp.strip_prefix('@').and_then(|digits| digits.strip_suffix(' ')).unwrap();
    assert!(!digits.contains(|digit: char| digit.is_uppercase()), "{stamp}");
    let number = |digits| u64::from_str_radix(digits, 16).unwrap();
    (number(&digits[..16]) - (1 << 62) - 10, number(&digits[16..]))
}

/// The lines of `said` without their stamps.
fn unstamped(said: &[u8]) -> Vec<&[u8]> {
    said.split_inclusive(|byte| *byte == b'\n')
        .map(|line| {
            moment(line);
            &line[STAMP..]
        })
        .collect()
}

#[test]
fn every_line_gets_a_stamp_and_stays_as_it_is() {
    assert_eq!(tai64n(b""), b"");
    assert_eq!(
        unstamped(&tai64n(b"one\n\n\0two\xff\r\n")),
        [&b"one\n"[..], b"\n", b"\0two\xff\r\n"]
    );
    assert_eq!(unstamped(&tai64n(b"one\nlast")), [&b"one\n"[..], b"last"]);
    let long = [&[b'x'; 300_000], b"\n".as_slice()].concat();
    assert_eq!(unstamped(&tai64n(&[b"@", long.as_slice(), b"y\n"].concat()))[1], b"y\n");
    let many: Vec<u8> = (0..20_000).flat_map(|n| format!("{n}\n\n").into_bytes()).collect();
    assert_eq!(unstamped(&tai64n(&many)).concat(), many);
}

#[test]
fn arguments_are_ignored() {
    let scratch = Scratch::new();
    let mut filter = Filter::start(scratch.command("tai64n").args(["-x", "--help", "y"]));
    filter.give(b"a\n");
    let (code, said) = filter.finish();
    assert_eq!((code, unstamped(&said)), (Some(0), vec![&b"a\n"[..]]));
}

#[test]
fn the_stamp_is_the_moment_the_line_began() {
    let now = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        (now.as_secs(), u64::from(now.subsec_nanos()))
    };
    let scratch = Scratch::new();
    let mut filter = Filter::start(&mut scratch.command("tai64n"));
    let before = now();
    filter.give(b"be");
    let first = moment(filter.wait_for(STAMP + 2));
    let between = now();
    filter.give(b"gun\nnext\n");
    let second = moment(&filter.wait_for(2 * STAMP + 11)[STAMP + 6..]);
    // A label has the microsecond, and half of one more.
    let within = |from: (u64, u64), stamp: (u64, u64), to: (u64, u64)| {
        let late = |(seconds, nanoseconds)| (seconds, nanoseconds + 1000);
        from < late(stamp) && stamp < late(to)
    };
    assert!(within(before, first, between), "{before:?} {first:?} {between:?}");
    assert!(within(between, second, now()), "{between:?} {second:?}");
    assert_eq!((first.1 % 1000, second.1 % 1000), (500, 500));
    assert_eq!(filter.finish().0, Some(0));
}

#[test]
fn a_quiet_service_is_heard_at_once_even_within_a_line() {
    let scratch = Scratch::new();
    let mut filter = Filter::start(&mut scratch.command("tai64n"));
    let mut said = STAMP;
    for (bytes, stamps) in [(&b"a"[..], 0), (b"b\n", 0), (b"\n", 1), (b"c\nd", 2), (b"e", 0)] {
        filter.give(bytes);
        said += bytes.len() + stamps * STAMP;
        assert_eq!(filter.wait_for(said).len(), said);
    }
    let (code, said) = filter.finish();
    assert_eq!((code, unstamped(&said).concat()), (Some(0), b"ab\n\nc\nde".to_vec()));
}

#[test]
fn what_cannot_be_read_or_written_is_111_and_nothing_is_printed() {
    let scratch = Scratch::new();
    scratch.write("input", b"line\n");
    let input = || File::open(scratch.path().join("input")).unwrap();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for name in BOTH {
        let code = |command: &mut Command| {
            let output = command.output().unwrap();
            assert_eq!(output.stderr, b"", "{name}");
            output.status.code()
        };
        let mut command = scratch.command(name);
        let directory = File::open(scratch.path()).unwrap();
        assert_eq!(code(command.stdin(directory)), Some(111), "{name}");
        let mut command = scratch.command(name);
        assert_eq!(code(command.stdin(input()).stdout(full())), Some(111), "{name}");
        let mut command = scratch.command(name);
        assert_eq!(code(command.stdout(full())), Some(0), "{name}, which has nothing to write");
    }
}

#[test]
fn a_reader_that_is_gone_ends_it_as_it_found_sigpipe() {
    let scratch = Scratch::new();
    scratch.write("input", b"line\n");
    for name in BOTH {
        let status = |script: &str| {
            let (read, write) = std::io::pipe().unwrap();
            drop(read);
            let input = File::open(scratch.path().join("input")).unwrap();
            let mut command = scratch.command("/bin/sh");
            command.args(["-c", &format!("{script}exec {name}")]).stdin(input).stdout(write);
            command.status().unwrap()
        };
        assert_eq!(status("").signal(), Some(Signal::SIGPIPE as i32), "{name}");
        assert_eq!(status("trap '' PIPE; ").code(), Some(111), "{name}");
    }
}

#[test]
fn a_non_blocking_input_or_output_is_waited_for() {
    if !only_ours("0.76 ends with 111 where it would have to wait, and loses lines") {
        return;
    }
    let scratch = Scratch::new();
    let lines = "a line of forty bytes to fill a pipe with\n".repeat(5000);
    for name in BOTH {
        let (input, mut give) = std::io::pipe().unwrap();
        let (mut take, output) = std::io::pipe().unwrap();
        fcntl(&input, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let mut child = scratch.command(name).stdin(input).stdout(output).spawn().unwrap();
        let stat = format!("/proc/{}/stat", child.id());
        // Asleep, as it never is in a read of such an input, or at its end.
        wait_for("its wait for input", || {
            let stat = std::fs::read_to_string(&stat).unwrap();
            stat.contains(&format!("({name}) S ")) || stat.contains(") Z ")
        });
        let text = lines.clone();
        let giver = std::thread::spawn(move || give.write_all(text.as_bytes()));
        let mut said = Vec::new();
        take.read_to_end(&mut said).unwrap();
        giver.join().unwrap().unwrap();
        assert_eq!(end_of(&mut child).code(), Some(0), "{name}");
        let stamps = if name == "tai64n" { 5000 * STAMP } else { 0 };
        assert_eq!(said.len(), lines.len() + stamps, "{name}");
    }
}
