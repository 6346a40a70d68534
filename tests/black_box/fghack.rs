//! fghack, contract.md, section 7.

use crate::scratch::{Said, Scratch, end_of, is_alive, kill, only_ours, stays, wait_for};
use std::fs;
use std::time::{Duration, Instant};

#[test]
fn without_a_child_it_prints_its_usage() {
    let expected = Said::complaint(100, "fghack: usage: fghack child");
    assert_eq!(Scratch::new().run("fghack", &[]), expected);
}

#[test]
fn it_waits_for_what_went_into_the_background() {
    let scratch = Scratch::new();
    let begun = Instant::now();
    let said = scratch.run("fghack", &["sh", "-c", "sleep 1 >/dev/null 2>&1 & exit 7"]);
    assert_eq!(said, Said::exit(7));
    assert!(begun.elapsed() >= Duration::from_millis(900));
}

#[test]
fn a_daemon_that_closes_a_few_descriptors_is_waited_for_all_the_same() {
    let close = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-\nsleep 1 &\nexit 7";
    let begun = Instant::now();
    assert_eq!(Scratch::new().run("fghack", &["sh", "-c", close]), Said::exit(7));
    assert!(begun.elapsed() >= Duration::from_millis(900));
}

#[test]
fn a_child_that_closed_every_copy_is_waited_for_all_the_same() {
    let close = "for f in /proc/$$/fd/*; do f=${f##*/}\n\
                 if [ $f -gt 2 ]; then eval \"exec $f>&-\"; fi; done\nsleep 1\nexit 9";
    let begun = Instant::now();
    assert_eq!(Scratch::new().run("fghack", &["bash", "-c", close]), Said::exit(9));
    assert!(begun.elapsed() >= Duration::from_millis(900));
}

#[test]
fn what_is_written_to_the_pipe_is_discarded() {
    // The pipe is the one that is open most often. Its first descriptor may have two digits, which
    // only bash can name, if this process has others open.
    let write = "pipe=$(ls -l /proc/$$/fd | sed -n 's/.*-> \\(pipe:.*\\)/\\1/p' | sort | uniq -c |\n\
                 sort -n | awk 'END { print $2 }')\n\
                 for f in $(seq 3 60); do\n\
                 [ \"$(readlink /proc/$$/fd/$f)\" = \"$pipe\" ] || continue\n\
                 head -c 200000 /dev/zero >&$f; exit 4; done; exit 5";
    assert_eq!(Scratch::new().run("fghack", &["bash", "-c", write]), Said::exit(4));
}

#[test]
fn a_crashed_child_is_said() {
    let expected = Said::complaint(111, "fghack: fatal: child crashed");
    assert_eq!(Scratch::new().run("fghack", &["sh", "-c", "kill -9 $$"]), expected);
}

#[test]
fn a_child_that_is_not_there_is_named() {
    let expected = Said::complaint(111, "fghack: fatal: unable to run none: file does not exist");
    assert_eq!(Scratch::new().run("fghack", &["none"]), expected);
    let scratch = Scratch::new();
    scratch.write("closed", b"");
    let expected = Said::complaint(111, "fghack: fatal: unable to run ./closed: access denied");
    assert_eq!(scratch.run("fghack", &["./closed"]), expected);
}

#[test]
fn the_child_has_no_signal_blocked() {
    if !only_ours("0.76 blocks no signals; ours does, and has to undo it for the child") {
        return;
    }
    let said = Scratch::new().run("fghack", &["grep", "^SigBlk", "/proc/self/status"]);
    assert_eq!(said, Said::text("SigBlk:\t0000000000000000\n"));
}

#[test]
fn signals_reach_the_daemon_and_not_its_workers() {
    if !only_ours("fghack of 0.76 passes no signal on") {
        return;
    }
    let scratch = Scratch::new();
    // A start script, a daemon that writes down its signals, and a worker in its background that
    // would do so too.
    scratch.script(
        "worker",
        "trap 'echo worker >>seen' HUP TERM\necho $$ >worker.pid\nwhile :; do sleep 0.05; done",
    );
    scratch.script(
        "daemon",
        "trap 'echo HUP >>seen' HUP\ntrap 'echo TERM >>seen; kill -9 $w; exit' TERM\n\
         ./worker & w=$!\necho $$ >daemon.pid\nwhile :; do sleep 0.05; done",
    );
    let mut child = scratch.start("fghack", &["sh", "-c", "./daemon & exit 3"]);
    wait_for("the worker", || !scratch.read("worker.pid").is_empty());
    wait_for("the daemon", || !scratch.read("daemon.pid").is_empty());
    // While the start script lives, it is the topmost holder of the pipe, and a HUP is for it.
    let daemon = scratch.read("daemon.pid");
    let stat = format!("/proc/{}/stat", daemon.trim());
    let its_parent = format!(") S {} ", child.id());
    wait_for("the start script's end", || {
        fs::read_to_string(&stat).unwrap().replace(") R ", ") S ").contains(&its_parent)
    });
    kill(child.id(), "HUP");
    wait_for("HUP", || scratch.read("seen").starts_with("HUP\n"));
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(3));
    assert_eq!(scratch.read("seen"), "HUP\nTERM\n");
}

#[test]
fn a_term_waits_for_the_daemon_that_is_still_being_launched() {
    if !only_ours("fghack of 0.76 passes no signal on") {
        return;
    }
    let scratch = Scratch::new();
    // The start script ignores TERM and starts its daemon after it.
    let launch = "trap 'echo started-anyway >>seen' TERM; echo ready >>seen\n\
                  while ! grep -q started-anyway seen; do sleep 0.02; done\n\
                  setsid sleep 1000 & exit 0";
    scratch.script("launch", launch);
    let mut child = scratch.start("fghack", &["./launch"]);
    wait_for("the script", || scratch.read("seen").contains("ready"));
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(0));
    // The script went on after TERM and started the daemon, and fghack has ended the daemon too.
    assert_eq!(scratch.read("seen"), "ready\nstarted-anyway\n");
}

#[test]
fn a_stranger_who_was_handed_the_pipe_gets_no_signal() {
    if !only_ours("fghack of 0.76 passes no signal on") {
        return;
    }
    let scratch = Scratch::new();
    scratch.script(
        "daemon",
        "trap 'echo daemon >>seen; exit' TERM\necho $$ >daemon.pid\nwhile :; do sleep 0.05; done",
    );
    // Opens the pipe of the daemon, as if it had got the descriptor over a socket.
    scratch.script(
        "stranger",
        "trap 'echo stranger >>seen' TERM\n\
         for f in /proc/$1/fd/*; do case $(readlink $f) in pipe:*) exec 9>$f; break; esac; done\n\
         echo $$ >stranger.pid\nwhile :; do sleep 0.05; done",
    );
    let child = scratch.start("fghack", &["sh", "-c", "setsid ./daemon & exit 0"]);
    wait_for("the daemon", || scratch.read("daemon.pid").ends_with('\n'));
    let mut command = scratch.command("sh");
    let daemon = scratch.read("daemon.pid").trim().to_owned();
    let mut stranger = command.args(["./stranger", &daemon]).spawn().unwrap();
    wait_for("the stranger", || scratch.read("stranger.pid").ends_with('\n'));
    kill(child.id(), "TERM");
    wait_for("the daemon's end", || scratch.read("seen") == "daemon\n");
    // It still holds the pipe, and fghack still looks for new holders.
    stays("the stranger's peace", Duration::from_millis(500), || {
        scratch.read("seen") == "daemon\n" && is_alive(child.id())
    });
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    wait_for("the end of file", || !is_alive(child.id()));
}

#[test]
fn orphans_of_the_daemon_leave_no_zombies() {
    let scratch = Scratch::new();
    scratch.script(
        "daemon",
        "echo $$ >daemon.pid\nfor i in 1 2 3; do sh -c 'true & echo $! >>orphans'; done\n\
         echo done >>orphans\nwhile [ ! -e end ]; do sleep 0.05; done",
    );
    let mut child = scratch.start("fghack", &["sh", "-c", "./daemon & exit 3"]);
    wait_for("the orphans", || scratch.read("orphans").ends_with("done\n"));
    for pid in scratch.read("orphans").lines().filter_map(|line| line.parse::<u32>().ok()) {
        let stat = format!("/proc/{pid}/stat");
        wait_for("the burial of an orphan", || !fs::exists(&stat).unwrap());
    }
    scratch.write("end", b"");
    assert_eq!(end_of(&mut child).code(), Some(3));
}

#[test]
fn a_child_that_let_go_of_the_pipe_still_gets_the_signals() {
    if !only_ours("fghack of 0.76 passes no signal on") {
        return;
    }
    let scratch = Scratch::new();
    scratch.script(
        "closes",
        "trap 'exit 5' TERM\nfor f in /proc/$$/fd/*; do f=${f##*/}\n\
         if [ $f -gt 2 ] && [ $f -lt 255 ]; then eval \"exec $f>&-\"; fi; done\n\
         echo ready >>seen\nwhile :; do sleep 0.05; done",
    );
    let mut child = scratch.start("fghack", &["bash", "closes"]);
    wait_for("the child", || scratch.read("seen") == "ready\n");
    kill(child.id(), "TERM");
    assert_eq!(end_of(&mut child).code(), Some(5));
}

/// contract.md, section 0.4: the look-up that every command shares, seen through fghack.
#[test]
fn a_program_is_looked_up_on_path_as_0_76_does() {
    let scratch = Scratch::new();
    for name in ["two", "dir/tool", "closed"] {
        scratch.directory_at(name);
    }
    scratch.script("two/tool", "echo two");
    scratch.script("here-tool", "echo here");
    scratch.write("closed/tool", b"");
    scratch.write("broken-tool", b"not a program");
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(scratch.path().join("broken-tool"), mode).unwrap();
    let run = |path: Option<&str>, name: &str| {
        let mut command = scratch.command("fghack");
        match path {
            Some(path) => command.env("PATH", path),
            None => command.env_remove("PATH"),
        };
        Said::of(&command.arg(name).output().unwrap())
    };
    let unable = |name: &str, reason: &str| {
        Said::complaint(111, &format!("fghack: fatal: unable to run {name}: {reason}"))
    };
    // A directory of that name, or a file that may not be run, does not end the search.
    assert_eq!(run(Some("one:dir:closed:two"), "tool"), Said::text("two\n"));
    assert_eq!(run(Some("closed:one"), "tool"), unable("tool", "access denied"));
    assert_eq!(run(Some("dir:one"), "tool"), unable("tool", "access denied"));
    assert_eq!(run(Some("one"), "tool"), unable("tool", "file does not exist"));
    // An empty element is the current directory, an unset PATH is /bin:/usr/bin.
    assert_eq!(run(Some("one:"), "here-tool"), Said::text("here\n"));
    assert_eq!(run(Some(""), "here-tool"), Said::text("here\n"));
    assert_eq!(run(None, "true"), Said::exit(0));
    // Any other error ends the search at once; a slash means no search at all.
    assert_eq!(run(Some(":two"), "broken-tool"), unable("broken-tool", "exec format error"));
    assert_eq!(run(Some("one"), "two/tool"), Said::text("two\n"));
    assert_eq!(run(Some("two"), "./tool"), unable("./tool", "file does not exist"));
}
