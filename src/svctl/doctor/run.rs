//! The run script: whether the kernel and the shell can start it. Pure: [`Files`] says which files
//! there are.

use super::chain::Chain;
use super::finding::{Finding, Kind};
use super::script::{Head, Script, base, head, is_shell};
use crate::text;

/// What a service directory has as `run`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// Nothing, or a link that leads nowhere.
    Missing {
        /// Whether `run` is a link that leads nowhere.
        is_link: bool,
    },
    /// A directory.
    Directory,
    /// Neither a file nor a directory.
    Other,
    /// A file.
    File {
        /// Whether any user may execute it.
        is_executable: bool,
        /// Its beginning; nothing where it cannot be read.
        text: Option<Vec<u8>>,
        /// Whether it is empty.
        is_empty: bool,
    },
    /// It cannot be looked at.
    Unknown,
}

impl Run {
    /// Its text, where it is a file that can be read.
    #[must_use]
    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Self::File { text, .. } => text.as_deref(),
            _ => None,
        }
    }

    /// Its text as a shell script, where it is one.
    #[must_use]
    pub fn script(&self) -> Option<Script> {
        let text = self.text()?;
        let Head::Interpreter { path, argument, is_of_windows: false } = head(text) else {
            return None;
        };
        let by_env = base(&path) == b"env" && is_shell(&argument);
        (is_shell(&path) || by_env).then(|| Script::read(text))
    }
}

/// What a path has where a program is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// A program, at this path.
    There(Vec<u8>),
    /// Nothing is there.
    Missing,
    /// Something that cannot be executed.
    NotExecutable,
    /// Not known.
    Unknown,
}

/// Looks for programs.
pub trait Files {
    /// The program at a path, which may be relative to the service directory.
    fn at(&self, path: &[u8]) -> Program;
    /// The program of this name on the PATH of supervise; and that PATH.
    fn on_path(&self, name: &[u8]) -> (Program, Vec<u8>);
}

/// The service whose run it is.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The service's name.
    pub name: &'a [u8],
    /// The path of `run`.
    pub path: &'a [u8],
    /// Whether the service has been up for a while: then its script works.
    pub is_up: bool,
}

/// The first thing that is wrong with a run script.
#[must_use]
pub fn judge(subject: Subject<'_>, run: &Run, files: &impl Files) -> Option<Finding> {
    let path = text::quoted(subject.path);
    let found = |kind, title: &str| Finding::on(subject.name, kind, title);
    match run {
        Run::Unknown => None,
        Run::Missing { is_link } => {
            let saw = if *is_link { "is a link that leads nowhere" } else { "is not there" };
            let found = found(Kind::RunMissing, "there is no run").saw(format!("{path} {saw}"));
            Some(found.command(format!("(write {path}, and chmod 755 {path})")))
        }
        Run::Directory | Run::Other => {
            let what = if *run == Run::Directory { "a directory" } else { "no file" };
            let found = found(Kind::RunNotAFile, &format!("run is {what}"));
            let found = found.saw(format!("{path} is {what}")).command(format!("ls -ld {path}"));
            Some(found.command(format!("(put a script in the place of {path})")))
        }
        Run::File { is_empty: true, .. } => {
            let found = found(Kind::RunEmpty, "run is empty").saw(format!("{path} has no bytes"));
            Some(found.command(format!("(write {path})")))
        }
        Run::File { is_executable: false, .. } => {
            let found = found(Kind::RunNotExecutable, "run is not executable");
            let found = found.saw(format!("the mode of {path} lets nobody execute it"));
            Some(found.command(format!("chmod 755 {path}")))
        }
        Run::File { text: None, .. } => None,
        Run::File { text: Some(text), .. } => script(subject, text, files),
    }
}

fn script(subject: Subject<'_>, text: &[u8], files: &impl Files) -> Option<Finding> {
    match head(text) {
        Head::Program => None,
        Head::Nothing { has_late_one } => Some(no_interpreter(subject, has_late_one)),
        Head::Interpreter { path, argument, is_of_windows } => {
            interpreter(subject, &path, &argument, is_of_windows, files)
                .or_else(|| program(subject, text, &path, files))
        }
    }
}

fn no_interpreter(subject: Subject<'_>, has_late_one: bool) -> Finding {
    let path = text::quoted(subject.path);
    let found = Finding::on(subject.name, Kind::RunNoInterpreter, "run names no interpreter");
    if has_late_one {
        // The command removes the lines before `#!`, and what its own line has before it.
        let found = found.saw(format!("something stands before #! at the beginning of {path}"));
        return found.command(format!("sed -i '0,/#!/{{/#!/!d;s/^[^#]*#!/#!/}}' {path}"));
    }
    let found = found.saw(format!("the first line of {path} does not begin with #!"));
    found.command(format!("sed -i '1i #!/bin/sh' {path}"))
}

fn interpreter(
    subject: Subject<'_>,
    interpreter: &[u8],
    argument: &[u8],
    is_of_windows: bool,
    files: &impl Files,
) -> Option<Finding> {
    let path = text::quoted(subject.path);
    let found = |title: &str| Finding::on(subject.name, Kind::RunInterpreterMissing, title);
    if is_of_windows {
        let found = found("run has the line ends of Windows");
        let shown = text::name(&[interpreter, b"\r"].concat());
        let found = found.saw(format!("the first line of {path} ends with a carriage return"));
        let found = found.saw(format!("the kernel looks for {shown}"));
        return Some(found.command(format!("sed -i 's/\\r$//' {path}")));
    }
    if interpreter.is_empty() {
        let found = found("run names no interpreter behind #!");
        let found = found.saw(format!("the first line of {path} is #! alone"));
        return Some(found.command(format!("sed -i '1s|.*|#!/bin/sh|' {path}")));
    }
    // env looks for its first argument on PATH.
    let mut words = argument.split(|byte| matches!(byte, b' ' | b'\t'));
    let meant = words.next().filter(|word| {
        base(interpreter) == b"env"
            && !word.is_empty()
            && !word.starts_with(b"-")
            && !word.contains(&b'=')
    });
    let (looked_for, answer, place) = match (files.at(interpreter), meant) {
        (Program::There(_), Some(meant)) => {
            let (answer, place) = files.on_path(meant);
            (meant, answer, format!("on the PATH of supervise, {}", text::name(&place)))
        }
        (answer, _) => (interpreter, answer, "there".to_owned()),
    };
    let shown = text::name(looked_for);
    let what = match answer {
        Program::Missing => format!("is not {place}"),
        Program::NotExecutable => "is not executable".to_owned(),
        Program::There(_) | Program::Unknown => return None,
    };
    let found = found(&format!("the interpreter {shown} is not there"));
    let found = found.saw(format!("the first line of {path} names {shown}, which {what}"));
    let other = files.on_path(base(looked_for)).0;
    Some(match other {
        Program::There(other) if meant.is_none() && is_simple(&other) && is_simple(interpreter) => {
            let (old, new) = (text::name(interpreter), text::name(&other));
            found.command(format!("sed -i '1s|{old}|{new}|' {path}"))
        }
        _ => found.command(format!("(install {shown}, or correct the first line of {path})")),
    })
}

/// Whether a path needs no escapes in a command of sed.
fn is_simple(path: &[u8]) -> bool {
    path.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/-_+".contains(byte))
}

/// The finding about a program that the script becomes, and that does not exist.
fn program(
    subject: Subject<'_>,
    text: &[u8],
    interpreter: &[u8],
    files: &impl Files,
) -> Option<Finding> {
    // A service that is up did find its program, which the script may make before it starts it.
    if subject.is_up || !is_shell(interpreter) {
        return None;
    }
    let script = Script::read(text);
    let chain = Chain::of(script.last.as_ref()?);
    if !chain.is_exec || script.has_early_exec {
        return None;
    }
    let missing = |(place, name): (usize, &Vec<u8>)| -> Option<(Vec<u8>, String)> {
        let is_path = name.contains(&b'/');
        let can_tell = if is_path {
            name.starts_with(b"/") || !script.changes_directory
        } else {
            place < chain.on_path && !script.sets_path
        };
        if !can_tell {
            return None;
        }
        let (answer, path) =
            if is_path { (files.at(name), Vec::new()) } else { files.on_path(name) };
        let what = match answer {
            Program::Missing if is_path => "is not there".to_owned(),
            Program::Missing => {
                format!("is not on the PATH of supervise, {}", text::name(&path))
            }
            Program::NotExecutable => "is not executable".to_owned(),
            Program::There(_) | Program::Unknown => return None,
        };
        Some((name.clone(), what))
    };
    let (name, what) = chain.programs.iter().enumerate().find_map(missing)?;
    let (shown, path) = (text::name(&name), text::quoted(subject.path));
    let line = script.last.as_ref().map_or(0, |command| command.line);
    let found = Finding::on(
        subject.name,
        Kind::RunProgramMissing,
        format!("the program {shown} is not there"),
    );
    let found = found.saw(format!("line {line} of {path} runs {shown}, which {what}"));
    Some(match files.at(&name) {
        Program::NotExecutable if name.starts_with(b"/") => {
            found.command(format!("chmod +x {}", text::quoted(&name)))
        }
        _ => found.command(format!("(install {shown}, or correct line {line} of {path})")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system with few programs.
    struct Sample;

    impl Files for Sample {
        fn at(&self, path: &[u8]) -> Program {
            match path {
                b"/bin/sh" | b"/usr/bin/env" | b"./here" | b"/bin/here" => {
                    Program::There(path.to_vec())
                }
                b"/bin/plain" => Program::NotExecutable,
                b"/secret" => Program::Unknown,
                _ => Program::Missing,
            }
        }

        fn on_path(&self, name: &[u8]) -> (Program, Vec<u8>) {
            let path = [b"/bin/", name].concat();
            let is_there = [&b"here"[..], b"setuidgid", b"sh"].contains(&name);
            let answer = if is_there { Program::There(path) } else { Program::Missing };
            (answer, b"/bin:/usr/bin".to_vec())
        }
    }

    fn found(text: &str, is_up: bool) -> Option<&'static str> {
        let run =
            Run::File { is_executable: true, text: Some(text.into()), is_empty: text.is_empty() };
        let subject = Subject { name: b"x", path: b"/d/x/run", is_up };
        judge(subject, &run, &Sample).map(|finding| finding.kind.name())
    }

    #[test]
    fn a_script_that_can_run_has_no_finding() {
        for text in [
            "#!/bin/sh\nexec here\n",
            "#!/bin/sh -e\nexec setuidgid nobody here x",
            "#!/usr/bin/env here\nwhatever exec none",
            "#!/secret\n",
            "#!/bin/sh\nwhile :; do none; sleep 1; done",
            "#!/bin/sh\n[ -x /none ] && exec /none",
            "#!/bin/sh\nif [ -x /none ]; then exec /none; fi\nexec here",
            "#!/bin/sh\nPATH=/opt/bin:$PATH\nexec none",
            "#!/bin/sh\n. ./settings\nexec none",
            "#!/bin/sh\ncd /opt/x\nexec ./none",
            "#!/bin/sh\nexec \"$JAVA\" -jar x",
            "#!/bin/sh\nnone",
            "#!/bin/sh\nexec 2>&1\nexec ./here",
            "\x7fELF\0\0",
        ] {
            assert_eq!(found(text, false), None, "{text}");
        }
    }

    #[test]
    fn each_fault_has_its_name() {
        for (text, name) in [
            ("exec here\n", "run-no-interpreter"),
            ("\n#!/bin/sh\nexec here\n", "run-no-interpreter"),
            ("#!/bin/sh\r\nexec here\r\n", "run-interpreter-missing"),
            ("#!/bin/sh -e\r\nexec here\r\n", "run-interpreter-missing"),
            ("#!/bin/none\nx", "run-interpreter-missing"),
            ("#!/bin/plain\nx", "run-interpreter-missing"),
            ("#!/usr/bin/env none\nx", "run-interpreter-missing"),
            ("#!\nx", "run-interpreter-missing"),
            ("#!/bin/sh\nexec none", "run-program-missing"),
            ("#!/bin/sh\nexec /bin/plain", "run-program-missing"),
            ("#!/bin/sh\nexec setuidgid nobody ./none -x", "run-program-missing"),
            ("", "run-empty"),
        ] {
            assert_eq!(found(text, false), Some(name), "{text}");
        }
        // The script of a service that is up has the programs that it needs.
        assert_eq!(found("#!/bin/sh\nexec none", true), None);
    }

    #[test]
    fn what_is_no_script_at_all_has_its_names() {
        let subject = Subject { name: b"x", path: b"/d/x/run", is_up: false };
        let name = |run: Run| judge(subject, &run, &Sample).map(|finding| finding.kind.name());
        assert_eq!(name(Run::Missing { is_link: true }), Some("run-missing"));
        assert_eq!(name(Run::Directory), Some("run-not-a-file"));
        assert_eq!(name(Run::Other), Some("run-not-a-file"));
        assert_eq!(name(Run::Unknown), None);
        let file = |is_executable| Run::File { is_executable, text: None, is_empty: false };
        assert_eq!(name(file(false)), Some("run-not-executable"));
        assert_eq!(name(file(true)), None);
    }
}
