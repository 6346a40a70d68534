//! The delegation that service(7) and SECURITY.md describe: it gives the user the described rights,
//! it lasts, and other users gain nothing.

use crate::attack::{Attack, OTHER, OWNER, give, is_ours, run_as};
use crate::scratch::{Scratch, end_of, kill, wait_for};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

pub fn attacks() -> Vec<Attack> {
    let attack = |name, harms_before, play| Attack { name, harms_before, play };
    vec![
        attack("control given to a user, in a plain directory", Some(false), |scratch| {
            delegated(scratch, false)
        }),
        attack("control given to a user and his group, behind a link", None, |scratch| {
            delegated(scratch, true)
        }),
        attack("another user's second name of what was given away", None, second_name),
    ]
}

fn give_control(scratch: &Scratch, mode: u32) {
    let records = scratch.path().join("scan/a/supervise");
    chown(&records, Some(0), Some(OWNER)).unwrap();
    fs::set_permissions(&records, fs::Permissions::from_mode(mode)).unwrap();
    for name in ["control", "ok"] {
        give(&records.join(name), OWNER);
    }
}

fn delegated(scratch: &Scratch, behind_link: bool) -> Vec<String> {
    scratch.service("scan/a", "exec sleep 1000");
    if behind_link {
        scratch.directory_at("state/a");
        symlink("../../state/a", scratch.path().join("scan/a/supervise")).unwrap();
    }
    let mut svscan = scratch.start("svscan", &["scan"]);
    scratch.pid("scan/a");
    give_control(scratch, if behind_link { 0o710 } else { 0o711 });
    let mut harms = Vec::new();
    let mut check = |is_well: bool, harm: &str| {
        if !is_well {
            harms.push(harm.to_owned());
        }
    };
    for round in 0..2 {
        for user in [0, OWNER] {
            let pid = scratch.pid("scan/a");
            let asked = run_as(scratch, user, "svc", &["-t", "scan/a"]);
            check(asked.err.is_empty(), "svc does not work");
            wait_for("another process", || scratch.pid("scan/a") != pid);
            let said = run_as(scratch, user, "svstat", &["scan/a"]).out;
            check(said.contains(": up "), "svstat does not work");
            check(run_as(scratch, user, "svok", &["scan/a"]).code == Some(0), "svok does not");
        }
        let refused = run_as(scratch, OTHER, "svc", &["-d", "scan/a"]).err;
        check(refused.ends_with("access denied\n"), "any user controls it");
        check(run_as(scratch, OWNER, "ls", &["scan/a/supervise"]).code != Some(0), "it is read");
        let write = run_as(scratch, OWNER, "touch", &["scan/a/supervise/new"]).code;
        check(write != Some(0), "the owner of control plants entries");
        if round == 0 && is_ours() {
            // The delegation lasts: after a new image, and after the end of both.
            kill(svscan.id(), "HUP");
            kill(svscan.id(), "KILL");
            end_of(&mut svscan);
            svscan = scratch.start("svscan", &["scan"]);
        }
    }
    harms
}

/// On some kernels any user can give a FIFO within reach a second name. Root reaches the service
/// all the same.
fn second_name(scratch: &Scratch) -> Vec<String> {
    scratch.service("scan/a", "exec sleep 1000");
    let mut svscan = scratch.start("svscan", &["--stop-on-term", "scan"]);
    let pid = scratch.pid("scan/a");
    give_control(scratch, 0o711);
    for name in ["control", "ok"] {
        let entry = scratch.path().join("scan/a/supervise").join(name);
        fs::hard_link(entry, scratch.path().join(name)).unwrap();
    }
    let mut harms = Vec::new();
    if !scratch.run("svc", &["-t", "scan/a"]).err.is_empty() || !scratch.is_running("scan/a") {
        harms.push("root does not reach the service".to_owned());
    } else {
        wait_for("another process", || scratch.pid("scan/a") != pid);
    }
    kill(svscan.id(), "TERM");
    if end_of(&mut svscan).code() != Some(0) {
        harms.push("the orderly stop does not reach the service".to_owned());
    }
    harms
}
