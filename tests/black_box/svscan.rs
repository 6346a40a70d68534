//! svscan, contract.md, section 1 and scandir(7).

use crate::scratch::{Said, Scratch, end_of, is_alive, kill, only_ours, stays, wait_for};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Child;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// A service below the scan directory `scan` that notes each start in the file of its name.
pub fn stayer(scratch: &Scratch, place: &str) {
    let name = place.rsplit('/').next().unwrap();
    let note = scratch.path().join(format!("{name}.starts"));
    scratch.service(place, &format!("echo $$ >>{}\nexec sleep 1000", note.display()));
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
fn every_directory_is_a_service_but_dot_names_and_second_names_are_not() {
    let scratch = Scratch::new();
    for name in ["scan/a", "scan/.hidden", "outside"] {
        stayer(&scratch, name);
    }
    scratch.write("scan/file", b"");
    symlink("../outside", scratch.path().join("scan/link")).unwrap();
    symlink("a", scratch.path().join("scan/second")).unwrap();
    let child = svscan(&scratch);
    up(&scratch, "a");
    wait_for("the link", || starts(&scratch, "outside") == 1);
    stays("two services", SECOND, || supervises(child.id()).len() == 2);
    assert_eq!(starts(&scratch, ".hidden"), 0);
    assert_eq!(scratch.errors(), "");
}

#[test]
fn dangling_links_are_named_and_harmless() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    symlink("none", scratch.path().join("scan/dangling")).unwrap();
    symlink("loop", scratch.path().join("scan/loop")).unwrap();
    let _svscan = svscan(&scratch);
    up(&scratch, "a");
    let lines = [
        "svscan: warning: unable to stat dangling: file does not exist\n",
        "svscan: warning: unable to stat loop: symbolic link loop\n",
    ];
    let count = |line: &str| scratch.errors().matches(line).count();
    wait_for("both to be named", || lines.iter().all(|line| count(line) == 1));
    wait_for("the next pass to name them again", || lines.iter().all(|line| count(line) == 2));
}

#[test]
fn service_and_logger_are_joined_by_a_pipe_that_outlives_both() {
    let scratch = Scratch::new();
    scratch.service("scan/a", "i=0\nwhile :; do i=$((i+1)); echo line $i; sleep 0.01; done");
    scratch.service("scan/a/log", "exec cat >>../../../log.txt");
    let _svscan = svscan(&scratch);
    wait_for("the first lines", || scratch.lines("log.txt") > 5);
    // A new logger reads on in the same pipe.
    scratch.restart_logger("scan/a");
    let so_far = scratch.lines("log.txt");
    wait_for("more lines", || scratch.lines("log.txt") > so_far + 5);
    let text = scratch.read("log.txt");
    for (index, line) in text.lines().enumerate() {
        assert_eq!(line, format!("line {}", index + 1));
    }
    let pid = scratch.pid("scan/a");
    let pipe = |pid, number| fs::read_link(format!("/proc/{pid}/fd/{number}")).unwrap();
    assert_eq!(pipe(pid, 1), pipe(scratch.pid("scan/a/log"), 0));
}

#[test]
fn a_vanished_service_is_left_alone_and_known_again() {
    let scratch = Scratch::new();
    stayer(&scratch, "real");
    scratch.directory_at("scan");
    let link = scratch.path().join("scan/real");
    symlink("../real", &link).unwrap();
    let child = svscan(&scratch);
    wait_for("the start", || starts(&scratch, "real") == 1);
    let supervise = supervises(child.id());
    scratch.svc("-d", "real");
    fs::remove_file(&link).unwrap();
    // Over a pass of svscan.
    stays("the same supervise", SECOND * 11 / 2, || supervises(child.id()) == supervise);
    assert!(scratch.svstat("real").starts_with("real: down "));
    symlink("../real", &link).unwrap();
    scratch.svc("-u", "real");
    wait_for("the second start", || starts(&scratch, "real") == 2);
    assert_eq!(supervises(child.id()), supervise);
    // After the end: supervise exits and is not replaced.
    fs::remove_file(&link).unwrap();
    scratch.svc("-dx", "real");
    wait_for("no supervise", || supervises(child.id()).is_empty());
    stays("none", SECOND * 11 / 2, || supervises(child.id()).is_empty());
    assert_eq!(scratch.errors(), "");
}

#[test]
fn a_supervise_that_left_while_its_link_stands_is_replaced_at_a_later_pass() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let child = svscan(&scratch);
    up(&scratch, "a");
    let left = Instant::now();
    scratch.svc("-dx", "scan/a");
    wait_for("no supervise", || !scratch.is_running("scan/a"));
    wait_for("the next start", || starts(&scratch, "a") == 2);
    assert_eq!(supervises(child.id()).len(), 1);
    if only_ours("0.76 leaves less than two seconds to remove the link, by chance") {
        assert!(left.elapsed() >= SECOND * 3 / 2, "after {:?}", left.elapsed());
    }
}

#[test]
fn a_plain_file_named_log_fails_with_every_pass() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    scratch.write("scan/a/log", b"");
    let _svscan = svscan(&scratch);
    up(&scratch, "a");
    let line = "supervise: fatal: unable to chdir to log: not a directory\n";
    wait_for("two passes", || scratch.errors() == line.repeat(2));
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
fn a_log_that_cannot_be_looked_at_keeps_its_service_from_starting() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let log = scratch.path().join("scan/a/log");
    symlink("log", &log).unwrap();
    let _svscan = svscan(&scratch);
    let line = "svscan: warning: unable to stat a/log: symbolic link loop\n";
    wait_for("two passes", || scratch.errors() == line.repeat(2));
    assert_eq!(starts(&scratch, "a"), 0);
    fs::remove_file(log).unwrap();
    up(&scratch, "a");
}

#[test]
fn a_log_that_leads_nowhere_is_none_and_one_that_comes_later_is_not_noticed_by_0_76() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let log = scratch.path().join("scan/a/log");
    symlink("none", &log).unwrap();
    let _svscan = svscan(&scratch);
    up(&scratch, "a");
    fs::remove_file(&log).unwrap();
    scratch.service("later", "exec cat");
    fs::rename(scratch.path().join("later"), &log).unwrap();
    if only_ours("0.76 does not notice") {
        let pid = scratch.pid("scan/a");
        wait_for("the logger", || scratch.is_running("scan/a/log"));
        wait_for("its word", || !scratch.errors().is_empty());
        let line =
            "svscan: warning: a has a logger now, which it writes to from its next start on\n";
        assert_eq!(scratch.errors(), line);
        let pipe = |pid| fs::read_link(format!("/proc/{pid}/fd/1")).unwrap();
        let before = pipe(pid);
        // Another supervise has adopted it.
        wait_for("a supervise with the pipe", || {
            supervises(_svscan.id()).iter().any(|&of| pipe(of) != before && is_alive(of))
        });
        wait_for("its supervise", || scratch.is_running("scan/a"));
        assert_eq!((scratch.pid("scan/a"), starts(&scratch, "a")), (pid, 1));
        scratch.svc("-t", "scan/a");
        wait_for("the next start", || starts(&scratch, "a") == 2);
        let reader = fs::read_link(format!("/proc/{}/fd/0", scratch.pid("scan/a/log")));
        assert_eq!(pipe(scratch.pid("scan/a")), reader.unwrap());
        return;
    }
    // Over a pass of svscan.
    stays("no logger", SECOND * 11 / 2, || !scratch.is_running("scan/a/log"));
    assert_eq!(scratch.errors(), "");
}

#[test]
fn another_directory_of_the_same_name_is_another_service() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let child = svscan(&scratch);
    up(&scratch, "a");
    let first = scratch.pid("scan/a");
    fs::rename(scratch.path().join("scan/a"), scratch.path().join("gone")).unwrap();
    stayer(&scratch, "a");
    fs::rename(scratch.path().join("a"), scratch.path().join("scan/a")).unwrap();
    wait_for("the other", || starts(&scratch, "a") == 2);
    assert!(is_alive(first) && scratch.is_running("gone"));
    assert_eq!(supervises(child.id()).len(), 2);
    assert_eq!(scratch.errors(), "");
}

#[test]
fn a_dot_name_retires_a_service() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let child = svscan(&scratch);
    up(&scratch, "a");
    fs::rename(scratch.path().join("scan/a"), scratch.path().join("scan/.a")).unwrap();
    scratch.svc("-dx", "scan/.a");
    wait_for("no supervise", || supervises(child.id()).is_empty());
    stays("none", SECOND * 11 / 2, || supervises(child.id()).is_empty());
    assert_eq!(starts(&scratch, "a"), 1);
}

/// `cd /service/S; rm /service/S; svc -dx . log`: the usual way to remove a service.
#[test]
fn a_service_and_its_logger_are_removed_for_good() {
    let scratch = Scratch::new();
    stayer(&scratch, "real");
    scratch.service("real/log", "exec cat >>../../log.txt");
    scratch.directory_at("scan");
    let link = scratch.path().join("scan/real");
    symlink("../real", &link).unwrap();
    let child = svscan(&scratch);
    up(&scratch, "real");
    wait_for("the logger", || scratch.is_running("scan/real/log"));
    fs::remove_file(&link).unwrap();
    let inside = scratch.path().join("real");
    let said = scratch.command("svc").args(["-dx", ".", "log"]).current_dir(inside).output();
    assert_eq!(Said::of(&said.unwrap()), Said::exit(0));
    wait_for("no supervise", || supervises(child.id()).is_empty());
    stays("none", SECOND * 11 / 2, || supervises(child.id()).is_empty());
    assert_eq!((starts(&scratch, "real"), scratch.errors()), (1, String::new()));
}

#[test]
fn what_runs_without_a_name_is_named_once() {
    let scratch = Scratch::new();
    scratch.directory_at("scan");
    let names = ["forgotten", "half", "removed", "down"];
    for name in names {
        stayer(&scratch, name);
        scratch.service(&format!("{name}/log"), "exec cat >/dev/null");
        let link = scratch.path().join("scan").join(name);
        symlink(scratch.path().join(name), link).unwrap();
    }
    let _svscan = svscan(&scratch);
    for name in names {
        up(&scratch, name);
        wait_for("its logger", || scratch.is_running(&format!("{name}/log")));
    }
    for name in names {
        fs::remove_file(scratch.path().join("scan").join(name)).unwrap();
    }
    let svc = |name: &str, words: &[&str]| {
        let inside = scratch.path().join(name);
        let said = scratch.command("svc").args(words).current_dir(inside).output();
        assert_eq!(Said::of(&said.unwrap()), Said::exit(0));
    };
    svc("removed", &["-dx", ".", "log"]);
    svc("down", &["-d", ".", "log"]);
    svc("half", &["-dx", "."]);
    if !only_ours("0.76 says nothing") {
        return;
    }
    let line = |name: &str| {
        let place = scratch.path().join(name);
        let place = place.display();
        format!(
            "svscan: warning: {name} still runs, in {place}, and has no name in the scan directory\n"
        )
    };
    let lines = ["forgotten", "half/log"].map(line);
    let is_said = || lines.iter().all(|line| scratch.errors().contains(line));
    stays("quiet for a while", SECOND * 4, || scratch.errors().is_empty());
    wait_for("both to be named", is_said);
    // Over a pass of svscan.
    stays("once each", SECOND * 11 / 2, || scratch.lines("errors") == 2);
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
    let limit = |files: &str| {
        let arguments = ["--pid", &child.id().to_string(), &format!("--nofile={files}:")];
        assert!(std::process::Command::new("prlimit").args(arguments).status().unwrap().success());
    };
    limit("3");
    let line = "svscan: warning: unable to read directory: process cannot open more files\n";
    wait_for("two passes", || scratch.errors() == line.repeat(2));
    assert_eq!(supervises(child.id()), supervise);
    limit("64");
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
    let arguments = ["--pid", &child.id().to_string(), "--nofile=3:"];
    assert!(std::process::Command::new("prlimit").args(arguments).status().unwrap().success());
    scratch.directory_at("scan/new");
    let line = "svscan: warning: unable to read directory: process cannot open more files\n";
    wait_for("the warning", || scratch.errors().contains(line));
    stays("a few of them", SECOND * 2, || scratch.lines("errors") < 10);
}

#[test]
fn somebody_who_reads_ok_is_no_supervise() {
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    scratch.directory_at("scan/a/supervise");
    scratch.fifo("scan/a/supervise/ok");
    let ok = scratch.path().join("scan/a/supervise/ok");
    let _reader = fs::File::options().read(true).write(true).open(ok).unwrap();
    let _svscan = svscan(&scratch);
    wait_for("the start", || starts(&scratch, "a") == 1);
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
    fs::copy(program, scratch.path().join("alone/svscan")).unwrap();
    let mut command = std::process::Command::new(scratch.path().join("alone/svscan"));
    command.current_dir(scratch.path()).env("SCRATCH", scratch.path());
    let _svscan = command.arg("scan").env("PATH", "/none").stderr(errors).spawn().unwrap();
    let line = "svscan: warning: unable to start supervise a: file does not exist\n";
    wait_for("the line", || scratch.errors() == line);
}

mod discovery {
    use super::*;

    fn median_of_links(scratch: &Scratch, count: usize) -> Duration {
        let mut times: Vec<Duration> = (0..count)
            .map(|number| {
                let name = format!("late{number}");
                stayer(scratch, &name);
                let begun = Instant::now();
                symlink(format!("../{name}"), scratch.path().join("scan").join(&name)).unwrap();
                wait_for("the start", || starts(scratch, &name) == 1);
                begun.elapsed()
            })
            .collect();
        times.sort();
        times[count / 2]
    }

    #[test]
    fn a_link_or_a_renamed_directory_starts_at_once() {
        if !only_ours("0.76 looks every five seconds") {
            return;
        }
        let scratch = Scratch::new();
        stayer(&scratch, "scan/first");
        let _svscan = svscan(&scratch);
        up(&scratch, "first");
        assert!(median_of_links(&scratch, 5) < SECOND);
        stayer(&scratch, "moved");
        let begun = Instant::now();
        fs::rename(scratch.path().join("moved"), scratch.path().join("scan/moved")).unwrap();
        wait_for("the start", || starts(&scratch, "moved") == 1);
        assert!(begun.elapsed() < SECOND);
    }

    #[test]
    fn a_directory_made_in_place_starts_when_it_is_complete_with_its_logger() {
        if !only_ours("0.76 looks every five seconds") {
            return;
        }
        let scratch = Scratch::new();
        stayer(&scratch, "scan/first");
        let _svscan = svscan(&scratch);
        up(&scratch, "first");
        scratch.directory_at("scan/a");
        stays("nothing without run", SECOND / 2, || !scratch.is_running("scan/a"));
        let begun = Instant::now();
        stayer(&scratch, "scan/a");
        scratch.service("scan/a/log", "exec cat >>../../../log.txt");
        wait_for("the start", || starts(&scratch, "a") == 1);
        assert!(begun.elapsed() < SECOND * 2, "after {:?}", begun.elapsed());
        wait_for("its logger", || scratch.is_running("scan/a/log"));
    }

    #[test]
    fn a_directory_without_run_is_started_after_five_seconds_all_the_same() {
        let scratch = Scratch::new();
        let _svscan = svscan(&scratch);
        stayer(&scratch, "scan/first");
        up(&scratch, "first");
        scratch.directory_at("scan/empty");
        let begun = Instant::now();
        wait_for("its supervise", || scratch.is_running("scan/empty"));
        assert!(begun.elapsed() < SECOND * 6);
        wait_for("its word", || {
            scratch.errors().contains("unable to start empty/run: file does not exist")
        });
    }

    #[test]
    fn a_killed_supervise_is_replaced_at_once_and_adopts() {
        if !only_ours("0.76 waits for its next pass and runs a second copy") {
            return;
        }
        let scratch = Scratch::new();
        stayer(&scratch, "scan/a");
        let child = svscan(&scratch);
        up(&scratch, "a");
        let service = scratch.pid("scan/a");
        for _ in 0..3 {
            let supervise = supervises(child.id())[0];
            kill(supervise, "KILL");
            let begun = Instant::now();
            wait_for("another", || {
                supervises(child.id()).first().is_some_and(|pid| *pid != supervise)
                    && scratch.is_running("scan/a")
            });
            assert!(begun.elapsed() < SECOND * 2, "after {:?}", begun.elapsed());
            assert_eq!(scratch.pid("scan/a"), service);
        }
        assert_eq!((starts(&scratch, "a"), scratch.errors()), (1, String::new()));
    }

    #[test]
    fn a_second_svscan_is_refused_and_a_successor_adopts_in_silence() {
        if !only_ours("0.76 has no lock on the scan directory") {
            return;
        }
        let scratch = Scratch::new();
        stayer(&scratch, "scan/a");
        let mut first = svscan(&scratch);
        up(&scratch, "a");
        let line = format!(
            "svscan: fatal: unable to acquire scan/.svscan/lock, another svscan (pid {}) has it: \
             temporary failure",
            first.id()
        );
        assert_eq!(scratch.run("svscan", &["scan"]), Said::complaint(111, &line));
        kill(first.id(), "KILL");
        end_of(&mut first);
        let second = svscan(&scratch);
        stayer(&scratch, "scan/b");
        up(&scratch, "b");
        assert_eq!(supervises(second.id()).len(), 1, "a's supervise is not ours to start");
        scratch.svc("-dx", "scan/a");
        wait_for("a new supervise for a", || starts(&scratch, "a") == 2);
        assert_eq!(scratch.errors(), "");
    }

    #[test]
    fn a_killed_supervise_that_was_adopted_is_replaced_at_once_though_its_service_is_down() {
        if !only_ours("0.76 waits for its next pass") {
            return;
        }
        let scratch = Scratch::new();
        stayer(&scratch, "scan/a");
        scratch.write("scan/a/down", b"");
        let mut first = svscan(&scratch);
        wait_for("its supervise", || scratch.is_running("scan/a"));
        let supervise = supervises(first.id())[0];
        kill(first.id(), "KILL");
        end_of(&mut first);
        let second = svscan(&scratch);
        stayer(&scratch, "scan/b");
        up(&scratch, "b");
        kill(supervise, "KILL");
        let begun = Instant::now();
        wait_for("another", || supervises(second.id()).len() == 2 && scratch.is_running("scan/a"));
        assert!(begun.elapsed() < SECOND * 3 / 2, "after {:?}", begun.elapsed());
        assert_eq!((starts(&scratch, "a"), scratch.errors()), (0, String::new()));
    }
}

mod a_foreign_svscan {
    use super::*;
    use std::process::Stdio;

    /// A process named svscan that works in `place` until its input ends, as 0.76's would.
    fn stand_in(scratch: &Scratch, place: &str) -> Child {
        scratch.script("svscan", "read line");
        let mut command = std::process::Command::new(scratch.path().join("svscan"));
        let child = command.current_dir(scratch.path().join(place)).stdin(Stdio::piped()).spawn();
        let child = child.unwrap();
        let name = format!("/proc/{}/comm", child.id());
        wait_for("its name", || fs::read_to_string(&name).is_ok_and(|name| name == "svscan\n"));
        child
    }

    #[test]
    fn is_waited_for_with_one_word_and_starts_begin_when_it_is_gone() {
        if !only_ours("0.76 looks for nobody") {
            return;
        }
        let scratch = Scratch::new();
        stayer(&scratch, "scan/a");
        let mut other = stand_in(&scratch, "scan");
        let mut ours = svscan(&scratch);
        let line = format!(
            "svscan: warning: another svscan (pid {}) scans scan, waiting until it is gone\n",
            other.id()
        );
        wait_for("the word", || scratch.errors() == line);
        stays("waiting", SECOND * 5 / 2, || {
            !scratch.is_running("scan/a") && ours.try_wait().unwrap().is_none()
        });
        drop(other.stdin.take());
        end_of(&mut other);
        up(&scratch, "a");
        assert_eq!(scratch.errors(), line);
    }

    #[test]
    fn is_waited_for_no_longer_when_term_asks_for_the_orderly_stop() {
        if !only_ours("0.76 looks for nobody") {
            return;
        }
        let scratch = Scratch::new();
        stayer(&scratch, "scan/a");
        let other = stand_in(&scratch, "scan");
        let mut ours = scratch.start("svscan", &["--stop-on-term", "scan"]);
        wait_for("the word", || scratch.errors().contains("waiting until it is gone\n"));
        kill(ours.id(), "TERM");
        assert_eq!(end_of(&mut ours).code(), Some(0));
        assert!(is_alive(other.id()) && !scratch.is_running("scan/a"));
    }

    /// A set-user-id program of root's under the name svscan, run by another user in `place`, like
    /// `su` through a link. `None` if it cannot be made.
    fn set_user_id(scratch: &Scratch, place: &str) -> Option<Child> {
        use std::os::unix::process::CommandExt;
        if !nix::unistd::geteuid().is_root() {
            println!("needs root: a program of root's that another user runs");
            return None;
        }
        let mode = |path: &std::path::Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let program = scratch.path().join("program");
        // Copied by another process: if we had it open to write while a thread of another test
        // forks, it could not be executed.
        let copied = std::process::Command::new("cp").arg("/bin/sleep").arg(&program).status();
        assert!(copied.unwrap().success());
        mode(&program, 0o4755);
        symlink("program", scratch.path().join("svscan")).unwrap();
        mode(scratch.path(), 0o755);
        let mut command = std::process::Command::new(scratch.path().join("svscan"));
        let command = command.arg("1000").uid(65534).gid(65534);
        let child = command.current_dir(scratch.path().join(place)).spawn().unwrap();
        let status = || fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        wait_for("its name", || status().starts_with("Name:\tsvscan\n"));
        if !status().contains("Uid:\t65534\t0\t0\t") {
            println!("needs a place where set-id bits count");
            return None;
        }
        Some(child)
    }

    #[test]
    fn is_no_program_of_root_s_that_another_user_runs() {
        let scratch = Scratch::new();
        stayer(&scratch, "scan/a");
        let Some(other) = set_user_id(&scratch, "scan") else { return };
        let ours = svscan(&scratch);
        up(&scratch, "a");
        if only_ours("HUP kills 0.76") {
            // Only a new image makes this file again, after its search for other svscans.
            let pipes = scratch.path().join("scan/.svscan/pipes");
            fs::remove_file(&pipes).unwrap();
            kill(ours.id(), "HUP");
            wait_for("the new image to look for others and go on", || pipes.exists());
        }
        stayer(&scratch, "b");
        fs::rename(scratch.path().join("b"), scratch.path().join("scan/b")).unwrap();
        up(&scratch, "b");
        assert!(is_alive(other.id()));
        assert_eq!(scratch.errors(), "");
    }

    #[test]
    fn of_another_directory_is_none_of_ours() {
        let scratch = Scratch::new();
        stayer(&scratch, "scan/a");
        scratch.directory_at("other");
        let _other = stand_in(&scratch, "other");
        let _svscan = svscan(&scratch);
        up(&scratch, "a");
        assert_eq!(scratch.errors(), "");
    }
}

mod log_pipes {
    use super::*;

    /// A service that counts, and a logger that writes what it counts.
    fn counting(scratch: &Scratch) {
        scratch.service("scan/a", "i=0\nwhile :; do i=$((i+1)); echo line $i; sleep 0.002; done");
        scratch.service("scan/a/log", "exec cat >>../../../log.txt");
    }

    fn supervises_of(scratch: &Scratch) -> Vec<u32> {
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap() {
            let entry = entry.unwrap().path();
            let is_ours = fs::read_link(entry.join("cwd"))
                .is_ok_and(|cwd| cwd.starts_with(scratch.path().join("scan/a")));
            let name = fs::read_to_string(entry.join("comm")).unwrap_or_default();
            if is_ours && name == "supervise\n" {
                found.push(entry.file_name().unwrap().to_str().unwrap().parse().unwrap());
            }
        }
        found
    }

    fn no_line_is_missing(scratch: &Scratch) {
        let so_far = scratch.lines("log.txt");
        wait_for("more lines", || scratch.lines("log.txt") > so_far + 50);
        for (index, line) in scratch.read("log.txt").lines().enumerate() {
            assert_eq!(line, format!("line {}", index + 1));
        }
    }

    #[test]
    fn a_log_pipe_may_be_opened_to_write_by_anybody_and_read_by_its_owner_alone() {
        if !only_ours("a pipe is its owner's alone") {
            return;
        }
        let scratch = Scratch::new();
        // As root, a service that changes its user; otherwise it runs as our user.
        let to_another = "setpriv --reuid 65534 --regid 65534 --clear-groups";
        let as_user = if nix::unistd::geteuid().is_root() { to_another } else { "" };
        let run = format!("exec {as_user} sh -c 'echo words >/dev/stdout; exec sleep 1000'");
        scratch.service("scan/a", &run);
        scratch.service("scan/a/log", "exec cat >>../../../log.txt");
        let _svscan = svscan(&scratch);
        wait_for("the words", || scratch.read("log.txt") == "words\n");
        let pipe = format!("/proc/{}/fd/1", scratch.pid("scan/a"));
        assert_eq!(fs::metadata(pipe).unwrap().permissions().mode() & 0o777, 0o622);
    }

    #[test]
    fn a_new_svscan_takes_over_the_pipe_whoever_died_with_the_old_one() {
        if !only_ours("0.76 makes a new pipe, and what was in the old one is lost") {
            return;
        }
        // Kills svscan alone, then with both supervises, then with the logger's own process.
        for (supervises_too, logger_too) in [(false, false), (true, false), (false, true)] {
            let scratch = Scratch::new();
            counting(&scratch);
            let mut first = svscan(&scratch);
            wait_for("the first lines", || scratch.lines("log.txt") > 50);
            let (service, logger) = (scratch.pid("scan/a"), scratch.pid("scan/a/log"));
            kill(first.id(), "KILL");
            end_of(&mut first);
            if supervises_too {
                supervises_of(&scratch).into_iter().for_each(|pid| kill(pid, "KILL"));
            }
            if logger_too {
                scratch.pause_until_written("scan/a");
                kill(logger, "KILL");
            }
            let second = svscan(&scratch);
            wait_for("both supervises", || {
                scratch.is_running("scan/a") && scratch.is_running("scan/a/log")
            });
            if logger_too {
                wait_for("another logger", || scratch.pid("scan/a/log") != logger);
                scratch.svc("-c", "scan/a");
            }
            assert_eq!(scratch.pid("scan/a"), service);
            no_line_is_missing(&scratch);
            // From here on a restart of either end works as usual.
            let old = supervises_of(&scratch);
            old.iter().for_each(|pid| kill(*pid, "KILL"));
            // An old supervise may not be dead yet, and bytes sent to it are lost.
            wait_for("new supervises of the new svscan", || {
                let new = supervises(second.id());
                new.len() == 2
                    && !new.iter().any(|pid| old.contains(pid))
                    && scratch.is_running("scan/a")
                    && scratch.is_running("scan/a/log")
            });
            scratch.restart_logger("scan/a");
            no_line_is_missing(&scratch);
            assert_eq!((scratch.pid("scan/a"), scratch.errors()), (service, String::new()));
        }
    }

    /// Kills a supervise, and then what it supervised.
    fn kill_with_supervise(scratch: &Scratch, name: &str) {
        let directory = scratch.path().join(name);
        let works_there =
            |pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).unwrap() == directory;
        let supervise = supervises_of(scratch).into_iter().find(works_there).unwrap();
        let service = scratch.pid(name);
        for pid in [supervise, service] {
            kill(pid, "KILL");
            wait_for("its end", || !is_alive(pid));
        }
    }

    #[test]
    fn one_supervise_keeps_the_log_pipe_alone() {
        if !only_ours("0.76's supervise holds no pipe for others") {
            return;
        }
        for (killed, spared) in [("scan/a/log", "scan/a"), ("scan/a", "scan/a/log")] {
            let scratch = Scratch::new();
            counting(&scratch);
            let mut first = svscan(&scratch);
            wait_for("the first lines", || scratch.lines("log.txt") > 50);
            let stays_up = scratch.pid(spared);
            kill(first.id(), "KILL");
            end_of(&mut first);
            // Of all processes that could have the other end open, only one supervise is left.
            scratch.pause_until_written("scan/a");
            kill_with_supervise(&scratch, killed);
            scratch.svc("-c", spared);
            stays("the other one", SECOND / 2, || scratch.pid(spared) == stays_up);
            let so_far = scratch.lines("log.txt");
            let _second = svscan(&scratch);
            wait_for("more lines", || scratch.lines("log.txt") > so_far + 50);
            assert_eq!((scratch.pid(spared), scratch.errors()), (stays_up, String::new()));
            if killed == "scan/a/log" {
                no_line_is_missing(&scratch);
            }
        }
    }
}

mod orderly_stop {
    use super::*;

    fn stoppable(scratch: &Scratch) -> Child {
        scratch.directory_at("scan");
        scratch.start("svscan", &["--stop-on-term", "scan"])
    }

    #[test]
    fn services_go_first_and_loggers_read_to_the_end() {
        if !only_ours("the orderly stop") {
            return;
        }
        let scratch = Scratch::new();
        scratch.service(
            "scan/a",
            "trap 'echo last words; exit 0' TERM\necho first words\n\
             while :; do sleep 0.05; done",
        );
        scratch.service("scan/a/log", "exec cat >>../../../log.txt");
        stayer(&scratch, "scan/b");
        let mut child = stoppable(&scratch);
        up(&scratch, "b");
        wait_for("the first words", || scratch.lines("log.txt") == 1);
        let pids = [scratch.pid("scan/a"), scratch.pid("scan/a/log"), scratch.pid("scan/b")];
        kill(child.id(), "TERM");
        assert_eq!(end_of(&mut child).code(), Some(0));
        assert_eq!(scratch.read("log.txt"), "first words\nlast words\n");
        for pid in pids {
            assert!(!is_alive(pid), "{pid} is left");
        }
        for name in ["scan/a", "scan/a/log", "scan/b"] {
            assert!(!scratch.is_running(name));
        }
        assert_eq!(scratch.errors(), "");
    }

    #[test]
    fn a_logger_that_is_down_is_started_for_what_is_left_in_its_pipe() {
        if !only_ours("the orderly stop") {
            return;
        }
        let scratch = Scratch::new();
        scratch.service("scan/a", "echo words >&1\necho up >>../../up\nexec sleep 1000");
        scratch.service("scan/a/log", "exec cat >>../../../log.txt");
        scratch.write("scan/a/log/down", b"");
        let mut child = stoppable(&scratch);
        wait_for("the words in the pipe", || scratch.lines("up") == 1);
        kill(child.id(), "INT");
        assert_eq!(end_of(&mut child).code(), Some(0));
        assert_eq!(scratch.read("log.txt"), "words\n");
    }

    /// A logger that behaves like a multilog on a full disk: its pipe has bytes, and it makes no
    /// progress.
    #[test]
    fn a_logger_that_gets_no_further_is_told_to_go() {
        if !only_ours("the orderly stop") {
            return;
        }
        let scratch = Scratch::new();
        scratch.service("scan/a", "echo words\necho up >>../../up\nexec sleep 1000");
        scratch.service("scan/a/log", "exec sleep 1000");
        let mut child = stoppable(&scratch);
        wait_for("the words in the pipe", || scratch.lines("up") == 1);
        let logger = scratch.pid("scan/a/log");
        kill(child.id(), "TERM");
        assert_eq!(end_of(&mut child).code(), Some(0));
        assert!(!is_alive(logger));
    }

    #[test]
    fn a_killed_supervise_does_not_leave_its_service_behind() {
        if !only_ours("the orderly stop") {
            return;
        }
        let scratch = Scratch::new();
        stayer(&scratch, "scan/a");
        let mut child = stoppable(&scratch);
        up(&scratch, "a");
        let pid = scratch.pid("scan/a");
        kill(supervises(child.id())[0], "KILL");
        kill(child.id(), "TERM");
        assert_eq!(end_of(&mut child).code(), Some(0));
        assert!(!is_alive(pid));
        assert_eq!(starts(&scratch, "a"), 1);
    }

    #[test]
    fn an_adopted_service_whose_link_is_gone_is_stopped_too() {
        if !only_ours("the orderly stop") {
            return;
        }
        let scratch = Scratch::new();
        stayer(&scratch, "real");
        scratch.directory_at("scan");
        let link = scratch.path().join("scan/real");
        symlink("../real", &link).unwrap();
        let mut first = stoppable(&scratch);
        up(&scratch, "real");
        kill(first.id(), "KILL");
        end_of(&mut first);
        let mut second = stoppable(&scratch);
        stayer(&scratch, "scan/b");
        up(&scratch, "b");
        fs::remove_file(&link).unwrap();
        kill(second.id(), "TERM");
        assert_eq!(end_of(&mut second).code(), Some(0));
        assert!(!scratch.is_running("real"));
    }

    /// A link or a directory with a service that writes a last line when it ends, and a logger.
    fn speaker(scratch: &Scratch, place: &str) {
        scratch.service(
            place,
            "trap 'echo last words; exit 0' TERM\necho first words\nwhile :; do sleep 0.05; done",
        );
        let log = scratch.path().join("log.txt");
        scratch.service(&format!("{place}/log"), &format!("exec cat >>{}", log.display()));
    }

    #[test]
    fn a_service_whose_directory_was_removed_is_stopped_too_and_its_logger_reads_to_the_end() {
        if !only_ours("the orderly stop") {
            return;
        }
        // The stop is made by the svscan that started it; by one that adopted it; by one that never
        // saw its name.
        for (adopted, unseen) in [(false, false), (true, false), (true, true)] {
            let scratch = Scratch::new();
            speaker(&scratch, "scan/a");
            let mut child = stoppable(&scratch);
            wait_for("the first words", || scratch.lines("log.txt") == 1);
            let pids = [scratch.pid("scan/a"), scratch.pid("scan/a/log")];
            let remove = || fs::remove_dir_all(scratch.path().join("scan/a")).unwrap();
            if unseen {
                remove();
            }
            if adopted {
                kill(child.id(), "KILL");
                end_of(&mut child);
                stayer(&scratch, "scan/b");
                child = stoppable(&scratch);
                up(&scratch, "b");
                wait_for("the logger's supervise to be adopted", || {
                    let open = fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
                    let mut open = open.filter_map(|link| fs::read_link(link.ok()?.path()).ok());
                    let ok = "/log/supervise/ok";
                    open.any(|file| {
                        file.to_string_lossy().trim_end_matches(" (deleted)").ends_with(ok)
                    })
                });
            }
            if !unseen {
                remove();
            }
            kill(child.id(), "TERM");
            assert_eq!(end_of(&mut child).code(), Some(0), "{adopted} {unseen}");
            assert_eq!(scratch.read("log.txt"), "first words\nlast words\n");
            assert!(!pids.into_iter().any(is_alive), "{adopted} {unseen}");
        }
    }

    #[test]
    fn what_an_svscan_before_held_without_a_name_is_stopped_too() {
        if !only_ours("the orderly stop") {
            return;
        }
        let scratch = Scratch::new();
        speaker(&scratch, "real");
        stayer(&scratch, "plain");
        scratch.directory_at("scan");
        let link = |name: &str| scratch.path().join("scan").join(name);
        for name in ["real", "plain"] {
            symlink(format!("../{name}"), link(name)).unwrap();
        }
        let mut first = stoppable(&scratch);
        wait_for("the first words", || scratch.lines("log.txt") == 1);
        up(&scratch, "plain");
        for name in ["real", "plain"] {
            fs::remove_file(link(name)).unwrap();
        }
        kill(first.id(), "KILL");
        end_of(&mut first);
        stayer(&scratch, "scan/b");
        let mut second = stoppable(&scratch);
        up(&scratch, "b");
        // It is left alone while it runs, and recognised again.
        let pid = scratch.pid("plain");
        symlink("../plain", link("plain")).unwrap();
        stays("the same process", SECOND, || scratch.pid("plain") == pid);
        fs::remove_file(link("plain")).unwrap();
        kill(second.id(), "TERM");
        assert_eq!(end_of(&mut second).code(), Some(0));
        assert_eq!(scratch.read("log.txt"), "first words\nlast words\n");
        for name in ["real", "real/log", "plain"] {
            assert!(!scratch.is_running(name), "{name}");
        }
        assert_eq!(scratch.errors(), "");
    }

    #[test]
    fn what_was_let_go_of_is_no_more_looked_for() {
        if !only_ours("the orderly stop") {
            return;
        }
        let scratch = Scratch::new();
        stayer(&scratch, "real");
        scratch.directory_at("scan");
        let link = scratch.path().join("scan/real");
        symlink("../real", &link).unwrap();
        let mut first = stoppable(&scratch);
        up(&scratch, "real");
        let records = scratch.path().join("scan/.svscan/pipes");
        let length = || fs::metadata(&records).unwrap().len();
        let held = length();
        fs::remove_file(&link).unwrap();
        scratch.svc("-dx", "real");
        wait_for("its supervise to leave", || !scratch.is_running("real"));
        wait_for("it to be let go of", || length() > held);
        kill(first.id(), "KILL");
        end_of(&mut first);
        // It belongs to another user from here on.
        let own = scratch.start("supervise", &["real"]);
        wait_for("the second start", || starts(&scratch, "real") == 2);
        stayer(&scratch, "scan/b");
        let mut second = stoppable(&scratch);
        up(&scratch, "b");
        kill(second.id(), "TERM");
        assert_eq!(end_of(&mut second).code(), Some(0));
        assert!(scratch.is_running("real") && is_alive(own.id()));
    }

    #[test]
    fn a_second_term_hurries_what_does_not_care_for_the_first() {
        if !only_ours("the orderly stop") {
            return;
        }
        let scratch = Scratch::new();
        scratch.service("scan/a", "trap '' TERM\necho up >>../../up\nwhile :; do sleep 1; done");
        let mut child = stoppable(&scratch);
        wait_for("the service", || scratch.lines("up") == 1);
        kill(child.id(), "TERM");
        wait_for("the first TERM to act", || scratch.svstat("scan/a").contains(", want down"));
        kill(child.id(), "TERM");
        assert_eq!(end_of(&mut child).code(), Some(0));
        assert_eq!(scratch.errors(), "");
    }
}
