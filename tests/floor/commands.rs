//! The other commands, with one or two promises each, about the system calls that only they use.

use super::place::child;
use super::scratch::{Said, Scratch, end_of, kill, wait_for};
use super::tally::Tally;
use std::fs::File;
use std::io::Write;
use std::process::{Child, Stdio};

pub fn promises(tally: &mut Tally) {
    let mut promise = |name: &str, promise, check| tally.promise(&[name], promise, check);
    promise("envdir", "envdir reads its directory", envdir);
    promise("envuidgid", "envuidgid finds an account", envuidgid);
    promise("setuidgid", "setuidgid finds an account", setuidgid);
    promise("softlimit", "softlimit sets limits without prlimit", softlimit);
    promise("setlock", "setlock takes a lock, and is refused a taken one", setlock);
    promise("pgrphack", "pgrphack starts a session", pgrphack);
    promise("fghack", "fghack stays until the last holder is gone", fghack);
    promise("fghack", "fghack passes TERM on to who holds its pipe", fghack_term);
    promise("fghack", "fghack finds a daemon that became an orphan", fghack_orphan);
    promise("readproctitle", "readproctitle shows what it reads", readproctitle);
    promise("tai64n", "tai64n stamps a line and tai64nlocal reads the stamp", stamps);
    promise("multilog", "multilog writes, rotates and prunes a log directory", multilog);
}

/// The output of command `name` with `words`, which runs the stand-in in `role`.
fn run(scratch: &Scratch, name: &str, words: &[&str], role: &str, rest: &[&str]) -> Said {
    let mut command = scratch.command(name);
    command.args(words).args(child(scratch, role)).args(rest);
    Said::of(&command.output().unwrap())
}

/// Starts `name`, gives it `input` and waits for its end.
fn filter(scratch: &Scratch, name: &str, words: &[&str], input: &[u8]) -> Said {
    let mut command = scratch.command(name);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    Said::of(&child.wait_with_output().unwrap())
}

fn envdir(scratch: &Scratch) {
    scratch.directory_at("e");
    scratch.write("e/COLOUR", b"green \nred\n");
    scratch.write("e/SCRATCH", b"");
    let said = run(scratch, "envdir", &["e"], "variable", &["COLOUR", "SCRATCH"]);
    assert_eq!(said, Said::text("green\nunset\n"));
}

fn envuidgid(scratch: &Scratch) {
    let said = run(scratch, "envuidgid", &["root"], "variable", &["UID", "GID"]);
    assert_eq!(said, Said::text("0\n0\n"));
    let unknown = run(scratch, "envuidgid", &["nobody-of-this-name"], "variable", &[]);
    assert_eq!(unknown.code, Some(111), "{unknown:?}");
}

/// As root it changes to another account; otherwise it fails.
fn setuidgid(scratch: &Scratch) {
    let said = run(scratch, "setuidgid", &["daemon"], "ids", &[]);
    if nix::unistd::geteuid().is_root() {
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
        let account = accounts.lines().find(|line| line.starts_with("daemon:")).unwrap();
        let mut numbers = account.split(':').skip(2);
        let (user, group) = (numbers.next().unwrap(), numbers.next().unwrap());
        assert_eq!(said, Said::text(&format!("{user} {group} false\n")));
    } else {
        let line = "setuidgid: fatal: unable to setgid: permission denied";
        assert_eq!(said, Said::complaint(111, line));
    }
}

fn softlimit(scratch: &Scratch) {
    let said = run(scratch, "softlimit", &["-o", "50", "-c", "4096"], "limits", &[]);
    assert_eq!(said, Said::text("50\n4096\n"));
}

fn setlock(scratch: &Scratch) {
    let (mut holder, held) = held(scratch, "setlock", &["lock"]);
    let said = run(scratch, "setlock", &["-nx", "lock"], "variable", &[]);
    assert_eq!(said, Said::exit(0), "a taken lock was given");
    drop(held);
    holder.wait().unwrap();
    let said = run(scratch, "setlock", &["-n", "lock"], "variable", &["NO-SUCH-VARIABLE"]);
    assert_eq!(said, Said::text("unset\n"));
}

/// Starts `name` with a child that stays until the returned pipe is closed.
fn held(scratch: &Scratch, name: &str, words: &[&str]) -> (Child, impl Write + use<>) {
    let mut command = scratch.command(name);
    command.args(words).args(child(scratch, "holder")).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut started = command.spawn().unwrap();
    let input = started.stdin.take().unwrap();
    wait_for("the child's start", || scratch.lines("starts") == 1);
    (started, input)
}

fn pgrphack(scratch: &Scratch) {
    let (user, group) = (nix::unistd::getuid(), nix::unistd::getgid());
    let said = run(scratch, "pgrphack", &[], "ids", &[]);
    assert_eq!(said, Said::text(&format!("{user} {group} true\n")));
}

fn fghack(scratch: &Scratch) {
    let (mut fghack, held) = held(scratch, "fghack", &[]);
    assert!(fghack.try_wait().unwrap().is_none(), "fghack did not stay");
    drop(held);
    assert_eq!(fghack.wait().unwrap().code(), Some(0));
}

fn fghack_term(scratch: &Scratch) {
    let (fghack, _held) = held(scratch, "fghack", &[]);
    kill(fghack.id(), "TERM");
    // Here the holder is its direct child, which a signal has ended.
    let said = Said::of(&fghack.wait_with_output().unwrap());
    assert_eq!(said, Said::complaint(111, "fghack: fatal: child crashed"));
}

/// Without PR_SET_CHILD_SUBREAPER the daemon is a child of process 1.
fn fghack_orphan(scratch: &Scratch) {
    let mut command = scratch.command("fghack");
    let mut fghack = command.args(child(scratch, "daemon")).stdin(Stdio::null()).spawn().unwrap();
    wait_for("the daemon", || scratch.lines("starts") == 1);
    kill(fghack.id(), "TERM");
    assert_eq!(end_of(&mut fghack).code(), Some(0));
}

fn readproctitle(scratch: &Scratch) {
    let mut command = scratch.command("readproctitle");
    command.args(["errors:", &".".repeat(40)]).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"all is well\n").unwrap();
    let line = format!("/proc/{}/cmdline", child.id());
    wait_for("the text in the process's title", || {
        std::fs::read(&line).is_ok_and(|title| title.windows(11).any(|part| part == b"all is well"))
    });
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

fn stamps(scratch: &Scratch) {
    let said = filter(scratch, "tai64n", &[], b"line\n");
    assert_eq!(said.out.len(), "@4000000037c219bf2ef02e94 line\n".len(), "{said:?}");
    assert!(said.out.starts_with("@4000") && said.out.ends_with(" line\n"), "{said:?}");
    let mut command = scratch.command("tai64nlocal");
    command.env("TZ", "UTC0");
    scratch.write("stamped", b"@4000000037c219bf2ef02e94 line\n");
    command.stdin(File::open(scratch.path().join("stamped")).unwrap());
    let said = Said::of(&command.output().unwrap());
    assert_eq!(said, Said::text("1999-08-24 04:04:05.787492500 line\n"));
}

fn multilog(scratch: &Scratch) {
    let text = "a line of some forty bytes, as logs have\n".repeat(1000);
    let said = filter(scratch, "multilog", &["t", "s4096", "n3", "./main"], text.as_bytes());
    assert_eq!(said, Said::exit(0));
    let names = std::fs::read_dir(scratch.path().join("main")).unwrap();
    let names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let old = names.iter().filter(|name| name.starts_with('@') && name.ends_with(".s")).count();
    assert_eq!(old, 2, "{names:?}");
    assert!(scratch.read("main/current").starts_with('@'), "no stamp in current");
}
