//! Wrappers in a chain: what the program at the end of the chain gets.

use crate::scratch::{Said, Scratch};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// The wrappers that any user may use, and setuidgid if we are root.
fn chain(scratch: &Scratch) -> Vec<&'static str> {
    scratch.directory_at("e");
    scratch.write("e/COLOUR", b"green\n");
    let mut words = vec!["e"];
    if nix::unistd::geteuid().is_root() {
        words.extend(["setuidgid", "root"]);
    }
    words.extend(["softlimit", "-f", "12345678", "setlock", "f", "pgrphack"]);
    words
}

/// The signal lines of /proc/self/status in a `cat` that `command` runs, with `prepare` called
/// before the exec.
fn signals(mut command: Command, prepare: fn() -> std::io::Result<()>) -> Vec<String> {
    command.arg("/proc/self/status");
    // SAFETY: `prepare` calls nothing but signal and sigprocmask.
    unsafe { command.pre_exec(prepare) };
    let said = Said::of(&command.output().unwrap());
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let is_one = |line: &&str| line.starts_with("Sig") && !line.starts_with("SigQ");
    said.out.lines().filter(is_one).map(str::to_owned).collect()
}

#[test]
fn signals_reach_the_program_as_they_were() {
    use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, signal, sigprocmask};
    fn nothing() -> std::io::Result<()> {
        Ok(())
    }
    fn some() -> std::io::Result<()> {
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGUSR1);
        // SAFETY: no handler is installed.
        unsafe {
            signal(Signal::SIGPIPE, SigHandler::SigIgn)?;
            signal(Signal::SIGHUP, SigHandler::SigIgn)?;
        }
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None)?;
        Ok(())
    }
    let scratch = Scratch::new();
    let prepared: [fn() -> std::io::Result<()>; 2] = [nothing, some];
    let [plain, with_some] = prepared.map(|prepare| {
        let mut command = scratch.command("envdir");
        command.args(chain(&scratch)).arg("cat");
        let found = signals(command, prepare);
        // The same without the chain.
        assert_eq!(found, signals(Command::new("cat"), prepare));
        found
    });
    assert_ne!(plain, with_some, "the test sees no signals at all");
}

#[test]
fn the_lock_is_the_only_descriptor_that_is_added() {
    let scratch = Scratch::new();
    let open = |command: &mut Command| {
        let said = Said::of(&command.args(["ls", "-l", "/proc/self/fd"]).output().unwrap());
        let links = said.out.lines().filter(|line| line.contains(" -> "));
        links.map(str::to_owned).collect::<Vec<String>>()
    };
    // The test itself may have inherited more than 0, 1 and 2.
    let before = open(Command::new("env").stdin(Stdio::null()));
    let after = open(scratch.command("envdir").args(chain(&scratch)));
    assert_eq!(after.len(), before.len() + 1, "{before:?} {after:?}");
    let lock = after.iter().find(|line| line.contains(" 3 -> ")).unwrap();
    assert!(lock.ends_with("/f"), "{lock}");
}

#[test]
fn the_environment_and_the_words_are_exact() {
    let scratch = Scratch::new();
    let path = scratch.command("envdir").get_envs().find_map(|(name, value)| {
        (name == "PATH").then(|| value.unwrap().to_str().unwrap().to_owned())
    });
    let mut command = scratch.command("envdir");
    command.env_clear().env("PATH", path.as_ref().unwrap()).env("A", "1");
    command.args(chain(&scratch)).args(["cat", "/proc/self/environ", "/proc/self/cmdline"]);
    let said = Said::of(&command.output().unwrap());
    let words = "cat\0/proc/self/environ\0/proc/self/cmdline\0";
    let expected = format!("A=1\0PATH={}\0COLOUR=green\0{words}", path.unwrap());
    assert_eq!(said, Said::text(&expected));
}

#[test]
fn programs_are_looked_up_as_in_0_76() {
    let scratch = Scratch::new();
    for place in ["one", "two", "three"] {
        scratch.directory_at(place);
    }
    scratch.write("one/tool", b"not executable");
    scratch.directory_at("two/tool");
    scratch.script("three/tool", "echo three $0");
    scratch.script("tool", "echo here");
    let run = |path: Option<&str>, name: &str| {
        let mut command = scratch.command("pgrphack");
        command.env_remove("PATH");
        command.envs(path.map(|path| ("PATH", path)));
        Said::of(&command.arg(name).output().unwrap())
    };
    let fatal = |name: &str, reason: &str| {
        Said::complaint(111, &format!("pgrphack: fatal: unable to run {name}: {reason}"))
    };
    assert_eq!(run(Some("none:one:two:three"), "tool"), Said::text("three three/tool\n"));
    assert_eq!(run(Some("one:none"), "tool"), fatal("tool", "access denied"));
    assert_eq!(run(Some("none"), "tool"), fatal("tool", "file does not exist"));
    for path in ["", ":none", "none:", "none::none"] {
        assert_eq!(run(Some(path), "tool"), Said::text("here\n"), "{path:?}");
    }
    assert_eq!(run(Some("none"), "three/tool"), Said::text("three three/tool\n"));
    assert_eq!(run(None, "true"), Said::exit(0));
    assert_eq!(run(None, "tool"), fatal("tool", "file does not exist"));
    assert_eq!(run(Some("none"), ""), fatal("", "file does not exist"));
    let long = format!("{}:three", "x".repeat(5000));
    assert_eq!(run(Some(&long), "tool"), fatal("tool", "file name too long"));
}
