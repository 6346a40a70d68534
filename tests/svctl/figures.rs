//! What has to hold of figures: read while a thousand restarts happen, of ten thousand services, and
//! in Prometheus' format.

use crate::scratch::Said;
use crate::stage::{Stage, feign, svctl};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn what_is_read_while_a_thousand_restarts_happen_is_never_wrong() {
    let stage = Stage::empty();
    let names: Vec<String> = (0..100).map(|number| format!("s{number:02}")).collect();
    for name in &names {
        // Ends once it was up for a moment, so that looks fall into all of its life.
        stage.add(name, "sleep 0.2\nexit 7");
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
    // In memory, where there is such a place: this is no test of the disk.
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
    // A name among them, a glob, and one that is mistyped.
    assert_eq!(run(&["status", "-q", "service-04711"]), Said::exit(3));
    let said = run(&["status", "--fields", "name", "service-0471*"]);
    assert_eq!(said.out.lines().count(), 10);
    let said = run(&["status", "service-o4711"]);
    assert!(said.err.contains("did you mean service-04711?"), "{said:?}");
}

#[test]
fn promtool_has_nothing_to_say() {
    let stage = Stage::empty();
    let _held = ["a", "a/log", "quo\"ted", "b"]
        .map(|name| feign(&stage.of_service(name), Some((u32::from(name != "b"), 0, b'u', 5))));
    let figures = stage.svctl(&["--prometheus"]);
    assert_eq!((figures.code, figures.err.as_str()), (Some(3), ""));
    assert!(figures.out.contains("daemontools_service_up{service=\"a\"} 1\n"), "{figures:?}");
    assert!(figures.out.contains("daemontools_service_up{service=\"b\"} 0\n"), "{figures:?}");
    assert!(figures.out.contains("daemontools_service_since_seconds{service=\"a/log\"} 5\n"));
    let mut check = Command::new("promtool");
    check.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut check) = check.stderr(Stdio::piped()).spawn() else {
        println!("left out: there is no promtool here");
        return;
    };
    check.stdin.take().unwrap().write_all(figures.out.as_bytes()).unwrap();
    assert_eq!(Said::of(&check.wait_with_output().unwrap()), Said::exit(0));
}
