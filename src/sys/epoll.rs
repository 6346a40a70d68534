//! epoll(7): thousands of FIFOs watched for the loss of their last reader, by one descriptor and at
//! the cost of those that lose theirs.

use super::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::os::fd::{AsFd, BorrowedFd};

/// Watches write ends of FIFOs and says which of them have lost their last reader. It is readable
/// while there is something to say.
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

    /// Watches the write end `fifo`, to be known by `number`.
    ///
    /// # Errors
    /// Those of epoll_ctl(2): ENOSPC when the user's watches are used up.
    pub fn watch(&self, fifo: BorrowedFd<'_>, number: u64) -> Result<(), Errno> {
        // An error condition is always told of. Once: nobody may be there to take it in.
        self.instance.add(fifo, EpollEvent::new(EpollFlags::EPOLLET, number))
    }

    /// Ends a watch. Comes before the close: a forked child may hold a copy for a while.
    pub fn unwatch(&self, fifo: BorrowedFd<'_>) {
        let _ = self.instance.delete(fifo);
    }

    /// The numbers of those that broke since it was last asked, some of them a time; none when there
    /// are none. Never waits.
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
    fn a_lost_reader_is_told_of_once_and_only_while_it_is_watched() {
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
