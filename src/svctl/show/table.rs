//! The table: how wide each column is, and which columns are left out in a narrow terminal. Pure:
//! [`rows`](super::rows) has the text of the cells.

use crate::text;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Column {
    title: &'static str,
    is_right: bool,
    /// The least width: a table keeps its shape from one look to the next.
    least: usize,
}

const fn column(title: &'static str, is_right: bool, least: usize) -> Column {
    Column { title, is_right, least }
}

/// How many columns there are.
pub const COLUMNS: usize = 8;

const TABLE: [Column; COLUMNS] = [
    column("SERVICE", false, 0),
    column("STATE", false, 0),
    column("PID", false, 5),
    column("SINCE", false, 0),
    column("STARTS", true, 0),
    column("LAST EXIT", false, 0),
    column("RSS", true, 4),
    column("LOG", false, 0),
];

/// The columns that are left out if there is no room, in this order: RSS, LOG, LAST EXIT, STARTS.
const DISPENSABLE: [usize; 4] = [6, 7, 5, 4];
const SERVICE: usize = 0;
const STATE: usize = 1;
/// The blanks between two columns.
const GAP: usize = 2;
/// No name and no state is cut to fewer columns than this.
const STUMP: usize = 8;

/// One line of the table.
pub type Row = [String; COLUMNS];

/// How a table is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    widths: [usize; COLUMNS],
    is_shown: [bool; COLUMNS],
}

impl Layout {
    /// The layout of `rows` for a terminal of so many columns. Without a number nothing is cut.
    #[must_use]
    pub fn of(rows: &[Row], room: Option<usize>) -> Self {
        let mut layout = Self { widths: [0; COLUMNS], is_shown: [true; COLUMNS] };
        for (place, column) in TABLE.iter().enumerate() {
            let cells = rows.iter().filter_map(|row| row.get(place));
            let longest = cells.map(|cell| text::width(cell)).max().unwrap_or(0);
            layout.set(place, longest.max(column.title.len()).max(column.least));
        }
        if let Some(room) = room {
            layout.fit(room);
        }
        layout
    }

    /// Whether a line is not longer than this.
    #[must_use]
    pub fn fits(&self, room: usize) -> bool {
        self.total() <= room
    }

    fn fit(&mut self, room: usize) {
        // A long name is cut before a column is left out, but never to less than a third of the
        // line.
        self.shrink(SERVICE, room, (room / 3).max(2 * STUMP));
        for place in DISPENSABLE {
            if self.total() > room {
                if let Some(is_shown) = self.is_shown.get_mut(place) {
                    *is_shown = false;
                }
            }
        }
        self.shrink(SERVICE, room, 2 * STUMP);
        self.shrink(STATE, room, STUMP + 2);
        self.shrink(SERVICE, room, STUMP);
        self.shrink(STATE, room, STUMP);
    }

    /// Makes a column narrower so that the line fits, but no narrower than `least`.
    fn shrink(&mut self, place: usize, room: usize, least: usize) {
        let excess = self.total().saturating_sub(room);
        let width = self.width(place);
        self.set(place, width.saturating_sub(excess).max(least.min(width)));
    }

    fn width(&self, place: usize) -> usize {
        self.widths.get(place).copied().unwrap_or(0)
    }

    fn set(&mut self, place: usize, width: usize) {
        if let Some(old) = self.widths.get_mut(place) {
            *old = width;
        }
    }

    /// How wide a line is.
    fn total(&self) -> usize {
        let shown = self.widths.iter().zip(self.is_shown).filter(|(_, is_shown)| *is_shown);
        shown.map(|(width, _)| width + GAP).sum::<usize>().saturating_sub(GAP)
    }

    /// How wide the column of the names is, with the gap after it.
    #[must_use]
    pub fn indent(&self) -> usize {
        self.width(SERVICE) + GAP
    }

    /// The line of the titles.
    #[must_use]
    pub fn titles(&self) -> String {
        self.line(TABLE.map(|column| column.title.to_owned()).iter())
    }

    /// The line of one row.
    #[must_use]
    pub fn row(&self, row: &Row) -> String {
        self.line(row.iter())
    }

    fn line<'a>(&self, cells: impl Iterator<Item = &'a String>) -> String {
        let mut line = String::new();
        for (((cell, column), width), is_shown) in
            cells.zip(TABLE).zip(self.widths).zip(self.is_shown)
        {
            if !is_shown {
                continue;
            }
            let cell = text::cut(cell, width);
            let padding = " ".repeat(width.saturating_sub(text::width(&cell)));
            let (before, after) =
                if column.is_right { (&padding[..], "") } else { ("", &padding[..]) };
            line.extend([before, &cell, after, "  "]);
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: [&str; COLUMNS]) -> Row {
        cells.map(str::to_owned)
    }

    fn sample() -> Vec<Row> {
        vec![
            row(["api", "up", "2231", "12d 4h", "1", "-", "212M", "up"]),
            row(["mailer", "stopping", "9127", "40m", "2", "killed by SEGV", "38M", "up"]),
            row(["nginx", "flapping", "-", "0s", "412", "exit 1", "-", "up"]),
        ]
    }

    fn lines(rows: &[Row], room: Option<usize>) -> Vec<String> {
        let layout = Layout::of(rows, room);
        let rows = rows.iter().map(|row| layout.row(row));
        std::iter::once(layout.titles()).chain(rows).collect()
    }

    #[test]
    fn eighty_columns_hold_all_of_a_usual_table() {
        let expected = [
            "SERVICE  STATE     PID    SINCE   STARTS  LAST EXIT        RSS  LOG",
            "api      up        2231   12d 4h       1  -               212M  up",
            "mailer   stopping  9127   40m          2  killed by SEGV   38M  up",
            "nginx    flapping  -      0s         412  exit 1             -  up",
        ];
        assert_eq!(lines(&sample(), Some(80)), expected);
        assert_eq!(lines(&sample(), Some(200)), expected);
        assert_eq!(lines(&sample(), None), expected);
    }

    #[test]
    fn columns_are_lost_in_their_order() {
        let titles = |room| lines(&sample(), Some(room)).remove(0);
        assert_eq!(titles(66), "SERVICE  STATE     PID    SINCE   STARTS  LAST EXIT       LOG");
        assert_eq!(titles(60), "SERVICE  STATE     PID    SINCE   STARTS  LAST EXIT");
        assert_eq!(titles(50), "SERVICE  STATE     PID    SINCE   STARTS");
        assert_eq!(titles(39), "SERVICE  STATE     PID    SINCE");
    }

    #[test]
    fn a_long_name_is_cut_and_no_line_is_too_long() {
        let mut rows = sample();
        let name = "a-service-with-a-name-of-forty-two-columns";
        rows.push(row([name, "waiting to restart", "-", "1s", "3", "exit 111", "-", "waiting"]));
        rows.push(row(["日本語のとても長い名前です", "up", "1", "1s", "3", "exit 1", "-", "up"]));
        for room in 34..=160 {
            for line in lines(&rows, Some(room)) {
                assert!(text::width(&line) <= room, "{room}: {line}");
            }
        }
        assert!(lines(&rows, Some(80))[4].starts_with("a-service-with-a-name-of-~  waiting to"));
        assert!(lines(&rows, Some(40))[4].starts_with("a-service-wi~  waiting t~"));
        assert!(lines(&rows, None)[4].starts_with(name));
    }
}
