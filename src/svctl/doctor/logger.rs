//! The logger of a service. Pure.

use super::finding::{Finding, Kind};
use super::shell::Word;
use crate::show::advice::Again;
use crate::text;
use daemontools_rs::multilog::script::Script;

/// What a service directory has as `log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// Nothing.
    Nothing,
    /// A directory.
    Directory,
    /// A link that leads nowhere.
    Dangling,
    /// A file or something else.
    Other,
}

/// What the service, and the supervise and the process of its logger do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// Whether the service has a process: it may write.
    pub service_is_up: bool,
    /// Whether a supervise runs for the service.
    pub service_is_supervised: bool,
    /// Whether a supervise runs for the logger, if that is known.
    pub is_supervised: Option<bool>,
    /// Whether the logger is down, and wanted down.
    pub is_down: bool,
    /// Whether the logger was paused.
    pub is_paused: bool,
    /// How long ago the service's `log` was made or changed, in seconds.
    pub made_ago: u64,
}

/// After so many seconds it is a finding that a new service has no supervise yet: svscan looks
/// every five seconds.
pub const NEW: u64 = 10;

/// What is wrong with the place of the logger, and with its supervise.
#[must_use]
pub fn presence(
    service: &[u8],
    path: &[u8],
    log: Log,
    work: Option<Work>,
    again: &Again,
) -> Option<Finding> {
    let shown = text::quoted(path);
    let found = |kind, title: &str| Finding::on(service, kind, title);
    match log {
        Log::Nothing => return None,
        Log::Other => {
            let found = found(Kind::LogNotADirectory, "log is no directory");
            let found = found.saw(format!("{shown} is a file"));
            return Some(found.command(format!("mv {shown} {shown}.file")));
        }
        Log::Dangling => {
            let found = found(Kind::LoggerMissing, "its logger is not there");
            let found = found.saw(format!("{shown} is a link that leads nowhere"));
            return Some(found.command(format!("ls -l {shown}")));
        }
        Log::Directory => {}
    }
    let work = work?;
    let logger = [service, b"/log"].concat();
    if work.is_supervised == Some(false) && work.service_is_supervised && work.made_ago >= NEW {
        let found = found(Kind::LoggerMissing, "its logger is not there");
        let found = found.saw(format!("no supervise runs in {shown}"));
        return Some(found.command(again.messages()));
    }
    if !work.service_is_up || work.is_supervised != Some(true) {
        return None;
    }
    if work.is_paused {
        let found = found(Kind::LoggerDown, "its logger is paused");
        let found = found.saw("the service is up, its logger stands still");
        return Some(found.command(again.line("continue", &logger)));
    }
    if work.is_down {
        let found = found(Kind::LoggerDown, "its logger is down");
        let found = found.saw("the service is up, its logger is down, and shall be");
        return Some(found.command(again.line("start", &logger)));
    }
    None
}

/// The words of a multilog's command line, each with whether it is known for certain: from a script
/// some are not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// Each word, with whether the shell passes it unchanged.
    pub words: Vec<Word>,
}

/// The finding about words of a multilog that cannot be meant so. `logger`: its name; `path`: the
/// path of its run.
#[must_use]
pub fn mistakes(logger: &[u8], path: &[u8], words: &Words) -> Option<Finding> {
    let mut saw = Vec::new();
    // The shell may replace a word that is not plain by no word at all.
    let is_sure =
        |place: usize| words.words.iter().take(place).all(|word| word.is_plain) && place > 0;
    for (place, word) in words.words.iter().enumerate().filter(|(_, word)| word.is_plain) {
        let shown = text::line(&word.text);
        let is_number = |rest: &[u8]| !rest.is_empty() && rest.iter().all(u8::is_ascii_digit);
        match word.text.split_first() {
            None => {}
            Some((b't' | b'T', [])) if is_sure(place) => {
                saw.push(format!("{shown} is no first word: it puts no time before the lines"));
            }
            Some((b't' | b'T' | b'e', [])) => {}
            Some((b't' | b'T', _)) if !is_sure(place) => {}
            Some((b'-' | b'+' | b'=' | b'!' | b'.' | b'/', _)) => {}
            Some((b's' | b'S' | b'n', rest)) if is_number(rest) => {}
            Some((b's' | b'S' | b'n', [digit, ..])) if digit.is_ascii_digit() => {
                saw.push(format!("{shown} counts as the number alone, without its unit"));
            }
            Some((b's' | b'S' | b'n', [])) => {
                saw.push(format!("{shown} lacks its number"));
            }
            _ => {
                saw.push(format!("{shown} is no action; a directory begins with . or /: ./{shown}"))
            }
        }
    }
    let plain = words.words.iter().filter(|word| word.is_plain);
    let script = Script::parse(plain.map(|word| &word.text[..]));
    let mut seen: Vec<&[u8]> = Vec::new();
    for directory in &script.directories {
        let name = same_name(&directory.name);
        if seen.contains(&name) {
            saw.push(format!("the directory {} stands there twice", text::name(name)));
        }
        seen.push(name);
    }
    if saw.is_empty() {
        return None;
    }
    let mut found =
        Finding::on(logger, Kind::MultilogMistake, "multilog was told something it does not do");
    found.saw = saw;
    let path = text::quoted(path);
    Some(found.command(format!("(correct {path}: multilog t s1000000 n20 ./main)")))
}

/// The finding about a log directory that another logger has too.
#[must_use]
pub fn shared(logger: &[u8], run: &[u8], path: &[u8], other: &[u8]) -> Finding {
    let title = format!("its log directory is that of {}", text::name(other));
    let found = Finding::on(logger, Kind::MultilogMistake, title);
    let found = found.saw(format!("{} logs to {} too", text::name(other), text::name(path)));
    found.command(format!("(give it a directory of its own in {})", text::quoted(run)))
}

/// The name without `./` before it and slashes after it.
fn same_name(name: &[u8]) -> &[u8] {
    let mut name = name;
    while let Some(rest) = name.strip_prefix(b"./").filter(|rest| !rest.is_empty()) {
        name = rest;
    }
    while let Some(rest) = name.strip_suffix(b"/").filter(|rest| !rest.is_empty()) {
        name = rest;
    }
    name
}

/// What keeps a logger from writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Its account may not write to a file or directory.
    NotPermitted {
        /// Its path.
        path: Vec<u8>,
        /// Whether it is a directory.
        is_directory: bool,
        /// Who owns it.
        owner: u32,
        /// Its mode.
        mode: u32,
    },
    /// The directory is not there, and cannot be made.
    CannotBeMade {
        /// The directory.
        path: Vec<u8>,
    },
    /// The file system is full.
    Full {
        /// The directory.
        path: Vec<u8>,
        /// Which resource is used up.
        what: &'static str,
    },
    /// The file system is read-only.
    ReadOnly {
        /// The directory.
        path: Vec<u8>,
    },
}

/// The finding about an obstacle. `account`: the name of the account that the logger runs as.
#[must_use]
pub fn obstacle(logger: &[u8], account: &str, obstacle: &Obstacle) -> Finding {
    let denied = |what: &str| {
        Finding::on(logger, Kind::LogNotWritable, format!("{account} may not write {what}"))
    };
    match obstacle {
        Obstacle::NotPermitted { path, is_directory, owner, mode } => {
            let shown = text::quoted(path);
            let what = if *is_directory { "to the log directory" } else { "its log" };
            let found = denied(what);
            let found = found.saw(format!("{shown} is user {owner}'s, mode {mode:04o}"));
            let found = found.saw(format!("the logger runs as {account}"));
            let option = if *is_directory { "-R " } else { "" };
            found.command(format!("chown {option}{account} {shown}"))
        }
        Obstacle::CannotBeMade { path } => {
            let shown = text::quoted(path);
            let found = denied("where the log directory should be");
            let found = found.saw(format!("{shown} is not there, and {account} may not make it"));
            found.command(format!("mkdir -p {shown} && chown {account} {shown}"))
        }
        Obstacle::Full { path, what } => {
            let shown = text::quoted(path);
            let found = Finding::on(logger, Kind::LogDiskFull, "there is no room for its log");
            let found = found.saw(format!("where {shown} is, {what}"));
            found.command(format!("df -h {shown}; df -i {shown}"))
        }
        Obstacle::ReadOnly { path } => {
            let shown = text::quoted(path);
            let found = denied("to the log directory");
            let found = found.saw(format!("{shown} is on a file system that is mounted read-only"));
            found.command(format!("df {shown}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Words {
        let words =
            text.split(' ').map(|word| Word { text: word.into(), is_plain: !word.contains('$') });
        Words { words: words.collect() }
    }

    fn seen(text: &str) -> Vec<String> {
        mistakes(b"x/log", b"/d/x/log/run", &words(text)).map(|found| found.saw).unwrap_or_default()
    }

    #[test]
    fn what_multilog_does_is_no_mistake() {
        for text in [
            "t ./main",
            "t s1000000 n20 ./main",
            "T S99999999 n2 !gzip /var/log/x .",
            "-* +*err* e -* +x =status ./main",
            "$DIR t",
            "tai64n ./main",
            "s4096 ./a n5 ./b",
            "t $OPTIONS ./main",
            "./main ./main2",
        ] {
            assert_eq!(seen(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn what_can_only_be_a_mistake_is_one() {
        assert_eq!(seen("t main"), ["main is no action; a directory begins with . or /: ./main"]);
        assert_eq!(
            seen("s1000 t ./main"),
            ["t is no first word: it puts no time before the lines"]
        );
        assert_eq!(seen("t ./main /x ./main/"), ["the directory main stands there twice"]);
        assert_eq!(seen("t syslog").len(), 1);
        assert_eq!(seen("t errors").len(), 1);
        assert_eq!(seen("t n ./main"), ["n lacks its number"]);
        assert_eq!(seen("t nginx tai").len(), 2);
        assert_eq!(seen("t s16M ./main"), ["s16M counts as the number alone, without its unit"]);
    }

    #[test]
    fn a_logger_matters_while_the_service_is_up() {
        let work = Work {
            service_is_up: true,
            service_is_supervised: true,
            is_supervised: Some(true),
            is_down: false,
            is_paused: false,
            made_ago: 1000,
        };
        let judged = |log, work| {
            let found = presence(b"x", b"/d/x/log", log, work, &Again::of(None));
            found.map(|found| (found.kind.name(), found.commands.concat()))
        };
        assert_eq!(judged(Log::Nothing, None), None);
        assert_eq!(judged(Log::Directory, Some(work)), None);
        let kind = |found: Option<(&'static str, String)>| found.map(|(kind, _)| kind);
        assert_eq!(kind(judged(Log::Other, None)), Some("log-not-a-directory"));
        assert_eq!(kind(judged(Log::Dangling, None)), Some("logger-missing"));
        let gone = Work { is_supervised: Some(false), ..work };
        assert_eq!(kind(judged(Log::Directory, Some(gone))), Some("logger-missing"));
        assert_eq!(judged(Log::Directory, Some(Work { made_ago: 3, ..gone })), None);
        assert_eq!(
            judged(Log::Directory, Some(Work { service_is_supervised: false, ..gone })),
            None
        );
        let down = Work { is_down: true, ..work };
        assert_eq!(
            judged(Log::Directory, Some(down)),
            Some(("logger-down", "svctl start x/log".into()))
        );
        assert_eq!(judged(Log::Directory, Some(Work { service_is_up: false, ..down })), None);
        let paused = Work { is_paused: true, ..work };
        assert_eq!(
            judged(Log::Directory, Some(paused)),
            Some(("logger-down", "svctl continue x/log".into()))
        );
    }
}
