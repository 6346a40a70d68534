//! The contestants: the commands of each, how its svscan is started, and its package.

use nix::unistd::geteuid;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ours,
    Original,
    Runit,
    S6,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Ours, Self::Original, Self::Runit, Self::S6];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Original => "0.76",
            Self::Runit => "runit",
            Self::S6 => "s6",
        }
    }

    /// Debian's package.
    fn package(self) -> Option<&'static str> {
        match self {
            Self::Ours => None,
            Self::Original => Some("daemontools"),
            Self::Runit => Some("runit"),
            Self::S6 => Some("s6"),
        }
    }

    /// What it calls svscan and supervise.
    fn daemons(self) -> [&'static str; 2] {
        match self {
            Self::Ours | Self::Original => ["svscan", "supervise"],
            Self::Runit => ["runsvdir", "runsv"],
            Self::S6 => ["s6-svscan", "s6-supervise"],
        }
    }

    fn directory(self) -> PathBuf {
        match self {
            Self::Ours => std::env::var_os("BENCH_COMMANDS").map_or_else(
                || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/command"),
                PathBuf::from,
            ),
            _ => PathBuf::from("/usr/bin"),
        }
    }
}

/// A contestant.
#[derive(Clone)]
pub struct Contestant {
    pub kind: Kind,
    commands: PathBuf,
    pub version: String,
}

impl Contestant {
    /// The contestants that can take part. Prints why the others cannot.
    pub fn present() -> Vec<Self> {
        Kind::ALL.into_iter().filter_map(Self::find).collect()
    }

    fn find(kind: Kind) -> Option<Self> {
        let commands = kind.directory();
        for daemon in kind.daemons() {
            if !commands.join(daemon).exists() {
                println!("left out: {}: no {daemon} in {}", kind.name(), commands.display());
                return None;
            }
        }
        let version = match kind.package() {
            Some(package) => package_version(package).unwrap_or_else(|| "not a package".to_owned()),
            None => own_version(&commands),
        };
        Some(Self { kind, commands, version })
    }

    /// The command that watches the scan directory `scan`.
    pub fn scanner(&self, scan: &Path) -> Command {
        let [svscan, _] = self.kind.daemons();
        let mut command = self.command(svscan);
        command.arg(scan);
        command
    }

    /// Makes svscan look for a new link, if it does not look by itself. The time of this command
    /// counts for the contestant.
    pub fn announce(&self, scan: &Path) -> std::io::Result<()> {
        match self.kind {
            Kind::S6 => self.command("s6-svscanctl").arg("-a").arg(scan).status().map(drop),
            _ => Ok(()),
        }
    }

    pub fn supervise_name(&self) -> &'static str {
        let [_, supervise] = self.kind.daemons();
        supervise
    }

    /// Our svctl: beside the program that the commands are links to, or where the package has it.
    pub fn svctl(&self) -> Command {
        let program = self.commands.join("svscan").canonicalize().unwrap_or_default();
        let built = program.with_file_name("svctl");
        self.program(if built.exists() { &built } else { Path::new("/usr/bin/svctl") })
    }

    /// A command of the contestant, in an environment that is the same for all.
    pub fn command(&self, name: &str) -> Command {
        self.program(&self.commands.join(name))
    }

    fn program(&self, program: &Path) -> Command {
        let mut path = OsString::from(&self.commands);
        path.push(":/usr/bin:/bin");
        let mut command = Command::new(program);
        command.env_clear().env("PATH", path);
        command
    }
}

fn own_version(commands: &Path) -> String {
    // The command is a link to the binary, which answers under its own name.
    let answer = commands
        .join("svscan")
        .canonicalize()
        .and_then(|binary| Command::new(binary).arg("--version").stderr(Stdio::null()).output());
    let text = answer.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok().filter(|text| !text.is_empty()).unwrap_or_else(|| "version unknown".to_owned())
}

fn package_version(package: &str) -> Option<String> {
    let query = Command::new("dpkg-query")
        .args(["-W", "-f", "${db:Status-Abbrev}${Version}", package])
        .stderr(Stdio::null())
        .output();
    let text = String::from_utf8_lossy(&query.ok()?.stdout).into_owned();
    Some(format!("{package} {}", text.strip_prefix("ii ")?))
}

/// Prints which packages the benchmark needs, and installs them if it can.
pub fn install_missing() {
    let missing: Vec<&str> = Kind::ALL
        .into_iter()
        .filter_map(Kind::package)
        .filter(|package| package_version(package).is_none())
        .collect();
    if missing.is_empty() {
        return;
    }
    println!("make bench will install these packages of Debian: {}", missing.join(" "));
    if !geteuid().is_root() || !Path::new("/usr/bin/apt-get").exists() {
        println!("not done: that needs root and apt-get");
        return;
    }
    let apt_get = |arguments: &[&str]| {
        Command::new("apt-get")
            .args(arguments)
            // Installed only to be run here: nothing of theirs may start.
            .envs([("DEBIAN_FRONTEND", "noninteractive"), ("RUNLEVEL", "1")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    let install = [&["install", "-y", "--no-install-recommends"], missing.as_slice()].concat();
    if !(apt_get(&["update"]) && apt_get(&install)) {
        println!("unable to install: {}", missing.join(" "));
    }
}
