//! The system: every system call of this program, as small owned types and functions.
//!
//! Owns all `unsafe` code and is the only user of nix, libc and signal-hook. It imports nothing
//! else of ours, decides nothing and prints no message: an error is the bare [`Errno`].
//!
//! nix is used wherever its wrapper costs nothing at rest. libc is called directly where nix
//! would be wrong for a supervisor (its wait calls refuse a child killed by a real-time signal)
//! or has no wrapper (pidfd). signal-hook lends the signal numbers only: the daemons read
//! blocked signals from a signalfd and install no handler.
//!
//! Newer system calls than Linux 2.6.32 has: `pidfd_open`, `pidfd_send_signal` and the
//! `PR_SET_CHILD_SUBREAPER` of prctl, in [`process`], each with its fallback.

pub mod account;
pub mod clock;
pub mod command_line;
pub mod descriptor;
pub mod directory;
pub mod entry;
pub mod epoll;
pub mod file;
pub mod flock;
pub mod heap;
pub mod holders;
pub mod inotify;
pub mod limit;
pub mod nscd;
pub mod poll;
pub mod proc;
pub mod process;
pub mod signal;
pub mod terminal;
pub mod title;
pub mod vector;

pub use nix::errno::Errno;
