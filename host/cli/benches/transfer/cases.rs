//! The measurements: what is run, how often, in which order, and what is checked in between.
//!
//! baton and its peer take turns, and each run changes who begins, so that neither always finds what the
//! other left in the caches. No cache is dropped: a CI job persists what it has just written.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::commands::Commands;
use crate::costs::Costs;
use crate::equal;
use crate::history;
use crate::measure::{self, Cost};
use crate::settle::settle;
use crate::store::listing;
use crate::table::{Limit, Row, Series, Unit};
use crate::tree::{self, Tree};

const TIME_RATIO_MAX: f64 = 1.3;
const WARM_PERCENT_MAX: f64 = 3.0;
const START_UP_MS_MAX: f64 = 15.0;
const START_UP_RUNS: usize = 20;

/// One thing to transfer, and the places of everything that belongs to it.
pub(crate) struct Case<'a> {
    pub(crate) commands: &'a Commands,
    pub(crate) run_count: usize,
    /// `tree` or `large file`.
    pub(crate) name: &'static str,
    pub(crate) project: &'static str,
    pub(crate) source: PathBuf,
    pub(crate) bytes: u64,
    /// Holds the store, the archive and the attached directories.
    pub(crate) work: PathBuf,
    /// Applies to the time of a cold persist and of an attach into a fresh directory.
    pub(crate) time_limit: Limit,
    /// Whether attached directories stay until the end. After 40,000 files had been removed, whoever made new
    /// ones next took up to five times as long, and CPU time, too, with the same command on both sides: ext4
    /// passes over inodes that were freed in the last minutes, one by one.
    pub(crate) keep_attached: bool,
}

impl<'a> Case<'a> {
    pub(crate) fn tree(commands: &'a Commands, run_count: usize, tree: &Tree, work: &Path) -> Self {
        Self {
            commands,
            run_count,
            name: "tree",
            project: "bench/tree",
            source: tree.root.clone(),
            bytes: tree.bytes,
            work: work.to_owned(),
            time_limit: Limit::Ratio(TIME_RATIO_MAX),
            keep_attached: true,
        }
    }

    pub(crate) fn large(
        commands: &'a Commands,
        run_count: usize,
        source: &Path,
        bytes: u64,
        work: &Path,
    ) -> Self {
        Self {
            commands,
            run_count,
            name: "large file",
            project: "bench/large",
            source: source.to_owned(),
            bytes,
            work: work.to_owned(),
            time_limit: Limit::None,
            // One inode, but GiB of disk.
            keep_attached: false,
        }
    }

    fn store(&self) -> PathBuf {
        self.work.join("store")
    }

    fn archive(&self) -> PathBuf {
        self.work.join("archive.tar.zst")
    }

    fn attached(&self, run: usize) -> PathBuf {
        self.work.join(format!("attached-{run}"))
    }

    fn run(
        &self,
        stages: Vec<Command>,
        inputs: &[&Path],
        output: Option<&Path>,
    ) -> Result<Cost, Box<dyn Error>> {
        settle(inputs)?;
        measure::run(stages, output, &self.work.join("log"))
    }

    fn run_persist(&self, number: usize) -> Result<Cost, Box<dyn Error>> {
        let persist = self
            .commands
            .persist(&self.store(), self.project, number, &self.source);
        self.run(vec![persist], &[&self.source], None)
    }

    fn run_pack(&self) -> Result<Cost, Box<dyn Error>> {
        self.run(
            self.commands.pack(&self.source),
            &[&self.source],
            Some(&self.archive()),
        )
    }

    fn run_attach(&self, directory: &Path) -> Result<Cost, Box<dyn Error>> {
        let attach = self.commands.attach(&self.store(), self.project, directory);
        self.run(vec![attach], &[&self.store()], None)
    }

    fn run_unpack(&self, directory: &Path) -> Result<Cost, Box<dyn Error>> {
        self.run(
            self.commands.unpack(&self.archive(), directory),
            &[&self.archive()],
            None,
        )
    }

    /// Persists into a new store, `run_count` times. Returns the rows, and the bytes that the last run wrote.
    pub(crate) fn persist_cold(&self, rows: &mut Vec<Row>) -> Result<f64, Box<dyn Error>> {
        let (mut costs, mut stored, mut archived) = (Costs::default(), Vec::new(), Vec::new());
        for run in 0..self.run_count {
            eprintln!(
                "persist {}, new store: run {} of {}",
                self.name,
                run + 1,
                self.run_count
            );
            remove(&self.store())?;
            remove(&self.archive())?;
            costs.measure(run, || self.run_persist(run + 1), || self.run_pack())?;
            stored.push(
                listing(&self.store())?
                    .values()
                    .map(|file| file.bytes)
                    .sum::<u64>() as f64,
            );
            archived.push(fs::metadata(self.archive())?.len() as f64);
        }
        let first_bytes = stored.last().copied().unwrap_or_default();
        costs.report(&format!("persist {}", self.name), self.time_limit, rows);
        rows.push(Row {
            what: format!("persist {}: stored", self.name),
            unit: Unit::Bytes,
            baton: Series(stored),
            peer: Some(Series(archived)),
            limit: Limit::None,
        });
        Ok(first_bytes)
    }

    /// Persists into the same store again, each time after 1 % of the files have changed.
    pub(crate) fn persist_warm(
        &self,
        tree: &Tree,
        first_bytes: f64,
        rows: &mut Vec<Row>,
    ) -> Result<(), Box<dyn Error>> {
        let (mut costs, mut written, mut archived) = (Costs::default(), Vec::new(), Vec::new());
        for run in 0..self.run_count {
            let changed = tree::change_one_percent(tree, run as u64)?;
            eprintln!(
                "persist {}, {changed} files changed: run {} of {}",
                self.name,
                run + 1,
                self.run_count
            );
            let number = self.run_count + run + 1;
            let before = listing(&self.store())?;
            costs.measure(run, || self.run_persist(number), || self.run_pack())?;
            let after = listing(&self.store())?;
            let new = after
                .iter()
                .filter(|(path, file)| before.get(*path) != Some(*file));
            written.push(new.map(|(_, file)| file.bytes).sum::<u64>() as f64);
            archived.push(fs::metadata(self.archive())?.len() as f64);
        }
        costs.report(
            &format!("persist {} again, 1 % changed", self.name),
            Limit::None,
            rows,
        );
        let percent =
            |figures: &[f64], whole: f64| Series(figures.iter().map(|bytes| bytes / whole * 100.0).collect());
        rows.push(Row {
            what: "persist again: written, of the tree's bytes".to_owned(),
            unit: Unit::Percent,
            baton: percent(&written, self.bytes as f64),
            peer: Some(percent(&archived, self.bytes as f64)),
            limit: Limit::AtMost(WARM_PERCENT_MAX),
        });
        rows.push(Row {
            what: "persist again: written, of the first persist's".to_owned(),
            unit: Unit::Percent,
            baton: percent(&written, first_bytes),
            peer: None,
            limit: Limit::None,
        });
        Ok(())
    }

    /// Attaches into a fresh directory. Compares with the source every time.
    pub(crate) fn attach(&self, rows: &mut Vec<Row>) -> Result<(), Box<dyn Error>> {
        let mut costs = Costs::default();
        for run in 0..self.run_count {
            eprintln!("attach {}: run {} of {}", self.name, run + 1, self.run_count);
            let (ours, theirs) = (self.attached(run), self.work.join(format!("unpacked-{run}")));
            fs::create_dir(&theirs)?;
            costs.measure(run, || self.run_attach(&ours), || self.run_unpack(&theirs))?;
            equal::check(&self.source, &ours)?;
            if run == 0 {
                equal::check_with_diff(&self.source, &ours)?;
            }
            if self.keep_attached {
                continue;
            }
            fs::remove_dir_all(&ours)?;
            fs::remove_dir_all(&theirs)?;
        }
        costs.report(&format!("attach {}", self.name), self.time_limit, rows);
        Ok(())
    }

    /// Attaches over what `attach` has kept. Nothing is to be done, so there is no peer.
    pub(crate) fn attach_again(&self, rows: &mut Vec<Row>) -> Result<(), Box<dyn Error>> {
        let mut costs = Costs::default();
        for run in 0..self.run_count {
            eprintln!(
                "attach {} again: run {} of {}",
                self.name,
                run + 1,
                self.run_count
            );
            let directory = self.attached(run);
            costs.measure_alone(|| self.run_attach(&directory))?;
            equal::check(&self.source, &directory)?;
        }
        costs.report(
            &format!("attach {} again, all equal", self.name),
            Limit::None,
            rows,
        );
        Ok(())
    }
}

/// Measures how long `baton latest` takes, from spawn to exit, on a store of `build_count` builds.
pub(crate) fn start_up(
    commands: &Commands,
    build_count: usize,
    work: &Path,
    rows: &mut Vec<Row>,
) -> Result<(), Box<dyn Error>> {
    let (store, root, project) = (work.join("store"), work.join("root"), "bench/builds");
    fs::create_dir(&root)?;
    fs::write(root.join("file"), "contents")?;
    output(commands.persist(&store, project, build_count, &root))?;
    eprintln!("making a history of {build_count} builds");
    history::lengthen(&store, build_count as u64)?;
    let answer = output(commands.latest(&store, project))?;
    if !answer.contains(&build_count.to_string()) {
        return Err(format!("latest is not build {build_count}, but: {answer}").into());
    }
    eprintln!("latest: {START_UP_RUNS} runs");
    settle(&[&store])?;
    let listed = output(commands.builds(&store, project, build_count.min(1000)))?;
    if listed.lines().count() != build_count.min(1000) + 1 {
        return Err(format!("not every build is listed: {listed}").into());
    }
    let times: Result<Vec<f64>, _> = (0..START_UP_RUNS)
        .map(|_| measure::start_up_ms(commands.latest(&store, project)))
        .collect();
    rows.push(Row {
        what: format!("latest of {build_count} builds, median of {START_UP_RUNS}"),
        unit: Unit::Milliseconds,
        baton: Series(times?),
        peer: None,
        limit: Limit::AtMost(START_UP_MS_MAX),
    });
    Ok(())
}

/// Removes a file or a directory, if it exists.
fn remove(path: &Path) -> Result<(), Box<dyn Error>> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{}: {error}", path.display()).into())
        }
        _ => Ok(()),
    }
}

fn output(mut command: Command) -> Result<String, Box<dyn Error>> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{}: {}\n{text}", output.status, measure::show(&[command])).into())
}
