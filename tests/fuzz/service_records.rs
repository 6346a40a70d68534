//! `supervise/status` and `supervise/journal` of any bytes: svstat prints a line for each,
//! supervise and svscan believe only whole records, and signal no process because of another.

use crate::random::{Random, runs};
use crate::scratch::{Scratch, end_of, is_alive, kill, wait_for};
use daemontools_rs::service::onlooker::{has_left, recorded_service, recorded_supervise};
use daemontools_rs::service::records::Records;
use daemontools_rs::service::status::{self, ReadError, SIZE, Status};
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

fn status_bytes(random: &mut Random) -> Vec<u8> {
    let mut bytes = b"\x40\0\0\0\x37\xc2\x19\xbf\x2e\xf0\x2e\x94\x04\x03\x02\x01\x01d".to_vec();
    match random.below(4) {
        0 => bytes = random.bytes(40),
        1 => bytes.truncate(random.below(SIZE)),
        _ => random.mutate(&mut bytes),
    }
    bytes
}

#[test]
fn any_18_bytes_are_a_status_and_fewer_are_none() {
    let scratch = Scratch::new();
    scratch.directory_at("a/supervise");
    let service = File::open(scratch.path().join("a")).unwrap();
    let records = Records::find(service.as_fd()).unwrap();
    let mut random = Random::new(21);
    for run in 0..runs(400) {
        let bytes = status_bytes(&mut random);
        scratch.write("a/supervise/status", &bytes);
        let expected = match bytes.first_chunk::<SIZE>() {
            Some(first) => Ok(Status::from_bytes(*first)),
            None => Err(ReadError::BadFormat),
        };
        assert_eq!(status::read(&records), expected, "run {run}: {}", bytes.escape_ascii());
    }
}

/// Whether a line of svstat has a form in the manual page.
fn is_line(text: &str) -> bool {
    if text == "unable to read supervise/status: bad format" {
        return true;
    }
    let rest = match text.strip_prefix("up (pid ") {
        Some(rest) => rest.split_once(") ").filter(|(pid, _)| pid.parse::<u32>().is_ok()),
        None => text.split_once(' ').filter(|(state, _)| *state == "down"),
    };
    let Some((_, rest)) = rest else { return false };
    let Some((seconds, rest)) = rest.split_once(" seconds") else { return false };
    let mut suffixes = rest.split(", ").skip(1);
    let known = ["normally up", "normally down", "paused", "want up", "want down"];
    seconds.parse::<u64>().is_ok() && suffixes.all(|suffix| known.contains(&suffix))
}

#[test]
fn svstat_has_a_line_for_any_status() {
    let mut random = Random::new(22);
    let scratch = Scratch::new();
    let names: Vec<String> = (0..100).map(|number| format!("s{number}")).collect();
    for _ in 0..runs(3) {
        for name in &names {
            scratch.directory_at(&format!("{name}/supervise"));
            // A regular file counts as running.
            scratch.write(&format!("{name}/supervise/ok"), b"");
            let status = status_bytes(&mut random);
            scratch.write(&format!("{name}/supervise/status"), &status);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let said = scratch.run("svstat", &names);
        assert_eq!((said.code, said.err.as_str(), said.out.lines().count()), (Some(0), "", 100));
        for (line, name) in said.out.lines().zip(names) {
            let text = line.strip_prefix(&format!("{name}: "));
            assert!(text.is_some_and(is_line), "{line}");
        }
    }
}

/// A service whose supervise was killed, and its journal.
fn left_behind(scratch: &Scratch) -> (u32, Vec<u8>) {
    scratch.service("a", "echo >>../starts\nexec sleep 1000");
    let mut supervise = scratch.start("supervise", &["a"]);
    let pid = scratch.pid("a");
    wait_for("the service", || scratch.lines("starts") == 1);
    kill(supervise.id(), "KILL");
    end_of(&mut supervise);
    (pid, fs::read(scratch.path().join("a/supervise/journal")).unwrap())
}

/// FNV-1a, as at the end of each slot.
fn checksum(bytes: &[u8]) -> [u8; 8] {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step).to_le_bytes()
}

/// How long a slot is, found by the checksum at its end.
fn slot_length(slot: &[u8]) -> Option<usize> {
    (16..slot.len()).find(|&length| slot[length - 8..length] == checksum(&slot[..length - 8]))
}

/// Writes over the file as it is: owner, mode and names stay.
fn overwrite(scratch: &Scratch, bytes: &[u8]) {
    let journal = File::options().write(true).open(scratch.path().join("a/supervise/journal"));
    let journal = journal.unwrap();
    journal.write_all_at(bytes, 0).unwrap();
    journal.set_len(bytes.len() as u64).unwrap();
}

#[test]
fn a_journal_is_believed_where_a_slot_is_whole_and_the_bytes_of_a_forged_one_harm_nobody() {
    let scratch = Scratch::new();
    let (pid, journal) = left_behind(&scratch);
    let half = journal.len() / 2;
    let slots: Vec<(usize, usize)> = [0, half]
        .into_iter()
        .filter_map(|at| Some((at, slot_length(&journal[at..at + half])?)))
        .collect();
    assert!(!slots.is_empty(), "no slot was found");
    let directory = File::open(scratch.path().join("a")).unwrap();
    let service = || recorded_service(directory.as_fd()).map(|identity| identity.pid);
    assert_eq!((service(), has_left(directory.as_fd())), (Some(pid), Some(false)));
    let mut random = Random::new(23);
    let (mut believed, mut forged) = (0, 0);
    for run in 0..runs(1500) {
        let mut bytes = journal.clone();
        let is_forged = random.below(2) == 0;
        if is_forged {
            // Any fields, and the checksum that goes with them.
            for &(at, length) in &slots {
                let slot = &mut bytes[at..at + length];
                for _ in 0..=random.below(4) {
                    slot[random.below(length - 8)] = random.byte();
                }
                let sum = checksum(&slot[..length - 8]);
                slot[length - 8..].copy_from_slice(&sum);
            }
        } else if random.below(4) == 0 {
            random.mutate(&mut bytes);
        } else {
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                bytes[at] = random.byte();
            }
        }
        overwrite(&scratch, &bytes);
        let found = has_left(directory.as_fd());
        let is_whole = |&(at, length): &(usize, usize)| {
            bytes.len() == journal.len() && bytes[at..at + length] == journal[at..at + length]
        };
        if !is_forged {
            assert_eq!(found.is_some(), slots.iter().any(is_whole), "run {run}");
        }
        believed += usize::from(found.is_some());
        forged += usize::from(is_forged && found.is_some());
        // The process that it names must run.
        for pid in [service(), recorded_supervise(directory.as_fd()).map(|it| it.pid)] {
            assert!(pid.is_none_or(is_alive), "run {run}");
        }
    }
    assert!(believed > 100 && forged > 20, "{believed} believed, {forged} forged are too few");
}

#[test]
fn a_supervise_that_finds_any_journal_goes_on_and_touches_nobody() {
    let scratch = Scratch::new();
    let (pid, journal) = left_behind(&scratch);
    let mut innocent = scratch.command("/bin/sleep").arg("1000").spawn().unwrap();
    let mut random = Random::new(24);
    for run in 0..runs(12) {
        let mut bytes = journal.clone();
        for _ in 0..=random.below(3) {
            random.mutate(&mut bytes);
        }
        overwrite(&scratch, &bytes);
        let mut supervise = scratch.start("supervise", &["a"]);
        wait_for("it to listen", || scratch.is_running("a"));
        scratch.svc("-c", "a");
        assert!(supervise.try_wait().unwrap().is_none(), "run {run}");
        kill(supervise.id(), "KILL");
        end_of(&mut supervise);
        assert!(is_alive(pid) && innocent.try_wait().unwrap().is_none(), "run {run}");
    }
    innocent.kill().unwrap();
    std::io::stdout().flush().unwrap();
}
