//! Time zones: how far the local clock is from UTC at a given time. This file reads `TZ`, and the
//! zone's file once, at the start. [`mod@file`] and [`rule`], which are pure, parse the contents.
//! Contract: tai64nlocal(8).
//!
//! We do not use the C library for this: musl ignores leap seconds, and takes `EST5EDT` for a zone
//! with summer time all the year.

pub mod date;
pub mod file;
pub mod rule;

use crate::env;
use crate::sys::descriptor::{self, HERE, Purpose};
use file::ZoneFile;
use rule::Rule;
use std::os::fd::AsFd;

/// The directory of the named zones.
const DIRECTORY: &[u8] = b"/usr/share/zoneinfo";
/// The zone of the system.
const SYSTEM: &[u8] = b"/etc/localtime";
/// The most bytes that are read. Zone files are much shorter; a device may have no end.
const LONGEST: usize = 1 << 20;

/// What a local clock shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// How many seconds it is ahead of UTC, not counting leap seconds.
    pub ahead: i64,
    /// How many leap seconds to add: not 0 during second 60.
    pub leap: i64,
}

/// A time zone.
#[derive(Debug)]
pub enum Zone {
    /// From a file.
    File(ZoneFile),
    /// From a rule in `TZ`.
    Rule(Rule),
    /// UTC, if neither could be read.
    Utc,
}

impl Zone {
    /// The zone that `TZ` names, or else that of the system; UTC if that cannot be read.
    #[must_use]
    pub fn of_environment() -> Self {
        let Some(value) = env::value(b"TZ") else { return Self::read(SYSTEM).unwrap_or(Self::Utc) };
        let name = value.strip_prefix(b":").unwrap_or(value);
        if name.is_empty() {
            return Self::Utc;
        }
        let path = if name.starts_with(b"/") {
            name.to_vec()
        } else {
            let directory = env::value(b"TZDIR").filter(|directory| !directory.is_empty());
            [directory.unwrap_or(DIRECTORY), b"/", name].concat()
        };
        // A file of that name comes first: `EST5EDT` is both a file name and a rule.
        let found = Self::read(&path).or_else(|| Rule::parse(name).map(Self::Rule));
        found.unwrap_or(Self::Utc)
    }

    fn read(path: &[u8]) -> Option<Self> {
        ZoneFile::parse(&contents(path)?).map(Self::File)
    }

    /// What the local clock shows at `moment`, in seconds since 1970.
    #[must_use]
    pub fn at(&self, moment: i64) -> Local {
        match self {
            Self::File(file) => file.at(moment),
            Self::Rule(rule) => Local { ahead: rule.ahead(moment), leap: 0 },
            Self::Utc => Local::default(),
        }
    }
}

fn contents(path: &[u8]) -> Option<Vec<u8>> {
    let file = descriptor::open(HERE, path, Purpose::Read).ok()?;
    let bytes = descriptor::read_whole(file.as_fd(), LONGEST + 1).ok()?;
    (bytes.len() <= LONGEST).then_some(bytes)
}
