//! The service: this program in another mode. It writes numbered lines, several in each write and
//! never a part of one; then it stays.

use std::io::Write;
use std::process::ExitCode;

pub const WORD: &str = "--writer";
/// The most bytes of one write: a pipe takes so many as a whole.
const PORTION: usize = 4000;

pub fn write(count: u64) -> ExitCode {
    let mut portion = Vec::with_capacity(PORTION);
    for number in 0..count {
        writeln!(portion, "line {number}").unwrap();
        if portion.len() > PORTION - 20 || number + 1 == count {
            std::io::stdout().write_all(&portion).unwrap();
            portion.clear();
        }
    }
    loop {
        std::thread::park();
    }
}

/// The run script of a service that writes `count` lines.
pub fn script(count: u64) -> String {
    format!("echo $$ >>starts\nexec {} {WORD} {count}", std::env::current_exe().unwrap().display())
}
