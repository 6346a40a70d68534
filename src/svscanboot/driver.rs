//! svscanboot: starts svscan with readproctitle behind it, and keeps both. Many may be started
//! (by inittab, Upstart, rc.local); the first leads, the others stand by without a word and take
//! over when it is gone. The leader holds the scan directory's lock and hands it to its svscan; a
//! new leader that finds an svscan at work leaves it alone and watches it. It never touches a
//! service itself: what runs is found and adopted by svscan.

use super::SVSCANBOOT;
use super::child::{Child, PACE};
use super::messages::Messages;
use crate::env;
use crate::error::{self, Exit};
use crate::scandir::{HURRY, LOCK_NUMBER, STOP, ScanLock, ScanRecords, WANTED};
use crate::service::control::Sender;
use crate::sys::descriptor::{self, HERE, Purpose, open};
use crate::sys::process::{self, End};
use crate::sys::signal::{self, SIGCHLD, SIGTERM, Signals};
use crate::sys::{Errno, clock, file, poll, proc};
use core::time::Duration;
use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Between two tries to enter a scan directory that is not there.
const RETRY: Duration = Duration::from_secs(5);
/// How long the last messages may take to reach readproctitle at the end.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Between two tries to tell a new svscan that it shall stop.
const RETRY_STOP: Duration = Duration::from_millis(50);
/// A wait that only an event ends.
const LONG: Duration = Duration::from_secs(86_400);

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
    let going_down = matches!(env::value(b"RUNLEVEL"), Some(b"0" | b"6"));
    if going_down && options.is_fallback {
        return Exit::SUCCESS;
    }
    let Some(records) = open_records(options, &signals) else { return Exit::SUCCESS };
    let mut boot = Boot { options, signals, records };
    if !going_down && let Some(records) = &boot.records {
        // A new starter: the scan is wanted again, also by an svscan that has yet to read that it
        // shall stop.
        records.remove_mark();
        if let Ok(sender) = records.connect() {
            let _ = sender.offer(WANTED);
        }
    }
    boot.attend()
}

/// A warning before there is a readproctitle. An init that leads our stderr nowhere, as Upstart does,
/// would have nobody read it: then it goes to the kernel's messages, and so to syslog and console.
fn tell(text: &[&[u8]], error: Errno) {
    SVSCANBOOT.warning_because(text, error);
    let null = file::facts(HERE, b"/dev/null");
    let is_null = |facts: file::Facts| {
        null.is_ok_and(|null| (null.device, null.inode) == (facts.device, facts.inode))
    };
    if !file::facts_of(descriptor::standard(2)).is_ok_and(is_null) {
        return;
    }
    let Ok(messages) = open(HERE, b"/dev/kmsg", Purpose::Write) else { return };
    // Priority 4 of the facility of daemons.
    let line =
        [b"<28>svscanboot: warning: ", &text.concat()[..], b": ", error::words(error).as_bytes()];
    let _ = descriptor::write(messages.as_fd(), &[&line.concat()[..], b"\n"].concat());
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
                tell(&[b"unable to open ", name, b", waiting"], error);
                has_warned = true;
            }
            Err(_) => {}
        }
        if wait_for_term(signals, &mut [], RETRY) {
            return None;
        }
    };
    let records = ScanRecords::open_or_make(directory.as_fd());
    let warn = |error| tell(&[b"unable to open ", name, b"/.svscan"], error);
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
}

/// The svscan of our scan directory.
enum Scan {
    /// There is none, or it is our child.
    Ours(Child),
    /// It was there before us: an error on its control FIFO is its end.
    Found(Sender),
}

/// Whether we were asked to stop the scan, and whether the svscan that runs has heard of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StopWish {
    None,
    /// What it has to be sent.
    Unheard(&'static [u8]),
    Heard,
}

impl StopWish {
    /// TERM: the first one asks, each further one hurries.
    fn is_asked(&mut self) {
        *self = Self::Unheard(if *self == Self::None { STOP } else { HURRY });
    }

    /// The svscan that may have heard it is gone.
    fn is_unheard(&mut self) {
        if *self == Self::Heard {
            *self = Self::Unheard(STOP);
        }
    }
}

impl Boot<'_> {
    fn attend(&mut self) -> Exit {
        loop {
            let leading = self.records.as_ref().map(ScanRecords::lead).transpose();
            let exit = match leading {
                Ok(_) if self.options.is_fallback && self.is_scanned() => Some(Exit::SUCCESS),
                Ok(leading) => Some(self.lead(leading)),
                Err(Errno::EAGAIN) => self.stand_by(),
                Err(error) => {
                    let name = self.options.directory.to_bytes();
                    let text: &[&[u8]] = &[b"unable to lock ", name, b"/.svscan/boot-lock"];
                    SVSCANBOOT.warning_because(text, error);
                    Some(self.lead(None))
                }
            };
            if let Some(exit) = exit {
                return exit;
            }
        }
    }

    /// Whether an svscan, ours or another, works in the scan directory.
    fn is_scanned(&self) -> bool {
        let name = self.options.directory.to_bytes();
        file::facts(HERE, name).is_ok_and(|here| !proc::workers_in(&here, b"svscan").is_empty())
    }

    /// Waits for the leader to go; the exit code if we leave instead.
    fn stand_by(&self) -> Option<Exit> {
        if self.options.is_fallback {
            return Some(Exit::SUCCESS);
        }
        let leader = self.records.as_ref().and_then(|records| records.find_leader().ok());
        let mut others: Vec<_> = leader.iter().map(|leader| poll::broken(leader.as_fd())).collect();
        // A leader that does not show yet is about to.
        let length = if leader.is_some() { LONG } else { PACE };
        if !wait_for_term(&self.signals, &mut others, length) {
            return None;
        }
        // TERM to any svscanboot stops the scan, whoever holds it. An svscan that is between two
        // lives listens soon, as long as there is somebody to start it.
        loop {
            if let Some(sender) = self.connect()
                && sender.offer(STOP).is_ok()
            {
                self.wait_for_end_of(&sender);
                return Some(Exit::SUCCESS);
            }
            let leader = self.records.as_ref().and_then(|records| records.find_leader().ok());
            if leader.is_none() || self.is_stopped() {
                return Some(Exit::SUCCESS);
            }
            poll::pause(RETRY_STOP);
        }
    }

    fn connect(&self) -> Option<Sender> {
        self.records.as_ref().and_then(|records| records.connect().ok())
    }

    /// Waits until the svscan behind `sender` is gone; each further TERM hurries it.
    fn wait_for_end_of(&self, sender: &Sender) {
        while !sender.is_gone() {
            if wait_for_term(&self.signals, &mut [poll::broken(sender.as_fd())], PACE) {
                let _ = sender.offer(HURRY);
            }
        }
    }

    /// Keeps svscan and readproctitle, as long as it takes.
    fn lead(&self, _leading: Option<(OwnedFd, OwnedFd)>) -> Exit {
        let mut messages: Option<Messages> = None;
        let mut scan = Scan::Ours(Child::default());
        let mut lock: Option<ScanLock> = None;
        let mut stop = StopWish::None;
        loop {
            if matches!(&scan, Scan::Found(sender) if sender.is_gone()) {
                scan = Scan::Ours(Child::default());
                if stop == StopWish::Heard && self.is_stopped() {
                    self.let_reader_finish(messages.take());
                    return Exit::SUCCESS;
                }
                stop.is_unheard();
            }
            if self.is_stopped() && matches!(&scan, Scan::Ours(child) if child.pid().is_none()) {
                // Stopped in order: until somebody asks for it again it is not ours to start.
                drop(lock.take());
                self.let_reader_finish(messages.take());
                if stop != StopWish::None || wait_for_term(&self.signals, &mut [], PACE) {
                    return Exit::SUCCESS;
                }
                continue;
            }
            let mut look_after = Some(PACE);
            match messages.take().map_or_else(|| Messages::obtain(self.records.as_ref()), Ok) {
                Ok(mut obtained) => {
                    // What we have to say goes there too.
                    to_null(obtained.write_end().as_fd());
                    obtained.keep_reader(self.options.called_by);
                    look_after = self.keep_scan(&mut scan, &mut lock, &obtained);
                    look_after = look_after.into_iter().chain(obtained.look_after()).min();
                    messages = Some(obtained);
                }
                Err(error) => SVSCANBOOT.warning_because(&[b"unable to create pipe"], error),
            }
            let mut watched: Vec<_> = messages.iter().filter_map(Messages::watched).collect();
            if let Scan::Found(sender) = &scan {
                watched.push(poll::broken(sender.as_fd()));
            }
            if let StopWish::Unheard(request) = stop {
                // An svscan that was just started does not listen yet.
                if self.ask_for_stop(&scan, request) {
                    stop = StopWish::Heard;
                } else {
                    look_after = Some(RETRY_STOP);
                }
            }
            if wait_for_term(&self.signals, &mut watched, look_after.unwrap_or(LONG)) {
                stop.is_asked();
            }
            while let Some((pid, end)) = process::reap_any() {
                messages.iter_mut().for_each(|messages| messages.note_end(pid));
                let Scan::Ours(child) = &mut scan else { continue };
                if !child.note_end(pid) {
                    continue;
                }
                let has_left = matches!(end, End::Code(_));
                let is_over = stop == StopWish::Heard && has_left;
                if is_over || stop != StopWish::None && self.records.is_none() {
                    self.let_reader_finish(messages.take());
                    return Exit::SUCCESS;
                }
                if !has_left && let Some(records) = &self.records {
                    // Killed in the middle of a stop: the next one has to go on with it, and
                    // whoever asked asks again.
                    records.remove_mark();
                }
                stop.is_unheard();
            }
        }
    }

    /// Sees to it that an svscan runs; how soon to look again without an event.
    fn keep_scan(
        &self,
        scan: &mut Scan,
        lock: &mut Option<ScanLock>,
        messages: &Messages,
    ) -> Option<Duration> {
        let Scan::Ours(child) = scan else { return None };
        if child.pid().is_some() {
            return None;
        }
        if lock.is_none()
            && let Some(records) = &self.records
        {
            match records.acquire(None) {
                Ok(acquired) => *lock = Some(acquired),
                Err(Errno::EAGAIN) => {
                    if let Some(sender) = self.connect() {
                        *scan = Scan::Found(sender);
                        return None;
                    }
                    return Some(PACE);
                }
                Err(error) => {
                    let name = self.options.directory.to_bytes();
                    let text: &[&[u8]] = &[b"unable to lock ", name, b"/.svscan/lock"];
                    SVSCANBOOT.warning_because(text, error);
                }
            }
        }
        let write = messages.write_end().as_fd();
        let lock = lock.as_ref().map(|lock| lock.file.as_fd());
        child.keep(self.options.called_by, &[c"svscan", self.options.directory], || {
            descriptor::place_at(write, 1)?;
            descriptor::place_at(write, 2)?;
            lock.map_or(Ok(()), |lock| descriptor::place_at(lock, LOCK_NUMBER))
        });
        child.look_after()
    }

    /// Asks svscan for the orderly stop; whether it was there to hear it.
    fn ask_for_stop(&self, scan: &Scan, request: &[u8]) -> bool {
        match scan {
            Scan::Found(sender) => sender.offer(request).is_ok(),
            Scan::Ours(child) if self.records.is_none() => {
                // No control FIFO: as 0.76, svscan ends and leaves the services alone.
                child.pid().is_some_and(|pid| process::kill(pid, SIGTERM).is_ok())
            }
            Scan::Ours(_) => self.connect().is_some_and(|sender| sender.offer(request).is_ok()),
        }
    }

    /// Gives up the message pipe and waits a moment for the reader to read it to the end.
    fn let_reader_finish(&self, messages: Option<Messages>) {
        let Some(messages) = messages else { return };
        // Our own stderr is that pipe too.
        if let Ok(null) = open(HERE, b"/dev/null", Purpose::Write) {
            to_null(null.as_fd());
        }
        let mut is_running = messages.give_up();
        let until = clock::monotonic().saturating_add(LAST_WORDS);
        while is_running() && clock::monotonic() < until {
            poll::pause(Duration::from_millis(10));
        }
    }

    /// Whether the scan was stopped in order, and nobody has asked for it since.
    fn is_stopped(&self) -> bool {
        self.records.as_ref().is_some_and(ScanRecords::is_marked_stopped)
    }
}

/// Standard input and output become /dev/null, and standard error `messages`.
fn to_null(messages: BorrowedFd<'_>) {
    if let Ok(null) = open(HERE, b"/dev/null", Purpose::Read) {
        let _ = descriptor::place_at(null.as_fd(), 0);
    }
    if let Ok(null) = open(HERE, b"/dev/null", Purpose::Write) {
        let _ = descriptor::place_at(null.as_fd(), 1);
    }
    let _ = descriptor::place_at(messages, 2);
}
