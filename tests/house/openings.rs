//! Which files may open the target of a link, and which have the names under which other users can
//! plant links.

use crate::rules::{Source, none, sources};

/// The files that may open what a link leads to, and what that is: what a user named, /dev, /proc,
/// and directories. What stands in `supervise/` or `.svscan/` may have been planted, and is opened
/// through `sys::entry`, which alone can open what it makes or finds there. (What stands last in
/// a line is for the reader.)
const FOLLOWS: [(&str, &[&str], &str); 41] = [
    ("account/mod.rs", &["Read"], "/etc/passwd, /etc/group"),
    ("cmd/envdir.rs", &["Read"], "a variable's file"),
    ("cmd/setlock.rs", &["Append"], "the file that the user named"),
    ("multilog/driver.rs", &["Append", "Write"], "=FILE"),
    ("multilog/input.rs", &["Write"], "/dev/null"),
    ("multilog/logdir.rs", &["Directory"], "a log directory"),
    ("reexec.rs", &["Write"], "/dev/null"),
    ("scandir/run_records.rs", &["Directory"], "/run"),
    ("scandir/scanner.rs", &["Directory"], "the scan directory"),
    ("service/stopping.rs", &["Read"], "what the admin wrote beside run"),
    ("supervise/pipe_ends.rs", &["Read", "Write"], "/proc"),
    ("svctl/beginning.rs", &["Directory"], "the directory of a file to be looked at"),
    ("svctl/doctor/around.rs", &["Directory"], "directories of inits"),
    ("svctl/doctor/logging.rs", &["Directory"], "a log directory"),
    ("svctl/doctor/stops.rs", &["Directory"], "a service directory"),
    ("svctl/look/logger.rs", &["Directory"], "a log directory"),
    ("svctl/look/mod.rs", &["Directory"], "a service directory"),
    ("svctl/place.rs", &["Directory"], "the scan directory"),
    ("svctl/show/page.rs", &["Directory"], "a service directory"),
    ("svctl/steer/task.rs", &["Directory"], "a service directory"),
    ("svctl/steer/watch.rs", &["Directory"], "a service directory"),
    ("svscan/adopted.rs", &["Directory"], "a service directory"),
    ("svscan/claim.rs", &["Read"], "/proc"),
    ("svscan/entry.rs", &["Directory"], "a service directory"),
    ("svscan/heir/pipes.rs", &["Read", "Write"], "/proc"),
    ("svscan/heir/retired.rs", &["Directory"], "a service directory"),
    ("svscanboot/beginning.rs", &["Directory", "Write"], "the scan directory, /dev"),
    ("svscanboot/driver.rs", &["Read", "Write"], "/dev/null"),
    ("svscanboot/erase_client.rs", &["Directory"], "the scan directory"),
    ("svscanboot/messages.rs", &["Read", "Write"], "/proc, /dev/null"),
    ("svscanboot/place.rs", &["Directory"], "the scan directory"),
    ("svscanboot/services.rs", &["Directory"], "a service directory"),
    ("svscanboot/status_client.rs", &["Directory"], "the scan directory"),
    ("svscanboot/stop_client.rs", &["Directory"], "the scan directory"),
    ("sys/directory.rs", &["Directory"], "a directory that is open already"),
    ("sys/proc/census.rs", &["Directory", "Read"], "/proc"),
    ("sys/proc/descriptors.rs", &["Directory", "Write"], "/proc"),
    ("sys/proc/mod.rs", &["Directory", "Read"], "/proc"),
    ("sys/proc/ports.rs", &["Read"], "/proc"),
    ("sys/proc/stat.rs", &["Read"], "/proc"),
    ("zone/mod.rs", &["Read"], "a time zone's file"),
];

/// Only the files in [`FOLLOWS`] open what a link leads to, and only as it says there.
fn following_breaches(source: &Source) -> Vec<String> {
    if source.path == "sys/descriptor.rs" {
        return Vec::new();
    }
    let allowed = FOLLOWS.iter().find(|(path, ..)| *path == source.path);
    let allowed = allowed.map_or(&[][..], |(_, purposes, _)| purposes);
    let follows = |line: &&String| {
        let named = line.split("Purpose::").skip(1).map(|rest| {
            rest.split(|byte: char| !byte.is_alphanumeric()).next().unwrap_or_default()
        });
        let mut named = named.filter(|purpose| *purpose != "DirectoryNoLink");
        named.any(|purpose| !allowed.contains(&purpose))
    };
    // No other name for the purposes, and no other way to open.
    let around = source.lines_with(&["Purpose as ", "Purpose::{", "fs::File", "fs::OpenOptions"]);
    let direct = source.lines_with(&["fs::read", "fs::write", "fs::copy", "openat(", "open_with("]);
    let is_gate = matches!(source.path.as_str(), "sys/entry.rs" | "sys/proc/boot.rs");
    let mut breaches: Vec<String> = around.chain(direct.filter(|_| !is_gate)).collect();
    let following = source.code.iter().filter(follows);
    breaches.extend(following.map(|line| format!("src/{}: {}", source.path, line.trim())));
    breaches
}

/// The names of what stands in `supervise/` and `.svscan/`, and who has them.
const ENTRIES: [&str; 15] = [
    "boot-lock",
    "boot-ok",
    "control",
    "journal",
    "lock",
    "messages",
    "messages.new",
    "ok",
    "pipes",
    "pipes.new",
    "scan-directory",
    "scan-directory.new",
    "status",
    "status.new",
    "stopped",
];
const NAMERS: [&str; 2] = ["service/entries.rs", "scandir/entries.rs"];

/// An entry is named in one place, so that no file opens it by a path, or follows a link that has
/// its name. Messages aside.
fn naming_breaches(source: &Source) -> Vec<String> {
    let path = source.path.as_str();
    // multilog's names are those of a log directory; those in a hand-over and options are of no
    // file.
    let has_others = matches!(path, "reexec.rs" | "cmd/svscanboot.rs");
    if NAMERS.contains(&path) || path.starts_with("multilog/") || has_others {
        return Vec::new();
    }
    let names = |line: &&String| {
        let literals = line.split("b\"").skip(1).filter_map(|rest| rest.split('"').next());
        let mut literals =
            literals.chain(line.split("c\"").skip(1).filter_map(|rest| rest.split('"').next()));
        literals.any(|text| {
            ENTRIES.contains(&text)
                || ["supervise/", "./supervise/", ".svscan/"].iter().any(|start| {
                    text.strip_prefix(start).is_some_and(|entry| ENTRIES.contains(&entry))
                })
        })
    };
    let follows = |line: &&String| line.contains("file::facts(") && line.contains("entries::");
    let is_message = |line: &&String| line.contains("b\"unable to ") || line.contains("warn_of_");
    let lines = source.code.iter().filter(|line| names(line) || follows(line));
    let lines = lines.filter(|line| !is_message(line));
    lines.map(|line| format!("src/{path}: {}", line.trim())).collect()
}

#[test]
fn what_others_may_have_planted_is_opened_by_entry_alone() {
    none(sources().iter().map(following_breaches).collect());
    none(sources().iter().map(naming_breaches).collect());
}

#[test]
fn the_list_of_files_that_follow_links_names_no_file_that_does_not() {
    let sources = sources();
    for (path, purposes, _) in FOLLOWS {
        let source = sources.iter().find(|source| source.path == path);
        let code = source.map(|source| source.code.concat()).unwrap_or_default();
        for purpose in purposes {
            let is_used = code.contains(&format!("Purpose::{purpose}"));
            assert!(is_used, "{path} opens nothing for {purpose} any more: take it off FOLLOWS");
        }
    }
}

#[test]
fn a_planted_breach_is_found() {
    let found = |path: &str, line: &str, rule: fn(&Source) -> Vec<String>| {
        !rule(&Source::new(path, line)).is_empty()
    };
    let path = "open(place, path, Purpose::Write)";
    assert!(found("service/presence.rs", path, following_breaches));
    assert!(found("cmd/envdir.rs", path, following_breaches));
    assert!(!found("cmd/envdir.rs", "open(HERE, name, Purpose::Read)", following_breaches));
    assert!(!found("service/x.rs", "open(a, b, Purpose::DirectoryNoLink)", following_breaches));
    assert!(found("service/x.rs", "use crate::sys::descriptor::Purpose as P;", following_breaches));
    assert!(found("scandir/x.rs", "std::fs::read(path)", following_breaches));
    assert!(found("sys/x.rs", "openat(place, name, OFlag::O_RDONLY)", following_breaches));
    assert!(found("svscan/x.rs", "file::facts(place, b\"supervise/lock\")", naming_breaches));
    assert!(found("service/x.rs", "entry::open(place, b\"ok\", read)", naming_breaches));
    assert!(found("service/x.rs", "file::facts(place, entries::OK)", naming_breaches));
    assert!(!found("cmd/svok.rs", "&[name, b\"/supervise/ok\"]", naming_breaches));
    let message = "&[b\"unable to acquire \", name, b\".svscan/lock\"]";
    assert!(!found("svscan/place.rs", message, naming_breaches));
}
