//! Terminals: whether a descriptor is one, and how wide it is.

use std::os::fd::{AsRawFd, BorrowedFd};

/// The width of a terminal that does not report one.
const USUAL: u16 = 80;

/// ioctl(TIOCGWINSZ): how many columns the terminal has. `None` if `descriptor` is no terminal.
#[must_use]
pub fn columns(descriptor: BorrowedFd<'_>) -> Option<u16> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes one winsize to the pointer, which is valid for the call.
    let done = unsafe { libc::ioctl(descriptor.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    match (done, size.ws_col) {
        (0, 0) => Some(USUAL),
        (0, columns) => Some(columns),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_file_is_no_terminal() {
        let null = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(columns(null.as_fd()), None);
    }
}
