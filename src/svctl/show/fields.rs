//! `--fields`: a line for each service, with tabs between the columns, for scripts.

use super::facts::Facts;
use crate::text;
use serde_json::Value;

/// What is printed for null.
const NOTHING: &str = "-";

/// Fields of the JSON by their names. Fields of the logger begin with `log.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields(Vec<String>);

impl Fields {
    /// The fields of these names.
    ///
    /// # Errors
    /// The first name that is no field.
    pub fn parse(names: &[String]) -> Result<Self, &str> {
        let known = Self::known();
        for name in names {
            let field = name.strip_prefix("log.").unwrap_or(name);
            if !known.iter().any(|known| known == field) {
                return Err(name);
            }
        }
        Ok(Self(names.to_vec()))
    }

    /// The names of all fields.
    #[must_use]
    pub fn known() -> Vec<String> {
        let all = Facts {
            name_hex: Some(String::new()),
            result: Some(String::new()),
            ..Facts::default()
        };
        match serde_json::to_value(all) {
            Ok(Value::Object(fields)) => {
                fields.into_iter().map(|(name, _)| name).filter(|name| name != "log").collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether one of them needs the processes to be counted.
    #[must_use]
    pub fn need_memory(&self) -> bool {
        self.0.iter().any(|name| name.ends_with("rss_bytes") || name.ends_with("processes"))
    }

    /// Whether one of them is the logger's.
    #[must_use]
    pub fn need_logger(&self) -> bool {
        self.0.iter().any(|name| name.starts_with("log.") || name == "as_wanted")
    }

    /// The line of one service.
    #[must_use]
    pub fn line(&self, facts: &Facts) -> String {
        let value = serde_json::to_value(facts).unwrap_or_default();
        let cell = |name: &String| match (name.as_str(), name.strip_prefix("log.")) {
            ("name", _) => text::name(&facts.raw_name),
            (_, Some("name")) => facts
                .log
                .as_ref()
                .map_or_else(|| NOTHING.to_owned(), |log| text::name(&log.raw_name)),
            (_, Some(field)) => cell(value.get("log").and_then(|log| log.get(field))),
            (field, None) => cell(value.get(field)),
        };
        self.0.iter().map(cell).collect::<Vec<_>>().join("\t")
    }
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => NOTHING.to_owned(),
        Some(Value::String(text)) => text::name(text.as_bytes()),
        Some(Value::Array(values)) if values.is_empty() => NOTHING.to_owned(),
        Some(Value::Array(values)) => {
            values.iter().map(|value| cell(Some(value))).collect::<Vec<_>>().join(",")
        }
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_those_of_the_json() {
        let fields = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            Fields::parse(&names).map_err(str::to_owned)
        };
        assert_eq!(fields(&["name", "log.state", "nonsense"]), Err("nonsense".to_owned()));
        assert_eq!(fields(&["log"]), Err("log".to_owned()));
        let wanted =
            fields(&["name", "state", "pid", "last_starts", "log.name", "log.pid"]).unwrap();
        let log = Facts { raw_name: b"a/log".to_vec(), pid: Some(7), ..Facts::default() };
        let facts = Facts {
            raw_name: b"a\tb".to_vec(),
            state: "waiting to restart",
            last_starts: Some(vec!["x".to_owned(), "y".to_owned()]),
            log: Some(Box::new(log)),
            ..Facts::default()
        };
        assert_eq!(wanted.line(&facts), "a\\x09b\twaiting to restart\t-\tx,y\ta/log\t7");
        let none = Facts { log: None, last_starts: Some(vec![]), ..facts };
        assert_eq!(wanted.line(&none), "a\\x09b\twaiting to restart\t-\t-\t-\t-");
    }
}
