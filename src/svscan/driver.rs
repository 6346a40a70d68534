//! The loop of svscan: waits for a change in the scan directory, the end of a supervise, a
//! signal or a moment, looks at the directory and performs the plan. Nothing that happens ends
//! it: trouble is a warning, a pause and another try.

use super::entry::{Conditions, Entry, Supervise};
use super::filling::Filling;
use super::heir::{pipes, retired};
use super::place::{messages, raise_limit, take_place, wait_for_foreign};
use super::plan::{Action, Ending, Identity, Seen, Side, Standing, TICK, next_start, plan};
use super::stop::{self, Stop};
use crate::error::{Exit, Program};
use crate::reexec::{self, Handed, Outcome, Trial};
use crate::scandir::pipe_records::{NO_PIPE, PipeRecords};
use crate::scandir::scan_lock::ScanLock;
use crate::scandir::scanner::STOP_SIGNAL;
use crate::scandir::word::Word;
use crate::scandir::{ScanRecords, mark};
use crate::service;
use crate::service::control::Listener;
use crate::sys::descriptor::{self, HERE};
use crate::sys::file::{self, Kind};
use crate::sys::inotify::{Event, Watch, Watcher};
use crate::sys::limit::OpenFiles;
use crate::sys::process::{self, End, Pid};
use crate::sys::signal::{self, SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGTERM, Signals};
use crate::sys::{Errno, clock, directory, poll};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

const SVSCAN: Program = Program::daemon("svscan");
const OUR_NAME: &CStr = c"svscan";

/// How svscan was started.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The scan directory as the user typed it; none for the current one.
    pub directory: Option<&'a CStr>,
    /// Whether TERM and INT mean the orderly stop, as they do for process 1.
    pub stop_on_term: bool,
}

/// Scans until it is stopped.
#[must_use]
pub fn run(options: Options<'_>) -> Exit {
    match Driver::begin(options) {
        Ok(mut driver) => driver.attend(options),
        Err(exit) => exit,
    }
}

struct Driver {
    entries: BTreeMap<Identity, Entry>,
    children: BTreeMap<Pid, (Identity, Side)>,
    /// The limit on open files that we were started with, and whether we stop in order.
    found_limit: Option<OpenFiles>,
    stops_in_order: bool,
    signals: Signals,
    watcher: Option<Watcher>,
    scan_watch: Option<Watch>,
    filling: Filling,
    records: Option<ScanRecords>,
    pipes: PipeRecords,
    /// Who supervises what, looked up once for a whole pass.
    finder: Option<pipes::Finder>,
    control: Option<Listener>,
    lock: Option<ScanLock>,
    /// A read end of the pipe at our descriptor 2: should readproctitle and svscanboot both be
    /// dead, no service dies of SIGPIPE.
    messages: Option<OwnedFd>,
    trial: Option<Trial>,
    next_tick: Duration,
    /// Something changed: look before the tick.
    look_now: bool,
    /// What an svscan before us held is still to be looked for.
    is_heir: bool,
    stop: Option<Stop>,
    /// Who asked for it by a signal.
    asked_by: Option<Pid>,
    /// When to go on with it: not with each of thousands of deaths.
    stop_look: Duration,
}

impl Driver {
    fn begin(options: Options<'_>) -> Result<Self, Exit> {
        let handed_over = reexec::take_over(&["lock", "control", "messages"]);
        let is_new_image = handed_over.is_some();
        let Handed { lock, control, messages: old_messages, .. } = handed_over.unwrap_or_default();
        descriptor::fill_standard();
        signal::ignore_broken_pipes();
        let directory = options.directory.map(CStr::to_bytes);
        if let Some(name) = directory
            && !is_new_image
            && let Err(error) = directory::change(name)
        {
            return Err(SVSCAN.fatal_because(&[b"unable to chdir to ", name], error));
        }
        let stops_in_order = options.stop_on_term || process::our_pid() == 1;
        let wanted: &[signal::Signal] = if stops_in_order {
            &[SIGCHLD, SIGALRM, SIGHUP, STOP_SIGNAL, SIGTERM, SIGINT]
        } else {
            &[SIGCHLD, SIGALRM, SIGHUP, STOP_SIGNAL]
        };
        let signals = Signals::listen(wanted)
            .map_err(|error| SVSCAN.fatal_because(&[b"unable to listen for signals"], error))?;
        let (records, control, lock) = take_place(directory, lock, control)?;
        wait_for_foreign(directory, &signals, records.as_ref(), control.as_ref())?;
        let pipes = records.as_ref().map_or(Ok(PipeRecords::none()), PipeRecords::open);
        let pipes = pipes.unwrap_or_else(|error| {
            SVSCAN.warning_because(&[b"unable to write .svscan/pipes"], error);
            PipeRecords::none()
        });
        let watcher = Watcher::new().ok();
        let scan_watch = watcher.as_ref().and_then(|watcher| watcher.watch_names(b".").ok());
        Ok(Self {
            entries: BTreeMap::new(),
            children: BTreeMap::new(),
            found_limit: raise_limit(),
            stops_in_order,
            signals,
            watcher,
            scan_watch,
            filling: Filling::default(),
            records,
            pipes,
            finder: None,
            control,
            messages: old_messages
                .or_else(|| lock.as_ref().filter(|lock| lock.was_handed_down).and_then(messages)),
            lock,
            trial: None,
            next_tick: clock::monotonic(),
            look_now: true,
            is_heir: true,
            stop: None,
            asked_by: None,
            stop_look: Duration::ZERO,
        })
    }

    fn attend(&mut self, options: Options<'_>) -> Exit {
        crate::sys::heap::outlast_shortage();
        loop {
            self.reap();
            self.go_on_with_trial(options);
            self.reap_adopted();
            if let Some(exit) = self.go_on_stopping() {
                return exit;
            }
            let now = clock::monotonic();
            let is_tick = now >= self.next_tick;
            if self.stop.is_none() && (self.look_now || is_tick) {
                if is_tick {
                    self.next_tick = now.saturating_add(TICK);
                }
                self.look_now = false;
                self.pass(is_tick);
            }
            self.wait();
        }
    }

    /// Looks at the directory and does what follows. Only ticks complain about entries, as often
    /// as 0.76 does, however many changes there are between them.
    fn pass(&mut self, is_tick: bool) {
        let names = match directory::names() {
            Ok(names) => names,
            Err(error) => {
                return SVSCAN.warning_because(&[b"unable to read directory"], error);
            }
        };
        // Whatever was made before the listing was read is known as such by now.
        self.take_events();
        let mut seen = Vec::with_capacity(names.len());
        for name in names {
            if name.first() == Some(&b'.') {
                continue;
            }
            match file::facts(HERE, &name) {
                Ok(facts) if facts.kind == Kind::Directory => {
                    let identity = Identity { device: facts.device, inode: facts.inode };
                    let is_filling = self
                        .watcher
                        .as_ref()
                        .is_some_and(|watcher| self.filling.holds(watcher, &name));
                    seen.push(Seen { name, identity, is_filling });
                }
                Ok(_) => {}
                Err(error) if is_tick => {
                    SVSCAN.warning_because(&[b"unable to stat ", &name], error);
                }
                Err(_) => {}
            }
        }
        if let Some(watcher) = &self.watcher {
            self.filling.keep_only(watcher, |name| seen.iter().any(|seen| seen.name == name));
        }
        let held: Vec<_> =
            self.entries.iter().map(|(identity, entry)| entry.held(*identity)).collect();
        for action in plan(&seen, &held, clock::monotonic()) {
            match action {
                Action::Hold(identity, name) => self.hold(identity, name, is_tick),
                Action::Start(identity, side, name) => {
                    if let Some(mut entry) = self.entries.remove(&identity) {
                        entry.name = name;
                        self.start(identity, &mut entry, side);
                        self.entries.insert(identity, entry);
                    }
                }
                Action::Forget(identity) => {
                    drop(self.entries.remove(&identity));
                    let _ = self.pipes.forget((identity.device, identity.inode));
                }
            }
        }
        if core::mem::take(&mut self.is_heir) {
            self.find_retired(&seen);
        }
        self.finder = None;
    }

    /// Holds what an svscan before us held and what still runs though its name is gone.
    fn find_retired(&mut self, seen: &[Seen]) {
        let mut lost: BTreeSet<_> = self.pipes.services().collect();
        for identity in seen.iter().map(|seen| &seen.identity).chain(self.entries.keys()) {
            lost.remove(&(identity.device, identity.inode));
        }
        if lost.is_empty() {
            return;
        }
        let finder = self.finder.get_or_insert_with(pipes::Finder::look_around);
        self.entries.extend(retired::find(&lost, &self.pipes, finder));
    }

    fn hold(&mut self, identity: Identity, name: Vec<u8>, is_tick: bool) {
        let complain = |text: &[&[u8]], error| {
            if is_tick {
                SVSCAN.warning_because(text, error);
            }
        };
        let has_logger = match service::has_logger(HERE, &name) {
            Ok(has_logger) => has_logger,
            Err(error) => return complain(&[b"unable to stat ", &name, b"/log"], error),
        };
        let idle = || Supervise::Idle(Duration::ZERO, None);
        let log = has_logger.then(idle);
        let mut entry = Entry { name, pipe: None, main: idle(), log };
        let key = (identity.device, identity.inode);
        if !has_logger {
            // A record that cannot be written costs only what a successor would need it for.
            let _ = self.pipes.put(key, NO_PIPE);
        } else {
            let somebody_runs =
                [Side::Main, Side::Log].into_iter().any(|side| entry.find_running(side).is_some());
            let finder = somebody_runs
                .then(|| self.finder.get_or_insert_with(pipes::Finder::look_around) as &_);
            match pipes::obtain(&mut self.pipes, key, &entry.name, finder) {
                Ok(pipe) => entry.pipe = Some(pipe),
                Err(error) => {
                    return complain(&[b"unable to create pipe for ", &entry.name], error);
                }
            }
        }
        self.start(identity, &mut entry, Side::Main);
        if has_logger {
            self.start(identity, &mut entry, Side::Log);
        }
        self.entries.insert(identity, entry);
    }

    fn start(&mut self, identity: Identity, entry: &mut Entry, side: Side) {
        let given = Conditions {
            limit: self.found_limit,
            own_group: self.stops_in_order,
            messages: self.messages.as_ref().map(AsFd::as_fd),
        };
        start(&mut self.children, given, self.next_tick, identity, entry, side);
    }

    /// Takes note of every child that ended; as process 1 also of strangers.
    fn reap(&mut self) {
        while let Some((pid, end)) = process::reap_any() {
            if self.trial.as_mut().is_some_and(|trial| trial.note_end(pid, end)) {
                continue;
            }
            let Some((identity, side)) = self.children.remove(&pid) else { continue };
            let ending = match end {
                End::Code(0) => Ending::Left,
                End::Code(_) => Ending::Failed,
                End::Killed(_) => Ending::Killed,
            };
            let tick = self.next_tick;
            let Some(entry) = self.entries.get_mut(&identity) else { continue };
            self.look_now = true;
            // One that gave up at once while another listens: that one is the service's.
            let running = match ending {
                Ending::Failed => entry.find_running(side),
                Ending::Killed | Ending::Left => None,
            };
            if let Some(supervise) = entry.side(side) {
                let now = clock::monotonic();
                let started = match supervise {
                    Supervise::Child(_, started) => *started,
                    Supervise::Idle(..) | Supervise::Adopted(_) => now,
                };
                *supervise = match running {
                    Some(adopted) => Supervise::Adopted(adopted),
                    None => Supervise::Idle(next_start(ending, started, now, tick), Some(ending)),
                };
            }
        }
    }

    /// Takes note of adopted supervises that ended.
    fn reap_adopted(&mut self) {
        let tick = self.next_tick;
        for entry in self.entries.values_mut() {
            for side in [Side::Main, Side::Log] {
                let Some(Supervise::Adopted(adopted)) = entry.side(side) else { continue };
                let mut watched = [poll::broken(adopted.presence.as_fd())];
                let _ = poll::wait(&mut watched, Some(Duration::ZERO));
                if !watched.iter().any(poll::found) {
                    continue;
                }
                self.look_now = true;
                let ending = entry.unseen_ending(side);
                if let Some(supervise) = entry.side(side) {
                    let now = clock::monotonic();
                    let from = next_start(ending, Duration::ZERO, now, tick);
                    *supervise = Supervise::Idle(from, Some(ending));
                }
            }
        }
    }

    /// The next moment at which something is due.
    fn next_moment(&self) -> Duration {
        let idle = |supervise: &Supervise| match supervise.standing() {
            Standing::Idle(from) => Some(from),
            Standing::Running => None,
        };
        // A start that is due has had its pass: what that did not start has to wait for a change.
        let now = clock::monotonic();
        let starts = self
            .entries
            .values()
            .flat_map(|entry| [idle(&entry.main), entry.log.as_ref().and_then(idle)])
            .flatten()
            .filter(|from| *from > now);
        let looks = self.filling.next_look(now);
        starts.chain(looks).chain([self.next_tick]).min().unwrap_or(now)
    }

    fn wait(&mut self) {
        let until = match &self.stop {
            Some(_) => self.stop_look,
            None if self.look_now => Duration::ZERO,
            None => self.next_moment(),
        };
        let until = match &self.trial {
            Some(trial) => until.min(trial.deadline()),
            None => until,
        };
        let mut watched = vec![poll::readable(self.signals.as_fd())];
        watched.extend(self.watcher.as_ref().map(|watcher| poll::readable(watcher.as_fd())));
        watched.extend(self.control.as_ref().map(|control| poll::readable(control.as_fd())));
        let adopted =
            self.entries.values().flat_map(|entry| [Some(&entry.main), entry.log.as_ref()]);
        watched.extend(adopted.flatten().filter_map(|supervise| match supervise {
            Supervise::Adopted(adopted) => Some(poll::broken(adopted.presence.as_fd())),
            Supervise::Idle(..) | Supervise::Child(..) => None,
        }));
        if poll::wait(&mut watched, Some(until)).is_err() {
            // Only for want of memory: it may come back.
            poll::pause(Duration::from_secs(1));
        }
        self.look_now |= clock::monotonic() >= until;
        while let Some((signal, sender)) = self.signals.next_with_sender() {
            match signal {
                // Several may ask, as they may by the control FIFO; the same one hurries.
                STOP_SIGNAL => {
                    let hurries = self.asked_by.replace(sender) == Some(sender);
                    self.ask_to_stop(hurries);
                }
                // From one who says no more than that: the second one hurries.
                SIGTERM | SIGINT => self.ask_to_stop(self.stop.is_some()),
                SIGALRM => self.look_now = true,
                SIGHUP if self.trial.is_none() && self.stop.is_none() => {
                    match Trial::start(OUR_NAME) {
                        Ok(trial) => self.trial = Some(trial),
                        Err(error) => warn_not_replaced(error),
                    }
                }
                _ => {}
            }
        }
        self.take_events();
        while let Some(byte) = self.control.as_ref().and_then(Listener::next) {
            match Word::of(byte) {
                Some(word @ (Word::Stop | Word::Hurry)) => self.ask_to_stop(word == Word::Hurry),
                Some(Word::Wanted) => self.records.iter().for_each(mark::remove),
                None => {}
            }
        }
    }

    /// Takes what inotify has to say.
    fn take_events(&mut self) {
        let Some(watcher) = &self.watcher else { return };
        loop {
            let events = watcher.events();
            if events.is_empty() {
                return;
            }
            for event in events {
                match event {
                    Event::DirectoryMade(watch, name) if Some(watch) == self.scan_watch => {
                        self.filling.add(watcher, name);
                    }
                    Event::DirectoryMade(watch, _) | Event::Changed(watch) => {
                        if !self.filling.touch(watch) {
                            self.look_now = true;
                        }
                    }
                    Event::Overflow => self.look_now = true,
                }
            }
        }
    }

    /// HUP: the supervises that are ours, and then we, become the programs on disk, once a trial
    /// has shown that they read our hand-over. What a new image needs to know beyond what is
    /// handed over it finds as after a kill: by the records, the presences and /proc.
    fn go_on_with_trial(&mut self, options: Options<'_>) {
        let outcome = self.trial.as_mut().map(Trial::outcome);
        match outcome {
            None | Some(Outcome::Pending) => return,
            Some(Outcome::Failed) => warn_not_replaced(Errno::ENOEXEC),
            Some(Outcome::Passed) => {
                for entry in self.entries.values() {
                    for side in [Side::Main, Side::Log] {
                        if let Some(pid) = entry.recorded_supervise(side) {
                            let _ = process::kill(pid, SIGHUP);
                        }
                    }
                }
                let (Some(lock), Some(control)) = (&self.lock, &self.control) else {
                    self.trial = None;
                    return warn_not_replaced(Errno::ENOLCK);
                };
                let handed = Handed {
                    lock: Some(lock.file.as_fd()),
                    control: Some(control.as_fd()),
                    messages: self.messages.as_ref().map(AsFd::as_fd),
                    ..Handed::default()
                };
                let mut words = vec![OUR_NAME];
                words.extend(options.stop_on_term.then_some(c"--stop-on-term"));
                words.extend(options.directory);
                // The new image finds the limit that we found.
                let found = self.found_limit.map(OpenFiles::set);
                warn_not_replaced(reexec::replace(&words, &handed));
                if found.is_some() {
                    let _ = raise_limit();
                }
            }
        }
        self.trial = None;
    }

    fn ask_to_stop(&mut self, in_a_hurry: bool) {
        let stop = self.stop.get_or_insert_default();
        if in_a_hurry {
            stop.hurry();
        }
        // With every request: whoever asks for the scan again is heard from here on, as he was before.
        if let Some(Err(error)) = self.records.as_ref().map(mark::put) {
            SVSCAN.warning_because(&[b"unable to write .svscan/stopped"], error);
        }
    }

    fn go_on_stopping(&mut self) -> Option<Exit> {
        let stop = self.stop.as_mut()?;
        if clock::monotonic() < self.stop_look {
            return None;
        }
        let (children, tick) = (&mut self.children, self.next_tick);
        let given = Conditions {
            limit: self.found_limit,
            own_group: self.stops_in_order,
            messages: self.messages.as_ref().map(AsFd::as_fd),
        };
        let is_over = stop.advance(&mut self.entries, |identity, entry, side| {
            if retired::is_there(identity, &entry.name) {
                start(children, given, tick, identity, entry, side);
            } else if let Some(supervise) = entry.side(side) {
                *supervise = Supervise::Idle(tick, None);
            }
        });
        if !is_over {
            self.stop_look = clock::monotonic().saturating_add(stop::LOOK);
            return None;
        }
        let survivors = stop.name_survivors(&self.entries);
        Some(if survivors { Exit::SYSTEM } else { Exit::SUCCESS })
    }
}

/// Starts one supervise, unless one is there that is not our child: that one is adopted.
fn start(
    children: &mut BTreeMap<Pid, (Identity, Side)>,
    given: Conditions<'_>,
    tick: Duration,
    identity: Identity,
    entry: &mut Entry,
    side: Side,
) {
    if let Some(adopted) = entry.find_running(side) {
        if let Some(supervise) = entry.side(side) {
            *supervise = Supervise::Adopted(adopted);
        }
        return;
    }
    match entry.start(side, given, clock::monotonic()) {
        Ok(pid) => {
            children.insert(pid, (identity, side));
        }
        Err(error) => {
            let text: &[&[u8]] = &[b"unable to fork for ", &entry.name, Entry::suffix(side)];
            SVSCAN.warning_because(text, error);
            if let Some(supervise) = entry.side(side) {
                *supervise = Supervise::Idle(tick, None);
            }
        }
    }
}

fn warn_not_replaced(error: Errno) {
    SVSCAN.warning_because(&[b"unable to re-execute, going on as we are"], error);
}
