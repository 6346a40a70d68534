//! Runs every step of every case, several at the same time, because each is mostly waiting.

use crate::case::{Case, attempt};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::Instant;

/// How many attempts run at a time.
const WORKERS: usize = 10;
/// More steps than any case has.
const MANY: usize = 5000;
/// How many failures of a case are printed.
const TOLD: usize = 5;

thread_local! {
    /// Where this thread's last panic was.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

#[derive(Default)]
struct Book {
    /// Steps yet to be tried, by case.
    open: Vec<(usize, usize)>,
    tallies: BTreeMap<usize, Tally>,
}

#[derive(Default)]
struct Tally {
    steps: usize,
    passed: usize,
    failed: usize,
}

/// Tries all steps. Returns how many passed and how many failed.
pub fn run(cases: Vec<Case>) -> (usize, usize) {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        PLACE.with(|last| *last.borrow_mut() = place);
    }));
    let begun = Instant::now();
    let book = Mutex::new(Book::default());
    // The first attempt of each case runs to its end, to count its steps.
    let whole = Mutex::new((0..cases.len()).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let step = { book.lock().unwrap().open.pop() };
                    if let Some((index, step)) = step {
                        let result = guarded(&cases[index], step).map(|_| ());
                        note(&book, &cases, index, step, result);
                        continue;
                    }
                    let Some(index) = ({ whole.lock().unwrap().pop() }) else { break };
                    let result = guarded(&cases[index], MANY);
                    if let Ok(steps) = result {
                        let mut book = book.lock().unwrap();
                        book.tallies.entry(index).or_default().steps = steps;
                        book.open.extend((0..steps).map(|step| (index, step)));
                    }
                    note(&book, &cases, index, MANY, result.map(|_| ()));
                }
            });
        }
    });
    let book = book.into_inner().unwrap();
    let (mut passed, mut failed) = (0, 0);
    for (index, tally) in &book.tallies {
        let kept = if tally.failed == 0 { "ok" } else { "FAILED" };
        println!("{kept}: {}: {} steps", cases[*index].name, tally.steps);
        passed += tally.passed;
        failed += tally.failed;
    }
    println!("in {} seconds", begun.elapsed().as_secs());
    (passed, failed)
}

fn note(book: &Mutex<Book>, cases: &[Case], index: usize, step: usize, result: Result<(), String>) {
    let mut book = book.lock().unwrap();
    let tally = book.tallies.entry(index).or_default();
    match result {
        Ok(()) => tally.passed += 1,
        Err(why) => {
            tally.failed += 1;
            if tally.failed <= TOLD {
                println!("FAILED: {} at step {step}: {why}", cases[index].name);
            }
        }
    }
}

/// One attempt. Returns how many steps there were, or what failed.
fn guarded(case: &Case, step: usize) -> Result<usize, String> {
    match catch_unwind(AssertUnwindSafe(|| attempt(case, step))) {
        Ok(struck) => Ok(struck.steps),
        Err(panic) => {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
            let why = words.unwrap_or("it panicked").replace('\n', " ");
            Err(format!("{why} ({})", PLACE.with(|last| last.borrow().clone())))
        }
    }
}
