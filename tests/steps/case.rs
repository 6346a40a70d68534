//! Which process is killed when, and what must be true afterwards.

use crate::scratch::{DEADLINE, Scratch};
use crate::tracer::{Step, Traced};
use std::process::Command;
use std::time::Instant;

/// One situation in which a process is killed at every step.
#[derive(Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    /// Makes the place, and whatever is there before.
    pub prepare: fn(&Scratch),
    /// What is traced.
    pub target: fn(&Scratch) -> Command,
    /// What it has to have reached before something happens to it; its steps count from there, or
    /// from its first one.
    pub ready: Option<fn(&Scratch) -> bool>,
    /// What happens then.
    pub provoke: fn(&Scratch, &Traced),
    /// Whether all that follows from it has followed: the last step is the one before.
    pub is_over: fn(&Scratch, &Traced) -> bool,
    /// Starts the successor and looks at everything.
    pub judge: fn(&Scratch),
}

/// How an attempt went, up to the kill.
pub struct Struck {
    /// The call before which it was killed; none while it waited, or after its end.
    pub call: Option<u64>,
    /// How many steps there were.
    pub steps: usize,
}

/// Runs `case` and kills its target at step `step`, or, if there is none such, where everything is
/// over. What has to hold is looked at then.
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
