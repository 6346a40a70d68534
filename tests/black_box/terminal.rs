//! A terminal of the test's own: a master that it holds, and a slave that others may open.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// The terminal's master side.
pub struct Terminal {
    master: File,
    slave: PathBuf,
    /// Held open: what is typed is kept.
    _open: File,
}

impl Terminal {
    pub fn new() -> Self {
        let master = File::options().read(true).write(true).open("/dev/ptmx").unwrap();
        let (mut locked, mut number) = (0_i32, 0_u32);
        // SAFETY: it reads an int from the pointer, which is valid for the call.
        let unlocked =
            unsafe { nix::libc::ioctl(master.as_raw_fd(), nix::libc::TIOCSPTLCK, &raw mut locked) };
        // SAFETY: it writes an int to the pointer, which is valid for the call.
        let named =
            unsafe { nix::libc::ioctl(master.as_raw_fd(), nix::libc::TIOCGPTN, &raw mut number) };
        assert_eq!((unlocked, named), (0, 0));
        let slave = PathBuf::from(format!("/dev/pts/{number}"));
        let flags = nix::libc::O_NOCTTY;
        let open = File::options().read(true).custom_flags(flags).open(&slave).unwrap();
        Self { master, slave, _open: open }
    }

    pub fn slave(&self) -> &PathBuf {
        &self.slave
    }

    pub fn type_in(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }
}

/// The controlling terminal of a process, by the line in its `/proc/PID/stat`; 0 for none.
pub fn terminal_in(stat: &str) -> i32 {
    let rest = stat.rsplit_once(") ").unwrap().1;
    rest.split(' ').nth(4).unwrap().parse().unwrap()
}
