//! Entries that the owner of `supervise/` can plant there: links, second names, terminals. Our
//! programs follow none.

use super::scratch::{Said, Scratch, end_of, kill, only_ours, stays, wait_for};
use super::supervise::{murder, stayer, supervise};
use super::terminal::{Terminal, terminal_in};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::time::Duration;

/// Two services, `victim` and `a`; `a` has no supervise of its own.
fn with_victim() -> (Scratch, u32) {
    let scratch = Scratch::new();
    stayer(&scratch, "victim");
    supervise(&scratch, "victim");
    scratch.directory_at("a/supervise");
    let pid = scratch.pid("victim");
    (scratch, pid)
}

/// Plants the victim's entry as `a`'s.
fn plant(scratch: &Scratch, name: &str, as_second_name: bool) {
    let entry = |service: &str| scratch.path().join(service).join("supervise").join(name);
    let _ = fs::remove_file(entry("a"));
    if as_second_name {
        fs::hard_link(entry("victim"), entry("a")).unwrap();
    } else {
        symlink(entry("victim"), entry("a")).unwrap();
    }
}

#[test]
fn svc_goes_through_no_planted_control() {
    if !only_ours("0.76 follows a planted control") {
        return;
    }
    let (scratch, pid) = with_victim();
    for (as_second_name, reason) in [(false, "symbolic link loop"), (true, "too many links")] {
        plant(&scratch, "control", as_second_name);
        let line = format!("svc: warning: unable to control a: {reason}");
        assert_eq!(scratch.run("svc", &["-dk", "a"]), Said::complaint(0, &line));
    }
    stays("the victim", Duration::from_millis(100), || scratch.pid("victim") == pid);
}

#[test]
fn svok_and_svstat_look_through_no_planted_ok() {
    if !only_ours("0.76 follows a planted ok") {
        return;
    }
    let (scratch, _) = with_victim();
    let is_refused = |reason: &str| {
        let line = format!("svok: fatal: unable to open a/supervise/ok: {reason}");
        assert_eq!(scratch.run("svok", &["a"]), Said::complaint(111, &line));
        assert_eq!(scratch.svstat("a"), format!("a: unable to open supervise/ok: {reason}\n"));
    };
    plant(&scratch, "ok", false);
    is_refused("symbolic link loop");
    plant(&scratch, "ok", true);
    // Also not while another supervise works in `a`, which does not have that FIFO open.
    fs::remove_file(scratch.path().join("a/supervise/ok")).unwrap();
    stayer(&scratch, "a");
    supervise(&scratch, "a");
    scratch.pid("a");
    plant(&scratch, "ok", true);
    is_refused("too many links");
    let device = scratch.path().join("a/supervise/ok");
    fs::remove_file(&device).unwrap();
    symlink("/dev/null", device).unwrap();
    is_refused("symbolic link loop");
}

#[test]
fn svstat_reads_through_no_planted_status() {
    if !only_ours("0.76 follows a planted status") {
        return;
    }
    let scratch = Scratch::new();
    for name in ["a", "victim"] {
        stayer(&scratch, name);
        supervise(&scratch, name);
        scratch.pid(name);
    }
    for (as_second_name, reason) in [(false, "symbolic link loop"), (true, "too many links")] {
        plant(&scratch, "status", as_second_name);
        let line = format!("a: unable to open supervise/status: {reason}\n");
        assert_eq!(scratch.svstat("a"), line);
    }
}

#[test]
fn a_service_whose_fifos_got_second_names_of_its_own_stays_within_reach() {
    // Second names as `cp -al` of a scan directory makes them.
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    supervise(&scratch, "a");
    let pid = scratch.pid("a");
    for name in ["control", "ok"] {
        let entry = scratch.path().join("a/supervise").join(name);
        fs::hard_link(&entry, scratch.path().join(name)).unwrap();
    }
    assert!(scratch.is_running("a"));
    scratch.svc("-t", "a");
    wait_for("another process", || scratch.pid("a") != pid);
}

#[test]
fn a_supervise_that_is_a_link_of_one_s_own_is_followed_by_all() {
    for chain in [&["../elsewhere/a"][..], &["../next", "elsewhere/a"], &["/", "../next"]] {
        let scratch = Scratch::new();
        stayer(&scratch, "a");
        // 0.76 makes no directory behind two links.
        scratch.directory_at(if chain.len() == 1 { "elsewhere" } else { "elsewhere/a" });
        for (number, target) in chain.iter().enumerate() {
            let link = ["a/supervise", "next"][number];
            let absolute = scratch.path().join("elsewhere/a");
            let target = if *target == "/" { absolute } else { target.into() };
            symlink(target, scratch.path().join(link)).unwrap();
        }
        let _supervise = supervise(&scratch, "a");
        let pid = scratch.pid("a");
        assert!(scratch.is_running("a"));
        assert!(scratch.path().join("elsewhere/a/status").exists());
        scratch.svc("-t", "a");
        wait_for("another process", || scratch.pid("a") != pid);
        assert_eq!(scratch.errors(), "");
    }
}

#[test]
fn svc_cannot_say_what_svscan_hears() {
    if !only_ours(".svscan") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let mut svscan = scratch.start("svscan", &["--stop-on-term", "scan"]);
    let pid = scratch.pid("scan/a");
    scratch.directory_at("m");
    symlink("../scan/.svscan", scratch.path().join("m/supervise")).unwrap();
    scratch.svc("-udopchaitkx", "m");
    stays("the scan", Duration::from_millis(200), || svscan.try_wait().unwrap().is_none());
    assert_eq!(scratch.pid("scan/a"), pid);
}

#[test]
fn a_free_lock_with_a_second_name_is_made_anew() {
    if !only_ours("0.76 locks what stands there") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    scratch.directory_at("a/supervise");
    scratch.write("other", b"");
    let lock = scratch.path().join("a/supervise/lock");
    fs::hard_link(scratch.path().join("other"), &lock).unwrap();
    let _first = supervise(&scratch, "a");
    let pid = scratch.pid("a");
    // The status has the pid before the program has written its line.
    wait_for("the first start", || scratch.lines("starts") > 0);
    assert_eq!((fs::metadata(&lock).unwrap().nlink(), scratch.lines("starts")), (1, 1));
    let said = scratch.run("setlock", &["-n", "other", "true"]);
    assert_eq!(said, Said::exit(0), "the other file is nobody's lock");
    let said = scratch.run("supervise", &["a"]);
    let line = "supervise: fatal: unable to acquire a/supervise/lock: temporary failure";
    assert_eq!(said, Said::complaint(111, line));
    assert_eq!(scratch.pid("a"), pid);
}

#[test]
fn a_held_lock_holds_whatever_names_it_has() {
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _first = supervise(&scratch, "a");
    let pid = scratch.pid("a");
    // As `cp -al` leaves it: the copy's lock is the original's.
    stayer(&scratch, "copy");
    scratch.directory_at("copy/supervise");
    let lock = |service: &str| scratch.path().join(service).join("supervise/lock");
    fs::hard_link(lock("a"), lock("copy")).unwrap();
    for service in ["a", "copy"] {
        let line = format!(
            "supervise: fatal: unable to acquire {service}/supervise/lock: temporary failure"
        );
        assert_eq!(scratch.run("supervise", &[service]), Said::complaint(111, &line));
    }
    assert_eq!((scratch.pid("a"), scratch.lines("starts")), (pid, 1));
}

#[test]
fn of_many_supervises_at_a_planted_lock_one_runs() {
    if !only_ours("0.76 locks what stands there") {
        return;
    }
    let scratch = Scratch::new();
    scratch.write("other", b"");
    let other = fs::File::open(scratch.path().join("other")).unwrap();
    for round in 0..5 {
        let name = format!("service{round}");
        stayer(&scratch, &name);
        scratch.directory_at(&format!("{name}/supervise"));
        let lock = scratch.path().join(&name).join("supervise/lock");
        fs::hard_link(scratch.path().join("other"), lock).unwrap();
        // Another process holds the lock for a moment: all wait for that file.
        other.lock().unwrap();
        let mut all: Vec<_> = (0..6).map(|_| scratch.start("supervise", &[&name])).collect();
        wait_for("all to wait", || all.iter().all(|child| opened(child.id(), "supervise/lock")));
        other.unlock().unwrap();
        wait_for("all but one to leave", || {
            all.iter_mut().filter_map(|child| child.try_wait().unwrap()).count() == 5
        });
        wait_for("its start", || scratch.lines("starts") == round + 1);
        let pid = scratch.pid(&name);
        stays("that one", Duration::from_millis(50), || scratch.pid(&name) == pid);
        assert_eq!(scratch.lines("starts"), round + 1);
    }
}

/// Whether a process has a file open whose path ends with these names.
fn opened(pid: u32, names: &str) -> bool {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    let mut open = open.filter_map(|link| fs::read_link(link.ok()?.path()).ok());
    open.any(|file| file.ends_with(names))
}

#[test]
fn a_fifo_with_a_second_name_is_made_anew_by_supervise() {
    if !only_ours("0.76 reads from what stands there") {
        return;
    }
    let (scratch, pid) = with_victim();
    stayer(&scratch, "a");
    plant(&scratch, "control", true);
    plant(&scratch, "ok", true);
    supervise(&scratch, "a");
    let own = scratch.pid("a");
    scratch.svc("-t", "a");
    wait_for("another process", || scratch.pid("a") != own);
    for _ in 0..20 {
        scratch.svc("-c", "victim");
    }
    let control = fs::metadata(scratch.path().join("a/supervise/control")).unwrap();
    assert!(control.file_type().is_fifo() && control.nlink() == 1);
    assert_eq!(scratch.pid("victim"), pid);
}

#[test]
fn a_scan_whose_locks_got_second_names_is_still_one() {
    if !only_ours(".svscan") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "scan/a");
    let lock = scratch.path().join("scan/.svscan/lock");
    let mut first = scratch.start("svscan", &["scan"]);
    wait_for("the service", || scratch.lines("scan/starts") == 1);
    fs::hard_link(&lock, scratch.path().join("copy")).unwrap();
    let line = |pid| {
        format!(
            "svscan: fatal: unable to acquire scan/.svscan/lock, another svscan (pid {pid}) has \
             it: temporary failure"
        )
    };
    assert_eq!(scratch.run("svscan", &["scan"]), Said::complaint(111, &line(first.id())));
    kill(first.id(), "KILL");
    end_of(&mut first);
    let mut second = scratch.start("svscan", &["scan"]);
    wait_for("it to adopt", || opened(second.id(), "supervise/ok"));
    assert_eq!(fs::metadata(&lock).unwrap().nlink(), 1, "a lock of its own");
    assert_eq!(scratch.run("svscan", &["scan"]), Said::complaint(111, &line(second.id())));
    assert!(second.try_wait().unwrap().is_none());
    assert_eq!((scratch.errors(), scratch.lines("scan/starts")), (String::new(), 1));
}

#[test]
fn what_we_open_becomes_no_controlling_terminal() {
    if !only_ours("0.76 opens terminals as its own") {
        return;
    }
    let scratch = Scratch::new();
    let mut terminal = Terminal::new();
    terminal.type_in("value\n\x04");
    scratch.directory_at("env");
    symlink(terminal.slave(), scratch.path().join("env/VARIABLE")).unwrap();
    // The file of a variable may be a link to a terminal; envdir leads a session here.
    let envdir = super::scratch::commands().join("envdir");
    let mut leader = scratch.command("/usr/bin/setsid");
    leader.arg("--wait").arg(envdir).args(["env", "sh", "-c", "echo $VARIABLE; cat /proc/$$/stat"]);
    let mut said = Said::exit(111);
    wait_for("what was typed", || {
        said = Said::of(&leader.output().unwrap());
        !said.err.contains("temporary failure")
    });
    let (value, stat) = said.out.split_once('\n').unwrap_or_else(|| panic!("{said:?}"));
    assert_eq!((value, terminal_in(stat)), ("value", 0));
}

#[test]
fn no_planted_terminal_becomes_that_of_svscan() {
    if !only_ours("0.76 has no svscan that leads a session") {
        return;
    }
    let scratch = Scratch::new();
    let terminal = Terminal::new();
    stayer(&scratch, "scan/a");
    let mut first = supervise(&scratch, "scan/a");
    let pid = scratch.pid("scan/a");
    let mut leader = scratch.command("/usr/bin/setsid");
    let commands = super::scratch::commands();
    let mut svscan = leader.arg(commands.join("svscan")).arg("scan").spawn().unwrap();
    wait_for("it to adopt", || opened(svscan.id(), "supervise/ok"));
    // It reads the status of an adopted supervise that ended without a journal.
    for name in ["status", "ok", "journal", "control", "lock"] {
        let entry = scratch.path().join("scan/a/supervise").join(name);
        fs::remove_file(&entry).unwrap();
        symlink(terminal.slave(), entry).unwrap();
    }
    murder(&mut first);
    // The successor complains of the lock.
    let stat = format!("/proc/{}/stat", svscan.id());
    wait_for("it to see the end", || !opened(svscan.id(), "supervise/ok"));
    stays("no terminal", Duration::from_millis(500), || {
        terminal_in(&fs::read_to_string(&stat).unwrap()) == 0
    });
    assert!(svscan.try_wait().unwrap().is_none() && super::scratch::is_alive(pid));
}
