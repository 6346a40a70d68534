//! Waits for the end of a foreign svscan: 0.76's, which does not use the lock.

use super::SVSCAN;
use super::claim::ScanClaim;
use crate::error::Exit;
use crate::scandir::scanner::STOP_SIGNAL;
use crate::scandir::word::Word;
use crate::sys::descriptor::HERE;
use crate::sys::signal::{SIGINT, SIGTERM, Signals};
use crate::sys::{clock, file, poll, proc, process};
use core::time::Duration;
use std::os::fd::AsFd;

/// Time between two looks for a foreign svscan.
const LOOK: Duration = Duration::from_secs(1);

/// Waits while a foreign svscan works in the scan directory, and warns of it once. If TERM or
/// svscanboot asks for the orderly stop meanwhile, we end and leave the services of the foreign
/// svscan alone.
///
/// # Errors
/// The exit code, if we were asked to stop.
pub fn wait_for(name: Option<&[u8]>, signals: &Signals, claim: &ScanClaim) -> Result<(), Exit> {
    let Ok(here) = file::facts(HERE, b".") else { return Ok(()) };
    let us = process::our_pid();
    let mut has_warned = false;
    while let Some(pid) = proc::workers_in(&here, b"svscan").into_iter().find(|&pid| pid != us) {
        if !has_warned {
            has_warned = true;
            let pid = pid.to_string();
            let name = name.unwrap_or(b".");
            let text: &[&[u8]] = &[b"another svscan (pid ", pid.as_bytes(), b") scans ", name];
            SVSCAN.warning(&[text, &[b", waiting until it is gone"]].concat());
        }
        let until = clock::monotonic().saturating_add(LOOK);
        let mut watched = vec![poll::readable(signals.as_fd())];
        watched.extend(claim.control.as_ref().map(|control| poll::readable(control.as_fd())));
        if poll::wait(&mut watched, Some(until)).is_err() {
            // poll fails only when the kernel lacks memory, and that may pass.
            poll::pause(LOOK);
        }
        let (mut is_asked, mut is_wanted) = (false, false);
        while let Some(signal) = signals.next() {
            is_asked |= matches!(signal, SIGTERM | SIGINT | STOP_SIGNAL);
        }
        while let Some(word) = claim.next_word() {
            is_asked |= matches!(word, Word::Stop | Word::Hurry);
            // The last word decides.
            is_wanted = word == Word::Wanted;
        }
        if is_asked {
            if !is_wanted {
                claim.mark_stopped();
            }
            return Err(Exit::SUCCESS);
        }
    }
    Ok(())
}
