//! Which process is killed when, and what must be true afterwards.

use crate::scratch::{DEADLINE, Scratch};
use crate::tracer::{Step, Traced};
use std::process::Command;
use std::time::Instant;

/// One situation in which a process is killed at every step.
#[derive(Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    /// Prepares the directory and everything that runs before.
    pub prepare: fn(&Scratch),
    /// The command that is traced.
    pub target: fn(&Scratch) -> Command,
    /// The condition to wait for before `provoke`. Steps are counted from there, or from the first
    /// one.
    pub ready: Option<fn(&Scratch) -> bool>,
    /// What is done then.
    pub provoke: fn(&Scratch, &Traced),
    /// Whether everything that follows has happened. The step before that is the last one.
    pub is_over: fn(&Scratch, &Traced) -> bool,
    /// Starts the successor and checks everything.
    pub judge: fn(&Scratch),
}

/// How an attempt went, up to the kill.
pub struct Struck {
    /// The call before which it was killed; `None` if it waited, or had ended.
    pub call: Option<u64>,
    /// How many steps there were.
    pub steps: usize,
}

/// Runs `case` and kills its target at step `step` or, if there are fewer, at the end. Then checks
/// the promises.
pub fn attempt(case: &Case, step: usize) -> Struck {
    let scratch = Scratch::new();
    (case.prepare)(&scratch);
    let mut target = Traced::start((case.target)(&scratch));
    if let Some(ready) = case.ready {
        until(case, "to be ready", || target.step() == Step::Waits && ready(&scratch));
    }
    (case.provoke)(&scratch, &target);
    let mut struck = Struck { call: None, steps: 0 };
    until(case, "to be over", || match target.step() {
        Step::Call(call) => {
            let is_it = struck.steps == step;
            struck.call = is_it.then_some(call);
            struck.steps += usize::from(!is_it);
            is_it
        }
        Step::Waits => (case.is_over)(&scratch, &target),
        Step::Ended => true,
    });
    target.kill();
    (case.judge)(&scratch);
    struck
}

fn until(case: &Case, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {} {what}", case.name);
    }
}
