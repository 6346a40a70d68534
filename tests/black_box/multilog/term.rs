//! TERM at any time. 0.76 does none of this: it ignores TERM in its pauses, and polls for the rest
//! of a line.

use super::{end_of, log, mode, old_logs, start, whole};
use crate::scratch::{Scratch, kill, only_ours, wait_for};
use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A FIFO whose ends this test has open, so that it can read what multilog leaves in it.
pub struct Feed {
    pub fifo: fs::File,
}

impl Feed {
    pub fn new(scratch: &Scratch) -> Self {
        scratch.fifo("input");
        let path = scratch.path().join("input");
        Self { fifo: fs::File::options().read(true).write(true).open(path).unwrap() }
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.fifo.write_all(bytes).unwrap();
    }

    /// Starts `words` with the FIFO as its input, and a pipe behind stderr.
    pub fn start(&self, scratch: &Scratch, words: &[&str]) -> Child {
        let mut command = scratch.command(words[0]);
        command.args(&words[1..]).stdin(self.fifo.try_clone().unwrap());
        command.stderr(Stdio::piped()).spawn().unwrap()
    }

    /// All that is left in it.
    pub fn left(mut self) -> String {
        self.write(b"\0");
        let mut left = Vec::new();
        let mut block = [0; 4096];
        while left.last() != Some(&0) {
            let length = self.fifo.read(&mut block).unwrap();
            left.extend_from_slice(&block[..length]);
        }
        left.pop();
        String::from_utf8(left).unwrap()
    }
}

/// The next line that multilog prints.
pub fn said(child: &mut Child) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') && child.stderr.as_mut().unwrap().read(&mut byte).unwrap() > 0
    {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}

/// A TERM that ends it at once: well before any pause is over.
fn end_at_once(child: &mut Child) -> Option<i32> {
    kill(child.id(), "TERM");
    let since = Instant::now();
    let code = end_of(child).code();
    assert!(since.elapsed() < Duration::from_secs(4), "heard after {:?}", since.elapsed());
    code
}

const FULL: &str = "multilog: warning: unable to write to ./main/current, pausing: file too big\n";

#[test]
fn while_a_log_takes_nothing_the_input_stays_where_it_is() {
    if !only_ours("TERM in a pause") {
        return;
    }
    let scratch = Scratch::in_memory();
    let mut feed = Feed::new(&scratch);
    let mut child = feed.start(&scratch, &["softlimit", "-f", "0", "multilog", "./main"]);
    feed.write(b"one\ntwo\n");
    assert_eq!(said(&mut child), FULL);
    assert_eq!(end_at_once(&mut child), Some(0));
    assert_eq!(mode(&scratch, "main/current"), 0o744);
    assert_eq!(feed.left(), "one\ntwo\n");
}

#[test]
fn what_was_taken_out_already_is_tried_ten_seconds_longer() {
    if !only_ours("TERM in a pause") {
        return;
    }
    let scratch = Scratch::in_memory();
    let mut feed = Feed::new(&scratch);
    let mut child = feed.start(&scratch, &["softlimit", "-f", "0", "multilog", "t", "./main"]);
    feed.write(b"begun");
    wait_for("it to be taken out", || is_empty(&feed));
    feed.write(b" and ended\nnext\n");
    assert_eq!(said(&mut child), FULL);
    kill(child.id(), "TERM");
    let since = Instant::now();
    assert_eq!(said(&mut child), FULL);
    let given_up =
        "multilog: fatal: unable to write to ./main/current, giving up 5 bytes: file too big\n";
    assert_eq!(said(&mut child), given_up);
    assert!((9..13).contains(&since.elapsed().as_secs()), "{:?}", since.elapsed());
    assert_eq!(end_of(&mut child).code(), Some(111));
    assert_eq!(feed.left(), " and ended\nnext\n");
}

#[test]
fn what_finds_room_within_the_ten_seconds_is_logged() {
    if !only_ours("TERM in a pause") {
        return;
    }
    let scratch = Scratch::in_memory();
    scratch.write("input", b"one\ntwo\nthree");
    let mut command = scratch.command("softlimit");
    let input = fs::File::open(scratch.path().join("input")).unwrap();
    command.args(["-f", "0", "multilog", "./main"]).stdin(input).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    assert_eq!(said(&mut child), FULL);
    kill(child.id(), "TERM");
    // The last message before it ends.
    assert_eq!(said(&mut child), FULL);
    let room = [format!("--pid={}", child.id()), "--fsize=1000000".to_owned()];
    assert!(scratch.command("prlimit").args(room).status().unwrap().success());
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert_eq!(scratch.read("main/current"), "one\ntwo\nthree\n");
}

#[test]
fn of_input_that_is_no_pipe_it_says_how_much_is_lost() {
    if !only_ours("TERM in a pause") {
        return;
    }
    let scratch = Scratch::in_memory();
    scratch.write("input", b"one\ntwo\nthree");
    let mut command = scratch.command("softlimit");
    let input = fs::File::open(scratch.path().join("input")).unwrap();
    // The second directory cannot be written either, and is given up with the first.
    command.args(["-f", "0", "multilog", "./main", "./other"]).stdin(input);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    assert_eq!(said(&mut child), FULL);
    kill(child.id(), "TERM");
    assert_eq!(said(&mut child), FULL);
    for name in ["./main", "./other"] {
        let given_up = "current, giving up 13 bytes: file too big";
        assert_eq!(
            said(&mut child),
            format!("multilog: fatal: unable to write to {name}/{given_up}\n")
        );
    }
    assert_eq!(end_of(&mut child).code(), Some(111));
}

#[test]
fn in_mid_line_it_waits_for_the_rest_ten_seconds_after_the_last_byte() {
    if !only_ours("TERM in mid-line") {
        return;
    }
    let scratch = Scratch::in_memory();
    let mut feed = Feed::new(&scratch);
    let mut child = feed.start(&scratch, &["multilog", "./main"]);
    feed.write(b"one\nbe");
    wait_for("the line", || scratch.read("main/current") == "one\n" && is_empty(&feed));
    kill(child.id(), "TERM");
    let mut since = Instant::now();
    while since.elapsed() < Duration::from_secs(3) {
        std::thread::park_timeout(Duration::from_millis(50));
        assert_eq!(child.try_wait().unwrap(), None, "it did not wait for the rest");
    }
    feed.write(b"gun");
    since = Instant::now();
    // `end_of` checks that it has taken no processor time meanwhile.
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert!((9..13).contains(&since.elapsed().as_secs()), "{:?}", since.elapsed());
    assert_eq!(scratch.read("main/current"), "one\nbegun\n");
    assert_eq!(mode(&scratch, "main/current"), 0o744);
}

#[test]
fn a_full_pipe_behind_stderr_does_not_make_it_deaf() {
    if !only_ours("TERM at a full stderr") {
        return;
    }
    let scratch = Scratch::in_memory();
    let mut feed = Feed::new(&scratch);
    let mut child = feed.start(&scratch, &["multilog", "e", "./main"]);
    let line = format!("{}\n", "x".repeat(99));
    // More alerts than any pipe holds, and fewer lines than this one holds.
    feed.write(line.repeat(600).as_bytes());
    wait_for("the lines", || is_empty(&feed));
    feed.write(line.repeat(600).as_bytes());
    let mut before = usize::MAX;
    let mut since = Instant::now();
    wait_for("it to be stuck", || {
        let now = scratch.read("main/current").len();
        if now != before {
            (before, since) = (now, Instant::now());
        }
        since.elapsed() > Duration::from_millis(300)
    });
    assert!(!is_empty(&feed), "stderr took all of it");
    assert_eq!(end_at_once(&mut child), Some(0));
    let logged = scratch.read("main/current");
    assert_eq!(logged + &feed.left(), line.repeat(1200));
}

#[test]
fn a_status_file_that_takes_nothing_does_not_make_it_deaf() {
    if !only_ours("TERM in a pause") {
        return;
    }
    let scratch = Scratch::in_memory();
    std::os::unix::fs::symlink("/dev/full", scratch.path().join("status")).unwrap();
    let mut feed = Feed::new(&scratch);
    let script = ["multilog", "-*", "+s*", "=status", "+*", "./main"];
    let mut child = feed.start(&scratch, &script);
    feed.write(b"one\ntwo\nstuck\nthree\n");
    let warning = "multilog: warning: unable to write status, pausing: out of disk space\n";
    assert_eq!(said(&mut child), warning);
    assert_eq!(end_at_once(&mut child), Some(0));
    assert_eq!(scratch.read("main/current"), "one\ntwo\n");
    assert_eq!(feed.left(), "stuck\nthree\n");
}

#[test]
fn a_processor_that_hangs_is_ended_with_all_it_has_started() {
    if !only_ours("TERM and processors") {
        return;
    }
    let scratch = Scratch::in_memory();
    // Neither the shell nor its child ends by itself, and the shell ignores TERM.
    let processor = "!trap '' TERM; sleep 987 & echo $! >../sleeper; wait; wait; wait; sleep 987";
    let mut child = start(&scratch, &["s4096", processor, "./main"]);
    let input = b"line\n".repeat(600);
    child.stdin.as_mut().unwrap().write_all(&input).unwrap();
    wait_for("the processor", || scratch.read("sleeper").ends_with('\n'));
    let sleeper: u32 = scratch.read("sleeper").trim().parse().unwrap();
    kill(child.id(), "TERM");
    // A second one hurries: five seconds, and two more after the processor's TERM.
    wait_for("the signal to be taken", || has_taken_all(&child));
    kill(child.id(), "TERM");
    let since = Instant::now();
    assert!(end_of(&mut child).success());
    assert!((6..12).contains(&since.elapsed().as_secs()), "{:?}", since.elapsed());
    wait_for("the end of what it has started", || !crate::scratch::is_alive(sleeper));
    let names = old_logs(&scratch, "main");
    assert!(names.len() == 1 && names[0].ends_with(".u"), "{names:?}");
    assert!(!scratch.path().join("main/processed").exists());
    // Input that multilog did not read was in the pipe, and is lost when the test closes it.
    assert!(input.starts_with(&whole(&scratch, "main").0));
    assert_eq!(mode(&scratch, "main/current"), 0o744);
}

#[test]
fn a_processor_that_comes_to_its_end_after_term_has_done_its_work() {
    if !only_ours("TERM and processors") {
        return;
    }
    let scratch = Scratch::in_memory();
    scratch.fifo("go");
    let processor = "!: >../started; read line <../go; cat";
    let mut child = start(&scratch, &["s4096", processor, "./main"]);
    let input = b"line\n".repeat(600);
    child.stdin.as_mut().unwrap().write_all(&input).unwrap();
    wait_for("the processor", || scratch.path().join("started").exists());
    kill(child.id(), "TERM");
    scratch.write("go", b"\n");
    assert!(end_of(&mut child).success());
    let names = old_logs(&scratch, "main");
    assert!(names.len() == 1 && names[0].ends_with(".s"), "{names:?}");
    assert_eq!(whole(&scratch, "main").0, input);
}

#[test]
fn after_a_clean_end_nothing_is_kept_for_nothing() {
    let scratch = Scratch::in_memory();
    let mut feed = Feed::new(&scratch);
    for number in 1..=3 {
        let mut child = feed.start(&scratch, &["multilog", "./main"]);
        feed.write(b"line\n");
        wait_for("the line", || scratch.lines("main/current") == number);
        wait_for("it to wait", || is_empty(&feed));
        kill(child.id(), "TERM");
        assert!(end_of(&mut child).success());
    }
    assert_eq!(old_logs(&scratch, "main"), [""; 0]);
    assert_eq!(log(&scratch, &["./main"], b"").code, Some(0));
    assert_eq!(scratch.lines("main/current"), 3);
}

/// Whether the FIFO is empty.
fn is_empty(feed: &Feed) -> bool {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;
    poll(&mut [PollFd::new(feed.fifo.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO) == Ok(0)
}

/// Whether it has no pending signal.
pub fn has_taken_all(child: &Child) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    status.contains("ShdPnd:\t0000000000000000") && status.contains("SigPnd:\t0000000000000000")
}
