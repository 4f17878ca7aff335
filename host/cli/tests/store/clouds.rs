//! Stores in buckets, opened as a program does that embeds baton.

use std::time::Duration;

use baton_host::store::{CloudLocation, CloudOptions, Provider, StoreError, StoreUse};
use baton_host::{CloudStore, HttpOptions};

use crate::servers::weed::{REGION, WRITER};

/// Opens a store of SeaweedFS's.
pub(crate) fn open(
    endpoint: &str,
    bucket: &str,
    prefix: &str,
    usage: StoreUse,
) -> Result<CloudStore, StoreError> {
    let location = CloudLocation {
        provider: Provider::S3,
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
    };
    let variables = [
        ("AWS_ACCESS_KEY_ID", WRITER.key),
        ("AWS_SECRET_ACCESS_KEY", WRITER.secret),
    ];
    let options = CloudOptions {
        http: HttpOptions {
            allow_http: true,
            ..HttpOptions::default()
        },
        endpoint: Some(endpoint.into()),
        region: Some(REGION.to_owned()),
        variables: variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .collect(),
        connections_max: 8,
        time_budget: Duration::from_secs(60),
        ..CloudOptions::default()
    };
    CloudStore::open(&location, options, usage)
}
