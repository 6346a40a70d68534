//! The four supervisors under test: how each is started, controlled and killed.

use crate::processes::{self, Process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A supervisor of this family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Ours,
    Debian,
    Runit,
    S6,
}

/// The supervisors that `--peers` runs, and the program that must be installed.
pub const PEERS: [(Kind, &str); 3] = [
    (Kind::Debian, "/usr/bin/svscan"),
    (Kind::Runit, "/usr/bin/runsvdir"),
    (Kind::S6, "/usr/bin/s6-svscan"),
];

/// The processes that are killed. Of the services and loggers only the mortal ones are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Boot,
    Scan,
    ReadProcTitle,
    Supervise,
    LogSupervise,
    /// The process of a mortal service.
    Service,
    /// Its logger.
    Logger,
}

impl Kind {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Debian => "0.76",
            Self::Runit => "runit",
            Self::S6 => "s6",
        }
    }

    pub fn of(word: &str) -> Option<Self> {
        let peers = PEERS.iter().map(|(kind, _)| *kind);
        peers.chain([Self::Ours]).find(|kind| kind.word() == word)
    }

    /// What this process is, if it may be killed.
    pub fn role(self, process: &Process) -> Option<Role> {
        let supervise = || {
            let place = processes::working_directory(process.pid);
            // Before it has changed there, and for 0.76's the name is all there is.
            let is_log = |place: PathBuf| place.ends_with("log");
            if place.is_some_and(is_log) { Role::LogSupervise } else { Role::Supervise }
        };
        match (self, process.name.as_str()) {
            (Self::Ours, "svscanboot") => Some(Role::Boot),
            (Self::Ours, "readproctitle") => Some(Role::ReadProcTitle),
            (Self::Ours | Self::Debian, "svscan") | (Self::Runit, "runsvdir") => Some(Role::Scan),
            (Self::S6, "s6-svscan") => Some(Role::Scan),
            (Self::Ours | Self::Debian, "supervise") | (Self::S6, "s6-supervise") => {
                Some(supervise())
            }
            (Self::Runit, "runsv") => Some(Role::Supervise),
            _ => None,
        }
    }
}

/// A control command, by what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Up,
    Down,
    Once,
    Pause,
    Continue,
    Hangup,
    Exit,
}

impl Ask {
    /// The letter is the same in all four.
    pub const fn letter(self) -> char {
        match self {
            Self::Up => 'u',
            Self::Down => 'd',
            Self::Once => 'o',
            Self::Pause => 'p',
            Self::Continue => 'c',
            Self::Hangup => 'h',
            Self::Exit => 'x',
        }
    }
}

/// A supervisor, set up on a scan directory.
pub struct System {
    pub kind: Kind,
    pub commands: PathBuf,
    pub scan: PathBuf,
    /// The file for its stderr, if it has no place of its own for messages.
    pub said: PathBuf,
}

impl System {
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.commands.join(name));
        let path = format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", self.commands.display());
        command.env("PATH", path).stdin(Stdio::null()).stdout(Stdio::null());
        let said = File::options().create(true).append(true).open(&self.said);
        command.stderr(said.unwrap());
        command
    }

    /// The command that an init starts again whenever it dies.
    pub fn top(&self) -> Command {
        let name = match self.kind {
            Kind::Ours => "svscanboot",
            Kind::Debian => "svscan",
            Kind::Runit => "runsvdir",
            Kind::S6 => "s6-svscan",
        };
        let mut command = self.program(name);
        command.arg(&self.scan);
        command
    }

    /// A control command for a service, or for its logger.
    pub fn control(&self, ask: Ask, service: &Path) -> Command {
        let letter = ask.letter();
        let (name, word) = match self.kind {
            Kind::Ours | Kind::Debian => ("svc", format!("-{letter}")),
            Kind::Runit => ("sv", letter.to_string()),
            Kind::S6 => ("s6-svc", format!("-{letter}")),
        };
        let mut command = self.program(name);
        command.arg(word).arg(service);
        command
    }

    /// For our programs alone: the svstat command of a service.
    pub fn status(&self, service: &Path) -> Command {
        let mut command = self.program("svstat");
        command.arg(service).stdout(Stdio::piped());
        command
    }
}
