//! Finds a service's log directory: by the command line and the working directory of the running
//! multilog, or else by `log/run`, or else as `log/main`. No other file looks for it, and no other
//! file decides whether svctl opens a directory that another user has named.

use super::Service;
use super::files::Identity;
use super::processes::Processes;
use super::start::{below, started_in};
use super::tail;
use crate::beginning::beginning;
use crate::place;
use daemontools_rs::multilog::script::{Script, Sink, Stamp};
use daemontools_rs::sys::descriptor::{HERE, Purpose, open};
use daemontools_rs::sys::file::{self, Kind};
use daemontools_rs::sys::process::Pid;
use daemontools_rs::sys::{Errno, directory, proc};
use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};

/// A log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirectory {
    /// Its path.
    pub path: Vec<u8>,
    /// The timestamps of its lines; not known if no multilog runs there.
    pub stamp: Option<Stamp>,
    /// Whether a processor makes another file of each finished log.
    pub is_processed: bool,
    /// The user whose multilog has it on its command line, if that is neither root nor our own
    /// user. A user can put any path on a command line, so svctl opens the directory only if it
    /// belongs to that user or to root.
    pub said_by: Option<u32>,
}

/// Why a log directory is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A system call failed.
    System(Errno),
    /// Another user named it, and it belongs neither to that user nor to root.
    Owner,
}

/// What a log directory contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// How many logs: `current`, `previous` and the finished ones.
    pub files: usize,
    /// The bytes of these, and of what multilog keeps beside them (`state`), together.
    pub bytes: u64,
}

/// The log directories of the logger of a service; those that get every line come first.
#[must_use]
pub fn directories(logger: &Service) -> Vec<LogDirectory> {
    let base = place::real(&logger.target.path).unwrap_or_else(|| logger.target.path.clone());
    if let Some(multilog) = logger.pid().and_then(Running::below) {
        return multilog.directories(&base);
    }
    let words = words_of_script(&beginning(&[&base[..], b"/run"].concat()).unwrap_or_default());
    if let Some(words) = words {
        return named(&words, &base, None);
    }
    let path = [&base[..], b"/main"].concat();
    let is_there = file::facts(HERE, &path).is_ok_and(|facts| facts.kind == Kind::Directory);
    let main = LogDirectory { path, stamp: None, is_processed: false, said_by: None };
    is_there.then_some(main).into_iter().collect()
}

/// A running multilog.
struct Running {
    pid: Pid,
    words: Vec<Vec<u8>>,
}

impl Running {
    /// The multilog among the logger's process and its descendants.
    fn below(pid: Pid) -> Option<Self> {
        let own = |pid| {
            let words = words_of_command_line(&proc::command_line(pid))?;
            Some(Self { pid, words })
        };
        own(pid).or_else(|| {
            let processes = Processes::count(&BTreeSet::new())?;
            let tree = processes.tree(pid);
            tree.into_iter()
                .filter(|(_, other)| other.name == b"multilog")
                .find_map(|(_, other)| own(other.pid))
        })
    }

    /// `base`: the service directory of the logger, where multilog probably works, in case /proc
    /// does not say where it works.
    fn directories(&self, base: &[u8]) -> Vec<LogDirectory> {
        let user = proc::users_of(self.pid).map_or(u32::MAX, |[_, effective, _]| effective);
        let said_by = Some(user).filter(|&user| user != 0 && user != file::our_user());
        let script = Script::parse(self.words.iter().map(Vec::as_slice));
        let names = script.directories.iter().map(|settings| &settings.name[..]);
        let started_in = started_in(self.pid, names, base);
        named(&self.words, started_in.as_deref().unwrap_or(base), said_by)
    }
}

/// The directories that the words of a multilog name, each with its path; `base`: the directory
/// that multilog works in.
fn named(words: &[Vec<u8>], base: &[u8], said_by: Option<u32>) -> Vec<LogDirectory> {
    let script = Script::parse(words.iter().map(Vec::as_slice));
    let mut gets_all = GetsAll(vec![false; script.directories.len()]);
    script
        .walk(if script.stamp == Stamp::None { ANY_LINE } else { ANY_STAMPED_LINE }, &mut gets_all);
    let stamp = Some(script.stamp);
    let directories = script.directories.iter().zip(gets_all.0).map(|(settings, gets_all)| {
        let path = below(base, &settings.name);
        let is_processed = settings.processor.is_some();
        (!gets_all, LogDirectory { path, stamp, is_processed, said_by })
    });
    let mut directories: Vec<_> = directories.collect();
    directories.sort_by_key(|(is_selective, _)| *is_selective);
    directories.into_iter().map(|(_, directory)| directory).collect()
}

/// Which directories get a line that no pattern would name.
struct GetsAll(Vec<bool>);

/// Such a line, without and with a label.
const ANY_LINE: &[u8] = b"\x01";
const ANY_STAMPED_LINE: &[u8] = b"@400000000000000000000000 \x01";

impl Sink for GetsAll {
    fn alert(&mut self, _: &[u8]) {}

    fn status(&mut self, _: usize, _: &[u8]) {}

    fn choose(&mut self, number: usize, is_selected: bool) {
        if let Some(gets_all) = self.0.get_mut(number) {
            *gets_all = is_selected;
        }
    }
}

fn is_multilog(word: &[u8]) -> bool {
    base(word) == b"multilog"
}

/// The last part of a path.
fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

/// The words of a multilog's command line, which has a NUL byte after each.
fn words_of_command_line(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = line.strip_suffix(b"\0")?.split(|&byte| byte == 0);
    let is_it = words.next().is_some_and(is_multilog);
    is_it.then(|| words.map(<[u8]>::to_vec).collect())
}

/// Words before the name of an account, which may be `multilog` too.
const BEFORE_ACCOUNT: [&[u8]; 4] = [b"setuidgid", b"envuidgid", b"-s", b"-u"];

/// The words after `multilog` in a shell script, as far as they are clear without a shell.
fn words_of_script(text: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut left = text;
    let mut before = Vec::new();
    loop {
        let word = next_word(&mut left)?;
        let is_account = BEFORE_ACCOUNT.contains(&base(&before));
        if is_account || !is_multilog(&word) {
            before = word;
            continue;
        }
        let mut words = Vec::new();
        while let Some(word) = next_word(&mut left).filter(|word| word != b"\n") {
            words.push(word);
        }
        return Some(words);
    }
}

/// The next word of a shell script, without its quotes. A newline, and anything else that ends a
/// command, is the word `\n`.
fn next_word(left: &mut &[u8]) -> Option<Vec<u8>> {
    let mut word = Vec::new();
    let mut is_begun = false;
    while let Some((&byte, after)) = left.split_first() {
        match byte {
            b'\n' | b';' | b'|' | b'&' | b'<' | b'>' => {
                if !is_begun {
                    *left = after;
                    return Some(b"\n".to_vec());
                }
                return Some(word);
            }
            b' ' | b'\t' if is_begun => return Some(word),
            b' ' | b'\t' => *left = after,
            b'#' if !is_begun => {
                let end = after.iter().position(|&byte| byte == b'\n').unwrap_or(after.len());
                *left = after.get(end..).unwrap_or_default();
            }
            b'\\' => {
                *left = after.get(1..).unwrap_or_default();
                match after.first() {
                    Some(b'\n') | None => {}
                    Some(&byte) => {
                        is_begun = true;
                        word.push(byte);
                    }
                }
            }
            b'\'' | b'"' => {
                is_begun = true;
                let end = after.iter().position(|&other| other == byte).unwrap_or(after.len());
                word.extend_from_slice(after.get(..end).unwrap_or_default());
                *left = after.get(end + 1..).unwrap_or_default();
            }
            _ => {
                is_begun = true;
                word.push(byte);
                *left = after;
            }
        }
    }
    is_begun.then_some(word)
}

impl LogDirectory {
    /// Opens it.
    ///
    /// # Errors
    /// Why it is not opened.
    pub fn open(&self) -> Result<OwnedFd, Refusal> {
        let place = open(HERE, &self.path, Purpose::Directory).map_err(Refusal::System)?;
        let Some(user) = self.said_by else { return Ok(place) };
        let owner = file::facts_of(place.as_fd()).map_err(Refusal::System)?.owner;
        if owner == 0 || owner == user { Ok(place) } else { Err(Refusal::Owner) }
    }

    /// Its contents; nothing if it cannot be read. A log counts once, also if a multilog that was
    /// killed left it under two names.
    #[must_use]
    pub fn contents(&self) -> Option<Contents> {
        let place = self.open().ok()?;
        let mut contents = Contents::default();
        let mut files = BTreeSet::new();
        let mut logs = BTreeSet::new();
        for name in directory::names_in(place.as_fd()).ok()? {
            let Ok(facts) = file::facts_no_link(place.as_fd(), &name) else { continue };
            if facts.kind == Kind::Regular {
                let file = Identity::of(&facts);
                if files.insert(file) {
                    contents.bytes = contents.bytes.saturating_add(facts.size);
                }
                let is_log = name == b"current" || name == b"previous" || name.starts_with(b"@");
                contents.files += usize::from(is_log && logs.insert(file));
            }
        }
        Some(contents)
    }

    /// The last `count` lines of its logs together, or fewer: see [`tail::last_lines`].
    #[must_use]
    pub fn last_lines(&self, count: usize) -> Vec<Vec<u8>> {
        self.open().map_or(Vec::new(), |place| tail::last_lines(place.as_fd(), count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Option<Vec<String>> {
        let words = words_of_script(text.as_bytes())?;
        Some(words.into_iter().map(|word| String::from_utf8(word).unwrap()).collect())
    }

    #[test]
    fn the_words_of_multilog_are_found_in_a_run_script() {
        for text in [
            "#!/bin/sh\nexec setuidgid nobody multilog t s1000000 n20 ./main\n",
            "exec /usr/bin/setuidgid multilog multilog t s1000000 n20 ./main\n",
            "exec setuidgid -s multilog softlimit -o 9 multilog t s1000000 n20 ./main\n",
            "#!/bin/sh\n# multilog in a comment ./x\nexec /usr/bin/multilog t s1000000 n20 ./main",
            "exec multilog \\\n  t s1000000 \\\n\tn20 './main'; exit 1\n",
            "multilog t \"s1000000\" n20 ./main 2>/dev/null",
        ] {
            let expected = if text.contains('2') && text.contains(">/dev") { 5 } else { 4 };
            let found = words(text).unwrap();
            assert_eq!(&found[..4], ["t", "s1000000", "n20", "./main"], "{text}");
            assert_eq!(found.len(), expected, "{text}");
        }
        assert_eq!(words("exec svlogd -tt ./main\n"), None);
        assert_eq!(
            words("exec multilog t '-*' '+*err*' ./a /b/c").unwrap()[1..3],
            ["-*", "+*err*"]
        );
        assert_eq!(words("multilog"), Some(vec![]));
        assert_eq!(words("exec 'unclosed"), None);
    }

    #[test]
    fn a_command_line_of_multilog_is_known_by_its_name() {
        let words = words_of_command_line(b"/usr/bin/multilog\0t\0./main\0").unwrap();
        assert_eq!(words, [&b"t"[..], b"./main"]);
        assert_eq!(words_of_command_line(b"cat\0x\0"), None);
        assert_eq!(words_of_command_line(b""), None);
    }

    #[test]
    fn a_directory_that_gets_every_line_comes_before_one_that_gets_some() {
        let named = |words: &[&str]| {
            let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
            let named = super::named(&words, b"/l", None).into_iter();
            named.map(|found| String::from_utf8(found.path).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(named(&["t", "./a", "-*", "./b"]), ["/l/a", "/l/b"]);
        assert_eq!(named(&["t", "-*", "+*err*", "./a", "+*", "./b"]), ["/l/b", "/l/a"]);
        assert_eq!(named(&["-*", "+*err*", "./a", "./b"]), ["/l/a", "/l/b"]);
    }
}
