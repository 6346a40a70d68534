//! A daemon that puts itself into the background: the process that supervise started ends well, and
//! another one lives on. Pure.

use super::chain::Chain;
use super::finding::{Finding, Kind};
use super::script::base;
use super::shell::Command;
use crate::text;

/// How a daemon is kept in the foreground.
struct Known {
    names: &'static [&'static [u8]],
    /// What is added to its command line.
    add: &'static str,
    /// What is removed from it.
    drop: &'static [&'static str],
}

/// The commonest daemons.
const TABLE: [Known; 10] = [
    Known { names: &[b"nginx"], add: "-g 'daemon off;'", drop: &[] },
    Known { names: &[b"httpd", b"apache2"], add: "-DFOREGROUND", drop: &[] },
    Known { names: &[b"sshd"], add: "-D", drop: &[] },
    Known { names: &[b"redis-server"], add: "--daemonize no", drop: &["--daemonize yes"] },
    Known { names: &[b"mysqld", b"mariadbd"], add: "", drop: &["--daemonize", "-D"] },
    Known { names: &[b"postgres", b"postmaster"], add: "", drop: &["-S"] },
    Known { names: &[b"php-fpm"], add: "-F", drop: &["-D", "--daemonize"] },
    Known { names: &[b"haproxy"], add: "-db", drop: &["-D"] },
    Known { names: &[b"named"], add: "-f", drop: &[] },
    Known { names: &[b"memcached"], add: "", drop: &["-d", "--daemon"] },
];

/// How a run script ends.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// The path of `run`.
    pub path: &'a [u8],
    /// Its text.
    pub text: &'a [u8],
    /// Its last command.
    pub command: &'a Command,
    /// The programs that its last command becomes.
    pub chain: &'a Chain,
}

/// The last line of the script as it is, and as it should be for the daemon to stay in the
/// foreground; nothing if that cannot be told from the script.
fn corrected(ending: &Ending<'_>) -> Option<(String, String)> {
    let line = ending.text.split(|&byte| byte == b'\n').nth(ending.command.line.checked_sub(1)?)?;
    let line = std::str::from_utf8(line).ok()?.trim();
    let is_simple = !line.ends_with('\\') && !line.contains(['#', ';', '|', '\r']);
    let program = std::str::from_utf8(ending.chain.program()?).ok().filter(|_| is_simple)?;
    let stays = match known(ending.chain.program()?) {
        Some(known) => {
            let mut stays = line.to_owned();
            for word in known.drop {
                stays = format!("{stays} ").replace(&format!(" {word} "), " ").trim().to_owned();
            }
            if known.add.is_empty() { stays } else { format!("{stays} {}", known.add) }
        }
        None => line.replacen(program, &format!("fghack {program}"), 1),
    };
    let is_exec = stays.split_whitespace().next() == Some("exec");
    let stays = if is_exec { stays } else { format!("exec {stays}") };
    (stays != line).then(|| (line.to_owned(), stays))
}

fn known(program: &[u8]) -> Option<&'static Known> {
    // php-fpm7.4, php5-fpm
    let name = base(program);
    let is_php = name.starts_with(b"php") && name.windows(3).any(|part| part == b"fpm");
    let name = if is_php { b"php-fpm" } else { name };
    TABLE.iter().find(|known| known.names.contains(&name))
}

/// The finding about a service that leaves processes behind. `left`: their pids and names.
#[must_use]
pub fn judge(
    name: &[u8],
    how: String,
    left: &[(u32, Vec<u8>)],
    ending: Option<&Ending<'_>>,
    restart: String,
) -> Option<Finding> {
    let (first, program) = left.first()?;
    let shown = text::name(program);
    let found = Finding::on(name, Kind::Backgrounding, format!("{shown} runs in the background"));
    let found = found.saw(how).saw(format!("process {first} ({shown}), which it left, lives on"));
    let pids: Vec<String> = left.iter().map(|(pid, _)| pid.to_string()).collect();
    let found = if let Some((ending, (line, stays))) =
        ending.and_then(|ending| Some((ending, corrected(ending)?)))
    {
        let path = text::quoted(ending.path);
        let shown = text::line(line.as_bytes());
        let found = found.saw(format!("line {} of {path}: {shown}", ending.command.line));
        found.command(edit(ending, &stays))
    } else {
        found.command(
            "(have run end in: exec fghack PROGRAM, or in the program's own foreground option)",
        )
    };
    Some(found.command(format!("kill {}", pids.join(" "))).command(restart))
}

/// A command that replaces the script's last line by `line`.
fn edit(ending: &Ending<'_>, line: &str) -> String {
    let path = text::quoted(ending.path);
    let can_stand =
        line.bytes().all(|byte| (b' '..=b'~').contains(&byte) && !b"\\!`".contains(&byte));
    if can_stand {
        let line = line.replace('\'', "'\\''");
        format!("sed -i '{}c {line}' {path}", ending.command.line)
    } else {
        let line = text::line(line.as_bytes());
        format!("(put in the place of line {} of {path}: {line})", ending.command.line)
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::Script;
    use super::*;

    fn stays(line: &str) -> Option<String> {
        let text = format!("#!/bin/sh\nexec 2>&1\n{line}\n");
        let script = Script::read(text.as_bytes());
        let command = script.last.as_ref().unwrap();
        let chain = Chain::of(command);
        let ending = Ending { path: b"/d/x/run", text: text.as_bytes(), command, chain: &chain };
        corrected(&ending).map(|(_, stays)| stays)
    }

    #[test]
    fn each_known_daemon_has_its_option() {
        for (line, expected) in [
            ("exec nginx", "exec nginx -g 'daemon off;'"),
            ("nginx", "exec nginx -g 'daemon off;'"),
            ("exec /usr/sbin/httpd -k start", "exec /usr/sbin/httpd -k start -DFOREGROUND"),
            ("exec /usr/sbin/sshd", "exec /usr/sbin/sshd -D"),
            (
                "exec redis-server /etc/r.conf --daemonize yes",
                "exec redis-server /etc/r.conf --daemonize no",
            ),
            ("exec mysqld --daemonize --user=mysql", "exec mysqld --user=mysql"),
            ("exec setuidgid pg postgres -S -D /d", "exec setuidgid pg postgres -D /d"),
            ("exec php-fpm7.4 -D", "exec php-fpm7.4 -F"),
            ("exec haproxy -D -f /etc/h", "exec haproxy -f /etc/h -db"),
            ("exec named -u named", "exec named -u named -f"),
            ("exec memcached -d -u nobody", "exec memcached -u nobody"),
            ("exec setuidgid x ./mine --conf $A", "exec setuidgid x fghack ./mine --conf $A"),
        ] {
            assert_eq!(stays(line).as_deref(), Some(expected), "{line}");
        }
        for line in ["exec postgres -D /d", "exec $A", "exec nginx # -g", "exec nginx \\\n -c x"] {
            assert_eq!(stays(line), None, "{line}");
        }
    }

    #[test]
    fn nothing_left_is_nothing_found() {
        assert_eq!(judge(b"x", String::new(), &[], None, String::new()), None);
        let left = [(7, b"d\x1b".to_vec()), (8, b"e".to_vec())];
        let found = judge(b"x", "how".into(), &left, None, "again".into()).unwrap();
        assert_eq!(found.commands[1..], ["kill 7 8".to_owned(), "again".to_owned()]);
        assert!(!found.title.contains('\x1b'));
    }
}
