//! Asks nscd, the name service cache daemon, for accounts and groups. This is how a static program,
//! which cannot load modules of the C library, reaches LDAP, sssd and the other sources in
//! `nsswitch.conf`.
//!
//! It speaks nscd's protocol, version 2: numbers of 32 bits in the machine's order. Without an
//! nscd, every answer is "not known".

use core::time::Duration;
use std::ffi::CStr;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

const SOCKET: &str = "/var/run/nscd/socket";
const VERSION: u32 = 2;
/// The two requests: the account of a name, and the groups of an account.
const ACCOUNT: u32 = 0;
const GROUPS: u32 = 15;
/// How long an answer may take: nscd may have to ask a server.
const PATIENCE: Duration = Duration::from_secs(30);
/// More groups than any kernel lets a process have.
const MOST: u32 = 1 << 16;

/// The user id and the group id of the account of this name.
#[must_use]
pub fn ids(name: &CStr) -> Option<(u32, u32)> {
    let mut nscd = ask(ACCOUNT, name)?;
    // The answer: lengths of name and password, the ids, lengths of the other fields.
    let [version, is_found, _, _, user, group, ..] = numbers::<9>(&mut nscd)?;
    (version == VERSION && is_found == 1).then_some((user, group))
}

/// The groups of the account of this name.
#[must_use]
pub fn groups(name: &CStr) -> Vec<u32> {
    let read = || {
        let mut nscd = ask(GROUPS, name)?;
        let [version, is_found, count] = numbers::<3>(&mut nscd)?;
        if version != VERSION || is_found != 1 {
            return None;
        }
        (0..count.min(MOST)).map(|_| numbers::<1>(&mut nscd).map(|[group]| group)).collect()
    };
    read().unwrap_or_default()
}

fn ask(question: u32, name: &CStr) -> Option<UnixStream> {
    let mut nscd = UnixStream::connect(SOCKET).ok()?;
    nscd.set_read_timeout(Some(PATIENCE)).ok()?;
    nscd.set_write_timeout(Some(PATIENCE)).ok()?;
    let name = name.to_bytes_with_nul();
    let length = u32::try_from(name.len()).ok()?;
    let head = [VERSION, question, length].map(u32::to_ne_bytes);
    nscd.write_all(&[head.as_flattened(), name].concat()).ok()?;
    Some(nscd)
}

fn numbers<const COUNT: usize>(nscd: &mut UnixStream) -> Option<[u32; COUNT]> {
    let mut bytes = [[0; 4]; COUNT];
    nscd.read_exact(bytes.as_flattened_mut()).ok()?;
    Some(bytes.map(u32::from_ne_bytes))
}
