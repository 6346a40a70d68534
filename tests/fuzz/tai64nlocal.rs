//! tai64nlocal on labels, near-labels and anything; and the files and rules of time zones.

use crate::random::Random;
use daemontools_rs::calendar::Moment;
use daemontools_rs::cmd::tai64nlocal::Localizer;
use daemontools_rs::filter::Filter;
use daemontools_rs::zone::Local;
use daemontools_rs::zone::file::ZoneFile;
use daemontools_rs::zone::rule::Rule;

const RUNS: usize = 10_000;

/// Local time of no country: the offset changes every thousand seconds.
fn local(moment: i64) -> Local {
    Local { ahead: (moment.div_euclid(1000).rem_euclid(97) - 48) * 900, leap: 0 }
}

/// What becomes of a line, its newline included, if it has one.
fn model(line: &[u8]) -> Vec<u8> {
    let digits = line.iter().skip(1).take_while(|byte| b"0123456789abcdef".contains(byte)).count();
    if line.first() != Some(&b'@') || digits != 24 {
        return line.to_vec();
    }
    let number = |range| {
        let digits = std::str::from_utf8(&line[range]).unwrap();
        u64::from_str_radix(digits, 16).unwrap()
    };
    let moment = i128::from(number(1..17)) - (1 << 62) - 10;
    let mut shown = Vec::new();
    let moment = i64::try_from(moment).unwrap_or(i64::MAX);
    if moment.unsigned_abs() > 1 << 60
        || !Moment::of(moment + local(moment).ahead).write(&mut shown)
    {
        return line.to_vec();
    }
    let nanoseconds = format!(".{:09}", number(17..25));
    [shown.as_slice(), nanoseconds.as_bytes(), &line[25..]].concat()
}

fn line(random: &mut Random) -> Vec<u8> {
    let mut line = Vec::new();
    if random.below(8) > 0 {
        let far = random.next() >> random.below(64);
        let second = random.one_of(&[(1_u64 << 62) + 1_900_000_000, 1 << 62, 0, u64::MAX]);
        let second = second.wrapping_add(far);
        let second = if random.below(2) == 0 { second } else { (1 << 62) + (far >> 32) };
        let nanosecond = random.next() >> 32;
        line.extend_from_slice(format!("@{second:016x}{nanosecond:08x}").as_bytes());
    }
    if random.below(4) > 0 {
        line.push(b' ');
    }
    for _ in 0..random.below(90) {
        line.push(random.one_of(b"@04afAFx  "));
    }
    if random.below(20) > 0 {
        line.push(b'\n');
    }
    if random.below(2) == 0 {
        random.mutate(&mut line);
    }
    line
}

#[test]
fn however_it_is_cut_a_label_is_converted_and_nothing_else_changes() {
    let mut random = Random::new(1);
    let mut converted = 0;
    for run in 0..RUNS {
        let input: Vec<u8> = (0..random.below(9)).flat_map(|_| line(&mut random)).collect();
        let expected: Vec<u8> =
            input.split_inclusive(|byte| *byte == b'\n').flat_map(model).collect();
        converted += usize::from(expected != input);
        let mut localizer = Localizer::new(local);
        let mut output = Vec::new();
        for piece in random.cut(&input) {
            localizer.take(piece, &mut output);
        }
        localizer.finish(&mut output);
        let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
        assert_eq!(shown(&output), shown(&expected), "run {run}: {}", shown(&input));
    }
    assert!(converted > RUNS / 4, "{converted} inputs with a label are too few");
}

#[test]
fn no_file_and_no_rule_of_a_zone_is_too_odd() {
    const RULES: [&str; 4] = [
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
        "XXX3EDT4,0/0,J365/23",
        "UTC0",
    ];
    let mut random = Random::new(2);
    let (mut rules, mut files) = (0, 0);
    for _ in 0..RUNS {
        let mut rule = random.one_of(&RULES).as_bytes().to_vec();
        random.mutate(&mut rule);
        let mut file = file(&mut random);
        if random.below(4) > 0 {
            random.mutate(&mut file);
        }
        let (rule, file) = (Rule::parse(&rule), ZoneFile::parse(&file));
        rules += usize::from(rule.is_some());
        files += usize::from(file.is_some());
        for far in [0, 20, 33] {
            let moment = random.next().cast_signed() >> (7 + far);
            // Offsets of hours by rule, of an i32 and a sum of leap seconds by file.
            let ahead = rule.map_or(0, |rule| rule.ahead(moment));
            assert!(ahead.abs() <= 26 * 3600, "{rule:?}");
            let ahead = file.as_ref().map_or(0, |file| file.at(moment).ahead);
            assert!(ahead.abs() <= 2 << 32, "{file:?}");
        }
    }
    assert!(rules > RUNS / 20 && files > RUNS / 20, "{rules} rules, {files} files are too few");
}

/// A file with any numbers in it, and counts that fit them.
fn file(random: &mut Random) -> Vec<u8> {
    let mut file = Vec::new();
    let counts = [0, 0, random.below(3), random.below(4), 1 + random.below(3), 4];
    let [_, _, leaps, changes, kinds, names] = counts;
    for width in [4, 8] {
        file.extend_from_slice(b"TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        for count in counts {
            file.extend(u32::try_from(count).unwrap().to_be_bytes());
        }
        for _ in 0..changes * width {
            file.push(random.byte());
        }
        for _ in 0..changes {
            file.push(u8::try_from(random.below(kinds)).unwrap());
        }
        for _ in 0..kinds * 6 + names + leaps * (width + 4) {
            file.push(random.byte());
        }
    }
    file.extend_from_slice(b"\nCET-1CEST,M3.5.0,M10.5.0/3\n");
    file
}
