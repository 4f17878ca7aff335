//! The results: one row a measurement, and whether each keeps its limit.

use std::fmt::Write;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Unit {
    Seconds,
    Milliseconds,
    Bytes,
    Percent,
    Count,
}

#[derive(Clone, Copy)]
pub(crate) enum Limit {
    /// Reported, not judged.
    None,
    /// Of the peer's figure.
    Ratio(f64),
    /// In the unit of the row.
    AtMost(f64),
}

/// The figures of all runs of one measurement.
pub(crate) struct Series(pub(crate) Vec<f64>);

impl Series {
    fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let upper = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
        let lower = sorted
            .get(sorted.len().saturating_sub(1) / 2)
            .copied()
            .unwrap_or(f64::NAN);
        f64::midpoint(lower, upper)
    }

    /// Returns the figure that is compared and judged. Noise only ever adds to a time, so the least is the
    /// truest; of memory and bytes the most counts; a start-up is judged by its median, as its limit says.
    fn judged(&self, unit: Unit) -> f64 {
        match unit {
            Unit::Seconds => self.0.iter().copied().fold(f64::INFINITY, f64::min),
            Unit::Bytes | Unit::Percent | Unit::Count => {
                self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
            }
            Unit::Milliseconds => self.median(),
        }
    }
}

pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: Unit,
    pub(crate) baton: Series,
    pub(crate) peer: Option<Series>,
    pub(crate) limit: Limit,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        let peer = self.peer.as_ref()?.judged(self.unit);
        (peer > 0.0).then(|| self.baton.judged(self.unit) / peer)
    }

    /// Returns whether the limit is kept, or nothing where there is none. A figure that is missing keeps no
    /// limit.
    fn kept(&self) -> Option<bool> {
        match self.limit {
            Limit::None => None,
            Limit::Ratio(most) => Some(self.ratio().is_some_and(|ratio| ratio <= most)),
            Limit::AtMost(most) => Some(self.baton.judged(self.unit) <= most),
        }
    }

    fn cells(&self) -> [String; 6] {
        let show_series = |series: &Series| {
            let judged = show(series.judged(self.unit), self.unit);
            match self.unit {
                Unit::Milliseconds => judged,
                _ => format!("{judged} ({})", show(series.median(), self.unit)),
            }
        };
        let limit = match self.limit {
            Limit::None => String::new(),
            Limit::Ratio(most) => format!("ratio {most}"),
            Limit::AtMost(most) => show(most, self.unit),
        };
        [
            self.what.clone(),
            show_series(&self.baton),
            self.peer.as_ref().map(show_series).unwrap_or_default(),
            self.ratio()
                .map(|ratio| format!("{ratio:.2}"))
                .unwrap_or_default(),
            limit,
            self.kept()
                .map_or("", |kept| if kept { "ok" } else { "MISSED" })
                .to_owned(),
        ]
    }
}

/// Returns the names of the measurements that miss their limits.
pub(crate) fn missed(rows: &[Row]) -> Vec<&str> {
    rows.iter()
        .filter(|row| row.kept() == Some(false))
        .map(|row| row.what.as_str())
        .collect()
}

/// Returns the table, in columns or as Markdown. The two sides are what is compared.
pub(crate) fn render(rows: &[Row], [baton, peer]: [&str; 2], markdown: bool) -> String {
    let head = ["what", baton, peer, "ratio", "limit", "ok?"].map(str::to_owned);
    let lines: Vec<[String; 6]> = std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
    let mut widths = [0; 6];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let cells: Vec<String> = line
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        let row = if markdown {
            format!("| {} |", cells.join(" | "))
        } else {
            cells.join("  ")
        };
        let _ = writeln!(text, "{}", row.trim_end());
        if number == 0 {
            let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            let rule = if markdown {
                format!("| {} |", rules.join(" | "))
            } else {
                rules.join("  ")
            };
            let _ = writeln!(text, "{rule}");
        }
    }
    text
}

fn show(figure: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds => format!("{figure:.2} s"),
        Unit::Milliseconds => format!("{figure:.1} ms"),
        Unit::Percent => format!("{figure:.2} %"),
        Unit::Count => format!("{figure:.0}"),
        Unit::Bytes => format!("{:.1} MiB", figure / f64::from(1 << 20)),
    }
}
