//! Progress: drawn again and again on a terminal, else a line every few seconds.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Instant, interval};

use super::super::board::{Board, Snapshot};
use super::{Screen, Shows, panel};

/// Progress, until it is finished.
#[derive(Debug)]
pub(in super::super) struct Live {
    screen: Screen,
    bars: Vec<ProgressBar>,
    multi: MultiProgress,
    sample: Option<Sample>,
    rates: Vec<f64>,
    last_line: Option<Instant>,
}

/// What had settled at some moment, per destination.
#[derive(Debug)]
struct Sample {
    at: Instant,
    settled: Vec<usize>,
}

const DRAW_EVERY: Duration = Duration::from_millis(100);
const LINE_EVERY: Duration = Duration::from_secs(3);
/// Rates are measured over so long: shorter ones jump about.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

impl Live {
    pub(in super::super) fn start(screen: &Screen) -> Self {
        Self {
            screen: *screen,
            bars: Vec::new(),
            multi: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()),
            sample: None,
            rates: Vec::new(),
            last_line: None,
        }
    }

    /// Shows the board while `work` is done. The last state stays on the screen.
    pub(in super::super) async fn show<T>(
        mut self,
        board: &Board,
        work: impl Future<Output = T>,
    ) -> T {
        let mut draw = interval(DRAW_EVERY);
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => {
                    self.finish(&board.snapshot());
                    return done;
                }
                _ = draw.tick() => self.draw(&board.snapshot()),
            }
        }
    }

    fn draw(&mut self, snapshot: &Snapshot) {
        match self.screen.shows {
            Shows::Live => {
                self.measure(snapshot);
                self.put(&panel::lines(snapshot, Some(&self.rates), self.screen.paint));
            }
            Shows::Lines if self.last_line.is_none_or(|last| last.elapsed() >= LINE_EVERY) => {
                self.last_line = Some(Instant::now());
                eprintln!("{}", panel::line(snapshot));
            }
            Shows::Lines | Shows::Nothing => {}
        }
    }

    fn finish(&mut self, snapshot: &Snapshot) {
        match self.screen.shows {
            Shows::Live => {
                self.put(&panel::lines(snapshot, None, self.screen.paint));
            }
            Shows::Lines => eprintln!("{}", panel::line(snapshot)),
            Shows::Nothing => {}
        }
    }

    fn put(&mut self, lines: &[String]) {
        while self.bars.len() < lines.len() {
            let bar = self.multi.add(ProgressBar::no_length());
            // Cut at the edge of the terminal, whose width may change.
            if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
                bar.set_style(style);
            }
            self.bars.push(bar);
        }
        for (bar, line) in self.bars.iter().zip(lines) {
            bar.set_message(line.clone());
        }
    }

    fn measure(&mut self, snapshot: &Snapshot) {
        let now = Instant::now();
        let settled: Vec<_> =
            snapshot.destinations.iter().map(|(_, count)| count.settled()).collect();
        let Some(sample) = &self.sample else {
            self.sample = Some(Sample { at: now, settled });
            return;
        };
        let elapsed = now - sample.at;
        if elapsed >= SAMPLE_EVERY {
            let gained = settled.iter().zip(&sample.settled).map(|(now, then)| {
                // A replay takes dead letters back, so there may be fewer than before.
                now.saturating_sub(*then) as f64 / elapsed.as_secs_f64()
            });
            self.rates = gained.collect();
            self.sample = Some(Sample { at: now, settled });
        }
    }
}

impl Drop for Live {
    /// Also when the work was given up: what is written next comes below, not over it.
    fn drop(&mut self) {
        if !self.bars.is_empty() {
            self.bars.iter().for_each(ProgressBar::abandon);
            // The cursor stands at the end of the last line.
            eprintln!();
        }
    }
}
