//! `svctl` and `svctl status`: the table, the page, what is advised, and the exit codes.

use crate::bad_input::as_nobody;
use crate::scratch::{Said, Scratch, kill, wait_for};
use crate::stage::{ENDS, STAYS, Stage, cells, feign, svctl};
use serde_json::Value;
use std::fs;

const MULTILOG: &str = "exec multilog t s1000000 n20 ./main";

#[test]
fn the_table_has_a_row_for_each_service_and_the_first_line_names_the_directory() {
    let stage = Stage::empty();
    stage.add("api", STAYS);
    stage.scratch.service("d/api/log", MULTILOG);
    stage.add("report", STAYS);
    stage.scratch.write("d/report/down", b"");
    let mut stage = stage;
    stage.scan();
    stage.wait_until("api", "up");
    stage.wait_until("api/log", "up");
    let said = stage.svctl(&[]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    let first = format!("{}: 2 services, all as wanted", stage.shown("s"));
    assert_eq!(said.out.lines().next(), Some(&first[..]));
    let cells = cells(&said.out);
    assert_eq!(cells[0], ["SERVICE", "STATE", "PID", "SINCE", "STARTS", "LAST EXIT", "RSS", "LOG"]);
    let pid = stage.pid("api").to_string();
    assert_eq!(cells[1][..3], ["api", "up", &pid]);
    assert_eq!(
        (cells[1][4].as_str(), cells[1][5].as_str(), cells[1][7].as_str()),
        ("1", "-", "up")
    );
    assert!(cells[1][6].ends_with(['K', 'M']), "{said:?}");
    assert_eq!(cells[2][..3], ["report", "down", "-"]);
    assert_eq!(cells[2][4..], ["0", "-", "-", "-"]);
    assert_eq!(said.out.lines().count(), 4, "{said:?}");
}

#[test]
fn what_is_not_as_wanted_has_two_lines_and_the_second_is_a_command() {
    let stage = Stage::of(&[
        ("flappy", ENDS),
        ("mailer", "trap '' TERM\n: >ready\nwhile :; do sleep 1; done"),
        ("worker", STAYS),
    ]);
    wait_for("the trap", || stage.of_service("mailer/ready").exists());
    stage.svc("-d", "mailer");
    stage.svc("-p", "worker");
    stage.wait_until("mailer", "stopping");
    stage.wait_until("worker", "paused");
    let said = stage.svctl(&[]);
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.out.lines().next().unwrap().ends_with(": 3 services, 3 not as wanted"));
    let advice = said.out.split_once("\n\n").unwrap().1;
    let pid = stage.pid("mailer");
    assert!(advice.contains("\n         svctl stop --kill-after 5 mailer\n"), "{advice}");
    let line = advice.lines().find(|line| line.starts_with("mailer   stop asked")).unwrap();
    assert!(line.ends_with(&format!(", process {pid} is still there")), "{advice}");
    assert!(advice.contains("\n         svctl continue worker\n"), "{advice}");
    assert!(advice.starts_with("flappy   "), "{advice}");
    // The advised command helps.
    let said = stage.svctl(&["stop", "--kill-after", "0.1", "mailer"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(stage.svctl(&["continue", "worker"]).code, Some(0));
    assert_eq!(stage.svctl(&["status", "worker"]).code, Some(0));
}

#[test]
fn a_service_that_waits_for_its_restart_says_how_it_ended_and_where_its_log_is() {
    let stage = Stage::empty();
    stage.add("nginx", "echo 'bind() failed'\nexit 1");
    stage.scratch.service("d/nginx/log", MULTILOG);
    let mut stage = stage;
    stage.scan();
    let current = stage.scratch.path().join("d/nginx/log/main/current");
    wait_for("a line in the log", || fs::metadata(&current).is_ok_and(|facts| facts.len() > 0));
    let command = "svctl doctor nginx";
    wait_for("the advice", || {
        let said = stage.svctl(&[]);
        let is_told = said.out.contains("ended with exit 1") && said.out.contains(command);
        assert!(!is_told || said.code == Some(3), "{said:?}");
        is_told
    });
    let end = stage.facts("nginx");
    assert_eq!((&end["last_exit_code"], &end["last_exit_signal"]), (&1.into(), &Value::Null));
}

#[test]
fn the_page_tells_all_about_one_service() {
    let stage = Stage::empty();
    stage.add("api", "exec 2>&1\necho hello from api\nsleep 1001 &\nexec sleep 1000");
    stage.scratch.service("d/api/log", MULTILOG);
    stage.scratch.write("d/api/kill-group", b"");
    stage.scratch.write("d/api/down-signal", b"INT\n");
    stage.scratch.write("d/api/timeout-kill", b"1500\n");
    let mut stage = stage;
    stage.scan();
    stage.wait_until("api", "up");
    wait_for("a child, and the log", || {
        let page = stage.svctl(&["status", "api"]);
        page.out.contains("sleep 1001") && page.out.contains("hello from api\n")
    });
    kill(stage.pid("api"), "KILL");
    wait_for("the second start", || stage.facts("api")["starts"] == 2);
    stage.wait_until("api", "up");
    wait_for("the child", || stage.svctl(&["status", "api"]).out.contains("  sleep 1001"));
    let page = stage.svctl(&["status", "api"]);
    assert_eq!((page.code, page.err.as_str()), (Some(0), ""));
    let pid = stage.pid("api");
    let lines: Vec<&str> = page.out.lines().collect();
    let heading = format!("{}: api is up, process {pid}, since ", stage.shown("s"));
    assert!(lines[0].starts_with(&heading), "{}", page.out);
    let linked = format!("{}, linked as {}", stage.shown("d/api"), stage.shown("s/api"));
    for expected in [
        &format!("  directory  {linked}")[..],
        "  wanted     up",
        "normally up",
        "  starts     2 starts since boot",
        "  last exit  killed by KILL",
        &format!("  processes  {pid} sleep 1000"),
        "  run        #!/bin/sh",
        "             echo hello from api",
        "  files      kill-group, down-signal INT, timeout-kill 1.5 s",
        "  supervise  process ",
        "  logger     up, process ",
        &format!("             {}: ", stage.shown("d/api/log/main")),
        &format!("last lines of {}:", stage.shown("d/api/log/main/current")),
    ] {
        assert!(page.out.contains(expected), "no {expected} in\n{}", page.out);
    }
    // The label became a date.
    let last = lines.last().unwrap();
    let (date, rest) = last.split_at(29);
    assert_eq!(rest, " hello from api");
    assert!(date.starts_with("20") && date.as_bytes()[10] == b' ', "{last}");
}

#[test]
fn the_page_shows_no_bytes_of_a_log_that_gzip_made() {
    let stage = Stage::empty();
    stage.add("a", STAYS);
    stage.scratch.service("d/a/log", MULTILOG);
    stage.scratch.directory_at("d/a/log/main");
    stage.scratch.write("d/a/log/main/@4000000037c219c92ef02e94.s", b"\x1f\x8b\x08binary\nx\n");
    stage.scratch.write("d/a/log/main/current", b"plain\n");
    let page = stage.svctl(&["status", "a"]).out;
    assert!(page.ends_with("/current:\nplain\n"), "{page}");
}

#[test]
fn the_page_says_why_run_cannot_be_read() {
    let stage = Stage::empty();
    stage.add("a", STAYS);
    let run = stage.scratch.path().join("d/a/run");
    fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let Some(said) = as_nobody(&stage, &["status", "a"]) else { return };
    assert!(said.out.contains("  run        unable to read run: access denied\n"), "{said:?}");
}

#[test]
fn a_link_that_leads_nowhere_is_sent_to_doctor_and_nothing_is_said_of_its_logger() {
    let stage = Stage::of(&[("a", STAYS)]);
    std::os::unix::fs::symlink("../d/none", stage.of_service("gone")).unwrap();
    let said = stage.svctl(&[]);
    let advice = "gone     unable to open the directory: file does not exist\n         \
                  svctl doctor gone\n";
    assert!(said.out.ends_with(advice), "{said:?}");
    assert!(stage.svctl(&["doctor", "gone"]).out.contains("[link-dangling]"));
    assert!(!stage.svctl(&["status", "gone"]).out.contains("logger"));
    let page = stage.svctl(&["-d", &stage.shown("s"), "status", "a"]).out;
    let logger = format!("  logger     none; svctl -d {} logs --svscan\n", stage.shown("s"));
    assert!(page.ends_with(&logger), "{page}");
}

#[test]
fn the_page_says_that_supervise_will_exit_and_wants_nothing_after_that() {
    let mut stage = Stage::of(&[("a", STAYS)]);
    stage.wait_until("a", "up");
    stage.stop_scan();
    stage.svc("-x", "a");
    let page = || stage.svctl(&["status", "a"]).out;
    wait_for("the request", || page().contains("its supervise exits once the service is down\n"));
    stage.svc("-d", "a");
    stage.wait_until("a", "not supervised");
    assert!(page().contains("\n  wanted     normally up\n"), "{}", page());
}

#[test]
fn exit_codes_are_those_of_lsb() {
    let stage = Stage::of(&[("up", STAYS), ("down", STAYS)]);
    assert_eq!(stage.svctl(&["stop", "down"]).code, Some(0));
    stage.wait_until("up", "up");
    // Without names, the exit code says whether all is as wanted; with names, whether they are up.
    assert_eq!(stage.svctl(&[]).code, Some(0));
    assert_eq!(stage.svctl(&["status", "--all"]).code, Some(0));
    assert_eq!(stage.svctl(&["status", "up"]).code, Some(0));
    assert_eq!(stage.svctl(&["status", "down"]).code, Some(3));
    assert_eq!(stage.svctl(&["status", "up", "down"]).code, Some(3));
    assert_eq!(stage.svctl(&["status", "up", "nobody"]).code, Some(4));
    assert_eq!(stage.svctl(&["status", "up", "down", "nobody"]).code, Some(4));
    stage.svc("-p", "up");
    stage.wait_until("up", "paused");
    assert_eq!(stage.svctl(&["status", "up"]).code, Some(3));
    assert_eq!(stage.svctl(&["-q"]), Said::exit(3));
}

#[test]
fn usage_is_100_and_help_and_version_are_0() {
    let stage = Stage::empty();
    for wrong in [
        &["--nonsense"][..],
        &["frobnicate"],
        &["stop"],
        &["stop", "--all", "x"],
        &["start", "--timeout", "soon", "x"],
        &["start", "--settle", "-1", "x"],
        &["--json", "--prometheus"],
        &["--fields", "name,nonsense"],
        &["list", "--state", "nonsense"],
        &["list", "--json"],
        &["list", "--fields", "name"],
        &["signal"],
        &["signal", "9", "x"],
        &["wait"],
        &["wait", "sideways"],
        &["stop", "--no-wait", "--kill-after", "1", "x"],
    ] {
        let said = stage.svctl(wrong);
        assert_eq!((said.code, said.out.as_str()), (Some(100), ""), "{wrong:?} {said:?}");
        assert!(said.err.starts_with("svctl: usage: "), "{said:?}");
        assert_eq!(said.err.lines().count(), 1, "{said:?}");
    }
    for right in [&["--help"][..], &["-h"], &["--version"], &["stop", "--help"]] {
        let said = stage.svctl(right);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{right:?}");
        assert!(said.out.ends_with('\n') && said.out.len() > 10, "{said:?}");
    }
    let version = concat!("svctl ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(stage.svctl(&["--version"]), Said::text(version));
    let verb = stage.svctl(&["statsu"]).err;
    assert_eq!(verb, "svctl: usage: there is no verb statsu; did you mean status?\n");
}

#[test]
fn an_empty_scan_directory_is_no_trouble() {
    let stage = Stage::empty();
    let none = format!("{}: no services\n", stage.shown("s"));
    assert_eq!(stage.svctl(&[]), Said::text(&none));
    assert_eq!(stage.svctl(&["list"]), Said::exit(0));
    assert_eq!(stage.svctl(&["stop", "--all"]), Said::exit(0));
}

#[test]
fn that_no_svscan_works_is_said_once_for_all_services() {
    let stage = Stage::empty();
    for name in ["a", "b", "c"] {
        stage.add(name, STAYS);
    }
    let said = stage.svctl(&[]);
    assert_eq!(said.code, Some(3));
    assert_eq!(said.out.matches("not supervised").count(), 3, "{}", said.out);
    assert_eq!(said.out.matches("no svscan works here").count(), 1, "{}", said.out);
    assert!(said.out.contains(&format!("svscan {} &", stage.shown("s"))), "{}", said.out);
}

#[test]
fn a_process_that_a_dead_supervise_left_is_named() {
    let mut stage = Stage::of(&[("a", STAYS)]);
    let pid = stage.pid("a");
    let supervise = stage.facts("a")["supervise_pid"].as_u64().unwrap();
    stage.stop_scan();
    kill(u32::try_from(supervise).unwrap(), "KILL");
    wait_for("the supervise's end", || !stage.is_supervised("a"));
    let said = stage.svctl(&[]);
    assert_eq!(said.code, Some(3));
    assert!(
        said.out.contains(&format!("no supervise runs, process {pid} is left")),
        "{}",
        said.out
    );
    assert_eq!(stage.facts("a")["pid"], Value::Null);
    let said = stage.svctl(&["stop", "a"]);
    let line =
        format!("svctl: warning: unable to stop a: no supervise runs, process {pid} is left");
    assert_eq!(said, Said::complaint(1, &line));
    // svctl sees the end, although no status tells it.
    kill(pid, "KILL");
    wait_for("the process's end", || !crate::scratch::is_alive(pid));
    assert_eq!(stage.svctl(&["stop", "a"]).code, Some(0));
}

#[test]
fn a_supervise_of_0_76_is_shown_without_what_it_does_not_record() {
    if !std::path::Path::new("/usr/bin/supervise").exists() {
        println!("left out: there is no supervise of 0.76 here");
        return;
    }
    let scratch = Scratch::new();
    scratch.service("old", STAYS);
    let mut supervise = std::process::Command::new("/usr/bin/supervise");
    supervise.arg("old").current_dir(scratch.path()).env("SCRATCH", scratch.path());
    supervise.spawn().unwrap();
    let pid = scratch.pid("old");
    let run =
        |arguments: &[&str]| Said::of(&svctl(scratch.path()).args(arguments).output().unwrap());
    let said = run(&["status", "./old", "./old/."]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let row = &cells(&said.out)[1];
    assert_eq!(
        (&row[..3], &row[4..6]),
        (&["./old".into(), "up".into(), pid.to_string()][..], &["-".into(), "-".into()][..])
    );
    // The second after a start, in which a stop may be deferred, is over or not: svctl waits in
    // both cases.
    let said = run(&["restart", "./old"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_ne!(scratch.pid("old"), pid);
    assert_eq!(run(&["stop", "./old"]).code, Some(0));
    assert_eq!(run(&["status", "./old"]).code, Some(3));
    assert_eq!(run(&["start", "./old"]).code, Some(0));
    assert_eq!(run(&["pause", "./old"]).code, Some(0));
    assert_eq!(run(&["continue", "./old"]).code, Some(0));
}

#[test]
fn columns_for_scripts_are_fields_of_the_json() {
    let stage = Stage::of(&[("a", STAYS), ("b", STAYS)]);
    assert_eq!(stage.svctl(&["stop", "b"]).code, Some(0));
    stage.wait_until("a", "up");
    let pid = stage.pid("a");
    let said = stage.svctl(&["--fields", "name,state,pid,starts,log.state"]);
    assert_eq!(said, Said::text(&format!("a\tup\t{pid}\t1\t-\nb\tdown\t-\t1\t-\n")));
    let said = stage.svctl(&["status", "b", "--fields", "wanted,normally,last_exit_signal_name"]);
    assert_eq!((said.code, said.out.as_str()), (Some(3), "down\tup\tTERM\n"));
}

#[test]
fn a_label_of_the_future_is_no_time_ago() {
    let stage = Stage::empty();
    let directory = stage.of_service("a");
    let _ok = feign(&directory, Some((0, 0, b'd', 0)));
    let status = directory.join("supervise/status");
    let mut bytes = fs::read(&status).unwrap();
    bytes[4] = 0xff;
    fs::write(&status, bytes).unwrap();
    let facts = stage.facts("a");
    assert_eq!((&facts["state"], &facts["since_seconds"]), (&"down".into(), &0.into()));
}

#[test]
fn list_prints_names_and_those_of_a_state() {
    let stage = Stage::of(&[("b", STAYS), ("a", STAYS), ("c", STAYS)]);
    stage.scratch.write("s/file", b"");
    stage.scratch.directory_at("s/.hidden");
    assert_eq!(stage.svctl(&["stop", "b"]).code, Some(0));
    stage.wait_until("a", "up");
    stage.wait_until("c", "up");
    assert_eq!(stage.svctl(&["list"]), Said::text("a\nb\nc\n"));
    assert_eq!(stage.svctl(&["list", "-0"]), Said::text("a\0b\0c\0"));
    assert_eq!(stage.svctl(&["list", "--state", "up"]), Said::text("a\nc\n"));
    assert_eq!(stage.svctl(&["list", "--state", "down"]), Said::text("b\n"));
    assert_eq!(stage.svctl(&["list", "--state", "not-supervised"]), Said::exit(0));
}
