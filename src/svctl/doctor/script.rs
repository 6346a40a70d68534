//! A run script, as far as it is clear without running it: its first line, and its last command.
//! Pure. What only a shell could say (a variable, a branch, a function) is left open.

use super::shell::{Command, Mark, Word, commands, is_assignment};

/// How a script is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// By the interpreter that its first line names.
    Interpreter {
        /// The interpreter's path, as written.
        path: Vec<u8>,
        /// The words after the path.
        argument: Vec<u8>,
        /// Whether the line ends in a carriage return, as on Windows.
        is_of_windows: bool,
    },
    /// It is no text: a program.
    Program,
    /// It is text, and its first line does not begin with `#!`.
    Nothing {
        /// Whether white space or a byte order mark precedes a `#!`.
        has_late_one: bool,
    },
}

/// How many bytes from its beginning say whether a file is text: it is if none of them is NUL.
const LOOK: usize = 512;

/// Reads the beginning of a file that is not empty.
#[must_use]
pub fn head(text: &[u8]) -> Head {
    let Some(line) = text.strip_prefix(b"#!") else {
        if text.get(..LOOK).unwrap_or(text).contains(&0) {
            return Head::Program;
        }
        let bare = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii_start();
        return Head::Nothing { has_late_one: bare.starts_with(b"#!") };
    };
    let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let is_of_windows = line.ends_with(b"\r");
    let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii();
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(line.len());
    let (path, argument) = line.split_at_checked(end).unwrap_or((line, b""));
    Head::Interpreter {
        path: path.to_vec(),
        argument: argument.trim_ascii().to_vec(),
        is_of_windows,
    }
}

/// Whether the interpreter is a shell whose scripts [`Script`] reads.
#[must_use]
pub fn is_shell(path: &[u8]) -> bool {
    [&b"sh"[..], b"bash", b"dash", b"ash", b"ksh", b"mksh", b"zsh"].contains(&base(path))
}

/// The last part of a path.
#[must_use]
pub fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or_default()
}

/// The name that the kernel gives a process of the program at this path: at most 15 bytes.
#[must_use]
pub fn process_name(path: &[u8]) -> &[u8] {
    let name = base(path);
    name.get(..15).unwrap_or(name)
}

/// A shell script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The last command, if it stands by itself at the end.
    pub last: Option<Command>,
    /// Whether the script may look up programs elsewhere than on supervise's PATH.
    pub sets_path: bool,
    /// Whether it works in another directory than the service's at its end.
    pub changes_directory: bool,
    /// Whether the shell traps signals.
    pub has_trap: bool,
    /// Whether an earlier command may replace the shell by `exec`.
    pub has_early_exec: bool,
    /// Whether it does work before the last command, beyond preparing for it.
    pub works_before: bool,
}

/// Words that end a command of several lines.
const CLOSING: [&[u8]; 6] = [b"fi", b"done", b"esac", b"}", b"then", b"else"];

/// Commands that only prepare for the last command.
const READY: [&[u8]; 8] = [b"cd", b"export", b"set", b"ulimit", b"umask", b":", b"mkdir", b"unset"];

impl Script {
    /// Reads a script.
    #[must_use]
    pub fn read(text: &[u8]) -> Self {
        let (commands, is_clear) = commands(text);
        let all = || commands.iter().map(|(command, _)| command);
        let sets_path = |word: &Word| word.text.starts_with(b"PATH=");
        let runs = |names: &[&[u8]]| all().any(|command| command.starts_with(names));
        let mut script = Self {
            last: None,
            sets_path: all().any(|command| command.words.iter().any(sets_path))
                || runs(&[b".", b"source", b"eval"]),
            changes_directory: runs(&[b"cd", b"pushd", b"chdir"]),
            has_trap: runs(&[b"trap"]),
            has_early_exec: false,
            works_before: false,
        };
        if !is_clear {
            return script;
        }
        let Some((last, before)) = commands.split_last() else { return script };
        let is_alone = before.last().is_none_or(|(_, mark)| *mark != Mark::Joint);
        let (last, mark) = last;
        if is_alone && *mark == Mark::End && !last.starts_with(&CLOSING) {
            script.last = Some(last.clone());
        }
        let prepares = |command: &Command| {
            let words = &command.words;
            command.starts_with(&READY)
                || command.starts_with(&[b"exec"]) && words.len() == 1
                || words.iter().all(|word| is_assignment(&word.text))
        };
        script.works_before = !before.iter().all(|(command, _)| prepares(command));
        script.has_early_exec = before
            .iter()
            .any(|(command, _)| command.starts_with(&[b"exec"]) && command.words.len() > 1);
        script
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(text: &str) -> Option<String> {
        let words = Script::read(text.as_bytes()).last?.words;
        let words = words.into_iter().map(|word| String::from_utf8(word.text).unwrap());
        Some(words.collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn the_head_is_the_interpreter_of_the_first_line() {
        let interpreter = |path: &str, argument: &str, is_of_windows| Head::Interpreter {
            path: path.into(),
            argument: argument.into(),
            is_of_windows,
        };
        assert_eq!(head(b"#!/bin/sh\nx"), interpreter("/bin/sh", "", false));
        assert_eq!(head(b"#! /bin/sh -e \nx"), interpreter("/bin/sh", "-e", false));
        assert_eq!(head(b"#!/bin/sh\r\nx\r\n"), interpreter("/bin/sh", "", true));
        assert_eq!(head(b"#!"), interpreter("", "", false));
        assert_eq!(head(b"\x7fELF\0\0"), Head::Program);
        assert_eq!(head(b"exec x\n"), Head::Nothing { has_late_one: false });
        assert_eq!(head(b"\n#!/bin/sh\n"), Head::Nothing { has_late_one: true });
        assert_eq!(head(b"\xef\xbb\xbf#!/bin/sh\n"), Head::Nothing { has_late_one: true });
    }

    #[test]
    fn the_last_command_is_told_where_it_stands_alone() {
        for (text, expected) in [
            ("#!/bin/sh\nexec 2>&1\nexec nginx -g 'daemon off;'\n", "exec|nginx|-g|daemon off;"),
            ("#!/bin/sh\nsleep 1000", "sleep|1000"),
            ("a;\\\nb c # d\n\n# e\n", "b|c"),
            ("exec a >/dev/null 2>&1 <in b", "exec|a|b"),
            ("exec a \"b $C\" \\\n  d", "exec|a|b $C|d"),
            ("X=$(date; x) ; exec a", "exec|a"),
            ("if [ -x b ]; then exec b; fi\nexec a", "exec|a"),
            ("exec a &>log", "exec|a"),
        ] {
            assert_eq!(last(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "#!/bin/sh\n# nothing\n",
            "while :; do date; sleep 1; done",
            "if a; then exec b; else exec c; fi",
            "test -x a && exec a",
            "a || b",
            "a | b",
            "a &",
            "{ a; }",
            "(a)\nexec b",
            "f() { a; }\nexec b",
            "cat <<END\nx\nEND\nexec b",
            "case $1 in a) b;; esac\nexec c",
            "exec a `b",
        ] {
            assert_eq!(last(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_shell_may_do_before_is_noticed() {
        let read = |text: &str| Script::read(text.as_bytes());
        assert!(read("PATH=/x exec a").sets_path && read("export PATH=/x\na").sets_path);
        assert!(read(". /etc/profile\na").sets_path && !read("a").sets_path);
        assert!(read("cd /x\nexec ./a").changes_directory);
        assert!(read("trap 'x' TERM\na").has_trap);
        assert!(read("date\nsleep 5").works_before);
        assert!(!read("exec 2>&1\ncd /\nA=1\numask 022\nsleep 5").works_before);
        assert!(read("exec a\nb").has_early_exec && !read("exec 2>&1\nb").has_early_exec);
    }
}
