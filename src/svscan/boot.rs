//! svscanboot: starts svscan with readproctitle behind it, and keeps both. Many may be started
//! (by inittab, Upstart, rc.local); one holds the scan directory's lock and hands it to its
//! svscan, the others stand by without a word and take over when the holders are gone. It never
//! touches a service itself: what runs is found and adopted by svscan.

use crate::error::{Exit, Program};
use crate::exec;
use crate::service::control::Sender;
use crate::service::scan::{LOCK_NUMBER, STOP, ScanRecords};
use crate::sys::descriptor::{self, HERE, Purpose, open};
use crate::sys::process::{self, End, Environment, Pid, Side};
use crate::sys::signal::{self, SIGCHLD, SIGTERM, Signals};
use crate::sys::{Errno, clock, poll};
use crate::{args, env};
use core::time::Duration;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

const SVSCANBOOT: Program = Program::daemon("svscanboot");
/// The PATH that svscan and every service get: 0.76's.
const PATH: &[u8] = b"/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:\
                      /usr/X11R6/bin";
/// How many dots readproctitle has to write over.
const DOTS: usize = 400;
/// Between two starts of a child, and between two looks at a place that others hold.
const PACE: Duration = Duration::from_secs(1);
/// Between two tries to enter a scan directory that is not there.
const RETRY: Duration = Duration::from_secs(5);
/// How long the last messages may take to reach readproctitle at the end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How svscanboot was started.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The scan directory.
    pub directory: &'a CStr,
    /// Leave at once with 0 where the scan is held, or the system is going down.
    pub is_fallback: bool,
    /// The path we were called by: the commands beside us are the ones to start.
    pub called_by: &'a [u8],
}

/// Keeps svscan until TERM stops it in order.
#[must_use]
pub fn run(options: Options<'_>) -> Exit {
    descriptor::fill_standard();
    signal::ignore_broken_pipes();
    let signals = match Signals::listen(&[SIGCHLD, SIGTERM]) {
        Ok(signals) => signals,
        Err(error) => return SVSCANBOOT.fatal_because(&[b"unable to listen for signals"], error),
    };
    let going_down = matches!(env::value("RUNLEVEL").as_deref(), Some(b"0" | b"6"));
    if going_down && options.is_fallback {
        return Exit::SUCCESS;
    }
    let Some(records) = open_records(options, &signals) else { return Exit::SUCCESS };
    let mut boot = Boot { options, signals, records, stop_asked: false };
    if !going_down && let Some(records) = &boot.records {
        // A new starter: the scan is wanted again.
        records.remove_mark();
    }
    boot.attend()
}

/// Opens the records of the scan directory, waiting for it to be there; nothing when TERM came
/// first. Without records there is no lock: one warning, and on as 0.76.
fn open_records(options: Options<'_>, signals: &Signals) -> Option<Option<ScanRecords>> {
    let name = options.directory.to_bytes();
    let mut has_warned = false;
    let directory = loop {
        match open(HERE, name, Purpose::Directory) {
            Ok(directory) => break directory,
            Err(error) if !has_warned => {
                SVSCANBOOT.warning_because(&[b"unable to open ", name, b", waiting"], error);
                has_warned = true;
            }
            Err(_) => {}
        }
        if wait_for_term(signals, &mut [], RETRY) {
            return None;
        }
    };
    let records = ScanRecords::open_or_make(directory.as_fd());
    let warn = |error| SVSCANBOOT.warning_because(&[b"unable to open ", name, b"/.svscan"], error);
    Some(records.map_err(warn).ok())
}

/// Waits for a signal, a change on `others`, or `length`; whether TERM came.
fn wait_for_term(signals: &Signals, others: &mut [poll::PollFd<'_>], length: Duration) -> bool {
    let until = clock::monotonic().saturating_add(length);
    let mut watched = vec![poll::readable(signals.as_fd())];
    watched.extend_from_slice(others);
    if poll::wait(&mut watched, Some(until)).is_err() {
        poll::pause(PACE);
    }
    let mut term = false;
    while let Some(signal) = signals.next() {
        term |= signal == SIGTERM;
    }
    term
}

struct Boot<'a> {
    options: Options<'a>,
    signals: Signals,
    records: Option<ScanRecords>,
    stop_asked: bool,
}

impl Boot<'_> {
    fn attend(&mut self) -> Exit {
        loop {
            let lock = match &self.records {
                None => None,
                Some(records) => match records.acquire() {
                    Ok(lock) if records.is_marked_stopped() => {
                        // Stopped in order, and nobody has asked for it since: not ours to start.
                        drop(lock);
                        match self.stand_by() {
                            Some(exit) => return exit,
                            None => continue,
                        }
                    }
                    Ok(lock) => Some(lock),
                    Err(Errno::EAGAIN) => match self.stand_by() {
                        Some(exit) => return exit,
                        None => continue,
                    },
                    Err(error) => {
                        let name = self.options.directory.to_bytes();
                        let text: &[&[u8]] = &[b"unable to lock ", name, b"/.svscan/lock"];
                        SVSCANBOOT.warning_because(text, error);
                        None
                    }
                },
            };
            if let Some(exit) = self.hold(lock) {
                return exit;
            }
        }
    }

    /// Waits a while for the holders to go; the exit code if we leave instead.
    fn stand_by(&mut self) -> Option<Exit> {
        if self.options.is_fallback {
            return Some(Exit::SUCCESS);
        }
        let running = self.records.as_ref().and_then(|records| records.connect().ok());
        let mut others: Vec<_> =
            running.iter().map(|sender| poll::broken(sender.as_fd())).collect();
        // An svscan that runs is watched; a holder without one is about to start one.
        let length = if running.is_some() { Duration::from_secs(3600) } else { PACE };
        let term = wait_for_term(&self.signals, &mut others, length);
        if !term {
            return None;
        }
        // TERM to any svscanboot stops the scan, whoever holds it.
        if let Some(sender) = running {
            let _ = sender.offer(STOP);
            self.wait_for_end_of(&sender);
        }
        Some(Exit::SUCCESS)
    }

    /// Waits until the svscan behind `sender` is gone; each further TERM hurries it.
    fn wait_for_end_of(&self, sender: &Sender) {
        loop {
            let mut broken = [poll::broken(sender.as_fd())];
            if wait_for_term(&self.signals, &mut broken, PACE) {
                let _ = sender.offer(STOP);
            }
            let mut broken = [poll::broken(sender.as_fd())];
            let _ = poll::wait(&mut broken, Some(Duration::ZERO));
            if broken.iter().any(poll::found) {
                return;
            }
        }
    }

    /// Keeps svscan and readproctitle; the exit code after a stop that we were asked for. One
    /// that another svscanboot was asked for only ends our turn.
    fn hold(&mut self, lock: Option<OwnedFd>) -> Option<Exit> {
        let (read, write) = self.message_pipe();
        to_null(write.as_fd());
        let mut reader = Child::default();
        let mut svscan = Child::default();
        loop {
            let called_by = self.options.called_by;
            reader.keep(|| start_reader(called_by, read.as_fd()));
            let directory = self.options.directory;
            svscan.keep(|| start_svscan(called_by, directory, write.as_fd(), lock.as_ref()));
            let pause = if reader.is_running() && svscan.is_running() { 3600 } else { 1 };
            if wait_for_term(&self.signals, &mut [], Duration::from_secs(pause)) {
                self.stop_asked = true;
                self.ask_for_stop(&svscan);
            }
            while let Some((pid, end)) = process::reap_any() {
                reader.note_end(pid);
                let left = svscan.note_end(pid) && matches!(end, End::Code(_));
                let stopped = left && self.is_stopped();
                if !stopped {
                    continue;
                }
                if !self.stop_asked {
                    return None;
                }
                drop((read, write));
                // Our own stderr is that pipe too: the reader's end of file waits for it.
                to_null(open_null().as_ref().map_or(descriptor::standard(1), AsFd::as_fd));
                let until = clock::monotonic().saturating_add(LAST_WORDS);
                while reader.is_running() && clock::monotonic() < until {
                    let left = until.saturating_sub(clock::monotonic());
                    let _ = wait_for_term(&self.signals, &mut [], left);
                    while let Some((pid, _)) = process::reap_any() {
                        reader.note_end(pid);
                    }
                }
                return Some(Exit::SUCCESS);
            }
        }
    }

    fn message_pipe(&self) -> (OwnedFd, OwnedFd) {
        loop {
            match descriptor::pipe() {
                Ok(pipe) => return pipe,
                Err(_) => poll::pause(PACE),
            }
        }
    }

    fn ask_for_stop(&self, svscan: &Child) {
        let sender = self.records.as_ref().map(ScanRecords::connect);
        let sent = sender.is_some_and(|sender| sender.is_ok_and(|s| s.offer(STOP).is_ok()));
        if !sent && let Some(pid) = svscan.pid {
            // No records, no control FIFO: as 0.76, svscan ends and leaves the services alone.
            let _ = process::kill(pid, SIGTERM);
        }
    }

    /// Whether the svscan that just left was stopped in order.
    fn is_stopped(&self) -> bool {
        self.records.as_ref().map_or(self.stop_asked, ScanRecords::is_marked_stopped)
    }
}

/// A child that is started again when it ends, at most once a second.
#[derive(Debug, Default)]
struct Child {
    pid: Option<Pid>,
    not_before: Duration,
}

impl Child {
    fn is_running(&self) -> bool {
        self.pid.is_some()
    }

    fn keep(&mut self, start: impl FnOnce() -> Result<Pid, Errno>) {
        let now = clock::monotonic();
        if self.pid.is_none() && now >= self.not_before {
            self.not_before = now.saturating_add(PACE);
            match start() {
                Ok(pid) => self.pid = Some(pid),
                Err(error) => SVSCANBOOT.warning_because(&[b"unable to fork"], error),
            }
        }
    }

    fn note_end(&mut self, pid: Pid) -> bool {
        let is_it = self.pid == Some(pid);
        if is_it {
            self.pid = None;
        }
        is_it
    }
}

fn open_null() -> Option<OwnedFd> {
    open(HERE, b"/dev/null", Purpose::Write).ok()
}

/// Standard input and output become /dev/null, and standard error `messages`.
fn to_null(messages: BorrowedFd<'_>) {
    if let Ok(null) = open(HERE, b"/dev/null", Purpose::Read) {
        let _ = descriptor::place_at(null.as_fd(), 0);
    }
    if let Some(null) = open_null() {
        let _ = descriptor::place_at(null.as_fd(), 1);
    }
    let _ = descriptor::place_at(messages, 2);
}

fn start_reader(called_by: &[u8], read: BorrowedFd<'_>) -> Result<Pid, Errno> {
    let dots = CString::new(vec![b'.'; DOTS]).unwrap_or_default();
    let words = [c"readproctitle", c"service errors: ", dots.as_c_str()];
    start(called_by, &words, || {
        descriptor::place_at(read, 0)?;
        // What it says itself can go nowhere else.
        open_null().map_or(Ok(()), |null| descriptor::place_at(null.as_fd(), 2))
    })
}

fn start_svscan(
    called_by: &[u8],
    directory: &CStr,
    messages: BorrowedFd<'_>,
    lock: Option<&OwnedFd>,
) -> Result<Pid, Errno> {
    start(called_by, &[c"svscan", directory], || {
        descriptor::place_at(messages, 1)?;
        descriptor::place_at(messages, 2)?;
        lock.map_or(Ok(()), |lock| descriptor::place_at(lock.as_fd(), LOCK_NUMBER))
    })
}

/// Forks a child in a session of its own, so that a TERM to our group, a hang-up and Ctrl-C reach
/// us alone, and execs `words` there with nothing but PATH in the environment.
fn start(
    called_by: &[u8],
    words: &[&CStr],
    set_up: impl FnOnce() -> Result<(), Errno>,
) -> Result<Pid, Errno> {
    match process::fork()? {
        Side::Parent(pid) => Ok(pid),
        Side::Child => {
            signal::all_default();
            let _ = process::new_session();
            let name = words.first().copied().unwrap_or_default();
            let error = match set_up() {
                Ok(()) => exec_beside(called_by, name, words),
                Err(error) => error,
            };
            let text: &[&[u8]] = &[b"unable to start ", name.to_bytes()];
            SVSCANBOOT.warning_because(text, error);
            process::leave(Exit::SYSTEM.number())
        }
    }
}

/// Execs the command that stands beside us if we were called by an absolute path, else the one
/// on PATH. If our directory is not on that PATH, it goes in front: svscan has to find our
/// supervise too.
fn exec_beside(called_by: &[u8], name: &CStr, words: &[&CStr]) -> Errno {
    let beside = called_by
        .strip_suffix(args::last_part(called_by))
        .and_then(|directory| directory.strip_suffix(b"/"))
        .filter(|directory| directory.first() == Some(&b'/'));
    let mut path = b"PATH=".to_vec();
    let is_on_path =
        |directory: &&[u8]| PATH.split(|&byte| byte == b':').any(|part| part == *directory);
    if let Some(directory) = beside.filter(|directory| !is_on_path(directory)) {
        path.extend_from_slice(directory);
        path.push(b':');
    }
    path.extend_from_slice(PATH);
    let Ok(path) = CString::new(path) else { return Errno::EINVAL };
    let environment = [path.as_c_str()];
    let environment = Environment::Exactly(&environment);
    let program = CString::new([beside.unwrap_or_default(), b"/", name.to_bytes()].concat());
    if beside.is_some()
        && let Ok(program) = program
    {
        let error = exec::run(&program, words, &environment);
        if error != Errno::ENOENT {
            return error;
        }
    }
    exec::run_on(PATH, name, words, &environment)
}
