//! How findings are printed: a block of text each for people, a JSON object for programs.

use super::finding::Finding;
use crate::show::facts::{FORMAT, hexadecimal};
use crate::show::units;
use crate::text;
use serde::Serialize;

/// A file or process that doctor could not look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchecked {
    /// The service's name; nothing if it is about the scan directory.
    pub service: Option<Vec<u8>>,
    /// What could not be looked at, and why.
    pub what: String,
    /// Whether a user with more rights could.
    pub is_refusal: bool,
}

/// All that doctor prints.
#[derive(Debug, Default)]
pub struct Report {
    /// The scan directory, where one was needed.
    pub directory: Option<Vec<u8>>,
    /// How many services were looked at, loggers not counted.
    pub services: usize,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub unchecked: Vec<Unchecked>,
}

/// The column in which the name of a finding ends, unless its first line is longer.
const END: usize = 73;
/// How far the text of a block is indented.
const INDENT: usize = 9;

impl Report {
    /// The text for people; `columns`: how wide the terminal is, if it is one.
    #[must_use]
    pub fn lines(&self, columns: Option<usize>) -> Vec<String> {
        let count = match self.findings.len() {
            0 => "no findings".to_owned(),
            count => units::count(count, "finding"),
        };
        let place = self
            .directory
            .as_deref()
            .map_or_else(String::new, |path| format!("{}: ", text::name(path)));
        let mut lines = vec![format!("{place}{count}")];
        for (number, finding) in self.findings.iter().enumerate() {
            lines.push(String::new());
            lines.extend(block(number + 1, finding, columns));
        }
        lines.push(String::new());
        lines.push(format!("{} looked at, {count}", units::count(self.services, "service")));
        for unchecked in &self.unchecked {
            let service = unchecked
                .service
                .as_deref()
                .map_or_else(String::new, |name| format!("{}: ", text::name(name)));
            lines.push(format!("not checked: {service}{}", unchecked.what));
        }
        lines
    }

    /// The document of `--json`.
    #[must_use]
    pub fn document(&self) -> Document<'_> {
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Document {
            format: FORMAT,
            directory: self.directory.as_deref().map(lossy),
            directory_hex: self.directory.as_deref().and_then(hexadecimal),
            services: self.services,
            findings: self
                .findings
                .iter()
                .map(|finding| Entry {
                    name: finding.kind.name(),
                    service: finding.service.as_deref().map(lossy),
                    service_hex: finding.service.as_deref().and_then(hexadecimal),
                    what: &finding.title,
                    saw: &finding.saw,
                    why: finding.kind.why(),
                    commands: &finding.commands,
                })
                .collect(),
            unchecked: self
                .unchecked
                .iter()
                .map(|unchecked| Gap {
                    service: unchecked.service.as_deref().map(lossy),
                    service_hex: unchecked.service.as_deref().and_then(hexadecimal),
                    what: &unchecked.what,
                })
                .collect(),
        }
    }
}

/// The block of a finding.
fn block(number: usize, finding: &Finding, columns: Option<usize>) -> Vec<String> {
    let subject = finding
        .service
        .as_deref()
        .map_or_else(String::new, |name| format!("{}: ", text::name(name)));
    let heading = format!("{number}. {subject}{}", finding.title);
    let name = format!("[{}]", finding.kind.name());
    let end = columns.map_or(END, |columns| columns.min(END));
    let gap = end.saturating_sub(text::width(&heading) + name.len()).max(2);
    let mut lines = vec![format!("{heading}{}{name}", " ".repeat(gap))];
    let room = columns.map(|columns| columns.saturating_sub(INDENT));
    let mut say = |title: &str, texts: &mut dyn Iterator<Item = String>| {
        let mut title = title;
        for text in texts {
            lines.push(format!("   {title:<width$}{text}", width = INDENT - 3));
            title = "";
        }
    };
    let wrapped = |text: &str| match room {
        Some(room) => text::wrapped(text, room),
        None => vec![text.to_owned()],
    };
    say("saw", &mut finding.saw.iter().flat_map(|text| wrapped(text)));
    say("why", &mut wrapped(finding.kind.why()).into_iter());
    // A command is to be copied, so it is never wrapped.
    say("type", &mut finding.commands.iter().cloned());
    lines
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "svctl-doctor.schema.json describes each")]
pub struct Document<'a> {
    pub format: u8,
    pub directory: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory_hex: Option<String>,
    pub services: usize,
    pub findings: Vec<Entry<'a>>,
    pub unchecked: Vec<Gap<'a>>,
}

/// A finding.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "svctl-doctor.schema.json describes each")]
pub struct Entry<'a> {
    pub name: &'static str,
    pub service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_hex: Option<String>,
    pub what: &'a str,
    pub saw: &'a [String],
    pub why: &'static str,
    #[serde(rename = "type")]
    pub commands: &'a [String],
}

/// A file or process that doctor could not look at.
#[derive(Debug, Serialize)]
#[allow(missing_docs, reason = "svctl-doctor.schema.json describes each")]
pub struct Gap<'a> {
    pub service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_hex: Option<String>,
    pub what: &'a str,
}

#[cfg(test)]
mod tests {
    use super::super::finding::Kind;
    use super::*;

    fn report() -> Report {
        let finding = Finding::on(b"nginx", Kind::PortTaken, "port 80 is taken");
        let finding = finding.saw("exit 1").saw("pid 702 (httpd) listens on port 80");
        let finding = finding.command("service httpd stop && chkconfig httpd off");
        Report {
            directory: Some(b"/service".to_vec()),
            services: 5,
            findings: vec![finding],
            unchecked: vec![Unchecked {
                service: Some(b"old".to_vec()),
                what: "how often it was started".to_owned(),
                is_refusal: false,
            }],
        }
    }

    #[test]
    fn a_finding_is_a_block() {
        let expected = "\
/service: 1 finding

1. nginx: port 80 is taken                                   [port-taken]
   saw   exit 1
         pid 702 (httpd) listens on port 80
   why   the service ends at each start while another program has its port
   type  service httpd stop && chkconfig httpd off

5 services looked at, 1 finding
not checked: old: how often it was started";
        assert_eq!(report().lines(None).join("\n"), expected);
        assert_eq!(report().lines(Some(200)).join("\n"), expected);
    }

    #[test]
    fn a_narrow_terminal_wraps_all_but_commands() {
        let lines = report().lines(Some(40));
        assert!(
            lines.iter().any(|line| line == "         while another program has its"),
            "{lines:?}"
        );
        assert!(lines.iter().any(|line| line.ends_with("&& chkconfig httpd off")), "{lines:?}");
        assert_eq!(lines[2], "1. nginx: port 80 is taken  [port-taken]");
    }
}
