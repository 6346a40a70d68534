//! Black-box tests, a file per command. The same suite runs against the commands in the directory
//! that `DAEMONTOOLS_COMMANDS` names (Debian's daemontools 0.76: `/usr/bin`), and must pass there
//! too, except the cases that begin with [`scratch::only_ours`]: these then print that they are
//! skipped.

mod chain;
mod closed;
mod envdir;
mod envuidgid;
mod few_descriptors;
mod fghack;
mod journal;
mod multicall;
mod multilog;
mod options;
mod pgrphack;
mod planted;
mod readproctitle;
mod reexec;
mod refused;
mod scratch;
mod scriptlets;
mod second_copies;
mod setlock;
mod setuidgid;
mod shortage;
mod slow_starts;
mod softlimit;
mod supervise;
mod svc;
mod svok;
mod svscan;
mod svscanboot;
mod svstat;
mod tai64n;
mod tai64nlocal;
mod terminal;
