//! multilog, contract.md, section 10.

mod limits;
mod names;
mod place;
mod planted;
mod term;

use crate::scratch::{Said, Scratch, kill, only_ours, wait_for};
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
    let scratch = Scratch::new();
    for script in [&[][..], &["", "zzz", "?"]] {
        assert_eq!(log(&scratch, script, b"line\n"), Said::exit(0));
    }
}

#[test]
fn a_clean_end_leaves_the_directory_so() {
    let scratch = Scratch::new();
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
fn a_stamp_stands_before_every_line() {
    let scratch = Scratch::new();
    log(&scratch, &["tomato", "./main"], b"one\n\nthree");
    let text = String::from_utf8(bytes(&scratch, "main/current")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let rests: Vec<&str> = lines.iter().map(|line| &line[26..]).collect();
    assert_eq!(rests, ["one", "", "three"]);
    for line in lines {
        assert!(line.starts_with("@40000000") && line.as_bytes()[25] == b' ', "{line}");
        assert!(line[1..25].bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
    }
    log(&scratch, &["./plain", "t"], b"one\n");
    assert_eq!(bytes(&scratch, "plain/current"), b"one\n");
}

#[test]
fn selections_are_those_of_the_contract() {
    let scratch = Scratch::new();
    let lines = b"yy\na*b\nab\nxay\n\nfatal: x\n";
    for (script, expected) in [
        (&["-*"][..], &b""[..]),
        (&["-*", "+*y"], b"xay\n"),
        (&["-*", "+a**"], b"a*b\n"),
        (&["-a*"], b"yy\nxay\n\nfatal: x\n"),
        (&["-"], b"yy\na*b\nab\nxay\nfatal: x\n"),
        (&["-*", "+fatal: *", "+"], b"\nfatal: x\n"),
        (&["-*", "+*", "-ab", "-AB"], b"yy\na*b\nxay\n\nfatal: x\n"),
    ] {
        let _ = fs::remove_dir_all(scratch.path().join("main"));
        log(&scratch, &[script, &["./main"]].concat(), lines);
        assert_eq!(bytes(&scratch, "main/current"), expected, "{script:?}");
    }
}

#[test]
fn only_a_thousand_bytes_are_looked_at_and_all_are_logged() {
    let scratch = Scratch::new();
    for (length, is_found) in [(998, true), (999, true), (1000, false), (5000, false)] {
        let _ = fs::remove_dir_all(scratch.path().join("main"));
        let line = [&vec![b'y'; length][..], b"Z\n"].concat();
        log(&scratch, &["-*", "+*Z", "./main"], &line);
        let expected = if is_found { line } else { Vec::new() };
        assert_eq!(bytes(&scratch, "main/current"), expected, "{length}");
    }
    let long = [&vec![b'x'; 100_000][..], b"\nshort\n"].concat();
    log(&scratch, &["-short", "s16777215", "./long"], &long);
    assert_eq!(bytes(&scratch, "long/current").len(), 100_001);
}

#[test]
fn alerts_show_two_hundred_bytes() {
    let scratch = Scratch::new();
    for (length, dots) in [(0, ""), (199, ""), (200, ""), (201, "..."), (2000, "...")] {
        let input = [&vec![b'x'; length][..], b"\n"].concat();
        let said = log(&scratch, &["e"], &input);
        assert_eq!(said.err, format!("{}{dots}\n", "x".repeat(length.min(200))));
    }
}

#[test]
fn a_status_file_has_the_last_line_and_newlines() {
    let scratch = Scratch::new();
    log(&scratch, &["-no", "=status", "./main"], b"first\nno\n");
    let status = bytes(&scratch, "status");
    assert_eq!(
        (status.len(), &status[..7], mode(&scratch, "status")),
        (1001, &b"first\n\n"[..], 0o600)
    );
    scratch.write("status", &vec![b'k'; 1100]);
    log(&scratch, &["=status"], &[&vec![b'x'; 1500][..], b"\n"].concat());
    let expected = [&vec![b'x'; 1000][..], b"\n", &[b'k'; 99]].concat();
    assert_eq!(bytes(&scratch, "status"), expected);
}

#[test]
fn each_directory_has_the_selection_and_settings_of_its_place() {
    let scratch = Scratch::new();
    log(&scratch, &["./all", "-b*", "./some", "-*", "./none"], b"a\nb\n");
    assert_eq!(bytes(&scratch, "all/current"), b"a\nb\n");
    assert_eq!(bytes(&scratch, "some/current"), b"a\n");
    assert_eq!(bytes(&scratch, "none/current"), b"");
}

#[test]
fn what_keeps_it_from_starting_is_named_and_nothing_is_read() {
    let scratch = Scratch::new();
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
fn a_log_ends_at_a_newline_near_its_size_or_at_the_size() {
    let scratch = Scratch::new();
    let line = [&vec![b'x'; 99][..], b"\n"].concat();
    let input = line.repeat(200);
    log(&scratch, &["s4096", "n1000", "./lines"], &input);
    let (all, lengths) = whole(&scratch, "lines");
    assert_eq!(all, input);
    for length in &lengths {
        // 0.76 may go on for as long as its buffer is.
        let most = if only_ours("the length to the byte") { 2100 } else { 2100 + 512 };
        assert!((2096..=most).contains(length), "{lengths:?}");
    }
    let input = vec![b'x'; 10_000];
    log(&scratch, &["s4096", "n1000", "./stream"], &input);
    let (all, lengths) = whole(&scratch, "stream");
    assert_eq!((all.len(), lengths), (10_001, vec![4096, 4096]));
}

#[test]
fn old_logs_are_named_marked_and_pruned() {
    let scratch = Scratch::new();
    let input: Vec<u8> = (0..3000).flat_map(|n| format!("{n:05}\n").into_bytes()).collect();
    log(&scratch, &["s4096", "n3", "./main"], &input);
    let names = old_logs(&scratch, "main");
    assert_eq!(names.len(), 2, "{names:?}");
    for name in &names {
        assert!(name.len() == 27 && name.ends_with(".s"), "{name}");
        assert_eq!(mode(&scratch, &format!("main/{name}")), 0o744);
    }
    let (all, _) = whole(&scratch, "main");
    assert!(input.ends_with(&all));
}

#[test]
fn foreign_names_are_neither_counted_nor_removed() {
    if !only_ours("0.76 takes any @... of 25 bytes for a log") {
        return;
    }
    let scratch = Scratch::new();
    scratch.directory_at("main");
    for name in ["@0000-a-file-of-somebody-else", "@000000000000000000000000.gz", "@"] {
        scratch.write(&format!("main/{name}"), b"");
    }
    log(&scratch, &["s4096", "n2", "./main"], &b"line\n".repeat(4000));
    assert_eq!(old_logs(&scratch, "main").len(), 3 + 1);
}

#[test]
fn after_an_end_out_of_order_everything_is_kept() {
    let scratch = Scratch::new();
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
fn a_processor_gets_its_files_and_its_output_is_kept() {
    let scratch = Scratch::new();
    let processor = "!wc -l | tr -d ' '; cat <&4 >&2; echo known >&5; pwd >&2";
    let input = b"line\n".repeat(1500);
    let said = log(&scratch, &["s4096", processor, "./main"], &input);
    let here = scratch.path().join("main").canonicalize().unwrap();
    let here = here.display();
    let (all, lengths) = whole(&scratch, "main");
    assert_eq!(said.code, Some(0));
    let knows: Vec<String> = (0..lengths.len())
        .map(|run| if run == 0 { format!("{here}\n") } else { format!("known\n{here}\n") })
        .collect();
    assert_eq!(said.err, knows.concat());
    assert!(lengths.len() > 1 && lengths.iter().all(|length| *length == 4), "{lengths:?}");
    let text = String::from_utf8(all).unwrap();
    let counted: usize = text.lines().map_while(|line| line.parse::<usize>().ok()).sum();
    let left = text.lines().filter(|line| *line == "line").count();
    assert_eq!(counted + left, 1500);
    assert_eq!(bytes(&scratch, "main/state"), b"known\n");
    assert!(!scratch.path().join("main/previous").exists());
}

#[test]
fn a_processor_that_failed_is_run_again() {
    let scratch = Scratch::new();
    let processor = "![ -e ../again ] || { : >../again; exit 1; }; cat";
    let input = b"line\n".repeat(500);
    let said = log(&scratch, &["s4096", processor, "./main"], &input);
    assert_eq!(said.err, "multilog: warning: processor failed in ./main, pausing\n");
    assert_eq!(whole(&scratch, "main").0, input);
}

#[test]
fn a_processor_that_keeps_failing_does_not_make_it_deaf() {
    if !only_ours("TERM ends the tries") {
        return;
    }
    let scratch = Scratch::new();
    let mut child = start(&scratch, &["s4096", "!: >../tried; exit 1", "./main"]);
    let input = b"line\n".repeat(600);
    child.stdin.as_mut().unwrap().write_all(&input).unwrap();
    wait_for("the processor", || scratch.path().join("tried").exists());
    kill(child.id(), "TERM");
    assert!(end_of(&mut child).success());
    assert_eq!(whole(&scratch, "main").0, input);
    assert!(old_logs(&scratch, "main").iter().all(|name| name.ends_with(".u")));
}

#[test]
fn term_ends_it_at_the_end_of_the_line() {
    let scratch = Scratch::new();
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
fn alrm_rotates_what_is_not_empty() {
    let scratch = Scratch::new();
    let mut child = start(&scratch, &["./main", "-*", "./empty"]);
    child.stdin.as_mut().unwrap().write_all(b"one\n").unwrap();
    wait_for("the line", || scratch.read("main/current") == "one\n");
    kill(child.id(), "ALRM");
    wait_for("the rotation", || old_logs(&scratch, "main").len() == 1);
    child.stdin.as_mut().unwrap().write_all(b"two\n").unwrap();
    wait_for("the next line", || scratch.read("main/current") == "two\n");
    drop(child.stdin.take());
    assert!(end_of(&mut child).success());
    assert_eq!(old_logs(&scratch, "empty"), [""; 0]);
    assert_eq!(whole(&scratch, "main").0, b"one\ntwo\n");
}

#[test]
fn a_quiet_line_is_readable_at_once() {
    let scratch = Scratch::new();
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
    let scratch = Scratch::new();
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
fn a_larger_size_has_an_action_of_its_own() {
    if !only_ours("S") {
        return;
    }
    let scratch = Scratch::new();
    let input = b"123456789\n".repeat(1_800_000);
    log(&scratch, &["S17999000", "./large"], &input);
    let (all, lengths) = whole(&scratch, "large");
    assert_eq!((all.len(), lengths), (18_000_000, vec![17_997_000]));
}

#[test]
fn a_status_file_that_takes_nothing_is_tried_again() {
    let scratch = Scratch::new();
    std::os::unix::fs::symlink("/dev/full", scratch.path().join("status")).unwrap();
    let mut child = start(&scratch, &["=status", "./main"]);
    child.stdin.as_mut().unwrap().write_all(b"one\n").unwrap();
    let mut warning = [0; 100];
    let length = child.stderr.as_mut().unwrap().read(&mut warning).unwrap();
    let expected = "multilog: warning: unable to write status, pausing: out of disk space\n";
    assert_eq!(String::from_utf8_lossy(&warning[..length]), expected);
    assert_eq!(child.try_wait().unwrap(), None, "it gave up");
    kill(child.id(), "KILL");
    end_of(&mut child);
}

#[test]
fn a_readable_local_time_stands_where_it_is_asked_for() {
    if !only_ours("T") {
        return;
    }
    let scratch = Scratch::new();
    let mut command = scratch.command("multilog");
    command.args(["T", "./main"]).env("TZ", "XYZ-5:30");
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let before = std::time::SystemTime::now();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"one\ntwo\n").unwrap();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    let text = scratch.read("main/current");
    // What tai64nlocal prints for the label of the same moment, in the same zone.
    let stamp = text.split_once(" one\n").unwrap().0.to_owned();
    assert_eq!(text, format!("{stamp} one\n{stamp} two\n"));
    let (seconds, fraction) = stamp.split_once('.').unwrap();
    assert!(fraction.len() == 9 && fraction.bytes().all(|byte| byte.is_ascii_digit()), "{stamp}");
    let mut date = scratch.command("/bin/date");
    let said = date.args(["-d", seconds, "+%s"]).env("TZ", "XYZ-5:30").output().unwrap();
    let moment: u64 = String::from_utf8(said.stdout).unwrap().trim().parse().unwrap();
    let before = before.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!((before..before + 10).contains(&moment), "{stamp}");
}

#[test]
fn the_page_s_examples_do_what_it_says() {
    let scratch = Scratch::new();
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
