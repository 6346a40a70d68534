//! Root's svc, svok, svstat and supervise in a user's own directories: the user's links may lead
//! only to the user's own directories.

use crate::attack::{Attack, OTHER, OWNER, Victim, give, run_as};
use crate::scratch::Scratch;
use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

pub fn attacks() -> Vec<Attack> {
    let attack = |name, harms_before, play| Attack { name, harms_before, play };
    vec![
        attack("a supervise of the user's that leads to a service of root's", Some(true), |it| {
            led(it, |link, victim| plant(victim, link, OWNER))
        }),
        attack("a chain of links that ends at a service of root's", Some(true), |it| {
            led(it, |link, victim| {
                plant(victim, &link.with_file_name("next"), OWNER);
                plant(Path::new("next"), link, OWNER);
            })
        }),
        attack("a link of root's through a directory of the user's", Some(true), |it| {
            led(it, |link, victim| {
                plant(victim.parent().unwrap(), &link.with_file_name("middle"), OWNER);
                plant(Path::new("middle/supervise"), link, 0);
            })
        }),
        attack("a link of root's in a directory of the user's", Some(true), |it| {
            led(it, |link, victim| plant(victim, link, 0))
        }),
        attack("a link of another user's in a sticky directory", Some(true), |it| {
            it.directory_at("sticky");
            let sticky = it.path().join("sticky");
            fs::set_permissions(&sticky, fs::Permissions::from_mode(0o1777)).unwrap();
            led(it, |link, victim| {
                let sticky = victim.parent().unwrap().with_file_name("sticky");
                plant(victim, &sticky.join("entry"), OTHER);
                give(link.parent().unwrap(), 0);
                plant(&sticky.join("entry"), link, 0);
            })
        }),
        attack("layouts of the user's that root has to reach", Some(false), reached),
        attack("a dangling link of the user's that root's supervise meets", Some(true), dangling),
    ]
}

fn plant(target: &Path, link: &Path, owner: u32) {
    symlink(target, link).unwrap();
    lchown(link, Some(owner), Some(owner)).unwrap();
}

/// Makes root use the supervise of `m`, a directory of the user's that leads to the victim's.
fn led(scratch: &Scratch, plant: fn(&Path, &Path)) -> Vec<String> {
    let victim = Victim::new(scratch);
    scratch.directory_at("m");
    give(&scratch.path().join("m"), OWNER);
    plant(&scratch.path().join("m/supervise"), &scratch.path().join("victim/supervise"));
    let mut harms = Vec::new();
    if scratch.is_running("m") || scratch.svstat("m").contains(": up ") {
        harms.push("another service's state is told".to_owned());
    }
    scratch.run("svc", &["-dk", "m"]);
    harms.extend(victim.harms());
    harms
}

/// The user's own supervise, with its records in several places: root's commands and the user's
/// reach it. This is no attack; it returns what failed.
fn reached(scratch: &Scratch) -> Vec<String> {
    let mut harms = Vec::new();
    let layouts: [(&str, &[(&str, &str)]); 4] = [
        ("plain", &[]),
        ("absolute", &[("supervise", "/state")]),
        ("relative", &[("supervise", "../state")]),
        ("chain", &[("supervise", "next"), ("next", "../state")]),
    ];
    for (name, links) in layouts {
        let home = format!("home-{name}");
        scratch.service(&format!("{home}/s"), "exec sleep 1000");
        if !links.is_empty() {
            scratch.directory_at(&format!("{home}/state"));
        }
        for (link, target) in links {
            let target = match target.strip_prefix('/') {
                Some(below) => scratch.path().join(&home).join(below),
                None => target.into(),
            };
            plant(&target, &scratch.path().join(&home).join("s").join(link), OWNER);
        }
        for path in ["", "s", "state"] {
            let path = scratch.path().join(&home).join(path);
            if path.exists() {
                give(&path, OWNER);
            }
        }
        let service = format!("{home}/s");
        let mut command = scratch.command("supervise");
        command.arg(&service).uid(OWNER).gid(OWNER).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap();
        let pid = scratch.pid(&service);
        for user in [0, OWNER] {
            let is_well = run_as(scratch, user, "svok", &[&service]).code == Some(0)
                && run_as(scratch, user, "svstat", &[&service]).out.contains(": up ")
                && run_as(scratch, user, "svc", &["-c", &service]).err.is_empty();
            if !is_well {
                harms.push(format!("{name}: user {user} does not reach it"));
            }
        }
        scratch.svc("-dx", &service);
        crate::scratch::wait_for("the end of it", || !crate::scratch::is_alive(pid));
    }
    harms
}

/// No directory of root's is made at the target of a user's link.
fn dangling(scratch: &Scratch) -> Vec<String> {
    scratch.service("m", "exec sleep 1000");
    give(&scratch.path().join("m"), OWNER);
    scratch.directory_at("roots");
    let made = scratch.path().join("roots/made");
    plant(&made, &scratch.path().join("m/supervise"), OWNER);
    let mut child = scratch.start("supervise", &["m"]);
    std::thread::park_timeout(std::time::Duration::from_millis(200));
    let _ = child.kill();
    let harm = made.exists().then(|| "root made a directory".to_owned());
    harm.into_iter().collect()
}
