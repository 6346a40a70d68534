//! `-f`: no line is lost and none comes twice, whatever happens to the files.

use super::{lines, log, logs, numbers};
use crate::scratch::{DEADLINE, Scratch, kill, wait_for};
use crate::stage::svctl;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// svctl follows directory `m`. Its output goes to the file `out`, its errors to `said`.
pub fn follow(scratch: &Scratch, arguments: &[&str]) -> Child {
    let file = |name: &str| fs::File::create(scratch.path().join(name)).unwrap();
    let mut command = svctl(scratch.path());
    command.args(["logs", "-f", "--in", "m"]).args(arguments);
    command.stdout(file("out")).stderr(file("said")).spawn().unwrap()
}

/// A multilog for directory `m`, and its input.
fn multilog(scratch: &Scratch, words: &[&str]) -> (Child, ChildStdin) {
    let mut command = scratch.command("multilog");
    let mut child = command.args(words).arg("./m").stdin(Stdio::piped()).spawn().unwrap();
    let stdin = child.stdin.take().unwrap();
    wait_for("a log", || scratch.path().join("m/current").exists());
    (child, stdin)
}

fn write(stdin: &mut ChildStdin, range: std::ops::Range<u64>) {
    let text: String = range.map(|number| format!("{number}\n")).collect();
    stdin.write_all(text.as_bytes()).unwrap();
}

/// Writes lines from this number on until multilog has made `current` again. Returns the number
/// of the next line.
fn write_until_noticed(scratch: &Scratch, stdin: &mut ChildStdin, first: u64) -> u64 {
    let until = Instant::now() + DEADLINE;
    let mut number = first;
    while !scratch.path().join("m/current").exists() {
        assert!(Instant::now() < until);
        write(stdin, number..number + 1);
        number += 1;
        std::thread::park_timeout(Duration::from_millis(100));
    }
    number
}

fn wait_for_line(scratch: &Scratch, last: u64) {
    wait_for("the last line", || scratch.read("out").ends_with(&format!(" {last}\n")));
}

/// Checks that all these lines were printed once, in their order.
fn check(scratch: &Scratch, range: std::ops::Range<u64>) {
    let found = numbers(&scratch.read("out"));
    let wrong = found.iter().zip(range.clone()).position(|(found, expected)| *found != expected);
    if let Some(place) = wrong {
        panic!("after {:?} comes {}", &found[place.saturating_sub(3)..place], found[place]);
    }
    assert_eq!(found.len() as u64, range.end - range.start);
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A million lines through hundreds of rotations.
#[test]
fn a_million_lines_are_followed_through_rotations() {
    const COUNT: u64 = 1_000_000;
    let scratch = Scratch::in_memory();
    let (mut child, mut stdin) = multilog(&scratch, &["t", "s65536", "n100000"]);
    let mut command = svctl(scratch.path());
    command.args(["logs", "-f", "--in", "m"]).stdout(Stdio::piped());
    let mut follower = command.stderr(Stdio::piped()).spawn().unwrap();
    let writer = std::thread::spawn(move || {
        for first in (0..COUNT).step_by(1000) {
            write(&mut stdin, first..first + 1000);
        }
    });
    let mut lines = BufReader::new(follower.stdout.take().unwrap());
    let mut line = Vec::new();
    for expected in 0..COUNT {
        line.clear();
        lines.read_until(b'\n', &mut line).unwrap();
        let text = String::from_utf8_lossy(&line);
        assert_eq!(text.trim_end().rsplit(' ').next(), Some(expected.to_string().as_str()));
    }
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    let files = fs::read_dir(scratch.path().join("m")).unwrap().count();
    assert!(files > 300, "{files}");
    let mut said = String::new();
    let mut errors = follower.stderr.take().unwrap();
    end(follower);
    errors.read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}

/// multilog keeps two files, and svctl is slow: it counts the lost logs, and no line comes twice.
#[test]
fn files_that_were_pruned_unread_are_counted() {
    let scratch = Scratch::in_memory();
    let (mut child, mut stdin) = multilog(&scratch, &["t", "s4096", "n2"]);
    write(&mut stdin, 0..10);
    let follower = follow(&scratch, &[]);
    wait_for_line(&scratch, 9);
    kill(follower.id(), "STOP");
    write(&mut stdin, 10..3000);
    drop(stdin);
    assert!(child.wait().unwrap().success());
    kill(follower.id(), "CONT");
    wait_for_line(&scratch, 2999);
    wait_for("the count", || scratch.read("said").contains("pruned unread in m"));
    end(follower);
    let found = numbers(&scratch.read("out"));
    assert!(found.is_sorted() && found.windows(2).all(|pair| pair[0] != pair[1]));
    // The file that was open when svctl was stopped was read to its end.
    let gap = found.windows(2).filter(|pair| pair[0] + 1 != pair[1]).collect::<Vec<_>>();
    assert_eq!(gap.len(), 1, "{gap:?}");
    let said = scratch.read("said");
    let count: u64 = said.split_whitespace().nth(2).unwrap().parse().unwrap();
    // A line is 25 bytes, a space, four digits and a newline, and a log at least 2096 bytes long.
    let lost = gap[0][1] - gap[0][0] - 1;
    assert!((lost / 133..=lost / 60).contains(&count), "{count} files, {lost} lines");
    assert_eq!(said.lines().count(), 1, "{said}");
}

/// The reader of the output takes nothing for a while. svctl opens the logs before multilog removes
/// them.
#[test]
fn what_is_pruned_while_the_output_waits_is_not_lost() {
    let scratch = Scratch::in_memory();
    let (mut child, mut stdin) = multilog(&scratch, &["t", "s4096", "n60"]);
    let mut command = svctl(scratch.path());
    command.args(["logs", "-f", "--in", "m"]).stdout(Stdio::piped());
    let mut follower = command.spawn().unwrap();
    let mut lines = BufReader::with_capacity(64, follower.stdout.take().unwrap()).lines();
    write(&mut stdin, 0..10);
    assert!(lines.next().unwrap().unwrap().ends_with(" 0"));
    let m = scratch.path().join("m");
    let newest = || {
        let names = fs::read_dir(&m).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_str().unwrap().starts_with('@')).max()
    };
    for first in (10..12_000).step_by(50) {
        write(&mut stdin, first..first + 50);
        // A pipe and svctl hold less than four thousand lines, of fewer than sixty files. svctl
        // holds the files open whose lines come after that.
        if first > 4000 {
            wait_for("a file to be opened", || {
                let inode = newest().and_then(|name| Some(fs::metadata(m.join(name)).ok()?.ino()));
                let open = fs::read_dir(format!("/proc/{}/fd", follower.id())).unwrap();
                let mut open = open.filter_map(|entry| fs::metadata(entry.unwrap().path()).ok());
                open.any(|facts| Some(facts.ino()) == inode)
            });
        }
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    for expected in 1..12_010 {
        let line = lines.next().unwrap().unwrap();
        assert!(line.ends_with(&format!(" {expected}")), "{line} is not {expected}");
    }
    end(follower);
    // multilog has removed many of those files.
    let said = logs(&scratch, &["-n", "999999"]);
    assert!(numbers(&said.out)[0] > 2000);
}

#[test]
fn the_ends_of_the_logger_and_new_directories_are_survived() {
    let scratch = Scratch::in_memory();
    let (mut child, mut stdin) = multilog(&scratch, &["t", "s4096", "n1000"]);
    write(&mut stdin, 0..1000);
    let follower = follow(&scratch, &[]);
    wait_for_line(&scratch, 999);
    // multilog is killed: the next multilog gives its `current` a name, by which svctl knows it.
    child.kill().unwrap();
    child.wait().unwrap();
    let (mut child, mut stdin) = multilog(&scratch, &["t", "s4096", "n1000"]);
    write(&mut stdin, 1000..2000);
    wait_for_line(&scratch, 1999);
    // multilog is ended by TERM: the next one continues the same file.
    drop(stdin);
    child.wait().unwrap();
    let (mut child, mut stdin) = multilog(&scratch, &["t", "s4096", "n1000"]);
    write(&mut stdin, 2000..3000);
    wait_for_line(&scratch, 2999);
    // The directory is removed while multilog runs, and the next multilog makes it again.
    let m = scratch.path().join("m");
    fs::remove_dir_all(&m).unwrap();
    let number = write_until_noticed(&scratch, &mut stdin, 3000);
    write(&mut stdin, number..number + 2000);
    wait_for_line(&scratch, number + 1999);
    // The directory is moved away: svctl also reads what is written to it until multilog notices.
    fs::rename(&m, scratch.path().join("old")).unwrap();
    let number = write_until_noticed(&scratch, &mut stdin, number + 2000);
    write(&mut stdin, number..number + 2000);
    wait_for_line(&scratch, number + 1999);
    // `current` alone is removed.
    fs::remove_file(m.join("current")).unwrap();
    let number = write_until_noticed(&scratch, &mut stdin, number + 2000);
    write(&mut stdin, number..number + 10);
    wait_for_line(&scratch, number + 9);
    drop(stdin);
    child.wait().unwrap();
    end(follower);
    check(&scratch, 0..number + 10);
    assert_eq!(scratch.read("said"), "");
}

#[test]
fn a_processor_that_makes_another_file_of_a_log_repeats_nothing() {
    let scratch = Scratch::in_memory();
    let (mut child, mut stdin) = multilog(&scratch, &["t", "s4096", "n5", "!gzip"]);
    let follower = follow(&scratch, &[]);
    for first in (0..2000).step_by(100) {
        write(&mut stdin, first..first + 100);
        wait_for_line(&scratch, first + 99);
    }
    drop(stdin);
    child.wait().unwrap();
    end(follower);
    check(&scratch, 0..2000);
    assert_eq!(scratch.read("said"), "");
}

#[test]
fn what_there_is_comes_first_and_as_much_as_was_asked_for() {
    let scratch = Scratch::in_memory();
    log(&scratch, "m/current", &lines(0..100));
    for (arguments, from) in [
        (&[][..], 0),
        (&["-n", "0"], 100),
        (&["-n", "5"], 95),
        (&["--since", "2026-01-01 00:01:30"], 90),
    ] {
        log(&scratch, "m/current", &lines(0..100));
        let follower = follow(&scratch, arguments);
        // svctl watches before it reads.
        let path = scratch.path().join("m/current");
        let inotify = || {
            let numbers = fs::read_dir(format!("/proc/{}/fd", follower.id())).unwrap();
            let mut links = numbers.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
            links.any(|link| link == path)
        };
        wait_for("the file to be open", inotify);
        let mut file = fs::File::options().append(true).open(&path).unwrap();
        // A line that is written in two parts.
        let text = format!("{}\n", lines([100])[0]);
        file.write_all(&text.as_bytes()[..30]).unwrap();
        file.write_all(&text.as_bytes()[30..]).unwrap();
        wait_for_line(&scratch, 100);
        end(follower);
        assert_eq!(
            numbers(&scratch.read("out")),
            (from..=100).collect::<Vec<_>>(),
            "{arguments:?}"
        );
    }
}

#[test]
fn a_part_of_a_line_that_multilog_takes_back_is_not_shown() {
    let scratch = Scratch::in_memory();
    log(&scratch, "m/current", &lines(0..3));
    let follower = follow(&scratch, &[]);
    wait_for_line(&scratch, 2);
    let path = scratch.path().join("m/current");
    let mut file = fs::File::options().append(true).open(&path).unwrap();
    let whole = file.metadata().unwrap().len();
    file.write_all(b"half a li").unwrap();
    file.set_len(whole).unwrap();
    file.write_all(format!("{}\n", lines([3])[0]).as_bytes()).unwrap();
    wait_for_line(&scratch, 3);
    // Another program empties the file, and writes from its beginning.
    file.set_len(0).unwrap();
    file.write_all(format!("{}\n", lines([4])[0]).as_bytes()).unwrap();
    wait_for_line(&scratch, 4);
    end(follower);
    assert_eq!(numbers(&scratch.read("out")), [0, 1, 2, 3, 4]);
}

#[test]
fn several_services_are_followed_in_the_order_of_arrival() {
    let scratch = Scratch::in_memory();
    let path = |name: &str| scratch.path().join(format!("s/{name}/log/main/current"));
    for name in ["a", "b"] {
        scratch.service(&format!("s/{name}"), "exec sleep 1000");
        scratch.service(&format!("s/{name}/log"), "exec multilog t ./main");
    }
    log(&scratch, "s/a/log/main/current", &lines([1, 3]));
    log(&scratch, "s/b/log/main/current", &lines([2]));
    let mut command = svctl(scratch.path());
    command.args(["-d", "s", "logs", "-f", "a", "b", "--raw"]);
    let out = fs::File::create(scratch.path().join("out")).unwrap();
    let follower = command.stdout(out).spawn().unwrap();
    wait_for("what there is", || scratch.lines("out") == 3);
    let mut expected = vec!["a: 1", "b: 2", "a: 3"];
    // The order is that of arrival, not that of the labels.
    for (name, second, line) in [("b", 9, "b: 9"), ("a", 8, "a: 8"), ("b", 4, "b: 4")] {
        let mut file = fs::File::options().append(true).open(path(name)).unwrap();
        file.write_all(format!("{}\n", lines([second])[0]).as_bytes()).unwrap();
        expected.push(line);
        wait_for("the line", || scratch.lines("out") == expected.len());
    }
    end(follower);
    let out = scratch.read("out");
    let found: Vec<String> = out
        .lines()
        .map(|line| format!("{} {}", &line[..2], line.rsplit(' ').next().unwrap()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_directory_that_is_not_there_yet_is_waited_for() {
    let scratch = Scratch::in_memory();
    let follower = follow(&scratch, &[]);
    let waiting = "svctl: warning: m is not there yet, waiting for it\n";
    wait_for("the word", || scratch.read("said") == waiting);
    let (mut child, mut stdin) = multilog(&scratch, &["t"]);
    write(&mut stdin, 0..5);
    wait_for_line(&scratch, 4);
    drop(stdin);
    child.wait().unwrap();
    end(follower);
    check(&scratch, 0..5);
    assert_eq!(scratch.read("said"), waiting);
}

#[test]
fn a_follower_whose_reader_is_gone_ends_without_another_line() {
    let scratch = Scratch::in_memory();
    log(&scratch, "m/current", &lines([1]));
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("svctl"));
    command.current_dir(scratch.path()).args(["logs", "-f", "--in", "m"]).stdout(Stdio::piped());
    let mut follower = command.spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap());
    lines.read_line(&mut String::new()).unwrap();
    drop(lines);
    let end = crate::scratch::end_of(&mut follower);
    assert_eq!(end.code(), Some(0));
}
