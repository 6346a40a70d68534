//! The table: a row of figures, a row of ratios to the peers, and what came of the target.

use crate::contestant::{Contestant, Kind};

/// What ours shall reach.
#[derive(Clone, Copy)]
pub enum Target {
    Below(f64),
    AtMost(f64),
    /// At most this much of 0.76's figure in the same run.
    ShareOfOriginal(f64),
    /// For comparison only.
    None,
}

impl Target {
    fn text(self) -> String {
        match self {
            Self::Below(limit) => format!("< {limit}"),
            Self::AtMost(limit) => format!("<= {limit:.0}"),
            Self::ShareOfOriginal(share) => {
                format!("<= {} of 0.76", (share * 1000.0).round() / 1000.0)
            }
            Self::None => String::new(),
        }
    }

    fn verdict(self, ours: Option<f64>, original: Option<f64>) -> &'static str {
        let met = match (self, ours, original) {
            (Self::Below(limit), Some(ours), _) => ours < limit,
            (Self::AtMost(limit), Some(ours), _) => ours <= limit,
            (Self::ShareOfOriginal(share), Some(ours), Some(original)) => ours <= share * original,
            (Self::None, ..) => return "",
            _ => return "not known",
        };
        if met { "met" } else { "MISSED" }
    }
}

/// One thing measured: a figure of each contestant, in the order of the table.
pub struct Row {
    title: String,
    figures: Vec<f64>,
    /// How bad it gets: the 90th percentile, where there are many samples.
    high: Option<Vec<f64>>,
    target: Target,
}

impl Row {
    /// The medians of times in milliseconds.
    pub fn of_times(title: &str, times: &[Vec<f64>], target: Target) -> Self {
        let counts = times.iter().map(Vec::len).max().unwrap_or_default();
        Self {
            title: format!("{title}, ms, median of {counts}"),
            figures: times.iter().map(|times| percentile(times, 50)).collect(),
            high: Some(times.iter().map(|times| percentile(times, 90)).collect()),
            target,
        }
    }

    pub fn of_means(title: &str, figures: impl Iterator<Item = f64>, target: Target) -> Self {
        Self { title: title.to_owned(), figures: figures.collect(), high: None, target }
    }
}

/// The sample that so many percent of all samples do not exceed (the nearest rank).
fn percentile(samples: &[f64], percent: usize) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (samples.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

pub struct Table {
    kinds: Vec<Kind>,
    rows: Vec<Row>,
    notes: Vec<&'static str>,
}

const TITLE: usize = 66;
const COLUMN: usize = 9;

impl Table {
    pub fn new(contestants: &[Contestant]) -> Self {
        let kinds = contestants.iter().map(|contestant| contestant.kind).collect();
        Self { kinds, rows: Vec::new(), notes: Vec::new() }
    }

    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub fn note(&mut self, note: &'static str) {
        self.notes.push(note);
    }

    pub fn print(&self) {
        let names = Kind::ALL.map(|kind| Some(kind.name().to_owned()));
        println!();
        println!("{}  {:17}verdict", line("", &names), "target");
        println!("{}", "-".repeat(TITLE + COLUMN * Kind::ALL.len() + 24));
        for row in &self.rows {
            self.print_row(row);
        }
        println!();
        println!("A ratio is ours / theirs: below 1, ours takes less.");
        for note in &self.notes {
            println!("{note}");
        }
    }

    fn print_row(&self, row: &Row) {
        let ours = self.of(Kind::Ours, &row.figures);
        let original = self.of(Kind::Original, &row.figures);
        let cells = |figures| Kind::ALL.map(|kind| self.of(kind, figures).map(figure));
        println!(
            "{}  {:17}{}",
            line(&row.title, &cells(&row.figures)),
            row.target.text(),
            row.target.verdict(ours, original)
        );
        if let Some(high) = &row.high {
            println!("{}", line("    90th percentile", &cells(high)));
        }
        if let Some(ours) = ours {
            let ratio = |kind: Kind| {
                let theirs = self.of(kind, &row.figures).filter(|_| kind != Kind::Ours)?;
                (theirs > 0.0).then(|| figure(ours / theirs))
            };
            println!("{}", line("    ratio", &Kind::ALL.map(ratio)));
        }
    }

    fn of(&self, kind: Kind, figures: &[f64]) -> Option<f64> {
        let place = self.kinds.iter().position(|present| *present == kind)?;
        // A contestant that has no such command has no samples.
        figures.get(place).copied().filter(|figure| !figure.is_nan())
    }
}

fn line(title: &str, cells: &[Option<String>]) -> String {
    let cells = cells.iter().map(|cell| cell.as_deref().unwrap_or("-"));
    cells.fold(format!("{title:TITLE$}"), |line, cell| format!("{line}{cell:>COLUMN$}"))
}

/// Three digits that matter, more where they stand before the point.
fn figure(value: f64) -> String {
    match value {
        value if value == 0.0 || value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 0.1 => format!("{value:.2}"),
        value => format!("{value:.5}"),
    }
}
