//! The cost of baton and of its peer in one measurement: wall time, CPU time and peak memory of every run.

use std::error::Error;

use crate::measure::Cost;
use crate::table::{Limit, Row, Series, Unit};

/// At most this much memory, for a tree of any size.
const MEMORY_BYTES_MAX: f64 = (256_u64 << 20) as f64;

/// The costs of the runs of one measurement, on both sides.
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
        // CPU time and memory are known on Linux only, and memory not of a process that ended at once.
        let known = |costs: &[Cost], figure: fn(&Cost) -> Option<f64>| {
            let figures: Vec<f64> = costs.iter().filter_map(figure).collect();
            (!figures.is_empty()).then_some(Series(figures))
        };
        let mut row = |name: &str, unit: Unit, figure: fn(&Cost) -> Option<f64>, limit: Limit| {
            if let Some(baton) = known(&self.baton, figure) {
                let peer = known(&self.peer, figure);
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
