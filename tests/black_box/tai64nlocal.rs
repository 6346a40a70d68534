//! tai64nlocal, contract.md, section 12. Its common behaviour with tai64n is tested there.

use crate::scratch::{Scratch, only_ours};
use crate::tai64n::Filter;
use std::path::Path;

/// Its output for `input` with this `TZ`.
fn local(zone: &str, input: &[u8]) -> String {
    let scratch = Scratch::new();
    let mut filter = Filter::start(scratch.command("tai64nlocal").env("TZ", zone));
    filter.give(input);
    let (code, said) = filter.finish();
    assert_eq!(code, Some(0), "{said:?}");
    String::from_utf8_lossy(&said).into_owned()
}

/// The label of a second since 1970, with 500 nanoseconds.
fn label(second: i64) -> String {
    format!("@{:016x}000001f4", second.cast_unsigned().wrapping_add((1 << 62) + 10))
}

/// The local time of a second, without its nanoseconds.
fn clock(zone: &str, second: i64) -> String {
    let said = local(zone, format!("{}\n", label(second)).as_bytes());
    said.strip_suffix(".000000500\n").unwrap_or(&said).to_owned()
}

/// `second` and the one before it.
fn around(zone: &str, second: i64) -> [String; 2] {
    [clock(zone, second - 1), clock(zone, second)]
}

#[test]
fn a_label_becomes_local_time() {
    let line = b"@4000000037c219bf2ef02e94 the line\n";
    assert_eq!(local("UTC0", line), "1999-08-24 04:04:05.787492500 the line\n");
    assert_eq!(local("PST8PDT,M4.1.0,M10.5.0", line), "1999-08-23 21:04:05.787492500 the line\n");
    assert_eq!(local("<+0545>-5:45", line), "1999-08-24 09:49:05.787492500 the line\n");
}

#[test]
fn whatever_follows_a_label_stays() {
    for after in ["\n", "\n\n", " \n", "x\n", "\0\n", "A\n", "@4000000037c219bf2ef02e94\n", " end"]
    {
        let said = local("UTC0", format!("@4000000037c219bf2ef02e94{after}").as_bytes());
        assert_eq!(said, format!("1999-08-24 04:04:05.787492500{after}"));
    }
}

#[test]
fn a_label_counts_at_the_beginning_of_a_line_only() {
    let label = "@4000000037c219bf2ef02e94";
    for text in ["", "a", "line\n", "\n", &format!(" {label} x\n"), &format!("x{label}\n")] {
        assert_eq!(local("UTC0", text.as_bytes()), text);
    }
    let long = "x".repeat(100_000);
    let said = local("UTC0", format!("{long}{label}\n{label} {long}\n{label}\n").as_bytes());
    let time = "1999-08-24 04:04:05.787492500";
    assert!(said == format!("{long}{label}\n{time} {long}\n{time}\n"), "{}", said.len());
}

#[test]
fn nanoseconds_have_nine_digits_or_more() {
    let nanoseconds = |digits| local("UTC0", format!("@400000000000000a{digits} \n").as_bytes());
    for (digits, shown) in [
        ("00000000", "000000000"),
        ("0000000a", "000000010"),
        ("3b9ac9ff", "999999999"),
        ("3b9aca00", "1000000000"),
        ("ffffffff", "4294967295"),
    ] {
        assert_eq!(nanoseconds(digits), format!("1970-01-01 00:00:00.{shown} \n"));
    }
}

#[test]
fn years_before_1970_and_far_off_are_years_all_the_same() {
    for (second, shown) in [
        (-1, "1969-12-31 23:59:59"),
        (-2_203_891_200, "1900-03-01 00:00:00"),
        (-62_167_219_200, "0-01-01 00:00:00"),
        (951_782_400, "2000-02-29 00:00:00"),
        (4_107_542_400, "2100-03-01 00:00:00"),
        (253_402_300_800, "10000-01-01 00:00:00"),
        (67_767_976_233_446_399, "2147483647-12-30 23:59:59"),
    ] {
        assert_eq!(clock("UTC0", second), shown);
    }
}

#[test]
fn a_rule_in_tz_says_when_summer_is() {
    let berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
    assert_eq!(around(berlin, 1_774_746_000), ["2026-03-29 01:59:59", "2026-03-29 03:00:00"]);
    assert_eq!(around(berlin, 1_792_890_000), ["2026-10-25 02:59:59", "2026-10-25 02:00:00"]);
    let new_york = ":EST5EDT,M3.2.0,M11.1.0";
    assert_eq!(around(new_york, 1_772_953_200), ["2026-03-08 01:59:59", "2026-03-08 03:00:00"]);
    assert_eq!(around(new_york, 1_793_512_800), ["2026-11-01 01:59:59", "2026-11-01 01:00:00"]);
    // Half an hour, in the south: summer is over the end of the year.
    let lord_howe = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";
    assert_eq!(around(lord_howe, 1_775_314_800), ["2026-04-05 01:59:59", "2026-04-05 01:30:00"]);
    assert_eq!(around(lord_howe, 1_791_041_400), ["2026-10-04 01:59:59", "2026-10-04 02:30:00"]);
    assert_eq!(clock(lord_howe, 1_798_761_600), "2027-01-01 11:00:00");
    // Days of the year: 1 March is J60 in every year.
    let days = "XXX0YYY,J60/0,305/0";
    assert_eq!(around(days, 1_709_251_200), ["2024-02-29 23:59:59", "2024-03-01 01:00:00"]);
    assert_eq!(around(days, 1_772_323_200), ["2026-02-28 23:59:59", "2026-03-01 01:00:00"]);
}

#[test]
fn a_tz_that_means_nothing_is_utc() {
    for zone in ["", ":", "x", "Nowhere/None", "/nowhere", "<>0", "/dev/null", "/etc"] {
        assert_eq!(clock(zone, 1_700_000_000), "2023-11-14 22:13:20", "{zone}");
    }
}

/// A file as zic makes it: two changes, two leap seconds, and a rule for the time after them.
fn zone_file() -> Vec<u8> {
    let mut file = Vec::new();
    for width in [4, 8] {
        let number = |number: i64| number.to_be_bytes()[8 - width..].to_vec();
        file.extend_from_slice(b"TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        // Of the counts, that of leap seconds is the third; then changes, kinds and names.
        for count in [0_u32, 0, 2, 2, 3, 12] {
            file.extend(count.to_be_bytes());
        }
        file.extend([number(1_000_000_000), number(1_200_000_000)].concat());
        file.extend([1, 2]);
        for (ahead, is_summer, name) in [(-12_345_i32, 0, 0), (7200, 1, 4), (3600, 0, 8)] {
            file.extend(ahead.to_be_bytes());
            file.extend([is_summer, name]);
        }
        file.extend_from_slice(b"LMT\0SSS\0WWW\0");
        for (moment, sum) in [(1_100_000_005, 1_i32), (1_150_000_006, 2)] {
            file.extend(number(moment));
            file.extend(sum.to_be_bytes());
        }
    }
    file.extend_from_slice(b"\nWWW-1SSS,M3.5.0,M10.5.0/3\n");
    file
}

#[test]
fn a_zones_file_is_followed_change_by_change_and_leap_second_by_leap_second() {
    let scratch = Scratch::new();
    scratch.write("zone", &zone_file());
    let path = scratch.path().join("zone");
    let zone = path.to_str().unwrap();
    assert_eq!(around(zone, 1_000_000_000), ["2001-09-08 22:20:54", "2001-09-09 03:46:40"]);
    // The leap second counts on, and the second after it has the same number again.
    assert_eq!(
        [0, 1].map(|more| clock(zone, 1_100_000_005 + more)),
        ["2004-11-09 13:33:25", "2004-11-09 13:33:25"]
    );
    assert_eq!(clock(zone, 1_199_999_999), "2008-01-10 23:19:57");
    // After the last change the rule holds, by the clock of the file.
    assert_eq!(clock(zone, 1_700_000_000), "2023-11-14 23:13:18");
    assert_eq!(around(zone, 1_774_746_000), ["2026-03-29 01:59:57", "2026-03-29 02:59:58"]);
}

#[test]
fn the_zones_of_the_system_are_known_by_name() {
    if !Path::new("/usr/share/zoneinfo/America/New_York").exists() {
        println!("left out: this system has no zones");
        return;
    }
    let new_york = "America/New_York";
    assert_eq!(around(new_york, 1_772_953_200), ["2026-03-08 01:59:59", "2026-03-08 03:00:00"]);
    // Long before the zone's first change, and long after its last one.
    assert_eq!(clock(new_york, -5_000_000_000), "1811-07-23 10:10:38");
    assert_eq!(clock(new_york, 6_000_000_000), "2160-02-18 05:40:00");
    // Both a file and the beginning of a rule.
    assert_eq!(clock("EST5EDT", 1_793_512_800), "2026-11-01 01:00:00");
    let leap = "right/UTC";
    if Path::new("/usr/share/zoneinfo/right/UTC").exists() {
        assert_eq!(clock(leap, 1_483_228_826), "2016-12-31 23:59:60");
        assert_eq!(clock(leap, 1_483_228_827), "2017-01-01 00:00:00");
    }
}

#[test]
fn all_but_an_unfinished_label_comes_at_once() {
    let scratch = Scratch::new();
    let mut filter = Filter::start(scratch.command("tai64nlocal").env("TZ", "UTC0"));
    let mut said = 0;
    for (given, shown) in [
        (&b"a"[..], &b"a"[..]),
        (b"b\n@4000000037c219bf2ef0", b"b\n"),
        (b"2e94 ", b"1999-08-24 04:04:05.787492500 "),
        (b"c\n@4000000037c219bf2ef02e94", b"c\n"),
        (b"\n", b"1999-08-24 04:04:05.787492500\n"),
    ] {
        filter.give(given);
        said += shown.len();
        let all = filter.wait_for(said);
        assert_eq!(&all[said - shown.len()..], shown);
    }
    assert_eq!(filter.finish().0, Some(0));
}

#[test]
fn what_is_no_label_is_left_as_it_is() {
    if !only_ours("0.76 dies of most of these, and takes the last 24 digits of a few") {
        return;
    }
    for text in [
        "@",
        "@\n",
        "@ x\n",
        "@zz\n",
        "@@4000000037c219bf2ef02e94 x\n",
        "@4000000037c219bf2ef02e9 short\n",
        "@4000000037c219bf2ef02e940 long\n",
        "@04000000037c219bf2ef02e94 long, a zero before\n",
        "@4000000037C219BF2EF02E94 upper\n",
        "@4000000037c219bf2ef02e9F upper\n",
        "@4000000037c219bf2ef0",
        "@4000000037c219bf\n2ef02e94 cut\n",
        // A whole line where there is room for a label.
        "@4000000037c219bf2ef02e9\n",
    ] {
        assert_eq!(local("UTC0", text.as_bytes()), text);
        // Nor does it hide a label on the next line.
        if text.ends_with('\n') {
            let said = local("UTC0", format!("{text}@4000000037c219bf2ef02e94 x\n").as_bytes());
            assert_eq!(said, format!("{text}1999-08-24 04:04:05.787492500 x\n"));
        }
    }
}

#[test]
fn a_time_without_a_year_is_left_as_it_is() {
    if !only_ours("0.76 dies of these, or prints a year of 20 digits") {
        return;
    }
    for second in [-62_167_219_201, 67_768_036_191_676_799, i64::MIN, i64::MAX] {
        assert_eq!(clock("UTC0", second), format!("{}\n", label(second)));
    }
    for text in ["@000000000000000000000000 x\n", "@ffffffffffffffffffffffff x\n"] {
        assert_eq!(local("EST5EDT,M3.2.0,M11.1.0", text.as_bytes()), text);
    }
}

#[test]
fn a_label_at_the_very_end_is_shown() {
    if !only_ours("0.76 loses it") {
        return;
    }
    assert_eq!(local("UTC0", b"x\n@4000000037c219bf2ef02e94"), "x\n1999-08-24 04:04:05.787492500");
}
