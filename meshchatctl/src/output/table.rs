//! Tables: aligned by what letters take on a screen, cut to the width of the terminal.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::View;
use super::escape::escape;
use super::style::{Mark, Paint};

/// Rows under named columns.
#[derive(Debug)]
pub(crate) struct Table {
    columns: &'static [Column],
    rows: Vec<Vec<Cell>>,
}

/// A column: its name in `--fields`, which in capitals is its header.
#[derive(Debug)]
pub(crate) struct Column {
    name: &'static str,
    right: bool,
    /// Goes to a line of its own where the table would be too wide with it.
    note: bool,
}

impl Column {
    pub(crate) const fn left(name: &'static str) -> Self {
        Self { name, right: false, note: false }
    }

    pub(crate) const fn right(name: &'static str) -> Self {
        Self { name, right: true, note: false }
    }

    pub(crate) const fn note(name: &'static str) -> Self {
        Self { name, right: false, note: true }
    }
}

/// One value: as shown to people, already escaped, and as given to scripts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    shown: String,
    raw: Option<String>,
    paint: Paint,
}

impl Cell {
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self { shown: escape(text.as_ref()).into_owned(), raw: None, paint: Paint::Plain }
    }

    /// What `--terse` prints instead.
    pub(crate) fn raw(mut self, raw: impl ToString) -> Self {
        self.raw = Some(escape(&raw.to_string()).into_owned());
        self
    }

    pub(crate) const fn paint(mut self, paint: Paint) -> Self {
        self.paint = paint;
        self
    }
}

impl From<Mark> for Cell {
    fn from(mark: Mark) -> Self {
        Self::new(format!("{} {}", mark.glyph, mark.word)).raw(mark.word).paint(mark.paint)
    }
}

impl Table {
    pub(crate) fn new(
        columns: &'static [Column],
        rows: impl IntoIterator<Item = Vec<Cell>>,
    ) -> Self {
        Self { columns, rows: rows.into_iter().collect() }
    }

    /// The lines of the table.
    ///
    /// # Errors
    ///
    /// When `--fields` names a column that there is not.
    pub(crate) fn render(&self, view: &View) -> Result<String, String> {
        let chosen = self.choose(&view.fields)?;
        if view.terse {
            return Ok(self.terse(&chosen));
        }
        let most = view.width.unwrap_or(usize::MAX);
        let (beside, below): (Vec<usize>, Vec<usize>) = match total(&self.widths(&chosen, view)) {
            wide if wide > most => chosen.iter().partition(|index| !self.is_note(**index)),
            _ => (chosen.clone(), Vec::new()),
        };
        let widths = self.widths(&beside, view);
        Ok(match squeeze(widths, most) {
            Some(widths) => self.lines(&beside, &below, &widths, view),
            None => self.blocks(&chosen, view),
        })
    }

    fn lines(&self, beside: &[usize], below: &[usize], widths: &[usize], view: &View) -> String {
        let mut out = String::new();
        if view.legend && !self.rows.is_empty() {
            let header: Vec<Cell> = beside.iter().map(|index| self.header(*index)).collect();
            self.line(&mut out, beside, widths, &header, view);
        }
        for row in &self.rows {
            let cell = |index: &usize| row.get(*index).cloned().unwrap_or_default();
            let cells: Vec<Cell> = beside.iter().map(cell).collect();
            self.line(&mut out, beside, widths, &cells, view);
            for note in below.iter().map(cell).filter(|note| !note.shown.is_empty()) {
                for line in wrapped(&note.shown, view.width) {
                    out.push_str(&format!("{BELOW}{}\n", note.paint.on(&line, view.color)));
                }
            }
        }
        out
    }

    /// One line for each value, for terminals on which no row fits.
    fn blocks(&self, chosen: &[usize], view: &View) -> String {
        let headers: Vec<Cell> = chosen.iter().map(|index| self.header(*index)).collect();
        let wide = headers.iter().map(|header| header.shown.width()).max().unwrap_or(0);
        let block = |row: &Vec<Cell>| {
            let mut out = String::new();
            for (index, header) in chosen.iter().zip(&headers) {
                let Some(cell) = row.get(*index).filter(|cell| !cell.shown.is_empty()) else {
                    continue;
                };
                let space = wide - header.shown.width() + GAP.len();
                let name = header.paint.on(&header.shown, view.color);
                let value = cell.paint.on(&cell.shown, view.color);
                out.push_str(&format!("{name}{:space$}{value}\n", ""));
            }
            out
        };
        self.rows.iter().map(block).collect::<Vec<_>>().join("\n")
    }

    fn header(&self, index: usize) -> Cell {
        let name = self.columns.get(index).map_or("", |column| column.name);
        Cell { shown: name.to_uppercase(), raw: None, paint: Paint::Header }
    }

    fn is_note(&self, index: usize) -> bool {
        self.columns.get(index).is_some_and(|column| column.note)
    }

    fn choose(&self, fields: &[String]) -> Result<Vec<usize>, String> {
        if fields.is_empty() {
            return Ok((0..self.columns.len()).collect());
        }
        let find = |field: &String| {
            self.columns.iter().position(|column| column.name == field.trim()).ok_or_else(|| {
                let known: Vec<&str> = self.columns.iter().map(|column| column.name).collect();
                format!("no column '{field}'; there are {}", known.join(","))
            })
        };
        fields.iter().map(find).collect()
    }

    fn terse(&self, chosen: &[usize]) -> String {
        let mut out = String::new();
        for row in &self.rows {
            let values: Vec<&str> = chosen
                .iter()
                .filter_map(|index| row.get(*index))
                .map(|cell| cell.raw.as_deref().unwrap_or(&cell.shown))
                .collect();
            out.push_str(&values.join("\t"));
            out.push('\n');
        }
        out
    }

    /// What each column would like to take.
    fn widths(&self, chosen: &[usize], view: &View) -> Vec<usize> {
        let wide = |index: &usize| {
            let header =
                if view.legend { self.columns.get(*index).map_or(0, |c| c.name.len()) } else { 0 };
            let cells = self.rows.iter().filter_map(|row| row.get(*index));
            cells.map(|cell| cell.shown.width()).fold(header, usize::max)
        };
        chosen.iter().map(wide).collect()
    }

    fn line(
        &self,
        out: &mut String,
        chosen: &[usize],
        widths: &[usize],
        cells: &[Cell],
        view: &View,
    ) {
        let start = out.len();
        for (at, ((cell, width), index)) in cells.iter().zip(widths).zip(chosen).enumerate() {
            if at > 0 {
                out.push_str(GAP);
            }
            let text = fit(&cell.shown, *width);
            let space = " ".repeat(width.saturating_sub(text.width()));
            let text = cell.paint.on(&text, view.color);
            match self.columns.get(*index).is_some_and(|column| column.right) {
                true => out.extend([space, text]),
                false => out.extend([text, space]),
            }
        }
        let end = out.trim_end_matches(' ').len().max(start);
        out.truncate(end);
        out.push('\n');
    }
}

fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)
}

/// The widest give way until all fit; none when too little would be left of them.
fn squeeze(mut widths: Vec<usize>, most: usize) -> Option<Vec<usize>> {
    while total(&widths) > most {
        let widest = widths.iter_mut().max().filter(|widest| **widest > NARROWEST)?;
        *widest -= 1;
    }
    Some(widths)
}

/// Cuts text that is too wide and says so with an ellipsis.
fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for letter in text.chars() {
        used += letter.width().unwrap_or(0);
        if used > width {
            break;
        }
        out.push(letter);
    }
    out.push('…');
    out
}

/// The lines of a note below its row, each short enough to stand behind [`BELOW`].
fn wrapped(text: &str, width: Option<usize>) -> Vec<String> {
    let most = width.unwrap_or(usize::MAX).saturating_sub(BELOW.len()).max(NARROWEST);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last().map_or(0, |line| line.width());
        if line > 0 && line + 1 + word.width() > most {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

const GAP: &str = "  ";
const BELOW: &str = "    ";
const NARROWEST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        const COLUMNS: &[Column] =
            &[Column::left("name"), Column::right("age"), Column::left("why")];
        let row = |name: &str, age: &str, why: &str| {
            vec![Cell::new(name), Cell::new(age).raw("1"), Cell::new(why)]
        };
        Table::new(COLUMNS, [row("李雷", "3 m", "it is \x1b[2J long"), row("bob", "12 m", "")])
    }

    #[test]
    fn columns_line_up_by_what_letters_take() {
        assert_eq!(
            table().render(&View::plain()).unwrap(),
            "NAME   AGE  WHY\n李雷   3 m  it is \\x1b[2J long\nbob   12 m\n"
        );
    }

    fn narrow(width: usize) -> View {
        View { width: Some(width), ..View::plain() }
    }

    #[test]
    fn a_narrow_terminal_cuts_the_widest() {
        let view = View { legend: false, ..narrow(22) };
        assert_eq!(table().render(&view).unwrap(), "李雷   3 m  it is \\x1…\nbob   12 m\n");
    }

    #[test]
    fn a_very_narrow_terminal_gets_blocks() {
        assert_eq!(
            table().render(&narrow(15)).unwrap(),
            "NAME  李雷\nAGE   3 m\nWHY   it is \\x1b[2J long\n\nNAME  bob\nAGE   12 m\n"
        );
    }

    #[test]
    fn notes_go_below_where_they_do_not_fit_beside() {
        const COLUMNS: &[Column] = &[Column::left("name"), Column::note("why")];
        let row = |why: &str| vec![Cell::new("bob"), Cell::new(why)];
        let table = Table::new(COLUMNS, [row("it is long"), row("")]);
        assert_eq!(table.render(&narrow(12)).unwrap(), "NAME\nbob\n    it is\n    long\nbob\n");
        assert_eq!(wrapped("it is long enough", Some(14)), ["it is long", "enough"]);
        assert_eq!(wrapped("antidisestablishment", Some(4)), ["antidisestablishment"]);
        assert_eq!(table.render(&narrow(16)).unwrap(), "NAME  WHY\nbob   it is long\nbob\n");
    }

    #[test]
    fn scripts_get_tabs_and_chosen_columns() {
        let fields = vec!["age".into(), "name".into()];
        let view = View { terse: true, fields, ..View::plain() };
        assert_eq!(table().render(&view).unwrap(), "1\t李雷\n1\tbob\n");
        let view = View { fields: vec!["nmae".into()], ..View::plain() };
        assert_eq!(table().render(&view), Err("no column 'nmae'; there are name,age,why".into()));
    }

    #[test]
    fn an_empty_table_is_nothing() {
        const COLUMNS: &[Column] = &[Column::left("a")];
        assert_eq!(Table::new(COLUMNS, []).render(&View::plain()).unwrap(), "");
    }
}
