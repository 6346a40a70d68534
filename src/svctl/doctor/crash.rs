//! A service that ends at each start: why, if its log says so, or at least how. Pure.

use super::finding::{Finding, Kind};
use crate::look::state::{self, State};
use crate::show::advice::Again;
use crate::show::units;
use crate::text;
use core::time::Duration;
use daemontools_rs::service::record::LastEnd;

/// What is known of the ends.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// How many of the recorded starts are younger than ten seconds.
    pub young: usize,
    /// How the last run ended.
    pub last: Option<LastEnd>,
    /// How long it lasted.
    pub lasted: Option<Duration>,
    /// How long ago the recorded starts were, the last one first.
    pub starts: Vec<Duration>,
    /// How long its process has been up, if there is one.
    pub up: Option<Duration>,
}

/// At least this many starts within [`WHILE`] make a slow crash loop, if the last run failed and
/// lasted less than [`SLOW`].
const MANY: usize = 5;
const WHILE: Duration = Duration::from_secs(120);
const SLOW: Duration = Duration::from_secs(30);

/// A run that ends with 0 after at least this time has done its work: such a service is a job that
/// supervise repeats, and no crash loop.
const WORK: Duration = Duration::from_secs(1);
/// A run that has lasted this long began well: the service may have recovered.
const UP: Duration = Duration::from_secs(5);
/// TERM, by which a stop and a restart end a service.
const TERM: u8 = 15;
/// The exit code by which a shell, and some daemons, say that TERM ended them.
const TERMINATED: u8 = 128 + TERM;

impl Ends {
    /// Whether the service cannot run: its runs fail at once, or again and again.
    #[must_use]
    pub fn are_crashes(&self, state: State) -> bool {
        let lasted = self.lasted.unwrap_or_default();
        let is_failure = match self.last {
            _ if self.was_asked_for() => false,
            None => false,
            Some(LastEnd::Code(0)) => lasted < WORK,
            Some(_) => lasted < UP,
        };
        state == State::Flapping && is_failure || self.are_slow_crashes(state)
    }

    /// Whether TERM ended the last run: then a stop or a restart did. A shell reports it as 143.
    fn was_asked_for(&self) -> bool {
        matches!(self.last, Some(LastEnd::Code(TERMINATED) | LastEnd::Killed(TERM, _)))
    }

    /// Whether it fails again and again, though not at once.
    fn are_slow_crashes(&self, state: State) -> bool {
        let is_wanted = matches!(state, State::Up | State::Waiting | State::Flapping);
        let is_success = matches!(self.last, None | Some(LastEnd::Code(0)));
        let is_failure = !is_success && !self.was_asked_for();
        let lasted = self.lasted.unwrap_or(SLOW);
        // A service that is up for twice as long as its last run has recovered.
        let has_recovered = self.up.is_some_and(|up| up >= UP && up >= lasted * 2);
        is_wanted && is_failure && lasted < SLOW && self.recent().0 >= MANY && !has_recovered
    }

    /// How many of the starts are recent, and how long ago the first of those was.
    fn recent(&self) -> (usize, Duration) {
        let recent = || self.starts.iter().filter(|&&ago| ago < WHILE);
        (recent().count(), recent().max().copied().unwrap_or_default())
    }

    /// Whether the last run ended well within a second.
    #[must_use]
    pub fn is_quick_success(&self) -> bool {
        self.last == Some(LastEnd::Code(0)) && self.lasted.is_some_and(|lasted| lasted < WORK)
    }

    /// These facts in words.
    #[must_use]
    pub fn words(&self) -> String {
        let end = match self.last {
            None => "ended".to_owned(),
            Some(LastEnd::Code(code)) => format!("exit {code}"),
            Some(LastEnd::Killed(signal, false)) => {
                format!("killed by {}", units::signal_name(signal))
            }
            Some(LastEnd::Killed(signal, true)) => {
                format!("killed by {}, core dumped", units::signal_name(signal))
            }
        };
        let after = self
            .lasted
            .map_or_else(String::new, |lasted| format!(" after {}", units::duration(lasted)));
        let (count, ago) = self.recent();
        let (count, ago) = if self.young < state::MANY && count >= MANY {
            (count, units::span(ago.as_secs()))
        } else {
            (self.young, "10 s".to_owned())
        };
        let starts = units::count(count, "start");
        format!("{starts} in the last {ago}, the last run: {end}{after}")
    }
}

/// The process that holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The port.
    pub port: u16,
    /// The pid and name of the process; nothing if only root may see it.
    pub process: Option<(u32, Vec<u8>)>,
    /// What started that process, by which doctor chooses the command that stops it.
    pub origin: Origin,
}

/// What started a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A service of the scan directory.
    Service(Vec<u8>),
    /// A unit of systemd.
    Unit(String),
    /// A script in /etc/init.d.
    InitScript(String),
    /// Not known.
    Unknown,
}

/// Texts in a log that say that a port is taken.
const TAKEN: [&[u8]; 5] = [
    b"address already in use",
    b"eaddrinuse",
    b"address in use",
    b"errno 98",
    b"port is already allocated",
];

/// The lines of a log that say that a port is taken, the newest first, and the ports they name.
#[must_use]
pub fn complaints(lines: &[Vec<u8>]) -> Vec<(Vec<u16>, &[u8])> {
    let says = |line: &[u8]| {
        let line = line.to_ascii_lowercase();
        TAKEN.iter().any(|words| contains(&line, words))
    };
    let mut found: Vec<(Vec<u16>, &[u8])> = Vec::new();
    for (place, line) in lines.iter().enumerate().rev().filter(|(_, line)| says(line)) {
        let mut ports = ports_in(line);
        if ports.is_empty() {
            // Postgres and mysqld name the port in the line after it.
            let next = lines.get(place + 1).map(|line| ports_in(line));
            ports = next.unwrap_or_default();
        }
        found.push((ports, line));
    }
    found
}

fn contains(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|window| window == words)
}

/// The ports that a line names: after `port`, or after an address and a colon.
fn ports_in(line: &[u8]) -> Vec<u16> {
    let is_between = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`(),;=".contains(byte);
    let mut ports = Vec::new();
    let mut is_behind_port = false;
    for word in line.split(is_between).filter(|word| !word.is_empty()) {
        let mark = |byte: &u8| b":.?!".contains(byte);
        let word = word.split_last().filter(|(last, _)| mark(last)).map_or(word, |(_, word)| word);
        let port = if is_behind_port { number(word) } else { port_of_address(word) };
        ports.extend(port.filter(|port| !ports.contains(port)));
        is_behind_port = word.eq_ignore_ascii_case(b"port");
    }
    ports
}

fn number(word: &[u8]) -> Option<u16> {
    let digits = word.iter().all(u8::is_ascii_digit);
    let number: u16 = std::str::from_utf8(word).ok().filter(|_| digits)?.parse().ok()?;
    (number != 0).then_some(number)
}

fn port_of_address(word: &[u8]) -> Option<u16> {
    let colon = word.iter().rposition(|&byte| byte == b':')?;
    let digits = word.get(colon + 1..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let port = word.get(colon + 1..colon + 1 + digits)?;
    let after = word.get(colon + 1 + digits..)?;
    // `*:80]`, `0.0.0.0:80/tcp`
    if !after.is_empty() && !matches!(after, [b']' | b'/', ..]) {
        return None;
    }
    let host = word.get(..colon)?;
    let host =
        if after.first() == Some(&b']') { host.strip_prefix(b"[").unwrap_or(host) } else { host };
    // A time has digits before its colon, and nothing else.
    let is_address = host.is_empty()
        || host.ends_with(b"]")
        || host.ends_with(b"*")
        || host.iter().all(|&byte| byte == b':')
        || host.contains(&b'.') && !host.contains(&b':')
        || host.iter().all(|byte| byte.is_ascii_alphabetic())
        || host.ends_with(b":") && host.len() > 1;
    number(port).filter(|_| is_address)
}

/// The finding about a service whose port another process holds. `lines`: the last of its log;
/// `holder_of`: which other process holds a port.
#[must_use]
pub fn port_taken(
    name: &[u8],
    ends: &Ends,
    lines: &[Vec<u8>],
    holder_of: impl Fn(u16) -> Option<Holder>,
    again: &Again,
) -> Option<Finding> {
    let (holder, line) = complaints(lines)
        .into_iter()
        .find_map(|(ports, line)| Some((ports.into_iter().find_map(&holder_of)?, line)))?;
    let port = holder.port;
    let found = Finding::on(name, Kind::PortTaken, format!("port {port} is taken"));
    let found = found.saw(ends.words()).saw(text::line(line));
    let Some((pid, program)) = &holder.process else {
        let found =
            found.saw(format!("another program listens on port {port}; which, root may see"));
        return Some(found.command(format!("sudo {}", again.line("doctor", name))));
    };
    let found = found.saw(format!("pid {pid} ({}) listens on port {port}", text::name(program)));
    Some(match &holder.origin {
        Origin::Service(service) => found.command(again.line("stop", service)),
        Origin::Unit(unit) => found.command(format!("systemctl disable --now {unit}")),
        Origin::InitScript(script) => {
            found.command(format!("service {script} stop && chkconfig {script} off"))
        }
        Origin::Unknown => found.command(format!("kill {pid}")),
    })
}

/// The finding about a service that ends at each start. `see`: the command that shows more of its
/// log.
#[must_use]
pub fn crash_loop(
    name: &[u8],
    kind: Kind,
    ends: &Ends,
    lines: &[Vec<u8>],
    has_logger: bool,
    see: String,
) -> Finding {
    let title = match kind {
        Kind::LoggerFlapping => "the logger ends at each start",
        _ => "it ends at each start",
    };
    let mut found = Finding::on(name, kind, title).saw(ends.words());
    found.saw.extend(lines.iter().map(|line| text::line(line)));
    if !has_logger {
        found = found.saw("it has no logger: its messages go where svscan's go");
    }
    found.command(see)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(last: LastEnd, milliseconds: u64) -> Ends {
        let lasted = Some(Duration::from_millis(milliseconds));
        Ends { young: 5, last: Some(last), lasted, ..Ends::default() }
    }

    #[test]
    fn a_slow_loop_is_one_until_the_service_stays_up() {
        use LastEnd::{Code, Killed};
        let loop_of = |last, up: Option<u64>| Ends {
            young: 1,
            last: Some(last),
            lasted: Some(Duration::from_secs(8)),
            starts: [2, 12, 22, 32, 42, 52].map(Duration::from_secs).to_vec(),
            up: up.map(Duration::from_secs),
        };
        for state in [State::Waiting, State::Up] {
            assert!(loop_of(Code(1), Some(2)).are_crashes(state));
            assert!(loop_of(Killed(11, false), None).are_crashes(state));
            assert!(!loop_of(Code(1), Some(16)).are_crashes(state));
            assert!(!loop_of(Code(0), None).are_crashes(state));
            assert!(!loop_of(Code(143), None).are_crashes(state));
            assert!(!loop_of(Killed(TERM, false), None).are_crashes(state));
        }
        assert!(!loop_of(Code(1), None).are_crashes(State::Down));
        let few = Ends { starts: vec![Duration::from_secs(1); 4], ..loop_of(Code(1), None) };
        assert!(!few.are_crashes(State::Waiting));
        let words = loop_of(Code(1), None).words();
        assert_eq!(words, "6 starts in the last 52s, the last run: exit 1 after 8.0 s");
    }

    #[test]
    fn what_fails_soon_crashes_and_what_was_asked_for_does_not() {
        use LastEnd::{Code, Killed};
        for (end, lasted) in [
            (Code(1), 100),
            (Code(127), 0),
            (Code(0), 100),
            (Killed(11, true), 2000),
            (Killed(9, false), 100),
        ] {
            assert!(ends(end, lasted).are_crashes(State::Flapping), "{end:?}");
            assert!(!ends(end, lasted).are_crashes(State::Up), "{end:?}");
            assert!(!ends(end, lasted).are_crashes(State::Down), "{end:?}");
        }
        for (end, lasted) in
            [(Code(0), 1500), (Killed(TERM, false), 100), (Code(143), 100), (Code(1), 7000)]
        {
            assert!(!ends(end, lasted).are_crashes(State::Flapping), "{end:?} {lasted}");
        }
        assert!(!Ends { young: 5, ..Ends::default() }.are_crashes(State::Flapping));
    }

    #[test]
    fn ports_are_read_from_what_programs_say() {
        for (line, ports) in [
            (
                "2026/11/26 21:22:25 [emerg] 7#0: bind() to 0.0.0.0:80 failed (98: Address already in use)",
                &[80][..],
            ),
            ("nginx: [emerg] bind() to [::]:443 failed (98: Address already in use)", &[443]),
            (
                "(98)Address already in use: AH00072: make_sock: could not bind to address [::]:8080",
                &[8080],
            ),
            ("error: Bind to port 22 on 0.0.0.0 failed: Address already in use.", &[22]),
            (
                "Could not create server TCP listening socket *:6379: bind: Address already in use",
                &[6379],
            ),
            ("Error: listen EADDRINUSE: address already in use :::3000", &[3000]),
            ("listen tcp :8080: bind: address already in use", &[8080]),
            ("listen tcp 127.0.0.1:8081: bind: address already in use", &[8081]),
            ("Starting proxy web: cannot bind socket (Address already in use) [0.0.0.0:81]", &[81]),
            (
                "unable to bind listening socket for address '127.0.0.1:9000': Address already in use (98)",
                &[9000],
            ),
            ("failed to listen on TCP port 11211: Address already in use", &[11211]),
            ("bind failed: port=5000: Address already in use", &[5000]),
            ("@4000000065a1b2c3d4e5f6a7 localhost:99 Address already in use", &[99]),
            ("2026-11-26T21:22:25.123Z bind: Address already in use", &[]),
            ("21:22 21:22:25 99999999 x:70000 Address already in use", &[]),
            ("OSError: [Errno 98] Address already in use", &[]),
        ] {
            let lines = [line.as_bytes().to_vec()];
            let found = complaints(&lines);
            assert_eq!(found.len(), 1, "{line}");
            assert_eq!(found[0].0, ports, "{line}");
        }
        let lines = [
            b"could not bind IPv4 address \"127.0.0.1\": Address already in use".to_vec(),
            b"HINT: Is another postmaster already running on port 5432?".to_vec(),
            b"unrelated :9".to_vec(),
        ];
        assert_eq!(complaints(&lines)[0].0, [5432]);
        assert!(
            complaints(&[b"bind() to 0.0.0.0:80 failed (13: Permission denied)".to_vec()])
                .is_empty()
        );
    }

    #[test]
    fn a_port_is_taken_only_if_another_process_holds_it() {
        let lines = [b"bind() to 0.0.0.0:80 failed (98: Address already in use)".to_vec()];
        let holder = |origin| Holder { port: 80, process: Some((702, b"httpd".to_vec())), origin };
        let judged = |who: Option<Holder>| {
            let ends = ends(LastEnd::Code(1), 100);
            let holder_of = |port: u16| who.clone().filter(|_| port == 80);
            port_taken(b"x", &ends, &lines, holder_of, &Again::of(Some("/s".as_ref())))
        };
        assert_eq!(judged(None), None);
        for (origin, command) in [
            (Origin::Unknown, "kill 702"),
            (Origin::Unit("httpd.service".into()), "systemctl disable --now httpd.service"),
            (Origin::InitScript("httpd".into()), "service httpd stop && chkconfig httpd off"),
            (Origin::Service(b"other".to_vec()), "svctl -d /s stop other"),
        ] {
            let found = judged(Some(holder(origin))).unwrap();
            assert_eq!(
                (found.kind, &found.commands[..]),
                (Kind::PortTaken, &[command.to_owned()][..])
            );
            assert_eq!(found.saw[2], "pid 702 (httpd) listens on port 80");
        }
        let hidden = Holder { port: 80, process: None, origin: Origin::Unknown };
        let found = judged(Some(hidden)).unwrap();
        assert_eq!(found.commands, ["sudo svctl -d /s doctor x"]);
    }
}
