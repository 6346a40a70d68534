//! svc, contract.md, section 4.

use crate::scratch::{Said, Scratch, only_ours, wait_for};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const USAGE: &str = "svc options: u up, d down, o once, x exit, p pause, c continue, h hup, \
                     a alarm, i interrupt, t term, k kill\n";

/// A service directory whose control FIFO the test itself reads.
fn feigned(scratch: &Scratch, name: &str) -> File {
    scratch.directory_at(&format!("{name}/supervise"));
    scratch.fifo(&format!("{name}/supervise/control"));
    let control = scratch.path().join(format!("{name}/supervise/control"));
    let nonblock = nix::fcntl::OFlag::O_NONBLOCK.bits();
    File::options().read(true).write(true).custom_flags(nonblock).open(control).unwrap()
}

fn received(control: &mut File) -> String {
    let mut bytes = [0; 64];
    let count = control.read(&mut bytes).unwrap_or(0);
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

#[test]
fn a_bad_option_is_named_and_then_all_options_are() {
    let said = Scratch::new().run("svc", &["-dw"]);
    let expected = format!("svc: illegal option -- w\n{USAGE}");
    assert_eq!(said, Said { code: Some(100), out: String::new(), err: expected });
}

#[test]
fn a_dash_within_options_is_no_option() {
    let said = Scratch::new().run("svc", &["-d-x"]);
    let expected = format!("svc: illegal option -- -\n{USAGE}");
    assert_eq!(said, Said { code: Some(100), out: String::new(), err: expected });
}

#[test]
fn a_directory_in_the_fifo_s_place_is_trouble() {
    let scratch = Scratch::new();
    scratch.directory_at("a/supervise/control");
    let expected = "svc: warning: unable to control a: is a directory";
    assert_eq!(scratch.run("svc", &["-d", "a"]), Said::complaint(0, expected));
}

#[test]
fn without_a_directory_it_does_nothing() {
    assert_eq!(Scratch::new().run("svc", &[]), Said::exit(0));
    assert_eq!(Scratch::new().run("svc", &["-u"]), Said::exit(0));
}

#[test]
fn options_arrive_in_order_each_once_in_one_piece() {
    let scratch = Scratch::new();
    let (mut a, mut b) = (feigned(&scratch, "a"), feigned(&scratch, "b"));
    assert_eq!(scratch.run("svc", &["-du", "-ddx", "--", "a", "b"]), Said::exit(0));
    assert_eq!(received(&mut a), "dux");
    assert_eq!(received(&mut b), "dux");
    assert_eq!(scratch.run("svc", &["-udopchaitkx", "a"]), Said::exit(0));
    assert_eq!(received(&mut a), "udopchaitkx");
}

#[test]
fn signals_that_0_76_does_not_know_are_sent_too() {
    if !only_ours("svc of 0.76 has no -1, -2 and -q") {
        return;
    }
    let scratch = Scratch::new();
    let mut control = feigned(&scratch, "a");
    assert_eq!(scratch.run("svc", &["-1q2", "-1t", "a"]), Said::exit(0));
    assert_eq!(received(&mut control), "1q2t");
}

#[test]
fn the_first_directory_ends_the_options() {
    let scratch = Scratch::new();
    let mut control = feigned(&scratch, "a");
    let expected = "svc: warning: unable to chdir to -d: file does not exist";
    assert_eq!(scratch.run("svc", &["-u", "a", "-d"]), Said::complaint(0, expected));
    assert_eq!(received(&mut control), "u");
    let expected = "svc: warning: unable to chdir to -: file does not exist";
    assert_eq!(scratch.run("svc", &["-"]), Said::complaint(0, expected));
}

#[test]
fn every_directory_gets_its_turn_whatever_the_one_before_said() {
    let scratch = Scratch::new();
    scratch.directory_at("bare");
    drop(feigned(&scratch, "stopped"));
    let mut control = feigned(&scratch, "a");
    let said = scratch.run("svc", &["-t", "none", "bare", "stopped", "a"]);
    let expected = "svc: warning: unable to chdir to none: file does not exist\n\
                    svc: warning: unable to control bare: file does not exist\n\
                    svc: warning: unable to control stopped: supervise not running\n";
    assert_eq!(said, Said { code: Some(0), out: String::new(), err: expected.into() });
    assert_eq!(received(&mut control), "t");
}

#[test]
fn without_options_it_still_looks_and_warns() {
    let scratch = Scratch::new();
    let mut control = feigned(&scratch, "a");
    assert_eq!(scratch.run("svc", &["a"]), Said::exit(0));
    assert_eq!(received(&mut control), "");
    drop(control);
    let expected = "svc: warning: unable to control a: supervise not running";
    assert_eq!(scratch.run("svc", &["a"]), Said::complaint(0, expected));
}

#[test]
fn a_planted_regular_file_is_not_written() {
    if !only_ours("0.76 writes control bytes into a regular file named control") {
        return;
    }
    let scratch = Scratch::new();
    scratch.directory_at("a/supervise");
    scratch.write("a/supervise/control", b"precious");
    let expected = "svc: warning: unable to control a: supervise not running";
    assert_eq!(scratch.run("svc", &["-d", "a"]), Said::complaint(0, expected));
    assert_eq!(scratch.read("a/supervise/control"), "precious");
}

#[test]
fn a_supervise_that_reads_late_still_gets_the_bytes() {
    let scratch = Scratch::new();
    let mut control = feigned(&scratch, "a");
    while control.write(&[b'z'; 4096]).is_ok() {}
    let mut sender = scratch.start("svc", &["-d", "a"]);
    let mut last = Vec::new();
    wait_for("the byte behind a full FIFO", || {
        let mut bytes = [0; 4096];
        let count = control.read(&mut bytes).unwrap_or(0);
        last.extend_from_slice(&bytes[..count]);
        last.last() == Some(&b'd')
    });
    assert_eq!(crate::scratch::end_of(&mut sender).code(), Some(0));
}

/// How long svc takes with these arguments, and what it prints.
fn timed(scratch: &Scratch, words: &[&str]) -> (Duration, Said) {
    let begun = Instant::now();
    let said = scratch.run("svc", words);
    (begun.elapsed(), said)
}

#[test]
fn a_link_made_a_moment_ago_is_waited_for() {
    if !only_ours("svc of 0.76 waits for nothing") {
        return;
    }
    let scratch = Scratch::new();
    scratch.directory_at("scan");
    let _svscan = scratch.start("svscan", &["scan"]);
    wait_for("svscan to scan", || scratch.path().join("scan/.svscan/lock").exists());
    for number in 0..20 {
        let name = format!("a{number}");
        scratch.service(&name, "exec sleep 1000");
        scratch.write(&format!("{name}/down"), b"");
        let link = format!("scan/{name}");
        symlink(format!("../{name}"), scratch.path().join(&link)).unwrap();
        // With a slash too, as shells complete it.
        let slash = if number % 2 == 0 { "" } else { "/" };
        assert_eq!(scratch.run("svc", &["-u", &format!("{link}{slash}")]), Said::exit(0));
        wait_for("the service", || scratch.svstat(&link).contains(": up "));
    }
}

#[test]
fn a_supervise_that_does_not_come_is_waited_for_half_a_second_in_all() {
    if !only_ours("svc of 0.76 waits for nothing") {
        return;
    }
    let scratch = Scratch::new();
    drop(feigned(&scratch, "old"));
    scratch.directory_at("bare");
    symlink("old", scratch.path().join("link")).unwrap();
    let expected = "svc: warning: unable to control link: supervise not running\n\
                    svc: warning: unable to control bare: file does not exist\n";
    let (length, said) = timed(&scratch, &["-u", "link", "bare"]);
    assert_eq!(said, Said { code: Some(0), out: String::new(), err: expected.into() });
    assert!(length >= Duration::from_millis(500), "{length:?}");
    // Another process may have had its turn in between; a second later they are old.
    let next = (0..2).map(|_| timed(&scratch, &["-u", "link", "bare"]).0);
    assert!(next.fold(length, Duration::min) < Duration::from_millis(950), "{length:?}");
}

#[test]
fn what_is_not_new_is_not_waited_for() {
    let scratch = Scratch::new();
    drop(feigned(&scratch, "stopped"));
    scratch.directory_at("old");
    symlink("stopped", scratch.path().join("link")).unwrap();
    let stopped = |name: &str| {
        Said::complaint(
            0,
            &format!("svc: warning: unable to control {name}: supervise not running"),
        )
    };
    let quick = |words: &[&str], expected: Said| {
        // One of three: another process may have had its turn in between.
        let taken = (0..3).map(|_| timed(&scratch, words)).map(|(length, said)| {
            assert_eq!(said, expected);
            length
        });
        assert!(taken.min().unwrap() < Duration::from_millis(250), "{words:?}");
    };
    quick(&["-u", "stopped"], stopped("stopped"));
    let missing = "svc: warning: unable to chdir to none: file does not exist";
    quick(&["-u", "none"], Said::complaint(0, missing));
    for name in [".", "./", "stopped/."] {
        let reason =
            if name == "stopped/." { "supervise not running" } else { "file does not exist" };
        let line = format!("svc: warning: unable to control {name}: {reason}");
        quick(&["-u", name], Said::complaint(0, &line));
    }
    let age = || {
        let metadata = fs::symlink_metadata(scratch.path().join("link")).unwrap();
        let changed = Duration::new(metadata.ctime().unsigned_abs(), 0);
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().saturating_sub(changed)
    };
    wait_for("the link to be old", || age() > Duration::from_secs(3));
    quick(&["-u", "link"], stopped("link"));
    let line = "svc: warning: unable to control old: file does not exist";
    quick(&["-u", "old"], Said::complaint(0, line));
}
