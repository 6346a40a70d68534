//! What doctor can find, by name. Pure.
//!
//! The names are for programs and for daemontools-troubleshooting(7), which has a paragraph for
//! each: they stay as they are.

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was found.
    pub kind: Kind,
    /// The service's name; nothing if the finding is about the scan directory.
    pub service: Option<Vec<u8>>,
    /// What is wrong, in a few words.
    pub title: String,
    /// What doctor saw.
    pub saw: Vec<String>,
    /// What to type: one command for each line, or text in brackets that is no command.
    pub commands: Vec<String>,
}

impl Finding {
    /// A finding about a service.
    #[must_use]
    pub fn on(service: &[u8], kind: Kind, title: impl Into<String>) -> Self {
        Self::made(Some(service), kind, title.into())
    }

    /// A finding about the scan directory.
    #[must_use]
    pub fn at_large(kind: Kind, title: impl Into<String>) -> Self {
        Self::made(None, kind, title.into())
    }

    #[inline(never)]
    fn made(service: Option<&[u8]>, kind: Kind, title: String) -> Self {
        let service = service.map(<[u8]>::to_vec);
        Self { kind, service, title, saw: Vec::new(), commands: Vec::new() }
    }

    /// Adds something that was seen.
    #[must_use]
    pub fn saw(mut self, what: impl Into<String>) -> Self {
        add(&mut self.saw, what.into());
        self
    }

    /// Adds a command to type.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        add(&mut self.commands, command.into());
        self
    }
}

/// Not inlined: a copy at each finding would cost kilobytes.
#[inline(never)]
fn add(lines: &mut Vec<String>, line: String) {
    lines.push(line);
}

macro_rules! kinds {
    ($($kind:ident $name:literal $why:literal)*) => {
        /// What can be found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "daemontools-troubleshooting(7) describes each")]
        pub enum Kind {
            $($kind),*
        }

        impl Kind {
            /// All of them, in the order of the page.
            #[cfg(test)]
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name),*
                }
            }

            /// Why it matters.
            #[must_use]
            pub const fn why(self) -> &'static str {
                match self {
                    $(Self::$kind => $why),*
                }
            }
        }
    };
}

kinds! {
    NoSvscan "no-svscan"
        "nothing is started, or started again, while no svscan works in the scan directory"
    TwoSvscans "two-svscans"
        "two svscans start two supervises for each service, which are in each other's way"
    ForeignSvscan "foreign-svscan"
        "another product's svscan does not do what the commands of this one rely on"
    OldProgram "old-program"
        "a program that was replaced on disk goes on as it was until it is told to begin anew"
    OtherDaemontools "other-daemontools"
        "what is typed, and what a script calls, is not the daemontools that runs the services"
    NotAtBoot "not-at-boot"
        "after the next boot no service runs, since nothing starts svscan"
    LinkDangling "link-dangling"
        "a link that leads nowhere is no service: svscan cannot start it"
    LinkToFile "link-to-file"
        "a service is a directory; what is linked to a file is passed over"
    TwoNames "two-names"
        "one directory can have one supervise: the second one waits in vain for its lock"
    SuperviseCopied "supervise-copied"
        "the records of a supervise belong to the directory that they were made in"
    NoName "no-name"
        "a service that lost its link runs on, and no name in the scan directory leads to it"
    NotSupervised "not-supervised"
        "svscan works, and still no supervise runs here: the service is never started"
    RunMissing "run-missing"
        "supervise starts the file run of a service directory, and there is none"
    RunNotAFile "run-not-a-file"
        "supervise starts the file run of a service directory, and what bears that name is no file"
    RunNotExecutable "run-not-executable"
        "the kernel starts only what is marked as executable"
    RunEmpty "run-empty"
        "the kernel starts no file that is empty"
    RunNoInterpreter "run-no-interpreter"
        "the kernel takes the program for a script from its first line, which begins with #!"
    RunInterpreterMissing "run-interpreter-missing"
        "the kernel cannot start a script whose interpreter is not there under exactly that name"
    RunProgramMissing "run-program-missing"
        "run ends with an error at each start when the program that it becomes is not there"
    Backgrounding "backgrounding"
        "supervise watches the process that it started; a daemon that puts itself into the background \
         ends that one, is started again and again, and cannot be stopped"
    PortTaken "port-taken"
        "the service ends at each start while another program has its port"
    CrashLoop "crash-loop"
        "the service ends soon after each start, and is started again a second later"
    IgnoresTerm "ignores-term"
        "svc -d and svctl stop send TERM and wait; a process that does not end by it stays"
    NoExec "no-exec"
        "supervise started the shell, so signals reach the shell, and the program behind it neither \
         hears of a stop nor ends by it"
    LoggerMissing "logger-missing"
        "what the service writes waits in a pipe that nobody reads, or never gets there"
    LoggerDown "logger-down"
        "once the pipe to the logger is full, the service stands still at its next line"
    LoggerFlapping "logger-flapping"
        "a logger that ends again and again writes nothing, and the service stands still when the \
         pipe is full"
    LogNotADirectory "log-not-a-directory"
        "svscan starts a logger where a service has an entry log, and it has to be a service directory"
    LogNotWritable "log-not-writable"
        "multilog ends at each start when its account cannot write to the log directory"
    LogDiskFull "log-disk-full"
        "multilog waits until there is room, and the service stands still when the pipe is full"
    MultilogMistake "multilog-mistake"
        "multilog ignores what it does not know, and locks each directory once"
    WritableByOthers "writable-by-others"
        "who can write what supervise runs can have it run anything, as the user of supervise"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn read(path: &str) -> String {
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
    }

    /// The text of a page: the paragraph of each finding, by its name.
    fn paragraphs(page: &str) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        let section = page.split_once(".Sh FINDINGS\n").unwrap().1.split("\n.Sh ").next().unwrap();
        for line in section.lines() {
            if let Some(name) = line.strip_prefix(".It Cm ") {
                found.push((name.to_owned(), String::new()));
            } else if let Some((_, text)) = found.last_mut() {
                // A word that a macro prints counts as a word of the page.
                let is_macro = line.starts_with('.');
                let words = line.split_whitespace().skip(usize::from(is_macro));
                let joins = |word: &&str| !(is_macro && [".", ",", "Ns"].contains(word));
                for word in words.filter(joins) {
                    text.push_str(&word.replace("\\-", "-").replace("\\(aq", "'"));
                    text.push(' ');
                }
            }
        }
        found
    }

    #[test]
    fn the_page_has_a_paragraph_for_each_finding_in_its_words_and_for_no_other() {
        let found = paragraphs(&read("packaging/man/daemontools-troubleshooting.7"));
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        let expected: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names, expected);
        let bare = |text: &str| -> String {
            text.chars().filter(|c| c.is_ascii_alphanumeric()).collect::<String>().to_lowercase()
        };
        for (kind, (name, text)) in Kind::ALL.iter().zip(&found) {
            assert!(bare(text).contains(&bare(kind.why())), "{name}: {text}");
        }
    }

    #[test]
    fn the_schema_has_every_name_and_no_other() {
        let schema: serde_json::Value =
            serde_json::from_str(&read("packaging/doc/svctl-doctor.schema.json")).unwrap();
        let names = &schema["$defs"]["finding"]["properties"]["name"]["enum"];
        let names: Vec<&str> =
            names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(names, Kind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>());
    }

    #[test]
    fn no_two_findings_have_one_name() {
        let names: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
    }
}
