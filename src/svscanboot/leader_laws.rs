//! The laws of the leader: checked on every edge of every reachable state, and on walks through a
//! simulated world in which every request succeeds.

use super::leader::{
    Effect, Effects, Event, Question, Rank, State, Svscan, WaitUntil, Wish, Word, step,
};
use std::collections::BTreeSet;

/// The step function, or a mutant of it.
pub type Step = dyn Fn(State, Event) -> (State, Effects);

fn beginnings() -> Vec<State> {
    let [no, yes] = [false, true];
    [(no, no), (no, yes), (yes, no), (yes, yes)].map(|(a, b)| State::first(a, b)).to_vec()
}

/// The events that can happen in a state: the driver answers a question before anything else.
fn possible(state: State) -> Vec<Event> {
    match state.question {
        Some(Question::Lead) => vec![
            Event::Led { is_scanned: false },
            Event::Led { is_scanned: true },
            Event::OtherLeads,
            Event::CannotLead,
        ],
        Some(Question::Lock) => {
            vec![Event::Locked, Event::Found, Event::Held, Event::CannotLock]
        }
        Some(Question::Start) => vec![Event::Started, Event::NotStarted],
        Some(Question::Tell(_)) => vec![Event::Told, Event::NotTold],
        None => {
            let mut events = vec![Event::Term];
            for bits in 0..8 {
                let [other_leads, is_marked, has_moved] = [1, 2, 4].map(|bit| bits & bit != 0);
                events.push(Event::Looked { other_leads, is_marked, has_moved });
            }
            match state.svscan {
                Svscan::None => {}
                Svscan::Ours => {
                    events.extend([true, false].map(|has_left| Event::OursEnded { has_left }));
                }
                Svscan::Found => events.push(Event::FoundEnded),
            }
            events
        }
    }
}

/// Every law about one edge: the state before, the event, the state after, and the effects.
fn edge_laws(before: State, event: Event, after: State, effects: &Effects) -> Result<(), String> {
    let list: Vec<Effect> = effects.iter().collect();
    let has = |effect| list.contains(&effect);
    let at = |effect| list.iter().position(|&other| other == effect);
    let law = |holds: bool, law: &str| {
        if holds { Ok(()) } else { Err(format!("{law}: {before:?} {event:?} {list:?} {after:?}")) }
    };
    let asked: Vec<Question> = list
        .iter()
        .filter_map(|effect| if let Effect::Ask(asked) = effect { Some(*asked) } else { None })
        .collect();
    let leaves = has(Effect::Leave);
    let leads = after.rank == Rank::Leader;
    let was_stopped = before.wish != Wish::None;

    law(list.len() < 5, "no step fills the list of effects")?;
    law(asked.len() <= 1, "one question at a time")?;
    law(asked.last().copied() == after.question, "what is asked is remembered, and answered once")?;
    law(
        asked.is_empty() || matches!(list.last(), Some(Effect::Ask(_))),
        "a question comes last: its answer is the next event",
    )?;
    law(!leaves || list.last() == Some(&Effect::Leave), "nothing comes after leaving")?;
    law(
        (before.rank == after.rank)
            || matches!(event, Event::Led { .. } | Event::CannotLead) && leads,
        "only Led or CannotLead makes a leader, and it stays one",
    )?;
    law(leads || asked != [Question::Lock] && asked != [Question::Start], "only a leader starts")?;
    law(!leads || asked != [Question::Lead], "a leader does not ask to lead")?;

    let lock = match event {
        Event::Locked => true,
        _ => before.holds_lock && !has(Effect::GiveLockBack),
    };
    law(after.holds_lock == lock, "the lock is held from Locked until GiveLockBack")?;
    law(!has(Effect::GiveLockBack) || before.holds_lock, "what is given back was held")?;
    law(
        !matches!(event, Event::Looked { has_moved: true, .. }) || !after.holds_lock,
        "a lock in removed records is given back",
    )?;
    if asked == [Question::Start] {
        law(after.svscan == Svscan::None, "an svscan is started only where there is none")?;
        law(
            after.holds_lock || event == Event::CannotLock,
            "an svscan is started under the lock, or if the lock cannot be made",
        )?;
        law(!after.is_marked, "after an orderly stop nothing is started")?;
        law(after.keeps_reader, "an svscan is started with a message pipe")?;
    }
    law(
        !matches!(event, Event::Locked | Event::CannotLock) || asked == [Question::Start],
        "after Locked or CannotLock an svscan is started",
    )?;
    law(
        asked != [Question::Lock] || !after.holds_lock && after.svscan == Svscan::None,
        "the lock is taken once, for an svscan that is to be started",
    )?;
    law(
        after.keeps_reader
            == (has(Effect::KeepReader) || before.keeps_reader && !has(Effect::EndReader)),
        "keeps_reader is set by KeepReader and cleared by EndReader",
    )?;
    law(!has(Effect::EndReader) || before.keeps_reader, "only a kept reader is ended")?;
    law(
        !has(Effect::KeepReader)
            || asked.is_empty()
            || at(Effect::KeepReader) == Some(list.len() - 2),
        "the reader comes before the svscan",
    )?;

    let svscan = match event {
        Event::Started => Svscan::Ours,
        Event::Found => Svscan::Found,
        Event::Told if before.svscan == Svscan::None => Svscan::Found,
        Event::OursEnded { .. } | Event::FoundEnded => Svscan::None,
        _ => before.svscan,
    };
    law(after.svscan == svscan, "an svscan runs from Started or Found until its end")?;

    let is_stray = before.rank == Rank::Standby && !before.is_inits;
    let wish = match event {
        Event::Term if is_stray => Wish::None,
        Event::Term if !was_stopped => Wish::Unheard(Word::Stop),
        Event::Term => Wish::Unheard(Word::Hurry),
        Event::Told => Wish::Heard,
        Event::OursEnded { .. } | Event::FoundEnded if before.wish == Wish::Heard => {
            Wish::Unheard(Word::Stop)
        }
        _ => before.wish,
    };
    law(
        after.wish == wish,
        "the first TERM asks for a stop, each further one to hurry, until an svscan has made the stop",
    )?;
    if let Some(Question::Tell(word)) = after.question {
        law(after.wish == Wish::Unheard(word), "only an unsent word is sent")?;
        law(
            !leads || after.svscan != Svscan::None,
            "a leader sends a word only to a running svscan",
        )?;
    }
    law(
        has(Effect::RemoveMark) == (event == Event::OursEnded { has_left: false }),
        "only the mark of a killed svscan of ours is removed",
    )?;

    if leaves {
        law(after.svscan == Svscan::None, "we exit only without an svscan")?;
        law(!after.keeps_reader, "the reader is ended before we exit")?;
        let may = match event {
            Event::OtherLeads | Event::Led { is_scanned: true } => before.is_fallback,
            Event::Looked { other_leads, is_marked, .. } => {
                before.rank == Rank::Standby && other_leads && before.is_fallback
                    || leads && is_marked && was_stopped
            }
            Event::OursEnded { has_left } => has_left && before.wish == Wish::Heard,
            Event::FoundEnded => before.rank == Rank::Standby,
            Event::Term => is_stray,
            Event::NotTold => !leads && (before.is_marked || !before.other_leads),
            _ => false,
        };
        law(may, "we exit when the stop is over, or instead of standing by")?;
    }
    let stays = match event {
        Event::OtherLeads => !before.is_fallback,
        Event::Led { is_scanned: true } => !before.is_fallback,
        _ => true,
    };
    law(leaves || stays, "with --fallback we exit instead of standing by")?;
    law(
        event != Event::Term || leaves == is_stray,
        "TERM ends at once only a standby that no init started",
    )?;
    let is_over = event == (Event::OursEnded { has_left: true }) && before.wish == Wish::Heard;
    law(leaves || !is_over, "if svscan exits after it was asked, the stop is made and we exit")?;

    // Nothing is forgotten: a wait without a limit is for an event that will be seen.
    let waits = after.question.is_none() && !leaves && matches!(event, Event::Looked { .. });
    if waits && leads {
        let rests = after.is_marked && after.svscan == Svscan::None;
        law(
            if rests { !after.holds_lock && !after.keeps_reader } else { after.keeps_reader },
            "lock and reader are given up after an orderly stop, and only then",
        )?;
        law(
            !rests || after.wish == Wish::None,
            "after the stop that was asked for we exit and do not rest",
        )?;
        law(rests || after.svscan != Svscan::None, "a leader without an svscan asks for one")?;
        law(!matches!(after.wish, Wish::Unheard(_)), "an unsent word is tried at each look")?;
    }
    let patience = after.patience();
    law(
        after.question.is_some()
            || leaves
            || patience != WaitUntil::Event
            || after.svscan != Svscan::None,
        "only the end of an svscan is waited for without a limit",
    )
}

/// Walks every reachable state and checks every edge. Returns the states.
fn explore(step: &Step) -> Result<BTreeSet<State>, String> {
    let mut seen = BTreeSet::new();
    let mut left = beginnings();
    while let Some(state) = left.pop() {
        if !seen.insert(state) {
            continue;
        }
        for event in possible(state) {
            let (after, effects) = step(state, event);
            edge_laws(state, event, after, &effects)?;
            if !effects.iter().any(|effect| effect == Effect::Leave) {
                left.push(after);
            }
        }
    }
    Ok(seen)
}

/// How a walk ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// An svscan runs, and no word is to be sent.
    Runs,
    /// svscan was stopped, and we wait.
    Rests,
    /// We exited.
    Left,
}

/// Walks on from `state` in a world in which every request succeeds: no other svscanboot leads, the
/// lock is free, svscan starts, reads its words, makes the orderly stop, writes the mark and ends.
fn go_on(step: &Step, mut state: State, mut is_marked: bool) -> Result<End, String> {
    let begun = state;
    for _ in 0..10 {
        let mut next = Some(Event::Looked { other_leads: false, is_marked, has_moved: false });
        while let Some(event) = next.take() {
            let (after, effects) = step(state, event);
            state = after;
            if effects.iter().any(|effect| effect == Effect::Leave) {
                return Ok(End::Left);
            }
            next = state.question.map(|question| match question {
                Question::Lead => Event::Led { is_scanned: false },
                Question::Lock => Event::Locked,
                Question::Start => Event::Started,
                Question::Tell(_) if state.svscan == Svscan::None => Event::NotTold,
                Question::Tell(_) => Event::Told,
            });
        }
        let end = match state.svscan {
            Svscan::Ours => Event::OursEnded { has_left: true },
            Svscan::Found => Event::FoundEnded,
            Svscan::None if state.wish == Wish::None => return Ok(End::Rests),
            Svscan::None => continue,
        };
        match state.wish {
            Wish::None => return Ok(End::Runs),
            Wish::Unheard(_) => {}
            Wish::Heard => {
                is_marked = true;
                let (after, effects) = step(state, end);
                state = after;
                if effects.iter().any(|effect| effect == Effect::Leave) {
                    return Ok(End::Left);
                }
            }
        }
    }
    Err(format!("no end is reached from {begun:?}"))
}

/// Where the walk from each reachable state ends in such a world.
fn ends(step: &Step, states: &BTreeSet<State>) -> Result<(), String> {
    for &state in states.iter().filter(|state| state.question.is_none()) {
        for is_marked in [false, true] {
            let expected = match state.wish {
                Wish::None if is_marked && state.svscan == Svscan::None => End::Rests,
                Wish::None => End::Runs,
                Wish::Unheard(_) | Wish::Heard => End::Left,
            };
            let end = go_on(step, state, is_marked)?;
            if end != expected {
                return Err(format!("{end:?}, not {expected:?}, marked {is_marked}: {state:?}"));
            }
        }
    }
    Ok(())
}

/// All laws.
pub fn check(step: &Step) -> Result<(), String> {
    let states = explore(step)?;
    ends(step, &states)
}

#[test]
fn every_edge_of_every_reachable_state_keeps_the_laws() {
    let states = explore(&step).unwrap();
    assert!(states.len() > 50, "only {} states were reached", states.len());
}

#[test]
fn from_every_state_it_comes_to_an_svscan_that_runs_or_to_the_stop_that_was_asked_for() {
    assert_eq!(ends(&step, &explore(&step).unwrap()), Ok(()));
}

#[test]
fn behind_another_it_asks_for_nothing_and_a_fallback_leaves() {
    let look = |is_fallback, other_leads| {
        let looked = Event::Looked { other_leads, is_marked: false, has_moved: false };
        let (after, effects) = step(State::first(false, is_fallback), looked);
        (after.question, effects.iter().any(|effect| effect == Effect::Leave))
    };
    for is_fallback in [false, true] {
        assert_eq!(look(is_fallback, false), (Some(Question::Lead), false));
        assert_eq!(look(is_fallback, true), (None, is_fallback));
    }
}
