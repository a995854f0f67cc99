//! Tables for people.

use comfy_table::{Attribute, Cell, Color, ContentArrangement, LineStyle, Table, TableStyle};

use super::text::plain;

/// A table to be laid out once it is known where it goes.
#[derive(Clone, Debug)]
pub struct Rows {
    header: Vec<&'static str>,
    rows: Vec<Vec<(String, Tone)>>,
}

/// What a cell says at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// As it should be.
    Good,
    /// Worth a look.
    Warning,
    /// Somebody has to act.
    Bad,
}

/// Narrower terminals wrap lines themselves.
const NARROWEST: u16 = 40;

/// One line under the titles and none elsewhere: rows are read, cut and searched.
const UNDER_THE_HEADER: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

impl Rows {
    /// An empty table with these column titles.
    pub fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; control characters, which would speak to the terminal, are taken out.
    pub fn push<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = (T, Tone)>) {
        let cells = cells.into_iter().map(|(text, tone)| (plain(&text.into()), tone));
        self.rows.push(cells.collect());
    }

    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table without colours, as wide as it needs.
    pub fn as_text(self) -> String {
        self.laid_out(false, false)
    }

    pub(super) fn laid_out(self, terminal: bool, coloured: bool) -> String {
        let mut table = Table::new();
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.load_style(UNDER_THE_HEADER);
        if !terminal {
            // Neither a width to keep nor colours.
            table.force_no_tty();
        } else if table.width().is_some_and(|width| width < NARROWEST) {
            // Some terminals do not know their width, and columns of one letter help nobody.
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        let header = self.header.into_iter().map(|title| {
            let cell = Cell::new(title);
            if coloured { cell.add_attribute(Attribute::Bold) } else { cell }
        });
        table.set_header(header);
        for row in self.rows {
            table.add_row(row.into_iter().map(|(text, tone)| cell(&text, tone, coloured)));
        }
        table.trim_fmt()
    }
}

fn cell(text: &str, tone: Tone, coloured: bool) -> Cell {
    let cell = Cell::new(text);
    let colour = match tone {
        Tone::Plain => return cell,
        Tone::Good => Color::Green,
        Tone::Warning => Color::Yellow,
        Tone::Bad => Color::Red,
    };
    if coloured { cell.fg(colour) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piped_table_has_neither_colours_nor_a_width() {
        let mut rows = Rows::new(&["ID", "REASON"]);
        let reason = "r".repeat(300);
        rows.push([("1".to_owned(), Tone::Plain), (reason.clone(), Tone::Bad)]);
        let text = rows.laid_out(false, false);
        assert!(text.contains(&reason) && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn what_a_cell_says_cannot_speak_to_the_terminal() {
        let mut rows = Rows::new(&["REASON"]);
        rows.push([("\u{1b}[2Jgone\nnext", Tone::Plain)]);
        let text = rows.laid_out(false, false);
        assert!(text.contains("gone next") && !text.contains('\u{1b}'), "{text}");
    }
}
