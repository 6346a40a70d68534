//! `svctl logs`: what services wrote. Reads multilog's directories, in the order in which the lines
//! were written, and follows them.
//!
//! ```text
//! mod -> find -> look::logger             whose logs, and where
//!     -> past, follow -> trail -> order   which files, in which order
//!        look::files -> look::moment      which there are, while multilog renames them
//!     -> merge -> reader, opening -> look::files, lines, stamp, needle, search
//!     -> print                            how a line is shown
//!     -> messages                         what went to svscan's own messages
//! ```
//!
//! `lines`, `needle`, `order`, `search`, `stamp` and `times` are pure.

mod find;
mod follow;
mod lines;
mod merge;
mod messages;
mod needle;
mod opening;
mod order;
mod past;
mod print;
mod reader;
mod search;
mod stamp;
mod times;
mod trail;

use crate::look::files;
use crate::options::{self, Logs, Options};
use crate::output::Ended;
use crate::place::Scan;
use crate::show::advice::Again;
use crate::{SVCTL, text};
use daemontools_rs::error::Exit;
use daemontools_rs::multilog::script::Stamp;
use daemontools_rs::sys::clock;
use daemontools_rs::sys::limit::OpenFiles;
use daemontools_rs::tai64n::Label;
use daemontools_rs::zone::Zone;
use find::Found;
use follow::Follower;
use merge::Source;
use messages::Wanted;
use needle::Needle;
use print::{Clock, Printer};
use reader::{Filter, Reader};
use stamp::Stamps;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;
use times::{Ahead, Bound};
use trail::Trail;

/// What all readers share.
struct Common {
    zone: Rc<Zone>,
    ahead: Ahead,
    filter: Rc<Filter>,
}

impl Common {
    fn of(asked: &Logs) -> Result<Self, Exit> {
        let zone = Rc::new(Zone::of_environment());
        let clocks = Rc::clone(&zone);
        let ahead: Ahead = Rc::new(move |moment| clocks.at(moment).ahead);
        let since = moment(asked.since.as_deref(), Bound::Since, &ahead)?;
        let until = moment(asked.until.as_deref(), Bound::Until, &ahead)?;
        let needle = asked.grep.as_ref();
        let needle = needle.map(|bytes| Needle::new(bytes.as_bytes(), asked.ignore_case));
        Ok(Self { zone, ahead, filter: Rc::new(Filter { since, until, needle }) })
    }
}

/// Does what was asked for.
#[must_use]
pub fn run(options: &Options, asked: &Logs) -> Exit {
    match perform(options, asked) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn perform(options: &Options, asked: &Logs) -> Result<Exit, Exit> {
    let scan = || Scan::choose(options::bytes(options.directory.as_ref()));
    let common = Common::of(asked)?;
    let wanted = Wanted::of(asked, &common.filter);
    if asked.svscan {
        return Ok(messages::show(&scan()?, wanted));
    }
    let all = find::find(options, asked)?;
    let mut exit = all.exit;
    if !all.without.is_empty() {
        let scan = scan().ok();
        let again = Again::of(options.directory.as_deref());
        exit = exit.max(messages::explain(&all.without, scan.as_ref(), wanted, &again, exit));
    }
    let has_names = all.found.len() > 1;
    if let (true, [only]) = (asked.follow, &all.found[..]) {
        find::wait_for(&only.directory)?;
    }
    if has_names {
        // Each service has at least two files open.
        let _ = OpenFiles::raise();
    }
    let mut sources = Vec::new();
    let mut trails = Vec::new();
    for found in all.found {
        match source(&found, &common, asked.follow, has_names) {
            Ok(source) => {
                trails.push(Trail::new(found.directory, &source.reader));
                sources.push(source);
            }
            Err(failed) => exit = exit.max(failed),
        }
    }
    if sources.is_empty() {
        return Ok(exit);
    }
    let ended = print_all(sources.as_mut_slice(), trails, asked, &common);
    for source in &mut sources {
        exit = exit.max(source.reader.exit);
    }
    Ok(match ended {
        Ok(()) | Err(Ended::Closed) => exit,
        Err(Ended::Failed(failed)) => exit.max(failed),
    })
}

fn source(found: &Found, common: &Common, follow: bool, has_names: bool) -> Result<Source, Exit> {
    let place = Rc::new(find::open(&found.directory)?);
    let reads_dates = matches!(found.directory.stamp, None | Some(Stamp::Local));
    let stamps = Stamps::new(Rc::clone(&common.ahead), reads_dates);
    let filter = Rc::clone(&common.filter);
    let mut reader = Reader::new(&found.directory.path, place, filter, stamps);
    reader.is_followed = follow;
    reader.may_skip &= !has_names;
    let name = if has_names { format!("{}: ", text::name(&found.name)) } else { String::new() };
    Ok(Source { name, reader })
}

fn print_all(
    sources: &mut [Source],
    trails: Vec<Trail>,
    asked: &Logs,
    common: &Common,
) -> Result<(), Ended> {
    let clock = match (asked.raw, asked.utc) {
        (true, _) => Clock::Raw,
        (_, true) => Clock::Utc,
        _ => Clock::Local,
    };
    // The last lines of several services together are among the last lines of each.
    let last = asked.lines.filter(|_| sources.len() > 1);
    let mut printer = Printer::new(clock, Rc::clone(&common.zone), asked.chop, last);
    let mut follower = None;
    if asked.follow {
        follower = Some(Follower::begin(trails, sources));
    } else {
        for source in &mut *sources {
            match past::take(&mut source.reader) {
                Ok(_) => source.reader.say_empty(),
                Err(error) => source.reader.complain(b".", &files::Trouble::System(error)),
            }
        }
    }
    for source in &mut *sources {
        past::choose(&mut source.reader);
        if let Some(wanted) = asked.lines {
            past::keep_last(&mut source.reader, wanted);
        }
    }
    merge::print_all(sources, &mut printer)?;
    if last.is_some() {
        printer.end_of_last()?;
    }
    printer.flush()?;
    for source in &mut *sources {
        source.reader.say_pruned();
    }
    match follower {
        Some(mut follower) => Err(follower.run(sources, &mut printer)),
        None => Ok(()),
    }
}

/// The time that an option gives.
fn moment(text: Option<&str>, bound: Bound, ahead: &Ahead) -> Result<Option<Label>, Exit> {
    let Some(text) = text else { return Ok(None) };
    let found = times::parse(text, bound, clock::wall(), ahead);
    found.map(Some).ok_or_else(|| {
        let option = if bound == Bound::Since { "--since" } else { "--until" };
        SVCTL.usage(&format!(
            "{option} {} is no moment: say \"10 min ago\", today, yesterday, 14:30, \
             2026-01-31, \"2026-01-31 14:30\" or 2026-01-31T14:30:00Z",
            crate::text::quoted(text.as_bytes())
        ))
    })
}
