//! `status` and `list`: looks at services, and shows them in the form that was asked for.

use crate::look::state::State;
use crate::look::{Looker, Scope, Service};
use crate::options::{self, Form, Options, Which};
use crate::output;
use crate::select::{Selection, select};
use crate::show::advice::{Advice, Again};
use crate::show::facts::{Document, FORMAT, Facts, hexadecimal};
use crate::show::fields::Fields;
use crate::show::table::{Layout, Row};
use crate::show::{json, page, prometheus, rows, units};
use crate::{SVCTL, text};
use daemontools_rs::error::Exit;
use daemontools_rs::sys::{descriptor, terminal};

/// The form in which services are shown: what the options in [`Form`] come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The table, or the page of one service.
    People,
    /// `--json`
    Json,
    /// `--fields`
    Fields(Fields),
    /// `--prometheus`
    Prometheus,
}

impl Shape {
    /// The form that was asked for.
    ///
    /// # Errors
    /// The exit code, after a message.
    pub fn of(form: &Form) -> Result<Self, Exit> {
        if !form.fields.is_empty() {
            let fields = Fields::parse(&form.fields).map_err(|unknown| {
                let unknown = text::quoted(unknown.as_bytes());
                let known = Fields::known().join(" ");
                SVCTL.usage(&format!(
                    "there is no field {unknown}; there are {known}, and log. before each"
                ))
            })?;
            return Ok(Self::Fields(fields));
        }
        Ok(match (form.json, form.prometheus) {
            (true, _) => Self::Json,
            (_, true) => Self::Prometheus,
            _ => Self::People,
        })
    }

    /// What the looks must include for this form: whether the memory, and which services.
    fn needs(&self) -> (bool, Scope) {
        match self {
            Self::Fields(fields) => (fields.need_memory(), Scope { logger: fields.need_logger() }),
            Self::People | Self::Json | Self::Prometheus => (true, Scope { logger: true }),
        }
    }
}

/// `svctl status`, and `svctl` without a verb.
#[must_use]
pub fn status(options: &Options, which: Option<&Which>) -> Exit {
    let shape = match Shape::of(&options.form) {
        Ok(shape) => shape,
        Err(exit) => return exit,
    };
    let words = which.map(Which::words).unwrap_or_default();
    let selection = match select(&words, options::bytes(options.directory.as_ref())) {
        Ok(selection) => selection,
        Err(exit) => return exit,
    };
    let (needs_memory, scope) = shape.needs();
    let mut looker = Looker::new();
    let mut services: Vec<Service> =
        selection.targets.iter().map(|target| looker.look(target, scope)).collect();
    if needs_memory {
        looker.weigh(&mut services);
    }
    let is_as_asked = |service: &Service| {
        if words.is_empty() { service.is_as_wanted() } else { service.state == State::Up }
    };
    let mut exit = selection.exit;
    if !services.iter().all(is_as_asked) {
        exit = exit.max(Exit::NOT_UP);
    }
    exit = exit.max(say_troubles(&services));
    if options.quiet || services.is_empty() && selection.exit != Exit::SUCCESS {
        return exit;
    }
    show(&shape, &selection, &services, &looker, options, exit)
}

/// Reports on stderr what could not be read.
fn say_troubles(services: &[Service]) -> Exit {
    let mut exit = Exit::SUCCESS;
    let mut refused = 0;
    for service in services.iter().flat_map(|service| [Some(service), service.logger.as_deref()]) {
        let Some(service) = service else { continue };
        if service.is_refused() {
            refused += 1;
            exit = Exit::SYSTEM;
            continue;
        }
        if service.trouble.is_some() {
            exit = Exit::SYSTEM;
        }
        let troubles = [&service.trouble, &service.journal_trouble];
        for trouble in troubles.into_iter().flatten().filter(|trouble| !trouble.is_refusal) {
            let name = text::name(&service.target.name);
            SVCTL.warning(&[
                b"unable to ",
                trouble.action.as_bytes(),
                b" of ",
                name.as_bytes(),
                b": ",
                trouble.reason.as_bytes(),
            ]);
        }
    }
    if refused > 0 {
        let services = units::count(refused, "service");
        SVCTL.warning(&[b"unable to look at ", services.as_bytes(), b": not permitted; try sudo"]);
    }
    exit
}

fn show(
    shape: &Shape,
    selection: &Selection,
    services: &[Service],
    looker: &Looker,
    options: &Options,
    exit: Exit,
) -> Exit {
    let facts = || services.iter().map(|service| Facts::of(service, looker));
    match shape {
        Shape::Json => output::write(&json::text(&document(selection, facts().collect())), exit),
        Shape::Prometheus => {
            output::write(prometheus::text(&facts().collect::<Vec<_>>()).as_bytes(), exit)
        }
        Shape::Fields(fields) => {
            let lines: Vec<String> = facts().map(|facts| fields.line(&facts)).collect();
            output::write_lines(&lines, exit)
        }
        Shape::People => {
            let lines = match services {
                [service] if selection.is_one => {
                    let place = place(selection);
                    let heading = format!("{place}{}", page::summary(service, looker));
                    let again = Again::of(options.directory.as_deref());
                    page::lines(service, looker, &again, heading)
                }
                _ => table(selection, services, looker, options),
            };
            output::write_lines(&lines, exit)
        }
    }
}

/// The document of `--json`.
#[must_use]
pub fn document(selection: &Selection, services: Vec<Facts>) -> Document {
    let path = selection.scan.as_ref().map(|scan| &scan.path[..]);
    Document {
        format: FORMAT,
        directory: path.map(|path| String::from_utf8_lossy(path).into_owned()),
        directory_hex: path.and_then(hexadecimal),
        services,
    }
}

/// `/service: `, if the services were looked up in a scan directory.
#[must_use]
pub fn place(selection: &Selection) -> String {
    let path = selection.scan.as_ref().map(|scan| text::name(&scan.path));
    path.map_or_else(String::new, |path| format!("{path}: "))
}

fn table(
    selection: &Selection,
    services: &[Service],
    looker: &Looker,
    options: &Options,
) -> Vec<String> {
    let amiss = services.iter().filter(|service| !service.is_as_wanted()).count();
    let verdict = match amiss {
        0 => "all as wanted".to_owned(),
        _ => format!("{amiss} not as wanted"),
    };
    let place = place(selection);
    if services.is_empty() {
        return vec![format!("{place}no services")];
    }
    let mut lines = vec![format!("{place}{}, {verdict}", units::count(services.len(), "service"))];
    let columns = terminal::columns(descriptor::standard(1)).map(usize::from);
    let rows = |is_brief| -> Vec<Row> {
        services.iter().map(|service| rows::row(service, looker, is_brief)).collect()
    };
    let rows = rows(columns.is_some_and(|columns| !Layout::of(&rows(false), None).fits(columns)));
    let layout = Layout::of(&rows, columns);
    lines.push(layout.titles());
    lines.extend(rows.iter().map(|row| layout.row(row)));
    let again = Again::of(options.directory.as_deref());
    let advice = advice(selection, services, looker, &again);
    if !advice.is_empty() {
        lines.push(String::new());
        lines.extend(advice.iter().flat_map(|advice| advice.lines(layout.indent(), columns)));
    }
    lines
}

fn advice(
    selection: &Selection,
    services: &[Service],
    looker: &Looker,
    again: &Again,
) -> Vec<Advice> {
    let mut all = Vec::new();
    // Without an svscan nothing is supervised: that is said once, not for each service.
    let is_scanned = selection.scan.as_ref().and_then(|scan| Some((scan.is_scanned()?, scan)));
    let unscanned = is_scanned.filter(|(is_scanned, _)| !is_scanned);
    if let Some((_, scan)) = unscanned {
        all.push(Advice::on_the_scan(&scan.path));
    }
    let is_news = |service: &Service| {
        unscanned.is_none() || service.state != State::NotSupervised || service.runs_on.is_some()
    };
    for service in services.iter().filter(|service| !service.is_refused()) {
        if is_news(service) {
            all.extend(Advice::on(service, looker, again));
        }
        if let Some(logger) = service.logger.as_deref().filter(|logger| is_news(logger)) {
            all.extend(Advice::on(logger, looker, again));
        }
    }
    all
}

/// `svctl list`; `state`: only services in it; `is_raw`: with a NUL byte after each name.
#[must_use]
pub fn list(options: &Options, state: Option<&str>, is_raw: bool) -> Exit {
    let state = match state.map(|text| State::named(text).ok_or(text)) {
        None => None,
        Some(Ok(state)) => Some(state),
        Some(Err(unknown)) => {
            let known: Vec<&str> = State::ALL.iter().map(|state| state.word()).collect();
            let unknown = text::quoted(unknown.as_bytes());
            let known = known.join(", ");
            return SVCTL.usage(&format!("there is no state {unknown}; there are {known}"));
        }
    };
    let selection = match select(&[], options::bytes(options.directory.as_ref())) {
        Ok(selection) => selection,
        Err(exit) => return exit,
    };
    let mut exit = Exit::SUCCESS;
    let mut targets = selection.targets;
    if let Some(state) = state {
        let looker = Looker::new();
        let look = |target| looker.look(target, Scope { logger: false });
        let services: Vec<Service> = targets.iter().map(look).collect();
        exit = say_troubles(&services);
        let in_state = services.into_iter().filter(|service| service.state == state);
        targets = in_state.map(|service| service.target).collect();
    }
    let mut text = Vec::new();
    for target in &targets {
        if is_raw {
            text.extend_from_slice(&target.name);
            text.push(0);
        } else {
            text.extend_from_slice(text::name(&target.name).as_bytes());
            text.push(b'\n');
        }
    }
    output::write(&text, exit)
}
