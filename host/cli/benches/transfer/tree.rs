//! Generates the trees that are transferred: the same ones on every run and every machine.
//!
//! The sizes, depths and modes are those of a large source checkout, and some names are as odd as a file
//! system allows. Names that are not UTF-8, hard links and special files are left out: baton does not carry
//! them.

use std::collections::HashSet;
use std::error::Error;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::text::{Random, SourceText};

const SEED: u64 = 0xba70;
const FILES_PER_DIRECTORY: usize = 10;
const DEPTH_MAX: usize = 8;
/// Of ln(size). With it the median is 5 KB where the mean is 17.5 KB, and 1 file in 3,000 is above 1 MiB.
const SIZE_SPREAD: f64 = 1.58;
/// Of the large file.
const RUN_MIN: usize = 64 << 10;
const RUN_MAX: usize = 1 << 20;
const EXTENSIONS: [&str; 10] = ["rs", "ts", "py", "go", "c", "h", "java", "json", "md", "tsx"];
const ODD_NAMES: [&str; 18] = [
    "with space.txt",
    " leading and trailing ",
    "new\nline.txt",
    "tab\tand\rreturn.txt",
    "quote's \"double\" `back`.txt",
    "back\\slash.txt",
    "-rf",
    "--help",
    ".hidden",
    "...",
    "~",
    "*.[ch]",
    "{a,b}!?",
    "$HOME",
    "#comment;&|",
    "grüße-文件-файл-🦀.txt",
    "a\u{308}-decomposed.txt",
    "\u{7f}\u{1b}[31mcontrol.txt",
];

/// A generated tree: where it is, and what is in it.
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) bytes: u64,
}

/// Generates a tree of `file_count` files that hold `bytes` in all, and symlinks and empty directories besides.
pub(crate) fn generate(root: &Path, file_count: usize, bytes: u64) -> Result<Tree, Box<dyn Error>> {
    let mut random = Random::new(SEED);
    let text = SourceText::new(&mut random);
    let directories = make_directories(root, file_count / FILES_PER_DIRECTORY, &text, &mut random)?;
    let files = name_files(root, &directories, file_count, &text, &mut random)?;
    let sizes = file_sizes(file_count, bytes, &mut random);
    let mut content = Vec::new();
    for (path, size) in files.iter().zip(&sizes) {
        content.clear();
        text.append(&mut random, *size, &mut content);
        let mut file = File::create_new(path)?;
        file.write_all(&content)?;
        file.set_modified(some_time(&mut random))?;
        file.set_permissions(fs::Permissions::from_mode(file_bits(&mut random)))?;
    }
    make_links(&files, &mut random)?;
    // Last, because each new entry changes its directory's time.
    for directory in &directories {
        let bits = random.pick(&[0o755, 0o755, 0o755, 0o755, 0o775, 0o750, 0o700], 0o755);
        fs::set_permissions(directory, fs::Permissions::from_mode(bits))?;
        File::open(directory)?.set_modified(some_time(&mut random))?;
    }
    let bytes = sizes.iter().map(|size| *size as u64).sum();
    Ok(Tree {
        root: root.to_owned(),
        files,
        bytes,
    })
}

/// Rewrites some bytes in the middle of one file in a hundred; `round` decides which.
pub(crate) fn change_one_percent(tree: &Tree, round: u64) -> Result<usize, Box<dyn Error>> {
    let mut random = Random::new(SEED + 1 + round);
    let text = SourceText::new(&mut random);
    let wanted = tree.files.len().div_ceil(100);
    let mut changed = HashSet::new();
    let mut content = Vec::new();
    // Empty files are passed over, so the number of tries has to end, too.
    for _ in 0..wanted * 100 {
        if changed.len() == wanted {
            break;
        }
        let Some(path) = tree.files.get(random.below(tree.files.len())) else {
            break;
        };
        let metadata = fs::metadata(path)?;
        if metadata.len() == 0 || !changed.insert(path) {
            continue;
        }
        let size = metadata.len() as usize;
        content.clear();
        text.append(&mut random, (size / 4).clamp(1, 4096), &mut content);
        fs::set_permissions(path, fs::Permissions::from_mode(0o644))?;
        let mut file = File::options().write(true).open(path)?;
        file.seek(SeekFrom::Start(random.below(size - content.len() + 1) as u64))?;
        file.write_all(&content)?;
        file.set_permissions(metadata.permissions())?;
    }
    Ok(changed.len())
}

/// Generates one file: a run of text, a run of noise, and so on; runs are of 64 KiB to 1 MiB.
pub(crate) fn generate_large(path: &Path, bytes: u64) -> Result<(), Box<dyn Error>> {
    let mut random = Random::new(SEED);
    let text = SourceText::new(&mut random);
    let mut file = File::create_new(path)?;
    let mut run = Vec::new();
    let mut left = bytes;
    while left > 0 {
        run.clear();
        let size = 2 * (RUN_MIN + random.below(RUN_MAX - RUN_MIN)).min(left.div_ceil(2) as usize);
        let size = size.min(left as usize);
        text.append(&mut random, size / 2, &mut run);
        let noise_start = run.len();
        run.resize(size, 0);
        random.fill(run.get_mut(noise_start..).unwrap_or_default());
        file.write_all(&run)?;
        left -= size as u64;
    }
    Ok(())
}

fn make_directories(
    root: &Path,
    count: usize,
    text: &SourceText,
    random: &mut Random,
) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    fs::create_dir(root)?;
    let mut directories: Vec<(PathBuf, usize)> = vec![(root.to_owned(), 0)];
    while directories.len() < count {
        // The lesser of two draws: old directories, which lie high, get more children, or the tree would be
        // too deep.
        let place = random
            .below(directories.len())
            .min(random.below(directories.len()));
        let Some((parent, depth)) = directories.get(place) else {
            break;
        };
        if *depth == DEPTH_MAX {
            continue;
        }
        let (path, depth) = (parent.join(text.word(random)), depth + 1);
        // Drawn twice in the same parent: draw again.
        if fs::create_dir(&path).is_ok() {
            directories.push((path, depth));
        }
    }
    for name in ["odd names", "empty", "-", &"d".repeat(255)] {
        let path = root.join(name);
        fs::create_dir(&path)?;
        directories.push((path, 1));
    }
    Ok(directories.into_iter().map(|(path, _)| path).collect())
}

/// Chooses the files' paths. The youngest hundredth of the directories gets none, so that some are empty.
fn name_files(
    root: &Path,
    directories: &[PathBuf],
    count: usize,
    text: &SourceText,
    random: &mut Random,
) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let odd = root.join("odd names");
    let longest = [
        "n".repeat(255),
        "文".repeat(85),
        format!("{}.txt", "long name ".repeat(25)),
    ];
    let mut files: Vec<PathBuf> = ODD_NAMES.iter().map(|name| odd.join(name)).collect();
    files.extend(longest.iter().map(|name| odd.join(name)));
    files.push(root.join("d".repeat(255)).join("e".repeat(255)));
    files.truncate(count);
    let mut taken: HashSet<PathBuf> = directories.iter().cloned().collect();
    // The last four directories are the special ones of `make_directories`.
    let ordinary = (directories.len().saturating_sub(4)) as f64 * 0.99;
    while files.len() < count {
        let place = random.unit().powf(1.3) * ordinary;
        let directory = directories
            .get(place as usize)
            .ok_or("there is no directory to put files into")?;
        let (word, extension) = (text.word(random), random.pick(&EXTENSIONS, "txt"));
        let mut path = directory.join(format!("{word}.{extension}"));
        if taken.contains(&path) {
            path = directory.join(format!("{word}_{}.{extension}", files.len()));
        }
        if taken.insert(path.clone()) {
            files.push(path);
        }
    }
    Ok(files)
}

/// Draws sizes that add up to `bytes`, 1 in 200 of them 0.
fn file_sizes(count: usize, bytes: u64, random: &mut Random) -> Vec<usize> {
    let draw = |random: &mut Random| {
        if random.below(200) == 0 {
            0.0
        } else {
            (SIZE_SPREAD * random.normal()).exp()
        }
    };
    let shares: Vec<f64> = (0..count).map(|_| draw(random)).collect();
    let total: f64 = shares.iter().sum();
    let mut sizes: Vec<usize> = shares
        .iter()
        .map(|share| (share / total * bytes as f64) as usize)
        .collect();
    // Rounding down lost less than a byte a file; the last one makes up for it.
    let rest = (bytes as usize).saturating_sub(sizes.iter().sum());
    if let Some(last) = sizes.last_mut() {
        *last += rest;
    }
    sizes
}

/// Creates a symlink for each hundred files: to a sibling, by way of the parent, absolute, dangling, or to
/// a directory. No target depends on where the tree lies: that differs from run to run.
fn make_links(files: &[PathBuf], random: &mut Random) -> Result<(), Box<dyn Error>> {
    for number in 0..files.len().div_ceil(100) {
        let Some(file) = files.get(random.below(files.len())) else {
            break;
        };
        let (Some(parent), Some(name)) = (file.parent(), file.file_name()) else {
            break;
        };
        let target = match number % 6 {
            0 | 1 => PathBuf::from(name),
            2 => Path::new("..")
                .join(parent.file_name().unwrap_or_default())
                .join(name),
            3 => PathBuf::from("/usr/bin/env"),
            4 => PathBuf::from(format!("../nothing here/{number}")),
            _ => PathBuf::from(".."),
        };
        symlink(target, parent.join(format!("link {number}")))?;
    }
    Ok(())
}

fn file_bits(random: &mut Random) -> u32 {
    match random.below(100) {
        0..80 => 0o644,
        80..90 => 0o755,
        90..95 => 0o600,
        _ => 0o444,
    }
}

/// Returns a time between 2009 and 2024, in nanoseconds.
fn some_time(random: &mut Random) -> SystemTime {
    let seconds = 1_230_768_000 + random.below(473_385_600) as u64;
    SystemTime::UNIX_EPOCH + Duration::new(seconds, random.below(1_000_000_000) as u32)
}
