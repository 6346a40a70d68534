//! multilog's scripts and lines on any bytes: the result of a random script on random input does
//! not depend on how the input is cut into reads, and is that of a naive version of the rules.

use crate::random::Random;
use daemontools_rs::multilog::lines::{ByteOrigin, Lines, Stop, Take, WINDOW};
use daemontools_rs::multilog::pattern::matches;
use daemontools_rs::multilog::script::{Script, Sink};

const RUNS: usize = 4000;

/// The result for an input: alerts, statuses, and the contents of each directory.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    alerts: Vec<Vec<u8>>,
    statuses: Vec<(usize, Vec<u8>)>,
    logs: Vec<Vec<u8>>,
}

struct Outputs<'a> {
    script: &'a Script,
    chosen: Vec<bool>,
    outcome: Outcome,
}

impl Take for Outputs<'_> {
    fn begin(&mut self, head: &[u8]) -> Result<(), Stop> {
        self.script.walk(head, self);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8], _: ByteOrigin, _: usize) -> Result<(), Stop> {
        for (log, is_chosen) in self.outcome.logs.iter_mut().zip(&self.chosen) {
            if *is_chosen {
                log.extend_from_slice(bytes);
            }
        }
        Ok(())
    }
}

impl Sink for Outputs<'_> {
    fn alert(&mut self, head: &[u8]) {
        self.outcome.alerts.push(head.to_vec());
    }

    fn status(&mut self, number: usize, head: &[u8]) {
        self.outcome.statuses.push((number, head.to_vec()));
    }

    fn choose(&mut self, number: usize, is_selected: bool) {
        self.chosen[number] = is_selected;
    }
}

#[test]
fn any_script_does_with_any_input_what_the_rules_say_however_it_was_cut() {
    let mut random = Random::new(11);
    for run in 0..RUNS {
        let words = words(&mut random);
        let script = Script::parse(words.iter().map(Vec::as_slice));
        let input = input(&mut random);
        let stamp: &[u8] = if random.below(2) == 0 { b"" } else { b"@stamp " };
        let outcome =
            Outcome { logs: vec![Vec::new(); script.directories.len()], ..Outcome::default() };
        let chosen = vec![true; script.directories.len()];
        let mut outputs = Outputs { script: &script, chosen, outcome };
        let mut lines = Lines::new(script.takes_all());
        for piece in random.cut(&input) {
            lines.feed(piece, stamp, &mut outputs).unwrap();
        }
        lines.end(&mut outputs).unwrap();
        let expected = naive(&words, &input, stamp, script.directories.len());
        assert!(
            outputs.outcome == expected,
            "run {run}: {:?} on {}",
            words.iter().map(|word| word.escape_ascii().to_string()).collect::<Vec<_>>(),
            input.escape_ascii()
        );
    }
}

/// The words of a script, most of them valid.
fn words(random: &mut Random) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    for number in 0..random.below(8) {
        let mut word = match random.below(9) {
            0 => b"e".to_vec(),
            1 => format!("=status{number}").into_bytes(),
            2 | 3 => format!("./log{number}").into_bytes(),
            4 => vec![random.byte()],
            5 => format!("s{}", random.below(1 << 20)).into_bytes(),
            _ => {
                let mut word = vec![if random.below(2) == 0 { b'-' } else { b'+' }];
                word.extend((0..random.below(5)).map(|_| b"ab*@"[random.below(4)]));
                if random.below(3) > 0 {
                    word.push(b'*');
                }
                word
            }
        };
        // A directory of a single byte is one too.
        word.truncate(20);
        words.push(word);
    }
    words
}

/// Lines of a few letters, and now and then one about as long as the window, or longer.
fn input(random: &mut Random) -> Vec<u8> {
    let mut input = Vec::new();
    for _ in 0..random.below(12) {
        let length = match random.below(8) {
            0 => WINDOW - 10 + random.below(20),
            1 => 3000,
            _ => random.below(6),
        };
        input.extend((0..length).map(|_| match random.below(9) {
            0 => random.byte(),
            _ => b"ab@*"[random.below(4)],
        }));
        input.push(b'\n');
    }
    if random.below(2) == 0 {
        input.pop();
    }
    input
}

/// Line by line and word by word.
fn naive(words: &[Vec<u8>], input: &[u8], stamp: &[u8], directories: usize) -> Outcome {
    let mut outcome = Outcome { logs: vec![Vec::new(); directories], ..Outcome::default() };
    let ended = input.strip_suffix(b"\n").unwrap_or(input);
    let lines = ended.split(|&byte| byte == b'\n').filter(|_| !input.is_empty());
    for line in lines {
        let line = [stamp, line].concat();
        let head = &line[..line.len().min(WINDOW)];
        let (mut is_selected, mut status, mut directory) = (true, 0, 0);
        for word in words {
            match word.first() {
                Some(b'-') if matches(&word[1..], head) => is_selected = false,
                Some(b'+') if matches(&word[1..], head) => is_selected = true,
                Some(b'e') if is_selected => outcome.alerts.push(head.to_vec()),
                Some(b'=') => {
                    if is_selected {
                        outcome.statuses.push((status, head.to_vec()));
                    }
                    status += 1;
                }
                Some(b'.' | b'/') => {
                    if is_selected {
                        outcome.logs[directory].extend_from_slice(&line);
                        outcome.logs[directory].push(b'\n');
                    }
                    directory += 1;
                }
                _ => {}
            }
        }
    }
    outcome
}
