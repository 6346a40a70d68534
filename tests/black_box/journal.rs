//! Journals that a supervise must not believe.

mod unbelieved;

use crate::scratch::{Scratch, is_alive, kill, only_ours, stays, wait_for};
use crate::supervise::{left_down, murder, orphan, stayer, supervise};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The offsets of a slot's fields, and the length of its core, which never changes: see the module
/// of the journal.
const SLOTS: [usize; 2] = [0, 512];
const SLOT: usize = 160;
const VERSION: usize = 6;
const BOOT: usize = 16;
const PIDS: usize = BOOT + 16;
const SUPERVISE_PID: usize = 56;
const SERVICE_PID: usize = 72;
const SERVICE_START: usize = 80;
const WANT: usize = 88;

/// A service that runs under no supervise; its journal can be spoilt.
struct Orphan {
    scratch: Scratch,
    pid: u32,
}

impl Orphan {
    fn new() -> Self {
        let scratch = Scratch::new();
        stayer(&scratch, "a");
        let pid = orphan(&scratch);
        Self { scratch, pid }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join("a/supervise").join(name)
    }

    fn unbelieved(reason: &str) -> String {
        format!("supervise: warning: unable to believe a/supervise/journal: {reason}\n")
    }

    fn in_doubt(&self) -> String {
        format!(
            "supervise: warning: process {} may be the service of a, waiting until it is gone; \
             if it is another one, remove a/supervise/journal\n",
            self.pid
        )
    }
}

fn rewrite(journal: &Path, change: impl Fn(&mut [u8])) {
    let mut bytes = fs::read(journal).unwrap();
    change(&mut bytes);
    fs::write(journal, bytes).unwrap();
}

fn set_mode(journal: &Path, mode: u32) {
    fs::set_permissions(journal, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_journal_has_its_mark_from_the_first_record_on_and_gets_it_back() {
    if !only_ours("the journal") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    let _supervise = supervise(&scratch, "a");
    scratch.pid("a");
    let journal = scratch.path().join("a/supervise/journal");
    let facts = || fs::metadata(&journal).unwrap();
    let marks = || (facts().permissions().mode() & 0o7777, facts().nlink(), facts().len());
    assert_eq!(marks(), (0o1600, 1, 1024));
    let before = facts().ino();
    scratch.svc("-p", "a");
    wait_for("the pause", || scratch.svstat("a").contains("paused"));
    assert_eq!(facts().ino(), before, "it is written over in its place");
    // A process that may have the file open to write cannot change or read later records.
    set_mode(&journal, 0o644);
    scratch.svc("-c", "a");
    wait_for("another one", || marks() == (0o1600, 1, 1024));
    assert_ne!(facts().ino(), before);
    fs::remove_file(&journal).unwrap();
    scratch.svc("-p", "a");
    wait_for("one more", || journal.is_file());
    assert_eq!(marks(), (0o1600, 1, 1024));
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
            seal(slot);
        }
    });
}

/// Writes the checksum of `bytes` at their end.
fn seal(bytes: &mut [u8]) {
    let (body, sum) = bytes.split_at_mut(bytes.len() - 8);
    let right = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    sum.copy_from_slice(&right.to_le_bytes());
}

/// Makes `journal` one that was written in the pid namespace of this number, and leaves the rest of
/// the boot as it is.
pub fn forge_pids(journal: &Path, number: u64) {
    forge(journal, |slot| slot[PIDS..PIDS + 8].copy_from_slice(&number.to_le_bytes()));
    rewrite(journal, |bytes| {
        for at in SLOTS {
            let added = at + SLOT;
            let length = usize::from(u16::from_le_bytes([bytes[added], bytes[added + 1]]));
            if length > 0 {
                seal(&mut bytes[added - 8..added + length]);
            }
        }
    });
}

/// Makes `journal` one that supervise `supervise` of 0.1.0 wrote, whose service runs as `service`.
pub fn write_as_0_1_0(journal: &Path, supervise: u32, service: u32) {
    forge(journal, |slot| {
        for (place, pid) in [(SUPERVISE_PID, supervise), (SERVICE_PID, service)] {
            slot[place..place + 8].copy_from_slice(&u64::from(pid).to_le_bytes());
            slot[place + 8..place + 16].copy_from_slice(&start_of(pid).to_le_bytes());
        }
        slot[WANT] = b'u';
    });
    forget_what_was_added(journal);
}

/// Makes a journal as 0.1.0 leaves it: without the added fields, and without the mark.
fn forget_what_was_added(journal: &Path) {
    rewrite(journal, |bytes| SLOTS.iter().for_each(|at| bytes[at + SLOT..at + 512].fill(0)));
    set_mode(journal, 0o600);
}

fn start_of(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().split_whitespace().nth(19).unwrap().parse().unwrap()
}

#[test]
fn a_forged_checksum_is_right() {
    // Without this check the cases below might only test corruption.
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

/// Adopted silently, as if its journal were of the same version.
fn is_adopted(rewrite: impl Fn(&Path)) {
    if !only_ours("the journal") {
        return;
    }
    let orphan = Orphan::new();
    rewrite(&orphan.file("journal"));
    // The evidence for adoption is the journal, not the status.
    fs::remove_file(orphan.file("status")).unwrap();
    let _second = supervise(&orphan.scratch, "a");
    assert_eq!((orphan.scratch.pid("a"), orphan.scratch.errors()), (orphan.pid, String::new()));
    orphan.scratch.svc("-d", "a");
    wait_for("its end", || !is_alive(orphan.pid));
    assert_eq!(orphan.scratch.lines("starts"), 1);
}

#[test]
fn a_journal_of_a_later_version_adopts_by_what_never_changes() {
    is_adopted(|journal| {
        forge(journal, |slot| slot[VERSION] = 9);
        // Fields that a later version added are ignored.
        rewrite(journal, |bytes| SLOTS.iter().for_each(|at| bytes[at + SLOT + 4] ^= 1));
    });
}

#[test]
fn a_journal_of_0_1_0_adopts() {
    is_adopted(forget_what_was_added);
}

#[test]
fn a_journal_of_0_1_0_that_names_what_works_elsewhere_is_doubted() {
    if !only_ours("the journal") {
        return;
    }
    let scratch = Scratch::new();
    scratch.service("a", "echo $$ >>../starts\ncd /\nexec env -u PWD sleep 1000");
    let pid = orphan(&scratch);
    let orphan = Orphan { scratch, pid };
    set_mode(&orphan.file("journal"), 0o600);
    let _second = supervise(&orphan.scratch, "a");
    assert_eq!((orphan.scratch.pid("a"), orphan.scratch.errors()), (pid, orphan.in_doubt()));
    kill(pid, "KILL");
    wait_for("a start", || orphan.scratch.lines("starts") == 2);
}

#[test]
fn a_journal_of_another_boot_is_forgotten_silently() {
    if !only_ours("the journal") {
        return;
    }
    let scratch = Scratch::new();
    stayer(&scratch, "a");
    left_down(&scratch);
    // In this boot it would stay down.
    forge(&scratch.path().join("a/supervise/journal"), |slot| slot[BOOT] ^= 1);
    let _second = supervise(&scratch, "a");
    wait_for("a start, as with every boot", || scratch.lines("starts") == 2);
    assert_eq!(scratch.errors(), "");
}

#[test]
fn a_pid_that_another_process_has_now_is_neither_adopted_nor_signalled() {
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
    let reason = "the pid belongs to another process now";
    let what = format!("unable to adopt process {} of a: {reason}", stranger.id());
    assert_eq!(scratch.errors(), format!("supervise: warning: {what}\n"));
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
