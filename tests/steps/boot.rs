//! svscanboot, killed at every step.

use crate::case::Case;
use crate::scan::{
    all_up, as_it_was, errors_to_file, lines_flow, no_line_is_missing, one_copy_each, pids_of,
    services,
};
use crate::scratch::{Scratch, end_of, kill, wait_for};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

pub fn cases() -> Vec<Case> {
    let first = Case {
        name: "svscanboot: its beginning",
        prepare: services,
        target: |scratch| svscanboot(scratch),
        ready: None,
        provoke: |_, _| {},
        is_over: |scratch, _| is_whole(scratch),
        judge: |scratch| {
            let _successor = svscanboot(scratch).spawn().unwrap();
            as_it_was(scratch);
            wait_for("one svscan and one readproctitle", || is_whole(scratch));
        },
    };
    let running = Case { ready: Some(is_whole), ..first };
    vec![
        first,
        Case {
            name: "svscanboot: the death of svscan",
            provoke: |scratch, _| kill(ours(scratch, "svscan")[0], "KILL"),
            ..running
        },
        Case {
            name: "svscanboot: the death of readproctitle",
            provoke: |scratch, _| kill(ours(scratch, "readproctitle")[0], "KILL"),
            ..running
        },
        Case {
            name: "svscanboot: the orderly stop",
            provoke: |_, target| kill(target.pid(), "TERM"),
            is_over: |_, target| target.has_ended(),
            judge: |scratch| {
                // A newly started svscanboot: svscan is wanted again, however far the stop had
                // come.
                let mut successor = svscanboot(scratch).spawn().unwrap();
                wait_for("one svscan and one readproctitle", || is_whole(scratch));
                wait_for("an end of the stop", || all_up(scratch));
                one_copy_each(scratch, 3);
                lines_flow(scratch);
                kill(successor.id(), "TERM");
                assert_eq!(end_of(&mut successor).code(), Some(0), "svscanboot's exit code");
                wait_for("an end of svscan", || ours(scratch, "svscan").is_empty());
                no_line_is_missing(scratch);
            },
            ..running
        },
    ]
}

fn svscanboot(scratch: &Scratch) -> Command {
    let mut command = scratch.command("svscanboot");
    command.arg(scratch.path().join("scan"));
    errors_to_file(scratch, command)
}

/// The processes of this name that belong to this place: its svscan works in the scan directory,
/// its readproctitle reads the pipe that svscan writes to.
fn ours(scratch: &Scratch, name: &str) -> Vec<u32> {
    let inode = |pid: u32, number: u32| {
        fs::metadata(format!("/proc/{pid}/fd/{number}")).map(|facts| facts.ino()).ok()
    };
    let scan = scratch.path().join("scan").canonicalize().unwrap();
    let works = |pid: &u32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == scan);
    let svscans: Vec<u32> = pids_of("svscan").into_iter().filter(works).collect();
    if name == "svscan" {
        return svscans;
    }
    let pipe = svscans.first().and_then(|&pid| inode(pid, 2));
    let reads = |pid: &u32| pipe.is_some() && inode(*pid, 0) == pipe;
    pids_of(name).into_iter().filter(reads).collect()
}

fn is_whole(scratch: &Scratch) -> bool {
    all_up(scratch)
        && ours(scratch, "svscan").len() == 1
        && ours(scratch, "readproctitle").len() == 1
}
