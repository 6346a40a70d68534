//! The journal as bad input: what a supervise finds that it must not believe.

use super::scratch::{Scratch, is_alive, kill, only_ours, stays, wait_for};
use super::supervise::{murder, stayer, supervise};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

/// Where a slot's fields are, and how long it is: see the journal's own module.
const SLOTS: [usize; 2] = [0, 512];
const SLOT: usize = 160;
const VERSION: usize = 6;
const BOOT: usize = 16;
const SERVICE_PID: usize = 72;
const SERVICE_START: usize = 80;

/// Leaves a service running under no supervise, spoils its journal, and sees that the next
/// supervise says `reason` once and starts a process of its own without touching the other.
fn is_ignored(spoil: impl Fn(&Path), reason: &str) {
    if !only_ours("the journal") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut first = supervise(&scratch, "a");
    let pid = scratch.pid("a");
    murder(&mut first);
    spoil(&scratch.path().join("a/supervise/journal"));
    let _second = supervise(&scratch, "a");
    wait_for("a start of its own", || scratch.lines("starts") == 2);
    assert_ne!(scratch.pid("a"), pid);
    let expected = if reason.is_empty() {
        String::new()
    } else {
        format!("supervise: warning: unable to believe a/supervise/journal: {reason}\n")
    };
    assert_eq!(scratch.errors(), expected);
    assert!(is_alive(pid), "the other process was touched");
}

fn rewrite(journal: &Path, change: impl Fn(&mut [u8])) {
    let mut bytes = fs::read(journal).unwrap();
    change(&mut bytes);
    fs::write(journal, bytes).unwrap();
}

#[test]
fn a_corrupt_journal_is_not_believed() {
    is_ignored(
        |journal| rewrite(journal, |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 0x55)),
        "checksum does not match",
    );
}

#[test]
fn a_short_journal_is_not_believed() {
    is_ignored(|journal| fs::write(journal, "x").unwrap(), "unexpected size");
}

#[test]
fn a_journal_that_others_can_write_is_not_believed() {
    let open = |journal: &Path| {
        fs::set_permissions(journal, fs::Permissions::from_mode(0o620)).unwrap();
    };
    is_ignored(open, "writable by others");
}

#[test]
fn a_journal_with_another_name_is_not_believed() {
    let link = |journal: &Path| {
        fs::hard_link(journal, journal.with_extension("other")).unwrap();
    };
    is_ignored(link, "has another name");
}

#[test]
fn a_journal_that_is_a_link_is_not_believed() {
    let link = |journal: &Path| {
        let other = journal.with_extension("other");
        fs::rename(journal, &other).unwrap();
        symlink(other, journal).unwrap();
    };
    is_ignored(link, "not a regular file");
}

/// Changes every slot that holds a record, and gives it the checksum that goes with it (FNV-1a).
fn forge(journal: &Path, change: impl Fn(&mut [u8])) {
    rewrite(journal, |bytes| {
        for at in SLOTS {
            let slot = &mut bytes[at..at + SLOT];
            if slot.iter().all(|&byte| byte == 0) {
                continue;
            }
            change(slot);
            let (body, sum) = slot.split_at_mut(SLOT - 8);
            let right = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, &byte| {
                (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
            sum.copy_from_slice(&right.to_le_bytes());
        }
    });
}

#[test]
fn a_forged_checksum_is_right() {
    // Else the cases below would be about corruption.
    if !only_ours("the journal") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _supervise = supervise(&scratch, "a");
    let journal = scratch.path().join("a/supervise/journal");
    let before = fs::read(&journal).unwrap();
    forge(&journal, |_| {});
    assert_eq!(fs::read(&journal).unwrap(), before);
}

#[test]
fn a_journal_of_a_later_version_is_not_believed() {
    is_ignored(|journal| forge(journal, |slot| slot[VERSION] = 2), "of another version");
}

#[test]
fn a_journal_of_another_boot_is_forgotten_without_a_word() {
    if !only_ours("the journal") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut first = supervise(&scratch, "a");
    scratch.svc("-d", "a");
    wait_for("the end of the service", || scratch.svstat("a").contains(": down "));
    murder(&mut first);
    // In this boot it would stay down.
    forge(&scratch.path().join("a/supervise/journal"), |slot| slot[BOOT] ^= 1);
    let _second = supervise(&scratch, "a");
    wait_for("a start, as with every boot", || scratch.lines("starts") == 2);
    assert_eq!(scratch.errors(), "");
}

#[test]
fn a_journal_of_another_user_is_not_believed() {
    let give_away = |journal: &Path| {
        std::os::unix::fs::chown(journal, Some(12345), None).unwrap();
    };
    if nix::unistd::geteuid().is_root() {
        is_ignored(give_away, "owned by another user");
    } else {
        println!("left out: only root can give a file away");
    }
}

#[test]
fn a_pid_that_is_somebody_else_s_now_is_neither_adopted_nor_signalled() {
    if !only_ours("the journal") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let mut first = supervise(&scratch, "a");
    let service = scratch.pid("a");
    murder(&mut first);
    kill(service, "KILL");
    wait_for("the end of the service", || !is_alive(service));
    // The number of the service, as if it were the stranger's now: another start time.
    let mut stranger = scratch.command("/bin/sleep").arg("1000").spawn().unwrap();
    let number = u64::from(stranger.id()).to_le_bytes();
    forge(&scratch.path().join("a/supervise/journal"), |slot| {
        slot[SERVICE_PID..SERVICE_PID + 8].copy_from_slice(&number);
        slot[SERVICE_START + 3] ^= 1;
    });
    let _second = supervise(&scratch, "a");
    let warning = "supervise: warning: unable to adopt the process of a: it is another one now\n";
    assert_eq!(scratch.errors(), warning);
    wait_for("a start of its own", || scratch.lines("starts") == 2);
    scratch.svc("-dk", "a");
    wait_for("the end of that", || scratch.svstat("a").contains(": down "));
    stays("the stranger", Duration::from_millis(100), || stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
}

#[test]
fn a_copied_directory_does_not_adopt_the_original_s_process() {
    if !only_ours("the journal") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _first = supervise(&scratch, "a");
    let pid = scratch.pid("a");
    scratch.directory_at("b/supervise");
    for name in ["run", "supervise/journal"] {
        let copy = |to: &str| scratch.path().join(to).join(name);
        fs::copy(copy("a"), copy("b")).unwrap();
    }
    let _second = supervise(&scratch, "b");
    assert_ne!(scratch.pid("b"), pid);
    let expected =
        "supervise: warning: unable to believe b/supervise/journal: of another directory\n";
    assert_eq!(scratch.errors(), expected);
    scratch.svc("-dx", "b");
    wait_for("b to be gone", || !scratch.is_running("b"));
    assert_eq!(scratch.pid("a"), pid);
}
