//! What baton and its peer cost in one measurement: wall time, CPU time and peak memory of every run.

use std::error::Error;

use crate::measure::Cost;
use crate::table::{Limit, Row, Series, Unit};

/// At most this much memory, for a tree of any size.
const MEMORY_BYTES_MAX: f64 = (256_u64 << 20) as f64;

/// What the runs of one measurement cost, on both sides.
#[derive(Default)]
pub(crate) struct Costs {
    baton: Vec<Cost>,
    peer: Vec<Cost>,
}

impl Costs {
    /// Runs both sides once; the one begins on even runs, the other on odd ones.
    pub(crate) fn measure(
        &mut self,
        run: usize,
        baton: impl FnOnce() -> Result<Cost, Box<dyn Error>>,
        peer: impl FnOnce() -> Result<Cost, Box<dyn Error>>,
    ) -> Result<(), Box<dyn Error>> {
        if run.is_multiple_of(2) {
            self.baton.push(baton()?);
            self.peer.push(peer()?);
        } else {
            self.peer.push(peer()?);
            self.baton.push(baton()?);
        }
        if let (Some(baton), Some(peer)) = (self.baton.last(), self.peer.last()) {
            eprintln!("  baton {:.2} s, peer {:.2} s", baton.wall, peer.wall);
        }
        Ok(())
    }

    /// Runs baton once, where there is no peer.
    pub(crate) fn measure_alone(
        &mut self,
        baton: impl FnOnce() -> Result<Cost, Box<dyn Error>>,
    ) -> Result<(), Box<dyn Error>> {
        let cost = baton()?;
        eprintln!("  baton {:.2} s", cost.wall);
        self.baton.push(cost);
        Ok(())
    }

    /// Adds the rows of this measurement.
    pub(crate) fn report(&self, what: &str, time_limit: Limit, rows: &mut Vec<Row>) {
        let figures = |costs: &[Cost], figure: fn(&Cost) -> Option<f64>| {
            costs.iter().map(figure).collect::<Option<Vec<f64>>>().map(Series)
        };
        let mut row = |name: &str, unit: Unit, figure: fn(&Cost) -> Option<f64>, limit: Limit| {
            // CPU time and memory are known on Linux only.
            if let Some(baton) = figures(&self.baton, figure) {
                let peer = figures(&self.peer, figure).filter(|_| !self.peer.is_empty());
                rows.push(Row {
                    what: format!("{what}: {name}"),
                    unit,
                    baton,
                    peer,
                    limit,
                });
            }
        };
        row("time", Unit::Seconds, |cost| Some(cost.wall), time_limit);
        row("CPU", Unit::Seconds, |cost| cost.cpu, Limit::None);
        row(
            "peak memory",
            Unit::Bytes,
            |cost| cost.peak,
            Limit::AtMost(MEMORY_BYTES_MAX),
        );
    }
}
