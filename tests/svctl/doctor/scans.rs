//! svscan, the machine around it, and which other users can write the files that it runs.

use super::{commands, finding, finds, follow, is_well, names, report, saw};
use crate::scratch::{commands as our_commands, copy_program, kill, wait_for};
use crate::stage::{STAYS, Stage};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

#[test]
fn no_svscan() {
    let mut stage = Stage::of(&[("x", STAYS)]);
    is_well(&stage);
    stage.stop_scan();
    let found = finds(&stage, "no-svscan", "-");
    assert_eq!(commands(&found), [format!("svscan {} &", stage.shown("s"))]);
    // Asked about one service, doctor says it too.
    assert_eq!(names(&report(&stage, &["x"])), ["no-svscan"]);
    stage.scan();
    is_well(&stage);
}

/// Root looks at the scan directory of a user.
#[test]
fn an_svscan_of_another_user_is_one() {
    if !nix::unistd::geteuid().is_root() {
        println!("left out: that takes root");
        return;
    }
    use std::os::unix::process::CommandExt;
    let stage = Stage::empty();
    stage.add("x", STAYS);
    stage.scratch.directory_at("bin");
    let binary = stage.scratch.path().join("bin/daemontools");
    copy_program(assert_cmd::cargo::cargo_bin!("daemontools"), &binary);
    for name in ["svscan", "supervise"] {
        symlink("daemontools", stage.scratch.path().join("bin").join(name)).unwrap();
    }
    let mut chown = Command::new("chown");
    assert!(chown.args(["-R", "65534"]).arg(stage.scratch.path()).status().unwrap().success());
    let mut svscan = Command::new(stage.scratch.path().join("bin/svscan"));
    svscan.arg("s").current_dir(stage.scratch.path()).uid(65534).gid(65534);
    svscan.env("PATH", format!("{}:/usr/bin:/bin", stage.shown("bin")));
    let mut svscan = svscan.env("SCRATCH", stage.scratch.path()).spawn().unwrap();
    wait_for("a supervise", || stage.is_supervised("x"));
    is_well(&stage);
    assert_eq!(stage.svctl(&[]).code, Some(0));
    svscan.kill().unwrap();
    svscan.wait().unwrap();
    finds(&stage, "no-svscan", "-");
}

/// A program of another product that is named svscan works in the scan directory.
fn stranger(stage: &Stage) -> std::process::Child {
    let path = stage.scratch.path().join("svscan");
    copy_program("/bin/sleep", &path);
    Command::new(path).arg("1000").current_dir(stage.path()).spawn().unwrap()
}

#[test]
fn another_products_svscan_alone_and_beside_ours() {
    let mut stage = Stage::empty();
    let mut other = stranger(&stage);
    let found = finds(&stage, "foreign-svscan", "-");
    assert!(saw(&found).starts_with(&format!("process {} (svscan, ", other.id())), "{found}");
    assert_eq!(names(&report(&stage, &[])), ["foreign-svscan"]);
    other.kill().unwrap();
    other.wait().unwrap();
    stage.add("x", STAYS);
    stage.scan();
    is_well(&stage);
    let mut other = stranger(&stage);
    let found = finds(&stage, "two-svscans", "-");
    assert!(commands(&found)[0].contains(&other.id().to_string()), "{found}");
    other.kill().unwrap();
    other.wait().unwrap();
    is_well(&stage);
}

#[test]
fn a_program_that_was_replaced() {
    // A copy of our program that the test can replace.
    let stage = Stage::empty();
    let binary = assert_cmd::cargo::cargo_bin!("daemontools");
    stage.scratch.directory_at("bin");
    let put = || {
        let new = stage.scratch.path().join("bin/new");
        copy_program(binary, &new);
        fs::rename(new, stage.scratch.path().join("bin/daemontools")).unwrap();
    };
    put();
    for name in ["svscan", "supervise"] {
        symlink("daemontools", stage.scratch.path().join("bin").join(name)).unwrap();
    }
    stage.add("x", STAYS);
    let path = format!("{}:/usr/bin:/bin", stage.shown("bin"));
    let mut svscan = Command::new(stage.scratch.path().join("bin/svscan"))
        .arg("s")
        .current_dir(stage.scratch.path())
        .env("PATH", path)
        .env("SCRATCH", stage.scratch.path())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_for("a supervise", || stage.is_supervised("x"));
    is_well(&stage);
    put();
    let found = finds(&stage, "old-program", "-");
    assert!(saw(&found).contains(&format!("process {} (svscan) is the former one", svscan.id())));
    assert!(saw(&found).contains("so are 1 supervises"), "{found}");
    follow(&stage, &found);
    is_well(&stage);
    svscan.kill().unwrap();
    svscan.wait().unwrap();
}

/// A root directory whose `/service` is the stage's scan directory.
fn root(stage: &Stage) -> String {
    for directory in ["root/command", "root/usr/bin", "root/etc", "root/run/systemd"] {
        stage.scratch.directory_at(directory);
    }
    symlink(stage.path(), stage.scratch.path().join("root/service")).unwrap();
    stage.shown("root")
}

#[test]
fn commands_that_lead_to_another_daemontools() {
    let stage = Stage::of(&[("x", STAYS)]);
    let root = root(&stage);
    stage.scratch.write("root/etc/inittab", b"SV:123456:respawn:/command/svscanboot\n");
    for name in ["svscan", "svc", "svstat"] {
        symlink(our_commands().join(name), Path::new(&root).join("command").join(name)).unwrap();
    }
    assert_eq!(names(&report(&stage, &["--root", &root])), Vec::<String>::new());
    stage.scratch.script("root/usr/bin/svc", "another svc");
    let found = report(&stage, &["--root", &root]);
    let found = finding(&found, "other-daemontools", "-").unwrap_or_else(|| panic!("{found}"));
    assert!(saw(&found).contains("/root/usr/bin/svc is "), "{found}");
    fs::remove_file(Path::new(&root).join("usr/bin/svc")).unwrap();
    assert_eq!(names(&report(&stage, &["--root", &root])), Vec::<String>::new());
    // Without `--root`: the stage's scan directory is not the machine's own, so the machine's
    // commands and its boot do not matter.
    is_well(&stage);
}

#[test]
fn nothing_that_starts_svscan_at_boot() {
    let stage = Stage::of(&[("x", STAYS)]);
    let root = root(&stage);
    let found = || names(&report(&stage, &["--root", &root]));
    assert_eq!(found(), ["not-at-boot"]);
    for (path, text) in [
        ("etc/inittab", "SV:123456:respawn:/command/svscanboot\n"),
        ("etc/init/daemontools.conf", "start on runlevel [12345]\nexec /usr/bin/svscanboot\n"),
        ("etc/rc.local", "#!/bin/sh\n/command/svscanboot &\n"),
        ("etc/rc2.d/S99daemontools", "#!/bin/sh\nexec svscanboot\n"),
        ("etc/cron.d/daemontools", "@reboot root svscanboot\n"),
    ] {
        let path = Path::new(&root).join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("# svscan\n{text}")).unwrap();
        assert_eq!(found(), Vec::<String>::new(), "{}", path.display());
        fs::write(&path, "# svscan\n").unwrap();
        assert_eq!(found(), ["not-at-boot"], "{}", path.display());
    }
    // Under systemd only what systemd reads counts.
    stage.scratch.directory_at("root/run/systemd/system");
    stage.scratch.write("root/etc/inittab", b"SV:123456:respawn:/command/svscanboot\n");
    stage.scratch.write(
        "root/etc/rc.local",
        b"[ -d /run/systemd/system ] || setsid /command/svscanboot --fallback &\n",
    );
    assert_eq!(found(), ["not-at-boot"]);
    stage.scratch.directory_at("root/lib/systemd/system");
    stage.scratch.write(
        "root/lib/systemd/system/daemontools-rs.service",
        b"[Service]\nExecStart=/usr/bin/svscanboot\n",
    );
    assert_eq!(found(), ["not-at-boot"]);
    stage.scratch.directory_at("root/etc/systemd/system/multi-user.target.wants");
    symlink(
        "/lib/systemd/system/daemontools-rs.service",
        Path::new(&root).join("etc/systemd/system/multi-user.target.wants/daemontools-rs.service"),
    )
    .unwrap();
    assert_eq!(found(), Vec::<String>::new());
    is_well(&stage);
}

#[test]
fn what_others_can_write() {
    let stage = Stage::of(&[("x", STAYS), ("y", STAYS)]);
    stage.wait_until("x", "up");
    is_well(&stage);
    let mode = |path: &str, mode| {
        let path = stage.scratch.path().join(path);
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("s", 0o777);
    let scan = finds(&stage, "writable-by-others", "-");
    assert_eq!(names(&report(&stage, &[])), ["writable-by-others"]);
    follow(&stage, &scan);
    is_well(&stage);
    mode("d/x/run", 0o777);
    mode("d/y", 0o777);
    let run = finds(&stage, "writable-by-others", "x");
    assert!(saw(&run).contains("/d/x/run: all users may write it, mode 0777"), "{run}");
    let directory = finds(&stage, "writable-by-others", "y");
    follow(&stage, &run);
    follow(&stage, &directory);
    is_well(&stage);
    if !nix::unistd::geteuid().is_root() {
        println!("left out: another owner takes root");
        return;
    }
    let owner = nix::unistd::Uid::from_raw(65_534);
    nix::unistd::chown(&stage.scratch.path().join("d/x"), Some(owner), None).unwrap();
    let found = finds(&stage, "writable-by-others", "x");
    assert!(saw(&found).contains("user 65534 owns it"), "{found}");
    follow(&stage, &found);
    is_well(&stage);
    // Another user could also replace the directory by a write to the one above.
    mode("d", 0o777);
    assert_eq!(names(&report(&stage, &[])), ["writable-by-others"], "it is said once");
    follow(&stage, &finds(&stage, "writable-by-others", "x"));
    is_well(&stage);
    kill(stage.pid("x"), "TERM");
    stage.wait_until("x", "up");
    is_well(&stage);
}
