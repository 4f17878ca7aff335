//! From the host's errors to the WIT `error`. The codes are listed in docs/reference/errors.md.

use std::error::Error as _;
use std::io::{self, ErrorKind};

use crate::bindings::{PluginError, Problem};
use crate::store::StoreError;

/// Returns the code and the reason of a failed system call.
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

/// Returns the WIT error of a failed system call in the granted directory.
pub(crate) fn files(message: &str, path: &str, error: &io::Error) -> PluginError {
    PluginError::Files(Problem {
        code: io_code(error).to_owned(),
        message: message.to_owned(),
        subject: path.to_owned(),
        causes: vec![error.to_string()],
    })
}

/// Returns the WIT error of a failed store.
pub(crate) fn store(error: &StoreError) -> PluginError {
    let subject = match error {
        StoreError::Key(_) => return internal(error.to_string(), ""),
        StoreError::Missing(path) | StoreError::NotADirectory(path) => path.display().to_string(),
        StoreError::Location { given, .. } => given.clone(),
        StoreError::NotAtomic { store, .. } => store.clone(),
        StoreError::Thread(_) => String::new(),
        StoreError::Remote { key, .. } | StoreError::TooLarge { key, .. } | StoreError::Io { key, .. } => {
            key.clone()
        }
    };
    PluginError::Store(Problem {
        code: error.code().to_owned(),
        message: error.to_string(),
        subject,
        causes: error.source().map(ToString::to_string).into_iter().collect(),
    })
}

/// Returns the WIT error for a stated limit that was reached.
pub(crate) fn limit(code: &str, message: String) -> PluginError {
    PluginError::Limit(Problem {
        code: code.to_owned(),
        message,
        subject: String::new(),
        causes: Vec::new(),
    })
}

/// Returns the WIT error for what an honest component never does.
pub(crate) fn internal(message: String, subject: &str) -> PluginError {
    PluginError::Internal(Problem {
        code: "internal".to_owned(),
        message,
        subject: subject.to_owned(),
        causes: Vec::new(),
    })
}
