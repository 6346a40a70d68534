//! The page: all that is known about one service, for people.

use super::advice::Again;
use super::{rows, units};
use crate::beginning::beginning;
use crate::look::logger::{self, LogDirectory};
use crate::look::{Looker, Service, past};
use crate::place;
use crate::text;
use daemontools_rs::account;
use daemontools_rs::service;
use daemontools_rs::service::request::Want;
use daemontools_rs::service::stopping::{self, Said};
use daemontools_rs::sys::descriptor::{HERE, Purpose, open};
use daemontools_rs::sys::process::Pid;
use daemontools_rs::sys::{Errno, file, proc};
use daemontools_rs::tai64n::{Label, TEXT};
use daemontools_rs::zone::Zone;
use daemontools_rs::zone::date::Dates;
use std::os::fd::AsFd;

/// How many lines of the run script are shown.
const SCRIPT: usize = 10;
/// How many lines of the log are shown.
const LOG: usize = 10;
/// How many processes are shown.
const PROCESSES: usize = 20;
/// The column in which the text after the titles begins.
const INDENT: usize = 13;

/// The page as it grows, line by line.
struct Page<'a> {
    service: &'a Service,
    looker: &'a Looker,
    again: &'a Again,
    dates: Dates<Box<dyn FnMut(i64) -> daemontools_rs::zone::Local>>,
    lines: Vec<String>,
}

/// The lines of the page of `service`; `heading` is the first.
#[must_use]
pub fn lines(service: &Service, looker: &Looker, again: &Again, heading: String) -> Vec<String> {
    let zone = Zone::of_environment();
    let dates = Dates::new(Box::new(move |moment| zone.at(moment)) as Box<_>);
    let mut page = Page { service, looker, again, dates, lines: vec![heading] };
    page.place();
    page.wishes();
    page.runs();
    page.processes();
    page.script();
    page.files();
    page.supervise();
    page.logger();
    page.lines
}

/// The first line: what the service does, since when.
#[must_use]
pub fn summary(service: &Service, looker: &Looker) -> String {
    let mut text = format!("{} is {}", text::name(&service.target.name), rows::state(service));
    if let Some(pid) = service.pid() {
        text.push_str(&format!(", process {pid}"));
    }
    if let Some(since) = service.since() {
        text.push_str(&format!(", since {}", units::span(since.seconds_until(looker.wall))));
    }
    text
}

impl Page<'_> {
    /// Adds lines with a title; further lines are indented below the first.
    fn say(&mut self, title: &str, said: impl IntoIterator<Item = String>) {
        let mut title = title;
        for line in said {
            self.lines
                .push(format!("  {title:<width$}{line}", width = INDENT - 2).trim_end().to_owned());
            title = "";
        }
    }

    fn place(&mut self) {
        let path = &self.service.target.path;
        let real = place::real(path);
        let shown = match &real {
            Some(real) if real != path => {
                format!("{}, linked as {}", text::name(real), text::name(path))
            }
            _ => text::name(path),
        };
        self.say("directory", [shown]);
        let troubles = [&self.service.trouble, &self.service.journal_trouble];
        let troubles = troubles.into_iter().flatten();
        let said: Vec<_> = troubles
            .map(|trouble| format!("unable to {}: {}", trouble.action, trouble.reason))
            .collect();
        self.say("problem", said);
    }

    fn wishes(&mut self) {
        let wanted = self.service.want().map(|want| match want {
            Want::Up => "up".to_owned(),
            Want::Down => "down".to_owned(),
            Want::Once => "to run once".to_owned(),
        });
        // Without a supervise nothing is wanted of the service any more.
        let record = self.service.record.filter(|_| wanted.is_some());
        let asked = record.as_ref();
        let asked = asked.and_then(|record| past::asked_ago(record, self.looker.monotonic));
        let asked = asked.map(|ago| format!("asked {} ago", units::span(ago.as_secs())));
        let normally = self.service.is_marked_down.map(|is_down| {
            if is_down { "normally down (there is a file down)" } else { "normally up" }.to_owned()
        });
        let leaves = record.filter(|record| record.exit_requested);
        let leaves = leaves.map(|_| "its supervise exits once the service is down".to_owned());
        let said: Vec<String> = [wanted, asked, normally, leaves].into_iter().flatten().collect();
        if !said.is_empty() {
            self.say("wanted", [said.join(", ")]);
        }
    }

    fn runs(&mut self) {
        if let Some(since) = self.service.since() {
            let what = if self.service.pid().is_some() { "started" } else { "ended" };
            let since = self.moment(since);
            self.say(what, [since]);
        }
        let Some(record) = self.service.record else { return };
        let counted = usize::try_from(record.history.starts).unwrap_or(usize::MAX);
        let mut starts = units::count(counted, "start") + " since boot";
        let young = past::young_starts(&record, self.looker.monotonic);
        if young > 1 {
            starts.push_str(&format!(", {young} in the last {} s", crate::look::state::YOUNG));
        }
        self.say("starts", [starts]);
        if let Some(end) = past::last_end(&record) {
            let core = if past::left_core(&record) == Some(true) { ", core dumped" } else { "" };
            let after = past::last_run(&record);
            let after = after.map(|run| format!(", after {}", units::duration(run)));
            let when = past::last_end_ago(&record, self.looker.monotonic);
            let when = when.map(|ago| self.moment(self.looker.before(ago)));
            let when = when.map_or_else(String::new, |when| format!(", {when}"));
            let after = after.unwrap_or_default();
            self.say("last exit", [format!("{}{core}{after}{when}", units::end(end))]);
        }
    }

    fn processes(&mut self) {
        if let Some(memory) = self.service.memory {
            let size = units::size(memory.resident);
            let shared = if memory.processes == 1 { "" } else { ", shared pages count in each" };
            let processes = match memory.processes {
                1 => "1 process".to_owned(),
                count => format!("{count} processes"),
            };
            self.say("memory", [format!("{size} in {processes}{shared}")]);
        }
        let (Some(pid), Some(processes)) =
            (self.service.pid().or(self.service.runs_on), &self.looker.processes)
        else {
            return;
        };
        let tree = processes.tree(pid);
        let rest = tree.len().saturating_sub(PROCESSES);
        let mut said: Vec<String> = tree
            .iter()
            .take(PROCESSES)
            .map(|(depth, process)| {
                let indent = "  ".repeat(*depth);
                format!("{indent}{} {}", process.pid, command(process.pid, &process.name))
            })
            .collect();
        if rest > 0 {
            said.push(format!("and {rest} more"));
        }
        self.say("processes", said);
    }

    fn script(&mut self) {
        let path = [&self.service.target.path[..], b"/run"].concat();
        let said = match file::facts(HERE, &path) {
            Err(error) => vec![unable_to_read_run(error)],
            Ok(facts) if facts.kind != file::Kind::Regular => vec!["run is no file".to_owned()],
            Ok(facts) => {
                let contents = beginning(&path);
                let mut said = contents.map_or_else(
                    |error| vec![unable_to_read_run(error)],
                    |text| first_lines(&text),
                );
                if facts.mode & 0o111 == 0 {
                    said.insert(0, "(not executable)".to_owned());
                }
                said
            }
        };
        self.say("run", said);
    }

    fn files(&mut self) {
        let Ok(place) = open(HERE, &self.service.target.path, Purpose::Directory) else { return };
        let place = place.as_fd();
        let mut said = Vec::new();
        if self.service.is_marked_down == Some(true) {
            said.push("down".to_owned());
        }
        if service::wants_group_killed(place) {
            said.push("kill-group".to_owned());
        }
        match stopping::down_signal(place) {
            Said::Nothing => {}
            Said::Word(number) => {
                let name = u8::try_from(number).map_or_else(|_| String::new(), units::signal_name);
                said.push(format!("down-signal {name}"));
            }
            Said::Nonsense(_) => said.push("down-signal (makes no sense, TERM is sent)".to_owned()),
        }
        match stopping::kill_timeout(place) {
            Said::Nothing => {}
            Said::Word(length) => {
                said.push(format!("timeout-kill {}", units::duration(length)));
            }
            Said::Nonsense(_) => said.push("timeout-kill (makes no sense, not used)".to_owned()),
        }
        if !said.is_empty() {
            self.say("files", [said.join(", ")]);
        }
    }

    fn supervise(&mut self) {
        let found = self.supervise_process();
        let said = match (found, self.service.supervised) {
            (Some((pid, start)), _) => {
                let owner = file::facts(HERE, format!("/proc/{pid}").as_bytes());
                let owner = owner.map_or_else(|_| String::new(), |facts| of_user(facts.owner));
                let since = proc::seconds_since(start).map(units::span);
                let since = since.map_or_else(String::new, |span| format!(", since {span}"));
                format!("process {pid}{owner}{since}")
            }
            (None, Some(true)) => "runs".to_owned(),
            (None, Some(false)) => "does not run".to_owned(),
            (None, None) => "not known".to_owned(),
        };
        self.say("supervise", [said]);
    }

    /// The pid of the supervise and its start time: by the journal, or else by the working
    /// directories of all supervises.
    fn supervise_process(&self) -> Option<(Pid, u64)> {
        if self.service.supervised != Some(true) {
            return None;
        }
        let recorded = self.service.record.map(|record| record.supervise);
        recorded.map(|supervise| (supervise.pid, supervise.start)).or_else(|| {
            let facts = file::facts(HERE, &self.service.target.path).ok()?;
            let found = self.looker.processes.as_ref()?.supervise_in(&facts)?;
            Some((found.pid, found.start))
        })
    }

    fn logger(&mut self) {
        let Some(logger) = self.service.logger.as_deref() else {
            if !self.service.target.name.ends_with(b"/log") && !self.service.is_closed() {
                let messages = self.again.messages();
                self.say("logger", [format!("none; {messages}")]);
            }
            return;
        };
        let directories = logger::directories(logger);
        let mut said = vec![summary_of_logger(logger, self.looker)];
        said.extend(directories.iter().map(describe));
        if directories.is_empty() {
            said.push("its directory is not known".to_owned());
        }
        self.say("logger", said);
        let Some(directory) = directories.first() else { return };
        let lines = directory.last_lines(LOG);
        if !lines.is_empty() {
            let current = [&directory.path[..], b"/current"].concat();
            self.lines.push(format!("last lines of {}:", text::name(&current)));
            for line in lines {
                let line = self.with_local_time(&line);
                self.lines.push(text::line(&line));
            }
        }
    }

    /// A line of a log, with its label as local time.
    fn with_local_time(&mut self, line: &[u8]) -> Vec<u8> {
        let Some((label, rest)) = line.split_first_chunk::<TEXT>() else { return line.to_vec() };
        let mut text = Vec::new();
        let label = Label::of_text(label);
        if label.is_some_and(|label| self.dates.write(label, &mut text)) {
            text.extend_from_slice(rest);
            text
        } else {
            line.to_vec()
        }
    }

    /// A time in the local zone, to the second.
    fn moment(&mut self, label: Label) -> String {
        let mut text = Vec::new();
        if !self.dates.write(label, &mut text) {
            return "at a moment that has no date".to_owned();
        }
        let end = text.iter().position(|&byte| byte == b'.').unwrap_or(text.len());
        text.truncate(end);
        String::from_utf8_lossy(&text).into_owned()
    }
}

fn summary_of_logger(logger: &Service, looker: &Looker) -> String {
    let text = summary(logger, looker);
    text.split_once(" is ").map_or_else(|| text.clone(), |(_, rest)| rest.to_owned())
}

fn describe(directory: &LogDirectory) -> String {
    let path = text::name(&directory.path);
    match directory.contents() {
        Some(contents) => {
            let files = units::count(contents.files, "file");
            format!("{path}: {} in {files}", units::size(contents.bytes))
        }
        None => format!("{path}: cannot be read"),
    }
}

fn unable_to_read_run(error: Errno) -> String {
    format!("unable to read run: {}", daemontools_rs::error::words(error))
}

/// The first lines of a script.
fn first_lines(text: &[u8]) -> Vec<String> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let all: Vec<&[u8]> = text.split(|&byte| byte == b'\n').collect();
    let mut lines: Vec<String> = all.iter().take(SCRIPT).map(|line| text::line(line)).collect();
    if let Some(rest @ 1..) = all.len().checked_sub(SCRIPT) {
        lines.push(format!("... ({} more)", units::count(rest, "line")));
    }
    lines
}

/// The command line of a process, or its name in brackets.
fn command(pid: Pid, name: &[u8]) -> String {
    let words = proc::command_line(pid);
    let end = words.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    match words.get(..end) {
        None | Some([]) => format!("[{}]", text::name(name)),
        Some(words) => {
            let words: Vec<u8> =
                words.iter().map(|&byte| if byte == 0 { b' ' } else { byte }).collect();
            text::line(&words)
        }
    }
}

fn of_user(user: u32) -> String {
    let name = account::name_of(user).map(|name| text::name(&name));
    format!(" of {}", name.unwrap_or_else(|| format!("user {user}")))
}
