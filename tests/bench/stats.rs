//! Medians of what was measured, and of the pairs.

use std::time::Duration;

/// Durations of one thing, in the order they were taken.
#[derive(Debug, Default, Clone)]
pub(crate) struct Series(Vec<f64>);

impl Series {
    pub(crate) fn push(&mut self, took: Duration) {
        self.0.push(took.as_secs_f64() * 1e6);
    }

    /// The share below, in microseconds: `at(0.5)` is the median.
    pub(crate) fn at(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
    }

    /// "median (5 %–95 %)" in the unit that reads best.
    pub(crate) fn text(&self) -> String {
        let median = self.at(0.5);
        if median >= 1000.0 {
            format!("{:.2} ms ({:.2}–{:.2})", median / 1e3, self.at(0.05) / 1e3, self.at(0.95) / 1e3)
        } else {
            format!("{median:.1} µs ({:.1}–{:.1})", self.at(0.05), self.at(0.95))
        }
    }
}

/// Median, least and greatest of the rounds' ratios: each round compares what ran in the same seconds.
pub(crate) fn ratios(rounds: &[(f64, f64)]) -> (f64, String) {
    let mut all: Vec<f64> = rounds.iter().map(|(ours, floor)| ours / floor).collect();
    all.sort_by(f64::total_cmp);
    let median = all.get(all.len() / 2).copied().unwrap_or(f64::NAN);
    let least = all.first().copied().unwrap_or(f64::NAN);
    let most = all.last().copied().unwrap_or(f64::NAN);
    (median, format!("{median:.2} × ({least:.2}–{most:.2})"))
}
