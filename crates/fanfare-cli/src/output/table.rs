//! Tables for people.

use comfy_table::{Attribute, Cell, Color, ContentArrangement, LineStyle, Table, TableStyle};

use super::text::{plain, shortened};

/// A table to be laid out once it is known where it goes.
#[derive(Clone, Debug)]
pub struct Rows {
    header: Vec<&'static str>,
    rows: Vec<Vec<(String, Tone)>>,
    /// Whether a terminal shows the last column below each row.
    last_below: bool,
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

/// The titles and the line under them.
const HEADER_LINES: usize = 2;
const INDENT: &str = "     ";

impl Rows {
    /// An empty table with these column titles.
    pub fn new(header: &[&'static str]) -> Self {
        Self { header: header.to_vec(), rows: Vec::new(), last_below: false }
    }

    /// An empty table whose last column is a sentence: a terminal shows it below each row,
    /// so that the other columns stay whole and can be copied.
    pub fn with_sentences(header: &[&'static str]) -> Self {
        Self { last_below: true, ..Self::new(header) }
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

    pub(super) fn laid_out(mut self, terminal: bool, coloured: bool) -> String {
        if !(terminal && self.last_below) {
            return self.table(terminal, coloured).trim_fmt();
        }
        self.header.pop();
        let sentences: Vec<_> = self.rows.iter_mut().map(Vec::pop).collect();
        let mut table = self.table(terminal, coloured);
        let room = table.width().map_or(usize::MAX, usize::from).saturating_sub(INDENT.len() + 1);
        // One line a row, or the sentences would not find theirs.
        table.set_content_arrangement(ContentArrangement::Disabled);
        let mut text = String::new();
        let mut sentences = sentences.into_iter().flatten();
        for (number, line) in table.trim_fmt().lines().enumerate() {
            text.push_str(line);
            text.push('\n');
            if number >= HEADER_LINES
                && let Some((sentence, _)) = sentences.next()
            {
                text.push_str(&format!("{INDENT}{}\n", shortened(&sentence, room)));
            }
        }
        text.trim_end().to_owned()
    }

    fn table(self, terminal: bool, coloured: bool) -> Table {
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
        table
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
    fn a_terminal_shows_sentences_below_their_rows() {
        let mut rows = Rows::with_sentences(&["ID", "REASON"]);
        rows.push([("1", Tone::Plain), ("no such property", Tone::Plain)]);
        rows.push([("2", Tone::Plain), ("too late", Tone::Plain)]);
        let on_terminal = rows.clone().laid_out(true, false);
        let lines: Vec<_> = on_terminal.lines().skip(HEADER_LINES).map(str::trim).collect();
        assert_eq!(lines, ["1", "no such property", "2", "too late"]);
        let piped = rows.laid_out(false, false);
        let lines: Vec<_> = piped.lines().skip(HEADER_LINES).collect();
        assert!(lines[0].contains('1') && lines[0].contains("no such property"), "{piped}");
    }

    #[test]
    fn what_a_cell_says_cannot_speak_to_the_terminal() {
        let mut rows = Rows::new(&["REASON"]);
        rows.push([("\u{1b}[2Jgone\nnext", Tone::Plain)]);
        let text = rows.laid_out(false, false);
        assert!(text.contains("gone next") && !text.contains('\u{1b}'), "{text}");
    }
}
