//! A disk that is full and then has room again: a small file system that only multilog uses.

use crate::cost::end_of;
use crate::scratch::{Scratch, wait_for};
use std::fs;
use std::io::Write;
use std::process::Stdio;

const LINES: u32 = 20_000;

pub fn full(scratch: &Scratch) {
    scratch.directory_at("main");
    // Another file fills half of it.
    let set_up = "mount -t tmpfs -o size=300k none main && \
                  head -c 150000 /dev/zero >main/filler && exec multilog s50000 n100 ./main";
    let mut command = scratch.command("/usr/bin/unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c", set_up]);
    let errors = fs::File::create(scratch.path().join("errors")).unwrap();
    let mut child = command.stdin(Stdio::piped()).stderr(errors).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        for number in 0..LINES {
            writeln!(input, "line {number}").unwrap();
        }
        input
    });
    let warning =
        "multilog: warning: unable to write to ./main/current, pausing: out of disk space\n";
    wait_for("the warning", || scratch.errors() == warning);
    assert!(!writer.is_finished(), "all of it found room: the disk was not full");
    // The path from outside to multilog's view of the directory.
    let inside = format!("/proc/{}/root{}", child.id(), scratch.path().join("main").display());
    fs::remove_file(format!("{inside}/filler")).unwrap();
    // The file system vanishes with multilog, so its input stays open until the checks are done.
    wait_for("the last line", || {
        let current = fs::read_to_string(format!("{inside}/current")).unwrap_or_default();
        current.ends_with(&format!("line {}\n", LINES - 1))
    });
    let input = writer.join().unwrap();
    let mut names: Vec<_> = fs::read_dir(&inside)
        .unwrap_or_else(|_| panic!("multilog is gone: {}", scratch.errors()))
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .filter(|name| name.starts_with('@'))
        .collect();
    names.sort();
    names.push("current".to_owned());
    let text: String =
        names.iter().map(|name| fs::read_to_string(format!("{inside}/{name}")).unwrap()).collect();
    let expected: String = (0..LINES).map(|number| format!("line {number}\n")).collect();
    assert!(text == expected, "what is logged is not what was written");
    drop(input);
    assert!(end_of(&mut child).success());
}
