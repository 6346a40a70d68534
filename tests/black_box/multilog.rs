//! multilog, contract.md, section 10.

mod limits;
mod names;
mod place;
mod planted;
mod rotation;
mod selections;
mod term;

use crate::scratch::{Said, Scratch, kill, wait_for};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

/// The most processor time of a multilog that mostly waits, and of one that works.
const QUIET: Duration = Duration::from_millis(400);

const BUSY: Duration = Duration::from_secs(5);

/// What multilog prints when it reads `input`.
fn log(scratch: &Scratch, script: &[&str], input: &[u8]) -> Said {
    let mut child = start(scratch, script);
    let mut errors = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        errors.read_to_end(&mut text).unwrap();
        text
    });
    child.stdin.take().unwrap().write_all(input).unwrap();
    let code = end_within(&mut child, BUSY).code();
    let err = String::from_utf8_lossy(&reader.join().unwrap()).into_owned();
    Said { code, out: String::new(), err }
}

/// How a multilog ended that had little to do. It may not have taken much processor time.
fn end_of(child: &mut Child) -> ExitStatus {
    end_within(child, QUIET)
}

/// How a multilog ended, which may not have taken more processor time than this.
fn end_within(child: &mut Child, most: Duration) -> ExitStatus {
    let name = format!("/proc/{}/stat", child.id());
    let fields = || {
        let stat = fs::read_to_string(&name).unwrap();
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        fields.split(' ').map(str::to_owned).collect::<Vec<_>>()
    };
    // Processors and other delays take no more than this.
    let until = std::time::Instant::now() + 3 * crate::scratch::DEADLINE;
    while fields()[0] != "Z" {
        assert!(std::time::Instant::now() < until, "waited in vain for the end of multilog");
        std::thread::park_timeout(Duration::from_millis(2));
    }
    let ticks: u64 = fields()[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    let cost = Duration::from_millis(ticks * 10);
    assert!(cost <= most, "it took {cost:?} of processor time");
    child.wait().unwrap()
}

fn start(scratch: &Scratch, script: &[&str]) -> Child {
    let mut command = scratch.command("multilog");
    command.args(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn bytes(scratch: &Scratch, name: &str) -> Vec<u8> {
    fs::read(scratch.path().join(name)).unwrap()
}

fn mode(scratch: &Scratch, name: &str) -> u32 {
    fs::metadata(scratch.path().join(name)).unwrap().permissions().mode() & 0o7777
}

/// The names of the old logs in `directory`, oldest first.
fn old_logs(scratch: &Scratch, directory: &str) -> Vec<String> {
    let listing = fs::read_dir(scratch.path().join(directory)).unwrap();
    let names = listing.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with('@')).collect();
    names.sort();
    names
}

/// All that `directory` holds, oldest first, and the length of each old log.
fn whole(scratch: &Scratch, directory: &str) -> (Vec<u8>, Vec<usize>) {
    let mut all = Vec::new();
    let mut lengths = Vec::new();
    for name in old_logs(scratch, directory) {
        let log = bytes(scratch, &format!("{directory}/{name}"));
        lengths.push(log.len());
        all.extend(log);
    }
    all.extend(bytes(scratch, &format!("{directory}/current")));
    (all, lengths)
}

#[test]
fn without_a_known_action_the_input_is_swallowed() {
    let scratch = Scratch::in_memory();
    for script in [&[][..], &["", "zzz", "?"]] {
        assert_eq!(log(&scratch, script, b"line\n"), Said::exit(0));
    }
}

#[test]
fn a_clean_end_leaves_the_directory_so() {
    let scratch = Scratch::in_memory();
    assert_eq!(log(&scratch, &["./main"], b"one\ntwo\0\xff\nthree"), Said::exit(0));
    assert_eq!(bytes(&scratch, "main/current"), b"one\ntwo\0\xff\nthree\n");
    assert_eq!(mode(&scratch, "main"), 0o700);
    let modes = ["current", "state", "lock"].map(|name| mode(&scratch, &format!("main/{name}")));
    assert_eq!(modes, [0o744, 0o644, 0o600]);
    // And it goes on from there.
    assert_eq!(log(&scratch, &["./main"], b"four\n"), Said::exit(0));
    assert_eq!(bytes(&scratch, "main/current"), b"one\ntwo\0\xff\nthree\nfour\n");
    assert_eq!(old_logs(&scratch, "main"), [""; 0]);
}

#[test]
fn what_keeps_it_from_starting_is_named_and_nothing_is_read() {
    let scratch = Scratch::in_memory();
    scratch.write("file", b"");
    let fatal = |text: &str| Said::complaint(111, &format!("multilog: fatal: {text}"));
    let run = |script: &[&str]| scratch.run("multilog", script);
    assert_eq!(run(&["./no/dir"]), fatal("unable to open directory ./no/dir: file does not exist"));
    assert_eq!(run(&["./file"]), fatal("unable to open directory ./file: not a directory"));
    assert_eq!(run(&["=no/file"]), fatal("unable to create no/file: file does not exist"));
    let twice = "unable to lock directory ./main: temporary failure";
    assert_eq!(run(&["./main", "e", "./main"]), fatal(twice));
}

#[test]
fn after_an_end_out_of_order_everything_is_kept() {
    let scratch = Scratch::in_memory();
    let put = |name: &str, mode: u32| {
        scratch.write(&format!("main/{name}"), name.as_bytes());
        let path = scratch.path().join("main").join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let ends = |names: &[String]| -> Vec<String> {
        names.iter().map(|name| name[25..].to_owned()).collect()
    };
    scratch.directory_at("main");
    put("current", 0o644);
    put("previous", 0o744);
    put("processed", 0o644);
    put("state", 0o644);
    log(&scratch, &["./main"], b"new\n");
    let names = old_logs(&scratch, "main");
    assert_eq!(ends(&names), [".u", ".u"]);
    assert_eq!(whole(&scratch, "main").0, b"previouscurrentnew\n");
    assert_eq!(bytes(&scratch, "main/state"), b"");
    assert!(!scratch.path().join("main/processed").exists());
    put("current", 0o644);
    put("previous", 0o744);
    put("processed", 0o744);
    log(&scratch, &["./main"], b"new\n");
    let names = old_logs(&scratch, "main");
    assert_eq!(ends(&names), [".u", ".u", ".s", ".u"]);
    assert_eq!(whole(&scratch, "main").0, b"previouscurrentprocessedcurrentnew\n");
}

#[test]
fn term_ends_it_at_the_end_of_the_line() {
    let scratch = Scratch::in_memory();
    scratch.fifo("input");
    let path = scratch.path().join("input");
    let mut both = fs::File::options().read(true).write(true).open(&path).unwrap();
    let input = fs::File::options().read(true).write(true).open(&path).unwrap();
    let mut command = scratch.command("multilog");
    let mut child = command.arg("./main").stdin(input).spawn().unwrap();
    both.write_all(b"one\ntwo").unwrap();
    wait_for("the first line", || scratch.read("main/current") == "one\n");
    kill(child.id(), "TERM");
    wait_for("the signal to be taken", || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        status.contains("ShdPnd:\t0000000000000000") && status.contains("SigPnd:\t0000000000000000")
    });
    // It waits for the rest of the line, and leaves the input after it in the pipe.
    both.write_all(b"!\nleft\n").unwrap();
    assert!(end_of(&mut child).success());
    assert_eq!(bytes(&scratch, "main/current"), b"one\ntwo!\n");
    assert_eq!(mode(&scratch, "main/current"), 0o744);
    let mut left = [0; 5];
    both.read_exact(&mut left).unwrap();
    assert_eq!(&left, b"left\n");
}

#[test]
fn a_quiet_line_is_readable_at_once() {
    let scratch = Scratch::in_memory();
    let mut child = start(&scratch, &["./main"]);
    for number in 1..=5 {
        child.stdin.as_mut().unwrap().write_all(b"line\n").unwrap();
        wait_for("the line", || scratch.read("main/current").lines().count() == number);
    }
    drop(child.stdin.take());
    assert!(end_of(&mut child).success());
}

#[test]
fn a_killed_multilog_leaves_all_that_it_had_read() {
    let scratch = Scratch::in_memory();
    let mut child = start(&scratch, &["./main"]);
    child.stdin.as_mut().unwrap().write_all(b"one\ntwo\n").unwrap();
    wait_for("the lines", || scratch.read("main/current") == "one\ntwo\n");
    kill(child.id(), "KILL");
    end_of(&mut child);
    assert_eq!(mode(&scratch, "main/current"), 0o644);
    log(&scratch, &["./main"], b"three\n");
    assert_eq!(whole(&scratch, "main").0, b"one\ntwo\nthree\n");
    assert!(old_logs(&scratch, "main")[0].ends_with(".u"));
}

#[test]
fn the_page_s_examples_do_what_it_says() {
    let scratch = Scratch::in_memory();
    let lines =
        b"program: fatal: text\nat 12:30: fatal: text\nGET /health HTTP\ndebug: x\nstatus: up\n\
                  fatal: here\n";
    // The text after the label, without the newline.
    let texts = |name: &str| -> Vec<String> {
        scratch.read(name).lines().map(|line| line[26..].to_owned()).collect()
    };
    let said = log(&scratch, &["t", "./main", "-*", "+* *: fatal: *", "./errors"], lines);
    assert_eq!(said, Said::exit(0));
    assert_eq!(texts("errors/current"), ["program: fatal: text"]);
    assert_eq!(texts("main/current").len(), 6);
    log(&scratch, &["t", "-* debug: *", "-* GET /health *", "./quiet"], lines);
    let left = ["program: fatal: text", "at 12:30: fatal: text", "status: up", "fatal: here"];
    assert_eq!(texts("quiet/current"), left);
    let script = ["t", "-*", "+* status: *", "=./status", "-*", "+* fatal: *", "e", "+*", "./all"];
    let said = log(&scratch, &script, lines);
    assert!(said.err.lines().count() == 1 && said.err.ends_with(" fatal: here\n"), "{}", said.err);
    assert!(scratch.read("status").trim_end().ends_with(" status: up"));
    assert_eq!(texts("all/current").len(), 6);
    let input = b"123456789\n".repeat(250);
    assert_eq!(log(&scratch, &["s4096", "!gzip -9", "./packed"], &input), Said::exit(0));
    let name = &old_logs(&scratch, "packed")[0];
    let unpacked = scratch.run("zcat", &[&format!("packed/{name}")]);
    assert_eq!(unpacked.out + &scratch.read("packed/current"), "123456789\n".repeat(250));
}
