//! The control commands of a run: what an admin asks for meanwhile, and asks for again.

use crate::run::Run;
use crate::service::{Link, Part};
use crate::system::Ask;
use std::fs;
use std::time::{Duration, Instant};

/// After which a control command without effect is given again: its supervise was dead, or died
/// before it had read it.
const AGAIN: Duration = Duration::from_secs(2);

impl Run {
    /// Gives a control command, without waiting for it.
    pub fn ask(&mut self, ask: Ask, index: usize) {
        let service = &mut self.services[index];
        if ask == Ask::Up {
            service.asked_starts += 1;
        }
        self.asked += 1;
        self.killer.note(format!("ask {ask:?} of {}", service.name));
        let mut command = self.system.control(ask, &service.directory);
        self.init.start(&mut command);
    }

    pub fn ask_something(&mut self) {
        let last = self.services.len() as u64 - 1;
        let index = usize::try_from(self.killer.random.within(0..=last)).unwrap();
        let harmless = [Ask::Continue, Ask::Hangup];
        let ask = match self.services[index].part {
            Part::Bounced => {
                let service = &mut self.services[index];
                service.is_wanted_up = !service.is_wanted_up;
                service.told = Instant::now();
                if service.is_wanted_up { Ask::Up } else { Ask::Down }
            }
            Part::Linked => {
                // Only from the one state to the other: what is on its way goes on in `ask_again`.
                // What no logger has come to read yet would go with its pipe.
                let service = &mut self.services[index];
                let is_whole = service.running().is_some() && service.running_logger().is_some();
                match service.link {
                    Link::Wanted if is_whole => service.link = Link::Unwanted,
                    Link::Gone => service.link = Link::Wanted,
                    Link::Wanted | Link::Unwanted => {}
                }
                return self.tend_link(index);
            }
            Part::Steady | Part::Raised | Part::Once | Part::Mortal => {
                *self.killer.random.pick(&harmless).unwrap()
            }
            Part::TakenDown | Part::NeverUp => Ask::Continue,
            Part::Paused => Ask::Pause,
        };
        self.ask(ask, index);
    }

    /// Repeats commands that had no effect.
    pub fn ask_again(&mut self) {
        for index in 0..self.services.len() {
            if self.services[index].part == Part::Linked {
                self.tend_link(index);
                continue;
            }
            let service = &self.services[index];
            let is_late = service.told.elapsed() >= AGAIN;
            if service.part == Part::Bounced
                && is_late
                && service.running().is_some() != service.is_wanted_up
            {
                self.asked_again += 1;
                self.services[index].told = Instant::now();
                let is_wanted_up = self.services[index].is_wanted_up;
                self.ask(if is_wanted_up { Ask::Up } else { Ask::Down }, index);
            }
        }
    }

    /// Goes on with the coming and going of a link: down, out of the scan directory, and its
    /// supervises told to leave; or back, and up.
    fn tend_link(&mut self, index: usize) {
        let service = &self.services[index];
        let link = self.system.scan.join(&service.name);
        let is_linked = fs::symlink_metadata(&link).is_ok();
        let is_running = service.running().is_some();
        let is_late = service.told.elapsed() >= AGAIN;
        let directory = service.directory.clone();
        match service.link {
            Link::Wanted if !is_linked => {
                self.killer.note(format!("link {}", service.name));
                std::os::unix::fs::symlink(&directory, &link).unwrap();
                let service = &mut self.services[index];
                service.is_wanted_up = true;
                service.asked_starts += 1;
                service.told = Instant::now();
            }
            // Wanted again while it was on its way out.
            Link::Wanted if !service.is_wanted_up => {
                let service = &mut self.services[index];
                service.is_wanted_up = true;
                service.asked_starts += 1;
                service.told = Instant::now();
                self.give(Ask::Up, index, "");
            }
            // A supervise that was killed before it left keeps that the service is wanted down.
            Link::Wanted if !is_running && is_late => {
                self.services[index].told = Instant::now();
                self.give(Ask::Up, index, "");
            }
            Link::Unwanted if is_running => {
                let was_wanted = std::mem::replace(&mut self.services[index].is_wanted_up, false);
                if was_wanted || is_late {
                    self.services[index].told = Instant::now();
                    self.give(Ask::Down, index, "");
                }
            }
            Link::Unwanted => {
                self.killer.note(format!("unlink {}", service.name));
                fs::remove_file(&link).unwrap();
                self.services[index].link = Link::Gone;
                self.give(Ask::Exit, index, "");
                self.give(Ask::Exit, index, "log");
            }
            Link::Wanted | Link::Gone => {}
        }
    }

    /// Gives a control command to a service or its logger, without counting a start.
    fn give(&mut self, ask: Ask, index: usize, side: &str) {
        let service = &self.services[index];
        self.asked += 1;
        self.killer.note(format!("ask {ask:?} of {} {side}", service.name));
        let mut command = self.system.control(ask, &service.directory.join(side));
        self.init.start(&mut command);
    }
}
