//! Mutants of the machine: plausible faults, each of which a law must catch.

use super::machine::{Effect, Event, Owed, Pause, Request, Service, Signal, State, Want, step};
use super::machine_walks::check;
use crate::effects::with_fault;

/// A fault changes what a step returns.
type Fault = fn(State, Event, &mut State, &mut Vec<Effect>);

/// The faults, each with a description.
const MUTANTS: [(&str, Fault); 48] = [
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
    ("the signal of d is sent before d is recorded", |_, event, _, list| {
        if event == Event::Asked(Request::Down) && list.len() > 1 {
            list.swap(0, 1);
        }
    }),
    ("the answer to SendDown is ignored", |_, event, after, _| {
        if event == Event::DownSent {
            after.down_told = false;
        }
    }),
    ("d counts as sent before it is", |before, event, after, _| {
        if event == Event::Asked(Request::Down) && before.service == Service::Up {
            after.down_told = true;
        }
    }),
    ("u does not clear down_told", |before, event, after, _| {
        if event == Event::Asked(Request::Up) {
            after.down_told = before.down_told;
        }
    }),
    ("an end does not clear down_told", |before, event, after, _| {
        if event == Event::Ended {
            after.down_told = before.down_told;
        }
    }),
    ("a signal of d that was not sent is never sent", |_, event, _, list| {
        if event == Event::Begin {
            list.retain(|effect| *effect != Effect::SendDown);
        }
    }),
    ("d leaves the start owed", |before, event, after, _| {
        if event == Event::Asked(Request::Down) {
            after.owed = before.owed;
        }
    }),
    ("d leaves the process shown as paused", |before, event, after, _| {
        if event == Event::Asked(Request::Down) {
            after.is_paused = before.is_paused;
        }
    }),
    ("u while up starts", |before, event, _, list| {
        if event == Event::Asked(Request::Up) && before.service == Service::Up {
            list.push(Effect::Start);
        }
    }),
    ("o wants the service up", |_, event, after, _| {
        if event == Event::Asked(Request::Once) {
            after.want = Want::Up;
        }
    }),
    ("o restarts", |before, event, after, _| {
        if event == Event::Ended && before.want == Want::Once {
            after.owed = Owed::Restart;
        }
    }),
    ("the second is not kept", |_, event, after, _| {
        if event == Event::Forked {
            after.pause = Pause::Over;
        }
    }),
    ("u cuts the second short", |_, event, after, _| {
        if event == Event::Asked(Request::Up) {
            after.pause = Pause::Over;
        }
    }),
    ("an owed start is forgotten", |_, event, after, _| {
        if event == Event::Ended {
            after.owed = Owed::Nothing;
        }
    }),
    ("the pause is over, and nothing happens", |_, event, after, list| {
        if event == Event::PauseOver {
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
    ("released before published: the service reads the old status", |_, event, _, list| {
        if event == Event::Forked {
            list.rotate_right(1);
        }
    }),
    ("all in the wrong order", |_, event, _, list| {
        if event == Event::Forked {
            list.reverse();
        }
    }),
    ("never released", |_, _, _, list| list.retain(|e| *e != Effect::Release)),
    ("an end is not published", |_, event, _, list| {
        if event == Event::Ended {
            list.retain(|e| *e != Effect::Publish);
        }
    }),
    ("the group is ended after a start: the new process with it", |_, _, _, list| {
        if list.last() == Some(&Effect::Start) {
            list.retain(|e| *e != Effect::EndGroup);
            list.push(Effect::EndGroup);
        }
    }),
    ("the group is ended before a start, and once more after it", |_, event, _, list| {
        if event == Event::PauseOver && list.last() == Some(&Effect::Start) {
            list.push(Effect::EndGroup);
        }
    }),
    ("something follows the signal of d", |_, event, _, list| {
        if event == Event::Asked(Request::Down) && list.contains(&Effect::SendDown) {
            list.push(Effect::Send(Signal::Continue));
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
    ("u does not drop the limit on d", |_, event, _, list| {
        if event == Event::Asked(Request::Up) {
            list.retain(|e| *e != Effect::DropLimit);
        }
    }),
    ("a further d puts the limit off", |before, event, _, list| {
        if event == Event::DownSent && before.has_limit() {
            list.push(Effect::SetLimit);
        }
    }),
    ("a successor sets no limit", |_, event, _, list| {
        if event == Event::Begin {
            list.retain(|e| *e != Effect::SetLimit);
        }
    }),
    ("the limit on d does nothing", |_, event, _, list| {
        if event == Event::LimitOver {
            list.clear();
        }
    }),
    ("the limit on d spares the group", |before, event, after, _| {
        if event == Event::LimitOver {
            after.kill_asked = before.kill_asked;
        }
    }),
    ("x runs once more after a fast death", |before, event, after, list| {
        if event == Event::Asked(Request::Exit) && before.owed == Owed::Restart {
            after.owed = Owed::Restart;
            list.retain(|e| *e != Effect::Leave);
        }
    }),
    ("o runs once more after a fast death", |before, event, after, _| {
        if event == Event::Asked(Request::Once) && before.owed == Owed::Restart {
            after.owed = Owed::Asked;
        }
    }),
    ("x takes back what u asked for", |before, event, after, list| {
        if event == Event::Asked(Request::Exit) && before.owed == Owed::Asked {
            after.owed = Owed::Nothing;
            list.push(Effect::Leave);
        }
    }),
    ("u after an end leaves the start owed as a restart", |before, event, after, _| {
        if event == Event::Asked(Request::Up) && before.owed == Owed::Restart {
            after.owed = Owed::Restart;
        }
    }),
    ("every failed fork pauses for a second", |_, event, after, _| {
        if event == Event::ForkFailed {
            after.fork_failures = 0;
        }
    }),
    ("a fork does not end the row of failures", |before, event, after, _| {
        if event == Event::Forked {
            after.fork_failures = before.fork_failures;
        }
    }),
    ("a failed fork is tried again at once", |_, event, after, _| {
        if event == Event::ForkFailed {
            after.pause = Pause::Over;
        }
    }),
];

#[test]
fn every_mutant_breaks_a_law() {
    assert_eq!(check(&step), Ok(()));
    for (name, fault) in MUTANTS {
        assert!(check(&with_fault(step, fault)).is_err(), "no law caught: {name}");
    }
}
