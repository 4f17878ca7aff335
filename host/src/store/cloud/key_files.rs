//! Files with keys and tokens that variables name, and that the library opens itself.

use std::io::ErrorKind;

use super::failure::{RemoteFailure, RemoteKind};
use super::options::Variables;
use crate::store::location::Provider;

/// Variables that name a file, which the library reads itself.
const FILE_VARIABLES: [&str; 6] = [
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_FEDERATED_TOKEN_FILE",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
];
/// The maximum size of a file with a key or a token.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Refuses files that would block the library, such as FIFOs, and files without a limit. The library reports missing files.
pub(super) fn check_files(provider: Provider, variables: &Variables) -> Result<(), RemoteFailure> {
    let prefix = match provider {
        Provider::S3 => "AWS_",
        Provider::Gcs => "GOOGLE_",
        Provider::Azure => "AZURE_",
    };
    let named = FILE_VARIABLES.iter().filter(|name| name.starts_with(prefix));
    for (name, path) in named.filter_map(|name| Some((name, variables.get(name)?))) {
        match crate::files::read(path.as_ref(), FILE_BYTES_MAX) {
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::FileTooLarge) => {
                let message = format!("{name} names {path}, which cannot be used: {error}");
                return Err(RemoteFailure::new(RemoteKind::Credentials, message));
            }
            _ => {}
        }
    }
    Ok(())
}
