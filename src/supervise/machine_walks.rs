//! Walks of the machine: every edge of every reachable state must keep [`super::machine_laws`]. A
//! second walk follows whole histories of events and counts starts and processes beside the
//! machine.

use super::machine::{
    Effect, Effects, Event, Owed, Pause, Record, Request, Service, Signal, State, Want, step,
};
use super::machine_laws::edge_laws;
use crate::service::record::ProcessIdentity;
use std::collections::BTreeSet;

pub type Step = dyn Fn(State, Event) -> (State, Effects);

const REQUESTS: [Request; 15] = [
    Request::Up,
    Request::Down,
    Request::Once,
    Request::Exit,
    Request::Pause,
    Request::Continue,
    Request::Send(Signal::Hangup),
    Request::Send(Signal::Alarm),
    Request::Send(Signal::Interrupt),
    Request::Send(Signal::Terminate),
    Request::Send(Signal::Kill),
    Request::Send(Signal::User1),
    Request::Send(Signal::User2),
    Request::Send(Signal::Quit),
    Request::Send(Signal::Window),
];

/// The record that a killed supervise left.
pub fn record() -> Record {
    let identity = ProcessIdentity { pid: 42, start: 4242 };
    Record { service: Some(identity), alive: 4242, supervise: identity, ..Record::default() }
}

fn beginnings() -> Vec<State> {
    let mut states = vec![State::first(false), State::first(true)];
    // A successor may find any recorded state. These are more than the reachable ones.
    for want in [Want::Up, Want::Down, Want::Once] {
        for owed in [Owed::Nothing, Owed::Restart, Owed::Asked] {
            for bits in 0..64 {
                let [exit_requested, is_paused, is_up, is_over, down_told, kill_asked] =
                    [1, 2, 4, 8, 16, 32].map(|bit| bits & bit != 0);
                let is_kept = if is_up { owed == Owed::Nothing } else { is_recorded(want, owed) };
                if !is_kept || !is_up && exit_requested && owed != Owed::Asked {
                    continue;
                }
                let record = Record {
                    service: record().service.filter(|_| is_up),
                    want,
                    owed,
                    exit_requested,
                    is_paused: is_paused && is_up,
                    down_told: down_told && is_up,
                    kill_asked: kill_asked && is_up,
                    ..record()
                };
                let pause = if is_over { Pause::Over } else { Pause::Second };
                states.push(State::taken_over(&record, is_up, pause));
                states.push(State::taken_over(&record, false, pause));
            }
        }
    }
    states
}

/// Whether a service that is down can have this start owed.
fn is_recorded(want: Want, owed: Owed) -> bool {
    match want {
        Want::Up => owed != Owed::Nothing,
        Want::Down => owed == Owed::Nothing,
        Want::Once => owed != Owed::Restart,
    }
}

/// The events that can happen in a state: the driver answers a start before anything else.
fn possible(state: State) -> Vec<Event> {
    if state.service == Service::Starting {
        return vec![Event::Forked, Event::ForkFailed];
    }
    let mut events: Vec<Event> = REQUESTS.into_iter().map(Event::Asked).collect();
    if state.service == Service::Up {
        events.extend([Event::Ended, Event::Recognised]);
        if state.want == Want::Down {
            events.push(Event::DownSent);
        }
    }
    if state.has_limit() {
        events.push(Event::LimitOver);
    }
    if state.pause != Pause::Over {
        events.push(Event::PauseOver);
    }
    events
}

/// Walks every reachable state and checks every edge.
fn explore(step: &Step) -> Result<usize, String> {
    let mut seen = BTreeSet::new();
    let mut left = Vec::new();
    for state in beginnings() {
        let (after, effects) = step(state, Event::Begin);
        edge_laws(state, Event::Begin, after, &effects)?;
        left.push(after);
    }
    while let Some(state) = left.pop() {
        if !seen.insert(state)
            || state.service == Service::Down && state.exit_requested && !state.waits_for_pause()
        {
            continue;
        }
        for event in possible(state) {
            let (after, effects) = step(state, event);
            edge_laws(state, event, after, &effects)?;
            left.push(after);
        }
    }
    Ok(seen.len())
}

/// Walks all histories of `depth` events from a fresh start, and counts starts and reaps: never two
/// processes, and never a start that was not asked for.
fn histories(step: &Step, depth: usize) -> Result<usize, String> {
    fn walk(
        step: &Step,
        state: State,
        alive: u8,
        due: bool,
        depth: usize,
    ) -> Result<usize, String> {
        if depth == 0 {
            return Ok(1);
        }
        let mut count = 0;
        for event in possible(state) {
            // These events start and end nothing; `explore` walks them.
            let is_letter = matches!(
                event,
                Event::Asked(Request::Send(_) | Request::Pause | Request::Continue)
            );
            let is_answer = matches!(event, Event::DownSent | Event::Recognised | Event::LimitOver);
            if is_letter || is_answer {
                continue;
            }
            let (after, effects) = step(state, event);
            let mut alive = alive;
            let mut due = match event {
                Event::Asked(Request::Up) => alive == 0,
                Event::Asked(Request::Once) => alive == 0 && state.owed != Owed::Restart,
                Event::Asked(Request::Exit) => due && state.owed != Owed::Restart,
                Event::Asked(Request::Down) => false,
                Event::Ended => state.want == Want::Up && !state.exit_requested,
                _ => due,
            };
            let mut left = false;
            for effect in effects.iter() {
                match effect {
                    Effect::Start if !due => return Err(format!("unasked start after {event:?}")),
                    Effect::Release => {
                        alive += 1;
                        due = false;
                    }
                    Effect::Reap => alive = alive.checked_sub(1).ok_or("reaped twice")?,
                    Effect::Leave => left = true,
                    _ => {}
                }
            }
            if alive > 1 {
                return Err(format!("two copies after {event:?}"));
            }
            if left && alive > 0 {
                return Err(format!("left a process alone after {event:?}"));
            }
            count += if left { 1 } else { walk(step, after, alive, due, depth - 1)? };
        }
        Ok(count)
    }
    let (state, _) = step(State::first(true), Event::Begin);
    walk(step, state, 0, false, depth)
}

pub fn check(step: &Step) -> Result<(), String> {
    explore(step)?;
    histories(step, 7).map(drop)
}

#[test]
fn every_edge_of_every_reachable_state_keeps_the_laws() {
    let states = explore(&step).unwrap();
    assert!(states > 50, "only {states} states were reached");
}

#[test]
fn no_history_runs_two_copies_or_starts_unasked() {
    assert!(histories(&step, 9).unwrap() > 10_000);
}

#[test]
fn a_control_byte_acts_within_the_second_after_a_start() {
    let up = State::taken_over(&record(), true, Pause::Second);
    let up = State { is_announced: true, ..up };
    let (after, effects) = step(up, Event::Asked(Request::Down));
    assert_eq!(effects.iter().nth(1), Some(Effect::SendDown));
    assert_eq!(after.pause, Pause::Second);
}

#[test]
fn what_is_written_down_is_taken_over() {
    for state in beginnings() {
        let mut record = Record { service: None, ..record() };
        if state.service == Service::Up {
            record.service = Some(record.supervise);
        }
        state.write_to(&mut record);
        let again = State::taken_over(&record, state.service == Service::Up, state.pause);
        assert_eq!(again, state);
    }
}

#[test]
fn what_a_process_leaves_is_taken_over_only_while_it_lives() {
    let all = Record {
        owed: Owed::Asked,
        is_paused: true,
        kill_asked: true,
        down_told: true,
        want: Want::Down,
        ..record()
    };
    let told = |state: State| [state.is_paused, state.kill_asked, state.down_told];
    let living = State::taken_over(&all, true, Pause::Over);
    assert_eq!(
        (living.service, living.owed, told(living)),
        (Service::Up, Owed::Nothing, [true; 3])
    );
    let dead = State::taken_over(&all, false, Pause::Over);
    assert_eq!((dead.service, dead.owed, told(dead)), (Service::Down, Owed::Nothing, [false; 3]));
    // The end of a service that is wanted up has it started again; of no other.
    let owed = |want, exit_requested| {
        let record = Record { want, exit_requested, ..all };
        State::taken_over(&record, false, Pause::Over).owed
    };
    assert_eq!(owed(Want::Up, false), Owed::Restart);
    assert_eq!([owed(Want::Up, true), owed(Want::Once, false)], [Owed::Nothing; 2]);
    // Nothing ran: what was owed is owed still.
    let none = Record { service: None, want: Want::Up, ..all };
    assert_eq!(State::taken_over(&none, false, Pause::Over).owed, Owed::Asked);
    let up = Record { want: Want::Up, ..all };
    assert!(!State::taken_over(&up, true, Pause::Over).down_told, "told of what is wanted no more");
}

#[test]
fn the_driver_wakes_us_for_a_start_that_a_pause_holds_up() {
    for owed in [Owed::Nothing, Owed::Restart, Owed::Asked] {
        for pause in [Pause::Over, Pause::Second, Pause::ForkFailed] {
            let state = State { owed, pause, ..State::first(false) };
            let is_held_up = owed != Owed::Nothing && pause != Pause::Over;
            assert_eq!(state.waits_for_pause(), is_held_up, "{state:?}");
        }
    }
}

#[test]
fn the_pause_doubles_with_each_fork_that_fails_until_one_does_not() {
    let mut state = State { service: Service::Starting, ..State::first(false) };
    let mut pauses = Vec::new();
    for _ in 0..8 {
        pauses.push(state.fork_pause());
        state = State { service: Service::Starting, ..step(state, Event::ForkFailed).0 };
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!(step(state, Event::Forked).0.fork_pause(), 1);
}

#[test]
fn the_signal_of_d_counts_only_for_a_process_that_is_wanted_down() {
    let up = State::taken_over(&record(), true, Pause::Over);
    for service in [Service::Up, Service::Down] {
        for want in [Want::Up, Want::Down, Want::Once] {
            let (after, _) = step(State { service, want, ..up }, Event::DownSent);
            let is_it = service == Service::Up && want == Want::Down;
            assert_eq!(after.down_told, is_it, "{service:?} {want:?}");
        }
    }
}
