//! A model of a log directory, in which a multilog does some of its steps between any two looks of
//! svctl. A listing may leave out each name that came or went meanwhile.

use super::*;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A file: which log it has, and whether a processor made it.
type File = (usize, bool);

/// What multilog does.
#[derive(Clone, Debug)]
enum Act {
    /// `current` is made.
    Make(usize),
    Link(&'static str, usize),
    Rename(&'static str, &'static str),
    Remove(&'static str),
    /// `processed` is made of this log, and is whole.
    Process(usize),
    /// The oldest log is removed.
    Prune,
}
use Act::{Link, Make, Process, Prune, Remove, Rename};

/// A rotation of `current`, which has this log.
fn plain(log: usize) -> Vec<Act> {
    let previous = "previous";
    vec![Rename("current", previous), Make(log + 1), Link(previous, log), Remove(previous), Prune]
}

/// The same without hard links.
fn linkless(log: usize) -> Vec<Act> {
    let mut acts = plain(log);
    acts.splice(2..4, [Rename("previous", LABELS[log])]);
    acts
}

fn processed(log: usize) -> Vec<Act> {
    let (previous, made) = ("previous", "processed");
    let begun = [Rename("current", previous), Make(log + 1), Process(log), Remove(previous)];
    [&begun[..], &[Link(made, log), Remove(made)]].concat()
}

/// multilog is killed after such a number of these steps, and started again.
fn killed(log: usize, mut acts: Vec<Act>, after: usize) -> Vec<Act> {
    acts.truncate(after);
    let has_made = |acts: &[Act]| acts.iter().any(|act| matches!(act, Make(_)));
    if acts.iter().any(|act| matches!(act, Process(_))) {
        acts.extend([Remove("previous"), Link("processed", log), Remove("processed")]);
    } else if after > 0 {
        acts.extend([Link("previous", log), Remove("previous")]);
    }
    let next = log + 1 + usize::from(has_made(&acts));
    if has_made(&acts) || after == 0 {
        acts.extend([Link("current", next - 1), Remove("current")]);
    }
    acts.push(Make(next));
    acts
}

/// The directory, and what will be done to it.
#[derive(Clone)]
struct Model {
    names: BTreeMap<&'static str, File>,
    acts: Rc<[Act]>,
    /// How many acts were done, and how many are done before each look of svctl.
    done: usize,
    plan: [usize; LOOKS],
    looks: usize,
    /// Of the names that come or go during the listing, every bit says whether it has one.
    luck: usize,
    /// All logs that were removed.
    pruned: Vec<usize>,
}

/// The names of finished logs.
const LABELS: [&str; 8] = [
    "@400000000000000000000000.s",
    "@400000000000000000000001.s",
    "@400000000000000000000002.s",
    "@400000000000000000000003.s",
    "@400000000000000000000004.s",
    "@400000000000000000000005.s",
    "@400000000000000000000006.s",
    "@400000000000000000000007.s",
];

impl Model {
    fn act(&mut self) {
        let Some(act) = self.acts.get(self.done).cloned() else { return };
        self.done += 1;
        match act {
            Make(log) => drop(self.names.insert("current", (log, false))),
            Process(log) => drop(self.names.insert("processed", (log, true))),
            Link(from, log) => {
                if let Some(file) = self.names.get(from).copied() {
                    self.names.insert(LABELS[log], file);
                }
            }
            Rename(from, to) => {
                let file = self.names.remove(from).unwrap();
                self.names.insert(to, file);
            }
            Remove(name) => drop(self.names.remove(name)),
            Prune => {
                let oldest = self.names.keys().next().filter(|name| name.starts_with('@')).copied();
                if let Some((log, _)) = oldest.and_then(|name| self.names.remove(name)) {
                    self.pruned.push(log);
                }
            }
        }
    }

    /// multilog does what comes before the next look; what names there were from the last look on.
    fn go_on(&mut self) -> Vec<BTreeMap<&'static str, File>> {
        let count = self.plan.get(self.looks).copied().unwrap_or(0);
        self.looks += 1;
        let mut states = Vec::new();
        for _ in 0..count {
            states.push(self.names.clone());
            self.act();
        }
        states.push(self.names.clone());
        states
    }
}

struct Looked(RefCell<Model>);

impl Names for Looked {
    type Id = File;
    type File = File;
    type Error = ();

    fn open(&self, name: &'static [u8]) -> Option<File> {
        self.named(name)
    }

    fn id(file: &File) -> Option<File> {
        Some(*file)
    }

    fn has_one_name(&self, file: &File) -> bool {
        let mut model = self.0.borrow_mut();
        model.go_on();
        model.names.values().filter(|other| *other == file).count() <= 1
    }

    fn named(&self, name: &[u8]) -> Option<File> {
        let mut model = self.0.borrow_mut();
        // Names of finished logs are looked at in one go.
        if name[0] != b'@' {
            model.go_on();
        }
        model.names.get(str::from_utf8(name).unwrap()).copied()
    }

    fn list(&self) -> Result<Vec<Log>, ()> {
        let mut model = self.0.borrow_mut();
        let states = model.go_on();
        let all: BTreeSet<_> = states.iter().flat_map(|state| state.keys().copied()).collect();
        let mut luck = model.luck;
        let seen = all.into_iter().filter(|name| {
            if states.iter().all(|state| state.contains_key(name)) {
                return true;
            }
            let is_seen = luck % 2 == 1;
            luck /= 2;
            is_seen
        });
        Ok(seen.filter_map(|name| Log::finished(name.as_bytes())).collect())
    }
}

/// Checks what one look finds, if multilog does its steps by this plan.
fn check(model: Model) -> bool {
    let newest = model.names.values().map(|(log, _)| *log).max().unwrap();
    let looked = Looked(RefCell::new(model));
    let moment = glance(&looked).unwrap();
    if !moment.is_sure {
        return false;
    }
    let model = looked.0.into_inner();
    let number = |log: &Log| LABELS.iter().position(|name| name.as_bytes() == log.name);
    let mut logs: Vec<usize> = moment.finished.iter().map(|log| number(log).unwrap()).collect();
    logs.extend(moment.waiting.map(|(_, (log, _))| log));
    logs.extend(moment.current.map(|(log, _)| log));
    let last = logs.last().copied().unwrap_or(0).max(newest);
    let first = model.pruned.iter().max().map_or(0, |log| log + 1);
    let found: Vec<usize> = logs.iter().copied().filter(|log| *log >= first).collect();
    let expected: Vec<usize> = (first..=last).collect();
    assert!(logs.is_sorted_by(|one, other| one < other), "{logs:?}: {:?}", model.acts);
    assert_eq!(found, expected, "{:?}", model.acts);
    true
}

/// How many looks there are at most.
const LOOKS: usize = 8;

/// All ways to do at most `most` steps before the looks from this one on.
fn plans(look: usize, most: usize) -> Vec<[usize; LOOKS]> {
    if look == LOOKS {
        return vec![[0; LOOKS]];
    }
    let all = (0..=most).flat_map(|count| {
        let rest = plans(look + 1, most - count).into_iter();
        rest.map(move |mut plan| {
            plan[look] = count;
            plan
        })
    });
    all.collect()
}

#[test]
fn each_log_is_found_once_whatever_multilog_does_between_two_looks() {
    let mut ways = vec![
        [plain(2), plain(3)].concat(),
        [linkless(2), linkless(3)].concat(),
        [processed(2), processed(3)].concat(),
        // The rename is undone where no other `current` can be made, and multilog ends.
        vec![Rename("current", "previous"), Rename("previous", "current")],
    ];
    for acts in [plain(2), processed(2)] {
        ways.extend((0..acts.len()).map(|after| killed(2, acts.clone(), after)));
    }
    // What comes before the first look is done by then.
    let plans = plans(1, 4);
    let mut sure = 0;
    for acts in ways {
        let acts: Rc<[Act]> = acts.into();
        for before in 0..=acts.len() {
            let names = [(LABELS[0], 0), (LABELS[1], 1), ("current", 2)];
            let names = names.into_iter().map(|(name, log)| (name, (log, false))).collect();
            let (acts, plan, pruned) = (Rc::clone(&acts), [0; LOOKS], Vec::new());
            let mut model = Model { names, acts, done: 0, plan, looks: 0, luck: 0, pruned };
            (0..before).for_each(|_| model.act());
            for plan in &plans {
                // More steps than there are left are another plan.
                if before + plan.iter().sum::<usize>() > model.acts.len() {
                    continue;
                }
                for luck in 0..1 << (2 * plan[2].max(plan[3])).min(2) {
                    sure += usize::from(check(Model { plan: *plan, luck, ..model.clone() }));
                }
            }
        }
    }
    assert!(sure > 1000, "{sure}");
}

#[test]
fn only_names_that_multilog_gives_are_finished_logs() {
    let log = Log::finished(b"@4000000037c219c92ef02e94.s").unwrap();
    assert_eq!(log.end.map(Label::unix_seconds), Some(935_467_455));
    assert!(!log.is_cut() && Log::finished(b"@4000000037c219c92ef02e94.u").unwrap().is_cut());
    for name in
        ["@4000000037c219c92ef02e94", "@4000000037c219c92ef02e94.sx", "@x.s", "current", "state"]
    {
        assert_eq!(Log::finished(name.as_bytes()), None, "{name}");
    }
}
