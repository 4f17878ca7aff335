//! Standard output and standard error: the one place that writes to them. What comes here is escaped here, and nowhere
//! before. Standard output is data: the first failure to write it is remembered, and fails the command at its end. A
//! reader that closed the pipe has all that it wanted, so that failure alone is none, as with ripgrep and Git's pager.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use baton_host::{escaped, escaped_json, shortened};
use nix::errno::Errno;
use serde::Serialize;

/// The longest line of data, in bytes: a path has at most 4,096, and so has where a symlink points.
const LINE_BYTES_MAX: usize = 16_384;
/// The longest cell of a table, in bytes. It sets the width of the column.
const CELL_BYTES_MAX: usize = 1_024;
/// The longest line of messages, in bytes.
pub(crate) const MESSAGE_BYTES_MAX: usize = 8_192;

/// Whether standard output was closed when the process began, as with `baton latest >&-`.
static CLOSED: AtomicBool = AtomicBool::new(false);

ctor::declarative::ctor! {
    /// Looks before the standard library opens `/dev/null` in the place of a closed descriptor, which is before `main`. From
    /// then on it cannot be told from `>/dev/null`: both Python and Node open that for reading and writing, too.
    #[ctor(unsafe)]
    fn look() {
        let is_closed = rustix::io::fcntl_getfd(io::stdout()).is_err();
        CLOSED.store(is_closed, Ordering::Relaxed);
    }
}

/// Standard output, and what went wrong with it.
struct Data {
    out: Option<BufWriter<File>>,
    /// Why there is none: it fails whoever prints data.
    missing: Option<io::Error>,
    failed: Option<io::Error>,
}

static DATA: LazyLock<Mutex<Data>> = LazyLock::new(|| {
    // Not `io::stdout`, which takes a descriptor that cannot be written to for one that takes everything.
    let opened = io::stdout().as_fd().try_clone_to_owned();
    let (out, missing) = match opened {
        _ if CLOSED.load(Ordering::Relaxed) => {
            (None, Some(io::Error::from_raw_os_error(Errno::EBADF as i32)))
        }
        Ok(descriptor) => (Some(BufWriter::new(File::from(descriptor))), None),
        Err(error) => (None, Some(error)),
    };
    Mutex::new(Data {
        out,
        missing,
        failed: None,
    })
});

impl Data {
    fn locked() -> MutexGuard<'static, Data> {
        DATA.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn does(&mut self, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        if self.failed.is_none()
            && let Some(out) = &mut self.out
        {
            self.failed = write(out).err();
        }
    }

    fn put(&mut self, text: &str) {
        if let Some(error) = self.missing.take() {
            self.failed = Some(error);
        }
        self.does(|out| out.write_all(text.as_bytes()));
    }
}

/// Writes what is still to be written, and returns why standard output does not hold all that was printed.
pub(crate) fn finish() -> io::Result<()> {
    let mut data = Data::locked();
    data.does(BufWriter::flush);
    match data.failed.take() {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Prints one line of data.
pub(crate) fn print(line: &str) {
    let line = shortened(line, LINE_BYTES_MAX);
    let mut data = Data::locked();
    data.put(&escaped(&line));
    data.put("\n");
}

/// Prints a text line by line.
pub(crate) fn print_lines(text: &str) {
    text.lines().for_each(print);
}

/// Writes JSON to standard output, escaped. serde_json writes each text in parts that are texts themselves.
struct Json;

impl Write for Json {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        // Not locked for longer: a list that is read while it is printed may have warnings.
        Data::locked().put(&escaped_json(text));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Prints one JSON value. A list that ends early ends the value early: see [`crate::json::Rows`].
pub(crate) fn print_json(value: &impl Serialize) {
    let mut out = BufWriter::new(Json);
    if serde_json::to_writer_pretty(&mut out, value).is_ok() {
        // It cannot fail: what standard output does is remembered where it is written.
        let _ = out.write_all(b"\n").and_then(|()| out.flush());
    }
}

/// Prints a line of serialized JSON.
pub(crate) fn print_json_text(json: &str) {
    let mut data = Data::locked();
    data.put(&escaped_json(json));
    data.put("\n");
}

/// How much is written to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Level {
    /// Errors and warnings.
    Quiet,
    /// Also progress, and what was done.
    Usual,
    /// Also what baton decides, and each request to the store.
    Verbose,
}

static LEVEL: AtomicU8 = AtomicU8::new(Level::Usual as u8);

/// Sets how much the process writes to standard error.
pub(crate) fn set_level(level: Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// Returns whether messages of a level are written.
pub(crate) fn shows(level: Level) -> bool {
    LEVEL.load(Ordering::Relaxed) >= level as u8
}

/// Writes a line about progress or about what was done, unless `--quiet` is given.
pub(crate) fn note(line: &str) {
    if shows(Level::Usual) {
        say(line);
    }
}

/// Writes a line about a decision or a request, with `--verbose` only.
pub(crate) fn detail(line: impl FnOnce() -> String) {
    if shows(Level::Verbose) {
        say(&line());
    }
}

/// Writes an error or a warning on one line.
pub(crate) fn say(line: &str) {
    // Where both are one terminal, what was printed before comes before.
    Data::locked().does(BufWriter::flush);
    let line = shortened(line, MESSAGE_BYTES_MAX);
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{}", escaped(&line));
}

/// Writes an error of several lines.
pub(crate) fn say_lines(text: &str) {
    text.lines().for_each(say);
}

/// Says several lines from wherever this is called: it waits for nobody who is in the middle of a line.
pub(crate) fn say_at_once(text: &str) {
    if let Ok(mut data) = DATA.try_lock() {
        data.does(BufWriter::flush);
    }
    for line in text.lines() {
        let line = shortened(line, MESSAGE_BYTES_MAX);
        let _ = writeln!(io::stderr().lock(), "{}", escaped(&line));
    }
}

/// Passes on what a job of `baton local` prints, byte for byte: it is that job's terminal.
pub(crate) fn pass_on(bytes: &[u8]) {
    Data::locked().does(BufWriter::flush);
    let _ = io::stderr().lock().write_all(bytes);
}

/// Prints rows whose columns are lined up. The first one is the heading.
pub(crate) fn print_table(rows: &[Vec<String>]) {
    let mut table = Table::default();
    rows.iter().for_each(|row| table.row(row.clone()));
    table.end();
}

/// Rows whose columns are lined up, printed as they come: the first ones decide how wide the columns are. A heading alone is
/// not printed.
#[derive(Default)]
pub(crate) struct Table {
    heading: Option<Vec<String>>,
    waiting: Vec<Vec<String>>,
    widths: Vec<usize>,
}

impl Table {
    /// So many rows decide.
    const WAITING_MAX: usize = 2_000;

    pub(crate) fn begin(heading: &[&str]) -> Table {
        Table {
            heading: Some(heading.iter().map(|cell| (*cell).to_owned()).collect()),
            ..Table::default()
        }
    }

    pub(crate) fn row(&mut self, row: Vec<String>) {
        let row: Vec<String> = row.iter().map(|cell| cell_text(cell)).collect();
        if self.widths.is_empty() {
            self.waiting.extend(self.heading.take());
            self.waiting.push(row);
            if self.waiting.len() > Table::WAITING_MAX {
                self.print_waiting();
            }
        } else {
            self.print(&row);
        }
    }

    pub(crate) fn end(mut self) {
        self.print_waiting();
    }

    fn print_waiting(&mut self) {
        let rows = std::mem::take(&mut self.waiting);
        let columns = rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max()
        };
        self.widths = (0..columns)
            .map(|column| width(column).unwrap_or_default())
            .collect();
        rows.iter().for_each(|row| self.print(row));
    }

    fn print(&self, row: &[String]) {
        let cells: Vec<String> = row
            .iter()
            .zip(&self.widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        print(cells.join("  ").trim_end());
    }
}

fn cell_text(cell: &str) -> String {
    escaped(&shortened(cell, CELL_BYTES_MAX)).into_owned()
}
