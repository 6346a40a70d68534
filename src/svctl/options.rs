//! The command line: what it may say, and what is wrong with it, in one line.

use crate::names::spelling::nearest;
use crate::{SVCTL, output, text};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use core::time::Duration;
use daemontools_rs::error::Exit;
use daemontools_rs::sys::command_line::Arguments;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// See, steer and wait for services.
#[derive(Debug, Parser)]
#[command(name = "svctl", version, disable_help_subcommand = true, after_help = AFTER)]
pub struct Options {
    /// The scan directory, instead of $SVDIR, /service or /etc/service
    #[arg(short = 'd', long, global = true, value_name = "DIR")]
    pub directory: Option<OsString>,
    #[command(flatten)]
    pub form: Form,
    /// Say nothing but what goes wrong
    #[arg(short, long, global = true)]
    pub quiet: bool,
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

const AFTER: &str = "\
NAME is a service of the scan directory, NAME/log its logger, a glob in quotes all that match;
a name that begins with / or . is a service directory. svctl VERB --help says more; svctl(8) all.";

/// In which form services are shown.
#[derive(Debug, Args)]
pub struct Form {
    /// Print JSON
    #[arg(long, global = true, conflicts_with_all = ["fields", "prometheus"])]
    pub json: bool,
    /// Print these fields of the JSON in columns, a tab between two
    #[arg(long, global = true, value_name = "FIELD,...", value_delimiter = ',')]
    pub fields: Vec<String>,
    /// Print Prometheus' text format
    #[arg(long, global = true, conflicts_with = "fields")]
    pub prometheus: bool,
}

impl Form {
    /// Whether a form for programs was asked for.
    fn is_asked_for(&self) -> bool {
        self.json || self.prometheus || !self.fields.is_empty()
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show services; this is what svctl does without a verb
    Status(Which),
    /// Start services, and wait until they are up
    #[command(visible_alias = "up")]
    Start {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        wait: Wait,
        #[command(flatten)]
        settle: Settle,
    },
    /// Stop services, and wait until they are down
    #[command(visible_alias = "down")]
    Stop {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        wait: Wait,
        #[command(flatten)]
        kill: Kill,
    },
    /// Stop services and start them again, and wait until they are up
    Restart {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        wait: Wait,
        #[command(flatten)]
        settle: Settle,
        #[command(flatten)]
        kill: Kill,
    },
    /// Start services that are not started again when they end
    Once {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        wait: Wait,
    },
    /// Pause services: their processes get STOP
    Pause {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        wait: Wait,
    },
    /// Resume paused services
    Continue {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        wait: Wait,
    },
    /// Send HUP to services
    Reload(Which),
    /// Send a signal, or a letter of svc, to services
    Signal {
        /// HUP ALRM INT TERM KILL STOP CONT USR1 USR2 QUIT WINCH,
        /// or one of u d o p c h a i t k x 1 2 q w
        signal: OsString,
        #[command(flatten)]
        which: Which,
    },
    /// Wait until services are up, down, or without a supervise
    Wait {
        /// The state to wait for
        state: Awaited,
        #[command(flatten)]
        which: Which,
        /// Give up after so many seconds
        #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
        timeout: Duration,
    },
    /// Look for what is wrong with services and their scan directory, and say what to type
    Doctor {
        #[command(flatten)]
        which: Which,
        /// For tests: the directory below which doctor looks at the machine's files
        #[arg(long, value_name = "DIR", hide = true)]
        root: Option<OsString>,
    },
    /// Print the names of services
    List {
        /// Only services in this state
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// Print the bytes of each name, and a NUL byte after it
        #[arg(short = '0')]
        zero: bool,
    },
    /// Show what services have logged
    #[command(visible_alias = "log")]
    Logs(Logs),
}

/// Which services.
#[derive(Debug, Args)]
pub struct Which {
    /// The services
    #[arg(value_name = "NAME", conflicts_with = "all")]
    pub names: Vec<OsString>,
    /// All services of the scan directory
    #[arg(long)]
    pub all: bool,
}

impl Which {
    /// The names as bytes.
    #[must_use]
    pub fn words(&self) -> Vec<Vec<u8>> {
        self.names.iter().map(|name| name.as_bytes().to_vec()).collect()
    }
}

/// Whose logs, which lines, and how they are shown.
#[derive(Debug, Args)]
pub struct Logs {
    /// The services
    #[arg(value_name = "NAME")]
    pub names: Vec<OsString>,
    /// Go on with the lines that come
    #[arg(short, long, conflicts_with_all = ["until", "svscan"])]
    pub follow: bool,
    /// Only the last lines
    #[arg(short = 'n', long, value_name = "LINES")]
    pub lines: Option<usize>,
    /// Only lines from this moment on
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only lines before this moment
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only lines that have these bytes after their label
    #[arg(long, value_name = "TEXT")]
    pub grep: Option<OsString>,
    /// With --grep, take capital and small letters of ASCII for the same
    #[arg(short, long, requires = "grep")]
    pub ignore_case: bool,
    /// Show times in UTC
    #[arg(long)]
    pub utc: bool,
    /// Show labels as they are in the log
    #[arg(long, conflicts_with = "utc")]
    pub raw: bool,
    /// Cut lines to the width of the terminal
    #[arg(short = 'S', long)]
    pub chop: bool,
    /// Read this log directory
    #[arg(long = "in", value_name = "DIR")]
    pub inside: Option<OsString>,
    /// Show the messages of svscan, and of services without a logger
    #[arg(long, conflicts_with_all = ["names", "inside", "since", "until", "utc", "chop"])]
    pub svscan: bool,
}

impl Logs {
    /// The names as bytes.
    #[must_use]
    pub fn words(&self) -> Vec<Vec<u8>> {
        self.names.iter().map(|name| name.as_bytes().to_vec()).collect()
    }

    /// Whether exactly one way to choose the logs was taken.
    fn check(&self) -> Result<(), Exit> {
        match (&self.inside, self.svscan, self.names.len()) {
            (Some(_), _, 2..) => Err(SVCTL.usage("--in is the directory of one service")),
            (None, false, 0) => {
                Err(SVCTL.usage("whose logs? Name services, or say --in DIR or --svscan"))
            }
            _ => Ok(()),
        }
    }
}

/// How long to wait.
#[derive(Debug, Args)]
pub struct Wait {
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
    pub timeout: Duration,
    /// Ask, and do not wait
    #[arg(long)]
    pub no_wait: bool,
}

/// How long a service that was started has to stay up.
#[derive(Debug, Args)]
pub struct Settle {
    /// A service counts as up when it is still up after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "1")]
    pub settle: Duration,
}

/// What is done with a service that does not end.
#[derive(Debug, Args)]
pub struct Kill {
    /// Send KILL to a service that has not ended after so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, conflicts_with = "no_wait")]
    pub kill_after: Option<Duration>,
}

/// The state that services are waited to be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Awaited {
    /// Its process is there
    Up,
    /// It has none, and will not be started
    Down,
    /// No supervise runs for it
    Gone,
}

/// The longest time that can be asked for: some thirty years.
const LONGEST: Duration = Duration::from_secs(1_000_000_000);

/// Reads a decimal number of seconds. To parse an `f64` would add large tables to the program.
fn seconds(text: &str) -> Result<Duration, String> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digit = |byte: u8| byte.is_ascii_digit();
    let is_decimal = text != "." && !text.is_empty();
    let is_decimal = is_decimal && whole.bytes().chain(fraction.bytes()).all(is_digit);
    let nanoseconds = format!("{fraction:0<9}");
    let number = |digits: &str| format!("0{digits}").parse().ok().filter(|_| is_decimal);
    number(whole)
        .zip(nanoseconds.get(..9).and_then(number))
        .map(|(whole, nanos)| {
            Duration::from_secs(whole).saturating_add(Duration::from_nanos(nanos))
        })
        .filter(|length| *length <= LONGEST)
        .ok_or_else(|| "not a number of seconds".to_owned())
}

impl Options {
    /// Reads the command line.
    ///
    /// # Errors
    /// The exit code, when help, the version, or what is wrong was said.
    pub fn read(arguments: &Arguments) -> Result<Self, Exit> {
        let words = arguments.from(0).map(|word| OsString::from_vec(word.to_bytes().to_vec()));
        let options = Self::try_parse_from(words).map_err(|error| refuse(&error))?;
        options.check()?;
        Ok(options)
    }

    fn check(&self) -> Result<(), Exit> {
        let which = match &self.verb {
            Some(Verb::Logs(_)) if self.form.is_asked_for() => {
                return Err(SVCTL.usage("logs are lines: they have no other form"));
            }
            Some(Verb::Logs(logs)) => return logs.check(),
            Some(Verb::List { .. }) if self.form.is_asked_for() => {
                return Err(SVCTL.usage("list prints names: svctl status has other forms"));
            }
            None
            | Some(Verb::Status(_) | Verb::Wait { .. } | Verb::Doctor { .. } | Verb::List { .. }) =>
            {
                return Ok(());
            }
            Some(
                Verb::Start { which, .. }
                | Verb::Stop { which, .. }
                | Verb::Restart { which, .. }
                | Verb::Once { which, .. }
                | Verb::Pause { which, .. }
                | Verb::Continue { which, .. }
                | Verb::Reload(which)
                | Verb::Signal { which, .. },
            ) => which,
        };
        if which.names.is_empty() && !which.all {
            return Err(SVCTL.usage("which services? Name them, or say --all"));
        }
        Ok(())
    }
}

/// Says what clap has to say: help and version to stdout, all else in one line.
fn refuse(error: &clap::Error) -> Exit {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let text = error.to_string();
        return output::write_lines(&[text.trim_end().to_owned()], Exit::SUCCESS);
    }
    if let (ErrorKind::InvalidSubcommand, Some(ContextValue::String(verb))) =
        (error.kind(), error.get(ContextKind::InvalidSubcommand))
    {
        return SVCTL.usage(&unknown_verb(verb));
    }
    let text = error.to_string();
    // The first paragraph: what follows is the usage, which the page has.
    let said: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let said = said.join(" ");
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    SVCTL.usage(&format!("{}; see svctl --help", text::line(said.as_bytes())))
}

/// The message about a word that is no verb: it may be a mistyped verb, or a service.
fn unknown_verb(verb: &str) -> String {
    let command = Options::command();
    let names = command.get_subcommands().flat_map(|command| {
        std::iter::once(command.get_name()).chain(command.get_visible_aliases())
    });
    let meant = nearest(verb.as_bytes(), names.map(str::as_bytes));
    let meant = meant.and_then(|name| std::str::from_utf8(name).ok());
    let shown = text::quoted(verb.as_bytes());
    match meant {
        Some(meant) => format!("there is no verb {shown}; did you mean {meant}?"),
        None => format!("there is no verb {shown}; a service is shown by svctl status {shown}"),
    }
}

/// The bytes of a word.
#[must_use]
pub fn bytes(word: Option<&OsString>) -> Option<&[u8]> {
    word.map(|word| OsStr::as_bytes(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn seconds_are_decimal() {
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        assert_eq!(seconds("1.5"), Ok(Duration::from_millis(1500)));
        assert_eq!(seconds("0.0123456789"), Ok(Duration::from_nanos(12_345_678)));
        assert_eq!(seconds(".5"), seconds("0.50"));
        assert_eq!(seconds("1000000000."), Ok(LONGEST));
        for wrong in "|-1|1e3|inf|NaN|1s|1.2.3|.|99999999999|1000000000.1|1.x".split('|') {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
