//! The verbs that steer services, and waiting: all services at the same time, each a [`Task`] that
//! looks again when something changes.

pub mod aim;
pub mod command;
pub mod seen;
pub mod task;
pub mod tell;
pub mod verb;
pub mod watch;

use crate::look::Looker;
use crate::select::Target;
use core::time::Duration;
use daemontools_rs::sys::clock;
use task::Task;
use tell::Teller;
use verb::Deed;
use watch::Watched;

/// After so long a wait, svctl says on a terminal what it waits for.
const SILENCE: Duration = Duration::from_millis(500);

/// What was asked for, and how long svctl waits for it.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The deed.
    pub deed: Deed,
    /// How long to wait. Without it, the command does not wait.
    pub timeout: Option<Duration>,
    /// After which time KILL is sent to a service that has not ended.
    pub kill_after: Option<Duration>,
}

/// Carries out the order on these services, and says how it ended for each. Returns the watches:
/// the caller ends them.
pub fn carry_out(order: Order, targets: &[Target], teller: &mut Teller) -> Watched {
    let mut looker = Looker::new();
    let begun = clock::monotonic();
    let mut watched = Watched::new();
    let mut left: Vec<Task> = targets
        .iter()
        .enumerate()
        .map(|(number, target)| Task::new(number, order, target.clone(), begun))
        .collect();
    let mut speaks_at = Some(begun.saturating_add(SILENCE));
    let mut changed: Vec<usize> = Vec::new();
    while !left.is_empty() {
        let count = left.len();
        left.retain_mut(|task| {
            let is_due = changed.binary_search(&task.number()).is_ok()
                || task.next_look() <= clock::monotonic();
            let outcome = if is_due { task.go_on(count, &mut looker, &mut watched) } else { None };
            if let (Some(outcome), Some((service, seen))) = (&outcome, task.seen()) {
                watched.forget(task.number());
                teller.tell(task.number(), service, seen, outcome);
            }
            outcome.is_none()
        });
        let Some(next) = left.iter().map(Task::next_look).min() else { break };
        if speaks_at.is_some_and(|at| clock::monotonic() >= at) {
            speaks_at = None;
            teller.tell_waiting(left.iter().filter_map(Task::seen));
        }
        changed = watched.wait(Some(speaks_at.map_or(next, |at| next.min(at))));
    }
    watched
}
