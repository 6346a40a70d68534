//! Runs both programs on one case and compares their results.

use crate::ORIGINAL;
use crate::case::Case;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// What is left of one directory.
#[derive(Debug, PartialEq, Eq)]
struct Log {
    /// All that was logged, labels made alike.
    bytes: Vec<u8>,
    /// The modes of `current` and `state`.
    modes: [u32; 2],
    /// Whether every old log is complete and marked so.
    are_whole: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Left {
    code: Option<i32>,
    alerts: Vec<u8>,
    statuses: Vec<Vec<u8>>,
    logs: Vec<Log>,
}

/// # Errors
/// What differs.
pub fn compare(case: &Case) -> Result<(), String> {
    let mut ours = Command::new(env!("CARGO_BIN_EXE_daemontools"));
    ours.arg("multilog");
    let (ours, our_lengths) = run(case, ours);
    let (theirs, their_lengths) = run(case, Command::new(ORIGINAL));
    if ours.code != theirs.code {
        return Err(format!("exit code {:?}, not {:?}", ours.code, theirs.code));
    }
    if ours.alerts != theirs.alerts {
        return Err("other alerts".to_owned());
    }
    if ours.statuses != theirs.statuses {
        return Err("other status files".to_owned());
    }
    for (index, (our, their)) in ours.logs.iter().zip(&theirs.logs).enumerate() {
        let (name, size) = &case.directories[index];
        if our != their {
            return Err(format!(
                "another log in {name}: {} bytes, {}",
                our.bytes.len(),
                their.bytes.len()
            ));
        }
        let expected = cuts(&our.bytes, *size);
        if our_lengths[index] != expected {
            return Err(format!("{name} is cut into {:?}, not {expected:?}", our_lengths[index]));
        }
        if let Some(long) = their_lengths[index].iter().find(|length| **length > size + 512) {
            return Err(format!(
                "0.76 itself left a log of {long} bytes: the rule is not what we think"
            ));
        }
    }
    Ok(())
}

/// The lengths of the logs that are complete, by the rule.
fn cuts(bytes: &[u8], size: u64) -> Vec<u64> {
    let (mut lengths, mut length) = (Vec::new(), 0);
    for byte in bytes {
        // A full log is rotated when more is to come.
        if length == size {
            lengths.push(length);
            length = 0;
        }
        length += 1;
        if *byte == b'\n' && length >= size - 2000 {
            lengths.push(length);
            length = 0;
        }
    }
    lengths
}

fn run(case: &Case, mut command: Command) -> (Left, Vec<Vec<u64>>) {
    let place = tempfile::tempdir().unwrap();
    command.args(&case.script).current_dir(place.path());
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let pieces = case.pieces.clone();
    let writer = std::thread::spawn(move || {
        for piece in pieces {
            input.write_all(&piece).unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let has_labels = case.script[0] == "t";
    let (mut logs, mut lengths) = (Vec::new(), Vec::new());
    for (name, _) in &case.directories {
        let (log, old) = look(&place.path().join(name), has_labels);
        logs.push(log);
        lengths.push(old);
    }
    let status = |name: &String| {
        let bytes = fs::read(place.path().join(name)).unwrap();
        if has_labels { alike(bytes) } else { bytes }
    };
    let alerts = if has_labels { alike(output.stderr) } else { output.stderr };
    let statuses = case.statuses.iter().map(status).collect();
    (Left { code: output.status.code(), alerts, statuses, logs }, lengths)
}

fn look(place: &Path, has_labels: bool) -> (Log, Vec<u64>) {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let entries = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    let (mut bytes, mut lengths, mut are_whole) = (Vec::new(), Vec::new(), true);
    for name in names.iter().filter(|name| name.starts_with('@')) {
        let path = place.join(name);
        let log = fs::read(&path).unwrap();
        are_whole &= name.ends_with(".s") && mode(&path) == 0o744;
        lengths.push(log.len() as u64);
        bytes.extend(log);
    }
    bytes.extend(fs::read(place.join("current")).unwrap());
    let modes = ["current", "state"].map(|name| mode(&place.join(name)));
    (Log { bytes: if has_labels { alike(bytes) } else { bytes }, modes, are_whole }, lengths)
}

/// The label at the beginning of each line made the same in all.
fn alike(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut start = 0;
    while start < bytes.len() {
        let end = bytes[start..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(bytes.len(), |at| start + at);
        if bytes[start..end].len() > 24 && bytes[start] == b'@' {
            bytes[start + 1..start + 25].fill(b'0');
        }
        start = end + 1;
    }
    bytes
}
