//! The lines that are drawn while the demo works.

use super::super::board::{Count, Snapshot};
use super::paint::{Paint, grouped};

/// Columns of a bar; the rest of a line fits next to it on 80.
const BAR: usize = 14;

/// A part of a bar.
#[derive(Clone, Copy)]
struct Segment {
    count: usize,
    symbol: char,
    color: fn(Paint, String) -> String,
}

/// One line about publishing and one per destination; `rates` are events a second.
pub(super) fn lines(snapshot: &Snapshot, rates: Option<&[f64]>, paint: Paint) -> Vec<String> {
    let Snapshot { to_publish, published, .. } = *snapshot;
    let bar = bar(&[Segment::new(published, '█', Paint::green)], to_publish, paint);
    let of = format!("{} of {} confirmed", grouped(published), grouped(to_publish));
    let mut lines = vec![format!("  {:<9} {bar} {of:>25}", "published")];
    for (place, (name, count)) in snapshot.destinations.iter().enumerate() {
        let rate = rates.and_then(|rates| rates.get(place)).filter(|rate| **rate >= 0.5);
        lines.push(destination(name, count, rate.copied(), paint));
    }
    lines
}

/// All of it on one line, for where nothing can be drawn again.
pub(super) fn line(snapshot: &Snapshot) -> String {
    let mut line =
        format!("  published {} of {}", grouped(snapshot.published), grouped(snapshot.to_publish));
    for (name, Count { delivered, retrying, dead, skipped, .. }) in &snapshot.destinations {
        line += &format!(" · {name} {delivered} delivered, {retrying} retrying, {dead} dead");
        if *skipped > 0 {
            line += &format!(", {skipped} skipped");
        }
    }
    line
}

fn destination(name: &str, count: &Count, rate: Option<f64>, paint: Paint) -> String {
    let Count { delivered, retrying, dead, skipped, .. } = *count;
    let segments = [
        Segment::new(delivered, '█', Paint::green),
        Segment::new(skipped, '█', Paint::dim),
        Segment::new(dead, '▓', Paint::red),
        Segment::new(retrying, '▒', Paint::yellow),
    ];
    let bar = bar(&segments, count.total(), paint);
    let lit = |text: String, number: usize, color: fn(Paint, String) -> String| {
        if number > 0 { color(paint, text) } else { paint.dim(text) }
    };
    let mut line = format!(
        "  {name:<9} {bar} {:>7} delivered  {}  {}",
        grouped(delivered),
        lit(format!("{:>4} retrying", grouped(retrying)), retrying, Paint::yellow),
        lit(format!("{:>4} dead", grouped(dead)), dead, Paint::red),
    );
    if skipped > 0 {
        line += &format!("  {} skipped", grouped(skipped));
    }
    if let Some(rate) = rate {
        line += &paint.dim(format!(" {rate:>5.0}/s"));
    }
    line
}

/// What there is at all gets at least one column, so that one dead letter among thousands shows.
fn bar(segments: &[Segment], total: usize, paint: Paint) -> String {
    let mut left = BAR;
    let small = segments.iter().skip(1).filter(|segment| segment.count > 0).count();
    let mut bar = String::new();
    for (place, Segment { count, symbol, color }) in segments.iter().enumerate() {
        let share = (count * BAR).checked_div(total).unwrap_or(0);
        let most = if place == 0 { left.saturating_sub(small) } else { left };
        let columns = share.max(usize::from(*count > 0)).min(most);
        left -= columns;
        bar += &color(paint, symbol.to_string().repeat(columns));
    }
    let rest = if paint.is_on() { '━' } else { '░' };
    bar + &paint.dim(rest.to_string().repeat(left))
}

impl Segment {
    fn new(count: usize, symbol: char, color: fn(Paint, String) -> String) -> Self {
        Self { count, symbol, color }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(count: Count) -> Snapshot {
        Snapshot {
            to_publish: 100_000,
            published: 100_000,
            destinations: vec![("hubspot", count), ("sendgrid", Count::default())],
        }
    }

    #[test]
    fn even_large_numbers_fit_on_80_columns() {
        let count = Count { delivered: 99_000, retrying: 500, dead: 500, ..Count::default() };
        for line in lines(&snapshot(count), Some(&[12_345.0, 0.0]), Paint::new(false)) {
            let columns = line.chars().count() + "^C".len();
            assert!(columns <= 80, "{columns} columns with the echo of Ctrl-C: {line}");
        }
    }

    #[test]
    fn a_single_dead_letter_shows() {
        let count = Count { delivered: 99_999, dead: 1, ..Count::default() };
        let lines = lines(&snapshot(count), None, Paint::new(false));
        assert!(lines[1].contains(&format!("{}▓", "█".repeat(BAR - 1))), "{}", lines[1]);
        assert!(lines[2].contains(&"░".repeat(BAR)), "{}", lines[2]);
    }

    #[test]
    fn one_line_says_the_same() {
        let count = Count { delivered: 3, retrying: 2, dead: 1, skipped: 4, ..Count::default() };
        assert_eq!(
            line(&snapshot(count)),
            "  published 100,000 of 100,000 · hubspot 3 delivered, 2 retrying, 1 dead, 4 skipped \
             · sendgrid 0 delivered, 0 retrying, 0 dead"
        );
    }
}
