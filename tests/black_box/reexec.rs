//! HUP: a daemon executes the program on disk and keeps all its descriptors. An addition of ours.

use crate::scratch::{
    Said, Scratch, commands, copy_program, is_alive, kill, only_ours, stays, wait_for,
};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// An installation of its own: one binary with its links, that a test can replace.
struct Installed {
    scratch: Scratch,
    program: PathBuf,
}

impl Installed {
    /// `None` if the commands under test are not ours.
    fn new() -> Option<Self> {
        if !only_ours("0.76 dies of HUP") {
            return None;
        }
        let scratch = Scratch::new();
        scratch.directory_at("command");
        let program = scratch.path().join("command/daemontools");
        copy_program(commands().join("svscan"), &program);
        for name in ["svscan", "supervise", "svc"] {
            symlink("daemontools", scratch.path().join("command").join(name)).unwrap();
        }
        Some(Self { scratch, program })
    }

    fn start(&self, name: &str, arguments: &[&str]) -> Child {
        let command = self.scratch.path().join("command");
        let errors = fs::File::create(self.scratch.path().join("errors")).unwrap();
        Command::new(command.join(name))
            .args(arguments)
            .current_dir(self.scratch.path())
            .env("PATH", format!("{}:/usr/bin:/bin", command.display()))
            .env("SCRATCH", self.scratch.path())
            .stdin(Stdio::null())
            .stderr(errors)
            .spawn()
            .unwrap()
    }

    /// Replaces the program as a package manager does: another file, renamed over the old one.
    fn replace(&self, bytes: &[u8]) {
        let new = self.program.with_extension("new");
        let old = self.program.with_extension("old");
        fs::write(&old, bytes).unwrap();
        copy_program(&old, &new);
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&new, &self.program).unwrap();
    }

    fn upgrade(&self) {
        self.replace(&fs::read(&self.program).unwrap());
    }

    /// Has `daemon` become a new program.
    fn renew(&self, daemon: &Child) {
        self.upgrade();
        kill(daemon.id(), "HUP");
        wait_for("the new image", || is_current(daemon.id()));
    }

    fn stayer(&self, name: &str) {
        let run = "echo $$ >>$SCRATCH/starts\nenv >$SCRATCH/env\nexec sleep 1000";
        self.scratch.service(name, run);
    }
}

/// Whether a process runs the program that is on disk now.
fn is_current(pid: u32) -> bool {
    fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| {
        !exe.ends_with("daemontools (deleted)") && !exe.to_string_lossy().ends_with("(deleted)")
    })
}

fn children(parent: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    list.unwrap_or_default().split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

fn zombies(parent: u32) -> usize {
    let stat = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    children(parent).iter().filter(|pid| stat(pid).contains(") Z ")).count()
}

#[test]
fn supervise_becomes_the_program_on_disk_and_keeps_its_service() {
    let Some(place) = Installed::new() else { return };
    let scratch = &place.scratch;
    place.stayer("a");
    let child = place.start("supervise", &["a"]);
    let service = scratch.pid("a");
    let status = || fs::read(scratch.path().join("a/supervise/status")).unwrap();
    let before = status();
    for _ in 0..3 {
        place.upgrade();
        assert!(!is_current(child.id()));
        kill(child.id(), "HUP");
        wait_for("the new image", || is_current(child.id()));
        wait_for("its presence", || scratch.is_running("a"));
        assert_eq!((scratch.pid("a"), status()), (service, before.clone()));
    }
    let name = fs::read_to_string(format!("/proc/{}/comm", child.id())).unwrap();
    assert_eq!(name, "supervise\n");
    // It is still the service's parent, and works as before.
    kill(service, "KILL");
    wait_for("the restart", || scratch.lines("starts") == 2);
    wait_for("a fresh environment", || scratch.read("env").contains("SCRATCH="));
    assert!(!scratch.read("env").contains("HANDOVER"));
    let open = fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().count();
    place.upgrade();
    kill(child.id(), "HUP");
    wait_for("one more image", || is_current(child.id()));
    wait_for("its presence", || scratch.is_running("a"));
    wait_for("as many descriptors", || {
        fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().count() == open
    });
    assert_eq!((scratch.errors(), zombies(child.id())), (String::new(), 0));
}

#[test]
fn a_start_by_a_relative_path_is_remembered() {
    let Some(place) = Installed::new() else { return };
    let scratch = &place.scratch;
    place.stayer("scan/a");
    for (program, words) in [("supervise", "scan/a"), ("svscan", "scan")] {
        let errors = fs::File::create(scratch.path().join("errors")).unwrap();
        let mut child = scratch
            .command("/bin/sh")
            .args(["-c", &format!("exec command/{program} {words}")])
            .env("PATH", format!("{}:/usr/bin:/bin", scratch.path().join("command").display()))
            .stderr(errors)
            .spawn()
            .unwrap();
        let service = scratch.pid("scan/a");
        place.renew(&child);
        wait_for("its presence", || scratch.is_running("scan/a"));
        assert_eq!((scratch.pid("scan/a"), scratch.errors()), (service, String::new()));
        scratch.svc("-dx", "scan/a");
        // Wait for its exit: a supervise killed before it would leave the service wanted down.
        wait_for("the end of its supervise", || !scratch.is_running("scan/a"));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// Scripts do `svc -dx S; rm S`: between the two an upgrade may come.
#[test]
fn what_left_before_hup_is_started_no_sooner_than_without_it() {
    let Some(place) = Installed::new() else { return };
    let scratch = &place.scratch;
    place.stayer("scan/a");
    let svscan = place.start("svscan", &["scan"]);
    scratch.pid("scan/a");
    scratch.svc("-dx", "scan/a");
    wait_for("the end of its supervise", || !scratch.is_running("scan/a"));
    place.renew(&svscan);
    stays("gone", Duration::from_millis(1500), || !scratch.is_running("scan/a"));
    wait_for("another start", || scratch.lines("starts") == 2);
}

#[test]
fn queued_control_bytes_reach_the_new_image() {
    let Some(place) = Installed::new() else { return };
    let scratch = &place.scratch;
    place.stayer("a");
    let child = place.start("supervise", &["a"]);
    scratch.pid("a");
    place.upgrade();
    // All bytes are in the FIFO when it goes on.
    kill(child.id(), "STOP");
    kill(child.id(), "HUP");
    scratch.svc("-p", "a");
    scratch.svc("-c", "a");
    scratch.svc("-d", "a");
    kill(child.id(), "CONT");
    wait_for("the new image", || is_current(child.id()));
    wait_for("the service to go down", || scratch.svstat("a").starts_with("a: down "));
    assert_eq!(scratch.lines("starts"), 1);
}

#[test]
fn a_program_that_does_not_read_our_hand_over_is_left_where_it_is() {
    let Some(place) = Installed::new() else { return };
    let scratch = &place.scratch;
    place.stayer("a");
    let child = place.start("supervise", &["a"]);
    let service = scratch.pid("a");
    let whole = fs::read(&place.program).unwrap();
    let line = "supervise: warning: unable to re-execute for a, going on as we are: \
                exec format error\n";
    let script = b"#!/bin/sh\nexit 100\n";
    let slow = b"#!/bin/sh\nexec sleep 1000\n";
    let bad: [&[u8]; 4] = [&whole[..20_000], script, slow, b""];
    for (count, bytes) in bad.into_iter().enumerate() {
        place.replace(bytes);
        kill(child.id(), "HUP");
        wait_for(&format!("warning {count}: {}", scratch.errors()), || {
            scratch.errors() == line.repeat(count + 1)
        });
    }
    fs::remove_file(&place.program).unwrap();
    kill(child.id(), "HUP");
    wait_for("the warning", || scratch.errors() == line.repeat(5));
    assert_eq!(scratch.pid("a"), service);
    scratch.svc("-p", "a");
    wait_for("control as ever", || scratch.svstat("a").contains(", paused"));
}

#[test]
fn svscan_passes_hup_on_and_everything_goes_on() {
    let Some(place) = Installed::new() else { return };
    let scratch = &place.scratch;
    place.stayer("scan/b");
    scratch.service("scan/a", "i=0\nwhile :; do i=$((i+1)); echo line $i; sleep 0.005; done");
    scratch.service("scan/a/log", "exec cat >>$SCRATCH/log.txt");
    let svscan = place.start("svscan", &["scan"]);
    wait_for("the first lines", || scratch.lines("log.txt") > 20);
    let pids = || ["scan/a", "scan/a/log", "scan/b"].map(|name| scratch.pid(name));
    let services = pids();
    let mut supervises = children(svscan.id());
    supervises.sort_unstable();
    assert_eq!(supervises.len(), 3);
    place.upgrade();
    kill(svscan.id(), "HUP");
    wait_for("all new images", || {
        is_current(svscan.id()) && supervises.iter().all(|pid| is_current(*pid))
    });
    let everyone_is_there = || {
        let mut now = children(svscan.id());
        now.sort_unstable();
        now == supervises && pids() == services
    };
    stays("everyone", Duration::from_secs(1), everyone_is_there);
    // A supervise that is killed after that is replaced, and reaped.
    let victim = supervises[0];
    kill(victim, "KILL");
    wait_for("a new one", || {
        let now = children(svscan.id());
        now.len() == 3 && !now.contains(&victim) && zombies(svscan.id()) == 0
    });
    scratch.restart_logger("scan/a");
    let so_far = scratch.lines("log.txt");
    wait_for("more lines", || scratch.lines("log.txt") > so_far + 20);
    for (index, line) in scratch.read("log.txt").lines().enumerate() {
        assert_eq!(line, format!("line {}", index + 1));
    }
    assert_eq!(scratch.errors(), "");
}

#[test]
fn what_was_removed_under_supervise_is_there_again_after_hup() {
    let Some(place) = Installed::new() else { return };
    let scratch = &place.scratch;
    place.stayer("a");
    let child = place.start("supervise", &["a"]);
    let service = scratch.pid("a");
    for gone in ["", "/lock", "/ok", "/control", "/journal"] {
        let path = scratch.path().join(format!("a/supervise{gone}"));
        if gone.is_empty() {
            fs::remove_dir_all(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        place.renew(&child);
        wait_for("its presence", || scratch.is_running("a"));
        assert!(path.exists(), "no {gone}");
        scratch.svc("-p", "a");
        wait_for("the pause", || scratch.svstat("a").contains(", paused"));
        scratch.svc("-c", "a");
        wait_for("its end", || !scratch.svstat("a").contains(", paused"));
        let expected = "supervise: fatal: unable to acquire a/supervise/lock: temporary failure";
        let second = scratch.run("supervise", &["a"]);
        assert_eq!(second, Said::complaint(111, expected));
    }
    assert_eq!((scratch.pid("a"), scratch.lines("starts")), (service, 1));
    assert_eq!(scratch.errors(), "");
    // Without the service directory a new image has no directory to work in.
    fs::remove_dir_all(scratch.path().join("a")).unwrap();
    place.upgrade();
    kill(child.id(), "HUP");
    let line = "supervise: warning: unable to re-execute for a, going on as we are: \
                file does not exist\n";
    wait_for("the warning", || scratch.errors() == line);
    assert!(is_alive(service) && is_alive(child.id()));
}

/// A purge removes everything named `supervise` before an upgrade or a restart of svscan.
#[test]
fn what_was_removed_under_svscan_gets_no_second_copy_by_hup_or_by_a_new_svscan() {
    let Some(place) = Installed::new() else { return };
    let scratch = &place.scratch;
    place.stayer("scan/a");
    place.stayer("scan/a/log");
    let mut svscan = place.start("svscan", &["scan"]);
    let names = ["scan/a", "scan/a/log"];
    let services = names.map(|name| scratch.pid(name));
    let supervises = children(svscan.id());
    let remove = || {
        for name in names {
            fs::remove_dir_all(scratch.path().join(name).join("supervise")).unwrap();
        }
    };
    let one_copy = || scratch.lines("starts") == 2 && supervises.iter().all(|pid| is_alive(*pid));
    for by_hup in [true, false] {
        remove();
        if by_hup {
            place.upgrade();
            kill(svscan.id(), "HUP");
            wait_for("the new images", || {
                is_current(svscan.id()) && supervises.iter().all(|pid| is_current(*pid))
            });
            wait_for("them to be found", || names.iter().all(|name| scratch.is_running(name)));
        } else {
            svscan.kill().unwrap();
            svscan.wait().unwrap();
            svscan = place.start("svscan", &["scan"]);
        }
        stays("one copy of each", Duration::from_millis(1500), one_copy);
        assert_eq!(children(svscan.id()).len(), if by_hup { 2 } else { 0 }, "adopted");
        if by_hup {
            assert_eq!(names.map(|name| scratch.pid(name)), services);
        }
    }
    assert_eq!(scratch.errors(), "");
    assert!(services.iter().all(|pid| is_alive(*pid)));
}

#[test]
fn the_image_of_0_1_0_hands_over_its_service() {
    if !only_ours("0.76 dies of HUP") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("a", "echo $$ >>../starts\ncd /\nexec env -u PWD sleep 1000");
    // A journal of this boot and this directory, and a process that is the supervise before.
    let mut writer = super::supervise::supervise(&scratch, "a");
    kill(scratch.pid("a"), "TERM");
    wait_for("the restart", || scratch.lines("starts") == 2);
    scratch.svc("-d", "a");
    wait_for("the end of the service", || scratch.svstat("a").contains(": down "));
    super::supervise::murder(&mut writer);
    let script = "cd a; exec 7>>supervise/lock; flock -n 7; ./run & \
                  until [ -e ../go ]; do sleep 0.02; done; \
                  DAEMONTOOLS_RS_HANDOVER=1:7 exec supervise a";
    let errors = fs::File::create(scratch.path().join("errors")).unwrap();
    let child = scratch.command("/bin/sh").args(["-c", script]).stderr(errors).spawn().unwrap();
    wait_for("the start", || scratch.lines("starts") == 3);
    let service: u32 = scratch.read("starts").lines().last().unwrap().parse().unwrap();
    super::journal::write_as_0_1_0(
        &scratch.path().join("a/supervise/journal"),
        child.id(),
        service,
    );
    // The status of another process is no evidence.
    fs::remove_file(scratch.path().join("a/supervise/status")).unwrap();
    scratch.write("go", b"");
    wait_for("the new image", || scratch.is_running("a"));
    assert_eq!((scratch.pid("a"), scratch.errors()), (service, String::new()));
    scratch.svc("-t", "a");
    wait_for("the restart", || scratch.lines("starts") == 4);
    assert_eq!(zombies(child.id()), 0);
}
