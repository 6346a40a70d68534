//! The pipe ends that a supervise keeps open for its service or its logger, which do not use them.

use crate::reexec::Handed;
use crate::service;
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::file::{self, Kind};
use crate::sys::{proc, process};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Pipe ends that a supervise keeps open, so that a pipe keeps a reader and a writer even if svscan
/// and the process at its other end are killed.
#[derive(Debug)]
pub struct PipeEnds {
    /// For a service with a logger: a read end of the pipe at descriptor 1. If svscan and the
    /// logger are dead, a write of the service waits for the next logger instead of failing with
    /// SIGPIPE.
    to_logger: Option<OwnedFd>,
    /// For a logger: a write end of the pipe at descriptor 0. If svscan and the service are dead,
    /// the logger waits for the next writer instead of reading an end of file. Closed when this
    /// supervise is asked to exit.
    from_service: Option<OwnedFd>,
    /// A read end of the message pipe, if svscan passed one to us.
    pub messages: Option<OwnedFd>,
}

impl PipeEnds {
    /// The pipe ends to keep for the service in directory `name`: those that the image before us
    /// handed over, so that they are never closed in between, or newly opened ones.
    #[must_use]
    pub fn take(name: &[u8], handed: &mut Handed<OwnedFd>) -> Self {
        let pipe = |number| {
            let facts = file::facts_of(descriptor::standard(number)).ok()?;
            (facts.kind == Kind::Fifo).then_some(facts.inode)
        };
        let is_messages = |inode| pipe(2) == Some(inode);
        let has_logger = service::has_log(HERE);
        let us = process::our_pid();
        let to_logger = pipe(1).filter(|&inode| has_logger && !is_messages(inode));
        let from_service = pipe(0).filter(|_| name == b"log");
        let handed_down = || {
            descriptor::inherited(service::MESSAGES_NUMBER, |other| {
                file::facts_of(other).is_ok_and(|facts| pipe(2) == Some(facts.inode))
            })
        };
        let keep = |old: Option<OwnedFd>, inode: Option<u64>, number, purpose| {
            let inode = inode?;
            let is_it =
                |old: &OwnedFd| file::facts_of(old.as_fd()).is_ok_and(|it| it.inode == inode);
            old.filter(is_it).or_else(|| proc::reopen(us, number, purpose).ok())
        };
        Self {
            to_logger: keep(handed.to_logger.take(), to_logger, 1, Purpose::Read),
            from_service: keep(handed.from_service.take(), from_service, 0, Purpose::Write),
            messages: handed.messages.take().or_else(handed_down),
        }
    }

    /// These ends and the descriptors in `others`, for our next image.
    #[must_use]
    pub fn to_hand_over<'a>(&'a self, others: Handed<BorrowedFd<'a>>) -> Handed<BorrowedFd<'a>> {
        Handed {
            to_logger: self.to_logger.as_ref().map(AsFd::as_fd),
            from_service: self.from_service.as_ref().map(AsFd::as_fd),
            messages: self.messages.as_ref().map(AsFd::as_fd),
            ..others
        }
    }

    /// Closes our write end, so that the logger can read the end of its input.
    pub fn let_logger_end(&mut self) {
        self.from_service = None;
    }
}
