//! The report as a picture: a bar for each measurement, the baseline in grey.

use std::fmt::Write as _;

use crate::report::Report;
use crate::variant::Variant;

const WIDTH: f64 = 640.0;
const LEFT: f64 = 110.0;
const ROW: f64 = 26.0;
const TOP: f64 = 56.0;

/// An SVG of the rates with the fast API.
pub(crate) fn draw(report: &Report) -> String {
    let most = report.fast.iter().map(|(_, f)| f.per_second).fold(1.0, f64::max);
    let height = TOP + ROW * report.fast.len() as f64 + 16.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"16\">deliveries per second: engine is {:.2} × the \
         naive loop</text>\n",
        report.ratio(Variant::Engine)
    );
    for (index, (variant, figures)) in report.fast.iter().enumerate() {
        let y = TOP + ROW * index as f64;
        let length = (WIDTH - LEFT - 90.0) * figures.per_second / most;
        let fill = match variant {
            Variant::Naive => "#b4b8bf",
            Variant::Engine => "#d9622b",
            Variant::SharedLedger | Variant::Batches => "#e8a583",
        };
        // Writing to a String cannot fail.
        let _infallible = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"18\" fill=\"{fill}\"/>\
             <text x=\"{:.1}\" y=\"{}\">{:.0}</text>",
            LEFT - 8.0,
            y + 14.0,
            variant.name(),
            LEFT + length + 6.0,
            y + 14.0,
            figures.per_second
        );
    }
    svg.push_str("</svg>\n");
    svg
}
