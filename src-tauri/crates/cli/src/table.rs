//! A table that fits. On a terminal no row is wider than the window: columns that may shrink do, the widest
//! first, never below a few letters. Elsewhere nothing is cut, since a program may read it.

use crate::out::{Ink, Out};
use crate::text;

/// Narrowest that a shrinking column becomes.
const NARROW: usize = 6;

/// One column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Heading.
    pub title: &'static str,
    /// Whether it may be cut to fit.
    pub fit: Fit,
}

/// Whether a column may be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Always whole.
    Whole,
    /// May be cut.
    Cut,
}

/// One cell.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    ink: Ink,
}

/// A cell of ordinary text.
#[must_use]
pub fn cell(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), ink: Ink::Plain }
}

/// A cell in an ink.
#[must_use]
pub fn inked(ink: Ink, text: impl Into<String>) -> Cell {
    Cell { text: text.into(), ink }
}

/// The table as text, without a last line end. Every row must have as many cells as there are columns.
#[must_use]
pub fn render(out: &Out, columns: &[Column], rows: &[Vec<Cell>]) -> String {
    let mut widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(n, c)| {
            rows.iter()
                .filter_map(|r| r.get(n))
                .map(|c| text::width(&c.text))
                .max()
                .unwrap_or(0)
                .max(text::width(c.title))
        })
        .collect();
    if let Some(limit) = out.columns {
        shrink(&mut widths, columns, limit);
    }
    let heading: Vec<Cell> = columns.iter().map(|c| inked(Ink::Faint, c.title)).collect();
    let mut lines = Vec::with_capacity(rows.len() + 1);
    for row in std::iter::once(&heading).chain(rows) {
        let mut line = String::new();
        let mut pending = 0;
        for (cell, width) in row.iter().zip(&widths) {
            let shown = text::clip(&cell.text, *width);
            if !shown.is_empty() {
                line.push_str(&" ".repeat(pending));
                pending = 0;
                line.push_str(&out.paint(cell.ink, &shown));
            }
            pending += width - text::width(&shown) + 2;
        }
        lines.push(line);
    }
    lines.join("\n")
}

fn shrink(widths: &mut [usize], columns: &[Column], limit: usize) {
    loop {
        let total = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        if total <= limit {
            return;
        }
        let widest = widths
            .iter()
            .enumerate()
            .filter(|(n, w)| columns[*n].fit == Fit::Cut && **w > NARROW)
            .max_by_key(|(_, w)| **w)
            .map(|(n, _)| n);
        match widest {
            Some(n) => widths[n] -= 1,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[
        Column { title: "NAME", fit: Fit::Whole },
        Column { title: "SERVER", fit: Fit::Cut },
        Column { title: "STATE", fit: Fit::Whole },
    ];

    fn rows() -> Vec<Vec<Cell>> {
        vec![
            vec![cell("work"), cell("https://mcp.a-rather-long-name.example/mcp"), cell("ready")],
            vec![cell("東京"), cell("https://b.example"), cell("needs sign-in")],
        ]
    }

    #[test]
    fn fits_the_window() {
        for width in [30usize, 40, 60, 80, 200] {
            for line in render(&Out::plain(Some(width)), COLUMNS, &rows()).lines() {
                assert!(text::width(line) <= width.max(4 + 6 + 13 + 4), "{width}: {line}");
            }
        }
    }

    #[test]
    fn is_whole_for_programs() {
        let text = render(&Out::plain(None), COLUMNS, &rows());
        assert!(text.contains("https://mcp.a-rather-long-name.example/mcp"));
        assert!(!text.contains('…'));
        assert!(text.lines().all(|l| !l.ends_with(' ')));
    }
}
