//! svscanboot, contract.md, section 2 and svscanboot(8). 0.76's is a script for one fixed
//! directory, so it cannot run these cases.

use crate::scratch::{Said, Scratch, end_of, is_alive, kill, only_ours, stays, wait_for};
use daemontools_rs::sys::descriptor;
use std::fs;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::process::{Child, Command};
use std::time::Duration;

fn boot(scratch: &Scratch, arguments: &[&str]) -> Child {
    scratch.command("svscanboot").args(arguments).arg("scan").spawn().unwrap()
}

/// An svscanboot as an init starts it, a child of process 1 that leads its session, which stands
/// by. `None` if orphans do not become children of process 1 here.
fn boot_by_an_init(scratch: &Scratch) -> Option<u32> {
    scratch.write("pid", b"");
    let script = "setsid /bin/sh -c '\
        while read -r _ _ _ parent _ </proc/$$/stat && [ \"$parent\" = \"$1\" ]; do sleep 0.01; done\n\
        echo $$ >pid; exec \"$0\" scan' \"$0\" $$ &";
    let mut shell = scratch.command("svscanboot");
    let program = shell.get_program().to_owned();
    shell = Command::new("/bin/sh");
    shell.args(["-c", script]).arg(program).env("SCRATCH", scratch.path());
    assert!(shell.current_dir(scratch.path()).status().unwrap().success());
    wait_for("the pid", || scratch.read("pid").ends_with('\n'));
    let pid: u32 = scratch.read("pid").trim().parse().unwrap();
    let of_it = |name| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
    wait_for("svscanboot", || of_it("comm") == "svscanboot\n");
    let stat = of_it("stat");
    let parent = stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap();
    if parent != "1" {
        println!("no child of process 1 is to be had here: its parent is {parent}");
        kill(pid, "KILL");
        return None;
    }
    // By then it listens to signals, has recorded that svscan is wanted, and has found the leader.
    wait_for("it to stand by", || {
        let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        let mut links = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        links.any(|link| link.ends_with(".svscan/boot-ok"))
    });
    Some(pid)
}

/// The children of a process by name and command line.
fn children(parent: u32) -> Vec<(u32, String)> {
    let list = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let pids = list.unwrap_or_default();
    pids.split_whitespace()
        .map(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            (pid.parse().unwrap(), line)
        })
        .collect()
}

fn child_named(parent: u32, name: &str) -> Option<u32> {
    children(parent).into_iter().find(|(_, line)| line.starts_with(name)).map(|(pid, _)| pid)
}

/// The child of this name, once it is there. While children come and go, the list of children in
/// /proc may leave one out.
fn child_once_there(parent: u32, name: &str) -> u32 {
    let mut child = None;
    wait_for(name, || {
        child = child_named(parent, name);
        child.is_some()
    });
    child.unwrap()
}

fn stayer(scratch: &Scratch, name: &str) {
    scratch.service(
        &format!("scan/{name}"),
        "env >../../env\necho $$ >>../../starts\nexec sleep 1000",
    );
}

#[test]
fn it_keeps_svscan_and_readproctitle_and_shows_errors_in_ps() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.directory_at("scan/b");
    scratch.script("scan/b/run", "echo this is b >&2\nexec sleep 1000");
    let mut child = boot(&scratch, &[]);
    wait_for("the services", || scratch.lines("starts") == 1);
    let names: Vec<String> = children(child.id()).into_iter().map(|(_, line)| line).collect();
    assert!(names.iter().any(|line| line == "svscan scan "), "{names:?}");
    let shown = || {
        child_named(child.id(), "readproctitle service errors: ...").is_some()
            && children(child.id()).iter().any(|(_, line)| line.contains("this is b\n"))
    };
    wait_for("the message", shown);
    // The environment is only PATH (and what the shell adds).
    let environment = scratch.read("env");
    let own = ["PATH=", "PWD=", "SHLVL=", "_=", "OLDPWD="];
    for line in environment.lines() {
        assert!(own.iter().any(|name| line.starts_with(name)), "{line}");
    }
    assert!(environment.contains(
        "/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin\n"
    ));
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert!(!scratch.is_running("scan/a") && !scratch.is_running("scan/b"));
    assert!(scratch.path().join("scan/.svscan/stopped").exists());
}

#[test]
fn what_an_init_leaves_open_reaches_no_service() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", "ls -l /proc/$$/fd >../../open\nexec sleep 1000");
    scratch.write("script", b"");
    let boot = scratch.command("svscanboot").get_program().to_owned();
    let mut child = Command::new("bash")
        .args(["-c", "exec \"$0\" scan 7<script 9<script 42<script"])
        .arg(boot)
        .current_dir(scratch.path())
        .spawn()
        .unwrap();
    wait_for("the service", || scratch.read("open").contains(" 2 -> "));
    assert!(!scratch.read("open").contains("/script"), "{}", scratch.read("open"));
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
}

#[test]
fn one_that_is_started_while_the_scan_is_being_stopped_starts_it_again() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service(
        "scan/a",
        "trap 'sleep 1; exit 0' TERM\necho $$ >>../../starts\nwhile :; do sleep 0.05; done",
    );
    let mut first = boot(&scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 1);
    wait_for("its supervise", || scratch.is_running("scan/a"));
    kill(first.id(), "TERM");
    wait_for("the stop", || scratch.svstat("scan/a").contains(", want down"));
    let _second = boot(&scratch, &[]);
    assert_eq!(end_of(&mut first).code(), Some(0));
    wait_for("the service again", || scratch.lines("starts") == 2);
}

#[test]
fn svscan_and_readproctitle_are_replaced_when_they_die() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut child = boot(&scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 1);
    for name in ["svscan ", "readproctitle "] {
        let old = child_once_there(child.id(), name);
        kill(old, "KILL");
        wait_for("another one", || child_named(child.id(), name).is_some_and(|pid| pid != old));
    }
    stays("one start", Duration::from_secs(1), || scratch.lines("starts") == 1);
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert!(!scratch.is_running("scan/a"));
}

#[test]
fn a_second_one_stands_by_takes_over_and_any_of_them_stops_the_scan() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut first = boot(&scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 1);
    let mut second = boot(&scratch, &[]);
    assert_eq!(end_of(&mut boot(&scratch, &["--fallback"])).code(), Some(0));
    stays("standing by", Duration::from_secs(1), || children(second.id()).is_empty());
    // The leader is killed: its svscan and readproctitle live on, and are not started twice.
    let svscan = child_once_there(first.id(), "svscan ");
    let reader = child_once_there(first.id(), "readproctitle ");
    kill(first.id(), "KILL");
    end_of(&mut first);
    stays("watching", Duration::from_secs(1), || children(second.id()).is_empty());
    assert_eq!(end_of(&mut boot(&scratch, &["--fallback"])).code(), Some(0));
    // From here on the other svscanboot replaces what dies, on the same pipe.
    let pipe = |pid, number| fs::read_link(format!("/proc/{pid}/fd/{number}")).unwrap();
    let messages = pipe(svscan, 2);
    kill(reader, "KILL");
    wait_for("another reader", || child_named(second.id(), "readproctitle ").is_some());
    let reader = child_once_there(second.id(), "readproctitle ");
    wait_for("the pipe to it", || pipe(reader, 0) == messages);
    kill(svscan, "KILL");
    wait_for("another svscan", || child_named(second.id(), "svscan ").is_some());
    let svscan = child_once_there(second.id(), "svscan ");
    wait_for("the pipe from it", || pipe(svscan, 2) == messages);
    assert_eq!(scratch.lines("starts"), 1);
    // TERM to a third one that an init started stops the scan of the second, which then waits on.
    if let Some(third) = boot_by_an_init(&scratch) {
        stays("standing by", Duration::from_secs(1), || children(third).is_empty());
        kill(third, "TERM");
        wait_for("its end", || !is_alive(third));
    } else {
        assert_eq!(scratch.run("svscanboot", &["--stop", "scan"]), Said::exit(0));
    }
    assert!(!scratch.is_running("scan/a"));
    wait_for("the reader's end of file", || children(second.id()).is_empty());
    stays("no new scan", Duration::from_secs(2), || {
        children(second.id()).is_empty() && second.try_wait().unwrap().is_none()
    });
    // A newly started svscanboot means that svscan is wanted again.
    let _fourth = boot(&scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 2);
}

#[test]
fn term_ends_one_that_waits_for_a_foreign_svscan_and_leaves_that_one_alone() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    // An svscan of 0.76 is recognised by its name and its working directory.
    fs::copy("/bin/sleep", scratch.path().join("svscan")).unwrap();
    let mut foreign = Command::new("../svscan");
    let foreign = foreign.arg("1000").current_dir(scratch.path().join("scan")).spawn().unwrap();
    let foreign = Ended(foreign);
    let mut child = boot(&scratch, &[]);
    wait_for("the waiting svscan", || {
        child_named(child.id(), "readproctitle ").is_some_and(|_| {
            children(child.id()).iter().any(|(_, line)| line.contains("waiting until it is gone"))
        })
    });
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert!(is_alive(foreign.0.id()));
    assert!(scratch.path().join("scan/.svscan/stopped").exists());
    assert!(!scratch.is_running("scan/a"));
}

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn stop_waits_for_the_end_of_the_orderly_stop_and_nobody_starts_it_again() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    // Without an svscan there is nothing to stop; without a directory there is a message.
    scratch.directory_at("empty");
    assert_eq!(scratch.run("svscanboot", &["--stop", "empty"]), Said::exit(0));
    let line = "svscanboot: fatal: unable to open nowhere: file does not exist";
    assert_eq!(scratch.run("svscanboot", &["--stop", "nowhere"]), Said::complaint(111, line));
    scratch.service(
        "scan/a",
        "echo $$ >>../../starts\ntrap 'sleep 0.5; echo end >../../end; exit' TERM\n\
         echo ready >../../ready\nwhile :; do sleep 0.05; done",
    );
    let mut child = boot(&scratch, &[]);
    wait_for("the trap", || scratch.read("ready") == "ready\n");
    // Two at a time: the second one waits and does not hurry.
    let mut other = scratch.command("svscanboot").args(["--stop", "scan"]).spawn().unwrap();
    wait_for("the mark of the stop", || scratch.path().join("scan/.svscan/stopped").exists());
    assert_eq!(scratch.run("svscanboot", &["--stop", "scan"]), Said::exit(0));
    assert_eq!(scratch.read("end"), "end\n", "hurried, or not waited for");
    assert_eq!(end_of(&mut other).code(), Some(0));
    assert!(!scratch.is_running("scan/a"));
    stays("no new scan", Duration::from_secs(2), || {
        scratch.lines("starts") == 1 && child.try_wait().unwrap().is_none()
    });
    assert_eq!(scratch.run("svscanboot", &["--stop", "scan"]), Said::exit(0));
}

#[test]
fn several_that_ask_for_the_stop_do_not_hurry_it() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service(
        "scan/a",
        "trap 'sleep 0.5; echo end >../../end; exit' TERM\n\
         echo ready >../../ready\nwhile :; do sleep 0.05; done",
    );
    let mut child = boot(&scratch, &[]);
    wait_for("the trap", || scratch.read("ready") == "ready\n");
    let standby = boot_by_an_init(&scratch);
    let svscan = child_once_there(child.id(), "svscan ");
    let control = fs::File::open(scratch.path().join("scan/.svscan/control")).unwrap();
    let waiting = || descriptor::waiting_bytes(control.as_fd());
    wait_for("svscan to have read what the standby said", || waiting() == Ok(0));
    // All requests that an init, its script and an admin may make at once, before svscan reads any
    // of them.
    kill(svscan, "STOP");
    let mut asking: Vec<_> = (0..2)
        .map(|_| scratch.command("svscanboot").args(["--stop", "scan"]).spawn().unwrap())
        .collect();
    kill(child.id(), "TERM");
    standby.iter().for_each(|&standby| kill(standby, "TERM"));
    let count = if standby.is_some() { 4 } else { 3 };
    wait_for("all to have asked", || waiting() == Ok(count));
    // While any process reads it, svscan counts as alive.
    drop(control);
    kill(svscan, "CONT");
    for asked in asking.iter_mut().chain([&mut child]) {
        assert_eq!(end_of(asked).code(), Some(0));
    }
    wait_for("the end of the standby", || standby.is_none_or(|standby| !is_alive(standby)));
    assert_eq!(scratch.read("end"), "end\n", "hurried");
}

#[test]
fn a_second_term_hurries_the_stop() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", "trap '' TERM\necho up >../../up\nwhile :; do sleep 1; done");
    let mut child = boot(&scratch, &[]);
    wait_for("the service", || scratch.read("up") == "up\n");
    kill(child.id(), "TERM");
    wait_for("the first TERM to act", || scratch.svstat("scan/a").contains(", want down"));
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert!(!scratch.is_running("scan/a"));
}

#[test]
fn one_that_is_started_behind_an_unread_request_to_stop_is_heard() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let first = boot(&scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 1);
    let svscan = child_once_there(first.id(), "svscan ");
    kill(svscan, "STOP");
    let control = scratch.path().join("scan/.svscan/control");
    fs::File::options().write(true).open(control).unwrap().write_all(&[b't' | 0x80]).unwrap();
    let second = boot(&scratch, &[]);
    stays("standing by", Duration::from_millis(300), || children(second.id()).is_empty());
    kill(svscan, "CONT");
    // svscan makes the stop; then a new one is wanted.
    wait_for("the service again", || scratch.lines("starts") == 2);
    assert_ne!(child_named(first.id(), "svscan "), Some(svscan));
}

#[test]
fn pwr_stops_any_svscan_in_order() {
    if !only_ours("PWR kills 0.76") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.directory_at("scan");
    let mut svscan = scratch.start("svscan", &["scan"]);
    wait_for("the service", || scratch.lines("starts") == 1 && scratch.is_running("scan/a"));
    kill(svscan.id(), "PWR");
    assert_eq!(end_of(&mut svscan).code(), Some(0));
    assert!(!scratch.is_running("scan/a"));
    assert!(scratch.path().join("scan/.svscan/stopped").exists());
}

#[test]
fn a_second_pwr_of_the_same_sender_hurries_the_stop() {
    if !only_ours("PWR kills 0.76") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", "trap '' TERM\necho up >../../up\nwhile :; do sleep 1; done");
    let mut svscan = scratch.start("svscan", &["scan"]);
    wait_for("the service", || scratch.read("up") == "up\n");
    let pwr = format!("kill -PWR {}", svscan.id());
    let sent_by_another =
        || assert!(Command::new("sh").args(["-c", &pwr]).status().unwrap().success());
    sent_by_another();
    wait_for("the first PWR to act", || scratch.svstat("scan/a").contains(", want down"));
    sent_by_another();
    stays("not hurried", Duration::from_secs(1), || svscan.try_wait().unwrap().is_none());
    kill(svscan.id(), "PWR");
    stays("not hurried", Duration::from_secs(1), || svscan.try_wait().unwrap().is_none());
    kill(svscan.id(), "PWR");
    assert_eq!(end_of(&mut svscan).code(), Some(0));
    assert!(!scratch.is_running("scan/a"));
}

/// Removal of a scan directory or its records while they are in use.
type Havoc = fn(&Scratch);

const HAVOC: [(&str, Havoc); 3] = [
    ("a purge of the records", |scratch| {
        fs::remove_dir_all(scratch.path().join("scan/.svscan")).unwrap();
    }),
    ("the scan directory made again", |scratch| {
        fs::remove_dir_all(scratch.path().join("scan")).unwrap();
        scratch.directory_at("scan");
        symlink("../a", scratch.path().join("scan/a")).unwrap();
    }),
    ("the scan directory gone", |scratch| {
        fs::remove_dir_all(scratch.path().join("scan")).unwrap();
    }),
];

fn booted_on_a_link(scratch: &Scratch) -> Child {
    scratch.service("a", "echo $$ >>../starts\nexec sleep 1000");
    scratch.directory_at("scan");
    symlink("../a", scratch.path().join("scan/a")).unwrap();
    let child = boot(scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 1 && scratch.is_running("a"));
    wait_for("svscan to listen", || {
        let control = scratch.path().join("scan/.svscan/control");
        let without_waiting = nix::fcntl::OFlag::O_NONBLOCK.bits();
        fs::File::options().write(true).custom_flags(without_waiting).open(control).is_ok()
    });
    child
}

#[test]
fn what_it_started_it_stops_whatever_became_of_the_scan_directory() {
    if !only_ours("svscanboot") {
        return;
    }
    for (what, havoc) in HAVOC {
        let scratch = Scratch::new();
        let mut child = booted_on_a_link(&scratch);
        havoc(&scratch);
        kill(child.id(), "TERM");
        assert_eq!(end_of(&mut child).code(), Some(0), "{what}");
        assert!(!scratch.is_running("a"), "{what}");
        assert_eq!(scratch.lines("starts"), 1, "{what}");
    }
}

#[test]
fn a_stop_that_is_asked_for_is_made_whatever_became_of_the_scan_directory() {
    if !only_ours("svscanboot") {
        return;
    }
    for (what, havoc) in HAVOC {
        let scratch = Scratch::new();
        let mut child = booted_on_a_link(&scratch);
        let svscan = child_once_there(child.id(), "svscan ");
        havoc(&scratch);
        // If a stop takes more than five seconds, it prints what it waits for.
        let said = scratch.run("svscanboot", &["--stop", "scan"]);
        assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{what}: {said:?}");
        assert!(!scratch.is_running("a") && !is_alive(svscan), "{what}");
        stays("no new scan", Duration::from_millis(1500), || {
            scratch.lines("starts") == 1 && child.try_wait().unwrap().is_none()
        });
        // It rests until a newly started svscanboot wants svscan again.
        if scratch.path().join("scan").exists() {
            let _second = boot(&scratch, &[]);
            symlink("../a", scratch.path().join("scan/a")).ok();
            wait_for("the service again", || scratch.lines("starts") == 2);
        }
    }
}

#[test]
fn a_standby_finds_the_svscan_whose_records_were_removed() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    let mut first = booted_on_a_link(&scratch);
    let svscan = child_once_there(first.id(), "svscan ");
    let mut second = boot(&scratch, &[]);
    stays("standing by", Duration::from_millis(300), || children(second.id()).is_empty());
    fs::remove_dir_all(scratch.path().join("scan/.svscan")).unwrap();
    kill(first.id(), "KILL");
    end_of(&mut first);
    wait_for("a reader of the second one", || {
        child_named(second.id(), "readproctitle ").is_some()
            || scratch.path().join("scan/.svscan/boot-ok").exists()
    });
    stays("one svscan", Duration::from_secs(1), || {
        is_alive(svscan) && child_named(second.id(), "svscan ").is_none()
    });
    kill(second.id(), "TERM");
    assert_eq!(end_of(&mut second).code(), Some(0));
    assert!(!scratch.is_running("a") && !is_alive(svscan));
    assert_eq!(scratch.lines("starts"), 1);
}

#[test]
fn svscan_makes_records_that_were_removed_again() {
    if !only_ours(".svscan") {
        return;
    }
    let scratch = Scratch::new();
    let mut child = booted_on_a_link(&scratch);
    let records = scratch.path().join("scan/.svscan");
    let pipes = fs::read(records.join("pipes")).unwrap();
    fs::remove_dir_all(&records).unwrap();
    for name in ["pipes", "messages", "lock", "control"] {
        wait_for(name, || records.join(name).exists());
    }
    assert_eq!(fs::read(records.join("pipes")).unwrap(), pipes);
    assert_eq!(scratch.run("svscan", &["scan"]).code, Some(111), "the lock is held again");
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert!(records.join("stopped").exists() && !scratch.is_running("a"));
}

#[test]
fn an_svscan_that_is_not_ours_is_named_and_not_stopped() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    scratch.directory_at("scan");
    fs::copy("/bin/sleep", scratch.path().join("svscan")).unwrap();
    let mut foreign = Command::new("../svscan");
    let foreign = foreign.arg("1000").current_dir(scratch.path().join("scan")).spawn().unwrap();
    let foreign = Ended(foreign);
    let line = format!(
        "svscanboot: fatal: unable to stop svscan (pid {}) of scan: it is not ours",
        foreign.0.id()
    );
    assert_eq!(scratch.run("svscanboot", &["--stop", "scan"]), Said::complaint(111, &line));
    assert!(is_alive(foreign.0.id()));
}

#[test]
fn where_nothing_can_be_recorded_it_is_stopped_in_order_all_the_same() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", "echo $$ >>../../starts\nexec sleep 1000");
    scratch.directory_at("scan/a/supervise");
    // Root may write anywhere, and keeps the records in another place.
    let is_root = nix::unistd::geteuid().is_root();
    if is_root {
        for name in ["scan/a/supervise", "."] {
            std::os::unix::fs::chown(scratch.path().join(name), Some(65534), Some(65534)).unwrap();
        }
    }
    fs::set_permissions(scratch.path().join("scan"), fs::Permissions::from_mode(0o555)).unwrap();
    for by_term in [true, false] {
        fs::remove_file(scratch.path().join("starts")).ok();
        let errors = fs::File::create(scratch.path().join("errors")).unwrap();
        let mut child =
            scratch.command_of_a_user("svscanboot").arg("scan").stderr(errors).spawn().unwrap();
        wait_for("the service", || scratch.lines("starts") == 1 && scratch.is_running("scan/a"));
        let line = "svscanboot: warning: unable to open scan/.svscan: access denied\n";
        assert_eq!(scratch.errors(), line);
        if !by_term {
            let mut stop = scratch.command_of_a_user("svscanboot");
            assert_eq!(Said::of(&stop.args(["--stop", "scan"]).output().unwrap()), Said::exit(0));
            stays("no new scan", Duration::from_millis(1500), || {
                child_named(child.id(), "svscan ").is_none()
            });
        }
        kill(child.id(), "TERM");
        assert_eq!(end_of(&mut child).code(), Some(0));
        assert!(!scratch.is_running("scan/a"));
    }
}

#[test]
fn the_commands_beside_it_are_the_ones_it_starts_however_it_was_found() {
    if !only_ours("svscanboot") {
        return;
    }
    let svscanboot = scratch_program();
    for call in ["opt/svscanboot scan", "cd opt; ./svscanboot ../scan", "PATH=opt; svscanboot scan"]
    {
        let scratch = Scratch::new();
        stayer(&scratch, "a");
        scratch.directory_at("opt");
        for name in ["svscanboot", "svscan", "supervise", "readproctitle"] {
            // A copy, so that the path of a process shows which installation it is from.
            fs::copy(&svscanboot, scratch.path().join("opt").join(name)).unwrap();
        }
        let mut shell = Command::new("/bin/sh");
        let call = call
            .rsplit_once(';')
            .map_or(format!("exec {call}"), |(before, last)| format!("{before}; exec{last}"));
        let mut child = shell.args(["-c", &call]).current_dir(scratch.path()).spawn().unwrap();
        wait_for("the service", || scratch.lines("starts") == 1 && scratch.is_running("scan/a"));
        let svscan = child_once_there(child.id(), "svscan ");
        let reader = child_once_there(child.id(), "readproctitle ");
        let supervise = child_once_there(svscan, "supervise ");
        for (pid, name) in [(svscan, "svscan"), (reader, "readproctitle"), (supervise, "supervise")]
        {
            let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
            assert_eq!(program, scratch.path().join("opt").join(name), "{call}");
        }
        kill(child.id(), "TERM");
        assert_eq!(end_of(&mut child).code(), Some(0), "{call}");
    }
}

fn scratch_program() -> std::path::PathBuf {
    crate::scratch::commands().join("svscanboot").canonicalize().unwrap()
}

#[test]
fn term_to_a_stray_one_that_stands_by_ends_that_one_alone() {
    if !only_ours("svscanboot") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut first = boot(&scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 1 && scratch.is_running("scan/a"));
    let mut stray = boot(&scratch, &[]);
    stays("standing by", Duration::from_millis(500), || children(stray.id()).is_empty());
    kill(stray.id(), "TERM");
    assert_eq!(end_of(&mut stray).code(), Some(0));
    stays("the scan", Duration::from_millis(500), || {
        scratch.is_running("scan/a") && first.try_wait().unwrap().is_none()
    });
    assert!(scratch.svstat("scan/a").contains(": up "));
    assert!(!scratch.path().join("scan/.svscan/stopped").exists());
}

#[test]
fn on_a_terminal_it_says_who_keeps_the_scan_and_how_to_start_it_again() {
    if !only_ours("svscanboot") || Command::new("script").arg("-V").output().is_err() {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let first = boot(&scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 1 && scratch.is_running("scan/a"));
    let program = scratch.command("svscanboot").get_program().to_str().unwrap().to_owned();
    let on_terminal = |words: &str, typescript: &str| {
        let mut script = Command::new("script");
        script.args(["-qefc", &format!("exec {program} {words}"), typescript]);
        script.current_dir(scratch.path()).env("SCRATCH", scratch.path());
        script.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        script.spawn().unwrap()
    };
    let _standby = Ended(on_terminal("scan", "standby"));
    let line =
        format!("svscanboot: another svscanboot (pid {}) keeps scan, standing by\r\n", first.id());
    wait_for("the line on the terminal", || scratch.read("standby").contains(&line));
    let mut stop = on_terminal("--stop scan", "stop");
    assert_eq!(end_of(&mut stop).code(), Some(0));
    let line = "svscanboot: scan is stopped; to start it again, start svscanboot anew\r\n";
    wait_for("the line on the terminal", || scratch.read("stop").contains(line));
}

#[test]
fn a_service_of_any_user_may_open_its_output_to_write_and_not_to_read() {
    if !only_ours("the pipes of 0.76 are root's alone") {
        return;
    }
    let scratch = Scratch::new();
    let is_root = nix::unistd::geteuid().is_root();
    let commands = crate::scratch::commands();
    let drop = format!("{}/setuidgid :65534:65534", commands.display());
    let drop = if is_root { drop.as_str() } else { "env" };
    scratch.service(
        "scan/a",
        &format!(
            "echo start >>../../starts\n\
             {drop} sh -c 'echo by name >/dev/stderr; echo by name >/dev/stdout\n\
             for n in 1 2; do (: </proc/self/fd/$n) && echo \"$n was opened\"; done; echo looked'\n\
             exec sleep 1000"
        ),
    );
    scratch.service("scan/a/log", "exec cat >>../../../lines");
    let child = boot(&scratch, &[]);
    wait_for("the service", || scratch.lines("starts") == 1);
    wait_for("the line on standard output", || scratch.read("lines").ends_with("looked\n"));
    wait_for("the line on standard error", || {
        children(child.id()).iter().any(|(_, line)| line.contains("by name\n"))
    });
    let pid = scratch.pid("scan/a");
    for number in [1, 2] {
        let facts = fs::metadata(format!("/proc/{pid}/fd/{number}")).unwrap();
        assert_eq!(facts.permissions().mode() & 0o7777, 0o622, "{number}");
    }
    if is_root {
        assert_eq!(scratch.read("lines"), "by name\nlooked\n");
    }
}

#[test]
fn svscan_goes_over_to_the_scan_directory_that_was_made_again() {
    if !only_ours("0.76 scans on in what was deleted") {
        return;
    }
    let scratch = Scratch::new();
    let mut child = booted_on_a_link(&scratch);
    let svscan = child_once_there(child.id(), "svscan ");
    fs::remove_dir_all(scratch.path().join("scan")).unwrap();
    scratch.directory_at("scan");
    symlink("../a", scratch.path().join("scan/a")).unwrap();
    stayer(&scratch, "b");
    wait_for("the new service", || scratch.lines("starts") == 2 && scratch.is_running("scan/b"));
    wait_for("the warning", || {
        children(child.id()).iter().any(|(_, line)| line.contains("was deleted\n"))
    });
    assert_eq!(child_named(child.id(), "svscan "), Some(svscan));
    assert_eq!(scratch.run("svscanboot", &["--stop", "scan"]), Said::exit(0));
    assert!(!scratch.is_running("a") && !scratch.is_running("scan/b"));
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert_eq!(scratch.lines("starts"), 2);
}

#[test]
fn a_users_set_id_program_under_the_name_of_svscan_keeps_no_fallback_away() {
    if !only_ours("svscanboot") || !nix::unistd::geteuid().is_root() {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::copy("/bin/sleep", scratch.path().join("svscan")).unwrap();
    fs::set_permissions(scratch.path().join("svscan"), fs::Permissions::from_mode(0o4755)).unwrap();
    // Its effective user is root, as for any user's `su`.
    let mut planted = scratch.command("setuidgid");
    planted.args([":65534:65534", "../svscan", "1000"]).current_dir(scratch.path().join("scan"));
    let planted = Ended(planted.spawn().unwrap());
    let of_it = |name| fs::read_to_string(format!("/proc/{}/{name}", planted.0.id())).unwrap();
    wait_for("it to run", || of_it("comm") == "svscan\n");
    assert_eq!(scratch.run("svscanboot", &["--stop", "scan"]), Said::exit(0));
    let mut child = boot(&scratch, &["--fallback"]);
    wait_for("the service", || scratch.lines("starts") == 1);
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    assert!(is_alive(planted.0.id()));
}
