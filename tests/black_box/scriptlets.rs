//! The options of svscanboot(8) for the scriptlets of a package: one word and an exit code. Not in
//! 0.76.

use crate::scratch::{
    Said, Scratch, commands, copy_program, end_of, is_alive, kill, only_ours, wait_for,
};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::process::{Child, Stdio};

fn said(code: i32, word: &str) -> Said {
    Said { code: Some(code), out: format!("{word}\n"), err: String::new() }
}

/// svscanboot on a scan directory with one service, which is up.
fn scanned() -> Option<(Scratch, Child)> {
    if !only_ours("svscanboot answers scriptlets") {
        return None;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", "exec sleep 1000");
    scratch.service("scan/a/log", "exec cat >/dev/null");
    let boot = scratch.start("svscanboot", &["scan"]);
    scratch.pid("scan/a");
    scratch.pid("scan/a/log");
    Some((scratch, boot))
}

fn svscan_of(boot: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{boot}/task/{boot}/children")).unwrap();
    let is_it = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "svscan\n")
    };
    children.split_whitespace().map(|pid| pid.parse().unwrap()).find(is_it).unwrap()
}

#[test]
fn status_tells_who_scans() {
    let Some((scratch, mut boot)) = scanned() else { return };
    let status = |directory: &str| scratch.run("svscanboot", &["--status", directory]);
    assert_eq!(status("scan"), said(0, "kept"));
    assert_eq!(status("nowhere"), said(3, "absent"));
    kill(boot.id(), "KILL");
    end_of(&mut boot);
    assert_eq!(status("scan"), said(1, "alone"));
    // Another file of the same name is another program.
    scratch.directory_at("other");
    scratch.directory_at("elsewhere");
    copy_program(commands().join("svscan"), scratch.path().join("other/svscan"));
    let mut other = scratch.command("sh");
    let mut other = other.args(["-c", "exec other/svscan elsewhere"]).spawn().unwrap();
    assert_eq!(scratch.run("svscanboot", &["--status=20", "elsewhere"]), said(2, "foreign"));
    assert_eq!(scratch.run("svscanboot", &["--reexec", "elsewhere"]), said(2, "foreign"));
    assert_eq!(scratch.run("svscanboot", &["--stop=5", "elsewhere"]), said(2, "foreign"));
    assert!(is_alive(other.id()));
    kill(other.id(), "TERM");
    end_of(&mut other);
}

#[test]
fn status_waits_for_a_scan_that_begins() {
    if !only_ours("svscanboot answers scriptlets") {
        return;
    }
    let scratch = Scratch::new();
    scratch.directory_at("scan");
    let mut asker = scratch.command("svscanboot");
    let asker = asker.args(["--status=20", "scan"]).stdout(Stdio::piped()).spawn().unwrap();
    assert_eq!(scratch.run("svscanboot", &["--status", "scan"]), said(3, "absent"));
    let mut boot = scratch.start("svscanboot", &["scan"]);
    assert_eq!(Said::of(&asker.wait_with_output().unwrap()), said(0, "kept"));
    kill(boot.id(), "TERM");
    end_of(&mut boot);
}

#[test]
fn reexec_asks_an_svscan_that_runs_an_older_file() {
    if !only_ours("svscanboot answers scriptlets") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", "exec sleep 1000");
    scratch.directory_at("bin");
    let install = || {
        copy_program(commands().join("svscan"), scratch.path().join("bin/new"));
        fs::rename(scratch.path().join("bin/new"), scratch.path().join("bin/daemontools")).unwrap();
    };
    install();
    for name in ["svscanboot", "svscan", "supervise", "readproctitle"] {
        symlink("daemontools", scratch.path().join("bin").join(name)).unwrap();
    }
    let asks = |option: &str| {
        let path = scratch.path().join("bin/svscanboot");
        Said::of(
            &scratch
                .command("sh")
                .args(["-c", "exec \"$0\" $1 scan"])
                .arg(path)
                .arg(option)
                .output()
                .unwrap(),
        )
    };
    let mut boot = scratch.command("sh");
    let boot = boot.args(["-c", "exec \"$PWD\"/bin/svscanboot scan"]).spawn().unwrap();
    let service = scratch.pid("scan/a");
    assert_eq!(asks("--reexec"), said(0, "current"));
    install();
    assert_eq!(asks("--status"), said(0, "kept"));
    assert_eq!(asks("--reexec"), said(0, "asked"));
    let new = fs::metadata(scratch.path().join("bin/daemontools")).unwrap().ino();
    wait_for("the new program", || {
        let program = format!("/proc/{}/exe", svscan_of(boot.id()));
        fs::metadata(program).is_ok_and(|file| file.ino() == new)
    });
    assert_eq!(asks("--reexec"), said(0, "current"));
    assert_eq!(scratch.pid("scan/a"), service);
    assert_eq!(asks("--stop=20"), said(0, "stopped"));
}

#[test]
fn the_stop_for_good_ends_all_that_keeps_the_scan() {
    let Some((scratch, mut boot)) = scanned() else { return };
    let mut standby = scratch.start("svscanboot", &["scan"]);
    wait_for("standing by", || {
        let open = fs::read_dir(format!("/proc/{}/fd", standby.id())).unwrap();
        let targets = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        targets.into_iter().any(|target| target.ends_with(".svscan/boot-ok"))
    });
    assert_eq!(scratch.run("svscanboot", &["--stop=20", "scan"]), said(0, "stopped"));
    end_of(&mut boot);
    end_of(&mut standby);
    assert!(!scratch.is_running("scan/a") && !scratch.is_running("scan/a/log"));
    assert_eq!(scratch.run("svscanboot", &["--status", "scan"]), said(3, "absent"));
    assert_eq!(scratch.run("svscanboot", &["--stop=20", "scan"]), said(0, "stopped"));
    assert_eq!(scratch.run("svscanboot", &["--stop=20", "nowhere"]), said(0, "stopped"));
}

#[test]
fn the_stop_for_good_ends_what_no_svscan_ends_any_more() {
    let Some((scratch, mut boot)) = scanned() else { return };
    let svscan = svscan_of(boot.id());
    kill(boot.id(), "KILL");
    end_of(&mut boot);
    kill(svscan, "KILL");
    wait_for("no svscan", || scratch.run("svscanboot", &["--status", "scan"]).code == Some(3));
    assert!(scratch.is_running("scan/a"));
    assert_eq!(scratch.run("svscanboot", &["--stop=20", "scan"]), said(0, "stopped"));
    assert!(!scratch.is_running("scan/a") && !scratch.is_running("scan/a/log"));
}

#[test]
fn the_stop_for_good_names_what_takes_its_time_and_kills_nothing() {
    if !only_ours("svscanboot answers scriptlets") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("scan/a", "exec sleep 1000");
    scratch.service("scan/mule", "trap '' TERM\n: >ready\nwhile :; do sleep 0.1; done");
    let mut boot = scratch.start("svscanboot", &["scan"]);
    scratch.pid("scan/a");
    let mule = scratch.pid("scan/mule");
    wait_for("its trap", || scratch.path().join("scan/mule/ready").exists());
    let mut asker = scratch.command("svscanboot");
    let mut asker = asker.args(["--stop", "scan"]).stderr(Stdio::piped()).spawn().unwrap();
    assert_eq!(scratch.run("svscanboot", &["--stop=6", "scan"]), said(1, "scan/mule"));
    end_of(&mut boot);
    assert!(is_alive(mule) && !scratch.is_running("scan/a"));
    // After five seconds a halt prints what it waits for.
    kill(mule, "KILL");
    assert_eq!(end_of(&mut asker).code(), Some(0));
    let heard = std::io::read_to_string(asker.stderr.take().unwrap()).unwrap();
    assert_eq!(heard, "svscanboot: warning: waiting up to 40 seconds for the end of: mule\n");
}

#[test]
fn what_is_no_option_is_refused() {
    if !only_ours("svscanboot answers scriptlets") {
        return;
    }
    let usage = "svscanboot: usage: svscanboot [--fallback | --stop | --status | --reexec] [dir]";
    for word in ["--nonsense", "--stop=", "--stop=x", "--status=-1", "--reexec=1", "--"] {
        let scratch = Scratch::new();
        assert_eq!(
            scratch.run("svscanboot", &[word, "scan"]),
            Said::complaint(100, usage),
            "{word}"
        );
    }
}
