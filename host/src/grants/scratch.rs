//! The import `scratch`: pages of one run, in memory as long as they are few, and in a file without a name after that.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::Grants;
use crate::bindings::scratch::Host;
use crate::bindings::types::Error as PluginError;
use crate::problem;

/// As the WIT says.
const PAGE_BYTES_MAX: usize = 8 << 20;
/// Pages beyond this go to the file.
const MEMORY_BYTES_MAX: u64 = 16 << 20;

/// The temporary space of one run. It ends with the last of its instances.
#[derive(Debug)]
pub(crate) struct Scratch {
    bytes_max: u64,
    /// The directory of the file.
    dir: PathBuf,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    all: Vec<Page>,
    /// Of all pages.
    bytes: u64,
    in_memory_bytes: u64,
    file: Option<File>,
    file_bytes: u64,
}

#[derive(Debug)]
enum Page {
    Memory(Vec<u8>),
    /// At this offset of the file, so many bytes.
    File(u64, usize),
}

impl Scratch {
    /// Creates an empty space with a limit for all pages together. `dir` is for the file, if one is needed.
    pub(crate) fn new(bytes_max: u64, dir: PathBuf) -> Scratch {
        Scratch {
            bytes_max,
            dir,
            pages: Mutex::default(),
        }
    }

    fn write(&self, page: Vec<u8>) -> Result<u32, PluginError> {
        let length = page.len() as u64;
        if page.len() > PAGE_BYTES_MAX {
            let message = format!("a page of {length} bytes is too large");
            return Err(problem::internal(message, ""));
        }
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let number = u32::try_from(pages.all.len()).unwrap_or(u32::MAX);
        if pages.bytes + length > self.bytes_max || number == u32::MAX {
            return Err(problem::limit(
                "scratch-full",
                format!(
                    "the run needs more than {} MiB of temporary space",
                    self.bytes_max >> 20
                ),
            ));
        }
        let page = match pages.in_memory_bytes + length <= MEMORY_BYTES_MAX {
            true => {
                pages.in_memory_bytes += length;
                Page::Memory(page)
            }
            false => pages
                .append(&page, &self.dir)
                .map_err(|error| self.failed("written", &error))?,
        };
        pages.bytes += length;
        pages.all.push(page);
        Ok(number)
    }

    fn read(&self, number: u32) -> Result<Vec<u8>, PluginError> {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        match pages.all.get(number as usize) {
            Some(Page::Memory(page)) => Ok(page.clone()),
            Some(Page::File(offset, length)) => pages
                .read(*offset, *length)
                .map_err(|error| self.failed("read", &error)),
            None => Err(problem::internal(format!("there is no page {number}"), "")),
        }
    }

    fn failed(&self, what: &str, error: &io::Error) -> PluginError {
        let message = format!("temporary space could not be {what}");
        problem::files(&message, &self.dir.to_string_lossy(), error)
    }
}

impl Pages {
    fn append(&mut self, page: &[u8], dir: &Path) -> io::Result<Page> {
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(nameless(dir)?),
        };
        file.write_all_at(page, self.file_bytes)?;
        let offset = self.file_bytes;
        self.file_bytes += page.len() as u64;
        Ok(Page::File(offset, page.len()))
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut page = vec![0; length];
        if let Some(file) = &self.file {
            file.read_exact_at(&mut page, offset)?;
        }
        Ok(page)
    }
}

/// Creates a file without a name, so that nothing of it remains however the run ends.
fn nameless(dir: &Path) -> io::Result<File> {
    use std::sync::atomic::{AtomicU64, Ordering};

    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("baton-scratch-{}-{count}", std::process::id());
    let path = dir.join(name);
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

impl Host for Grants {
    fn write(&mut self, page: Vec<u8>) -> wasmtime::Result<Result<u32, PluginError>> {
        self.watched(|grants| grants.scratch.write(page))
    }

    fn read(&mut self, number: u32) -> wasmtime::Result<Result<Vec<u8>, PluginError>> {
        self.watched(|grants| grants.scratch.read(number))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn pages_come_back_from_memory_and_from_the_file() {
        let scratch = Scratch::new(64 << 20, "/tmp".into());
        let page = |number: u8| vec![number; 3 << 20];
        for number in 0..16 {
            assert_eq!(scratch.write(page(number)).unwrap(), u32::from(number));
        }
        for number in (0..16).rev() {
            assert_eq!(scratch.read(number.into()).unwrap(), page(number));
        }
        assert!(scratch.pages.lock().unwrap().in_memory_bytes <= MEMORY_BYTES_MAX);
        assert!(scratch.read(16).is_err());
    }

    #[test]
    fn the_space_has_a_limit() {
        let scratch = Scratch::new(10, "/tmp".into());
        scratch.write(vec![0; 10]).unwrap();
        assert!(matches!(scratch.write(vec![0]), Err(PluginError::Limit(_))));
        assert!(matches!(
            Scratch::new(u64::MAX, "/tmp".into()).write(vec![0; PAGE_BYTES_MAX + 1]),
            Err(PluginError::Internal(_))
        ));
    }
}
