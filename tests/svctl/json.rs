//! `--json` against its schema, by a small checker that knows the words of JSON Schema that our
//! schema uses.

use crate::scratch::wait_for;
use crate::stage::{ENDS, STAYS, Stage, feign};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/doc/svctl.schema.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// What is wrong with `value`, by `schema`, a part of `whole`.
pub fn breaches(value: &Value, schema: &Value, whole: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    macro_rules! breach {
        ($($text:tt)*) => { found.push(format!("{at}: {}", format!($($text)*))) };
    }
    for (word, rule) in schema.as_object().unwrap() {
        match word.as_str() {
            "$schema" | "$id" | "title" | "description" | "$defs" => {}
            "$ref" => {
                let name = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                found.extend(breaches(value, &whole["$defs"][name], whole, at));
                continue;
            }
            "type" => {
                let names: Vec<&str> = match rule {
                    Value::Array(names) => {
                        names.iter().map(|name| name.as_str().unwrap()).collect()
                    }
                    name => vec![name.as_str().unwrap()],
                };
                if !names.iter().any(|name| is_of(value, name)) {
                    breach!("{value} is none of {names:?}");
                }
            }
            "const" if value != rule => breach!("{value} is not {rule}"),
            "const" => {}
            "enum" if !rule.as_array().unwrap().contains(value) => {
                breach!("{value} is not in {rule}");
            }
            "enum" => {}
            "anyOf" => {
                let ways = rule.as_array().unwrap();
                if ways.iter().all(|way| !breaches(value, way, whole, at).is_empty()) {
                    breach!("{value} fits none of the ways");
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.is_object() && value.get(name.as_str().unwrap()).is_none() {
                        breach!("no {name}");
                    }
                }
            }
            "minimum" => {
                if value.as_f64().is_some_and(|number| number < rule.as_f64().unwrap()) {
                    breach!("{value} is below {rule}");
                }
            }
            "format" => {
                let is_moment = |text: &str| {
                    text.len() >= 20 && text.as_bytes()[10] == b'T' && text.ends_with('Z')
                };
                assert_eq!(rule, "date-time");
                if value.as_str().is_some_and(|text| !is_moment(text)) {
                    breach!("{value} is no moment");
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        found.extend(breaches(value, rule, whole, &format!("{at}.{name}")));
                    }
                }
                continue;
            }
            "items" => {
                for (place, value) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(breaches(value, rule, whole, &format!("{at}[{place}]")));
                }
                continue;
            }
            other => panic!("a word that this test does not know: {other}"),
        }
    }
    found
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type {other}"),
    }
}

fn fits(value: &Value) {
    let schema = schema();
    let found = breaches(value, &schema, &schema, "");
    assert!(found.is_empty(), "{}", found.join("\n"));
    // The schema allows fields that a later version may add. This version has no field that the
    // schema lacks.
    let named = &schema["$defs"]["service"]["properties"];
    for service in value["services"].as_array().unwrap() {
        for name in service.as_object().unwrap().keys() {
            assert!(named.get(name).is_some(), "{name} is not in the schema");
        }
    }
}

#[test]
fn every_state_fits_the_schema() {
    let stage = Stage::of(&[("ends", ENDS), ("stays", STAYS), ("stopped", STAYS)]);
    assert_eq!(stage.svctl(&["stop", "stopped"]).code, Some(0));
    let _held: Vec<_> = [
        ("f-paused", Some((1, 1, b'u', 5))),
        ("f-stopping", Some((1, 0, b'd', 5))),
        ("f-once", Some((1, 0, 0, 5))),
        ("f-unreadable", None),
    ]
    .into_iter()
    .map(|(name, status)| {
        // Beside svscan's services: svscan would start its own supervise there.
        feign(&stage.scratch.path().join("d").join(name), status)
    })
    .collect();
    let directory = |name: &str| stage.shown(&format!("d/{name}"));
    wait_for("an end", || !stage.facts("ends")["last_exit_code"].is_null());
    let names: Vec<String> =
        ["f-paused", "f-stopping", "f-once", "f-unreadable"].map(directory).into();
    stage.scratch.directory_at("d/f-gone");
    let all: Vec<&str> =
        ["ends", "stays", "stopped"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let gone = directory("f-gone");
    let json = stage.json(&[&all[..], &[&gone]].concat());
    fits(&json);
    let states: Vec<&str> = json["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|service| service["state"].as_str().unwrap())
        .collect();
    assert_eq!(
        states[1..],
        ["up", "down", "paused", "stopping", "up", "unreadable", "not supervised"]
    );
    assert_eq!(json["format"], 1);
    assert_eq!(json["directory"], stage.shown("s"));
    assert_eq!(json["services"][5]["wanted"], "once");
    assert!(json["services"][6]["problem"].is_string());
    // The document of a verb, too.
    let said = stage.svctl(&["start", "--json", "--settle", "0", "stopped"]);
    let json = serde_json::from_str(&said.out).unwrap();
    fits(&json);
    assert_eq!(json["services"][0]["result"], "done");
    assert_eq!(json["services"][0]["state"], "up");
}

#[test]
fn a_name_that_is_no_utf_8_has_its_bytes_beside_it() {
    use std::os::unix::ffi::OsStrExt;
    let stage = Stage::empty();
    let name = std::ffi::OsStr::from_bytes(b"bad\xff");
    let _held = feign(&stage.path().join(name), Some((1, 0, b'u', 5)));
    let _other = feign(&stage.of_service("gr\u{fc}n"), Some((1, 0, b'u', 5)));
    let json = stage.json(&[]);
    fits(&json);
    assert_eq!(json["services"][0]["name"], "bad\u{fffd}");
    assert_eq!(json["services"][0]["name_hex"], "626164ff");
    assert_eq!(json["services"][1]["name"], "gr\u{fc}n");
    assert_eq!(json["services"][1].get("name_hex"), None);
}

#[test]
fn the_reader_of_schemas_finds_what_is_wrong() {
    let schema = schema();
    let stage = Stage::empty();
    let _held = feign(&stage.of_service("a"), Some((1, 0, b'u', 5)));
    let right = stage.json(&[]);
    assert!(breaches(&right, &schema, &schema, "").is_empty());
    let planted: [fn(&mut Value); 6] = [
        |json| json["format"] = json!(2),
        |json| json["services"][0]["state"] = json!("sideways"),
        |json| json["services"][0]["pid"] = json!("1"),
        |json| json["services"][0]["since"] = json!("yesterday"),
        |json| json["services"][0]["rss_bytes"] = json!(-1),
        |json| {
            json["services"][0].as_object_mut().unwrap().remove("name");
        },
    ];
    for plant in planted {
        let mut wrong = right.clone();
        plant(&mut wrong);
        assert!(!breaches(&wrong, &schema, &schema, "").is_empty(), "{wrong}");
    }
}
