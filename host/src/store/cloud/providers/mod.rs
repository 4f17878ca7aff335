//! From options to a store of the library: a file for each provider.

mod azure;
mod common;
mod gcs;
mod s3;

use super::failure::{RemoteFailure, RemoteKind};
use super::key_files::check_files;
use super::options::CloudOptions;
use crate::http::{HttpClient, HttpFailure, HttpFailureKind, all_addresses};
use crate::store::location::{CloudLocation, Provider};

pub(super) use common::Opened;

/// Opens a store. Nothing is sent yet.
pub(super) fn open(location: &CloudLocation, options: &CloudOptions) -> Result<Opened, RemoteFailure> {
    check_files(location.provider, &options.variables)?;
    let client = HttpClient::new(&options.http, all_addresses()).map_err(of_client)?;
    match location.provider {
        Provider::S3 => s3::open(location, options, client),
        Provider::Gcs => gcs::open(location, options, client),
        Provider::Azure => azure::open(location, options, client),
    }
}

fn of_client(failure: HttpFailure) -> RemoteFailure {
    let kind = match failure.kind() {
        HttpFailureKind::Certificate | HttpFailureKind::Tls => RemoteKind::Certificate,
        _ => RemoteKind::Options,
    };
    RemoteFailure::new(kind, failure.to_string())
}
