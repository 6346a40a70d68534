//! softlimit: runs a program with new soft limits on its resources. Contract: softlimit(8),
//! contract.md, section 16.

use crate::args::{Options, Usage, illegal_option, missing_value};
use crate::error::{Exit, Program};
use crate::sys::command_line::Arguments;
use crate::sys::limit::{LimitError, Resource, Soft, set_soft};
use crate::wrapper;

const SOFTLIMIT: Program = Program::command("softlimit");
/// How it is used.
pub const USAGE: Usage = Usage::of(
    SOFTLIMIT,
    "softlimit [-a allbytes] [-c corebytes] [-d databytes] [-f filebytes] [-l lockbytes] \
     [-m membytes] [-o openfiles] [-p processes] [-r residentbytes] [-s stackbytes] [-t cpusecs] \
     child",
);

/// Runs softlimit. The options act one after the other, each on the result of those before it.
#[must_use]
pub fn run(arguments: Arguments) -> Exit {
    let mut options = Options::new(&arguments);
    while let Some(letter) = options.next_letter() {
        let Some(resources) = limited_by(letter) else {
            return illegal_option(&arguments, letter, &USAGE);
        };
        let Some(value) = options.value() else {
            return missing_value(&arguments, letter, &USAGE);
        };
        let Some(soft) = limit(value) else { return USAGE.wrong() };
        for &resource in resources {
            match set_soft(resource, soft) {
                Ok(()) => {}
                Err(LimitError::Read(error)) => {
                    return SOFTLIMIT.fatal_because(&[b"getrlimit failed"], error);
                }
                Err(LimitError::Set(error)) => {
                    return SOFTLIMIT.fatal_because(&[b"setrlimit failed"], error);
                }
            }
        }
    }
    match wrapper::words_and_child(&USAGE, &arguments, options.operands()) {
        Some(([], child)) => child.start(),
        None => Exit::USAGE,
    }
}

fn limited_by(letter: u8) -> Option<&'static [Resource]> {
    Some(match letter {
        b'a' => &[Resource::RLIMIT_AS],
        b'c' => &[Resource::RLIMIT_CORE],
        b'd' => &[Resource::RLIMIT_DATA],
        b'f' => &[Resource::RLIMIT_FSIZE],
        b'l' => &[Resource::RLIMIT_MEMLOCK],
        b'm' => &[
            Resource::RLIMIT_DATA,
            Resource::RLIMIT_STACK,
            Resource::RLIMIT_MEMLOCK,
            Resource::RLIMIT_AS,
        ],
        b'o' => &[Resource::RLIMIT_NOFILE],
        b'p' => &[Resource::RLIMIT_NPROC],
        b'r' => &[Resource::RLIMIT_RSS],
        b's' => &[Resource::RLIMIT_STACK],
        b't' => &[Resource::RLIMIT_CPU],
        _ => return None,
    })
}

/// Parses `=` or a decimal number. No digits at all mean 0. A number too large wraps, as in 0.76.
fn limit(text: &[u8]) -> Option<Soft> {
    if text == b"=" {
        return Some(Soft::Hard);
    }
    let digit = |byte: &u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    let number = text
        .iter()
        .try_fold(0_u64, |number, byte| Some(number.wrapping_mul(10).wrapping_add(digit(byte)?)));
    number.map(Soft::AtMost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_digits_or_the_hard_one() {
        assert_eq!(limit(b"="), Some(Soft::Hard));
        assert_eq!(limit(b""), Some(Soft::AtMost(0)));
        assert_eq!(limit(b"007"), Some(Soft::AtMost(7)));
        assert_eq!(limit(b"18446744073709551615"), Some(Soft::AtMost(u64::MAX)));
        assert_eq!(limit(b"18446744073709551626"), Some(Soft::AtMost(10)));
        for text in [&b"12x"[..], b" 1", b"-1", b"+1", b"==", b"0x10", b"1 "] {
            assert_eq!(limit(text), None);
        }
    }
}
