//! svctl on the system calls of CentOS 6, verb by verb.

use super::place::{Daemon, is_gone, is_stopped, service, wait_for_another};
use super::scratch::{Said, Scratch, end_of, kill, wait_for};
use super::tally::Tally;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// The verbs that the promises below try.
const TRIED: [&str; 13] = [
    "status", "start", "stop", "restart", "once", "pause", "continue", "reload", "signal", "wait",
    "doctor", "list", "logs",
];

/// The release program, or the one that `FLOOR_SVCTL` names.
fn program() -> String {
    std::env::var("FLOOR_SVCTL").unwrap_or_else(|_| {
        let built = "target/x86_64-unknown-linux-musl/release/svctl";
        Path::new(env!("CARGO_MANIFEST_DIR")).join(built).display().to_string()
    })
}

pub fn promises(tally: &mut Tally) {
    let program = program();
    let names = ["svscan", "supervise", "svc", "svok", "svstat", &program];
    let mut promise = |promise, check| tally.promise(&names, promise, check);
    promise("each verb that svctl has is tried here", every_verb);
    promise("svctl shows a table, a page, columns, JSON, and figures for Prometheus", shows);
    promise("svctl list prints names", lists);
    promise("svctl stop, start, restart and once are done when it is so", done_when_so);
    promise("svctl pause, continue, reload and signal reach the service", reach);
    promise("svctl wait ends when the service is up or down, or its supervise gone", waits);
    promise("svctl logs reads old logs and follows new ones", reads_logs);
    promise("svctl doctor looks at all there is, and finds what is wrong", examines);
    promise("svctl stop --kill-after ends what does not hear", kills);
}

/// Two services under an svscan, the first with a logger.
fn scanning(scratch: &Scratch) -> Daemon {
    scratch.directory_at("scan");
    service(scratch, "scan/a", "steady");
    service(scratch, "scan/a/log", "logger");
    service(scratch, "scan/b", "steady");
    let svscan = Daemon::start(scratch, "svscan", &["scan"]);
    for name in ["scan/a", "scan/a/log", "scan/b"] {
        scratch.pid(name);
    }
    svscan
}

fn svctl(scratch: &Scratch, arguments: &[&str]) -> Said {
    scratch.run(&program(), &[&["-d", "scan"], arguments].concat())
}

/// What svctl says when all is well: no word of what this kernel does not have.
fn well(scratch: &Scratch, arguments: &[&str]) -> String {
    let said = svctl(scratch, arguments);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{arguments:?}: {said:?}");
    said.out
}

fn every_verb(scratch: &Scratch) {
    let help = scratch.run(&program(), &["--help"]).out;
    let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let verbs = verbs.take_while(|line| !line.is_empty());
    let verbs: Vec<_> = verbs.filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(verbs, TRIED, "a verb that tests/floor/svctl.rs has to try");
}

fn shows(scratch: &Scratch) {
    let _svscan = scanning(scratch);
    let pid = scratch.pid("scan/a");
    let table = well(scratch, &[]);
    assert!(table.lines().next().unwrap().ends_with(": 2 services, all as wanted"), "{table}");
    let row = table.lines().find(|line| line.starts_with("a ")).unwrap();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!((cells[1], cells[2]), ("up", pid.to_string().as_str()), "{table}");
    // RSS is counted by one pass over /proc; the journal is believed on this kernel's boot id.
    assert!(cells[6].ends_with(['K', 'M']) && cells[4] == "1", "{table}");
    let page = well(scratch, &["status", "a"]);
    for part in ["  starts     1 start since boot", "  supervise  process ", "  logger     up, "] {
        assert!(page.contains(part), "no {part} in {page}");
    }
    let columns = well(scratch, &["--fields", "name,state,pid,starts"]);
    assert!(columns.starts_with(&format!("a\tup\t{pid}\t1\n")), "{columns}");
    assert!(well(scratch, &["--json"]).contains("\"state\":\"up\""));
    assert!(well(scratch, &["--prometheus"]).contains("daemontools_service_up{service=\"a\"} 1\n"));
}

fn lists(scratch: &Scratch) {
    let _svscan = scanning(scratch);
    assert_eq!(well(scratch, &["list"]), "a\nb\n");
    assert_eq!(well(scratch, &["list", "-0", "--state", "up"]), "a\0b\0");
}

fn done_when_so(scratch: &Scratch) {
    let _svscan = scanning(scratch);
    let (a, b) = (scratch.pid("scan/a"), scratch.pid("scan/b"));
    well(scratch, &["stop", "--all"]);
    assert!(is_gone(a) && is_gone(b), "not stopped");
    well(scratch, &["start", "--settle", "0.1", "*"]);
    let before = scratch.pid("scan/a");
    well(scratch, &["restart", "--settle", "0", "a"]);
    wait_for_another(scratch, "scan/a", before);
    well(scratch, &["once", "a"]);
    assert!(well(scratch, &["--fields", "name,wanted"]).starts_with("a\tonce\nb\tup\n"));
}

fn reach(scratch: &Scratch) {
    let _svscan = scanning(scratch);
    let pid = scratch.pid("scan/a");
    well(scratch, &["pause", "a"]);
    // The kernel stops it when it would run next.
    wait_for("it to stop", || is_stopped(pid));
    well(scratch, &["continue", "a"]);
    wait_for("it to go on", || !is_stopped(pid));
    // Each ends it, and supervise starts it again.
    well(scratch, &["reload", "a"]);
    let second = wait_for_another(scratch, "scan/a", pid);
    well(scratch, &["signal", "USR1", "a"]);
    wait_for_another(scratch, "scan/a", second);
}

fn waits(scratch: &Scratch) {
    let mut svscan = scanning(scratch);
    well(scratch, &["wait", "up", "a", "b"]);
    svscan.kill();
    for (state, letters) in [("down", "-d"), ("up", "-u"), ("gone", "-dx")] {
        let words = ["-d", "scan", "wait", state, "b"];
        let mut waiting = scratch.start(&program(), &words);
        scratch.svc(letters, "scan/b");
        assert_eq!(end_of(&mut waiting).code(), Some(0), "{state}");
    }
    // Its errors stand among those of the daemons: not a word of inotify.
    assert_eq!(scratch.errors(), "");
}

fn kills(scratch: &Scratch) {
    scratch.directory_at("scan");
    service(scratch, "scan/b", "deaf");
    let _svscan = Daemon::start(scratch, "svscan", &["scan"]);
    wait_for("it to be deaf", || scratch.lines("scan/b/starts") == 1);
    let pid = scratch.pid("scan/b");
    let said = svctl(scratch, &["stop", "--timeout", "0.1", "b"]);
    assert_eq!((said.code, said.err.lines().count()), (Some(1), 1), "{said:?}");
    let out = well(scratch, &["stop", "--kill-after", "0.1", "b"]);
    assert!(out.ends_with(": down, killed by KILL\n") && is_gone(pid), "{out}");
}

fn append(scratch: &Scratch, name: &str) -> File {
    File::options().create(true).append(true).open(scratch.path().join(name)).unwrap()
}

fn reads_logs(scratch: &Scratch) {
    let _svscan = scanning(scratch);
    // Where no multilog is seen, the log is in main.
    let label = |second| format!("@40000000{:08x}00000000", 0x6000_0000 + second);
    let line = |second| format!("{} line {second}\n", label(second));
    scratch.directory_at("scan/a/log/main");
    let old = format!("scan/a/log/main/{}.s", label(2));
    scratch.write(&old, format!("{}{}", line(1), line(2)).as_bytes());
    scratch.write("scan/a/log/main/current", line(3).as_bytes());
    let out = well(scratch, &["logs", "--raw", "a"]);
    assert_eq!(out, [line(1), line(2), line(3)].concat());
    let out = well(scratch, &["logs", "--utc", "-n", "1", "--grep", "line", "a"]);
    assert!(out.starts_with("20") && out.ends_with(" line 3\n"), "{out}");
    let mut command = scratch.command(&program());
    let output = File::create(scratch.path().join("followed")).unwrap();
    command.args(["-d", "scan", "logs", "--raw", "-f", "a"]).stdout(output);
    let mut follower = command.stderr(append(scratch, "errors")).spawn().unwrap();
    wait_for("what there is", || scratch.lines("followed") == 3);
    append(scratch, "scan/a/log/main/current").write_all(line(4).as_bytes()).unwrap();
    wait_for("what is new", || scratch.read("followed").ends_with(&line(4)));
    kill(follower.id(), "TERM");
    end_of(&mut follower);
    assert_eq!(scratch.errors(), "");
}

fn examines(scratch: &Scratch) {
    let mut svscan = scanning(scratch);
    let said = svctl(scratch, &["doctor"]);
    assert!(matches!(said.code, Some(0 | 1)) && said.err.is_empty(), "{said:?}");
    assert!(!said.out.contains("no svscan works here"), "{said:?}");
    svscan.kill();
    let said = svctl(scratch, &["doctor"]);
    assert!(said.code == Some(1) && said.err.is_empty(), "{said:?}");
    assert!(said.out.contains("no svscan works here"), "{said:?}");
}
