//! Files and directories that a person names: keys, certificates, configs, components, stores.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Reads a regular file of at most `bytes_max` bytes.
///
/// The file is opened without blocking and looked at before it is read, so a FIFO that nobody writes to, or a device that
/// never ends, is an error and does not stop the program.
///
/// # Errors
///
/// `InvalidInput` where it is not a regular file, `FileTooLarge` where it is larger, and what the operating system says.
pub fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    let mut bytes = Vec::new();
    // The size in the metadata is not used: the file may grow, and some file systems report 0.
    let read = file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if read as u64 > bytes_max {
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            format!("it has more than {bytes_max} bytes"),
        ));
    }
    Ok(bytes)
}

/// Opens a directory. Anything else is `NotADirectory`, and none of it is waited for: not a FIFO either.
pub(crate) fn open_directory(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::DIRECTORY | OFlags::NONBLOCK).bits() as i32)
        .open(path)
}

/// Reads a text in UTF-8, as [`read`] does.
///
/// # Errors
///
/// As [`read`], and `InvalidData` where it is not UTF-8.
pub fn read_text(path: &Path, bytes_max: u64) -> io::Result<String> {
    String::from_utf8(read(path, bytes_max)?)
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is not UTF-8"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn only_a_regular_file_of_the_stated_size_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "four").unwrap();
        assert_eq!(read(&file, 4).unwrap(), b"four");
        assert_eq!(read(&file, 3).unwrap_err().kind(), ErrorKind::FileTooLarge);
        let fifo = dir.path().join("fifo");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        for other in [
            fifo.as_path(),
            dir.path(),
            Path::new("/dev/zero"),
            Path::new("/dev/null"),
        ] {
            assert!(read(other, 1 << 20).is_err(), "{}", other.display());
        }
        for no_directory in [fifo.as_path(), file.as_path(), Path::new("/dev/zero")] {
            let error = open_directory(no_directory).unwrap_err();
            assert_eq!(
                error.kind(),
                ErrorKind::NotADirectory,
                "{}",
                no_directory.display()
            );
        }
        assert!(open_directory(dir.path()).is_ok());
        std::fs::write(&file, b"\xff").unwrap();
        assert_eq!(read_text(&file, 4).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
