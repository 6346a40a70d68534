//! Words that look like options, for commands of 0.76 that take only directories.

use crate::scratch::{Said, Scratch, only_ours};

const COMMANDS: [(&str, &[&str], &str); 8] = [
    ("svstat", &[], "svstat: usage: svstat [dir ...]"),
    ("svok", &[], "svok: usage: svok dir"),
    ("svscan", &[], "svscan: usage: svscan [--stop-on-term] [dir]"),
    ("svscan", &["--stop-on-term"], "svscan: usage: svscan [--stop-on-term] [dir]"),
    ("supervise", &[], "supervise: usage: supervise dir"),
    ("envdir", &[], "envdir: usage: envdir dir child"),
    (
        "svscanboot",
        &[],
        "svscanboot: usage: svscanboot [--fallback | --stop | --status | --reexec] [dir]",
    ),
    (
        "svscanboot",
        &["--fallback"],
        "svscanboot: usage: svscanboot [--fallback | --stop | --status | --reexec] [dir]",
    ),
];

#[test]
fn the_version_is_told_and_what_is_no_option_is_wrong_use() {
    if !only_ours("0.76 takes every word for a directory") {
        return;
    }
    let scratch = Scratch::new();
    scratch.write("-file", b"");
    let version = Said::text(concat!("daemontools-rs ", env!("CARGO_PKG_VERSION"), "\n"));
    for (name, options, usage) in COMMANDS {
        let run = |word: &str| scratch.run(name, &[options, &[word]].concat());
        assert_eq!(run("--version"), version, "{name} {options:?}");
        for word in ["--help", "--foo", "-x", "-l", "--", "-file"] {
            assert_eq!(run(word), Said::complaint(100, usage), "{name} {options:?} {word}");
        }
    }
}

#[test]
fn a_directory_of_that_name_is_a_directory() {
    let scratch = Scratch::new();
    for name in ["-x", "--version", "--help"] {
        scratch.directory_at(name);
        scratch.write(&format!("{name}/V"), b"value\n");
        let expected = format!("{name}: unable to open supervise/ok: file does not exist\n");
        assert_eq!(scratch.run("svstat", &[name]), Said::text(&expected));
        assert_eq!(scratch.run("svok", &[name]), Said::exit(100));
        let said = scratch.run("envdir", &[name, "printenv", "V"]);
        assert_eq!(said, Said::text("value\n"));
    }
    // After the first directory all words are directories, and a lone dash always is one.
    let said = scratch.run("svstat", &["-x", "--none", "-"]);
    assert_eq!(said.out.lines().last(), Some("-: unable to chdir: file does not exist"));
    assert_eq!((said.out.lines().count(), said.code), (3, Some(0)));
}

#[test]
fn a_service_of_such_a_name_is_supervised_and_goes_on_after_hup() {
    let scratch = Scratch::new();
    scratch.service("-x", "exec sleep 1000");
    let supervise = scratch.start("supervise", &["-x"]);
    let pid = scratch.pid("-x");
    if only_ours("0.76 dies of HUP") {
        crate::scratch::kill(supervise.id(), "HUP");
        // The new image reads the byte.
        scratch.svc("-t", "./-x");
        crate::scratch::wait_for("another process", || scratch.pid("-x") != pid);
        assert_eq!(scratch.errors(), "");
    }
}
