//! The one table.

use std::fmt;

/// Rows in the order of measuring.
#[derive(Debug, Default)]
pub(crate) struct Table {
    section: String,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    section: String,
    what: String,
    value: Option<f64>,
    unit: &'static str,
    target: Target,
    note: String,
}

/// What a number should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// For scale only.
    None,
    /// Not more than this.
    Most(f64),
    /// Less than this.
    Below(f64),
    /// Not less than this.
    Least(f64),
}

impl Table {
    pub(crate) fn section(&mut self, name: &str) {
        name.clone_into(&mut self.section);
    }

    /// A number, the target for it, and a word about how it came to be.
    pub(crate) fn row(
        &mut self,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        target: Target,
        note: impl Into<String>,
    ) {
        let section = self.section.clone();
        let (what, note, value) = (what.into(), note.into(), Some(value));
        self.rows.push(Row { section, what, value, unit, target, note });
    }

    /// Something that cannot be measured here.
    pub(crate) fn skipped(&mut self, what: impl Into<String>, why: impl Into<String>) {
        let (section, what, note) = (self.section.clone(), what.into(), why.into());
        let (value, unit, target) = (None, "", Target::None);
        self.rows.push(Row { section, what, value, unit, target, note });
    }

    /// One JSON object per line.
    pub(crate) fn json(&self) -> String {
        let line = |row: &Row| {
            let object = serde_json::json!({
                "section": row.section,
                "what": row.what,
                "value": row.value,
                "unit": row.unit,
                "target": row.target.to_string(),
                "met": row.met(),
                "note": row.note,
            });
            format!("{object}\n")
        };
        self.rows.iter().map(line).collect()
    }
}

impl Row {
    fn met(&self) -> Option<bool> {
        let value = self.value?;
        match self.target {
            Target::None => None,
            Target::Most(most) => Some(value <= most),
            Target::Below(limit) => Some(value < limit),
            Target::Least(least) => Some(value >= least),
        }
    }

    fn cells(&self) -> [String; 5] {
        let value =
            self.value.map_or_else(|| "skipped".into(), |v| format!("{} {}", digits(v), self.unit));
        let met = match self.met() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        [self.what.clone(), value, self.target.to_string(), met.into(), self.note.clone()]
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["what", "measured", "target", "", ""].map(str::to_owned);
        let cells: Vec<_> = self.rows.iter().map(|row| (Some(row), row.cells())).collect();
        let all = || std::iter::once(&head).chain(cells.iter().map(|(_, cells)| cells));
        let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths = [width(0), width(1), width(2), width(3)];
        let mut section = "";
        for (row, cells) in std::iter::once((None, head.clone())).chain(cells.clone()) {
            if let Some(row) = row.filter(|row| row.section != section) {
                section = &row.section;
                writeln!(f, "-- {section}")?;
            }
            let [what, value, target, met, note] = cells;
            let [w0, w1, w2, w3] = widths;
            let line = format!("{what:w0$}  {value:>w1$}  {target:>w2$}  {met:w3$}  {note}");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Most(n) => write!(f, "<= {}", digits(*n)),
            Self::Below(n) => write!(f, "< {}", digits(*n)),
            Self::Least(n) => write!(f, ">= {}", digits(*n)),
        }
    }
}

/// Three digits that mean something.
fn digits(value: f64) -> String {
    let places = match value.abs() {
        v if v >= 100.0 || v == v.trunc() => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.places$}")
}
