//! epoll(7): watches thousands of FIFOs for the loss of their last reader, with one descriptor.
//! Only those that lose it cost time.

use super::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::os::fd::{AsFd, BorrowedFd};

/// Watches write ends of FIFOs and returns those that have lost their last reader. It is readable
/// while there are such.
#[derive(Debug)]
pub struct BreakWatcher {
    instance: Epoll,
}

impl BreakWatcher {
    /// epoll_create1(2), close-on-exec.
    ///
    /// # Errors
    /// Those of epoll_create1(2).
    pub fn new() -> Result<Self, Errno> {
        Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map(|instance| Self { instance })
    }

    /// Watches the write end `fifo` under the number `number`.
    ///
    /// # Errors
    /// Those of epoll_ctl(2): ENOSPC when the user's watches are used up.
    pub fn watch(&self, fifo: BorrowedFd<'_>, number: u64) -> Result<(), Errno> {
        // epoll always reports an error condition. Edge-triggered, so that it does so once only,
        // even if nothing is done about it.
        self.instance.add(fifo, EpollEvent::new(EpollFlags::EPOLLET, number))
    }

    /// Ends a watch. Call it before the close: a forked child may still have a copy open, and then
    /// a close alone would not end the watch.
    pub fn unwatch(&self, fifo: BorrowedFd<'_>) {
        let _ = self.instance.delete(fifo);
    }

    /// The numbers of FIFOs that lost their last reader since the last call. Returns a limited
    /// number at a time, and an empty list at the end. Never waits.
    #[must_use]
    pub fn broken(&self) -> Vec<u64> {
        let mut events = [EpollEvent::empty(); 64];
        let count = self.instance.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
        events.iter().take(count).map(EpollEvent::data).collect()
    }
}

impl AsFd for BreakWatcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.instance.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::descriptor;

    #[test]
    fn a_lost_reader_is_reported_once_and_only_while_it_is_watched() {
        let watcher = BreakWatcher::new().unwrap();
        let mut pipes = [(); 3].map(|()| descriptor::pipe().map(|(r, w)| (Some(r), w)).unwrap());
        for (number, (_, write)) in (5..).zip(&pipes) {
            watcher.watch(write.as_fd(), number).unwrap();
        }
        assert_eq!(watcher.broken(), []);
        watcher.unwatch(pipes[1].1.as_fd());
        for (read, _) in &mut pipes[1..] {
            drop(read.take());
        }
        assert_eq!(watcher.broken(), [7]);
        assert_eq!(watcher.broken(), []);
    }
}
