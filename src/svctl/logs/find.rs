//! Finds the log directories of the services that are asked for.

use crate::look::logger::{self, LogDirectory, Refusal};
use crate::look::{Looker, Scope, Trouble};
use crate::options::{self, Logs, Options};
use crate::select::{Target, drop_second_names, select};
use crate::{SVCTL, place, text};
use core::time::Duration;
use daemontools_rs::error::Exit;
use daemontools_rs::sys::{Errno, clock, descriptor, poll};
use std::os::fd::OwnedFd;

/// A log directory to read.
#[derive(Debug)]
pub struct Found {
    /// The service's name.
    pub name: Vec<u8>,
    /// Where its log is.
    pub directory: LogDirectory,
}

/// What [`find`] found.
#[derive(Debug)]
pub struct All {
    /// The log directories.
    pub found: Vec<Found>,
    /// Services without a logger.
    pub without: Vec<Target>,
    /// The exit code for the services whose logs cannot be read.
    pub exit: Exit,
}

/// The log directories of the services that were named, or the one that `--in` names.
///
/// # Errors
/// The exit code, when no scan directory could be had.
pub fn find(options: &Options, asked: &Logs) -> Result<All, Exit> {
    let mut all = All { found: Vec::new(), without: Vec::new(), exit: Exit::SUCCESS };
    if let Some(path) = options::bytes(asked.inside.as_ref()) {
        let name = asked.words().into_iter().next().unwrap_or_else(|| path.to_vec());
        let path = place::typed(path);
        let directory = LogDirectory { path, stamp: None, is_processed: false, said_by: None };
        all.found.push(Found { name, directory });
        return Ok(all);
    }
    let mut selection = select(&asked.words(), options::bytes(options.directory.as_ref()))?;
    all.exit = selection.exit;
    drop_second_names(&mut selection.targets);
    let looker = Looker::new();
    for target in &selection.targets {
        add(&mut all, target, &looker);
    }
    Ok(all)
}

fn add(all: &mut All, target: &Target, looker: &Looker) {
    let service = looker.look(target, Scope { logger: true });
    let is_logger = target.name.ends_with(b"/log");
    let logger = if is_logger { Some(&service) } else { service.logger.as_deref() };
    let Some(logger) = logger else {
        // A service directory that was entered and has no `log` has no logger, even if other files
        // in it could not be read.
        let trouble = service.trouble.as_ref().filter(|_| service.is_closed());
        if let Some(trouble) = trouble {
            say_trouble(target, trouble);
            all.exit = all.exit.max(Exit::SYSTEM);
        } else {
            all.without.push(target.clone());
        }
        return;
    };
    let mut directories = logger::directories(logger).into_iter();
    let Some(directory) = directories.next() else {
        let name = text::name(&target.name);
        SVCTL.warning(&[
            b"unable to find the log of ",
            name.as_bytes(),
            b": its logger names no directory; name it with --in",
        ]);
        all.exit = all.exit.max(Exit::SYSTEM);
        return;
    };
    let others: Vec<String> = directories.map(|other| text::quoted(&other.path)).collect();
    if !others.is_empty() {
        let (name, path) = (text::name(&target.name), text::name(&directory.path));
        let others = others.join(", ");
        SVCTL.warning(&[
            name.as_bytes(),
            b" has several logs: reading ",
            path.as_bytes(),
            b"; there are, for --in, ",
            others.as_bytes(),
        ]);
    }
    all.found.push(Found { name: target.name.clone(), directory });
}

fn say_trouble(target: &Target, trouble: &Trouble) {
    let name = text::name(&target.name);
    let reason = if trouble.is_refusal { "not permitted; try sudo" } else { trouble.reason };
    let text: &[u8] = b"unable to look at ";
    SVCTL.warning(&[text, name.as_bytes(), b": ", reason.as_bytes()]);
}

/// How often svctl looks for a directory that is not there yet.
const LOOK: Duration = Duration::from_millis(200);

/// Waits for a log directory that is not there yet: its logger is about to make it.
///
/// # Errors
/// The exit code, when the reader of svctl's output is gone.
pub fn wait_for(directory: &LogDirectory) -> Result<(), Exit> {
    let stdout = descriptor::standard(1);
    let mut is_said = false;
    while matches!(directory.open(), Err(Refusal::System(Errno::ENOENT))) {
        if !std::mem::replace(&mut is_said, true) {
            let path = text::name(&directory.path);
            SVCTL.warning(&[path.as_bytes(), b" is not there yet, waiting for it"]);
        }
        let mut watched = [poll::broken(stdout)];
        let _ = poll::wait(&mut watched, Some(clock::monotonic().saturating_add(LOOK)));
        if watched.iter().any(poll::found) {
            return Err(Exit::SUCCESS);
        }
    }
    Ok(())
}

/// Opens a log directory.
///
/// # Errors
/// The exit code, after a message that says why it is not opened.
pub fn open(directory: &LogDirectory) -> Result<OwnedFd, Exit> {
    directory.open().map_err(|refusal| {
        let path = text::name(&directory.path);
        let text: &[u8] = b"unable to open ";
        match refusal {
            Refusal::System(Errno::EACCES | Errno::EPERM) => {
                SVCTL.warning(&[text, path.as_bytes(), b": not permitted; try sudo"]);
            }
            Refusal::System(error) => SVCTL.warning_because(&[text, path.as_bytes()], error),
            Refusal::Owner => SVCTL.warning(&[
                b"unable to trust ",
                path.as_bytes(),
                b": it belongs neither to root nor to the user of its logger; name it with --in",
            ]),
        }
        Exit::SYSTEM
    })
}
