//! Finds the services that a command line means: looks up names and globs in the scan directory,
//! and takes paths as they are.

use crate::SVCTL;
use crate::names::glob;
use crate::names::spelling::nearest;
use crate::names::{Role, Word};
use crate::place::{self, Entry, Scan};
use crate::text;
use daemontools_rs::error::Exit;
use daemontools_rs::sys::Errno;
use daemontools_rs::sys::descriptor::HERE;
use daemontools_rs::sys::file::{self, Kind};
use std::cell::OnceCell;

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name in the scan directory, or its directory as it was typed.
    pub name: Vec<u8>,
    /// The path of its directory.
    pub path: Vec<u8>,
}

/// The result of looking up a command line's words.
#[derive(Debug)]
pub struct Selection {
    /// The services, each once, in the order in which they were asked for.
    pub targets: Vec<Target>,
    /// The scan directory, if one was needed.
    pub scan: Option<Scan>,
    /// Whether exactly one service was named, and by its name, not by a glob.
    pub is_one: bool,
    /// The exit code for the names of which there is no service.
    pub exit: Exit,
}

/// Looks the words up. Without any, all services of the scan directory are meant.
///
/// # Errors
/// The exit code, when no scan directory could be had or read.
pub fn select(words: &[Vec<u8>], option: Option<&[u8]>) -> Result<Selection, Exit> {
    let words: Vec<Word> = words.iter().map(|word| Word::of(word)).collect();
    let needs_scan = words.is_empty() || words.iter().any(|word| matches!(word, Word::Name(_)));
    let scan = if needs_scan { Some(Scan::choose(option)?) } else { None };
    let mut search = Search { scan, listing: OnceCell::new() };
    let mut selection =
        Selection { targets: Vec::new(), scan: None, is_one: false, exit: Exit::SUCCESS };
    if words.is_empty() {
        selection.targets = search.all()?;
    }
    for word in &words {
        match search.look_up(word) {
            Ok(found) => {
                selection.is_one = words.len() == 1 && found.is_exact;
                selection.targets.extend(found.targets);
            }
            Err(exit) => selection.exit = selection.exit.max(exit),
        }
    }
    drop_repeated(&mut selection.targets);
    selection.scan = search.scan.take();
    Ok(selection)
}

/// Drops all but the first target of each path: a service that was named twice counts once.
fn drop_repeated(targets: &mut Vec<Target>) {
    let mut seen = std::collections::BTreeSet::new();
    targets.retain(|target| seen.insert(target.path.clone()));
}

/// Drops all but the first target of each directory, also where its names differ: a supervise gets
/// a request only once.
pub fn drop_second_names(targets: &mut Vec<Target>) {
    let mut seen = std::collections::BTreeSet::new();
    targets.retain(|target| match file::facts(HERE, &target.path) {
        Ok(facts) => seen.insert((facts.device, facts.inode)),
        Err(_) => true,
    });
}

struct Found {
    targets: Vec<Target>,
    is_exact: bool,
}

impl Found {
    fn one(target: Target) -> Self {
        Self { targets: vec![target], is_exact: true }
    }
}

struct Search {
    scan: Option<Scan>,
    /// The names of all services, once they were asked for.
    listing: OnceCell<Result<Vec<Vec<u8>>, Errno>>,
}

impl Search {
    /// The names of all services in the scan directory, read once; none if no scan directory is
    /// needed.
    fn listing(&self) -> Result<&[Vec<u8>], Errno> {
        let read = || self.scan.as_ref().map_or_else(|| Ok(Vec::new()), Scan::services);
        match self.listing.get_or_init(read) {
            Ok(names) => Ok(names),
            Err(error) => Err(*error),
        }
    }

    /// As [`Self::listing`]; if the scan directory cannot be read, the exit code, after a message.
    fn whole_listing(&self) -> Result<&[Vec<u8>], Exit> {
        self.listing().map_err(|error| {
            SVCTL.fatal_because(&[b"unable to read ", self.place().as_bytes()], error)
        })
    }

    fn place(&self) -> String {
        self.scan.as_ref().map_or_else(String::new, |scan| text::name(&scan.path))
    }

    fn all(&self) -> Result<Vec<Target>, Exit> {
        Ok(self.whole_listing()?.iter().map(|name| self.target(name)).collect())
    }

    fn target(&self, name: &[u8]) -> Target {
        let path = self.scan.as_ref().map_or_else(Vec::new, |scan| scan.path_of(name));
        Target { name: name.to_vec(), path }
    }

    fn entry(&self, name: &[u8]) -> Entry {
        self.scan.as_ref().map_or(Entry::Nothing, |scan| scan.entry(name))
    }

    /// The services that one word means; or the exit code, after a message.
    fn look_up(&self, word: &Word) -> Result<Found, Exit> {
        let name = match word {
            Word::Directory(path) => return directory(&place::typed(path)),
            Word::Name(name) => name,
        };
        // The name may be typed as it is, or copied from our output, which escapes bytes.
        for name in [name, &text::unescaped(name)] {
            let is_there = || matches!(self.entry(name), Entry::Service | Entry::Dangling);
            if Role::of(name) != Role::Neither && is_there() {
                return Ok(Found::one(self.target(name)));
            }
        }
        if glob::is_glob(name) {
            let targets = self.matching(name)?;
            if !targets.is_empty() {
                return Ok(Found { targets, is_exact: false });
            }
        }
        let reason = self.why_unknown(name);
        let shown = text::quoted(name);
        SVCTL.warning(&[b"unable to find ", shown.as_bytes(), b": ", reason.as_bytes()]);
        Err(Exit::NO_SERVICE)
    }

    fn matching(&self, pattern: &[u8]) -> Result<Vec<Target>, Exit> {
        let (main, is_logger) = match Role::of(pattern) {
            Role::Main(main) => (main, false),
            Role::Logger(main) => (main, true),
            Role::Neither => return Ok(Vec::new()),
        };
        let names = self.whole_listing()?.iter().filter(|name| glob::matches(main, name));
        Ok(if is_logger {
            let loggers = names.map(|name| [&name[..], b"/log"].concat());
            let loggers = loggers.filter(|name| self.entry(name) == Entry::Service);
            loggers.map(|name| self.target(&name)).collect()
        } else {
            names.map(|name| self.target(name)).collect()
        })
    }

    fn why_unknown(&self, name: &[u8]) -> String {
        let place = self.place();
        let (main, end): (_, &[u8]) = match Role::of(name) {
            _ if glob::is_glob(name) => return format!("nothing in {place} matches it"),
            Role::Main(_) if self.entry(name) == Entry::Other => {
                return format!("in {place} it is no directory");
            }
            Role::Logger(main) if self.entry(main) == Entry::Service => {
                return format!("{} has no logger", text::name(main));
            }
            Role::Logger(main) => (main, b"/log"),
            // A path that lacks the `./` by which a directory is known.
            Role::Neither if is_directory(name) => {
                let meant = text::quoted(&[b"./", name].concat());
                return format!("there is no such service in {place}; did you mean {meant}?");
            }
            Role::Main(_) | Role::Neither => (name, b""),
        };
        let names = self.listing().unwrap_or_default().iter().map(Vec::as_slice);
        let meant = nearest(main, names).map(|name| text::quoted(&[name, end].concat()));
        let meant = meant.map_or_else(String::new, |name| format!("; did you mean {name}?"));
        format!("there is no such service in {place}{meant}")
    }
}

fn is_directory(path: &[u8]) -> bool {
    file::facts(HERE, path).is_ok_and(|facts| facts.kind == Kind::Directory)
}

/// The service in this directory, without a look at what is in it.
fn directory(path: &[u8]) -> Result<Found, Exit> {
    let error = match file::facts(HERE, path) {
        Ok(facts) if facts.kind == Kind::Directory => {
            return Ok(Found::one(Target { name: path.to_vec(), path: path.to_vec() }));
        }
        Ok(_) => Errno::ENOTDIR,
        Err(error) => error,
    };
    SVCTL.warning_because(&[b"unable to find ", text::quoted(path).as_bytes()], error);
    let is_refused = matches!(error, Errno::EACCES | Errno::EPERM);
    Err(if is_refused { Exit::SYSTEM } else { Exit::NO_SERVICE })
}
