//! One service of an order: asked once, then looked at until it is as asked.

use super::Order;
use super::aim::{Progress, Step};
use super::seen::Seen;
use super::tell::{Failure, Outcome};
use super::verb::{Deed, Plan};
use super::watch::{BLIND, Watched};
use crate::look::processes::Processes;
use crate::look::{Looker, Scope, Service, with_records};
use crate::select::Target;
use core::time::Duration;
use daemontools_rs::service::control;
use daemontools_rs::sys::descriptor::{HERE, Purpose, open};
use daemontools_rs::sys::process::{Pid, kill_group};
use daemontools_rs::sys::{Errno, clock};
use std::collections::BTreeSet;
use std::os::fd::AsFd;

/// How long svctl waits for the supervise of a new link: svscan starts it at once.
const GRACE: Duration = Duration::from_secs(1);
/// How long svctl waits for the supervise that replaces a killed one: svscan starts it no sooner
/// than the lock of the killed supervise is free, and looks every five seconds for supervises that
/// it has missed.
const LONG_GRACE: Duration = Duration::from_secs(6);
/// How often svctl looks at a service whose supervise is about to come, if there are at most
/// [`FEW`] services.
const SOON: Duration = Duration::from_millis(5);
/// See [`SOON`].
const FEW: usize = 20;
/// How often svctl counts what is left of a process group, and tries again to write to a full FIFO:
/// no event reports either.
const AGAIN: Duration = Duration::from_millis(20);
/// Later than any time.
const NEVER: Duration = Duration::MAX;

/// One service of an order.
#[derive(Debug)]
pub struct Task {
    number: usize,
    order: Order,
    target: Target,
    /// When the task began, or when its supervise was last missing.
    begun: Duration,
    last: Option<(Service, Seen)>,
    plan: Option<Planned>,
    is_watched: bool,
    look_at: Duration,
    kill_at: Duration,
    give_up_at: Duration,
}

/// What was planned, and how much of it is done.
#[derive(Debug)]
struct Planned {
    letters: &'static [u8],
    is_sent: bool,
    progress: Progress,
}

impl Task {
    /// A task whose service was not asked yet.
    #[must_use]
    pub fn new(number: usize, order: Order, target: Target, now: Duration) -> Self {
        Self {
            number,
            order,
            target,
            begun: now,
            last: None,
            plan: None,
            is_watched: false,
            look_at: now,
            kill_at: NEVER,
            give_up_at: now.saturating_add(order.timeout.unwrap_or(GRACE)),
        }
    }

    /// Its number among the tasks.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.number
    }

    /// What the last look saw.
    #[must_use]
    pub fn seen(&self) -> Option<(&Service, &Seen)> {
        self.last.as_ref().map(|(service, seen)| (service, seen))
    }

    /// When the next look is due, if nothing changes before.
    #[must_use]
    pub fn next_look(&self) -> Duration {
        self.look_at.min(self.kill_at).min(self.give_up_at)
    }

    /// Looks, and does what is due. Returns the outcome, once there is one. `count`: how many tasks
    /// have none yet.
    pub fn go_on(
        &mut self,
        count: usize,
        looker: &mut Looker,
        watched: &mut Watched,
    ) -> Option<Outcome> {
        let is_held = !self.needs_no_watch(looker) && self.watch(watched);
        let (service, seen) = self.look(looker);
        let now = clock::monotonic();
        self.look_at = match () {
            () if !seen.is_supervised && count <= FEW => now.saturating_add(SOON),
            () if seen.group_left > 0 => now.saturating_add(AGAIN),
            () if !self.is_watched || !is_held => now.saturating_add(BLIND),
            () => NEVER,
        };
        let judged = self.judge(&service, &seen, now);
        self.last = Some((service, seen));
        match judged {
            Ok(()) if now >= self.give_up_at => Some(Outcome::Failed(Failure::TimedOut)),
            Ok(()) => None,
            Err(outcome) => Some(outcome),
        }
    }

    fn look(&self, looker: &mut Looker) -> (Service, Seen) {
        looker.refresh();
        let service = looker.look(&self.target, Scope { logger: false });
        let mut seen = Seen::of(&service, looker.wall);
        if let (None, Some(leader)) = (seen.pid, seen.group) {
            seen.group_left = count_group(leader);
        }
        (service, seen)
    }

    /// Whether the task is done at once. Looks before it sets up a watch, since a look costs less.
    fn needs_no_watch(&self, looker: &mut Looker) -> bool {
        if self.last.is_some() {
            return false;
        }
        if self.order.timeout.is_none_or(|timeout| timeout.is_zero()) {
            return true;
        }
        let (service, seen) = self.look(looker);
        match self.order.deed.plan(&seen) {
            _ if service.trouble.is_some() => true,
            Plan::Ask(b"", aim) => {
                let step = Progress::new(aim, false, seen.run).step(&seen, clock::monotonic());
                step == Step::Done
            }
            Plan::Already(_) | Plan::NoProcess => seen.is_supervised,
            Plan::Ask(..) => false,
        }
    }

    /// Sets up the watches before the look, so that no change after it is missed. Whether the end
    /// of the supervise is watched.
    fn watch(&mut self, watched: &mut Watched) -> bool {
        self.is_watched = self.is_watched || watched.watch(self.number, &self.target.path);
        watched.holds(self.number) || watched.hold(self.number, &self.target.path)
    }

    /// What follows from a look. An outcome is returned as an error, so that each step can end the
    /// task.
    fn judge(&mut self, service: &Service, seen: &Seen, now: Duration) -> Result<(), Outcome> {
        if service.is_refused() {
            return Err(Outcome::Failed(Failure::NotPermitted));
        }
        if let Some(trouble) = &service.trouble {
            return Err(Outcome::Failed(Failure::Unreadable(trouble.clone())));
        }
        if !seen.is_supervised && !self.order.deed.asks_nothing() {
            // A new supervise does not get what was sent to its predecessor: send it again.
            if let Some(planned) = &mut self.plan {
                planned.is_sent = false;
            }
            return self.without_supervise(seen, now);
        }
        self.begun = now;
        if self.plan.is_none() {
            self.make_plan(seen)?;
        }
        self.send(seen, now)?;
        let Some(planned) = &mut self.plan else { return Ok(()) };
        match planned.progress.step(seen, now) {
            Step::Done => Err(Outcome::Done),
            Step::Pending(at) => {
                self.look_at = self.look_at.min(at.unwrap_or(NEVER));
                self.kill(now)
            }
            Step::DoesNotStay(ended) => Err(Outcome::Failed(Failure::DoesNotStay(ended))),
            Step::Countermanded => Err(Outcome::Failed(Failure::Countermanded)),
        }
    }

    fn without_supervise(&self, seen: &Seen, now: Duration) -> Result<(), Outcome> {
        let grace = if self.plan.is_some() { LONG_GRACE } else { GRACE };
        if now < self.begun.saturating_add(grace) {
            return Ok(());
        }
        Err(match (self.order.deed, seen.runs_on) {
            (Deed::Stop, None) if self.plan.is_some() => Outcome::Done,
            (Deed::Stop, None) => Outcome::Already,
            _ => Outcome::Failed(Failure::NoSupervise),
        })
    }

    fn make_plan(&mut self, seen: &Seen) -> Result<(), Outcome> {
        let (letters, aim) = match self.order.deed.plan(seen) {
            Plan::Ask(letters, aim) => (letters, aim),
            Plan::Already(letters) => {
                self.offer(letters).map_err(|error| Outcome::Failed(Failure::of(error)))?;
                return Err(Outcome::Already);
            }
            Plan::NoProcess => return Err(Outcome::Failed(Failure::NoProcess)),
        };
        let is_asked = !self.order.deed.asks_nothing();
        let progress = Progress::new(aim, is_asked, seen.run);
        self.plan = Some(Planned { letters, is_sent: letters.is_empty(), progress });
        Ok(())
    }

    /// Sends the planned letters, if they were not sent yet.
    fn send(&mut self, seen: &Seen, now: Duration) -> Result<(), Outcome> {
        let Some(planned) = self.plan.as_ref().filter(|planned| !planned.is_sent) else {
            return Ok(());
        };
        // A run that began under an earlier supervise satisfies the order too.
        let letters = if planned.progress.has_begun(seen) { b"" } else { planned.letters };
        match self.offer(letters) {
            Ok(()) => {}
            // The FIFO is full, or the supervise has gone since the look.
            Err(Errno::EAGAIN | Errno::ENXIO | Errno::EPIPE | Errno::ENOENT) => {
                self.look_at = self.look_at.min(now.saturating_add(AGAIN));
                return Ok(());
            }
            Err(error) => return Err(Outcome::Failed(Failure::of(error))),
        }
        let Some(timeout) = self.order.timeout else { return Err(Outcome::Sent) };
        if let Some(planned) = &mut self.plan {
            planned.is_sent = true;
        }
        self.give_up_at = now.saturating_add(timeout);
        if let Some(delay) = self.order.kill_after {
            self.kill_at = now.saturating_add(delay);
            self.give_up_at = self.kill_at.saturating_add(timeout);
        }
        Ok(())
    }

    /// Sends KILL when that is due.
    fn kill(&mut self, now: Duration) -> Result<(), Outcome> {
        if now < self.kill_at {
            return Ok(());
        }
        match self.offer(b"k") {
            Ok(()) => self.kill_at = NEVER,
            Err(_) => self.kill_at = now.saturating_add(AGAIN),
        }
        Ok(())
    }

    fn offer(&self, letters: &[u8]) -> Result<(), Errno> {
        if letters.is_empty() {
            return Ok(());
        }
        let directory = open(HERE, &self.target.path, Purpose::Directory)?;
        let sender = with_records(directory.as_fd(), |records| control::connect(records?));
        sender?.offer(letters)
    }
}

/// How many processes of a group exist, without zombies; one if they exist and /proc shows none.
fn count_group(leader: Pid) -> usize {
    match kill_group(leader, 0) {
        Err(Errno::ESRCH) => 0,
        _ => Processes::count(&BTreeSet::new()).map_or(1, |processes| processes.group_size(leader)),
    }
}
