//! The completions in a real bash and a real zsh, each on its own terminal, by the tab key.

use crate::scratch::wait_for;
use crate::stage::{Stage, feign};
use nix::pty::{OpenptyResult, Winsize, openpty};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

/// A shell on a terminal.
struct Shell {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<String>>,
}

impl Shell {
    fn start(stage: &Stage, program: &str, arguments: &[&str]) -> Self {
        let size = Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(&size, None).unwrap();
        let commands = stage.scratch.path().join("commands");
        std::fs::create_dir(&commands).unwrap();
        let svctl = assert_cmd::cargo::cargo_bin!("svctl");
        std::os::unix::fs::symlink(svctl, commands.join("svctl")).unwrap();
        let mut command = Command::new(program);
        command.args(arguments).current_dir(stage.scratch.path());
        command.env_clear().env("PATH", format!("{}:/usr/bin:/bin", commands.display()));
        command.env("SVDIR", stage.path()).env("TERM", "dumb").env("LC_ALL", "C.UTF-8");
        command.env("HOME", stage.scratch.path()).env("SCRATCH", stage.scratch.path());
        command.env("COMPLETIONS", completions()).env("PS1", "ready> ");
        command.stdin(slave.try_clone().unwrap()).stdout(slave.try_clone().unwrap()).stderr(slave);
        let child = command.spawn().unwrap();
        drop(command);
        let screen = Arc::new(Mutex::new(String::new()));
        let mut reader = File::from(master.try_clone().unwrap());
        let writer = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut block = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut block) {
                writer.lock().unwrap().push_str(&String::from_utf8_lossy(&block[..length]));
            }
        });
        Self { child, keyboard: File::from(master), screen }
    }

    fn type_in(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Types a line and waits until it has printed its mark.
    fn prepare(&mut self, line: &str) {
        self.type_in(&format!("{line}; echo do''ne\n"));
        self.sees("done");
        self.screen.lock().unwrap().clear();
    }

    fn sees(&self, text: &str) {
        wait_for(&format!("{text:?} on the screen"), || self.screen.lock().unwrap().contains(text));
    }

    /// Types the beginning of a line and a tab, and waits for how the line goes on.
    fn completes(&mut self, begun: &str, whole: &str) {
        self.screen.lock().unwrap().clear();
        self.type_in(&format!("{begun}\t"));
        self.sees(whole);
        // Ctrl-U deletes the line.
        self.type_in("\x15");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn completions() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/completions")
}

fn stage() -> (Stage, Vec<File>) {
    let stage = Stage::empty();
    let names = ["nginx", "nginx/log", "mailer", "with space"];
    let held = names.map(|name| feign(&stage.of_service(name), Some((1, 0, b'u', 5))));
    let other = stage.scratch.path().join("other");
    std::fs::create_dir_all(other.join("elsewhere")).unwrap();
    (stage, held.into())
}

/// What both shells complete: the text before the tab, and the text after it.
const BOTH: [(&str, &str); 11] = [
    ("svctl rest", "svctl restart "),
    ("svctl stop ngi", "svctl stop nginx"),
    ("svctl stop --kill-after 5 mai", "svctl stop --kill-after 5 mailer"),
    ("svctl restart nginx mai", "svctl restart nginx mailer"),
    ("svctl status nginx/", "svctl status nginx/log"),
    ("svctl status wit", "svctl status with\\ space"),
    ("svctl wait go", "svctl wait gone "),
    ("svctl wait up ngi", "svctl wait up nginx"),
    ("svctl signal WIN", "svctl signal WINCH "),
    ("svctl -d other stop els", "svctl -d other stop elsewhere"),
    ("svctl list --sta", "svctl list --state"),
];

#[test]
fn bash_completes() {
    let (stage, _held) = stage();
    let mut bash = Shell::start(&stage, "bash", &["--norc", "--noprofile", "-i"]);
    bash.prepare("bind 'set bell-style none'; bind 'set enable-bracketed-paste off' 2>/dev/null");
    bash.prepare(". \"$COMPLETIONS/svctl.bash\"");
    for (begun, whole) in BOTH {
        bash.completes(begun, whole);
    }
    bash.completes("svctl stop --kil", "svctl stop --kill-after ");
    bash.completes("svctl --fields name,last_exit_co", "svctl --fields name,last_exit_co");
    bash.completes("svctl status with\\ s", "svctl status with\\ space");
    bash.completes("svctl -d oth", "svctl -d other/");
    // Two tabs print a list.
    bash.screen.lock().unwrap().clear();
    bash.type_in("svctl stop \t\t");
    for name in ["mailer", "nginx", "with\\ space"] {
        bash.sees(name);
    }
}

#[test]
fn zsh_completes() {
    if !["/usr/bin/zsh", "/bin/zsh"].iter().any(|path| Path::new(path).exists()) {
        println!("left out: there is no zsh here");
        return;
    }
    let (stage, _held) = stage();
    let mut zsh = Shell::start(&stage, "zsh", &["-f", "-i"]);
    zsh.prepare("unsetopt zle_bracketed_paste 2>/dev/null; setopt nobeep no_always_last_prompt");
    zsh.prepare(
        "fpath=(\"$COMPLETIONS\" $fpath); autoload -U compinit; compinit -u -d \"$HOME/dump\"",
    );
    for (begun, whole) in BOTH {
        zsh.completes(begun, whole);
    }
    zsh.completes("svctl stop --kil", "svctl stop --kill-after ");
}
