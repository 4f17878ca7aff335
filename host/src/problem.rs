//! From the host's errors to the WIT `error`. The codes are listed in docs/reference/errors.md.

use std::error::Error as _;
use std::io;

use crate::bindings::types::{Error as PluginError, Problem};
use crate::codes::io_code;
use crate::store::StoreError;

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
