//! svscan with few descriptors and no right to raise its limit: starts, adoption by a successor,
//! and the orderly stop.

use crate::scratch::{Scratch, end_of, is_alive, kill, only_ours, wait_for};
use crate::svscan::{starts, stayer, supervises, up};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// svscan with at most `limit` descriptors, no right to raise this limit, and no inherited
/// descriptors.
fn limited(scratch: &Scratch, limit: usize, options: &str) -> Child {
    scratch.directory_at("scan");
    let errors =
        fs::File::options().create(true).append(true).open(scratch.path().join("errors")).unwrap();
    let script = format!(
        "for fd in $(ls /proc/$$/fd); do [ $fd -le 2 ] || eval \"exec $fd>&-\"; done\n\
         ulimit -n {limit} && exec svscan {options} scan"
    );
    let mut command = if nix::unistd::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-sys_resource", "--inh-caps=-sys_resource", "bash"]);
        command
    } else {
        Command::new("bash")
    };
    let given = scratch.command("svscan");
    for (name, value) in given.get_envs() {
        command.env(name, value.unwrap());
    }
    command.args(["-c", &script]).current_dir(scratch.path()).stdin(Stdio::null());
    let child = command.stderr(errors).spawn().unwrap();
    wait_for("svscan", || {
        fs::read_to_string(format!("/proc/{}/comm", child.id())).unwrap() == "svscan\n"
    });
    child
}

#[test]
fn a_successor_goes_on_with_more_supervises_than_descriptors() {
    if !only_ours("0.76 adopts no supervise") {
        return;
    }
    let scratch = Scratch::new();
    let names: Vec<String> = (0..40).map(|number| format!("s{number}")).collect();
    names.iter().for_each(|name| stayer(&scratch, &format!("scan/{name}")));
    let has_started = |name: &String| starts(&scratch, name) == 1;
    let mut first = limited(&scratch, 40, "--stop-on-term");
    wait_for("all to be started", || names.iter().all(has_started));
    let all_run = || names.iter().all(|name| scratch.is_running(&format!("scan/{name}")));
    wait_for("their supervises", all_run);
    let old = supervises(first.id());
    kill(first.id(), "KILL");
    end_of(&mut first);
    let mut second = limited(&scratch, 40, "--stop-on-term");
    // A new link is noticed, and its logger started.
    scratch.service("scan/.late", "echo $$ >>../../late.starts\nexec sleep 1000");
    scratch.service("scan/.late/log", "exec cat >/dev/null");
    let [from, to] = ["scan/.late", "scan/late"].map(|name| scratch.path().join(name));
    fs::rename(from, to).unwrap();
    wait_for("a new service", || starts(&scratch, "late") == 1);
    wait_for("its logger", || scratch.is_running("scan/late/log"));
    // The whole directory can be read, too.
    kill(second.id(), "ALRM");
    stayer(&scratch, "later");
    symlink("../later", scratch.path().join("scan/later")).unwrap();
    up(&scratch, "later");
    // A supervise that dies is replaced.
    old.iter().for_each(|&pid| kill(pid, "KILL"));
    wait_for("others", || supervises(second.id()).len() == 43);
    wait_for("all to work", all_run);
    assert!(names.iter().all(has_started));
    let pids: Vec<u32> = names.iter().map(|name| scratch.pid(&format!("scan/{name}"))).collect();
    kill(second.id(), "TERM");
    assert_eq!(end_of(&mut second).code(), Some(0));
    assert!(!pids.into_iter().any(is_alive));
    assert!(scratch.path().join("scan/.svscan/stopped").exists());
    assert_eq!(scratch.errors(), "");
}

#[test]
fn a_successor_stops_in_order_what_it_cannot_hold() {
    if !only_ours("the orderly stop") {
        return;
    }
    let scratch = Scratch::new();
    let names: Vec<String> = (0..40).map(|number| format!("s{number}")).collect();
    names.iter().for_each(|name| stayer(&scratch, &format!("scan/{name}")));
    let mut first = limited(&scratch, 40, "--stop-on-term");
    wait_for("all to be up", || {
        names.iter().all(|name| scratch.is_running(&format!("scan/{name}")))
    });
    let pids: Vec<u32> = names.iter().map(|name| scratch.pid(&format!("scan/{name}"))).collect();
    kill(first.id(), "KILL");
    end_of(&mut first);
    let mut second = limited(&scratch, 40, "--stop-on-term");
    stayer(&scratch, "late");
    symlink("../late", scratch.path().join("scan/late")).unwrap();
    wait_for("a new service", || starts(&scratch, "late") == 1);
    assert_eq!(supervises(second.id()).len(), 1);
    let begun = Instant::now();
    kill(second.id(), "TERM");
    assert_eq!(end_of(&mut second).code(), Some(0));
    assert!(begun.elapsed() < SECOND * 4, "after {:?}", begun.elapsed());
    assert!(!pids.into_iter().any(is_alive));
    assert!(scratch.path().join("scan/.svscan/stopped").exists());
    assert_eq!(scratch.errors(), "");
}

#[test]
fn loggers_take_what_there_is_and_leave_enough_for_the_orderly_stop() {
    if !only_ours("the orderly stop") {
        return;
    }
    // Each service takes two descriptors: try an even and an odd limit.
    for limit in [40, 41] {
        let scratch = Scratch::new();
        let names: Vec<String> = (0..20).map(|number| format!("s{number}")).collect();
        for name in &names {
            stayer(&scratch, &format!("scan/{name}"));
            scratch.service(&format!("scan/{name}/log"), "exec cat >/dev/null");
        }
        let mut svscan = limited(&scratch, limit, "--stop-on-term");
        let is_up = |name: &&String| {
            starts(&scratch, name) == 1
                && ["", "/log"].iter().all(|log| scratch.is_running(&format!("scan/{name}{log}")))
        };
        wait_for("ten of them", || names.iter().filter(is_up).count() >= 10);
        wait_for("the others to be named", || {
            scratch.errors().contains("svscan: warning: unable to create pipe for s")
        });
        kill(svscan.id(), "TERM");
        assert_eq!(end_of(&mut svscan).code(), Some(0));
        assert!(scratch.path().join("scan/.svscan/stopped").exists());
        assert_eq!(
            scratch.errors().replace("unable to create pipe for s", "").matches("unable").count(),
            0
        );
    }
}

#[test]
fn a_dozen_will_do_for_services_without_loggers_and_one_with() {
    let scratch = Scratch::new();
    let names = ["a", "b", "c", "d", "e", "f"];
    names.iter().for_each(|name| stayer(&scratch, &format!("scan/{name}")));
    scratch.directory_at("scan/f/log");
    scratch.service("scan/f/log", "exec cat >/dev/null");
    let _svscan = limited(&scratch, 12, "");
    for name in names {
        up(&scratch, name);
    }
    wait_for("the logger", || scratch.is_running("scan/f/log"));
}
