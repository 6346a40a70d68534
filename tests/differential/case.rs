//! One case: a script, and an input with the places where its writer pauses.

use crate::random::Random;

pub struct Case {
    pub script: Vec<String>,
    /// Each directory of the script, with its size.
    pub directories: Vec<(String, u64)>,
    pub statuses: Vec<String>,
    /// What is written at once.
    pub pieces: Vec<Vec<u8>>,
}

impl Case {
    pub fn of_seed(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut case = Self {
            script: Vec::new(),
            directories: Vec::new(),
            statuses: Vec::new(),
            pieces: Vec::new(),
        };
        if random.below(3) == 0 {
            case.script.push("t".to_owned());
        }
        // Enough that nothing is pruned.
        case.script.push("n100000".to_owned());
        let mut size = 99_999;
        for _ in 0..1 + random.below(8) {
            match random.below(6) {
                0 | 1 => {
                    let sign = random.one_of(&["-", "+"]);
                    case.script.push(format!("{sign}{}", pattern(&mut random)));
                }
                2 => case.script.push("e".to_owned()),
                3 => {
                    let name = format!("status{}", case.statuses.len());
                    case.script.push(format!("={name}"));
                    case.statuses.push(name);
                }
                4 => {
                    size = 4096 + u64::try_from(random.below(6000)).unwrap();
                    case.script.push(format!("s{size}"));
                }
                _ => case.directory(size),
            }
        }
        case.directory(size);
        let input = input(&mut random);
        let mut rest = input.as_slice();
        while !rest.is_empty() {
            let length = match random.below(4) {
                0 => 1 + random.below(30),
                1 => 1 + random.below(1100),
                _ => 1 + random.below(70_000),
            };
            let (piece, later) = rest.split_at(length.min(rest.len()));
            case.pieces.push(piece.to_vec());
            rest = later;
        }
        case
    }

    fn directory(&mut self, size: u64) {
        let name = format!("./log{}", self.directories.len());
        self.script.push(name.clone());
        self.directories.push((name, size));
    }
}

// No letter that is a digit of a label: which ones those have is chance.
fn pattern(random: &mut Random) -> String {
    if random.below(3) == 0 {
        return "*".to_owned();
    }
    (0..random.below(5)).map(|_| random.one_of(&['x', 'y', '*', '*', '@'])).collect()
}

fn input(random: &mut Random) -> Vec<u8> {
    const LENGTHS: [usize; 14] = [0, 1, 2, 3, 5, 94, 96, 199, 200, 201, 999, 1000, 1001, 2500];
    let mut bytes = Vec::new();
    for _ in 0..random.below(300) {
        let length = if random.below(150) == 0 { 100_000 } else { random.one_of(&LENGTHS) };
        let is_plain = random.below(2) == 0;
        for _ in 0..length {
            bytes.push(if is_plain { b'x' } else { random.one_of(b"xxy*\0\xff@ ") });
        }
        bytes.push(b'\n');
    }
    if random.below(2) == 0 {
        bytes.pop();
    }
    bytes
}
