//! Whether svstat, svc and the path of a message are as they should be after the last kill.

use crate::judge::Promise;
use crate::processes::{self, Process};
use crate::run::{EFFECT, Run, key, state};
use crate::system::Ask;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

impl Run {
    /// Checks svstat, svc, and the path of a message.
    pub fn judge_commands(&mut self) {
        for index in 0..self.services.len() {
            self.judge_status(index);
        }
        for index in 0..self.services.len() {
            for side in ["", "log"] {
                self.judge_control(index, side);
            }
        }
        let words = format!("{} heard", self.services[0].name);
        self.ask(Ask::Hangup, 0);
        let is_shown = |process: &Process| {
            process.name == "readproctitle"
                && processes::arguments(process.pid).iter().any(|it| it.contains(&words))
        };
        if !self.within(EFFECT, |_| processes::all().iter().any(is_shown)) {
            self.judge.breach(Promise::Message, || {
                let all = processes::all().into_iter();
                let readers = all.filter(|process| process.name == "readproctitle");
                let shown = readers.map(|it| format!("{it:?} {:?}", processes::arguments(it.pid)));
                format!("not there: {words:?}\n{}", shown.collect::<Vec<_>>().join("\n"))
            });
        }
        // The working directories: one process in each.
        let mut counts: BTreeMap<(String, PathBuf), Vec<Process>> = BTreeMap::new();
        for process in processes::all() {
            if self.system.kind.role(&process).is_some() {
                counts.entry(key(&process)).or_default().push(process);
            }
        }
        for wanted in self.had_open.keys() {
            let found = counts.remove(wanted).unwrap_or_default();
            if found.len() != 1 {
                self.judge.breach(Promise::OneOfEach, || format!("{wanted:?}: {found:?}"));
            }
        }
        for (key, others) in counts {
            self.judge.breach(Promise::OneOfEach, || format!("{key:?}: {others:?}"));
        }
    }

    fn svstat(&mut self, directory: &Path) -> String {
        let mut command = self.system.status(directory);
        self.init.run(&mut command).map_or("svstat hangs".to_owned(), |(_, said)| said)
    }

    fn judge_status(&mut self, index: usize) {
        let service = &self.services[index];
        let places = [
            (service.directory.clone(), service.running()),
            (service.directory.join("log"), service.running_logger()),
        ];
        for (place, running) in places {
            let line = self.svstat(&place);
            let said = line.split_once(": ").map_or("", |(_, said)| said).trim_end();
            let words: Vec<&str> = said.split(' ').collect();
            let is_right = match running {
                None => said.starts_with("down ") && !said.contains("want up"),
                Some((pid, start)) => {
                    let age = (processes::now().saturating_sub(start)) / 100;
                    let told = words.get(3).and_then(|word| word.parse::<u64>().ok());
                    said.starts_with(&format!("up (pid {pid}) "))
                        && told.is_some_and(|told| told.abs_diff(age) <= 3)
                        && said.contains("paused") == (state(pid) == 'T')
                }
            };
            if !is_right {
                self.judge.breach(Promise::Status, || {
                    let age = running.map(|(_, start)| (processes::now() - start) / 100);
                    format!("{}: {running:?} of {age:?} s, svstat: {said}", place.display())
                });
            }
        }
    }

    /// Pauses and continues a service that is up; starts and stops one that is down.
    fn judge_control(&mut self, index: usize, side: &str) {
        let service = &self.services[index];
        let place = service.directory.join(side);
        let before = if side == "log" { service.running_logger() } else { service.running() };
        let was_paused = before.is_some_and(|(pid, _)| state(pid) == 'T');
        let asks: &[Ask] = match before {
            Some(_) if was_paused => &[Ask::Continue],
            Some(_) => &[Ask::Pause, Ask::Continue],
            None => &[Ask::Up, Ask::Down],
        };
        for &ask in asks {
            let mut command = self.system.control(ask, &place);
            let end = self.init.run(&mut command).map(|(end, _)| end);
            let has_effect = |run: &mut Self| {
                let running = run.services[index].running();
                match ask {
                    Ask::Up => running.is_some(),
                    Ask::Down => running.is_none(),
                    _ => before.is_some_and(|(pid, _)| (state(pid) == 'T') == (ask == Ask::Pause)),
                }
            };
            if end != Some(0) || !self.within(EFFECT, has_effect) {
                self.judge.breach(Promise::Control, || {
                    format!("{}: svc -{}: exit {end:?}, no effect", place.display(), ask.letter())
                });
            }
        }
    }
}
