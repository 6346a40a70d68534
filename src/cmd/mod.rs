//! The commands: each file has the usage of one command, reads its arguments and makes one call
//! into a module below. Small commands are here as a whole.

pub mod envdir;
pub mod envuidgid;
pub mod fghack;
pub mod multilog;
pub mod pgrphack;
pub mod readproctitle;
pub mod setlock;
pub mod setuidgid;
pub mod softlimit;
pub mod supervise;
pub mod svc;
pub mod svok;
pub mod svscan;
pub mod svscanboot;
pub mod svstat;
pub mod tai64n;
pub mod tai64nlocal;

use crate::args::{Usage, VERSION, last_part, print};
use crate::error::{self, Exit, Program};
use crate::sys::command_line::{self, Arguments};
use crate::sys::descriptor;

/// A command: its name, its usage, its purpose and its function.
#[derive(Debug)]
pub struct Command {
    /// Its name in 0.76.
    pub name: &'static str,
    /// How it is used.
    pub usage: Usage,
    /// One line on what it does.
    pub purpose: &'static str,
    /// Whether its messages are those of a command or of a daemon.
    program: fn(&'static str) -> Program,
    run: fn(Arguments) -> Exit,
}

/// All commands. The help, the links and the tests all use this list.
pub const COMMANDS: [Command; 17] = [
    Command {
        name: "svscanboot",
        usage: svscanboot::USAGE,
        purpose: "run svscan, and show its messages in the process list",
        program: Program::daemon,
        run: svscanboot::run,
    },
    Command {
        name: "svscan",
        usage: svscan::USAGE,
        purpose: "start and keep the services of a scan directory",
        program: Program::daemon,
        run: svscan::run,
    },
    Command {
        name: "supervise",
        usage: supervise::USAGE,
        purpose: "start a service and start it again when it ends",
        program: Program::daemon,
        run: supervise::run,
    },
    Command {
        name: "svc",
        usage: svc::USAGE,
        purpose: "control services",
        program: Program::command,
        run: svc::run,
    },
    Command {
        name: "svok",
        usage: svok::USAGE,
        purpose: "tell by the exit code whether supervise runs",
        program: Program::command,
        run: svok::run,
    },
    Command {
        name: "svstat",
        usage: svstat::USAGE,
        purpose: "print whether services are up, and since when",
        program: Program::command,
        run: svstat::run,
    },
    Command {
        name: "fghack",
        usage: fghack::USAGE,
        purpose: "stay in the foreground for a daemon that will not",
        program: Program::command,
        run: fghack::run,
    },
    Command {
        name: "readproctitle",
        usage: readproctitle::USAGE,
        purpose: "show the last bytes of its input in the process list",
        program: Program::command,
        run: readproctitle::run,
    },
    Command {
        name: "pgrphack",
        usage: pgrphack::USAGE,
        purpose: "run a program in a process group of its own",
        program: Program::command,
        run: pgrphack::run,
    },
    Command {
        name: "multilog",
        usage: multilog::USAGE,
        purpose: "write what is read to logs that rotate themselves",
        program: Program::daemon,
        run: multilog::run,
    },
    Command {
        name: "setuidgid",
        usage: setuidgid::USAGE,
        purpose: "run a program under the ids of an account",
        program: Program::command,
        run: setuidgid::run,
    },
    Command {
        name: "envuidgid",
        usage: envuidgid::USAGE,
        purpose: "run a program with an account's ids in its environment",
        program: Program::command,
        run: envuidgid::run,
    },
    Command {
        name: "envdir",
        usage: envdir::USAGE,
        purpose: "run a program with the environment that a directory describes",
        program: Program::command,
        run: envdir::run,
    },
    Command {
        name: "softlimit",
        usage: softlimit::USAGE,
        purpose: "run a program with other soft limits",
        program: Program::command,
        run: softlimit::run,
    },
    Command {
        name: "setlock",
        usage: setlock::USAGE,
        purpose: "run a program while a file is locked",
        program: Program::command,
        run: setlock::run,
    },
    Command {
        name: "tai64n",
        usage: tai64n::USAGE,
        purpose: "put a precise time stamp before each line",
        program: Program::command,
        run: tai64n::run,
    },
    Command {
        name: "tai64nlocal",
        usage: tai64nlocal::USAGE,
        purpose: "turn the time stamps before lines into local time",
        program: Program::command,
        run: tai64nlocal::run,
    },
];

const DAEMONTOOLS: Program = Program::command("daemontools");

/// Finds the command by `argv[0]`, or by the first argument, runs it, and returns its exit code.
#[must_use]
pub fn main(arguments: Arguments) -> i32 {
    descriptor::fill_standard();
    let name = last_part(arguments.bytes(0).unwrap_or_default());
    // If argv[0] is no command's name (`exec -a`), use the name of the executed file.
    let file = command_line::program_path().map(|path| last_part(path.to_bytes()));
    let exit = match find(name).or_else(|| file.and_then(find)) {
        Some(command) => command.become_it(arguments),
        None => by_first_argument(arguments.without_first()),
    };
    i32::from(exit.number())
}

impl Command {
    fn become_it(&self, arguments: Arguments) -> Exit {
        error::speak_for((self.program)(self.name));
        (self.run)(arguments)
    }
}

fn find(name: &[u8]) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name.as_bytes() == name)
}

fn by_first_argument(arguments: Arguments) -> Exit {
    let Some(name) = arguments.bytes(0) else { return list() };
    if name == b"--version" {
        return print(DAEMONTOOLS, VERSION);
    }
    if name == b"--help" {
        return list();
    }
    match find(name) {
        Some(command) => command.become_it(arguments),
        None => {
            let _ = DAEMONTOOLS.fatal(&[b"unable to run ", name, b": no such command"]);
            Exit::USAGE
        }
    }
}

fn list() -> Exit {
    let mut text = String::from("usage: daemontools command [arg ...]\n");
    for command in &COMMANDS {
        text.push_str(&format!("  {:<15}{}\n", command.name, command.purpose));
    }
    print(DAEMONTOOLS, &text)
}
