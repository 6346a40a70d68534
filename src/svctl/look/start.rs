//! Where a running multilog was started, to which its log directories are relative.

use daemontools_rs::sys::descriptor::HERE;
use daemontools_rs::sys::file::{self, Kind};
use daemontools_rs::sys::proc;
use daemontools_rs::sys::process::Pid;

/// The directory in which a running multilog was started; not known if /proc does not say where it
/// works. `names`: the log directories on its command line; `base`: the logger's service directory,
/// where its script begins. Our multilog stays where it was started; that of 0.76 works in the last
/// log directory.
#[must_use]
pub fn started_in<'a>(
    multilog: Pid,
    names: impl Iterator<Item = &'a [u8]>,
    base: &[u8],
) -> Option<Vec<u8>> {
    let works_in = proc::working_directory(multilog).ok()?;
    let names: Vec<&[u8]> = names.filter(|name| !name.starts_with(b"/")).collect();
    let identity = |path: &[u8]| {
        let facts = file::facts(HERE, path).ok().filter(|facts| facts.kind == Kind::Directory)?;
        Some((facts.device, facts.inode))
    };
    if names.iter().all(|name| identity(&below(&works_in, name)).is_some()) {
        return Some(works_in);
    }
    let here = identity(&works_in);
    if names.iter().any(|name| here.is_some() && identity(&below(base, name)) == here) {
        return Some(base.to_vec());
    }
    let above = names.iter().find_map(|name| {
        let name = name.strip_prefix(b"./").unwrap_or(name);
        works_in.strip_suffix(name)?.strip_suffix(b"/").map(<[u8]>::to_vec)
    });
    Some(above.unwrap_or(works_in))
}

/// The path of `name` relative to directory `base`.
#[must_use]
pub fn below(base: &[u8], name: &[u8]) -> Vec<u8> {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    match name {
        [b'/', ..] => name.to_vec(),
        b"." | b"" => base.to_vec(),
        _ => [base, b"/", name].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_relative_to_the_loggers() {
        assert_eq!(below(b"/s/log", b"./main"), b"/s/log/main");
        assert_eq!(below(b"/s/log", b"/var/log/x"), b"/var/log/x");
        assert_eq!(below(b"/s/log", b"."), b"/s/log");
        assert_eq!(below(b"/s/log", b"../x"), b"/s/log/../x");
    }
}
