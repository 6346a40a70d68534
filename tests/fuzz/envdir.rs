//! envdir on directories with any names and bytes: the environment is as the manual page says, or
//! one line says why it cannot be made.

use crate::random::{Random, runs};
use crate::scratch::{Said, Scratch};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::symlink;
use std::path::Path;

#[test]
fn any_tree_is_an_environment_or_a_line_of_complaint() {
    let mut random = Random::new(51);
    let (mut made, mut refused) = (0, 0);
    for run in 0..runs(50) {
        let scratch = Scratch::new();
        let tree = scratch.path().join("e");
        fs::create_dir(&tree).unwrap();
        for _ in 0..random.below(8) {
            plant(&mut random, &tree);
        }
        let before = [("A", "1"), ("b", "2"), ("PATH", "/usr/bin:/bin")];
        let expected = model(&tree, &before);
        let mut command = scratch.command("envdir");
        command.env_clear().envs(before).args(["e", "/usr/bin/env", "-0"]);
        let output = command.output().unwrap();
        match expected {
            Some(strings) => {
                let found = output.stdout.split(|byte| *byte == 0).map(<[u8]>::to_vec);
                let found: BTreeSet<Vec<u8>> = found.filter(|string| !string.is_empty()).collect();
                assert_eq!(found, strings, "run {run}: {:?}", Said::of(&output));
                assert!(output.stderr.is_empty() && output.status.success(), "run {run}");
                made += 1;
            }
            None => {
                let said = Said::of(&output);
                assert_eq!((said.code, said.out.as_str()), (Some(111), ""), "run {run}: {said:?}");
                assert!(said.err.starts_with("envdir: fatal: unable to read e"), "{said:?}");
                refused += 1;
            }
        }
    }
    assert!(made > 8 && refused > 5, "{made} made, {refused} refused are too few");
}

/// Makes an entry in the directory.
fn plant(random: &mut Random, tree: &Path) {
    let mut name = match random.below(4) {
        0 => random.bytes(6),
        _ => vec![random.one_of(b"AbC"); 1 + random.below(2)],
    };
    name.retain(|byte| !b"/\0=".contains(byte));
    if name.is_empty() || name == b"." || name == b".." {
        return;
    }
    let path = tree.join(OsString::from_vec(name));
    if path.symlink_metadata().is_ok() {
        return;
    }
    match random.below(16) {
        0 => fs::create_dir(path).unwrap(),
        1 => symlink("nowhere", path).unwrap(),
        2 => symlink("/etc/passwd", path).unwrap(),
        3 => symlink(path.file_name().unwrap(), &path).unwrap(),
        4 => {
            let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
            nix::unistd::mkfifo(&path, mode).unwrap();
        }
        kind => {
            let mut bytes = random.bytes(12);
            if kind > 10 {
                bytes.insert(0, random.one_of(b"x \t\n\0"));
                bytes.push(random.one_of(b" \t\n\0"));
            }
            fs::write(path, bytes).unwrap();
        }
    }
}

/// The resulting environment; `None` if something cannot be read.
fn model(tree: &Path, before: &[(&str, &str)]) -> Option<BTreeSet<Vec<u8>>> {
    let mut variables: Vec<(Vec<u8>, Vec<u8>)> = before
        .iter()
        .map(|(name, value)| (name.bytes().collect(), value.bytes().collect()))
        .collect();
    for entry in fs::read_dir(tree).unwrap() {
        let name = entry.unwrap().file_name();
        if name.as_bytes().starts_with(b".") {
            continue;
        }
        let value = value(&tree.join(&name))?;
        variables.retain(|(other, _)| OsStr::from_bytes(other) != name);
        variables.extend(value.map(|value| (name.into_vec(), value)));
    }
    let strings = variables.into_iter().map(|(name, value)| [&name[..], b"=", &value].concat());
    Some(strings.collect())
}

/// The contents of a file: a value, or none; `None` if it cannot be read.
fn value(path: &Path) -> Option<Option<Vec<u8>>> {
    use std::os::unix::fs::FileTypeExt;
    let is_fifo = fs::metadata(path).is_ok_and(|facts| facts.file_type().is_fifo());
    let bytes = match fs::read_dir(path) {
        Ok(_) => return None,
        // It has no writer: it is at its end.
        Err(_) if is_fifo => Vec::new(),
        Err(_) => match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Some(None),
            Err(_) => return None,
        },
    };
    if bytes.is_empty() {
        return Some(None);
    }
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap();
    let end = line.iter().rposition(|byte| !b" \t".contains(byte)).map_or(0, |last| last + 1);
    let value = line[..end].iter().map(|byte| if *byte == 0 { b'\n' } else { *byte });
    Some(Some(value.collect()))
}
