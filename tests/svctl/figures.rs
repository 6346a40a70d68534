//! What figures must be: right while a thousand restarts happen, fast with ten thousand services,
//! and in Prometheus' format.

use crate::scratch::{Said, wait_for};
use crate::stage::{Stage, feign, svctl};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn what_is_read_while_a_thousand_restarts_happen_is_never_wrong() {
    let stage = Stage::empty();
    let names: Vec<String> = (0..100).map(|number| format!("s{number:02}")).collect();
    for (number, name) in names.iter().enumerate() {
        // The service ends after a moment of being up, so that looks meet every state. Half of them
        // stay up too long to be flapping, even if the first look is late.
        let moment = if number % 2 == 0 { "0.2" } else { "4" };
        stage.add(name, &format!("sleep {moment}\nexit 7"));
    }
    let mut stage = stage;
    stage.scan();
    let mut before: BTreeMap<String, u64> = BTreeMap::new();
    let (mut looks, mut seen, mut first) = (0, BTreeMap::new(), None);
    let begun = Instant::now();
    loop {
        let said = stage.svctl(&["--json"]);
        assert_eq!(said.err, "");
        let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        for service in json["services"].as_array().unwrap() {
            let name = service["name"].as_str().unwrap().to_owned();
            let state = service["state"].as_str().unwrap().to_owned();
            let starts = service["starts"].as_u64().unwrap();
            let is_up = !service["pid"].is_null();
            match state.as_str() {
                "up" => assert!(is_up, "{service}"),
                "waiting to restart" => assert!(!is_up, "{service}"),
                "flapping" => {}
                _ => panic!("{service}"),
            }
            assert_eq!(service["up_seconds"].is_null(), !is_up, "{service}");
            assert!(starts >= before.get(&name).copied().unwrap_or(0), "{service}");
            let has_ended = starts > 1 || !is_up;
            let code = if has_ended { 7.into() } else { serde_json::Value::Null };
            assert_eq!(service["last_exit_code"], code, "{service}");
            before.insert(name, starts);
            *seen.entry(state).or_insert(0) += 1;
        }
        looks += 1;
        let starts = before.values().sum::<u64>();
        if starts - *first.get_or_insert(starts) >= 1000 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{before:?}");
    }
    println!("{looks} looks at 100 services: {seen:?}");
    assert!(looks > 5 && seen.len() > 1, "{looks} {seen:?}");
}

#[test]
fn ten_thousand_services_are_shown_and_listed() {
    // In memory if possible: this does not test the disk.
    let memory = std::path::Path::new("/dev/shm");
    let place = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap();
    let scan = place.path().join("s");
    drop(feign(&scan.join("first"), Some((0, 0, b'd', 100))));
    let status = fs::read(scan.join("first/supervise/status")).unwrap();
    for number in 1..10_000 {
        let records = scan.join(format!("service-{number:05}/supervise"));
        fs::create_dir_all(&records).unwrap();
        fs::write(records.join("status"), &status).unwrap();
    }
    let run = |arguments: &[&str]| {
        let mut command = svctl(place.path());
        Said::of(&command.args(["-d", "s"]).args(arguments).output().unwrap())
    };
    let said = run(&["list"]);
    assert_eq!((said.code, said.out.lines().count()), (Some(0), 10_000));
    let script = "TIMEFORMAT='%U %S'; time \"$0\" -d s >out; echo $? >code";
    let mut shell = Command::new("bash");
    shell.args(["-c", script]).arg(assert_cmd::cargo::cargo_bin!("svctl"));
    let said = Said::of(&shell.current_dir(place.path()).output().unwrap());
    let seconds: f64 = said.err.split_whitespace().map(|text| text.parse::<f64>().unwrap()).sum();
    println!("{seconds} s of CPU for 10,000 services");
    // The promise is 1.5 s for a release build; this one is not optimized.
    assert!(seconds < 15.0, "{said:?}");
    assert_eq!(fs::read_to_string(place.path().join("code")).unwrap(), "3\n");
    let out = fs::read_to_string(place.path().join("out")).unwrap();
    assert_eq!(out.lines().take_while(|line| !line.is_empty()).count(), 10_002);
    // That no svscan works there is said once, not ten thousand times.
    assert!(out.lines().count() < 10_010, "{}", out.lines().count());
    // One name, a glob, and a mistyped name.
    assert_eq!(run(&["status", "-q", "service-04711"]), Said::exit(3));
    let said = run(&["status", "--fields", "name", "service-0471*"]);
    assert_eq!(said.out.lines().count(), 10);
    let said = run(&["status", "service-o4711"]);
    assert!(said.err.contains("did you mean service-04711?"), "{said:?}");
}

/// What is wrong with a text, by the rules of Prometheus' format and of its promtool for names.
/// promtool itself comes in a package of 96 MB, and is rarely installed.
fn breaches(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut metric, mut help, mut kind) = (String::new(), false, String::new());
    let (mut metrics, mut samples) = (BTreeSet::new(), BTreeSet::new());
    if !text.ends_with('\n') {
        found.push("no newline at the end".to_owned());
    }
    for line in text.lines() {
        let mut breach = |what: &str| found.push(format!("{what}: {line}"));
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, words) = rest.split_once(' ').unwrap_or((rest, ""));
            (metric, help, kind) = (name.to_owned(), !words.is_empty(), String::new());
            if !metrics.insert(metric.clone()) {
                breach("the same metric twice");
            }
            let letters = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            if !metric.bytes().all(letters) || !metric.starts_with("daemontools_service_") {
                breach("no name of a metric of ours");
            }
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            kind = rest.strip_prefix(&format!("{metric} ")).unwrap_or_default().to_owned();
            match (kind.as_str(), metric.ends_with("_total")) {
                ("counter", true) | ("gauge", false) => {}
                _ => breach("a type that does not fit the name"),
            }
        } else {
            if !help || kind.is_empty() {
                breach("no help or no type before it");
            }
            let rest = line.strip_prefix(&format!("{metric}{{service=\"")).unwrap_or_default();
            // The label ends at the first quote without a backslash before it.
            let mut is_escaped = false;
            let end = rest.bytes().position(|byte| {
                let ends = byte == b'"' && !is_escaped;
                if is_escaped && !br#"\"n"#.contains(&byte) {
                    breach("an escape that the format does not know");
                }
                is_escaped = byte == b'\\' && !is_escaped;
                ends
            });
            let (label, value) = rest.split_at(end.unwrap_or(0));
            if value.strip_prefix("\"} ").is_none_or(|value| value.parse::<f64>().is_err()) {
                breach("no number");
            }
            if !samples.insert((metric.clone(), label.to_owned())) {
                breach("the same sample twice");
            }
        }
    }
    found
}

#[test]
fn the_reader_of_figures_finds_what_is_wrong() {
    let text = |head: &str, sample: &str| format!("{head}daemontools_service_up{sample}\n");
    let head = "# HELP daemontools_service_up Up.\n# TYPE daemontools_service_up gauge\n";
    let good = text(head, r#"{service="a\"b\\c"} 1"#);
    assert_eq!(breaches(&good), Vec::<String>::new());
    for bad in [
        good.trim_end().to_owned(),
        [&good[..], &good].concat(),
        text("", r#"{service="a"} 1"#),
        text(&head.replace("gauge", "counter"), r#"{service="a"} 1"#),
        text(&head.replace("_up", "_Up"), r#"{service="a"} 1"#),
        text(head, r#"{service="a"b"} 1"#),
        text(head, r#"{service="a\x"} 1"#),
        text(head, r#"{service="a"} -"#),
        text(head, "{service=\"a\nb\"} 1"),
    ] {
        assert_ne!(breaches(&bad), Vec::<String>::new(), "{bad}");
    }
}

#[test]
fn figures_are_in_the_format_of_prometheus() {
    let stage = Stage::empty();
    let names = ["a", "a/log", "quo\"ted", "back\\slash", "new\nline", "b"];
    let _held = names
        .map(|name| feign(&stage.of_service(name), Some((u32::from(name != "b"), 0, b'u', 5))));
    // One service with a journal, for the figures that only a journal has.
    stage.add("ends", "exit 7");
    stage.scratch.start("supervise", &["d/ends"]);
    wait_for("a second start", || stage.facts("ends")["starts"].as_u64() >= Some(2));
    let figures = stage.svctl(&["--prometheus"]);
    assert_eq!((figures.code, figures.err.as_str()), (Some(3), ""));
    for line in [
        "daemontools_service_up{service=\"a\"} 1\n",
        "daemontools_service_up{service=\"b\"} 0\n",
        "daemontools_service_since_seconds{service=\"a/log\"} ",
        "daemontools_service_last_exit_code{service=\"ends\"} 7\n",
    ] {
        assert!(figures.out.contains(line), "{line} {figures:?}");
    }
    assert_eq!(breaches(&figures.out), Vec::<String>::new());
    let mut check = Command::new("promtool");
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut check) = check.stderr(Stdio::piped()).spawn() else {
        println!("left out: there is no promtool here");
        return;
    };
    check.stdin.take().unwrap().write_all(figures.out.as_bytes()).unwrap();
    assert_eq!(Said::of(&check.wait_with_output().unwrap()), Said::exit(0));
}
