//! The look at who can write what supervise runs.

use super::finding::Finding;
use super::look::Case;
use super::safety::{self, Place};
use crate::place;
use daemontools_rs::sys::descriptor::HERE;
use daemontools_rs::sys::{file, proc};

/// What another user can write of a service: its directory, its run, and what leads to them.
#[must_use]
pub fn judge(case: &Case<'_>) -> Option<Finding> {
    // Only what a supervise runs is run.
    let [user, ..] = case.supervise.and_then(proc::users_of)?;
    let mut places = Vec::new();
    let run = place::real(&case.run_path());
    add(&case.base, false, &mut places);
    if let Some(run) = &run {
        add(run, false, &mut places);
    }
    // A logger's way is its service's.
    if !case.service.target.name.ends_with(b"/log") {
        for above in above(&case.base) {
            add(above, true, &mut places);
        }
    }
    safety::judge(&case.service.target.name, user, &places)
}

fn add(path: &[u8], is_above: bool, places: &mut Vec<Place>) {
    if let Ok(facts) = file::facts(HERE, path) {
        let (owner, group, mode) = (facts.owner, facts.group, facts.mode);
        places.push(Place { path: path.to_vec(), owner, group, mode, is_above });
    }
}

/// The directories above a path, but for the root.
fn above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = path.iter().enumerate().filter(|(place, byte)| *place > 0 && **byte == b'/');
    ends.filter_map(|(place, _)| path.get(..place))
}
