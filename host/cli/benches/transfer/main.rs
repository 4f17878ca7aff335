//! Measures baton against `tar | zstd -1 -T0`, side by side on one machine, and judges it by the limits of
//! its design.
//!
//! It makes a tree of 40,000 source files and a file of 4 GiB, persists and attaches both, compares what came
//! out with what went in, and prints a table. A limit that is missed makes the exit status 1. With `--s3` it
//! persists and attaches the tree through S3 instead. `--help` lists the options.

mod cases;
mod commands;
mod costs;
mod equal;
mod measure;
mod options;
mod s3;
mod settle;
mod store;
mod table;
mod text;
mod tree;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use baton_testkit::{history, servers};

use crate::cases::Case;
use crate::commands::Commands;
use crate::options::Options;
use crate::table::Row;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("error: {error}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    if options.help {
        println!("{}", options::USAGE);
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether all limits are kept.
fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let binary = options::binary()?;
    check_space(options)?;
    let place = Place::make(options)?;
    let home = place.make_directory("home")?;
    let commands = Commands { baton: binary, home };
    let mut rows = Vec::new();
    let sides = if options.s3 {
        measure_s3(options, &commands, &place, &mut rows)?;
        ["20 ms a request", "no latency"]
    } else {
        measure_all(options, &commands, &place, &mut rows)?;
        ["baton", "tar and zstd"]
    };
    if options.markdown {
        print_heading(options, &commands);
    }
    print!("{}", table::render(&rows, sides, options.markdown));
    println!(
        "\nSeconds: the least of {} runs (median). Bytes: the most (median).",
        options.run_count
    );
    let missed = table::missed(&rows);
    for what in &missed {
        eprintln!("limit missed: {what}");
    }
    Ok(missed.is_empty())
}

/// Measures the directory store, beside `tar` and `zstd`.
fn measure_all(
    options: &Options,
    commands: &Commands,
    place: &Place,
    rows: &mut Vec<Row>,
) -> Result<(), Box<dyn Error>> {
    if options.file_count > 0 {
        measure_tree(options, commands, place, rows)?;
    }
    if options.large_bytes > 0 {
        measure_large_file(options, commands, place, rows)?;
    }
    if options.build_count > 0 {
        let work = place.make_directory("builds")?;
        cases::start_up(commands, options.build_count, &work, rows)?;
        place.clear("builds")?;
    }
    Ok(())
}

fn measure_s3(
    options: &Options,
    commands: &Commands,
    place: &Place,
    rows: &mut Vec<Row>,
) -> Result<(), Box<dyn Error>> {
    let work = place.make_directory("tree")?;
    eprintln!(
        "making a tree of {} files, {} bytes",
        options.file_count, options.bytes
    );
    let tree = tree::generate(&work.join("source"), options.file_count, options.bytes)?;
    s3::measure(commands, options.run_count, &tree.root, &work, rows)?;
    place.clear("tree")
}

fn measure_tree(
    options: &Options,
    commands: &Commands,
    place: &Place,
    rows: &mut Vec<Row>,
) -> Result<(), Box<dyn Error>> {
    let work = place.make_directory("tree")?;
    eprintln!(
        "making a tree of {} files, {} bytes",
        options.file_count, options.bytes
    );
    let tree = tree::generate(&work.join("source"), options.file_count, options.bytes)?;
    let case = Case::tree(commands, options.run_count, &tree, &work);
    let first_bytes = case.persist_cold(rows)?;
    case.persist_warm(&tree, first_bytes, rows)?;
    case.attach(rows)?;
    case.attach_again(rows)?;
    place.clear("tree")
}

fn measure_large_file(
    options: &Options,
    commands: &Commands,
    place: &Place,
    rows: &mut Vec<Row>,
) -> Result<(), Box<dyn Error>> {
    let work = place.make_directory("large")?;
    let source = place.make_directory("large/source")?;
    eprintln!("making a file of {} bytes", options.large_bytes);
    tree::generate_large(&source.join("large.bin"), options.large_bytes)?;
    let case = Case::large(commands, options.run_count, &source, options.large_bytes, &work);
    case.persist_cold(rows)?;
    case.attach(rows)?;
    place.clear("large")
}

/// Refuses early where the disk would fill up. Beside the source there are a store and an archive, and two
/// attached copies: of the tree for each run, of the large file once.
fn check_space(options: &Options) -> Result<(), Box<dyn Error>> {
    let disk = rustix::fs::statvfs(&options.directory)
        .map_err(|error| format!("{}: {error}", options.directory.display()))?;
    let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    let tree_bytes = options.bytes.saturating_mul(2 + 2 * options.run_count as u64);
    let large_bytes = options.large_bytes.saturating_mul(9) / 2;
    let needed_bytes = if options.keep {
        tree_bytes + large_bytes
    } else {
        tree_bytes.max(large_bytes)
    };
    if free_bytes < needed_bytes {
        let directory = options.directory.display();
        let text = format!(
            "{directory} has {free_bytes} bytes free of {needed_bytes} needed: see --dir, --bytes, --large"
        );
        return Err(text.into());
    }
    Ok(())
}

fn print_heading(options: &Options, commands: &Commands) {
    let version = |program: &Path| {
        let output = Command::new(program)
            .arg("--version")
            .output()
            .map(|output| output.stdout);
        let text = String::from_utf8_lossy(&output.unwrap_or_default()).into_owned();
        text.lines().next().unwrap_or("?").trim().to_owned()
    };
    println!("- machine: {}", options::machine());
    for program in [commands.baton.as_path(), Path::new("tar"), Path::new("zstd")] {
        println!("- {}", version(program));
    }
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    println!(
        "- benchmark: `cargo bench --bench transfer -- {}`",
        arguments.join(" ")
    );
    println!(
        "- tree: {} files, {} bytes; large file: {} bytes; {} runs",
        options.file_count, options.bytes, options.large_bytes, options.run_count
    );
    let shown = Commands {
        baton: PathBuf::from("baton"),
        home: PathBuf::new(),
    };
    let (store, tree, directory) = (Path::new("STORE"), Path::new("TREE"), Path::new("DIR"));
    let persist = measure::show(&[shown.persist(store, "bench/tree", 1, tree)]);
    let attach = measure::show(&[shown.attach(store, "bench/tree", directory)]);
    println!(
        "- persist: `{persist}` against `{} > FILE`",
        measure::show(&shown.pack(tree))
    );
    println!(
        "- attach: `{attach}` against `{}`",
        measure::show(&shown.unpack(Path::new("FILE"), directory))
    );
    println!(
        "- latest: `{}`\n",
        measure::show(&[shown.latest(store, "bench/builds")])
    );
}

/// The temporary directory. What it made itself it removes, also when the benchmark fails.
struct Place {
    root: PathBuf,
    keep: bool,
}

impl Place {
    fn make(options: &Options) -> Result<Self, Box<dyn Error>> {
        // The commands run in another directory, so a relative path would no longer be found.
        let directory = fs::canonicalize(&options.directory)?;
        let root = directory.join(format!("baton-bench-{}", std::process::id()));
        fs::create_dir(&root).map_err(|error| format!("{}: {error}", root.display()))?;
        eprintln!("working in {}", root.display());
        Ok(Self {
            root,
            keep: options.keep,
        })
    }

    fn make_directory(&self, name: &str) -> Result<PathBuf, Box<dyn Error>> {
        let path = self.root.join(name);
        fs::create_dir(&path)?;
        Ok(path)
    }

    /// Frees disk space for the next measurement.
    fn clear(&self, name: &str) -> Result<(), Box<dyn Error>> {
        if !self.keep {
            fs::remove_dir_all(self.root.join(name))?;
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.keep {
            eprintln!("kept {}", self.root.display());
        } else if let Err(error) = fs::remove_dir_all(&self.root) {
            eprintln!("warning: cannot remove {}: {error}", self.root.display());
        }
    }
}
