//! The laws of the machine, checked on every edge of every reachable state, and over histories
//! with a ghost count of starts; and mutants of the machine, each of which a law must catch.

use super::machine::{Effect, Effects, Event, Request, Rest, Service, Signal, State, Want, step};
use std::collections::BTreeSet;

type Step = dyn Fn(State, Event) -> (State, Effects);

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

fn beginnings() -> Vec<State> {
    let mut states = vec![State::first(false), State::first(true)];
    // A successor may find any state that was ever recorded: the reachable ones are among these.
    for want in [Want::Up, Want::Down, Want::Once] {
        for bits in 0..32 {
            let [exit_requested, is_paused, is_up, is_rested, down_untold] =
                [1, 2, 4, 8, 16].map(|bit| bits & bit != 0);
            let recorded = State {
                service: if is_up { Service::Up } else { Service::Down },
                want,
                start_owed: !is_up && want != Want::Down,
                exit_requested,
                is_paused: is_paused && is_up,
                kill_asked: false,
                down_untold,
                is_announced: false,
                rest: if is_rested { Rest::Rested } else { Rest::Second },
            };
            states.push(State::taken_over(recorded, is_up));
            states.push(State::taken_over(recorded, false));
        }
    }
    states
}

/// The events that can happen in a state: the driver answers a start before anything else.
fn possible(state: State) -> Vec<Event> {
    if state.service == Service::Starting {
        return vec![Event::Forked, Event::ForkFailed];
    }
    let mut events: Vec<Event> = REQUESTS.into_iter().map(Event::Asked).collect();
    if state.service == Service::Up {
        events.push(Event::Ended);
        // The driver may be late with it: `u` may have come in between.
        events.push(Event::DownTimedOut);
    }
    if state.rest != Rest::Rested {
        events.push(Event::Rested);
    }
    events
}

/// Every law that looks at one edge: `before`, `event`, `after` and the effects between.
fn edge_laws(before: State, event: Event, after: State, effects: &Effects) -> Result<(), String> {
    let list: Vec<Effect> = effects.iter().collect();
    let has = |effect| list.contains(&effect);
    let at = |effect| list.iter().position(|&other| other == effect);
    let law = |holds: bool, law: &str| {
        if holds { Ok(()) } else { Err(format!("{law}: {before:?} {event:?} {list:?} {after:?}")) }
    };
    let was_up = before.service == Service::Up;
    let is_up = after.service == Service::Up;
    let request = match event {
        Event::Asked(request) => Some(request),
        _ => None,
    };

    law(list.len() < 6, "no step fills the list of effects")?;
    law(!(after.start_owed && is_up), "a start is owed only while there is no process")?;
    law(!after.is_paused || is_up, "only a process can be paused")?;
    law(
        !has(Effect::Start) || before.service == Service::Down || event == Event::Ended,
        "a process is started only where there is none",
    )?;
    law(
        has(Effect::Start) == (after.service == Service::Starting),
        "starting means told to start",
    )?;
    law(!has(Effect::Start) || after.rest == Rest::Rested, "no start within the second")?;
    law(!has(Effect::Start) || after.want != Want::Down, "what is wanted down is not started")?;
    law(
        !has(Effect::Start) || !after.exit_requested || before.start_owed || request.is_some(),
        "nothing is started on the way out but what was owed",
    )?;
    law(
        !has(Effect::Start) || at(Effect::EndGroup) < at(Effect::Start),
        "the old group is ended before the new process",
    )?;
    law(
        !has(Effect::EndGroup) || event != Event::Ended || at(Effect::EndGroup) < at(Effect::Reap),
        "the group is ended while its number is surely ours",
    )?;
    law(!has(Effect::Leave) || !is_up && after.exit_requested, "leaving is asked for, and down")?;
    law(
        !after.exit_requested
            || after.service != Service::Down
            || has(Effect::Leave)
            || after.start_owed && after.rest == Rest::Second,
        "x leaves as soon as the service is down and no start is owed",
    )?;
    law(has(Effect::Reap) == (event == Event::Ended), "an end is noted once")?;
    law(
        event != Event::Forked
            || !before.is_announced
            || list == [Effect::Record, Effect::Release, Effect::Publish],
        "a child is released after it is recorded, and published at once after",
    )?;
    law(
        has(Effect::Announce) == (!before.is_announced && after.service != Service::Starting),
        "whoever begins is announced: at once, or with the start that follows at once",
    )?;
    law(after.is_announced != (event == Event::Begin && has(Effect::Start)), "announced for good")?;
    law(
        !has(Effect::Announce) || list.starts_with(&[Effect::Publish, Effect::Announce]),
        "a status, the presence, and then the rest",
    )?;
    law((event != Event::Forked) || has(Effect::Release), "a forked child is released")?;
    law(!has(Effect::Release) || event == Event::Forked, "only a forked child is released")?;

    let signals: Vec<Signal> = list
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(signal) => Some(*signal),
            Effect::SendDown => Some(Signal::Terminate),
            _ => None,
        })
        .collect();
    let expected: &[Signal] = match request {
        _ if !was_up => &[],
        None if event == Event::Begin && before.down_untold => {
            &[Signal::Terminate, Signal::Continue]
        }
        Some(Request::Down) => &[Signal::Terminate, Signal::Continue],
        Some(Request::Pause) => &[Signal::Stop],
        Some(Request::Continue) => &[Signal::Continue],
        Some(Request::Send(signal)) => &[signal],
        None if event == Event::DownTimedOut && before.want == Want::Down => &[Signal::Kill],
        _ => &[],
    };
    law(signals == expected, "a control byte sends its signals, at once, and nothing else does")?;

    let published = match event {
        Event::Begin => !has(Effect::Start),
        Event::Asked(Request::Send(_)) | Event::Rested | Event::DownTimedOut => false,
        Event::Asked(_) | Event::Forked | Event::ForkFailed => true,
        // With a start at once, its status is kept for the one of that start.
        Event::Ended => !has(Effect::Start),
    };
    law(
        has(Effect::PublishLater) == (event == Event::Ended && has(Effect::Start)),
        "an end is published, alone or with the start that follows at once",
    )?;
    law(has(Effect::Publish) == published, "the status is written when the contract says")?;
    law(
        !has(Effect::Publish) || at(Effect::Reap) < at(Effect::Publish),
        "an end, then its status",
    )?;

    let want = match request {
        Some(Request::Up) => Want::Up,
        Some(Request::Down) => Want::Down,
        Some(Request::Once) => Want::Once,
        _ => before.want,
    };
    law(after.want == want, "only u, d and o change what is wanted")?;
    law(
        after.exit_requested == (before.exit_requested || request == Some(Request::Exit)),
        "an exit is requested by x, for good",
    )?;
    let paused = match request {
        Some(Request::Pause) => was_up,
        Some(Request::Continue | Request::Down) => false,
        _ => before.is_paused && is_up,
    };
    law(after.is_paused == paused, "p pauses a process, c and d let it go on")?;

    law(!after.down_untold, "what was not told is told at the beginning")?;
    law(
        request != Some(Request::Down) || list.first() == Some(&Effect::Publish),
        "d is recorded before it is told",
    )?;
    // What is wanted happens: at once, or it is owed.
    let idle = after.service == Service::Down && !after.exit_requested;
    law(!idle || after.want != Want::Up || after.start_owed, "what is wanted up is owed a start")?;
    law(request != Some(Request::Once) || !idle || after.start_owed, "o is owed a start")?;
    law(event != Event::Ended || !after.start_owed || after.want == Want::Up, "once is once")?;
    law(after.want != Want::Down || !after.start_owed, "d takes back a start that is owed")?;
    law(!idle || !after.start_owed || after.rest != Rest::Rested, "nothing owed is left lying")?;
    law(
        after.rest != Rest::Long || event == Event::ForkFailed || before.rest == Rest::Long,
        "only a failed fork pauses for long",
    )?;
    law(event != Event::ForkFailed || after.rest == Rest::Long, "a failed fork is not repeated")?;
    law(event != Event::Forked || after.rest == Rest::Second, "a start begins a second of rest")?;
    law(
        after.rest == before.rest
            || matches!(event, Event::Forked | Event::ForkFailed | Event::Rested)
            || before.rest == Rest::Long,
        "the second is not cut short",
    )?;

    // k takes the group along, now or when the process has ended; a restart does so too.
    law(
        !(event == Event::Ended && before.kill_asked) || has(Effect::EndGroup),
        "k ends the group",
    )?;
    law(
        request != Some(Request::Send(Signal::Kill)) || after.kill_asked || has(Effect::EndGroup),
        "k is remembered",
    )?;
    law(
        !has(Effect::EndGroup)
            || has(Effect::Start)
            || after.start_owed
            || before.kill_asked
            || request == Some(Request::Send(Signal::Kill)),
        "without k and without a restart the group is left alone",
    )
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
            || state.service == Service::Down && state.exit_requested && !state.waits_for_rest()
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

/// All histories of `depth` events from a fresh start, with a ghost that counts starts and reaps:
/// never two processes, and exactly as many starts as asked for.
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
            // The letters that no law of histories is about are walked by `explore`.
            if matches!(event, Event::Asked(Request::Send(_) | Request::Pause | Request::Continue))
            {
                continue;
            }
            let (after, effects) = step(state, event);
            let mut alive = alive;
            let mut due = match event {
                Event::Asked(Request::Up | Request::Once) => alive == 0,
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

fn check(step: &Step) -> Result<(), String> {
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
    let up = State { service: Service::Up, rest: Rest::Second, ..State::first(false) };
    let up = State { is_announced: true, ..up };
    let (after, effects) = step(State { start_owed: false, ..up }, Event::Asked(Request::Down));
    assert_eq!(effects.iter().nth(1), Some(Effect::SendDown));
    assert_eq!(after.rest, Rest::Second);
}

/// Changes what a step returns.
type Fault = fn(State, Event, &mut State, &mut Vec<Effect>);

/// Faults that someone might well make, each in its own words.
const MUTANTS: [(&str, Fault); 31] = [
    ("the first child is released before we are announced", |before, event, _, list| {
        if event == Event::Forked && !before.is_announced {
            list.retain(|e| *e != Effect::Release);
            list.insert(0, Effect::Release);
        }
    }),
    ("the presence comes before the first status", |_, _, _, list| {
        if list.get(1) == Some(&Effect::Announce) {
            list.swap(0, 1);
        }
    }),
    ("a failed first fork leaves us unannounced", |_, event, _, list| {
        if event == Event::ForkFailed {
            list.retain(|e| *e != Effect::Announce);
        }
    }),
    ("d forgets TERM", |_, _, _, list| list.retain(|e| *e != Effect::SendDown)),
    ("d forgets CONT", |_, _, _, list| list.retain(|e| *e != Effect::Send(Signal::Continue))),
    ("d is told before it is recorded", |_, event, _, list| {
        if event == Event::Asked(Request::Down) && list.len() > 1 {
            list.swap(0, 1);
        }
    }),
    ("a d that was not told stays untold", |_, event, _, list| {
        if event == Event::Begin {
            list.retain(|effect| *effect != Effect::SendDown);
        }
    }),
    ("d leaves the start owed", |before, event, after, _| {
        if event == Event::Asked(Request::Down) {
            after.start_owed = before.start_owed;
        }
    }),
    ("d stays paused", |before, event, after, _| {
        if event == Event::Asked(Request::Down) {
            after.is_paused = before.is_paused;
        }
    }),
    ("u while up starts", |before, event, _, list| {
        if event == Event::Asked(Request::Up) && before.service == Service::Up {
            list.push(Effect::Start);
        }
    }),
    ("o is up", |_, event, after, _| {
        if event == Event::Asked(Request::Once) {
            after.want = Want::Up;
        }
    }),
    ("o restarts", |before, event, after, _| {
        if event == Event::Ended && before.want == Want::Once {
            after.start_owed = true;
        }
    }),
    ("the second is not kept", |_, event, after, _| {
        if event == Event::Forked {
            after.rest = Rest::Rested;
        }
    }),
    ("u cuts the second short", |_, event, after, _| {
        if event == Event::Asked(Request::Up) {
            after.rest = Rest::Rested;
        }
    }),
    ("an owed start is forgotten", |_, event, after, _| {
        if event == Event::Ended {
            after.start_owed = false;
        }
    }),
    ("rested, and nothing happens", |_, event, after, list| {
        if event == Event::Rested {
            list.clear();
            if after.service == Service::Starting {
                after.service = Service::Down;
            }
        }
    }),
    ("x starts once more", |before, event, after, list| {
        if event == Event::Ended && before.exit_requested {
            list.push(Effect::Start);
            after.service = Service::Starting;
        }
    }),
    ("x does not leave", |_, _, _, list| list.retain(|e| *e != Effect::Leave)),
    ("x leaves at once", |_, event, _, list| {
        if event == Event::Asked(Request::Exit) && !list.contains(&Effect::Leave) {
            list.push(Effect::Leave);
        }
    }),
    ("x is forgotten", |_, event, after, _| {
        if event == Event::Ended {
            after.exit_requested = false;
        }
    }),
    ("released before recorded", |_, event, _, list| {
        if event == Event::Forked {
            list.reverse();
        }
    }),
    ("never released", |_, _, _, list| list.retain(|e| *e != Effect::Release)),
    ("an end is not published", |_, event, _, list| {
        if event == Event::Ended {
            list.retain(|e| *e != Effect::Publish && *e != Effect::PublishLater);
        }
    }),
    ("a signal is published", |_, event, _, list| {
        if matches!(event, Event::Asked(Request::Send(_))) {
            list.push(Effect::Publish);
        }
    }),
    ("reaped before the group is ended", |_, event, _, list| {
        if event == Event::Ended && list.first() == Some(&Effect::EndGroup) {
            list.swap(0, 1);
        }
    }),
    ("k spares the group", |before, event, _, list| {
        if before.kill_asked && event == Event::Ended {
            list.retain(|e| *e != Effect::EndGroup);
        }
    }),
    ("every end kills the group", |_, event, _, list| {
        if event == Event::Ended && !list.contains(&Effect::EndGroup) {
            list.insert(0, Effect::EndGroup);
        }
    }),
    ("p while down shows paused", |_, event, after, _| {
        if event == Event::Asked(Request::Pause) {
            after.is_paused = true;
        }
    }),
    ("the limit on d kills what is wanted up", |before, event, _, list| {
        if event == Event::DownTimedOut && before.want == Want::Up {
            list.push(Effect::Send(Signal::Kill));
        }
    }),
    ("the limit on d does nothing", |_, event, _, list| {
        if event == Event::DownTimedOut {
            list.clear();
        }
    }),
    ("a failed fork is tried again at once", |_, event, after, _| {
        if event == Event::ForkFailed {
            after.rest = Rest::Rested;
        }
    }),
];

#[test]
fn every_mutant_breaks_a_law() {
    assert_eq!(check(&step), Ok(()));
    for (name, fault) in MUTANTS {
        let mutant = move |state, event| {
            let (mut after, effects) = step(state, event);
            let mut list = effects.iter().collect();
            fault(state, event, &mut after, &mut list);
            let mut effects = Effects::default();
            list.into_iter().for_each(|effect| effects.push(effect));
            (after, effects)
        };
        assert!(check(&mutant).is_err(), "no law caught: {name}");
    }
}
