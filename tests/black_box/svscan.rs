//! svscan, contract.md, section 1 and scandir(7).

mod a_foreign_svscan;
mod discovery;
mod entries;
mod leaving;
mod log_pipes;
mod orderly_stop;

use crate::scratch::{Said, Scratch, copy_program, end_of, kill, limit_files, stays, wait_for};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Child;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A service below the scan directory `scan` that notes each start in the file of its name.
pub fn stayer(scratch: &Scratch, place: &str) {
    let name = place.rsplit('/').next().unwrap();
    let note = scratch.path().join(format!("{name}.starts"));
    scratch.service(place, &format!("echo $$ >>{}\nexec sleep 1000", note.display()));
}

/// Links the service `real` into the scan directory. Returns the link.
fn link_to_real(scratch: &Scratch) -> std::path::PathBuf {
    scratch.directory_at("scan");
    let link = scratch.path().join("scan/real");
    symlink("../real", &link).unwrap();
    link
}

pub fn starts(scratch: &Scratch, name: &str) -> usize {
    scratch.lines(&format!("{name}.starts"))
}

pub fn up(scratch: &Scratch, name: &str) {
    wait_for(&format!("{name} to be started"), || starts(scratch, name) == 1);
    wait_for("its supervise", || scratch.is_running(&format!("scan/{name}")));
}

/// The supervises that are children of `parent`, by pid.
pub fn supervises(parent: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    list.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn svscan(scratch: &Scratch) -> Child {
    scratch.directory_at("scan");
    scratch.start("svscan", &["scan"])
}

#[test]
fn a_scan_directory_that_is_not_there_is_fatal_at_the_start_only() {
    let scratch = Scratch::new();
    let expected =
        Said::complaint(111, "svscan: fatal: unable to chdir to none: file does not exist");
    assert_eq!(scratch.run("svscan", &["none"]), expected);
}

#[test]
fn without_a_directory_it_scans_where_it_stands_and_more_words_are_ignored() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    stayer(&scratch, "other/b");
    let start = |place: &str, arguments: &[&str]| {
        let place = scratch.path().join(place);
        scratch.command("svscan").args(arguments).current_dir(place).spawn().unwrap()
    };
    let _here = start("scan", &[]);
    let _there = start("scan", &["../other", "ignored"]);
    wait_for("both", || starts(&scratch, "a") == 1 && starts(&scratch, "b") == 1);
}

#[test]
fn services_share_svscan_s_session_and_group_and_get_no_descriptor_of_its() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    scratch.service("scan/a/log", "exec cat >>../../../log.txt");
    let child = svscan(&scratch);
    up(&scratch, "a");
    let group_and_session = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields = stat.rsplit(") ").next().unwrap().split(' ').skip(2).take(2);
        fields.map(str::to_owned).collect::<Vec<_>>()
    };
    // Descriptors that the test itself inherited are passed on.
    let links = |pid: &str| -> Vec<_> {
        let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let link = |number: u32| fs::read_link(format!("/proc/{pid}/fd/{number}")).ok();
        numbers.filter(|&number| number > 2).filter_map(link).collect()
    };
    let given = links("self");
    for name in ["scan/a", "scan/a/log"] {
        let pid = scratch.pid(name);
        assert_eq!(group_and_session(pid), group_and_session(child.id()), "{name}");
        let is_ours = |link: &std::path::PathBuf| {
            let text = link.to_string_lossy();
            let kinds = ["/supervise/", "/.svscan", "pipe:", "anon_inode:", "/scan"];
            kinds.iter().any(|kind| text.contains(kind)) && !given.contains(link)
        };
        let leaked: Vec<_> = links(&pid.to_string()).into_iter().filter(is_ours).collect();
        assert!(leaked.is_empty(), "{name}: {leaked:?}");
    }
}

#[test]
fn a_directory_that_cannot_be_read_is_said_and_nothing_is_dropped() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    stayer(&scratch, "real");
    let child = svscan(&scratch);
    up(&scratch, "a");
    let supervise = supervises(child.id());
    limit_files(child.id(), 3);
    let line = "svscan: warning: unable to read directory: process cannot open more files\n";
    wait_for("two passes", || scratch.errors() == line.repeat(2));
    assert_eq!(supervises(child.id()), supervise);
    limit_files(child.id(), 64);
    symlink("../real", scratch.path().join("scan/real")).unwrap();
    wait_for("the next", || starts(&scratch, "real") == 1);
    assert_eq!(starts(&scratch, "a"), 1);
}

#[test]
fn a_directory_that_cannot_be_read_while_another_is_being_filled_is_no_storm() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let child = svscan(&scratch);
    up(&scratch, "a");
    limit_files(child.id(), 3);
    scratch.directory_at("scan/new");
    let line = "svscan: warning: unable to read directory: process cannot open more files\n";
    wait_for("the warning", || scratch.errors().contains(line));
    stays("a few of them", SECOND * 2, || scratch.lines("errors") < 10);
}

#[test]
fn term_ends_svscan_and_nothing_else() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let mut child = svscan(&scratch);
    up(&scratch, "a");
    kill(child.id(), "TERM");
    use std::os::unix::process::ExitStatusExt;
    assert_eq!(end_of(&mut child).signal(), Some(15));
    assert!(scratch.svstat("scan/a").starts_with("scan/a: up "));
}

/// svscan as process 1 of a namespace of its own, with its own /proc.
#[test]
fn as_process_1_svscan_reaps_what_services_leave_behind() {
    let scratch = Scratch::new();
    let leaves = "(sleep 0.1 & echo $! >>../../orphans)\n";
    let waits =
        "for pid in $(cat ../../orphans); do while [ -e /proc/$pid ]; do sleep 0.02; done; done";
    let run = leaves.repeat(3) + waits + "\necho gone >../../said\nexec sleep 1000";
    scratch.service("scan/a", &run);
    let options = if nix::unistd::geteuid().is_root() { "-pf" } else { "-rpf" };
    let words = [options, "--kill-child", "--mount-proc", "svscan", "scan"];
    let mut space = scratch.start("unshare", &words);
    wait_for("the orphans to be reaped", || {
        let is_refused = space.try_wait().unwrap().is_some();
        is_refused || scratch.read("said") == "gone\n"
    });
    if scratch.errors().starts_with("unshare: ") {
        println!("left out, no PID namespace: {}", scratch.errors());
        return;
    }
    assert_eq!((scratch.lines("orphans"), scratch.errors()), (3, String::new()));
    space.kill().unwrap();
}

#[test]
fn without_supervise_on_the_path_it_says_so() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let errors = fs::File::create(scratch.path().join("errors")).unwrap();
    // Nor beside it.
    let program = crate::scratch::commands().join("svscan").canonicalize().unwrap();
    scratch.directory_at("alone");
    copy_program(program, scratch.path().join("alone/svscan"));
    let mut command = std::process::Command::new(scratch.path().join("alone/svscan"));
    command.current_dir(scratch.path()).env("SCRATCH", scratch.path());
    let _svscan = command.arg("scan").env("PATH", "/none").stderr(errors).spawn().unwrap();
    let line = "svscan: warning: unable to start supervise a: file does not exist\n";
    wait_for("the line", || scratch.errors() == line);
}
