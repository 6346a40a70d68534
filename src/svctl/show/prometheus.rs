//! `--prometheus`: the figures in Prometheus' text format, for node_exporter's textfile collector.
//! Pure.

use super::facts::Facts;
use crate::look::state::State;
use std::fmt::Write;

/// One metric: its name without `daemontools_service_`, its type, its help, and its value.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&Facts) -> Option<f64>,
}

const fn gauge(name: &'static str, help: &'static str, value: fn(&Facts) -> Option<f64>) -> Metric {
    Metric { name, kind: "gauge", help, value }
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

#[allow(clippy::cast_precision_loss, reason = "figures below 2^53")]
fn number(number: u64) -> f64 {
    number as f64
}

const METRICS: [Metric; 11] = [
    // Of a service that may not be read nothing is known.
    gauge("up", "Whether the service is up.", |facts| {
        facts.as_wanted.map(|_| flag(facts.state == State::Up.word()))
    }),
    gauge(
        "as_wanted",
        "Whether the service and its logger are as they were asked to be.",
        |facts| facts.as_wanted.map(flag),
    ),
    gauge("wanted_up", "Whether the service is to be started when it ends.", |facts| {
        facts.wanted.map(|wanted| flag(wanted == "up"))
    }),
    gauge("supervised", "Whether a supervise runs for the service.", |facts| {
        facts.supervised.map(flag)
    }),
    gauge("flapping", "Whether the service is started again and again.", |facts| {
        facts.starts.map(|_| flag(facts.state == State::Flapping.word()))
    }),
    gauge("since_seconds", "Seconds since the service was last started or last ended.", |facts| {
        facts.since_seconds.map(number)
    }),
    Metric {
        name: "starts_total",
        kind: "counter",
        help: "Starts of the service since the system was booted.",
        value: |facts| facts.starts.map(number),
    },
    gauge("last_exit_code", "The exit code of the last run, if it ended with one.", |facts| {
        facts.last_exit_code.map(f64::from)
    }),
    gauge("last_exit_signal", "The signal that ended the last run, if one did.", |facts| {
        facts.last_exit_signal.map(f64::from)
    }),
    gauge("rss_bytes", "Memory in RAM of the process and its descendants.", |facts| {
        facts.rss_bytes.map(number)
    }),
    gauge(
        "processes",
        "How many processes the service has: its own and the descendants of that.",
        |facts| facts.processes.map(|count| number(count as u64)),
    ),
];

/// The text for these services and their loggers.
#[must_use]
pub fn text(services: &[Facts]) -> String {
    let mut text = String::new();
    let all =
        || services.iter().flat_map(|facts| std::iter::once(facts).chain(facts.log.as_deref()));
    for metric in &METRICS {
        let values: Vec<_> =
            all().filter_map(|facts| Some((facts, (metric.value)(facts)?))).collect();
        if values.is_empty() {
            continue;
        }
        let name = metric.name;
        let _ = writeln!(text, "# HELP daemontools_service_{name} {}", metric.help);
        let _ = writeln!(text, "# TYPE daemontools_service_{name} {}", metric.kind);
        for (facts, value) in values {
            let service = label(&facts.raw_name);
            let _ = writeln!(text, "daemontools_service_{name}{{service=\"{service}\"}} {value}");
        }
    }
    text
}

/// A name as the value of a label.
fn label(name: &[u8]) -> String {
    let shown = crate::text::escaped(name, crate::text::Kind::Name, crate::text::Alphabet::Unicode);
    shown.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_has_its_help_its_type_and_a_line_for_each_that_is_known() {
        let as_wanted = Some(true);
        let log =
            Facts { raw_name: b"a/log".to_vec(), state: "down", as_wanted, ..Facts::default() };
        let facts = Facts {
            raw_name: b"a\"\\\n".to_vec(),
            state: "up",
            as_wanted,
            starts: Some(3),
            log: Some(Box::new(log)),
            ..Facts::default()
        };
        let text = text(&[facts]);
        let expected = "# HELP daemontools_service_up Whether the service is up.\n\
            # TYPE daemontools_service_up gauge\n\
            daemontools_service_up{service=\"a\\\"\\\\x5c\\\\x0a\"} 1\n\
            daemontools_service_up{service=\"a/log\"} 0\n";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("# TYPE daemontools_service_starts_total counter\n"), "{text}");
        assert!(text.contains("starts_total{service=\"a\\\"\\\\x5c\\\\x0a\"} 3\n"), "{text}");
        assert!(!text.contains("rss_bytes"), "{text}");
    }
}
