//! Which services a name means.

use crate::scratch::Said;
use crate::stage::{STAYS, Stage, cells, feign, svctl};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

/// The names in the table that svctl prints for these words.
fn shown(stage: &Stage, words: &[&str]) -> Vec<String> {
    let said = stage.svctl(&[&["status", "--fields", "name"], words].concat());
    said.out.lines().map(str::to_owned).collect()
}

fn feigned(names: &[&str]) -> (Stage, Vec<fs::File>) {
    let stage = Stage::empty();
    let held =
        names.iter().map(|name| feign(&stage.of_service(name), Some((1, 0, b'u', 5)))).collect();
    (stage, held)
}

#[test]
fn names_globs_and_loggers() {
    let (stage, _held) = feigned(&["web1", "web1/log", "web2", "db", "[w]eb", "log"]);
    let shown = |words: &[&str]| shown(&stage, words);
    assert_eq!(shown(&["web1"]), ["web1"]);
    assert_eq!(shown(&["web1/", "db//"]), ["web1", "db"]);
    assert_eq!(shown(&["web1/log"]), ["web1/log"]);
    assert_eq!(shown(&["web1/log/"]), ["web1/log"]);
    // `--all`, no name at all, and globs mean main services.
    assert_eq!(shown(&["--all"]), ["[w]eb", "db", "log", "web1", "web2"]);
    assert_eq!(shown(&[]), ["[w]eb", "db", "log", "web1", "web2"]);
    assert_eq!(shown(&["web*"]), ["web1", "web2"]);
    assert_eq!(shown(&["web[2-9]"]), ["web2"]);
    assert_eq!(shown(&["w?b1"]), ["web1"]);
    assert_eq!(shown(&["*/log"]), ["web1/log"]);
    // An exact name comes before a glob.
    assert_eq!(shown(&["[w]eb"]), ["[w]eb"]);
    // Each service is shown once.
    assert_eq!(shown(&["web1", "web*", "web1/"]), ["web1", "web2"]);
    assert_eq!(shown(&["log"]), ["log"]);
}

#[test]
fn what_is_not_there_is_4_and_the_nearest_name_is_offered() {
    let (stage, _held) = feigned(&["nginx", "mailer"]);
    let place = stage.shown("s");
    for (word, reason) in [
        ("ngnix", format!("there is no such service in {place}; did you mean nginx?")),
        ("ngnix/log", format!("there is no such service in {place}; did you mean nginx/log?")),
        ("postgres", format!("there is no such service in {place}")),
        ("x*", format!("nothing in {place} matches it")),
        ("nginx/log", "nginx has no logger".to_owned()),
        ("nginx/supervise", format!("there is no such service in {place}")),
    ] {
        let said = stage.svctl(&["status", word]);
        let word = if word.contains('*') { format!("'{word}'") } else { word.to_owned() };
        let line = format!("svctl: warning: unable to find {word}: {reason}");
        assert_eq!(said, Said::complaint(4, &line));
    }
    // A directory that lacks its `./`.
    let said = stage.svctl(&["status", "s/nginx"]);
    let line =
        format!("svctl: warning: unable to find s/nginx: there is no such service in {place}");
    assert_eq!(said, Said::complaint(4, &format!("{line}; did you mean ./s/nginx?")));
    for verb in ["start", "stop", "restart", "once", "pause", "continue", "reload"] {
        assert_eq!(stage.svctl(&[verb, "ngnix"]).code, Some(4), "{verb}");
    }
    assert_eq!(stage.svctl(&["signal", "HUP", "ngnix"]).code, Some(4));
    assert_eq!(stage.svctl(&["wait", "up", "ngnix"]).code, Some(4));
    assert_eq!(stage.svctl(&["status", ""]).code, Some(4));
    assert_eq!(stage.svctl(&["status", &"x".repeat(5000)]).code, Some(4));
    assert_eq!(stage.svctl(&["status", "./nothing"]).code, Some(4));
    stage.scratch.write("s/file", b"");
    assert_eq!(stage.svctl(&["status", "file"]).code, Some(4));
}

#[test]
fn a_slash_or_a_dot_makes_a_directory_and_needs_no_scan_directory() {
    let (stage, _held) = feigned(&["a"]);
    let path = stage.of_service("a").display().to_string();
    let run = |words: &[&str]| {
        let mut command = svctl(&stage.path());
        Said::of(&command.arg("status").args(words).args(["--json"]).output().unwrap())
    };
    for word in [&path[..], "./a", "./a/", "../s/a"] {
        let said = run(&[word]);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{word}");
        let json: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(json["directory"], serde_json::Value::Null);
        assert_eq!(json["services"][0]["name"], word.trim_end_matches('/'));
    }
}

#[test]
fn a_path_of_any_bytes_can_be_typed_as_it_is_shown() {
    let stage = Stage::empty();
    let _held = feign(&stage.path().join(OsStr::from_bytes(b"bad\xff")), Some((1, 0, b'u', 5)));
    let said = stage.svctl(&["status", "./s/bad\\xff", "--fields", "name,state"]);
    assert_eq!(said, Said::text("./s/bad\\xff\tup\n"));
    fs::rename(stage.path(), stage.scratch.path().join(OsStr::from_bytes(b"s\xff"))).unwrap();
    let said = stage.svctl(&["-d", "s\\xff", "list"]);
    assert_eq!(said, Said::text("bad\\xff\n"));
    // A name that has a backslash itself goes first.
    let _held = feign(&stage.scratch.path().join("s\\xff/other"), None);
    assert_eq!(stage.svctl(&["-d", "s\\xff", "list"]), Said::text("other\n"));
}

#[test]
fn the_scan_directory_is_named_by_option_or_variable() {
    let (one, _held) = feigned(&["a"]);
    let (two, _held) = feigned(&["b"]);
    assert_eq!(shown(&one, &["-d", &two.shown("s")]), ["b"]);
    assert_eq!(shown(&one, &["-d", &(two.shown("s") + "//")]), ["b"]);
    let said = one.svctl(&["-d", &two.shown("s/")]);
    assert!(said.out.starts_with(&format!("{}: 1 service", two.shown("s"))), "{said:?}");
    // A relative path is shown as an absolute one.
    let said = one.svctl(&["-d", "s"]);
    assert!(said.out.starts_with(&format!("{}: 1 service", one.shown("s"))), "{said:?}");
    let said = one.svctl(&["-d", "nowhere"]);
    let line = "svctl: fatal: unable to open nowhere: file does not exist";
    assert_eq!(said, Said::complaint(111, line));
}

#[test]
fn the_scan_directory_of_our_own_svscan_is_found() {
    if ["/service", "/etc/service"].iter().any(|path| std::path::Path::new(path).exists()) {
        println!("left out: there is a usual scan directory here");
        return;
    }
    let stage = Stage::of(&[("a", STAYS)]);
    let said = Said::of(&svctl(stage.scratch.path()).arg("list").output().unwrap());
    // Other svscans of this user may run now.
    let is_found = said == Said::text("a\n");
    assert!(is_found || said.code == Some(100) && said.err.contains(&stage.shown("s")), "{said:?}");
}

#[test]
fn a_name_of_any_bytes_is_shown_safely_and_can_be_typed_as_it_is_shown() {
    let stage = Stage::empty();
    let names: [&[u8]; 5] =
        [b"a\nb", b"\x1b]0;owned\x07", b"bad\xff", "gr\u{fc}\u{df}e".as_bytes(), b"back\\x41"];
    let held: Vec<_> = names
        .iter()
        .map(|name| feign(&stage.path().join(OsStr::from_bytes(name)), Some((1, 0, b'u', 5))))
        .collect();
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    let expected = ["\\x1b]0;owned\\x07", "a\\x0ab", "back\\x5cx41", "bad\\xff", "gr\u{fc}\u{df}e"];
    assert_eq!(stage.svctl(&["list"]), Said::text(&(expected.join("\n") + "\n")));
    for arguments in [&[][..], &["--json"], &["--prometheus"], &["--fields", "name,directory"]] {
        let said = stage.svctl(arguments);
        let is_plain = |byte: u8| byte == b'\n' || byte == b'\t' || byte >= b' ' && byte != 0x7f;
        assert!(said.out.bytes().all(is_plain), "{said:?}");
    }
    assert_eq!(cells(&stage.svctl(&[]).out).len(), 6);
    for (name, shown) in sorted.iter().zip(expected) {
        let said = stage.svctl(&["status", shown, "--fields", "name"]);
        assert_eq!(said, Said::text(&format!("{shown}\n")));
        let mut command = stage.command(&["status", "--fields", "name"]);
        let said = Said::of(&command.arg(OsStr::from_bytes(name)).output().unwrap());
        assert_eq!(said, Said::text(&format!("{shown}\n")));
    }
    let raw = stage.command(&["list", "-0"]).output().unwrap().stdout;
    assert_eq!(
        raw,
        sorted.iter().flat_map(|name| [name, &b"\0"[..]].concat()).collect::<Vec<u8>>()
    );
    // A terminal without UTF-8 would read these bytes differently.
    let ascii = Said::of(&stage.command(&["list"]).env("LC_ALL", "C").output().unwrap());
    assert!(ascii.out.ends_with("gr\\xc3\\xbc\\xc3\\x9fe\n"), "{ascii:?}");
    drop(held);
}
