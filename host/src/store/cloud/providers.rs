//! From options to the library's stores: one function a provider.

use std::sync::Arc;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, AwsCredential, Checksum};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::list::PaginatedListStore;
use object_store::{ClientOptions, RetryConfig, StaticCredentialProvider};

use super::connector::{Connector, address_of};
use super::failure::{RemoteFailure, RemoteKind};
use super::key_files::check_files;
use super::oidc::TokenSource;
use super::options::{Addressing, CloudOptions, Role};
use super::profile::Profile;
use super::role::{Renewable, RoleCredentials};
use crate::forms::Form;
use crate::http::{HttpClient, HttpFailure, HttpFailureKind, all_addresses};
use crate::store::location::{CloudLocation, Provider};

/// Both faces of one of the library's stores, and what it is known by.
pub(super) struct Opened {
    pub(super) objects: Arc<dyn object_store::ObjectStore>,
    pub(super) lister: Arc<dyn PaginatedListStore>,
    /// Credentials that can be renewed.
    pub(super) renewable: Option<Arc<dyn Renewable>>,
    /// Whether many keys are deleted with one request.
    pub(super) deletes_in_bulk: bool,
    /// The server. Test results of one say nothing about another.
    pub(super) server: String,
    /// Whether it is one of the three large services, whose listings are known to come in order of bytes.
    pub(super) is_known: bool,
}

pub(super) fn open(location: &CloudLocation, options: &CloudOptions) -> Result<Opened, RemoteFailure> {
    check_files(location.provider, &options.variables)?;
    let store = HttpClient::new(&options.http, all_addresses()).map_err(of_client)?;
    match location.provider {
        Provider::S3 => s3(location, options, store),
        Provider::Gcs => gcs(location, options, store),
        Provider::Azure => azure(location, options, store),
    }
}

fn of_client(failure: HttpFailure) -> RemoteFailure {
    let kind = match failure.kind() {
        HttpFailureKind::Certificate | HttpFailureKind::Tls => RemoteKind::Certificate,
        _ => RemoteKind::Options,
    };
    RemoteFailure::new(kind, failure.to_string())
}

fn wrong(error: &object_store::Error) -> RemoteFailure {
    RemoteFailure::new(RemoteKind::Options, error.to_string())
}

fn client_options(options: &CloudOptions) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(options.http.allow_http)
        .with_connect_timeout(options.http.connect_timeout)
}

/// The library tries once: when to try again is decided here, where fresh credentials and the server's wish are known.
fn no_retries() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    }
}

fn connector(options: &CloudOptions, store: HttpClient, address: &str) -> Connector {
    Connector {
        store,
        options: options.http.clone(),
        library: client_options(options),
        address: address.into(),
    }
}

/// Checks a value by its form, where `what` is what people call it.
pub(super) fn checked<'a>(form: Form, what: &str, value: &'a str) -> Result<&'a str, RemoteFailure> {
    match form.check(what, value) {
        Ok(()) => Ok(value),
        Err(message) => Err(RemoteFailure::new(RemoteKind::Options, message)),
    }
}

/// Returns the host and port of a server's address. One with a password or a signature in it is refused, and not repeated.
fn endpoint_address(what: &str, endpoint: &str) -> Result<String, RemoteFailure> {
    let uri = checked(Form::Address, what, endpoint)?.parse::<http::Uri>().ok();
    uri.and_then(|uri| address_of(&uri)).ok_or_else(|| {
        let message = format!("{what} is not of the form https://HOST:PORT");
        RemoteFailure::new(RemoteKind::Options, message)
    })
}

/// The first of several places that says something, and what people call it.
fn first<'a>(
    places: impl IntoIterator<Item = (&'static str, Option<&'a str>)>,
) -> Option<(&'static str, &'a str)> {
    places.into_iter().find_map(|(what, value)| Some((what, value?)))
}

fn s3(location: &CloudLocation, options: &CloudOptions, store: HttpClient) -> Result<Opened, RemoteFailure> {
    let variables = &options.variables;
    let profile_name = variables.get("AWS_PROFILE");
    let profile = Profile::read(
        profile_name.unwrap_or("default"),
        options.profile_files.iter().map(std::path::PathBuf::as_path),
    )?;
    if let Some(name) = profile_name
        && profile.is_empty()
    {
        let message = format!("AWS_PROFILE names the profile {name:?}, and no file with profiles has it");
        return Err(RemoteFailure::new(RemoteKind::Credentials, message));
    }
    let mut builder = AmazonS3Builder::new();
    for (name, value) in &variables.0 {
        if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>()
            && name.starts_with("AWS_")
            && !value.is_empty()
            && !is_decided_here(&key)
        {
            checked(form_of_s3(&key), name, value)?;
            builder = builder.with_config(key, value);
        }
    }
    let region = first([
        ("the region", options.region.as_deref()),
        ("AWS_REGION", variables.get("AWS_REGION")),
        ("AWS_DEFAULT_REGION", variables.get("AWS_DEFAULT_REGION")),
        ("the profile's region", profile.get("region")),
    ]);
    let region = region
        .map(|(what, region)| checked(Form::Label, what, region))
        .transpose()?;
    let endpoint = first([
        ("the endpoint", options.endpoint.as_deref()),
        ("AWS_ENDPOINT_URL_S3", variables.get("AWS_ENDPOINT_URL_S3")),
        ("AWS_ENDPOINT_URL", variables.get("AWS_ENDPOINT_URL")),
        ("the profile's endpoint_url", profile.get("endpoint_url")),
    ]);
    let endpoint = endpoint.map(|(what, endpoint)| (what, endpoint.trim_end_matches('/')));
    let endpoint_of = endpoint.map_or("the endpoint", |(what, _)| what);
    let endpoint = endpoint.map(|(_, endpoint)| endpoint);
    // A private server rarely has regions, and accepts the name of Amazon's first one.
    let region = match (region, endpoint) {
        (Some(region), _) => region,
        (None, Some(_)) => "us-east-1",
        (None, None) => {
            let message = "the region of the bucket is not known: set --region or AWS_REGION";
            return Err(RemoteFailure::new(RemoteKind::Options, message));
        }
    };
    let addressing = options.addressing.unwrap_or(match endpoint {
        Some(_) => Addressing::Path,
        None => Addressing::VirtualHost,
    });
    let is_express = endpoint.is_none() && location.bucket.ends_with("--x-s3");
    let host = match endpoint {
        Some(endpoint) => endpoint_address(endpoint_of, endpoint)?,
        // The token service's name ends with the same domain.
        None if is_express => "amazonaws.com".to_owned(),
        None => format!("s3.{region}.amazonaws.com"),
    };
    if addressing == Addressing::VirtualHost {
        let url = with_bucket(endpoint.unwrap_or("https://s3.amazonaws.com"), &location.bucket);
        let what = format!("the address of the bucket {} by its name", location.bucket);
        checked(Form::Address, &what, &url)?;
    }
    if let Some(endpoint) = endpoint {
        // With the bucket in the host's name the library wants it in the endpoint.
        builder = builder.with_endpoint(match addressing {
            Addressing::Path => endpoint.to_owned(),
            Addressing::VirtualHost => with_bucket(endpoint, &location.bucket),
        });
    }
    let mut renewable: Option<Arc<dyn Renewable>> = None;
    if let Some(role) = &options.role {
        let credentials = Arc::new(role_credentials(role, options, region, store.clone())?);
        builder = builder.with_credentials(Arc::clone(&credentials) as _);
        renewable = Some(credentials);
    } else if let Some(credential) = profile_credential(options, &profile)? {
        builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(credential)));
    }
    let s3 = builder
        .with_bucket_name(&location.bucket)
        .with_region(region)
        .with_virtual_hosted_style_request(addressing == Addressing::VirtualHost)
        .with_s3_express(is_express)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_client_options(client_options(options))
        .with_retry(no_retries())
        .with_http_connector(connector(options, store, &host))
        .build()
        .map_err(|error| wrong(&error))?;
    let s3 = Arc::new(s3);
    Ok(Opened {
        objects: Arc::clone(&s3) as _,
        lister: s3,
        renewable,
        deletes_in_bulk: variables.get("AWS_DISABLE_BULK_DELETE") != Some("true"),
        server: endpoint.map_or_else(|| format!("s3 {region}"), str::to_owned),
        is_known: endpoint.is_none() && !is_express,
    })
}

/// Returns the form that the value of a variable must have, by the use that the library makes of it.
fn form_of_s3(key: &AmazonS3ConfigKey) -> Form {
    match key {
        AmazonS3ConfigKey::AccessKeyId
        | AmazonS3ConfigKey::SecretAccessKey
        | AmazonS3ConfigKey::Token
        | AmazonS3ConfigKey::Encryption(_) => Form::Word,
        AmazonS3ConfigKey::MetadataEndpoint
        | AmazonS3ConfigKey::ContainerCredentialsFullUri
        | AmazonS3ConfigKey::StsEndpoint => Form::Question,
        AmazonS3ConfigKey::ContainerCredentialsRelativeUri => Form::Route,
        AmazonS3ConfigKey::RoleArn => Form::Arn,
        _ => Form::Text,
    }
}

fn form_of_azure(key: &AzureConfigKey) -> Form {
    match key {
        AzureConfigKey::AccountName => Form::Account,
        AzureConfigKey::AccessKey
        | AzureConfigKey::Token
        | AzureConfigKey::SasKey
        | AzureConfigKey::ClientId
        | AzureConfigKey::ObjectId
        | AzureConfigKey::EncryptionKey
        | AzureConfigKey::FabricSessionToken
        | AzureConfigKey::FabricWorkloadHost
        | AzureConfigKey::FabricClusterIdentifier => Form::Word,
        AzureConfigKey::AuthorityId => Form::Name,
        AzureConfigKey::AuthorityHost
        | AzureConfigKey::MsiEndpoint
        | AzureConfigKey::FabricTokenServiceUrl => Form::Question,
        _ => Form::Text,
    }
}

/// None for a text that has lines.
fn form_of_gcs(key: &GoogleConfigKey) -> Option<Form> {
    match key {
        GoogleConfigKey::ServiceAccountKey => None,
        GoogleConfigKey::BearerToken => Some(Form::Word),
        _ => Some(Form::Text),
    }
}

/// Whether a variable that the library knows is left to baton: where the bucket is, and what baton promises of it.
fn is_decided_here(key: &AmazonS3ConfigKey) -> bool {
    matches!(
        key,
        AmazonS3ConfigKey::Client(_)
            | AmazonS3ConfigKey::Bucket
            | AmazonS3ConfigKey::Region
            | AmazonS3ConfigKey::DefaultRegion
            | AmazonS3ConfigKey::Endpoint
            | AmazonS3ConfigKey::S3Endpoint
            | AmazonS3ConfigKey::VirtualHostedStyleRequest
            | AmazonS3ConfigKey::S3Express
            | AmazonS3ConfigKey::Checksum
            | AmazonS3ConfigKey::ConditionalPut
    )
}

/// `https://HOST` and a bucket give `https://BUCKET.HOST`.
fn with_bucket(endpoint: &str, bucket: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, host)) => format!("{scheme}://{bucket}.{host}"),
        None => endpoint.to_owned(),
    }
}

/// Returns the keys of a profile, unless something says that others are meant: keys in the environment, or a token that is
/// exchanged for some.
fn profile_credential(
    options: &CloudOptions,
    profile: &Profile,
) -> Result<Option<AwsCredential>, RemoteFailure> {
    let variables = &options.variables;
    let others = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    ];
    let unsigned = variables.get("AWS_SKIP_SIGNATURE").is_some();
    if unsigned || others.iter().any(|name| variables.get(name).is_some()) {
        return Ok(None);
    }
    let keys = (
        profile.get("aws_access_key_id"),
        profile.get("aws_secret_access_key"),
    );
    if let (Some(key_id), Some(secret_key)) = keys {
        let token = profile.get("aws_session_token");
        for value in [Some(key_id), Some(secret_key), token].into_iter().flatten() {
            checked(Form::Word, "a key of the profile", value)?;
        }
        return Ok(Some(AwsCredential {
            key_id: key_id.to_owned(),
            secret_key: secret_key.to_owned(),
            token: token.map(str::to_owned),
        }));
    }
    // Silently taking another identity instead would be worse than to fail.
    let elsewhere = [
        "sso_session",
        "sso_start_url",
        "source_profile",
        "credential_process",
    ];
    match elsewhere.iter().find(|key| profile.get(key).is_some()) {
        None => Ok(None),
        Some(key) => {
            let message = format!(
                "the profile gets its credentials by {key}, which baton does not follow: put what `aws configure export-credentials --format env` prints into the environment"
            );
            Err(RemoteFailure::new(RemoteKind::Credentials, message))
        }
    }
}

fn role_credentials(
    role: &Role,
    options: &CloudOptions,
    region: &str,
    client: HttpClient,
) -> Result<RoleCredentials, RemoteFailure> {
    let variables = &options.variables;
    let endpoint = role
        .sts_endpoint
        .as_deref()
        .or_else(|| variables.get("AWS_ENDPOINT_URL_STS"))
        .map_or_else(|| format!("https://sts.{region}.amazonaws.com/"), str::to_owned);
    endpoint_address("the address of the token service", &endpoint)?;
    checked(Form::Arn, "the role", &role.arn)?;
    let job = variables.get("AWS_ROLE_SESSION_NAME").unwrap_or("baton");
    let session = job
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "=,.@-".contains(c) {
                c
            } else {
                '-'
            }
        })
        .take(64)
        .collect();
    Ok(RoleCredentials {
        client,
        source: TokenSource::find(variables, role.token_variable.as_deref())?,
        arn: role.arn.clone(),
        endpoint,
        session,
        current: tokio::sync::Mutex::default(),
    })
}

fn gcs(location: &CloudLocation, options: &CloudOptions, store: HttpClient) -> Result<Opened, RemoteFailure> {
    let mut builder = GoogleCloudStorageBuilder::new();
    for (name, value) in &options.variables.0 {
        if let Ok(key) = name.to_ascii_lowercase().parse::<GoogleConfigKey>()
            && name.starts_with("GOOGLE_")
            && !value.is_empty()
            && !matches!(
                key,
                GoogleConfigKey::Client(_) | GoogleConfigKey::Bucket | GoogleConfigKey::BaseUrl
            )
        {
            if let Some(form) = form_of_gcs(&key) {
                checked(form, name, value)?;
            }
            builder = builder.with_config(key, value);
        }
    }
    let host = match &options.endpoint {
        Some(endpoint) => {
            builder = builder.with_config(GoogleConfigKey::BaseUrl, endpoint);
            endpoint_address("the endpoint", endpoint)?
        }
        None => "storage.googleapis.com".to_owned(),
    };
    let gcs = builder
        .with_bucket_name(&location.bucket)
        .with_client_options(client_options(options))
        .with_retry(no_retries())
        .with_http_connector(connector(options, store, &host))
        .build()
        .map_err(|error| wrong(&error))?;
    let gcs = Arc::new(gcs);
    Ok(Opened {
        objects: Arc::clone(&gcs) as _,
        lister: gcs,
        renewable: None,
        deletes_in_bulk: false,
        server: options.endpoint.clone().unwrap_or_else(|| "gs".to_owned()),
        is_known: options.endpoint.is_none(),
    })
}

fn azure(
    location: &CloudLocation,
    options: &CloudOptions,
    store: HttpClient,
) -> Result<Opened, RemoteFailure> {
    let mut builder = MicrosoftAzureBuilder::new();
    for (name, value) in &options.variables.0 {
        if let Ok(key) = name.to_ascii_lowercase().parse::<AzureConfigKey>()
            && name.starts_with("AZURE_")
            && !value.is_empty()
            && !matches!(
                key,
                AzureConfigKey::Client(_)
                    | AzureConfigKey::ContainerName
                    | AzureConfigKey::Endpoint
                    | AzureConfigKey::UseEmulator
                    | AzureConfigKey::UseFabricEndpoint
            )
        {
            checked(form_of_azure(&key), name, value)?;
            builder = builder.with_config(key, value);
        }
    }
    let host = match &options.endpoint {
        Some(endpoint) => {
            builder = builder.with_endpoint(endpoint.clone());
            endpoint_address("the endpoint", endpoint)?
        }
        None => "blob.core.windows.net".to_owned(),
    };
    let azure = builder
        .with_container_name(&location.bucket)
        .with_client_options(client_options(options))
        .with_retry(no_retries())
        .with_http_connector(connector(options, store, &host))
        .build()
        .map_err(|error| wrong(&error))?;
    let azure = Arc::new(azure);
    Ok(Opened {
        objects: Arc::clone(&azure) as _,
        lister: azure,
        renewable: None,
        deletes_in_bulk: false,
        server: options.endpoint.clone().unwrap_or_else(|| "az".to_owned()),
        is_known: options.endpoint.is_none(),
    })
}
