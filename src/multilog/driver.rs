//! The loop of multilog: reads blocks, has them cut into lines, walks the script, and hands all that
//! was read on before the next read.

use super::input::Input;
use super::lines::{Lines, Take, WINDOW};
use super::logdir::{LogDirectory, MULTILOG};
use super::orders::Orders;
use super::script::{Script, Sink, Stamp};
use crate::error::{self, Exit};
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::{Errno, clock, file, poll, signal};
use crate::tai64n::Label;
use crate::zone::date::Dates;
use crate::zone::{Local, Zone};
use core::time::Duration;
use std::os::fd::{AsFd, OwnedFd};

const PAUSE: Duration = Duration::from_secs(5);
/// The most of a line that `e` shows.
const ALERT: usize = 200;
/// The bytes of a status file: the window and a newline.
const STATUS: usize = WINDOW + 1;

/// Logs what comes in until its end, or until TERM.
#[must_use]
pub fn run(script: Script) -> Exit {
    match Log::open(&script) {
        Ok(mut log) => log.attend(),
        Err(exit) => exit,
    }
}

struct Log<'a> {
    script: &'a Script,
    outputs: Outputs<'a>,
    lines: Lines,
    input: Input,
    dates: Option<Dates<LocalClock>>,
}

type LocalClock = Box<dyn FnMut(i64) -> Local>;

struct Outputs<'a> {
    script: &'a Script,
    orders: Orders,
    statuses: Vec<OwnedFd>,
    /// Each with whether it gets the line that was begun last.
    directories: Vec<(LogDirectory, bool)>,
}

impl<'a> Log<'a> {
    fn open(script: &'a Script) -> Result<Self, Exit> {
        file::set_mask(0o022);
        // A reader of alerts who goes away must not end the log.
        signal::ignore_broken_pipes();
        let orders = Orders::listen()
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
        let mut directories = Vec::new();
        for settings in &script.directories {
            directories.push((LogDirectory::open(settings.clone())?, true));
        }
        let input = Input::open();
        let dates = (script.stamp == Stamp::Local).then(|| {
            let zone = Zone::of_environment();
            Dates::new(Box::new(move |moment| zone.at(moment)) as LocalClock)
        });
        let outputs = Outputs { script, orders, statuses, directories };
        Ok(Self { script, outputs, lines: Lines::new(script.takes_all()), input, dates })
    }

    fn attend(&mut self) -> Exit {
        crate::sys::heap::outlast_shortage();
        loop {
            let has_input = self.outputs.orders.wait_for_input();
            if self.outputs.orders.take_rotate() {
                self.outputs.rotate();
            }
            if self.outputs.orders.is_told_to_end() {
                self.finish_line();
                break;
            }
            if has_input && !self.take(usize::MAX) {
                break;
            }
        }
        self.lines.end(&mut self.outputs);
        for (directory, _) in self.outputs.directories.drain(..) {
            directory.close(&mut self.outputs.orders);
        }
        Exit::SUCCESS
    }

    /// Looks once, at `most` bytes at most, hands all of it on, and only then takes it out of the
    /// pipe; whether there was anything. A failed read is as the end.
    fn take(&mut self, most: usize) -> bool {
        let length = match self.input.look(most) {
            // Somebody else was quicker, or the input does not wait: poll does.
            Err(Errno::EAGAIN) => return true,
            Ok(0) | Err(_) => return false,
            Ok(length) => length,
        };
        let bytes = self.input.bytes(length);
        let label = || Label::of_unix(clock::wall());
        let mut stamp = Vec::new();
        if self.script.stamp != Stamp::None {
            let has_date =
                self.dates.as_mut().is_some_and(|dates| dates.write(label(), &mut stamp));
            if !has_date {
                // A moment without a date still has a label.
                stamp.extend_from_slice(&label().text());
            }
            stamp.push(b' ');
        }
        self.lines.feed(bytes, &stamp, &mut self.outputs);
        self.outputs.flush();
        self.input.take_out(length);
        true
    }

    /// After TERM: to the end of the line, byte by byte; the rest is for whoever reads next.
    fn finish_line(&mut self) {
        while self.lines.is_mid_line() && self.take(1) {}
    }
}

impl Outputs<'_> {
    fn flush(&mut self) {
        for (directory, _) in &mut self.directories {
            directory.flush(&mut self.orders);
        }
    }

    fn rotate(&mut self) {
        for (directory, _) in &mut self.directories {
            directory.rotate_unless_empty(&mut self.orders);
        }
    }
}

impl Take for Outputs<'_> {
    fn begin(&mut self, head: &[u8]) {
        self.script.walk(head, self);
    }

    fn append(&mut self, bytes: &[u8]) {
        for (directory, is_chosen) in &mut self.directories {
            if *is_chosen {
                directory.append(bytes, &mut self.orders);
            }
        }
    }
}

impl Sink for Outputs<'_> {
    fn alert(&mut self, head: &[u8]) {
        match head.get(..ALERT).filter(|_| head.len() > ALERT) {
            Some(beginning) => error::write_raw(&[beginning, b"...\n"]),
            None => error::write_raw(&[head, b"\n"]),
        }
    }

    fn status(&mut self, number: usize, head: &[u8]) {
        let (Some(file), Some(name)) =
            (self.statuses.get(number), self.script.statuses.get(number))
        else {
            return;
        };
        let mut text = [b'\n'; STATUS];
        for (place, byte) in text.iter_mut().zip(head) {
            *place = *byte;
        }
        loop {
            let (what, error): (&[u8], _) = match descriptor::write_at(file.as_fd(), &text, 0) {
                Ok(STATUS) => return,
                Ok(_) => (b"write ", Errno::ENOSPC),
                Err(Errno::ESPIPE) => (b"move to beginning of ", Errno::ESPIPE),
                Err(error) => (b"write ", error),
            };
            MULTILOG.warning_because(&[b"unable to ", what, name, b", pausing"], error);
            poll::pause(PAUSE);
        }
    }

    fn choose(&mut self, number: usize, is_selected: bool) {
        if let Some((_, is_chosen)) = self.directories.get_mut(number) {
            *is_chosen = is_selected;
        }
    }
}
