//! Whether what a wait is for has happened. Pure: the caller looks at the service and the clock.

use super::seen::{Run, Seen};
use super::verb::Aim;
use core::time::Duration;
use daemontools_rs::service::request::Want;

/// When so many runs have ended since the request, svctl says that the service does not stay up.
const ENOUGH: u64 = 3;

/// The result of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is as waited for.
    Done,
    /// Not yet. If there is a time, the next look is due then at the latest.
    Pending(Option<Duration>),
    /// It will not be: each run ends. So many have ended.
    DoesNotStay(u64),
    /// It will not be: another command has asked for something else since.
    Countermanded,
}

/// One wait.
#[derive(Clone, Debug)]
pub struct Progress {
    aim: Aim,
    /// Whether svctl has asked for it: only then can another command have taken it back.
    is_asked: bool,
    /// The run that the first look saw.
    first: Run,
    /// The run that is up, and when a look saw it first.
    up: Option<(Run, Duration)>,
    /// How many runs have ended by what the looks saw: used if no journal counts the starts.
    ended: u64,
    /// Whether a look saw that the supervise wants what was asked for.
    is_wanted: bool,
}

impl Progress {
    /// Begins a wait with this look.
    #[must_use]
    pub const fn new(aim: Aim, is_asked: bool, first: Run) -> Self {
        Self { aim, is_asked, first, up: None, ended: 0, is_wanted: false }
    }

    /// The step that follows from a look at time `now`.
    pub fn step(&mut self, seen: &Seen, now: Duration) -> Step {
        let is_up = seen.pid.is_some();
        match self.aim {
            Aim::Nothing => Step::Done,
            Aim::Gone if seen.is_supervised => Step::Pending(None),
            Aim::Gone => Step::Done,
            // A process that runs on without a supervise is not down.
            _ if !seen.is_supervised => match self.aim {
                Aim::Down if seen.runs_on.is_none() => Step::Done,
                _ => Step::Pending(None),
            },
            Aim::Paused if is_up && seen.is_paused => Step::Done,
            Aim::Unpaused if is_up && !seen.is_paused => Step::Done,
            Aim::Paused | Aim::Unpaused => Step::Pending(None),
            Aim::Ran if is_up || seen.run.is_after(self.first) => Step::Done,
            Aim::Ran => self.unless_countermanded(seen, Want::Once, Want::Down),
            Aim::Down if !is_up && seen.want != Some(Want::Up) && seen.group_left == 0 => {
                Step::Done
            }
            Aim::Down => self.unless_countermanded(seen, Want::Down, Want::Up),
            Aim::Up(settle) => self.settled(seen, settle, true, now),
            Aim::UpAgain(settle) => {
                let is_again = seen.run.is_after(self.first);
                self.settled(seen, settle, is_again, now)
            }
        }
    }

    /// Whether a later run has begun: then the request has its effect, and is not sent again.
    #[must_use]
    pub fn has_begun(&self, seen: &Seen) -> bool {
        matches!(self.aim, Aim::UpAgain(_) | Aim::Ran) && seen.run.is_after(self.first)
    }

    /// Pending, unless an earlier look saw that the supervise wants `wanted`, and it wants `other`
    /// now.
    fn unless_countermanded(&mut self, seen: &Seen, wanted: Want, other: Want) -> Step {
        self.is_wanted |= seen.want == Some(wanted);
        if self.is_asked && self.is_wanted && seen.want == Some(other) {
            return Step::Countermanded;
        }
        Step::Pending(None)
    }

    fn settled(&mut self, seen: &Seen, settle: Duration, counts: bool, now: Duration) -> Step {
        let is_up =
            seen.pid.is_some() && !seen.is_paused && seen.want != Some(Want::Down) && counts;
        match self.up {
            Some((run, _)) if !is_up || seen.run != run => {
                self.ended += 1;
                self.up = None;
            }
            _ => {}
        }
        let begun = seen.run.count_since(self.first);
        let ended = begun.map_or(self.ended, |begun| begun.saturating_sub(u64::from(is_up)));
        if is_up {
            let (_, since) = *self.up.get_or_insert((seen.run, now));
            let until = since.saturating_add(settle);
            if now >= until {
                return Step::Done;
            }
            // This run has just begun, and may be the one that stays up.
            return Step::Pending(Some(until));
        }
        if self.is_asked && ended >= ENOUGH {
            return Step::DoesNotStay(ended);
        }
        self.unless_countermanded(seen, Want::Up, Want::Down)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::look::state::State;
    use daemontools_rs::tai64n::Label;

    /// A service with a journal; pid 0 is none.
    pub fn seen(state: State, pid: u32, want: Want, starts: u64) -> Seen {
        Seen {
            state,
            is_supervised: true,
            pid: Some(pid).filter(|&pid| pid != 0),
            since: Duration::from_secs(60),
            want: Some(want),
            is_paused: false,
            run: Run {
                starts: Some(starts),
                label: Some(Label::of_unix(Duration::from_secs(starts * 2 + u64::from(pid != 0)))),
            },
            end: None,
            lasted: None,
            group: None,
            group_left: 0,
            runs_on: None,
        }
    }

    fn up(starts: u64) -> Seen {
        seen(State::Up, 7, Want::Up, starts)
    }

    fn waiting(starts: u64) -> Seen {
        seen(State::Waiting, 0, Want::Up, starts)
    }

    fn down(starts: u64) -> Seen {
        seen(State::Down, 0, Want::Down, starts)
    }

    fn without_journal(seen: Seen) -> Seen {
        Seen { run: Run { starts: None, ..seen.run }, ..seen }
    }

    const fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// The steps of a wait with these looks, which are a tenth of a second apart.
    fn steps(aim: Aim, first: &Seen, looks: &[Seen]) -> Vec<Step> {
        let mut progress = Progress::new(aim, true, first.run);
        let moments = (0_u64..).map(|place| at(place * 100));
        looks.iter().zip(moments).map(|(seen, now)| progress.step(seen, now)).collect()
    }

    fn last(aim: Aim, first: &Seen, looks: &[Seen]) -> Step {
        *steps(aim, first, looks).last().unwrap()
    }

    #[test]
    fn a_start_is_done_when_the_run_has_lasted() {
        let aim = Aim::Up(at(200));
        let looks = [down(1), up(2), up(2), up(2)];
        let expected = [
            Step::Pending(None),
            Step::Pending(Some(at(300))),
            Step::Pending(Some(at(300))),
            Step::Done,
        ];
        assert_eq!(steps(aim, &down(1), &looks), expected);
        assert_eq!(last(Aim::Up(Duration::ZERO), &down(1), &[up(2)]), Step::Done);
    }

    #[test]
    fn a_run_that_ends_begins_the_settling_anew() {
        let aim = Aim::Up(at(200));
        for change in [|seen| seen, without_journal] {
            let looks = [up(2), up(2), waiting(2), up(3), up(3)].map(change);
            let first = change(down(1));
            assert_eq!(last(aim, &first, &looks), Step::Pending(Some(at(500))));
            // No look has seen the end itself.
            let looks = [up(2), up(2), up(3), up(3)].map(change);
            assert_eq!(last(aim, &first, &looks), Step::Pending(Some(at(400))));
        }
    }

    #[test]
    fn the_third_run_that_ends_is_enough() {
        let aim = Aim::Up(at(1000));
        for change in [|seen| seen, without_journal] {
            let looks = [up(2), waiting(2), up(3), waiting(3), up(4), waiting(4)].map(change);
            let steps = steps(aim, &change(down(1)), &looks);
            assert!(matches!(steps[4], Step::Pending(_)), "{steps:?}");
            assert_eq!(steps[5], Step::DoesNotStay(3));
        }
        // The journal counts runs that began and ended between two looks.
        assert_eq!(last(aim, &down(1), &[waiting(4)]), Step::DoesNotStay(3));
    }

    #[test]
    fn a_restart_is_another_run_never_another_pid() {
        let aim = Aim::UpAgain(Duration::ZERO);
        assert_eq!(last(aim, &up(1), &[up(1)]), Step::Pending(None));
        assert_eq!(last(aim, &up(1), &[up(2)]), Step::Done);
        assert_eq!(
            last(aim, &without_journal(up(1)), &[without_journal(up(1))]),
            Step::Pending(None)
        );
        assert_eq!(last(aim, &without_journal(up(1)), &[without_journal(up(2))]), Step::Done);
        assert_eq!(last(aim, &up(1), &[up(1), waiting(1)]), Step::Pending(None));
    }

    #[test]
    fn down_is_without_a_process_and_without_its_group() {
        let stopping = seen(State::Stopping, 7, Want::Down, 1);
        assert_eq!(last(Aim::Down, &up(1), std::slice::from_ref(&stopping)), Step::Pending(None));
        assert_eq!(last(Aim::Down, &up(1), &[stopping.clone(), down(1)]), Step::Done);
        let left = Seen { group_left: 1, ..down(1) };
        assert_eq!(last(Aim::Down, &up(1), &[left]), Step::Pending(None));
        // supervise is about to start it again, and has not been asked yet.
        assert_eq!(last(Aim::Down, &up(1), &[waiting(1)]), Step::Pending(None));
        assert_eq!(last(Aim::Down, &up(1), &[stopping, up(1)]), Step::Countermanded);
        let gone = Seen { is_supervised: false, pid: None, want: None, ..down(1) };
        assert_eq!(last(Aim::Down, &up(1), std::slice::from_ref(&gone)), Step::Done);
        let left = Seen { runs_on: Some(7), ..gone };
        assert_eq!(last(Aim::Down, &up(1), &[left]), Step::Pending(None));
    }

    #[test]
    fn a_start_that_another_command_takes_back_is_over() {
        let aim = Aim::Up(at(500));
        assert_eq!(last(aim, &down(1), &[down(1)]), Step::Pending(None));
        assert_eq!(last(aim, &down(1), &[waiting(1), down(1)]), Step::Countermanded);
    }

    #[test]
    fn what_was_not_asked_for_is_waited_for_whatever_others_ask() {
        let mut progress = Progress::new(Aim::Up(Duration::ZERO), false, down(1).run);
        for seen in [waiting(1), down(1), waiting(9)] {
            assert_eq!(progress.step(&seen, at(0)), Step::Pending(None));
        }
        assert_eq!(progress.step(&up(9), at(0)), Step::Done);
    }

    #[test]
    fn pause_once_and_gone_are_seen() {
        let paused = Seen { is_paused: true, ..up(1) };
        assert_eq!(last(Aim::Paused, &up(1), &[up(1), paused.clone()]), Step::Done);
        assert_eq!(last(Aim::Unpaused, &paused, &[paused.clone(), up(1)]), Step::Done);
        assert_eq!(
            last(Aim::Up(Duration::ZERO), &paused, std::slice::from_ref(&paused)),
            Step::Pending(None)
        );
        let ran = seen(State::Down, 0, Want::Once, 2);
        assert_eq!(last(Aim::Ran, &down(1), &[down(1), ran]), Step::Done);
        let gone = Seen { is_supervised: false, ..down(1) };
        assert_eq!(last(Aim::Gone, &down(1), &[down(1), gone]), Step::Done);
    }
}
