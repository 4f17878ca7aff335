//! The same tree through S3: how many requests it takes, and what it costs when each of them takes longer.
//!
//! SeaweedFS keeps its data in memory, so that what is measured is baton and not a disk. A proxy before it counts the
//! requests and adds the latency. Each run has a store of its own, in which a build was persisted before: a server is
//! tested once a store, and that test is not a part of a persist's figures.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::commands::Commands;
use crate::equal;
use crate::measure::{self, Cost};
use crate::servers::bucket::Bucket;
use crate::servers::proxy::Proxy;
use crate::servers::weed::{REGION, WRITER, Weed};
use crate::settle::settle;
use crate::table::{Limit, Row, Series, Unit};

const BUCKET: &str = "bench";
/// The latency that a network adds to a request to a store of the same region.
const LATENCY: Duration = Duration::from_millis(20);
const LATENCY_RATIO_MAX: f64 = 1.5;
/// For so many bytes of new data that were stored or fetched there may be 3 requests, and 20 besides.
const DATA_BYTES: f64 = (8_u64 << 20) as f64;

/// The measurements with or without latency.
#[derive(Default)]
struct Figures {
    seconds: Vec<f64>,
    requests: Vec<f64>,
}

/// One operation, with latency and without.
#[derive(Default)]
struct Pair {
    late: Figures,
    soon: Figures,
}

impl Pair {
    fn add(&mut self, latency: Duration, cost: &Cost, requests: usize) {
        let figures = if latency.is_zero() {
            &mut self.soon
        } else {
            &mut self.late
        };
        figures.seconds.push(cost.wall);
        figures.requests.push(requests as f64);
    }

    fn report(self, what: &str, data_bytes: f64, rows: &mut Vec<Row>) {
        let Pair { late, soon } = self;
        rows.push(Row {
            what: format!("{what}: time"),
            unit: Unit::Seconds,
            baton: Series(late.seconds),
            peer: Some(Series(soon.seconds)),
            limit: Limit::Ratio(LATENCY_RATIO_MAX),
        });
        rows.push(Row {
            what: format!("{what}: requests"),
            unit: Unit::Count,
            baton: Series(late.requests),
            peer: Some(Series(soon.requests)),
            limit: Limit::AtMost((data_bytes / DATA_BYTES * 3.0 + 20.0).floor()),
        });
    }
}

/// The server, and the way to it.
struct Remote<'a> {
    commands: &'a Commands,
    bucket: Bucket,
    proxy: Proxy,
    work: PathBuf,
}

/// Persists and attaches a tree through S3, with and without latency in turns.
pub(crate) fn measure(
    commands: &Commands,
    run_count: usize,
    source: &Path,
    work: &Path,
    rows: &mut Vec<Row>,
) -> Result<(), Box<dyn Error>> {
    let memory = Path::new("/dev/shm");
    let weed = Weed::start(if memory.is_dir() { memory } else { work });
    let remote = Remote {
        commands,
        bucket: weed.bucket(BUCKET),
        proxy: Proxy::before(weed.address()),
        work: work.to_owned(),
    };
    let (mut first, mut persist, mut attach) = (Vec::new(), Pair::default(), Pair::default());
    let mut stored_bytes = 0.0;
    for run in 0..run_count {
        // Who begins finds other caches than who follows.
        let mut turns = [LATENCY, Duration::ZERO];
        turns.rotate_left(run % 2);
        for latency in turns {
            eprintln!("S3, {latency:?} a request: run {} of {run_count}", run + 1);
            let prefix = format!("run-{run}-{}", latency.as_millis());
            first.push(remote.prepare(&prefix)? as f64);
            remote.proxy.set_latency(latency);
            let before = remote.packs_bytes(&prefix);
            let (cost, requests) = remote.run(remote.persist(&prefix, "bench/tree", source), source)?;
            persist.add(latency, &cost, requests);
            stored_bytes = remote.packs_bytes(&prefix) - before;
            eprintln!("  persist {:.2} s, {requests} requests", cost.wall);
            let attached = work.join(format!("attached-{prefix}"));
            let (cost, requests) = remote.run(remote.attach(&prefix, &attached), source)?;
            attach.add(latency, &cost, requests);
            eprintln!("  attach {:.2} s, {requests} requests", cost.wall);
            equal::check(source, &attached)?;
            remote.bucket.clear(&format!("{prefix}/"));
        }
    }
    persist.report("persist tree", stored_bytes, rows);
    attach.report("attach tree", stored_bytes, rows);
    for (what, unit, figures) in [
        ("persist tree: stored", Unit::Bytes, vec![stored_bytes]),
        ("first persist of a small file: requests", Unit::Count, first),
    ] {
        rows.push(Row {
            what: what.to_owned(),
            unit,
            baton: Series(figures),
            peer: None,
            limit: Limit::None,
        });
    }
    Ok(())
}

impl Remote<'_> {
    /// Creates a store with one build. Returns the number of requests that this took.
    fn prepare(&self, prefix: &str) -> Result<usize, Box<dyn Error>> {
        let root = self.work.join("first");
        fs::create_dir_all(&root)?;
        fs::write(root.join("file"), "contents")?;
        self.proxy.set_latency(Duration::ZERO);
        let (_, requests) = self.run(self.persist(prefix, "bench/first", &root), &root)?;
        Ok(requests)
    }

    fn run(&self, command: Command, input: &Path) -> Result<(Cost, usize), Box<dyn Error>> {
        settle(&[input])?;
        self.proxy.reset();
        let cost = measure::run(vec![command], None, &self.work.join("log"))?;
        Ok((cost, self.proxy.requests().len()))
    }

    fn persist(&self, prefix: &str, project: &str, root: &Path) -> Command {
        self.reaching(self.commands.persist(&store(prefix), project, 1, root))
    }

    fn attach(&self, prefix: &str, directory: &Path) -> Command {
        self.reaching(self.commands.attach(&store(prefix), "bench/tree", directory))
    }

    /// Tells a command the way to the store.
    fn reaching(&self, mut command: Command) -> Command {
        command
            .env("BATON_ENDPOINT", self.proxy.endpoint())
            .env("BATON_ALLOW_HTTP", "true")
            .env("BATON_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", WRITER.key)
            .env("AWS_SECRET_ACCESS_KEY", WRITER.secret);
        command
    }

    fn packs_bytes(&self, prefix: &str) -> f64 {
        let packs = self.bucket.list(&format!("{prefix}/v1/packs/"));
        packs.iter().map(|(_, bytes)| *bytes as f64).sum()
    }
}

fn store(prefix: &str) -> PathBuf {
    PathBuf::from(format!("s3://{BUCKET}/{prefix}"))
}
