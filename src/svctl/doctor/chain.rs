//! The programs that a command becomes by `exec`, one after another (setuidgid, then softlimit,
//! then the daemon). Pure.

use super::script::base;
use super::shell::{Command, Word, is_assignment};

/// The programs that a command becomes, and what is known of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Whether the shell itself becomes the first one.
    pub is_exec: bool,
    /// The programs as they are named; the last one stays.
    pub programs: Vec<Vec<u8>>,
    /// How many of them are looked up on supervise's PATH: those before one that changes PATH, and
    /// that one itself.
    pub on_path: usize,
    /// Whether the last of them stays: [`step`] knows each program before it.
    pub is_whole: bool,
    /// The words of the last one, its own name first.
    pub words: Vec<Word>,
    /// The account that they run as.
    pub account: Option<Vec<u8>>,
}

impl Chain {
    /// The program that stays.
    #[must_use]
    pub fn program(&self) -> Option<&[u8]> {
        self.programs.last().filter(|_| self.is_whole).map(Vec::as_slice)
    }

    /// Follows a command.
    #[must_use]
    pub fn of(command: &Command) -> Self {
        let mut chain = Self::default();
        let mut left = &command.words[..];
        let mut is_path_known = true;
        let skip = |left: &mut &[Word], count: usize| *left = left.get(count..).unwrap_or_default();
        while left.first().is_some_and(|word| is_assignment(&word.text)) {
            skip(&mut left, 1);
        }
        if left.first().is_some_and(|word| word.text == b"exec") {
            chain.is_exec = true;
            skip(&mut left, 1);
            while let Some(option) = left.first().filter(|word| word.text.starts_with(b"-")) {
                let count = if option.text.contains(&b'a') { 2 } else { 1 };
                skip(&mut left, count);
            }
        }
        while let Some(word) = left.first() {
            if !word.is_plain || word.text.is_empty() || word.text.starts_with(b"-") {
                return chain;
            }
            chain.programs.push(word.text.clone());
            chain.on_path += usize::from(is_path_known);
            chain.words = left.to_vec();
            let name = base(&word.text);
            let rest = left.get(1..).unwrap_or_default();
            let Some(step) = step(name, rest) else {
                chain.is_whole = true;
                return chain;
            };
            let Step { words, account, keeps_path } = step;
            is_path_known &= keeps_path;
            chain.account = account.or(chain.account);
            let Some(words) = words else { return chain };
            skip(&mut left, words + 1);
        }
        chain
    }
}

/// What a program like setuidgid takes on its command line before the name of the program that it
/// runs.
struct Step {
    /// How many words; nothing if that is not known.
    words: Option<usize>,
    /// The account that it switches to, if the words name one.
    account: Option<Vec<u8>>,
    /// Whether the program that it runs gets the same PATH.
    keeps_path: bool,
}

/// How many of the words are options. `with_value`: the letters of the options whose value is the
/// next word.
fn options(words: &[Word], with_value: &[u8]) -> usize {
    let mut count = 0;
    while let Some(word) = words.get(count) {
        let [b'-', letter, rest @ ..] = &word.text[..] else { break };
        count += 1;
        if *letter == b'-' && rest.is_empty() {
            break;
        }
        count += usize::from(rest.is_empty() && with_value.contains(letter));
    }
    count
}

fn step(name: &[u8], words: &[Word]) -> Option<Step> {
    let plain = |words| Some(Step { words: Some(words), account: None, keeps_path: true });
    let unknown = || Some(Step { words: None, account: None, keeps_path: true });
    let account =
        |place: usize| words.get(place).filter(|word| word.is_plain).map(|word| word.text.clone());
    match name {
        b"setuidgid" => {
            let before = options(words, b"");
            Some(Step { words: Some(before + 1), account: account(before), keeps_path: true })
        }
        b"envuidgid" => plain(1),
        b"envdir" => Some(Step { words: Some(1), account: None, keeps_path: false }),
        b"setlock" => plain(options(words, b"") + 1),
        b"softlimit" => plain(options(words, b"acdflmoprst")),
        b"pgrphack" | b"fghack" | b"nohup" => plain(0),
        b"nice" => plain(options(words, b"n")),
        b"ionice" => plain(options(words, b"cn")),
        b"env" => {
            let count = words.iter().take_while(|word| is_assignment(&word.text)).count();
            let is_plain = words.iter().take(count).all(|word| !word.text.starts_with(b"PATH="));
            Some(Step { words: Some(count), account: None, keeps_path: is_plain })
        }
        b"chpst" => {
            let count = options(words, b"uUbe/nlLmdopfcrtk");
            let place = words.iter().take(count).position(|word| word.text == b"-u");
            let user = place.and_then(|place| account(place + 1));
            let user = user
                .map(|user| user.split(|&byte| byte == b':').next().unwrap_or_default().to_vec());
            let has = |option: &[u8]| words.iter().take(count).any(|word| word.text == option);
            if has(b"-/") {
                return unknown();
            }
            Some(Step { words: Some(count), account: user, keeps_path: !has(b"-e") })
        }
        b"sudo" | b"su" | b"chroot" | b"unshare" | b"nsenter" | b"setsid" | b"taskset"
        | b"chrt" | b"stdbuf" | b"timeout" | b"runuser" | b"command" | b"exec" | b"numactl"
        | b"flock" => unknown(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::Script;
    use super::*;

    fn chain(text: &str) -> Chain {
        Chain::of(&Script::read(text.as_bytes()).last.unwrap())
    }

    #[test]
    fn a_chain_is_followed_to_the_program_that_stays() {
        for (text, programs, account) in [
            ("exec setuidgid nobody multilog t ./main", "setuidgid multilog", Some("nobody")),
            (
                "exec setuidgid -s www envdir ./env /bin/a -x",
                "setuidgid envdir /bin/a",
                Some("www"),
            ),
            ("exec softlimit -m 1000 -d2000 a", "softlimit a", None),
            ("exec setlock -nX lock nice -n 5 a", "setlock nice a", None),
            ("exec env A=1 B=2 a", "env a", None),
            ("exec chpst -u www:adm -e ./env -P a", "chpst a", Some("www")),
            ("exec pgrphack fghack a", "pgrphack fghack a", None),
            ("A=1 exec -a x a", "a", None),
            ("a b", "a", None),
        ] {
            let chain = chain(text);
            let found: Vec<_> =
                chain.programs.iter().map(|name| String::from_utf8_lossy(name)).collect();
            assert_eq!(found.join(" "), programs, "{text}");
            assert_eq!(chain.account.as_deref(), account.map(str::as_bytes), "{text}");
            assert!(chain.is_whole, "{text}");
            assert_eq!(chain.is_exec, text.contains("exec"), "{text}");
        }
        for text in
            ["exec $A b", "exec setuidgid nobody $B", "exec sudo -u x y", "exec chpst -/ r a"]
        {
            assert_eq!(chain(text).program(), None, "{text}");
        }
        assert_eq!(chain("exec envdir ./env a").on_path, 1);
        assert_eq!(chain("exec setuidgid nobody a").on_path, 2);
    }
}
