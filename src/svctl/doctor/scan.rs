//! svscan itself: whether one works, only one, and ours, and whether its file on disk is newer.
//! Pure.

use super::finding::{Finding, Kind};
use crate::text;

/// An svscan of the scan directory, or a supervise that it started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// Its pid.
    pub pid: u32,
    /// Its name.
    pub name: Vec<u8>,
    /// Whether it is of this product, by the signals that it blocks.
    pub is_ours: bool,
    /// The path of its program, if /proc shows it to us.
    pub program: Option<Vec<u8>>,
    /// Whether another file stands at that path now.
    pub is_replaced: bool,
}

impl Daemon {
    fn shown(&self) -> String {
        let name = text::name(&self.name);
        match &self.program {
            Some(program) => format!("process {} ({name}, {})", self.pid, text::name(program)),
            None => format!("process {} ({name})", self.pid),
        }
    }
}

/// The findings about the svscans of scan directory `path`. `is_scanned`: whether an svscan works
/// there, if that is known.
#[must_use]
pub fn judge(
    path: &[u8],
    is_scanned: Option<bool>,
    scanners: &[Daemon],
    start: String,
) -> Vec<Finding> {
    let shown = text::name(path);
    let mut found = Vec::new();
    let others = || scanners.iter().filter(|daemon| !daemon.is_ours);
    if is_scanned == Some(false) && others().next().is_none() {
        let finding = Finding::at_large(Kind::NoSvscan, "no svscan works here");
        let finding = finding.saw(format!("no process svscan works in {shown}"));
        found.push(finding.command(start));
    }
    for daemon in others() {
        let finding = Finding::at_large(Kind::ForeignSvscan, "its svscan is another product's");
        let finding = finding.saw(format!("{} works in {shown}", daemon.shown()));
        found.push(finding.command(format!("ls -l /proc/{}/exe", daemon.pid)));
    }
    if scanners.len() > 1 {
        let finding = Finding::at_large(Kind::TwoSvscans, "two svscans work here");
        let all = scanners.iter().map(|daemon| format!("{} works in {shown}", daemon.shown()));
        let finding = Finding { saw: all.collect(), ..finding };
        // The user has to choose which one ends.
        let pids: Vec<String> = scanners.iter().map(|daemon| daemon.pid.to_string()).collect();
        found.push(finding.command(format!("(end one of the processes {})", pids.join(", "))));
    }
    found
}

/// The finding about svscans and supervises of ours whose program on disk was replaced.
#[must_use]
pub fn old_programs(scanners: &[Daemon], supervises: &[Daemon]) -> Option<Finding> {
    let old = |daemons: &[Daemon]| -> Vec<Daemon> {
        daemons.iter().filter(|daemon| daemon.is_ours && daemon.is_replaced).cloned().collect()
    };
    let (scanners, supervises) = (old(scanners), old(supervises));
    let first = scanners.first().or(supervises.first())?;
    let finding = Finding::at_large(Kind::OldProgram, "what runs is not what is on disk");
    let program = first.program.as_deref().map_or_else(String::new, text::name);
    let mut finding = finding.saw(format!("{program} was replaced"));
    for daemon in &scanners {
        finding = finding.saw(format!("process {} (svscan) is the former one", daemon.pid));
    }
    if !supervises.is_empty() {
        let count = supervises.len();
        let pids: Vec<String> =
            supervises.iter().take(8).map(|daemon| daemon.pid.to_string()).collect();
        let more = if count > pids.len() { ", ..." } else { "" };
        finding = finding.saw(format!("so are {count} supervises: {}{more}", pids.join(" ")));
    }
    // svscan passes HUP on to its supervises.
    let pids: Vec<String> = match scanners.is_empty() {
        true => supervises.iter().map(|daemon| daemon.pid.to_string()).collect(),
        false => scanners.iter().map(|daemon| daemon.pid.to_string()).collect(),
    };
    Some(finding.command(format!("kill -HUP {}", pids.join(" "))))
}

/// A path at which a command of another daemontools is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// The path of the name.
    pub path: Vec<u8>,
    /// Where it leads.
    pub target: Vec<u8>,
}

/// The finding about commands of another daemontools than the one that runs from `program`.
#[must_use]
pub fn strangers(program: &[u8], strangers: &[Stranger]) -> Option<Finding> {
    if strangers.is_empty() {
        return None;
    }
    let finding = Finding::at_large(Kind::OtherDaemontools, "commands lead to another daemontools");
    let mut finding = finding.saw(format!("svscan runs from {}", text::name(program)));
    for Stranger { path, target } in strangers {
        finding = finding.saw(format!("{} is {}", text::name(path), text::name(target)));
    }
    let paths: Vec<String> =
        strangers.iter().map(|stranger| text::quoted(&stranger.path)).collect();
    Some(finding.command(format!("ls -l {}", paths.join(" "))))
}

/// The finding that nothing starts svscan at boot. `is_systemd`: whether systemd is the init.
#[must_use]
pub fn not_at_boot(path: &[u8], is_systemd: bool) -> Finding {
    let finding = Finding::at_large(Kind::NotAtBoot, "nothing starts svscan at boot");
    if is_systemd {
        let finding = finding.saw("no unit that is enabled, and no line of rc.local, names svscan");
        finding.command("systemctl enable daemontools-rs.service")
    } else {
        let places = "no line of /etc/inittab, /etc/init/*.conf or rc.local names svscan";
        let finding = finding.saw(format!("{places}, nor does a script of /etc/rc*.d"));
        let line = "SV:123456:respawn:/command/svscanboot";
        let path = text::name(path);
        finding.command(format!("(for {path}, put into /etc/inittab: {line})"))
    }
}

/// Whether a file of an init has a line that names svscan. Lines that contain `but` do not count.
#[must_use]
pub fn names_svscan(text: &[u8], but: &[u8]) -> bool {
    let contains = |line: &[u8], words: &[u8]| {
        !words.is_empty() && line.windows(words.len()).any(|window| window == words)
    };
    text.split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii_start)
        .filter(|line| !line.starts_with(b"#") && !line.starts_with(b";"))
        .any(|line| contains(line, b"svscan") && !contains(line, but))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daemon(pid: u32, is_ours: bool) -> Daemon {
        let program = Some(b"/usr/bin/svscan".to_vec());
        Daemon { pid, name: b"svscan".to_vec(), is_ours, program, is_replaced: false }
    }

    fn judged(is_scanned: Option<bool>, scanners: &[Daemon]) -> Vec<&'static str> {
        let found = judge(b"/service", is_scanned, scanners, "svscanboot &".into());
        found.iter().map(|finding| finding.kind.name()).collect()
    }

    #[test]
    fn one_svscan_of_ours_is_right() {
        assert!(judged(Some(true), &[daemon(1, true)]).is_empty());
        assert!(judged(None, &[]).is_empty());
        assert_eq!(judged(Some(false), &[]), ["no-svscan"]);
        assert_eq!(judged(Some(true), &[daemon(1, false)]), ["foreign-svscan"]);
        // runsvdir is no svscan, and yet it works here.
        assert_eq!(judged(Some(false), &[daemon(1, false)]), ["foreign-svscan"]);
        let both = [daemon(1, true), daemon(2, false)];
        assert_eq!(judged(Some(true), &both), ["foreign-svscan", "two-svscans"]);
        assert_eq!(judged(Some(true), &[daemon(1, true), daemon(2, true)]), ["two-svscans"]);
    }

    #[test]
    fn what_was_replaced_is_told_to_begin_anew() {
        assert_eq!(old_programs(&[daemon(1, true)], &[daemon(2, true)]), None);
        let old = |pid| Daemon { is_replaced: true, ..daemon(pid, true) };
        assert_eq!(old_programs(&[old(1)], &[old(2)]).unwrap().commands, ["kill -HUP 1"]);
        assert_eq!(old_programs(&[daemon(1, true)], &[old(2)]).unwrap().commands, ["kill -HUP 2"]);
        // 0.76 does not re-execute itself at HUP.
        let other = Daemon { is_ours: false, ..old(3) };
        assert_eq!(old_programs(std::slice::from_ref(&other), std::slice::from_ref(&other)), None);
    }

    #[test]
    fn a_line_of_an_init_counts_unless_it_is_a_comment() {
        assert!(names_svscan(b"a\n SV:123456:respawn:/command/svscanboot\n", b""));
        assert!(!names_svscan(b"#SV:123456:respawn:/command/svscanboot\n", b""));
        assert!(!names_svscan(b"", b""));
        let rc = b"[ -d /run/systemd/system ] || setsid /command/svscanboot --fallback &\n";
        assert!(names_svscan(rc, b"") && !names_svscan(rc, b"/run/systemd/system"));
    }
}
