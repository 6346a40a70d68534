//! Records of the running service are missing, or of another boot: supervise starts no second copy,
//! and does not believe records of others. Without /proc, and in a restarted container.

use crate::journal::forge_pids;
use crate::scratch::{Scratch, end_of, kill, only_ours, stays, wait_for};
use crate::supervise::{left_down, murder, stayer, supervise};
use crate::svscan::supervises;
use std::fs;
use std::process::Child;
use std::time::Duration;

/// Starts a shell script in namespaces of its own, by these options of unshare(1).
fn apart(scratch: &Scratch, options: &[&str], script: &str) -> Child {
    let as_root: &[&str] = if nix::unistd::geteuid().is_root() { &[] } else { &["-r"] };
    scratch.start("unshare", &[as_root, options, &["sh", "-c", script]].concat())
}

/// Waits for the start of service `a`. Returns whether the namespaces could be made.
fn is_started(scratch: &Scratch, space: &mut Child) -> bool {
    wait_for("the start", || space.try_wait().unwrap().is_some() || scratch.lines("starts") == 1);
    let is_started = scratch.lines("starts") == 1;
    if !is_started {
        println!("left out, no namespaces: {}", scratch.errors());
    }
    is_started
}

#[test]
fn a_container_that_was_started_again_does_not_believe_the_journal_of_before() {
    if !only_ours("the journal") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let script = "readlink /proc/self/ns/pid >space.new; mv space.new space\n\
                  while [ ! -e go ]; do sleep 0.02; done\n\
                  supervise a & wait";
    let container = || apart(&scratch, &["-pf", "--kill-child", "--mount-proc"], script);
    scratch.write("go", b"");
    let mut first = container();
    if !is_started(&scratch, &mut first) {
        return;
    }
    scratch.svc("-d", "a");
    wait_for("the end of the service", || scratch.svstat("a").contains(": down "));
    murder(&mut first);
    wait_for("the end of all", || !scratch.is_running("a"));
    for name in ["go", "space"] {
        fs::remove_file(scratch.path().join(name)).unwrap();
    }
    let mut second = container();
    wait_for("its number", || !scratch.read("space").is_empty());
    // The kernel gives the number of a namespace out again, sooner or later: then what tells the
    // two apart is when process 1 started, and no more.
    let space = scratch.read("space");
    let number = space.trim().strip_prefix("pid:[").and_then(|rest| rest.strip_suffix(']'));
    forge_pids(&scratch.path().join("a/supervise/journal"), number.unwrap().parse().unwrap());
    scratch.write("go", b"");
    // If the record were believed, the service would stay down.
    wait_for("a start, as with every boot", || scratch.lines("starts") == 2);
    assert_eq!(scratch.errors(), "");
    murder(&mut second);
}

#[test]
fn within_one_boot_the_same_journal_is_believed() {
    // Without this check the case above would prove nothing.
    if !only_ours("the journal") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    left_down(&scratch);
    let space = fs::metadata("/proc/self/ns/pid").map(|facts| {
        use std::os::unix::fs::MetadataExt;
        facts.ino()
    });
    let journal = scratch.path().join("a/supervise/journal");
    let before = fs::read(&journal).unwrap();
    forge_pids(&journal, space.unwrap());
    assert_eq!(fs::read(&journal).unwrap(), before, "the checksums are right");
    let _second = supervise(&scratch, "a");
    stays("down", Duration::from_millis(1500), || scratch.lines("starts") == 1);
}

#[test]
fn without_proc_a_second_copy_is_never_started_silently() {
    if !only_ours("0.76 starts a second copy") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", "echo $$ >>../../starts\nexec sleep 1000");
    let script = "mount -t tmpfs none /proc && exec svscan scan";
    let mut first = apart(&scratch, &["-m"], script);
    if !is_started(&scratch, &mut first) {
        return;
    }
    let service = scratch.pid("scan/a");
    let warning = format!(
        "supervise: warning: process {service} may be the service of a, waiting until it is gone; \
         if it is another one, remove a/supervise/journal\n"
    );
    // Its supervise is killed. Now it cannot be decided whether the recorded process is the
    // service.
    let supervise = supervises(first.id())[0];
    kill(supervise, "KILL");
    wait_for("the word of its successor", || scratch.errors() == warning);
    wait_for("its FIFOs", || scratch.is_running("scan/a"));
    let supervise = supervises(first.id())[0];
    stays("one copy", Duration::from_millis(1500), || {
        scratch.lines("starts") == 1 && scratch.is_running("scan/a")
    });
    // svscan is killed: its successor adopts what it finds in the service directory.
    murder(&mut first);
    let second = apart(&scratch, &["-m"], script);
    wait_for("the successor", || {
        fs::read_to_string(format!("/proc/{}/comm", second.id())).unwrap() == "svscan\n"
    });
    stays("one copy", Duration::from_millis(2500), || {
        scratch.lines("starts") == 1 && scratch.is_running("scan/a")
    });
    assert_eq!((scratch.pid("scan/a"), scratch.errors()), (service, warning.clone()));
    // When the process is gone the service is started again.
    kill(service, "KILL");
    wait_for("the next start", || scratch.lines("starts") == 2);
    // Nothing shows its successor that the service runs when `supervise` is gone too.
    let mut second = second;
    let left = [supervise, scratch.pid("scan/a")];
    murder(&mut second);
    fs::remove_dir_all(scratch.path().join("scan/a/supervise")).unwrap();
    let mut third = apart(&scratch, &["-m"], script);
    let doubt = "svscan: warning: unable to see whether a runs: its directory supervise was \
                 removed, and there is no /proc; starting it\n";
    wait_for("the word on it", || scratch.errors() == format!("{warning}{doubt}"));
    wait_for("the start", || scratch.lines("starts") == 3);
    for pid in left {
        kill(pid, "KILL");
    }
    kill(third.id(), "KILL");
    end_of(&mut third);
}
