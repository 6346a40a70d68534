//! The loop of multilog: reads a block, cuts it into lines, walks the script for each line, and
//! hands on everything before the next read.

use super::delivery::Delivery;
use super::input::Input;
use super::lines::{HELD, Lines, PORTION};
use super::logdir::LogDirectory;
use super::outputs::{Log, Outputs};
use super::patience::Patience;
use super::room;
use super::script::{Script, Stamp};
use super::trouble::MULTILOG;
use crate::error::Exit;
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::{Errno, clock, file, heap, signal};
use crate::tai64n::Label;
use crate::zone::date::Dates;
use crate::zone::{Local, Zone};
use memchr::memchr;

/// Room for the stamp before a line.
const STAMP: usize = 64;
/// Memory kept free at the start for later needs: listing a directory, starting a processor.
const RESERVE: usize = 1 << 15;

/// Logs the input until its end, or until TERM.
#[must_use]
pub fn run(script: Script) -> Exit {
    match Multilog::open(&script) {
        Ok(multilog) => multilog.attend(),
        Err(exit) => exit,
    }
}

struct Multilog<'a> {
    outputs: Outputs<'a>,
    lines: Lines,
    input: Input,
    stamp: Vec<u8>,
    dates: Option<Dates<LocalClock>>,
}

type LocalClock = Box<dyn FnMut(i64) -> Local>;

/// The result of one look at the input.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Went {
    On,
    /// The input has ended.
    ToTheEnd,
    /// No more input is to be read.
    NoFurther,
}

fn out_of_memory() -> Exit {
    MULTILOG.fatal(&[b"out of memory"])
}

impl<'a> Multilog<'a> {
    fn open(script: &'a Script) -> Result<Self, Exit> {
        file::set_mask(0o022);
        // Neither the end of a process that reads our stderr nor a limit on file sizes may kill
        // multilog.
        signal::ignore_broken_pipes();
        signal::ignore_size_limit(true);
        let mut patience = Patience::listen()
            .map_err(|error| MULTILOG.fatal_because(&[b"unable to listen for signals"], error))?;
        let mut statuses = Vec::new();
        for name in &script.statuses {
            let fatal =
                |what: &[u8], error| MULTILOG.fatal_because(&[b"unable to ", what, name], error);
            descriptor::open(HERE, name, Purpose::Append)
                .map_err(|error| fatal(b"create ", error))?;
            let status = descriptor::open(HERE, name, Purpose::Write);
            statuses.push(status.map_err(|error| fatal(b"write ", error))?);
        }
        let mut logs = Vec::new();
        for settings in &script.directories {
            let directory = LogDirectory::open(settings, &mut patience);
            logs.push(Log::new(directory.map_err(|trouble| trouble.fatal(&settings.name))?));
        }
        let dates = (script.stamp == Stamp::Local).then(|| {
            let zone = Zone::of_environment();
            Dates::new(Box::new(move |moment| zone.at(moment)) as LocalClock)
        });
        let reserve = heap::with_room::<u8>(RESERVE);
        let window = || heap::with_room(HELD + STAMP).ok_or_else(out_of_memory);
        let counted = || window().map(|window| Lines::default().within(window, Vec::new()));
        let between = [counted()?, counted()?];
        let needs_portions = script.takes_all() && script.stamp != Stamp::None;
        let portion = if needs_portions { room::at_most(PORTION) } else { Some(Vec::new()) };
        let lines = Lines::new(script.takes_all());
        let lines = lines.within(window()?, portion.ok_or_else(out_of_memory)?);
        let stamp = heap::with_room(STAMP).ok_or_else(out_of_memory)?;
        let input = Input::open().ok_or_else(out_of_memory)?;
        if reserve.is_none() || !logs.iter_mut().all(|log| log.directory.reserve()) {
            return Err(out_of_memory());
        }
        patience.begin();
        let outputs = Outputs::new(script, patience, statuses, logs, between);
        Ok(Self { outputs, lines, input, stamp, dates })
    }

    fn attend(mut self) -> Exit {
        let mut went = Went::On;
        while went == Went::On {
            let has_input = self.outputs.wait_for_input();
            if self.outputs.patience.take_rotate() {
                self.outputs.rotate();
            }
            if self.outputs.patience.is_told_to_end() {
                went = self.finish_line();
                break;
            }
            if has_input {
                went = self.take(Most::All);
            }
        }
        if went != Went::NoFurther {
            let Self { outputs, lines, stamp, .. } = &mut self;
            let mut delivery = Delivery::new(outputs, lines, (b"", None), stamp);
            let fed = lines.end(&mut delivery);
            delivery.end(fed);
        }
        self.outputs.close()
    }

    /// Reads once and hands everything on; it is taken out of the pipe as soon as it is in the
    /// logs. A failed read counts as the end.
    fn take(&mut self, most: Most) -> Went {
        let is_pipe = self.input.is_pipe();
        let bytes = if most == Most::Line && !is_pipe { 1 } else { usize::MAX };
        let mut length = match self.input.look(bytes, &self.outputs.patience) {
            // Another reader was faster, or the input is non-blocking: poll again.
            Err(Errno::EAGAIN) => return Went::On,
            Ok(0) | Err(_) => return Went::ToTheEnd,
            Ok(length) => length,
        };
        if most == Most::Line {
            let (block, _) = self.input.seen(length);
            length = memchr(b'\n', block).map_or(length, |end| end + 1);
        }
        self.make_stamp();
        let Self { outputs, lines, input, stamp, .. } = self;
        let mut delivery = Delivery::new(outputs, lines, input.seen(length), stamp);
        let fed = lines.feed(delivery.block(), stamp, &mut delivery);
        if delivery.end(fed) { Went::On } else { Went::NoFurther }
    }

    fn make_stamp(&mut self) {
        let script = self.outputs.script;
        self.stamp.clear();
        if script.stamp == Stamp::None {
            return;
        }
        let label = Label::of_unix(clock::wall());
        let has_date = self.dates.as_mut().is_some_and(|dates| dates.write(label, &mut self.stamp));
        if !has_date {
            // If the time has no local date, use the label.
            self.stamp.extend_from_slice(&label.text());
        }
        self.stamp.push(b' ');
    }

    /// After TERM: reads to the end of the line. What follows is left to the next reader.
    fn finish_line(&mut self) -> Went {
        while self.lines.is_mid_line() && self.outputs.patience.wait_for_rest() {
            let went = self.take(Most::Line);
            if went != Went::On {
                return went;
            }
        }
        Went::ToTheEnd
    }
}

/// How much to read at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Most {
    All,
    /// The rest of the present line.
    Line,
}
