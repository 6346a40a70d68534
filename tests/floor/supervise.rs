//! svc, svok, svstat and supervise with the system calls of CentOS 6.

use super::place::{
    Daemon, install, is_current, is_gone, is_stopped, service, supervised, wait_for_another,
    wait_for_line,
};
use super::scratch::{Said, Scratch, kill, stays, wait_for};
use super::tally::Tally;
use std::time::{Duration, Instant};

/// How soon the end of an adopted process is noticed without pidfd: it is probed each second. The
/// additional time is for a busy machine.
const PROBED: Duration = Duration::from_millis(2500);

const NAMES: [&str; 4] = ["supervise", "svc", "svok", "svstat"];

pub fn promises(tally: &mut Tally) {
    let mut clients = |promise, check| tally.promise(&["svc", "svok", "svstat"], promise, check);
    clients("svc, svok and svstat know a directory without supervise", without_supervise);
    clients("svstat reads a status and svc reaches its control", by_hand);

    let mut promise = |promise, check| tally.promise(&NAMES, promise, check);
    promise("supervise starts a service and publishes its pid", starts);
    promise("a service with a down file stays down until svc -u", normally_down);
    promise("svc -d brings a service down and svc -u up again", down_and_up);
    promise("svc -t, -k, -h, -a and -i reach the service, which is started anew", signals);
    promise("svc -o starts a service that is then not started again", once);
    promise("svc -p stops a service and svc -c lets it go on", pause_and_continue);
    promise("svc -dx ends the service and its supervise", leaves);
    promise("a service that is killed is started again", restarts);
    promise("a service that ends at once is started once a second", at_a_pace);
    promise("a second supervise of a service is refused", second);
    promise("kill-group ends what a killed service leaves of its group", group);
    promise("HUP has supervise become the program on disk and keep its service", replaced);
    promise("a successor adopts what a killed supervise left running", adopts);
    promise("the end of an adopted service is noticed without pidfd", notices_the_end);
    promise("svc -d brings an adopted service down", down_when_adopted);
    promise("svc -t has an adopted service started anew", term_when_adopted);
    promise("svc -dx ends an adopted service and its supervise", leaves_when_adopted);
}

fn without_supervise(scratch: &Scratch) {
    scratch.directory_at("s");
    assert_eq!(scratch.run("svok", &["s"]), Said::exit(100));
    assert_eq!(
        scratch.run("svstat", &["s"]),
        Said::text("s: unable to open supervise/ok: file does not exist\n")
    );
    let warning = "svc: warning: unable to control s: file does not exist";
    assert_eq!(scratch.run("svc", &["-u", "s"]), Said::complaint(0, warning));
}

/// The files of a supervise, made by hand, with a reader of ours at each FIFO.
fn by_hand(scratch: &Scratch) {
    use std::io::Read;
    use std::os::unix::fs::OpenOptionsExt;
    scratch.directory_at("s/supervise");
    let label = 4_611_686_018_427_387_914_u64 + 1;
    let status = [&label.to_be_bytes()[..], &[0; 4], &7_u32.to_le_bytes(), b"\0u"].concat();
    scratch.write("s/supervise/status", &status);
    let open = |name: &str| {
        scratch.fifo(name);
        let mut options = std::fs::File::options();
        options.read(true).custom_flags(libc::O_NONBLOCK).open(scratch.path().join(name)).unwrap()
    };
    let _presence = open("s/supervise/ok");
    let mut control = open("s/supervise/control");
    assert_eq!(scratch.run("svok", &["s"]), Said::exit(0));
    let line = scratch.svstat("s");
    assert!(line.starts_with("s: up (pid 7) ") && line.ends_with(" seconds\n"), "{line}");
    scratch.svc("-pc", "s");
    let mut bytes = [0; 9];
    assert_eq!(control.read(&mut bytes).unwrap(), 2);
    assert_eq!(&bytes[..2], b"pc");
}

fn starts(scratch: &Scratch) {
    let (_supervise, pid) = supervised(scratch, "steady");
    assert!(scratch.is_running("s"), "svok says no");
    wait_for("the service's own word", || scratch.read("s/starts") == format!("{pid}\n"));
    assert_eq!(scratch.errors(), "");
}

fn normally_down(scratch: &Scratch) {
    service(scratch, "s", "steady");
    scratch.write("s/down", b"");
    let _supervise = Daemon::start(scratch, "supervise", &["s"]);
    wait_for("supervise", || scratch.is_running("s"));
    wait_for_line(scratch, "s", "s: down ");
    scratch.svc("-u", "s");
    scratch.pid("s");
    wait_for_line(scratch, "s", ", normally down");
}

fn down_and_up(scratch: &Scratch) {
    let (_supervise, pid) = supervised(scratch, "steady");
    scratch.svc("-d", "s");
    wait_for_line(scratch, "s", "s: down ");
    assert!(is_gone(pid), "down, but {pid} lives");
    scratch.svc("-u", "s");
    assert_ne!(scratch.pid("s"), pid);
}

fn signals(scratch: &Scratch) {
    let (_supervise, mut pid) = supervised(scratch, "steady");
    for letter in ["-t", "-k", "-h", "-a", "-i"] {
        scratch.svc(letter, "s");
        pid = wait_for_another(scratch, "s", pid);
    }
}

fn once(scratch: &Scratch) {
    let (_supervise, first) = supervised(scratch, "steady");
    scratch.svc("-d", "s");
    wait_for_line(scratch, "s", "s: down ");
    scratch.svc("-o", "s");
    let pid = scratch.pid("s");
    assert_ne!(pid, first);
    kill(pid, "KILL");
    wait_for_line(scratch, "s", "s: down ");
    stays("down after once", Duration::from_millis(1500), || {
        scratch.svstat("s").starts_with("s: down ")
    });
}

fn pause_and_continue(scratch: &Scratch) {
    let (_supervise, pid) = supervised(scratch, "steady");
    scratch.svc("-p", "s");
    wait_for_line(scratch, "s", ", paused");
    wait_for("the process to stop", || is_stopped(pid));
    scratch.svc("-c", "s");
    wait_for("the process to go on", || !is_stopped(pid));
    wait_for("the mark to go", || !scratch.svstat("s").contains("paused"));
    assert_eq!(scratch.pid("s"), pid);
}

fn leaves(scratch: &Scratch) {
    let (mut supervise, pid) = supervised(scratch, "steady");
    scratch.svc("-dx", "s");
    assert_eq!(supervise.end(), Some(0));
    assert!(is_gone(pid), "supervise left {pid} behind");
    assert_eq!(scratch.run("svok", &["s"]), Said::exit(100));
    assert_eq!(scratch.errors(), "");
}

fn restarts(scratch: &Scratch) {
    let (_supervise, pid) = supervised(scratch, "steady");
    kill(pid, "KILL");
    // The first process may have ended before it could record its start.
    let next = wait_for_another(scratch, "s", pid);
    let record = format!("{next}\n");
    wait_for("the second start", || scratch.read("s/starts").ends_with(&record));
    assert_eq!(scratch.errors(), "");
}

fn at_a_pace(scratch: &Scratch) {
    service(scratch, "s", "brief");
    let _supervise = Daemon::start(scratch, "supervise", &["s"]);
    wait_for("the first start", || scratch.lines("s/starts") == 1);
    let since = Instant::now();
    wait_for("the third start", || scratch.lines("s/starts") == 3);
    let taken = since.elapsed();
    assert!(taken > Duration::from_millis(1700), "two further starts within {taken:?}");
}

fn group(scratch: &Scratch) {
    service(scratch, "s", "leader");
    scratch.write("s/kill-group", b"");
    let mut supervise = Daemon::start(scratch, "supervise", &["s"]);
    worker_goes_with_its_leader(scratch, 1);
    wait_for("the next worker", || scratch.lines("s/starts") == 2);
    supervise.kill();
    // And once more for one that is adopted.
    let _successor = Daemon::start(scratch, "supervise", &["s"]);
    wait_for("the successor", || scratch.is_running("s"));
    worker_goes_with_its_leader(scratch, 2);
}

/// Kills the service once it has started its worker number `count`.
fn worker_goes_with_its_leader(scratch: &Scratch, count: usize) {
    wait_for("the worker", || scratch.lines("s/starts") == count);
    let workers = scratch.read("s/starts");
    let worker = workers.lines().last().unwrap().parse().unwrap();
    let leader = scratch.pid("s");
    assert_ne!(leader, worker);
    kill(leader, "KILL");
    wait_for("the worker's end", || is_gone(worker));
}

fn second(scratch: &Scratch) {
    let (_supervise, pid) = supervised(scratch, "steady");
    let line = "supervise: fatal: unable to acquire s/supervise/lock: temporary failure";
    assert_eq!(scratch.run("supervise", &["s"]), Said::complaint(111, line));
    assert_eq!(scratch.pid("s"), pid);
}

fn replaced(scratch: &Scratch) {
    service(scratch, "s", "steady");
    let program = install(scratch, "supervise");
    let supervise = Daemon::start(scratch, &program, &["s"]);
    let pid = scratch.pid("s");
    wait_for("the first start", || scratch.lines("s/starts") == 1);
    install(scratch, "supervise");
    assert!(!is_current(supervise.pid()), "not replaced");
    kill(supervise.pid(), "HUP");
    wait_for("the new program", || is_current(supervise.pid()));
    assert_eq!(scratch.pid("s"), pid);
    scratch.svc("-t", "s");
    wait_for_another(scratch, "s", pid);
    wait_for("the second start", || scratch.lines("s/starts") == 2);
    assert_eq!(scratch.errors(), "");
}

/// A service whose supervise was killed, and the successor that holds it now.
fn adopted(scratch: &Scratch) -> (Daemon, u32) {
    let (mut supervise, pid) = supervised(scratch, "steady");
    wait_for("the first start", || scratch.lines("s/starts") == 1);
    supervise.kill();
    assert!(!is_gone(pid), "the service went with its supervise");
    let successor = Daemon::start(scratch, "supervise", &["s"]);
    wait_for("the successor", || scratch.is_running("s"));
    assert_eq!(scratch.pid("s"), pid, "not adopted; {}", scratch.errors());
    (successor, pid)
}

fn adopts(scratch: &Scratch) {
    let (_supervise, pid) = adopted(scratch);
    stays("one process, started once", PROBED, || {
        scratch.lines("s/starts") == 1 && scratch.pid("s") == pid && !is_gone(pid)
    });
    assert_eq!(scratch.errors(), "");
}

fn notices_the_end(scratch: &Scratch) {
    let (_supervise, pid) = adopted(scratch);
    kill(pid, "KILL");
    let since = Instant::now();
    wait_for_another(scratch, "s", pid);
    let taken = since.elapsed();
    assert!(taken < PROBED, "noticed after {taken:?}");
    wait_for("the second start", || scratch.lines("s/starts") == 2);
}

fn down_when_adopted(scratch: &Scratch) {
    let (_supervise, pid) = adopted(scratch);
    scratch.svc("-d", "s");
    let since = Instant::now();
    wait_for_line(scratch, "s", "s: down ");
    let taken = since.elapsed();
    assert!(is_gone(pid), "down, but {pid} lives");
    assert!(taken < PROBED, "down after {taken:?}");
    scratch.svc("-u", "s");
    assert_ne!(scratch.pid("s"), pid);
}

fn term_when_adopted(scratch: &Scratch) {
    let (_supervise, pid) = adopted(scratch);
    scratch.svc("-t", "s");
    wait_for_another(scratch, "s", pid);
    assert!(is_gone(pid), "a second copy beside {pid}");
}

fn leaves_when_adopted(scratch: &Scratch) {
    let (mut supervise, pid) = adopted(scratch);
    scratch.svc("-dx", "s");
    assert_eq!(supervise.end(), Some(0));
    assert!(is_gone(pid), "supervise left {pid} behind");
}
