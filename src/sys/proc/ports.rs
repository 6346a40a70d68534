//! Who listens on which port: /proc/net, and the descriptors of processes.

use super::{at, numbers, path_of};
use crate::sys::Errno;
use crate::sys::descriptor::{self, HERE, Purpose};
use crate::sys::file;
use crate::sys::process::Pid;
use std::os::fd::AsFd;

/// A socket that listens on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortListener {
    /// The port.
    pub port: u16,
    /// The socket's number.
    pub inode: u64,
}

/// The tables, and for each the state of a listening socket.
const TABLES: [(&[u8], &[u8]); 4] = [
    (b"/proc/net/tcp", b"0A"),
    (b"/proc/net/tcp6", b"0A"),
    (b"/proc/net/udp", b"07"),
    (b"/proc/net/udp6", b"07"),
];
/// The most bytes of a table that are read.
const LONGEST: usize = 1 << 24;

/// All listening sockets of our network namespace.
#[must_use]
pub fn listeners() -> Vec<PortListener> {
    let mut found = Vec::new();
    for (path, state) in TABLES {
        let text = whole(path).unwrap_or_default();
        let lines = text.split(|&byte| byte == b'\n').skip(1);
        found.extend(lines.filter_map(|line| listener(line, state)));
    }
    found
}

/// A line of a table: number, local address, remote address, state, queues, timers, retransmits,
/// user, timeout, inode.
fn listener(line: &[u8], wanted: &[u8]) -> Option<PortListener> {
    let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
    let local = fields.nth(1)?;
    let (remote, state) = (fields.next()?, fields.next()?);
    let inode = super::number(fields.nth(5)?)?;
    let port = |address: &[u8]| {
        let digits = address.rsplit(|&byte| byte == b':').next()?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    // A connected UDP socket waits for bytes of one address alone: it is no listener.
    let waits = state == wanted && port(remote)? == 0;
    let port = port(local)?;
    (waits && port != 0 && inode != 0).then_some(PortListener { port, inode })
}

fn whole(path: &[u8]) -> Result<Vec<u8>, Errno> {
    let file = descriptor::open(HERE, path, Purpose::Read)?;
    descriptor::read_whole(file.as_fd(), LONGEST)
}

/// The processes that have one of these sockets open, as far as we may look, in the order of /proc:
/// a child inherits its parent's sockets, and the parent mostly comes first.
#[must_use]
pub fn holders_of_sockets(sockets: &[u64]) -> Vec<Pid> {
    let mut found = Vec::new();
    for pid in numbers(b"/proc").unwrap_or_default() {
        let mut path = [0; 32];
        let Ok(path) = path_of(pid, b"/fd", &mut path) else { continue };
        for number in numbers(path).unwrap_or_default() {
            let target = at(pid, number, |path| file::link_target(HERE, path));
            let inode = target.ok().and_then(|target| {
                super::number(target.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
            });
            if inode.is_some_and(|inode| sockets.contains(&inode)) {
                found.push(pid);
                break;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_waits_is_read_from_its_line() {
        let line =
            b"   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000   \
            0        0 4711 1 0000000000000000 100 0 0 10 0";
        assert_eq!(listener(line, b"0A"), Some(PortListener { port: 8080, inode: 4711 }));
        assert_eq!(listener(line, b"07"), None);
        let connected = b" 1: 0100007F:1F90 0100007F:C350 07 0:0 0:0 0 0 0 4711 2";
        assert_eq!(listener(connected, b"07"), None);
        for line in [&b""[..], b"sl local_address rem_address st", b"0: x y 0A"] {
            assert_eq!(listener(line, b"0A"), None);
        }
    }

    #[test]
    fn a_port_of_ours_is_found_with_its_holder() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let found = listeners().into_iter().find(|listener| listener.port == port).unwrap();
        let holders = holders_of_sockets(&[found.inode]);
        assert_eq!(holders, [std::process::id()]);
    }
}
