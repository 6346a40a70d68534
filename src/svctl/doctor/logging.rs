//! The look at a logger: its words, and whether its account can write.

use super::chain::Chain;
use super::finding::Finding;
use super::links::Identity;
use super::logger::{self, Log, Obstacle, Words};
use super::look::{Case, below};
use super::script::base;
use super::sheet::Sheet;
use super::shell::Word;
use crate::look::start;
use crate::show::advice::Again;
use daemontools_rs::account;
use daemontools_rs::multilog::script::Script;
use daemontools_rs::sys::descriptor::{HERE, Purpose, open};
use daemontools_rs::sys::file::{self, Facts, Kind};
use daemontools_rs::sys::{Errno, proc};
use std::ffi::CString;
use std::os::fd::AsFd;

/// With fewer free bytes than this the file system counts as full.
const LEAST: u64 = 4096;

/// Log directories, each with the name of its logger.
pub type Met = Vec<(Identity, Vec<u8>)>;

/// What a service directory has as `log`.
#[must_use]
pub fn place(case: &Case<'_>) -> Log {
    let path = [&case.base[..], b"/log"].concat();
    match file::facts(HERE, &path) {
        Ok(facts) if facts.kind == Kind::Directory => Log::Directory,
        Ok(_) => Log::Other,
        Err(Errno::ENOENT) if file::facts_no_link(HERE, &path).is_ok() => Log::Dangling,
        Err(_) => Log::Nothing,
    }
}

/// The finding about a logger that is a multilog. `is_up`: whether it has run for a while; `met`:
/// the log directories of the loggers before it, with their names.
#[must_use]
pub fn judge(sheet: &Sheet<'_, '_>, is_up: bool, again: &Again, met: &mut Met) -> Vec<Finding> {
    let (case, chain, name) = (sheet.case, sheet.chain.as_ref(), sheet.name);
    let running = case.service.pid().map(proc::command_line).and_then(|line| words_of(&line));
    let in_script =
        chain.filter(|chain| chain.program().is_some_and(|path| base(path) == b"multilog"));
    let is_running = running.is_some();
    let Some(words) = running.or_else(|| Some(in_script?.words.get(1..)?.to_vec())) else {
        return Vec::new();
    };
    let words = Words { words };
    let mut found: Vec<Finding> = Vec::new();
    let mistake = logger::mistakes(name, &case.run_path(), &words);
    found.extend(mistake.map(|found| found.command(again.command("restart", case.service))));
    let who = Who::of(case, chain);
    let plain = words.words.iter().filter(|word| word.is_plain);
    let script = Script::parse(plain.map(|word| &word.text[..]));
    let started_in = started_in(sheet, &script, is_running);
    for settings in &script.directories {
        let directory = settings.name.strip_prefix(b"./").unwrap_or(&settings.name);
        let is_absolute = directory.starts_with(b"/");
        let Some(base) = started_in.as_ref().or(is_absolute.then_some(&case.base)) else {
            continue;
        };
        let path = below(base, directory);
        if let Ok(facts) = file::facts(HERE, &path) {
            let identity = (facts.device, facts.inode);
            match met.iter().find(|(other, _)| *other == identity) {
                Some((_, other)) if other == name => {}
                Some((_, other)) => {
                    found.push(logger::shared(name, &case.run_path(), &path, other));
                }
                None => met.push((identity, name.to_vec())),
            }
        }
        let obstacle =
            room(&path, &who).or_else(|| if is_up { None } else { entrance(&path, &who) });
        if let Some(obstacle) = obstacle {
            found.push(logger::obstacle(name, &who.name, &obstacle));
        }
    }
    found
}

/// The directory to which multilog's log directories are relative: where it was started, or, if it
/// does not run, the logger's service directory; not known if its run script goes elsewhere.
fn started_in(sheet: &Sheet<'_, '_>, words: &Script, is_running: bool) -> Option<Vec<u8>> {
    let base = &sheet.case.base;
    let pid = sheet.case.service.pid().filter(|_| is_running);
    let names = words.directories.iter().map(|settings| &settings.name[..]);
    let moves = sheet.script.as_ref().is_some_and(|script| script.changes_directory);
    pid.and_then(|pid| start::started_in(pid, names, base))
        .or_else(|| (!moves).then(|| base.clone()))
}

/// The words of a multilog's command line, which has a NUL byte after each.
fn words_of(line: &[u8]) -> Option<Vec<Word>> {
    let mut words = line.strip_suffix(b"\0")?.split(|&byte| byte == 0);
    let is_it = words.next().is_some_and(|word| base(word) == b"multilog");
    is_it.then(|| words.map(|word| Word { text: word.to_vec(), is_plain: true }).collect())
}

/// The account that a command switches to, if no account has that name.
#[must_use]
pub fn unknown_account(chain: &Chain) -> Option<String> {
    let named = chain.account.as_ref()?;
    let name = CString::new(named.clone()).ok()?;
    account::find(&name).is_none().then(|| crate::text::name(named))
}

/// The account that a logger runs as.
struct Who {
    user: Option<u32>,
    group: Option<u32>,
    name: String,
}

impl Who {
    fn of(case: &Case<'_>, chain: Option<&Chain>) -> Self {
        if let Some(named) = chain.and_then(|chain| chain.account.as_ref()) {
            let found = CString::new(named.clone()).ok().and_then(|name| account::find(&name));
            return Self {
                user: found.as_ref().map(|account| account.ids.user),
                group: found.as_ref().map(|account| account.ids.group),
                name: crate::text::name(named),
            };
        }
        let users = case.supervise.and_then(proc::users_of);
        let user = users.map(|[_, effective, _]| effective);
        let name = user.and_then(account::name_of).map(|name| crate::text::name(&name));
        let number = user.map_or_else(|| "its user".to_owned(), |user| format!("user {user}"));
        Self { user, group: None, name: name.unwrap_or(number) }
    }

    /// Whether it has the permissions in `bits`. If that is not known, it counts as yes.
    fn may(&self, facts: &Facts, bits: u32) -> bool {
        let Some(user) = self.user.filter(|&user| user != 0) else { return true };
        let shift = if facts.owner == user {
            6
        } else if self.group.is_none_or(|group| group == facts.group) {
            3
        } else {
            0
        };
        facts.mode >> shift & bits == bits
    }
}

/// The obstacle that keeps a logger out of its directory.
fn entrance(path: &[u8], who: &Who) -> Option<Obstacle> {
    let denied = |path: &[u8], facts: &Facts| Obstacle::NotPermitted {
        path: path.to_vec(),
        is_directory: facts.kind == Kind::Directory,
        owner: facts.owner,
        mode: facts.mode,
    };
    match file::facts(HERE, path) {
        Ok(facts) if facts.kind != Kind::Directory => None,
        Ok(facts) if !who.may(&facts, 0o3) => Some(denied(path, &facts)),
        Ok(_) => {
            let current = [path, b"/current"].concat();
            let facts = file::facts_no_link(HERE, &current).ok()?;
            let is_shut = facts.kind == Kind::Regular && !who.may(&facts, 0o2);
            is_shut.then(|| denied(&current, &facts))
        }
        Err(Errno::ENOENT) => {
            let end = path.iter().rposition(|&byte| byte == b'/')?;
            let above = file::facts(HERE, path.get(..end.max(1))?);
            let can_make = above.is_ok_and(|above| who.may(&above, 0o3));
            (!can_make).then(|| Obstacle::CannotBeMade { path: path.to_vec() })
        }
        Err(_) => None,
    }
}

/// The obstacle of a file system that is read-only or full.
fn room(path: &[u8], who: &Who) -> Option<Obstacle> {
    let place = open(HERE, path, Purpose::Directory).ok()?;
    let room = file::room(place.as_fd()).ok()?;
    let bytes = if who.user == Some(0) { room.bytes } else { room.bytes_for_all };
    let path = path.to_vec();
    if room.is_read_only {
        Some(Obstacle::ReadOnly { path })
    } else if bytes < LEAST {
        Some(Obstacle::Full { path, what: "the disk is full" })
    } else if room.has_no_inode {
        Some(Obstacle::Full { path, what: "no further file can be made: the inodes are used up" })
    } else {
        None
    }
}
