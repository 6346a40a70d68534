//! Counts the promises kept.

use super::scratch::{Scratch, commands};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;

/// Where the last panic was; its words come with the panic itself.
static PLACE: Mutex<String> = Mutex::new(String::new());

pub struct Tally {
    /// Only promises that contain this are tried.
    part: String,
    passed: usize,
    failed: usize,
    left_out: BTreeMap<String, usize>,
}

impl Tally {
    pub fn new(part: &str) -> Self {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            *PLACE.lock().unwrap() = place;
        }));
        Self { part: part.to_owned(), passed: 0, failed: 0, left_out: BTreeMap::new() }
    }

    /// Tries one promise in a place of its own, with what `names` names; an assertion that fails
    /// breaks it.
    pub fn promise(&mut self, names: &[&str], promise: &str, check: fn(&Scratch)) {
        if !promise.contains(&self.part) {
            return;
        }
        // A command that is not built yet promises nothing.
        if let Some(name) = names.iter().find(|name| !commands().join(name).exists()) {
            *self.left_out.entry((*name).to_owned()).or_insert(0) += 1;
            return;
        }
        match catch_unwind(AssertUnwindSafe(|| {
            let scratch = Scratch::new();
            check(&scratch);
        })) {
            Ok(()) => {
                self.passed += 1;
                println!("ok: {promise}");
            }
            Err(panic) => {
                self.failed += 1;
                let words = panic.downcast_ref::<String>().map(String::as_str);
                let words = words.or_else(|| panic.downcast_ref::<&str>().copied());
                let why = words.unwrap_or("it panicked").replace('\n', " ");
                println!("FAILED: {promise}: {why} ({})", PLACE.lock().unwrap());
            }
        }
    }

    /// The last line.
    pub fn sum(&self) -> ExitCode {
        for (name, count) in &self.left_out {
            println!("left out: {count} for want of {name}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 && self.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
