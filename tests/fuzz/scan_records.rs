//! Records in `.svscan` of any bytes, and other entries with their names: a record that is not
//! whole, or of another boot, counts as missing, and can be written anew.

use crate::random::{Random, runs};
use crate::scratch::Scratch;
use daemontools_rs::scandir::pipe_records::{Key, PipeRecords};
use daemontools_rs::scandir::{ScanRecords, mark, message_record};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;

fn records(scratch: &Scratch) -> ScanRecords {
    scratch.directory_at("scan");
    let scan = File::open(scratch.path().join("scan")).unwrap();
    ScanRecords::open_or_make(scan.as_fd()).unwrap()
}

/// Replaces a record by random bytes, or by something that is no file.
fn plant(scratch: &Scratch, random: &mut Random, name: &str, bytes: &[u8]) -> bool {
    let path = scratch.path().join("scan/.svscan").join(name);
    let _ = fs::remove_file(&path);
    let is_file = random.below(8) > 0;
    if is_file {
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    } else {
        match random.below(3) {
            0 => symlink("/dev/zero", &path).unwrap(),
            1 => scratch.fifo(&format!("scan/.svscan/{name}")),
            // Nothing that is worth reading.
            _ => File::create(&path).unwrap().set_len(1 << 40).unwrap(),
        }
    }
    is_file
}

#[test]
fn the_record_of_the_pipes_is_read_as_far_as_it_is_whole() {
    let scratch = Scratch::new();
    let records = records(&scratch);
    drop(PipeRecords::open(&records).0);
    let path = scratch.path().join("scan/.svscan/pipes");
    let header = fs::read(&path).unwrap();
    let mut random = Random::new(41);
    let mut known = 0;
    for run in 0..runs(250) {
        let mut bytes = header.clone();
        for _ in 0..random.below(6) {
            let number = |random: &mut Random| random.one_of(&[0, 1, 2, 3, u64::MAX]).to_le_bytes();
            bytes.extend((0..3).flat_map(|_| number(&mut random)));
        }
        if random.below(3) == 0 {
            random.mutate(&mut bytes);
        }
        let is_file = plant(&scratch, &mut random, "pipes", &bytes);
        let mut expected: BTreeMap<Key, u64> = BTreeMap::new();
        if is_file && let Some(rest) = bytes.strip_prefix(header.as_slice()) {
            for record in rest.chunks_exact(24) {
                let number = |at| u64::from_le_bytes(record[at..at + 8].try_into().unwrap());
                expected.insert((number(0), number(8)), number(16));
            }
            expected.retain(|_, pipe| *pipe != u64::MAX);
        }
        let mut found = PipeRecords::open(&records).0;
        assert!(found.services().eq(expected.keys().copied()), "run {run}");
        for (service, pipe) in &expected {
            assert_eq!(found.get(*service), Some(*pipe).filter(|pipe| *pipe != 0), "run {run}");
        }
        known += expected.len();
        // A record can be written in any case.
        found.put((7, 8), 9).unwrap();
        assert_eq!(PipeRecords::open(&records).0.get((7, 8)), Some(9), "run {run}");
    }
    assert!(known > 150, "{known} services are too few");
}

#[test]
fn a_mark_or_a_message_pipe_of_other_bytes_is_none() {
    let scratch = Scratch::new();
    let records = records(&scratch);
    let mut random = Random::new(42);
    let read = |name: &str| fs::read(scratch.path().join("scan/.svscan").join(name)).unwrap();
    mark::put(&records).unwrap();
    message_record::put(&records, 5).unwrap();
    let (stopped, messages) = (read("stopped"), read("messages"));
    for run in 0..runs(250) {
        let mut bytes = stopped.clone();
        random.mutate(&mut bytes);
        let is_file = plant(&scratch, &mut random, "stopped", &bytes);
        let found = mark::is_there(&records);
        // A longer mark is valid, and so is one whose boot cannot be compared.
        if is_file && bytes.starts_with(&stopped) {
            assert!(found, "run {run}");
        } else if is_file && bytes.len() < stopped.len() {
            assert!(!found, "run {run}");
        }
        let mut bytes = messages.clone();
        random.mutate(&mut bytes);
        let is_file = plant(&scratch, &mut random, "messages", &bytes);
        let found = message_record::get(&records);
        if is_file && bytes.starts_with(&messages) {
            assert_eq!(found, Some(5), "run {run}");
        } else if !is_file || bytes.len() < messages.len() {
            assert_eq!(found, None, "run {run}");
        }
        mark::put(&records).unwrap();
        message_record::put(&records, 5).unwrap();
        assert!(mark::is_there(&records) && message_record::get(&records) == Some(5));
    }
}
