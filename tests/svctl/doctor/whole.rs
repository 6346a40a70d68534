//! A healthy scan directory, and how findings are said.

use super::{finds, is_well, names, report};
use crate::scratch::wait_for;
use crate::stage::{ENDS, STAYS, Stage};
use std::fs;
use std::path::Path;

const MULTILOG: &str = "exec multilog t s1000000 n20 ./main";

/// Run scripts of the usual shapes.
const SHAPES: [&str; 20] = [
    "exec sleep 1000",
    "exec 2>&1\nexec sleep 1000",
    "while :; do sleep 1; done",
    "while true\ndo\n  date >/dev/null\n  sleep 5\ndone",
    "exec 2>&1\nwhile :; do date; sleep 1; done",
    "PATH=/usr/local/bin:/usr/bin:/bin; export PATH\nexec sleep 1000",
    "cd / || exit 1\nexec sleep 1000",
    "trap 'kill $child; exit 0' TERM\nsleep 1000 &\nchild=$!\nwait $child",
    "[ -x /none/of/that ] && exec /none/of/that\nexec sleep 1000",
    "if [ -e /none ]; then exec /none; fi\nexec sleep 1000",
    "case $0 in *x) exec /none;; esac\nexec sleep 1000",
    "exec env A=1 B=2 sleep 1000",
    "ulimit -c 0\numask 022\nexec nice -n 5 sleep 1000",
    "exec softlimit -m 100000000 sleep 1000",
    "mkdir -p env\necho 1 >env/X\nexec envdir ./env sleep 1000",
    "exec setlock -n ./locked sleep 1000",
    "exec </dev/null >/dev/null 2>&1\nexec pgrphack sleep 1000",
    "for time in 1 2 3; do :; done\nsleep 0.1\nexec sleep 1000",
    "while read -r line; do echo \"$line\"; done </dev/null\nexec fghack sleep 1000",
    "set -eu\n: \"${HOME:=/}\"\nexec \"$(command -v sleep)\" 1000",
];

#[test]
fn fifty_services_of_the_usual_shapes_have_no_finding() {
    let stage = Stage::empty();
    stage.scratch.directory_at("programs");
    stage.scratch.script("programs/nginx", "exec sleep 1000");
    let mut made = 0;
    for (number, shape) in SHAPES.iter().enumerate() {
        // Each with a logger and without one.
        for is_logged in [false, true] {
            let name = format!("s{number}{}", if is_logged { "-logged" } else { "" });
            stage.scratch.service(&format!("d/{name}"), shape);
            if is_logged {
                stage.scratch.service(&format!("d/{name}/log"), MULTILOG);
            }
            stage.link(&name);
            made += 1;
        }
    }
    // Our samples, and nginx as README sets it up.
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/services");
    for sample in fs::read_dir(samples).unwrap() {
        let sample = sample.unwrap().path();
        let name = sample.file_name().unwrap().to_str().unwrap().to_owned();
        let there = stage.scratch.path().join("d").join(&name);
        let said = std::process::Command::new("cp").arg("-R").arg(&sample).arg(&there).status();
        assert!(said.unwrap().success());
        // nginx runs its logger under an account of its own.
        fs::create_dir_all(there.join("log/main")).unwrap();
        let run = fs::read_to_string(there.join("log/run")).unwrap();
        if run.contains("setuidgid nobody") && !nix::unistd::geteuid().is_root() {
            stage.scratch.script(&format!("d/{name}/log/run"), MULTILOG);
        } else if run.contains("setuidgid nobody") {
            let mut chown = std::process::Command::new("chown");
            assert!(chown.arg("nobody").arg(there.join("log/main")).status().unwrap().success());
            // The services are below our scratch directory, which belongs to us alone.
            open_the_way(&stage);
        }
        stage.link(&name);
        made += 1;
    }
    // These: a `run` that is a link, a program instead of a script, a service with `down`, a
    // service that was stopped, a job that ran once, a service with `kill-group`, a job that
    // supervise repeats, and a service in the scan directory itself.
    stage.scratch.script("common", "exec sleep 1000");
    stage.scratch.directory_at("d/linked");
    std::os::unix::fs::symlink("../../common", stage.scratch.path().join("d/linked/run")).unwrap();
    stage.link("linked");
    stage.scratch.directory_at("d/program");
    std::os::unix::fs::symlink("/usr/bin/yes", stage.scratch.path().join("d/program/run")).unwrap();
    stage.scratch.service("d/program/log", "exec sleep 1000");
    stage.link("program");
    stage.add("marked", "exec /none/of/that");
    stage.scratch.write("d/marked/down", b"");
    stage.add("stopped", STAYS);
    stage.scratch.service("d/stopped/log", MULTILOG);
    stage.add("once", "exit 0");
    stage.scratch.write("d/once/down", b"");
    stage.add("killed-group", "exec sleep 1000");
    stage.scratch.write("d/killed-group/kill-group", b"");
    stage.add("job", "date >/dev/null\nsleep 2");
    stage.scratch.service("inside", STAYS);
    fs::rename(stage.scratch.path().join("inside"), stage.of_service("inside")).unwrap();
    // Entries that svscan ignores.
    stage.scratch.write("s/README", b"what stands here\n");
    stage.scratch.write("s/.hidden", b"");
    made += 8;
    assert!(made >= 50, "{made}");
    let mut stage = stage;
    let path = format!(
        "{}:{}:/usr/bin:/bin",
        stage.shown("programs"),
        crate::scratch::commands().display()
    );
    let mut svscan = stage.scratch.command("svscan");
    stage.scan_by(svscan.arg("s").env("PATH", path).spawn().unwrap());
    assert_eq!(stage.svctl(&["stop", "stopped", "stopped/log"]).code, Some(0));
    assert_eq!(stage.svctl(&["once", "once"]).code, Some(0));
    wait_for("all to be up", || {
        let services = stage.json(&[]);
        let services = services["services"].as_array().unwrap().clone();
        services.iter().all(|service| {
            let name = service["name"].as_str().unwrap();
            let is_up = service["state"] == "up";
            is_up || ["marked", "stopped", "once", "job"].contains(&name)
        })
    });
    // For some seconds: a job that supervise repeats is not a fault either.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while std::time::Instant::now() < until {
        let said = stage.svctl(&["doctor"]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{}", said.out);
        assert!(said.out.ends_with("services looked at, no findings\n"), "{}", said.out);
        assert_eq!(said.out.lines().count(), 3, "{}", said.out);
    }
    assert_eq!(report(&stage, &[])["services"], made);
}

/// Lets the loggers' account reach their directories.
fn open_the_way(stage: &Stage) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(stage.scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_finding_is_a_block_and_the_end_says_how_many() {
    let stage = Stage::empty();
    stage.add("broken", "exec /none/of/that");
    stage.add("well", STAYS);
    let mut stage = stage;
    stage.scan();
    finds(&stage, "run-program-missing", "broken");
    let said = stage.svctl(&["doctor"]);
    assert_eq!((said.code, said.err.as_str()), (Some(1), ""));
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines[0], format!("{}: 1 finding", stage.shown("s")));
    assert!(lines[2].starts_with("1. broken: the program /none/of/that is not there "));
    assert!(lines[2].ends_with(" [run-program-missing]"));
    assert!(lines[3].starts_with("   saw   line 2 of "), "{}", said.out);
    assert!(lines[4].starts_with("   why   run ends with an error at each start when "));
    assert!(lines[5].starts_with("   type  (install /none/of/that, or correct line 2 of "));
    assert_eq!(lines[7..], ["2 services looked at, 1 finding"]);
    // Of one service, and quietly.
    assert_eq!(stage.svctl(&["doctor", "well"]).code, Some(0));
    assert_eq!(stage.svctl(&["doctor", "broken"]).code, Some(1));
    let quiet = stage.svctl(&["doctor", "-q"]);
    assert_eq!((quiet.code, quiet.out.as_str(), quiet.err.as_str()), (Some(1), "", ""));
    // `svctl status`, and a verb that failed, name doctor.
    let said = stage.svctl(&["start", "broken"]);
    assert!(said.err.ends_with("; try: svctl doctor broken\n"), "{said:?}");
    wait_for("the advice", || stage.svctl(&[]).out.contains("\n         svctl doctor broken\n"));
}

#[test]
fn bad_input_is_one_line() {
    let stage = Stage::of(&[("a", STAYS)]);
    for (words, code) in [
        (&["doctor", "nobody"][..], 4),
        (&["doctor", "--prometheus"], 100),
        (&["doctor", "--fields", "name"], 100),
        (&["doctor", "--nonsense"], 100),
        (&["doctor", "-d", "/none/of/that"], 111),
        (&["doctor", "a", "--all"], 100),
    ] {
        let said = stage.svctl(words);
        assert_eq!((said.code, said.out.as_str()), (Some(code), ""), "{words:?} {said:?}");
        assert_eq!(said.err.lines().count(), 1, "{said:?}");
    }
    assert_eq!(stage.svctl(&["doctor", "a"]).code, Some(0));
    assert_eq!(stage.svctl(&["doctor", "--all"]).code, Some(0));
    assert_eq!(stage.svctl(&["doctor", "*"]).code, Some(0));
    let path = stage.shown("d/a");
    let said = stage.svctl(&["doctor", &path]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (Some(0), "no findings\n\n1 service looked at, no findings\n")
    );
}

#[test]
fn a_crash_loop_is_no_secret() {
    let stage = Stage::of(&[("a", ENDS)]);
    finds(&stage, "crash-loop", "a");
    assert_eq!(names(&report(&stage, &[])), ["crash-loop"]);
    stage.scratch.script("d/a/run", STAYS);
    is_well(&stage);
}
