//! Azure Blob Storage.

use std::sync::Arc;

use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};

use super::super::failure::{RemoteFailure, checked};
use super::super::options::CloudOptions;
use super::common::{Opened, client_options, connector, endpoint_address, no_retries, refused};
use crate::http::HttpClient;
use crate::store::location::CloudLocation;
use crate::syntax::Syntax;

/// Opens a container of Azure Blob Storage.
pub(super) fn open(
    location: &CloudLocation,
    options: &CloudOptions,
    client: HttpClient,
) -> Result<Opened, RemoteFailure> {
    let mut builder = MicrosoftAzureBuilder::new();
    for (name, value) in options.variables.iter() {
        if let Ok(key) = name.to_ascii_lowercase().parse::<AzureConfigKey>()
            && name.starts_with("AZURE_")
            && !matches!(
                key,
                AzureConfigKey::Client(_)
                    | AzureConfigKey::ContainerName
                    | AzureConfigKey::Endpoint
                    | AzureConfigKey::UseEmulator
                    | AzureConfigKey::UseFabricEndpoint
            )
        {
            checked(syntax_of(&key), name, value)?;
            builder = builder.with_config(key, value);
        }
    }
    let host = match &options.endpoint {
        Some(endpoint) => {
            builder = builder.with_endpoint(endpoint.expose().to_owned());
            endpoint_address("the endpoint", endpoint.expose())?
        }
        None => "blob.core.windows.net".to_owned(),
    };
    let azure = builder
        .with_container_name(&location.bucket)
        .with_client_options(client_options(options))
        .with_retry(no_retries())
        .with_http_connector(connector(options, client, &host))
        .build()
        .map_err(|error| refused(&error))?;
    let azure = Arc::new(azure);
    Ok(Opened {
        objects: Arc::clone(&azure) as _,
        lister: azure,
        renewable: None,
        deletes_in_bulk: false,
        server: options
            .endpoint
            .as_ref()
            .map_or_else(|| "az".to_owned(), ToString::to_string),
        is_known: options.endpoint.is_none(),
    })
}

/// Returns the syntax that the value of a variable must have.
fn syntax_of(key: &AzureConfigKey) -> Syntax {
    match key {
        AzureConfigKey::AccountName => Syntax::Account,
        AzureConfigKey::AccessKey
        | AzureConfigKey::Token
        | AzureConfigKey::SasKey
        | AzureConfigKey::ClientId
        | AzureConfigKey::ObjectId
        | AzureConfigKey::EncryptionKey
        | AzureConfigKey::FabricSessionToken
        | AzureConfigKey::FabricWorkloadHost
        | AzureConfigKey::FabricClusterIdentifier => Syntax::Word,
        AzureConfigKey::AuthorityId => Syntax::Name,
        AzureConfigKey::AuthorityHost
        | AzureConfigKey::MsiEndpoint
        | AzureConfigKey::FabricTokenServiceUrl => Syntax::Question,
        _ => Syntax::Text,
    }
}
