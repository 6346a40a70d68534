//! File systems with missing features, imitated by a filter of system calls.

use crate::cost::end_of;
use crate::refuse;
use crate::scratch::{Scratch, commands, kill, wait_for};
use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Stdio};

/// multilog with this call refused.
fn without(scratch: &Scratch, refused: &[i64], script: &[&str]) -> Child {
    let mut command = scratch.command("/proc/self/exe");
    command.arg(refuse::WORD).args(refused.iter().map(ToString::to_string)).arg("--");
    command.arg(commands().join("multilog")).args(script);
    command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn names(scratch: &Scratch) -> Vec<String> {
    let listing = fs::read_dir(scratch.path().join("main")).unwrap();
    let mut names: Vec<String> =
        listing.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.starts_with('@'));
    names.sort();
    names
}

pub fn no_links(scratch: &Scratch) {
    for error in [libc::EPERM, libc::EOPNOTSUPP, libc::ENOSYS, libc::EMLINK] {
        let _ = fs::remove_dir_all(scratch.path().join("main"));
        let refused = [libc::SYS_linkat, i64::from(error)];
        let mut child = without(scratch, &refused, &["s4096", "n1000", "./main"]);
        let lines: String = (0..2000).map(|line| format!("line {line:04}\n")).collect();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        assert!(end_of(&mut child).success(), "error {error}");
        let names = names(scratch);
        assert!(names.len() > 3 && names.iter().all(|name| name.ends_with(".s")), "{names:?}");
        let mut text: String =
            names.iter().map(|name| scratch.read(&format!("main/{name}"))).collect();
        text += &scratch.read("main/current");
        assert!(text == lines, "error {error}: what is logged is not what was written");
    }
}

/// After another error multilog waits, and the message has the name.
pub fn named(scratch: &Scratch) {
    let refused = [libc::SYS_linkat, i64::from(libc::EIO)];
    let mut child = without(scratch, &refused, &["s4096", "./main"]);
    let mut input = child.stdin.take().unwrap();
    input.write_all(&b"123456789\n".repeat(300)).unwrap();
    let mut said = [0; 200];
    let length = child.stderr.as_mut().unwrap().read(&mut said).unwrap();
    let said = String::from_utf8_lossy(&said[..length]).into_owned();
    let start = "multilog: warning: unable to link to ./main/@4000000";
    assert!(said.starts_with(start), "{said}");
    assert!(said.ends_with(".s, pausing: input/output error\n"), "{said}");
    kill(child.id(), "TERM");
    assert!(end_of(&mut child).success());
    // It is not marked as left in order: the next multilog keeps `previous`.
    assert!(scratch.path().join("main/previous").exists());
    assert!(scratch.command("multilog").arg("./main").status().unwrap().success());
    assert!(names(scratch).len() == 2 && !scratch.path().join("main/previous").exists());
}

/// TERM while `current` cannot be renamed: nothing is lost, and the next multilog goes on in the
/// same file.
pub fn no_rename(scratch: &Scratch) {
    let refused = [libc::SYS_renameat, i64::from(libc::EIO)];
    let mut child = without(scratch, &refused, &["s4096", "./main"]);
    let mut input = child.stdin.take().unwrap();
    let lines = "123456789\n".repeat(300);
    input.write_all(lines.as_bytes()).unwrap();
    let mut said = [0; 200];
    let length = child.stderr.as_mut().unwrap().read(&mut said).unwrap();
    let said = String::from_utf8_lossy(&said[..length]).into_owned();
    assert!(said.contains("unable to rename current to previous in directory ./main"), "{said}");
    kill(child.id(), "TERM");
    assert!(end_of(&mut child).success());
    // The lines after it are in the pipe or, if there was time to log them, in `current` beyond its
    // size.
    let text = scratch.read("main/current");
    assert!(lines.starts_with(&text) && text.len() > 2090, "{} bytes", text.len());
    assert!(scratch.command("multilog").arg("./main").status().unwrap().success());
    assert!(names(scratch).is_empty(), "it was left in order");
}

/// The files that multilog has open stay stale: it opens them again.
pub fn stale(scratch: &Scratch) {
    // The descriptor number of `current`, taken from a running multilog.
    let mut child = without(scratch, &[libc::SYS_reboot, 1], &["./main"]);
    wait_for("current", || scratch.path().join("main/current").exists());
    let mut number = None;
    wait_for("its number", || {
        let listing = fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().flatten();
        number = listing
            .filter(|entry| {
                fs::read_link(entry.path()).is_ok_and(|path| path.ends_with("main/current"))
            })
            .find_map(|entry| entry.file_name().to_str()?.parse::<i64>().ok());
        number.is_some()
    });
    drop(child.stdin.take());
    assert!(end_of(&mut child).success());
    let refused = [libc::SYS_write, i64::from(libc::ESTALE), number.unwrap()];
    fs::remove_dir_all(scratch.path().join("main")).unwrap();
    let mut child = without(scratch, &refused, &["./main"]);
    wait_for("current", || scratch.path().join("main/current").exists());
    // On a file system that has lost the lock it would not be held; here it is, so remove it.
    fs::remove_file(scratch.path().join("main/lock")).unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"line\n").unwrap();
    wait_for("the line", || scratch.read("main/current") == "line\n");
    drop(input);
    assert!(end_of(&mut child).success());
    let said = std::io::read_to_string(child.stderr.as_mut().unwrap()).unwrap();
    assert!(said.contains("pausing: stale NFS file handle"), "{said}");
    assert!(said.contains("./main is stale, and is entered again"), "{said}");
}
