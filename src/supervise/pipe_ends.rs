//! The ends of pipes that a supervise holds for others.

use crate::service;
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::file::{self, Kind};
use crate::sys::{proc, process};
use std::os::fd::OwnedFd;

/// The ends of pipes that a supervise holds so that no pipe is left with nobody at one end, should
/// all the others who hold it be killed.
#[derive(Debug)]
pub struct PipeEnds {
    /// Of a service with a logger: a read end, at its descriptor 1. With svscan and the logger dead
    /// the service waits for another reader instead of dying of SIGPIPE.
    _to_logger: Option<OwnedFd>,
    /// Of a logger: a write end, at its descriptor 0. With svscan and the service dead the logger
    /// waits for another writer instead of ending. Given up when it is told to leave.
    from_service: Option<OwnedFd>,
    /// A read end of the message pipe, if svscan handed one down.
    pub messages: Option<OwnedFd>,
}

impl PipeEnds {
    /// Takes what there is to hold for the service in directory `name`.
    #[must_use]
    pub fn take(name: &[u8], old_messages: Option<OwnedFd>) -> Self {
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
        Self {
            _to_logger: to_logger.and_then(|_| proc::reopen(us, 1, Purpose::Read).ok()),
            from_service: from_service.and_then(|_| proc::reopen(us, 0, Purpose::Write).ok()),
            messages: old_messages.or_else(handed_down),
        }
    }

    /// Lets the logger see the end of its input.
    pub fn let_logger_end(&mut self) {
        self.from_service = None;
    }
}
