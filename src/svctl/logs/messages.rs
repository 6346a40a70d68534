//! What svscan, and services without a logger, wrote: the line that readproctitle shows in ps.

use super::needle::Needle;
use super::reader::Filter;
use crate::options::Logs;
use crate::place::Scan;
use crate::select::Target;
use crate::show::advice::Again;
use crate::{SVCTL, output, text};
use daemontools_rs::error::Exit;
use daemontools_rs::sys::descriptor::{self, HERE};
use daemontools_rs::sys::process::Pid;
use daemontools_rs::sys::{file, proc};
use std::os::fd::AsFd;

/// Which of the messages are asked for, and how they are shown. They have no times.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Only messages with these bytes.
    needle: Option<&'a Needle>,
    /// Only so many of the last ones.
    last: Option<usize>,
    /// Whether bytes that could control a terminal stay as they are.
    is_raw: bool,
}

impl<'a> Wanted<'a> {
    /// What the options ask for.
    #[must_use]
    pub fn of(asked: &Logs, filter: &'a Filter) -> Self {
        let is_raw = asked.raw && !descriptor::is_terminal(descriptor::standard(1));
        Self { needle: filter.needle.as_ref(), last: asked.lines, is_raw }
    }
}

/// `svctl logs --svscan`: the messages of the svscan of a scan directory, one a line.
#[must_use]
pub fn show(scan: &Scan, wanted: Wanted<'_>) -> Exit {
    match lines(scan) {
        Ok(lines) => print(lines, wanted, Exit::SUCCESS),
        Err(why) => SVCTL.fatal(&[b"unable to find the messages of svscan: ", why.as_bytes()]),
    }
}

/// For services without a logger: says so, shows what they wrote among svscan's messages, and, if
/// it is one service, says what to type to give it a logger.
#[must_use]
pub fn explain(
    without: &[Target],
    scan: Option<&Scan>,
    wanted: Wanted<'_>,
    again: &Again,
    exit: Exit,
) -> Exit {
    let names: Vec<String> = without.iter().map(|target| text::name(&target.name)).collect();
    match &names[..] {
        [] => return exit,
        [name] => SVCTL.warning(&[
            name.as_bytes(),
            b" has no logger: what it writes goes to svscan's own messages \
              (ps -efww | grep 'service errors')",
        ]),
        names => SVCTL.warning(&[
            names.len().to_string().as_bytes(),
            b" services have no logger: what they write goes to svscan's own messages: ",
            names.join(", ").as_bytes(),
        ]),
    }
    let mut exit = exit;
    match scan.map(lines) {
        Some(Ok(lines)) => exit = exit.max(print(lines, wanted, exit)),
        Some(Err(why)) => {
            SVCTL.warning(&[b"unable to find the messages of svscan: ", why.as_bytes()]);
        }
        None => {}
    }
    if let [target] = without {
        let path = text::quoted(&[&target.path[..], b"/log"].concat());
        // The new logger gets what the service writes from its next start on.
        let wait = again.line("wait up", &[&target.name[..], b"/log"].concat());
        let restart = again.line("restart", &target.name);
        let line = format!(
            "to give {} a logger: mkdir {path} && printf '#!/bin/sh\\nexec multilog t ./main\\n' \
             >{path}/run && chmod 755 {path}/run && {wait} && {restart}",
            text::name(&target.name),
        );
        daemontools_rs::error::write_raw(&[b"svctl: ", line.as_bytes(), b"\n"]);
    }
    exit
}

fn print(mut lines: Vec<Vec<u8>>, wanted: Wanted<'_>, exit: Exit) -> Exit {
    lines.retain(|line| wanted.needle.is_none_or(|needle| needle.is_in(line)));
    let first = wanted.last.map_or(0, |last| lines.len().saturating_sub(last));
    let mut shown = Vec::new();
    for line in lines.into_iter().skip(first) {
        if wanted.is_raw {
            shown.extend_from_slice(&line);
        } else {
            shown.extend_from_slice(text::line(&line).as_bytes());
        }
        shown.push(b'\n');
    }
    output::write(&shown, exit)
}

/// The messages of the svscan of a scan directory; or why they cannot be read.
fn lines(scan: &Scan) -> Result<Vec<Vec<u8>>, String> {
    let readers = readers();
    let svscans = file::facts_of(scan.as_fd());
    let svscans = svscans.map_or_else(|_| Vec::new(), |facts| proc::workers_in(&facts, b"svscan"));
    let pipes: Vec<(u64, u64)> = svscans.iter().filter_map(|&pid| identity(pid, 2)).collect();
    // /proc may not show which pipe a readproctitle of another user reads: then it may be the right
    // one.
    let of_this = |&&pid: &&Pid| identity(pid, 0).is_none_or(|pipe| pipes.contains(&pipe));
    let known: Vec<&Pid> = if pipes.is_empty() {
        readers.iter().collect()
    } else {
        readers.iter().filter(of_this).collect()
    };
    if known.is_empty() {
        let leads = svscans.first().map(|pid| format!("/proc/{pid}/fd/2"));
        let target = leads.and_then(|path| file::link_target(HERE, path.as_bytes()).ok());
        return Err(match target {
            Some(target) => {
                format!("no readproctitle reads them, they go to {}", text::name(&target))
            }
            None => "no readproctitle runs".to_owned(),
        });
    }
    Ok(known.into_iter().flat_map(|&pid| messages(&proc::command_line(pid))).collect())
}

/// Which pipe is behind a descriptor of a process.
fn identity(pid: Pid, number: u32) -> Option<(u64, u64)> {
    proc::descriptor_facts(pid, number).ok().map(|facts| (facts.device, facts.inode))
}

/// The processes that run readproctitle.
fn readers() -> Vec<Pid> {
    let all = proc::census(|_| true).unwrap_or_default();
    let named = all.into_iter().filter(|process| process.name == b"readproctitle");
    named.map(|process| process.pid).collect()
}

/// The messages in the last word of a readproctitle's command line: without the dots that it began
/// with, and cut at newlines.
fn messages(command_line: &[u8]) -> Vec<Vec<u8>> {
    let line = command_line.strip_suffix(b"\0").unwrap_or(command_line);
    let title = line.rsplit(|&byte| byte == 0).next().unwrap_or_default();
    let dots = title.iter().take_while(|&&byte| byte == b'.').count();
    let text = title.get(dots..).unwrap_or_default();
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_what_is_not_dots() {
        let of = |line: &[u8]| -> Vec<String> {
            messages(line).into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
        };
        let line = b"readproctitle\0service errors:\0....... one\ntwo ... three\n\nfour\n\0";
        assert_eq!(of(line), [" one", "two ... three", "four"]);
        assert!(of(b"readproctitle\0service errors:\0........\0").is_empty());
        assert!(of(b"").is_empty());
    }
}
