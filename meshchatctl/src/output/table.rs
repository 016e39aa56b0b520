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
}

impl Column {
    pub(crate) const fn left(name: &'static str) -> Self {
        Self { name, right: false }
    }

    pub(crate) const fn right(name: &'static str) -> Self {
        Self { name, right: true }
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
        let widths = self.widths(&chosen, view);
        let mut out = String::new();
        if view.legend && !self.rows.is_empty() {
            let header = |index: usize| Cell {
                shown: self
                    .columns
                    .get(index)
                    .map(|column| column.name.to_uppercase())
                    .unwrap_or_default(),
                raw: None,
                paint: Paint::Header,
            };
            let cells: Vec<Cell> = chosen.iter().map(|index| header(*index)).collect();
            self.line(&mut out, &chosen, &widths, &cells, view);
        }
        for row in &self.rows {
            let cells: Vec<Cell> =
                chosen.iter().map(|index| row.get(*index).cloned().unwrap_or_default()).collect();
            self.line(&mut out, &chosen, &widths, &cells, view);
        }
        Ok(out)
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

    /// What each column takes; the widest give way until the terminal is wide enough.
    fn widths(&self, chosen: &[usize], view: &View) -> Vec<usize> {
        let wide = |index: &usize| {
            let header =
                if view.legend { self.columns.get(*index).map_or(0, |c| c.name.len()) } else { 0 };
            let cells = self.rows.iter().filter_map(|row| row.get(*index));
            cells.map(|cell| cell.shown.width()).fold(header, usize::max)
        };
        let mut widths: Vec<usize> = chosen.iter().map(wide).collect();
        let most = view.width.unwrap_or(usize::MAX);
        let gaps = GAP.len() * chosen.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > most {
            match widths.iter_mut().max() {
                Some(widest) if *widest > NARROWEST => *widest -= 1,
                _ => break,
            }
        }
        widths
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

const GAP: &str = "  ";
const NARROWEST: usize = 6;

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

    #[test]
    fn a_narrow_terminal_cuts_the_widest() {
        let view = View { width: Some(20), legend: false, ..View::plain() };
        assert_eq!(table().render(&view).unwrap(), "李雷   3 m  it is \\…\nbob   12 m\n");
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
