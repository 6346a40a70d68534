//! A log directory is stopped after each step that multilog takes with its files: what is there is
//! shown once and in its order, by `svctl logs`, and by a `-f` that was stopped for any of the
//! steps before.

use super::follow::follow;
use super::{label, logs};
use crate::scratch::{Scratch, kill, wait_for};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A step of multilog.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// `current` is made, and gets a line.
    Begin,
    /// Another line for `current`.
    More,
    Rename(&'static str, &'static str),
    Remove(&'static str),
    /// This file gets a name of a finished log too; or only that.
    Link(&'static str),
    Name(&'static str),
    /// A processor copies half of `previous`; all of it; the mode says so.
    Half,
    All,
    Whole,
}
use Step::{All, Begin, Half, Link, More, Name, Remove, Rename, Whole};

const MOVE: Step = Rename("current", "previous");
/// A rotation.
const PLAIN: &[Step] = &[MOVE, Begin, Link("previous"), Remove("previous")];
/// On a file system without hard links.
const LINKLESS: &[Step] = &[MOVE, Begin, Name("previous")];
const PROCESSED: &[Step] =
    &[MOVE, Begin, Half, All, Whole, Remove("previous"), Link("processed"), Remove("processed")];
/// multilog was told to end while the processor ran; it starts again, and goes on.
const ENDED: &[Step] =
    &[MOVE, Begin, Half, Remove("processed"), Link("previous"), Remove("previous"), More];
/// multilog was killed while the processor ran.
const KILLED: &[Step] = &[
    MOVE,
    Begin,
    Half,
    Remove("processed"),
    Link("previous"),
    Remove("previous"),
    Link("current"),
    Remove("current"),
    Begin,
];
/// multilog was killed when the processor had ended.
const KILLED_LATE: &[Step] = &[
    MOVE,
    Begin,
    All,
    Whole,
    Remove("previous"),
    Link("processed"),
    Remove("processed"),
    Link("current"),
    Remove("current"),
    Begin,
];
/// No other `current` could be made, and multilog was told to end. The next goes on with it.
const UNDONE: &[Step] = &[MOVE, Rename("previous", "current"), More];
const UNDONE_ONCE: &[Step] =
    &[MOVE, Rename("previous", "current"), More, MOVE, Begin, Link("previous"), Remove("previous")];
const ALL: [&[Step]; 8] =
    [PLAIN, LINKLESS, PROCESSED, ENDED, KILLED, KILLED_LATE, UNDONE, UNDONE_ONCE];

struct Stepper {
    scratch: Scratch,
    lines: String,
    count: u64,
}

impl Stepper {
    fn new() -> Self {
        let scratch = Scratch::in_memory();
        fs::create_dir(scratch.path().join("m")).unwrap();
        let mut new = Self { scratch, lines: String::new(), count: 0 };
        new.take(Begin);
        new
    }

    fn take(&mut self, step: Step) {
        let at = |name: &str| -> PathBuf { self.scratch.path().join("m").join(name) };
        let finished = at(&format!("{}.s", label(self.count)));
        self.count += 1;
        match step {
            Begin | More => {
                let mut options = fs::File::options();
                options.append(true).create_new(matches!(step, Begin));
                let line = format!("{}\n", self.count);
                options.open(at("current")).unwrap().write_all(line.as_bytes()).unwrap();
                self.lines.push_str(&line);
            }
            Rename(from, to) => fs::rename(at(from), at(to)).unwrap(),
            Remove(name) => fs::remove_file(at(name)).unwrap(),
            Link(name) => fs::hard_link(at(name), finished).unwrap(),
            Name(name) => fs::rename(at(name), finished).unwrap(),
            Half => fs::write(at("processed"), "half").unwrap(),
            All => {
                let log = fs::read(at("previous")).unwrap();
                fs::write(at("processed"), log).unwrap();
            }
            Whole => {
                let mode = fs::Permissions::from_mode(0o744);
                fs::set_permissions(at("processed"), mode).unwrap();
            }
        }
    }

    /// Waits until the follower has printed what is there, and checks that it is nothing else.
    fn check(&self, when: &str) {
        let mut out = String::new();
        wait_for(&format!("all lines, {when}"), || {
            out = self.scratch.read("out");
            out.len() >= self.lines.len() || !self.lines.starts_with(&out)
        });
        let last = |text: &str| text[text.len().saturating_sub(60)..].to_owned();
        assert!(out == self.lines, "{when}: {:?} is not {:?}", last(&out), last(&self.lines));
    }
}

#[test]
fn what_is_there_is_shown_once_after_each_step() {
    for steps in ALL {
        let mut stepper = Stepper::new();
        for (number, &step) in steps.iter().chain(steps).enumerate() {
            stepper.take(step);
            let said = logs(&stepper.scratch, &["--raw"]);
            assert_eq!(
                (said.out, said.err),
                (stepper.lines.clone(), String::new()),
                "{number} {steps:?}"
            );
        }
    }
}

/// The follower is stopped before each step, and goes on after each step from there to the end of
/// the next round.
#[test]
fn a_follower_shows_each_line_once_whatever_it_slept_through() {
    for steps in ALL {
        let mut stepper = Stepper::new();
        let mut follower = follow(&stepper.scratch, &["--raw"]);
        stepper.check("at first");
        for from in 0..steps.len() {
            for to in from + 1..2 * steps.len() {
                for (number, &step) in steps.iter().chain(steps).enumerate() {
                    let when = format!("{from} to {to}, at {number} of {steps:?}");
                    if number == from {
                        stepper.check(&when);
                        kill(follower.id(), "STOP");
                    }
                    if number == to {
                        kill(follower.id(), "CONT");
                        stepper.check(&when);
                    }
                    stepper.take(step);
                }
                stepper.check("in the end");
            }
        }
        follower.kill().unwrap();
        follower.wait().unwrap();
        assert_eq!(stepper.scratch.read("said"), "");
    }
}
