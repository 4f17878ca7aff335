//! The options of the benchmark, and the machine that it runs on.

use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

/// Names the binary to measure instead of the one that cargo built beside the benchmark.
const BINARY_VARIABLE: &str = "BATON_BENCH_BINARY";

pub(crate) const USAGE: &str = "\
cargo bench --bench transfer -- [options]

  --files COUNT    files of the tree (40000); 0 leaves the tree out
  --bytes SIZE     size of the tree (700MB)
  --large SIZE     size of the large file (4GiB); 0 leaves it out
  --builds COUNT   builds in the store that `baton latest` looks into (100000); 0 leaves it out
  --s3             the tree through S3 instead of all else: SeaweedFS in memory behind a
                   proxy that counts requests, with and without 20 ms added to each
  --runs COUNT     runs of each measurement (3)
  --dir DIR        where to make the temporary directory (the system's)
  --keep           leave the temporary directory behind
  --markdown       print Markdown, with the machine and the command lines

Sizes are 700MB, 4GiB, 65536 and the like. BATON_BENCH_BINARY names another baton to measure.
Exit status: 0 all limits are kept, 1 one is missed or something failed, 2 usage.";

pub(crate) struct Options {
    pub(crate) file_count: usize,
    pub(crate) bytes: u64,
    pub(crate) large_bytes: u64,
    pub(crate) build_count: usize,
    pub(crate) s3: bool,
    pub(crate) run_count: usize,
    pub(crate) directory: PathBuf,
    pub(crate) keep: bool,
    pub(crate) markdown: bool,
    pub(crate) help: bool,
}

impl Options {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            file_count: 40_000,
            bytes: 700_000_000,
            large_bytes: 4 << 30,
            build_count: 100_000,
            s3: false,
            run_count: 3,
            directory: std::env::temp_dir(),
            keep: false,
            markdown: false,
            help: false,
        };
        while let Some(argument) = arguments.next() {
            let name = argument.to_string_lossy().into_owned();
            let mut value = || arguments.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--files" => options.file_count = count(&value()?)?,
                "--bytes" => options.bytes = size_bytes(&value()?)?,
                "--large" => options.large_bytes = size_bytes(&value()?)?,
                "--builds" => options.build_count = count(&value()?)?,
                "--runs" => options.run_count = count(&value()?)?.max(1),
                "--dir" => options.directory = PathBuf::from(value()?),
                "--s3" => options.s3 = true,
                "--keep" => options.keep = true,
                "--markdown" => options.markdown = true,
                "--help" | "-h" => options.help = true,
                // `cargo bench` adds it to whatever the user asked for.
                "--bench" => {}
                _ => return Err(format!("unknown option {name}").into()),
            }
        }
        Ok(options)
    }
}

/// Returns the path of the `baton` to measure.
pub(crate) fn binary() -> Result<PathBuf, Box<dyn Error>> {
    let chosen =
        std::env::var_os(BINARY_VARIABLE).or_else(|| option_env!("CARGO_BIN_EXE_baton").map(OsString::from));
    let path = chosen.ok_or_else(|| format!("no baton to measure: set {BINARY_VARIABLE}"))?;
    // The commands run in another directory, so a relative path would no longer be found.
    fs::canonicalize(&path).map_err(|error| format!("{}: {error}", PathBuf::from(&path).display()).into())
}

/// Returns a line about processors, memory and kernel.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default();
        line.split_once(':')
            .map_or_else(|| "?".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let memory = field("/proc/meminfo", "MemTotal");
    let memory_kib: f64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{cores} cores, {}, {:.1} GiB of memory, kernel {}",
        field("/proc/cpuinfo", "model name"),
        memory_kib / f64::from(1 << 20),
        kernel.trim(),
    )
}

fn count(value: &OsString) -> Result<usize, Box<dyn Error>> {
    let text = value.to_string_lossy();
    text.parse().map_err(|_| format!("{text} is not a count").into())
}

fn size_bytes(value: &OsString) -> Result<u64, Box<dyn Error>> {
    let text = value.to_string_lossy();
    let unit_start = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(unit_start);
    let factor: u64 = match unit {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(format!("{text} is not a size").into()),
    };
    let size = digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor));
    size.ok_or_else(|| format!("{text} is not a size").into())
}
