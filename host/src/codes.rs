//! The error codes of failed system calls. docs/reference/errors.md lists them.

use std::io::{self, ErrorKind};

/// Returns the code of a failed system call.
pub(crate) fn io_code(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::PermissionDenied => "permission-denied",
        ErrorKind::NotFound => "not-found",
        ErrorKind::StorageFull => "no-space",
        ErrorKind::QuotaExceeded => "quota-exceeded",
        ErrorKind::ReadOnlyFilesystem => "read-only",
        ErrorKind::AlreadyExists => "exists",
        ErrorKind::NotADirectory => "not-a-directory",
        ErrorKind::FileTooLarge => "file-too-large",
        _ => match rustix::io::Errno::from_io_error(error) {
            Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => "too-many-open-files",
            Some(rustix::io::Errno::LOOP) => "not-a-directory",
            Some(rustix::io::Errno::IO) => "io-error",
            _ => "file-system",
        },
    }
}
