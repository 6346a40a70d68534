//! Mutants of the leader, each of which a law must catch.

use super::leader::{Effect, Event, Question, Rank, State, Wish, Word, step};
use super::leader_laws::check;
use crate::effects::with_fault;

/// A fault changes what a step returns.
type Fault = fn(State, Event, &mut State, &mut Vec<Effect>);

fn without(list: &mut Vec<Effect>, effect: Effect) {
    list.retain(|other| *other != effect);
}

/// Removes the question from a step.
fn silent(after: &mut State, list: &mut Vec<Effect>) {
    list.retain(|effect| !matches!(effect, Effect::Ask(_)));
    after.question = None;
}

/// Plausible faults, each with a description.
const MUTANTS: [(&str, Fault); 27] = [
    ("TERM is not remembered", |before, event, after, _| {
        if event == Event::Term {
            after.wish = before.wish;
        }
    }),
    ("TERM to a standby that no init started stops svscan", |_, event, after, list| {
        if event == Event::Term {
            list.clear();
            after.wish = Wish::Unheard(Word::Stop);
        }
    }),
    ("TERM to an init's standby only ends that one", |before, event, _, list| {
        if event == Event::Term && before.rank == Rank::Standby {
            list.push(Effect::Leave);
        }
    }),
    ("the first TERM hurries", |_, event, after, _| {
        if event == Event::Term {
            after.wish = Wish::Unheard(Word::Hurry);
        }
    }),
    ("a second TERM does not hurry", |before, event, after, _| {
        if event == Event::Term && before.wish != Wish::None {
            after.wish = Wish::Unheard(Word::Stop);
        }
    }),
    ("a word that could not be sent is not tried again", |_, event, after, _| {
        if event == Event::NotTold {
            after.wish = Wish::Heard;
        }
    }),
    (
        "after an svscan of ours is killed, the next is not asked to stop",
        |before, event, after, _| {
            if matches!(event, Event::OursEnded { .. }) {
                after.wish = before.wish;
            }
        },
    ),
    ("after a found svscan has ended, the next is not asked to stop", |before, event, after, _| {
        if event == Event::FoundEnded {
            after.wish = before.wish;
        }
    }),
    ("a killed svscan's mark counts", |_, _, _, list| without(list, Effect::RemoveMark)),
    ("the mark of an svscan that exited does not count", |_, event, _, list| {
        if event == (Event::OursEnded { has_left: true }) {
            list.insert(0, Effect::RemoveMark);
        }
    }),
    ("the mark is not looked at", |_, event, after, _| {
        if matches!(event, Event::Looked { .. }) {
            after.is_marked = false;
        }
    }),
    ("after a stop it is started again", |_, event, after, list| {
        if after.is_marked && after.holds_lock && matches!(event, Event::Looked { .. }) {
            after.question = Some(Question::Start);
            list.push(Effect::Ask(Question::Start));
        }
    }),
    ("the lock is kept while we rest", |before, _, after, list| {
        without(list, Effect::GiveLockBack);
        after.holds_lock |= before.holds_lock;
    }),
    ("the lock is forgotten", |_, event, after, _| {
        if matches!(event, Event::OursEnded { .. }) {
            after.holds_lock = false;
        }
    }),
    ("a lock in removed records counts", |before, event, after, list| {
        if matches!(event, Event::Looked { has_moved: true, .. }) {
            without(list, Effect::GiveLockBack);
            after.holds_lock = before.holds_lock;
        }
    }),
    ("started without the lock", |_, event, after, list| {
        if event == Event::Held {
            after.question = Some(Question::Start);
            list.push(Effect::Ask(Question::Start));
        }
    }),
    ("no lock, no svscan", |_, event, after, list| {
        if event == Event::CannotLock {
            silent(after, list);
        }
    }),
    ("a second svscan beside a found one", |_, event, after, list| {
        if event == Event::Found {
            after.question = Some(Question::Start);
            list.push(Effect::Ask(Question::Start));
        }
    }),
    ("a standby starts an svscan", |before, event, after, list| {
        if before.rank == Rank::Standby && event == Event::OtherLeads {
            after.question = Some(Question::Lock);
            list.push(Effect::Ask(Question::Lock));
        }
    }),
    ("the fallback stands by", |_, event, _, list| {
        if event == Event::OtherLeads {
            list.clear();
        }
    }),
    ("the fallback leads beside an svscan", |_, event, _, list| {
        if matches!(event, Event::Led { .. }) {
            without(list, Effect::Leave);
        }
    }),
    ("the last messages are lost", |_, _, _, list| without(list, Effect::EndReader)),
    ("the reader is not kept", |_, _, _, list| without(list, Effect::KeepReader)),
    ("we do not exit when the stop is over", |_, event, _, list| {
        if matches!(event, Event::OursEnded { .. }) {
            without(list, Effect::Leave);
        }
    }),
    ("we exit at the first death of svscan", |_, event, _, list| {
        if event == (Event::OursEnded { has_left: false }) {
            list.push(Effect::Leave);
        }
    }),
    ("a standby leaves before the stop is over", |before, event, _, list| {
        if before.rank == Rank::Standby && event == Event::Told {
            list.push(Effect::Leave);
        }
    }),
    ("a standby does not take over", |before, event, after, list| {
        if before.rank == Rank::Standby && matches!(event, Event::Looked { .. }) {
            silent(after, list);
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
