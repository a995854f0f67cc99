//! The run as a picture: the faults as bars over time, and below them rates, backlog and the dead.

use std::fmt::Write as _;

use super::Report;
use crate::load::DESTINATIONS;
use crate::plan::{Kind, Lane};
use crate::watch::Sample;

const WIDTH: f64 = 1200.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 70.0;
const ROW: f64 = 17.0;
const CHART: f64 = 120.0;
const GAP: f64 = 42.0;

/// One colour for each destination.
const COLOURS: [&str; 3] = ["#d9622b", "#2b7bba", "#4a9a4a"];
const PUBLISHED: &str = "#3b3f46";

/// An SVG of the whole run.
pub fn draw(report: &Report) -> String {
    let frame = Frame::of(report);
    let bars = TOP + ROW * Kind::ALL.len() as f64;
    let charts = bars + GAP;
    let height = charts + 3.0 * (CHART + GAP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    head(report, &mut svg);
    grid(&frame, charts + 3.0 * (CHART + GAP) - GAP, &mut svg);
    faults(report, &frame, &mut svg);
    rates(report, &frame, charts, &mut svg);
    let ready = |sample: &Sample, n: usize| sample.ready[n].map(|count| count as f64);
    chart("waiting", &series(report, ready), &frame, charts + CHART + GAP, &mut svg);
    let dead = |sample: &Sample, n: usize| sample.dead[n].map(|count| count as f64);
    chart("dead letters", &series(report, dead), &frame, charts + 2.0 * (CHART + GAP), &mut svg);
    svg.push_str("</svg>\n");
    svg
}

/// Where times are.
struct Frame {
    from_ms: f64,
    seconds: f64,
}

impl Frame {
    fn of(report: &Report) -> Self {
        let from_ms = report.recording.began_ms;
        let last = report.recording.samples.last().map_or(from_ms, |sample| sample.at_ms);
        Self { from_ms, seconds: ((last - from_ms) / 1e3).max(report.seconds) }
    }

    fn x(&self, at_ms: f64) -> f64 {
        let share = (at_ms - self.from_ms) / 1e3 / self.seconds;
        LEFT + (WIDTH - LEFT - RIGHT) * share.clamp(0.0, 1.0)
    }
}

/// A line: a name, a colour, and points, of which some could not be looked at.
struct Series {
    name: &'static str,
    colour: &'static str,
    points: Vec<(f64, Option<f64>)>,
}

fn head(report: &Report, svg: &mut String) {
    let verdict = if report.holds { "every invariant held" } else { "FAILED" };
    let colour = if report.holds { PUBLISHED } else { "#b3261e" };
    let (seed, confirmed) = (report.seed, report.published.confirmed);
    add(
        svg,
        format_args!(
            "<text x=\"16\" y=\"26\" font-size=\"17\" fill=\"{colour}\">seed {seed}: {verdict}</text>\
             <text x=\"16\" y=\"46\" fill=\"#6b7078\">{confirmed} events confirmed in {:.0} s, {} \
             faults, RabbitMQ {}</text>",
            report.seconds,
            report.happened.len(),
            report.broker
        ),
    );
}

fn grid(frame: &Frame, bottom: f64, svg: &mut String) {
    let step = [5.0, 10.0, 30.0, 60.0, 300.0, 600.0]
        .into_iter()
        .find(|step| frame.seconds / step <= 16.0)
        .unwrap_or(3_600.0);
    let mut second = 0.0;
    while second <= frame.seconds {
        let x = frame.x(frame.from_ms + second * 1e3);
        add(
            svg,
            format_args!(
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{bottom}\" stroke=\"#e8eaed\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" font-size=\"10\" \
                 fill=\"#6b7078\">{second:.0} s</text>",
                TOP - 4.0,
                TOP - 8.0
            ),
        );
        second += step;
    }
}

/// A row for each kind, a bar for each time that it happened.
fn faults(report: &Report, frame: &Frame, svg: &mut String) {
    for (row, kind) in Kind::ALL.into_iter().enumerate() {
        let y = TOP + ROW * row as f64;
        add(
            svg,
            format_args!(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{kind}</text>",
                LEFT - 10.0,
                y + 12.0
            ),
        );
        for happened in report.happened.iter().filter(|one| one.planned.kind == kind) {
            let (from, until) = (frame.x(happened.began_ms), frame.x(happened.ended_ms));
            let fill = if happened.seen > 0 { shade(kind.lane()) } else { "#b3261e" };
            add(
                svg,
                format_args!(
                    "<rect x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{}\" rx=\"2\" \
                     fill=\"{fill}\"><title>{}</title></rect>",
                    y + 2.0,
                    (until - from).max(3.0),
                    ROW - 4.0,
                    escaped(&happened.evidence)
                ),
            );
        }
    }
    for (at_ms, what) in [(Some(report.healed_ms), "healed"), (report.drained_ms, "drained")] {
        let Some(x) = at_ms.map(|at_ms| frame.x(at_ms)) else { continue };
        let bottom = TOP + ROW * Kind::ALL.len() as f64;
        add(
            svg,
            format_args!(
                "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\" stroke=\"#2e7d32\" \
                 stroke-dasharray=\"4 3\"/><text x=\"{:.1}\" y=\"{}\" text-anchor=\"end\" \
                 fill=\"#2e7d32\">{what}</text>",
                x - 4.0,
                bottom - 5.0
            ),
        );
    }
}

/// What was confirmed, and what each API accepted, a second.
fn rates(report: &Report, frame: &Frame, top: f64, svg: &mut String) {
    let mut all = series(report, |_, _| None);
    for series in &mut all {
        series.points.clear();
    }
    let mut published = Series { name: "published", colour: PUBLISHED, points: Vec::new() };
    let samples = &report.recording.samples;
    // Over two seconds, so that a look that came late is no peak.
    for pair in samples.windows(5) {
        let (before, after) = (&pair[0], &pair[4]);
        let seconds = ((after.at_ms - before.at_ms) / 1e3).max(0.1);
        let rate = |before: u64, after: u64| Some(after.saturating_sub(before) as f64 / seconds);
        published.points.push((after.at_ms, rate(before.confirmed, after.confirmed)));
        for (n, series) in all.iter_mut().enumerate() {
            series.points.push((after.at_ms, rate(before.accepted[n], after.accepted[n])));
        }
    }
    all.push(published);
    chart("events a second", &all, frame, top, svg);
}

fn series(report: &Report, of: impl Fn(&Sample, usize) -> Option<f64>) -> Vec<Series> {
    let all = DESTINATIONS.iter().zip(COLOURS).enumerate();
    all.map(|(n, (spec, colour))| Series {
        name: spec.name,
        colour,
        points: report.recording.samples.iter().map(|one| (one.at_ms, of(one, n))).collect(),
    })
    .collect()
}

fn chart(title: &str, all: &[Series], frame: &Frame, top: f64, svg: &mut String) {
    let values = all.iter().flat_map(|one| one.points.iter().filter_map(|(_, value)| *value));
    let most = values.fold(1.0, f64::max);
    let bottom = top + CHART;
    add(
        svg,
        format_args!(
            "<text x=\"{x}\" y=\"{}\" text-anchor=\"end\">{title}</text>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"end\" fill=\"#6b7078\">{most:.0}</text>\
             <text x=\"{x}\" y=\"{bottom}\" text-anchor=\"end\" fill=\"#6b7078\">0</text>\
             <line x1=\"{LEFT}\" x2=\"{}\" y1=\"{bottom}\" y2=\"{bottom}\" stroke=\"#b4b8bf\"/>",
            top + CHART / 2.0,
            top + 8.0,
            WIDTH - RIGHT,
            x = LEFT - 10.0,
        ),
    );
    for (place, one) in all.iter().enumerate() {
        let mut path = String::new();
        let mut is_drawing = false;
        for (at_ms, value) in &one.points {
            // Where nothing could be seen the line has a gap.
            let Some(value) = value else {
                is_drawing = false;
                continue;
            };
            let (x, y) = (frame.x(*at_ms), bottom - CHART * value / most);
            let step = if is_drawing { 'L' } else { 'M' };
            add(&mut path, format_args!("{step}{x:.1} {y:.1} "));
            is_drawing = true;
        }
        let (colour, name) = (one.colour, one.name);
        add(
            svg,
            format_args!(
                "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.4\"/>\
                 <text x=\"{}\" y=\"{}\" fill=\"{colour}\">{name}</text>",
                LEFT + 90.0 * place as f64,
                top - 8.0
            ),
        );
    }
}

fn shade(lane: Lane) -> &'static str {
    match lane {
        Lane::Broker => "#8e3b2e",
        Lane::Network => "#c98a2b",
        Lane::Processes => "#5b5ea6",
        Lane::Apis => "#2b7bba",
        Lane::Data => "#7a7f87",
        Lane::Database => "#4a8a7a",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

fn add(svg: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    svg.write_fmt(text).unwrap_or_default();
    svg.push('\n');
}
