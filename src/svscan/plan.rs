//! What to do after a pass over the scan directory, and when to replace a dead supervise. Pure: the
//! caller passes times of the monotonic clock. Contract: scandir(7); contract.md, section 1.

pub use crate::scandir::pipe_records::Key;
use core::time::Duration;

/// Time between two passes without a cause.
pub const TICK: Duration = Duration::from_secs(5);
/// The shortest time between two starts of one supervise.
const PACE: Duration = Duration::from_secs(1);
/// The shortest time between `x` and the next start, because scripts do `svc -dx S; rm S` in that
/// order.
const REMOVAL: Duration = Duration::from_secs(2);

/// A directory that a pass saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// What it is.
    pub key: Key,
    /// Whether a program is still filling it: then it is not started yet.
    pub is_filling: bool,
}

/// Which of a service's two supervises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The service's own.
    Main,
    /// Its logger's.
    Log,
}

impl Role {
    /// Both, in the order of starting.
    pub const BOTH: [Self; 2] = [Self::Main, Self::Log];

    /// What follows the service's name in messages and paths.
    #[must_use]
    pub const fn suffix(self) -> &'static [u8] {
        match self {
            Self::Main => b"",
            Self::Log => b"/log",
        }
    }
}

/// The state of a held supervise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It runs.
    Running,
    /// It does not run, and may be started from this time on.
    Idle(Duration),
}

/// A held service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldService {
    /// What it is.
    pub key: Key,
    /// Its own supervise.
    pub main: Standing,
    /// Its logger's, if it has one.
    pub log: Option<Standing>,
}

impl HeldService {
    fn is_idle(&self) -> bool {
        let is_idle = |standing| matches!(standing, Standing::Idle(_));
        is_idle(self.main) && self.log.is_none_or(is_idle)
    }

    /// Which of its two supervises may be started now.
    fn due(&self, now: Duration) -> impl Iterator<Item = Role> {
        let is_due = |standing| matches!(standing, Standing::Idle(from) if from <= now);
        let main = is_due(self.main).then_some(Role::Main);
        main.into_iter().chain(self.log.is_some_and(is_due).then_some(Role::Log))
    }
}

/// What to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Hold a new service: see whether it has a logger, make the pipe, start its supervises.
    Hold(Key, Vec<u8>),
    /// Start one supervise of a held service, under the name that the pass saw.
    Start(Key, Role, Vec<u8>),
    /// Forget a service that was not seen and does not run, and close its pipe.
    Forget(Key),
    /// Note a service that was not seen but has a supervise.
    Miss(Key),
}

/// What to do after a complete pass. `held` is in the order of its keys. Two names of one directory
/// are one service, under the name that was read first. A held service that was not seen is left
/// alone while it runs, and is not started again.
#[must_use]
pub fn plan(
    seen: &[Seen<'_>],
    held: impl IntoIterator<Item = HeldService>,
    now: Duration,
) -> Vec<Action> {
    let mut by_key: Vec<(Key, usize)> =
        seen.iter().enumerate().map(|(place, entry)| (entry.key, place)).collect();
    by_key.sort_unstable();
    by_key.dedup_by_key(|(key, _)| *key);
    let mut held = held.into_iter().peekable();
    let mut gone = Vec::new();
    let mut chosen: Vec<(usize, Option<HeldService>)> = Vec::new();
    for (key, place) in by_key {
        while let Some(before) = held.next_if(|held| held.key < key) {
            gone.push(before);
        }
        match held.next_if(|held| held.key == key) {
            Some(held) if held.due(now).next().is_some() => chosen.push((place, Some(held))),
            Some(_) => {}
            None => chosen.push((place, None)),
        }
    }
    gone.extend(held);
    // Services are started in the order in which they were read, as 0.76 does.
    chosen.sort_unstable_by_key(|(place, _)| *place);
    let mut actions = Vec::with_capacity(chosen.len());
    for (place, held) in chosen {
        let Some(entry) = seen.get(place) else { continue };
        match held {
            Some(held) => {
                let start = |role| Action::Start(entry.key, role, entry.name.to_vec());
                actions.extend(held.due(now).map(start));
            }
            None if entry.is_filling => {}
            None => actions.push(Action::Hold(entry.key, entry.name.to_vec())),
        }
    }
    let unseen = |held: &HeldService| {
        if held.is_idle() { Action::Forget(held.key) } else { Action::Miss(held.key) }
    };
    actions.extend(gone.iter().map(unseen));
    actions
}

/// How a supervise ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A signal killed it.
    Killed,
    /// It exited with a code other than 0.
    Failed,
    /// It exited with 0, after `x`.
    Left,
}

/// From when on a supervise may be started again. If it was killed, or failed after it ran for a
/// while: at once, but at most once a second. If it failed right away: at the next tick, as in
/// 0.76, since it will probably fail again. If it exited after `x`: at a tick, at least two seconds
/// later.
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

    fn key(inode: u64) -> Key {
        (1, inode)
    }

    fn seen(name: &str, inode: u64) -> Seen<'_> {
        Seen { name: name.as_bytes(), key: key(inode), is_filling: false }
    }

    fn held(inode: u64, main: Standing, log: Option<Standing>) -> HeldService {
        HeldService { key: key(inode), main, log }
    }

    #[test]
    fn two_names_of_one_directory_are_one_service_under_the_first() {
        let actions = plan(&[seen("b", 7), seen("a", 7)], [], NOW);
        assert_eq!(actions, [Action::Hold(key(7), b"b".to_vec())]);
    }

    #[test]
    fn new_services_are_held_in_the_order_they_were_read() {
        let running = [held(3, Standing::Running, None), held(5, Standing::Running, None)];
        let names = [("d", 9), ("a", 5), ("c", 2), ("b", 4)];
        let actions = plan(&names.map(|(name, inode)| seen(name, inode)), running, NOW);
        let hold = |name: &str, inode| Action::Hold(key(inode), name.into());
        let missed = Action::Miss(key(3));
        assert_eq!(actions, [hold("d", 9), hold("c", 2), hold("b", 4), missed]);
    }

    #[test]
    fn a_directory_that_is_being_filled_waits() {
        let filling = Seen { is_filling: true, ..seen("a", 7) };
        assert_eq!(plan(&[filling], [], NOW), []);
        // A held service does not have to wait for that.
        let idle = held(7, Standing::Idle(NOW), None);
        let start = Action::Start(key(7), Role::Main, b"a".to_vec());
        assert_eq!(plan(&[filling], [idle], NOW), [start]);
    }

    #[test]
    fn what_is_due_is_started_main_first_and_by_its_present_name() {
        let later = NOW + Duration::from_millis(1);
        let entry = held(7, Standing::Idle(NOW), Some(Standing::Idle(NOW)));
        let start = |role| Action::Start(key(7), role, b"new".to_vec());
        let new = [seen("new", 7)];
        assert_eq!(plan(&new, [entry], NOW), [start(Role::Main), start(Role::Log)]);
        let entry = held(7, Standing::Running, Some(Standing::Idle(later)));
        assert_eq!(plan(&new, [entry], NOW), []);
        assert_eq!(plan(&new, [entry], later), [start(Role::Log)]);
    }

    #[test]
    fn what_vanished_is_left_alone_while_it_runs_and_forgotten_after() {
        let idle = Standing::Idle(NOW);
        let running = Standing::Running;
        for (main, log) in [(running, None), (running, Some(idle)), (idle, Some(running))] {
            assert_eq!(plan(&[], [held(7, main, log)], NOW), [Action::Miss(key(7))]);
        }
        for log in [None, Some(idle)] {
            assert_eq!(plan(&[], [held(7, idle, log)], NOW), [Action::Forget(key(7))]);
        }
        // The unseen ones come between, before and after those that are seen.
        let all = [1, 2, 3, 4, 5].map(|inode| held(inode, idle, None));
        let actions = plan(&[seen("four", 4), seen("two", 2)], all, NOW - TICK);
        assert_eq!(actions, [1, 3, 5].map(|inode| Action::Forget(key(inode))));
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

    /// What is held after these actions.
    fn perform(mut all: Vec<HeldService>, actions: &[Action]) -> Vec<HeldService> {
        for action in actions {
            match action {
                Action::Hold(key, _) => {
                    all.push(HeldService { key: *key, main: Standing::Running, log: None });
                }
                Action::Start(key, role, _) => {
                    let held = all.iter_mut().find(|held| held.key == *key).unwrap();
                    match role {
                        Role::Main => held.main = Standing::Running,
                        Role::Log => held.log = Some(Standing::Running),
                    }
                }
                Action::Forget(key) => all.retain(|held| held.key != *key),
                Action::Miss(_) => {}
            }
        }
        all.sort_unstable_by_key(|held| held.key);
        all
    }

    /// svscan looks at a new name alone and leaves the look at the whole directory to the tick. So
    /// one look at each name must do what one look at all of them does, and leave it nothing but
    /// the services that are gone. Holds for random scan directories: names of new, held and due
    /// services, names of one directory, services without a name, directories that are filled.
    #[test]
    fn looks_at_single_names_do_what_a_look_at_all_does() {
        let mut draws = 0x2545_f491_4f6c_dd1d_u64;
        let mut draw = |below: u64| {
            draws ^= draws << 13;
            draws ^= draws >> 7;
            draws ^= draws << 17;
            draws % below
        };
        let names: Vec<String> = (0..8).map(|number| format!("s{number}")).collect();
        let mut counts = [0; 4];
        for _ in 0..20_000 {
            let filling = draw(8);
            let seen: Vec<Seen<'_>> = names[..usize::try_from(draw(8)).unwrap()]
                .iter()
                .map(|name| seen(name, draw(8)))
                .map(|seen| Seen { is_filling: seen.key == key(filling), ..seen })
                .collect();
            let mut standing = || match draw(3) {
                0 => Standing::Running,
                1 => Standing::Idle(NOW),
                _ => Standing::Idle(NOW + TICK),
            };
            let mut all = Vec::new();
            for inode in 0..8 {
                let (main, log) = (standing(), standing());
                match standing() {
                    Standing::Running => {}
                    Standing::Idle(NOW) => all.push(held(inode, main, None)),
                    Standing::Idle(_) => all.push(held(inode, main, Some(log))),
                }
            }
            let at_once = plan(&seen, all.clone(), NOW);
            let mut one_by_one = Vec::new();
            let mut now_held = all.clone();
            for entry in &seen {
                let own = now_held.iter().find(|held| held.key == entry.key).copied();
                let actions = plan(std::slice::from_ref(entry), own, NOW);
                now_held = perform(now_held, &actions);
                one_by_one.extend(actions);
            }
            let rest = plan(&seen, now_held, NOW);
            let are_gone = |action: &Action| matches!(action, Action::Forget(_) | Action::Miss(_));
            assert!(rest.iter().all(are_gone), "{seen:?} {all:?}: left undone: {rest:?}");
            one_by_one.extend(rest);
            assert_eq!(one_by_one, at_once, "{seen:?} {all:?}");
            for action in at_once {
                counts[match action {
                    Action::Hold(..) => 0,
                    Action::Start(..) => 1,
                    Action::Forget(_) => 2,
                    Action::Miss(_) => 3,
                }] += 1;
            }
        }
        assert!(counts.iter().all(|count| *count > 1000), "{counts:?}");
    }
}
