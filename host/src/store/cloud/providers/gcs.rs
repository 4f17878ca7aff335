//! Google Cloud Storage.

use std::sync::Arc;

use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};

use super::super::failure::{RemoteFailure, checked};
use super::super::options::CloudOptions;
use super::common::{Opened, client_options, connector, endpoint_address, no_retries, refused};
use crate::http::HttpClient;
use crate::store::location::CloudLocation;
use crate::syntax::Syntax;

/// Opens a bucket of Google Cloud Storage.
pub(super) fn open(
    location: &CloudLocation,
    options: &CloudOptions,
    client: HttpClient,
) -> Result<Opened, RemoteFailure> {
    let mut builder = GoogleCloudStorageBuilder::new();
    for (name, value) in options.variables.iter() {
        if let Ok(key) = name.to_ascii_lowercase().parse::<GoogleConfigKey>()
            && name.starts_with("GOOGLE_")
            && !matches!(
                key,
                GoogleConfigKey::Client(_) | GoogleConfigKey::Bucket | GoogleConfigKey::BaseUrl
            )
        {
            if let Some(syntax) = syntax_of(&key) {
                checked(syntax, name, value)?;
            }
            builder = builder.with_config(key, value);
        }
    }
    let host = match &options.endpoint {
        Some(endpoint) => {
            builder = builder.with_config(GoogleConfigKey::BaseUrl, endpoint.expose());
            endpoint_address("the endpoint", endpoint.expose())?
        }
        None => "storage.googleapis.com".to_owned(),
    };
    let gcs = builder
        .with_bucket_name(&location.bucket)
        .with_client_options(client_options(options))
        .with_retry(no_retries())
        .with_http_connector(connector(options, client, &host))
        .build()
        .map_err(|error| refused(&error))?;
    let gcs = Arc::new(gcs);
    Ok(Opened {
        objects: Arc::clone(&gcs) as _,
        lister: gcs,
        renewable: None,
        deletes_in_bulk: false,
        server: options
            .endpoint
            .as_ref()
            .map_or_else(|| "gs".to_owned(), ToString::to_string),
        is_known: options.endpoint.is_none(),
    })
}

/// Returns the syntax that the value of a variable must have, unless it may have several lines.
fn syntax_of(key: &GoogleConfigKey) -> Option<Syntax> {
    match key {
        GoogleConfigKey::ServiceAccountKey => None,
        GoogleConfigKey::BearerToken => Some(Syntax::Word),
        _ => Some(Syntax::Text),
    }
}
