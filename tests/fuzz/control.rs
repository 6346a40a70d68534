//! Control bytes of any kind, in any number: supervise and svscan go on, and bytes that are no
//! request change nothing.

use crate::random::{Random, runs};
use crate::scratch::{Scratch, end_of, kill, wait_for};
use daemontools_rs::scandir::word::Word;
use daemontools_rs::service::request::Request;
use std::fs::File;
use std::io::Write;

/// Bytes that a FIFO is sent.
fn control(scratch: &Scratch, path: &str) -> File {
    File::options().write(true).open(scratch.path().join(path)).unwrap()
}

#[test]
fn a_byte_asks_for_something_of_supervise_or_of_svscan_and_never_of_both() {
    for byte in 0..=255 {
        let asks = Request::from_byte(byte).is_some();
        assert_eq!(asks, b"udopchaitkx12qw".contains(&byte), "{byte}");
        assert!(Word::of(byte).is_none() || (byte >= 0x80 && !asks), "{byte}");
    }
}

#[test]
fn a_supervise_takes_any_bytes_and_does_the_last_word() {
    let scratch = Scratch::new();
    scratch.service("a", "exec sleep 1000");
    let mut supervise = scratch.start("supervise", &["a"]);
    scratch.pid("a");
    let mut random = Random::new(31);
    for run in 0..runs(4) {
        let mut fifo = control(&scratch, "a/supervise/control");
        for _ in 0..20 {
            let mut bytes = random.bytes(300);
            // With `x` it would leave.
            bytes.retain(|byte| *byte != b'x');
            fifo.write_all(&bytes).unwrap();
        }
        fifo.write_all(b"cu").unwrap();
        wait_for("the service to be up", || {
            let line = scratch.svstat("a");
            line.contains(": up ") && !line.contains(", ")
        });
        assert!(supervise.try_wait().unwrap().is_none(), "run {run}");
    }
    assert_eq!(scratch.errors(), "");
    scratch.svc("-dx", "a");
    assert_eq!(end_of(&mut supervise).code(), Some(0));
}

#[test]
fn an_svscan_takes_any_bytes_and_stops_for_its_own_words_alone() {
    let scratch = Scratch::new();
    scratch.service("scan/a", "exec sleep 1000");
    let mut svscan = scratch.start("svscan", &["scan"]);
    let pid = scratch.pid("scan/a");
    let mut random = Random::new(32);
    for _ in 0..runs(20) {
        let mut bytes = random.bytes(2000);
        bytes.retain(|byte| Word::of(*byte).is_none());
        control(&scratch, "scan/.svscan/control").write_all(&bytes).unwrap();
    }
    kill(svscan.id(), "ALRM");
    assert_eq!(scratch.pid("scan/a"), pid);
    assert!(svscan.try_wait().unwrap().is_none());
    control(&scratch, "scan/.svscan/control").write_all(&[Word::Stop.byte()]).unwrap();
    assert_eq!(end_of(&mut svscan).code(), Some(0));
    assert!(!scratch.is_running("scan/a"));
}
