//! svscanboot, contract.md, section 2 and svscanboot(8). 0.76's is a script for one fixed
//! directory, so it cannot run these cases.

mod foreign;
mod havoc;
mod standby;
mod stop;

use crate::scratch::{Scratch, copy_program, end_of, kill, only_ours, stays, wait_for};
use std::fs;
use std::os::unix::fs::PermissionsExt;
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

/// A process that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
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
            copy_program(&svscanboot, scratch.path().join("opt").join(name));
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
