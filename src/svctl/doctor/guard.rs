//! The look at who can write what supervise runs.

use super::finding::Finding;
use super::look::Case;
use super::safety::{self, Place};
use crate::beginning::beginning;
use crate::place;
use daemontools_rs::sys::descriptor::HERE;
use daemontools_rs::sys::process::Pid;
use daemontools_rs::sys::{file, proc};

/// The finding about what other users can write of a service: its directory, its run, and the
/// directories above them. `met`: the directories that earlier services had above them; each is
/// judged once.
#[must_use]
pub fn judge(case: &Case<'_>, met: &mut Vec<Vec<u8>>) -> Option<Finding> {
    // Without a supervise nothing is run, so nothing is wrong.
    let [user, ..] = case.supervise.and_then(proc::users_of)?;
    let mut places = Vec::new();
    let run = place::real(&case.run_path());
    add(&case.base, false, &mut places);
    if let Some(run) = &run {
        add(run, false, &mut places);
    }
    // The directories above a logger's are those above its service's.
    if !case.service.target.name.ends_with(b"/log") {
        for above in above(&case.base) {
            if !met.iter().any(|other| other == above) {
                met.push(above.to_vec());
                add(above, true, &mut places);
            }
        }
    }
    safety::judge(Some(&case.service.target.name), user, &places)
}

/// The finding about what other users can write of the scan directory in which process `svscan`
/// works: a user who can make a link there chooses a program that svscan's user runs.
#[must_use]
pub fn of_scan(path: &[u8], svscan: Pid) -> Option<Finding> {
    let [user, ..] = proc::users_of(svscan)?;
    let path = place::real(path)?;
    let mut places = Vec::new();
    add(&path, false, &mut places);
    for above in above(&path) {
        add(above, true, &mut places);
    }
    safety::judge(None, user, &places)
}

fn add(path: &[u8], is_above: bool, places: &mut Vec<Place>) {
    if let Ok(facts) = file::facts(HERE, path) {
        let (owner, group, mode) = (facts.owner, facts.group, facts.mode);
        let text = |path: &[u8]| beginning(path).unwrap_or_default();
        let has_members = group != 0
            && mode & 0o020 != 0
            && safety::has_members(group, &text(b"/etc/group"), &text(b"/etc/passwd"));
        let path = path.to_vec();
        places.push(Place { path, owner, group, has_members, mode, is_above });
    }
}

/// The directories above a path, but for the root.
fn above(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = path.iter().enumerate().filter(|(place, byte)| *place > 0 && **byte == b'/');
    ends.filter_map(|(place, _)| path.get(..place))
}
