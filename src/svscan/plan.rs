//! What a pass over the scan directory leads to, and when a dead supervise is replaced. Pure:
//! moments are durations of the monotonic clock, given by the caller. Contract: scandir(7);
//! reference, section 1.

use core::time::Duration;
use std::collections::BTreeSet;

/// Between two passes that nothing else brings about.
pub const TICK: Duration = Duration::from_secs(5);
/// Between two starts of one supervise, at least.
const PACE: Duration = Duration::from_secs(1);
/// Scripts do `svc -dx S; rm S` in that order: between `x` and the next start, at least.
const REMOVAL: Duration = Duration::from_secs(2);

/// What a service is known by: never its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// The device of its directory.
    pub device: u64,
    /// The inode of its directory.
    pub inode: u64,
}

/// A directory that a pass saw, in the order it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Under which name.
    pub name: Vec<u8>,
    /// What it is.
    pub identity: Identity,
    /// Whether somebody is still filling it: it is not started yet.
    pub is_filling: bool,
}

/// Which of a service's two supervises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The service's own.
    Main,
    /// Its logger's.
    Log,
}

/// How a supervise that is held stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It runs.
    Running,
    /// It does not, and may be started from this moment on.
    Idle(Duration),
}

/// A service that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// What it is.
    pub identity: Identity,
    /// Its own supervise.
    pub main: Standing,
    /// Its logger's, if it has one.
    pub log: Option<Standing>,
}

/// What to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Hold a new service (see whether it has a logger, make the pipe) and start all it has.
    Hold(Identity, Vec<u8>),
    /// Start one supervise of a held service, by the name that the pass saw.
    Start(Identity, Side, Vec<u8>),
    /// Let go of a service that is neither seen nor running, and of its pipe.
    Forget(Identity),
}

/// What a complete pass leads to. Two names of one directory are one service, under the name that
/// was read first. A held service that was not seen is left alone while it runs, and not started.
#[must_use]
pub fn plan(seen: &[Seen], held: &[Held], now: Duration) -> Vec<Action> {
    let mut actions = Vec::new();
    let mut names = BTreeSet::new();
    for entry in seen {
        if !names.insert(entry.identity) {
            continue;
        }
        match held.iter().find(|held| held.identity == entry.identity) {
            None if entry.is_filling => {}
            None => actions.push(Action::Hold(entry.identity, entry.name.clone())),
            Some(held) => {
                let due = |standing| matches!(standing, Standing::Idle(from) if from <= now);
                let mut start = |side| {
                    actions.push(Action::Start(entry.identity, side, entry.name.clone()));
                };
                if due(held.main) {
                    start(Side::Main);
                }
                if held.log.is_some_and(due) {
                    start(Side::Log);
                }
            }
        }
    }
    let is_idle = |standing| matches!(standing, Standing::Idle(_));
    let gone = held.iter().filter(|held| {
        !names.contains(&held.identity) && is_idle(held.main) && held.log.is_none_or(is_idle)
    });
    actions.extend(gone.map(|held| Action::Forget(held.identity)));
    actions
}

/// How a supervise ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A signal killed it: nobody asked for that.
    Killed,
    /// It gave up with an exit code.
    Failed,
    /// It left with 0, after `x`.
    Left,
}

/// From when on a supervise may be started again. Killed, or failed after it ran for a while: at
/// once, at most once a second. Failed right away: at the next tick, as in 0.76, for it will fail
/// again. Left: at a tick, and at least two seconds later.
#[must_use]
pub fn next_start(ending: Ending, started: Duration, now: Duration, tick: Duration) -> Duration {
    match ending {
        Ending::Failed if now < started.saturating_add(PACE) => tick.max(now),
        Ending::Killed | Ending::Failed => now.max(started.saturating_add(PACE)),
        Ending::Left if tick >= now.saturating_add(REMOVAL) => tick,
        Ending::Left => tick.saturating_add(TICK),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn identity(inode: u64) -> Identity {
        Identity { device: 1, inode }
    }

    fn seen(name: &str, inode: u64) -> Seen {
        Seen { name: name.into(), identity: identity(inode), is_filling: false }
    }

    fn held(inode: u64, main: Standing, log: Option<Standing>) -> Held {
        Held { identity: identity(inode), main, log }
    }

    #[test]
    fn two_names_of_one_directory_are_one_service_under_the_first() {
        let actions = plan(&[seen("b", 7), seen("a", 7)], &[], NOW);
        assert_eq!(actions, [Action::Hold(identity(7), b"b".to_vec())]);
    }

    #[test]
    fn a_directory_that_is_being_filled_waits() {
        let filling = Seen { is_filling: true, ..seen("a", 7) };
        assert_eq!(plan(std::slice::from_ref(&filling), &[], NOW), []);
        // But what is held already is not held up.
        let idle = held(7, Standing::Idle(NOW), None);
        let start = Action::Start(identity(7), Side::Main, b"a".to_vec());
        assert_eq!(plan(&[filling], &[idle], NOW), [start]);
    }

    #[test]
    fn what_is_due_is_started_main_first_and_by_its_present_name() {
        let later = NOW + Duration::from_millis(1);
        let entry = held(7, Standing::Idle(NOW), Some(Standing::Idle(NOW)));
        let start = |side| Action::Start(identity(7), side, b"new".to_vec());
        assert_eq!(plan(&[seen("new", 7)], &[entry], NOW), [start(Side::Main), start(Side::Log)]);
        let entry = held(7, Standing::Running, Some(Standing::Idle(later)));
        assert_eq!(plan(&[seen("new", 7)], std::slice::from_ref(&entry), NOW), []);
        assert_eq!(plan(&[seen("new", 7)], &[entry], later), [start(Side::Log)]);
    }

    #[test]
    fn what_vanished_is_left_alone_while_it_runs_and_forgotten_after() {
        let idle = Standing::Idle(NOW);
        let running = Standing::Running;
        for (main, log) in [(running, None), (running, Some(idle)), (idle, Some(running))] {
            assert_eq!(plan(&[], &[held(7, main, log)], NOW), []);
        }
        for log in [None, Some(idle)] {
            assert_eq!(plan(&[], &[held(7, idle, log)], NOW), [Action::Forget(identity(7))]);
        }
    }

    #[test]
    fn a_dead_supervise_is_replaced_as_it_died() {
        let [ms, tick] = [Duration::from_millis(1), NOW + Duration::from_secs(3)];
        let next = |ending, ran| next_start(ending, NOW - ran, NOW, tick);
        // Killed: at once, but no more than once a second.
        assert_eq!(next(Ending::Killed, PACE), NOW);
        assert_eq!(next(Ending::Killed, ms), NOW + PACE - ms);
        // Failed at its start: with the tick; after a while: at once.
        assert_eq!(next(Ending::Failed, ms), tick);
        assert_eq!(next(Ending::Failed, PACE), NOW);
        // Left: at a tick that leaves time to remove the link.
        assert_eq!(next(Ending::Left, PACE), tick);
        let near = NOW + REMOVAL - ms;
        assert_eq!(next_start(Ending::Left, NOW, NOW, near), near + TICK);
    }
}
