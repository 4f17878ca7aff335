//! Amazon S3, and servers that speak its API.

use std::sync::Arc;

use object_store::StaticCredentialProvider;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum};

use super::super::failure::{RemoteFailure, RemoteKind, checked};
use super::super::oidc::TokenSource;
use super::super::options::{Addressing, CloudOptions, Role, Variables};
use super::super::profile::Profile;
use super::super::role::{Renewable, RoleCredentials};
use super::common::{Opened, client_options, connector, endpoint_address, no_retries, refused};
use crate::http::HttpClient;
use crate::secret::RedactedUrl;
use crate::store::location::CloudLocation;
use crate::syntax::Syntax;

/// Opens a bucket of S3.
pub(super) fn open(
    location: &CloudLocation,
    options: &CloudOptions,
    client: HttpClient,
) -> Result<Opened, RemoteFailure> {
    let variables = &options.variables;
    let profile = profile(options)?;
    let bucket = Bucket::of(location, options, &profile)?;
    let mut builder = builder(variables)?;
    if let Some(endpoint) = bucket.endpoint {
        // With the bucket in the host's name the library expects it in the endpoint.
        builder = builder.with_endpoint(match bucket.addressing {
            Addressing::Path => endpoint.to_owned(),
            Addressing::VirtualHost => with_bucket(endpoint, &location.bucket),
        });
    }
    let mut renewable: Option<Arc<dyn Renewable>> = None;
    if let Some(role) = &options.role {
        let credentials = role_credentials(role, options, bucket.region, client.clone())?;
        let credentials = Arc::new(credentials);
        builder = builder.with_credentials(Arc::clone(&credentials) as _);
        renewable = Some(credentials);
    } else if let Some(credential) = profile.credential(variables)? {
        builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(credential)));
    }
    let s3 = builder
        .with_bucket_name(&location.bucket)
        .with_region(bucket.region)
        .with_virtual_hosted_style_request(bucket.addressing == Addressing::VirtualHost)
        .with_s3_express(bucket.is_express)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_client_options(client_options(options))
        .with_retry(no_retries())
        .with_http_connector(connector(options, client, &bucket.host))
        .build()
        .map_err(|error| refused(&error))?;
    let s3 = Arc::new(s3);
    Ok(Opened {
        objects: Arc::clone(&s3) as _,
        lister: s3,
        renewable,
        deletes_in_bulk: variables.get("AWS_DISABLE_BULK_DELETE") != Some("true"),
        server: bucket
            .endpoint
            .map_or_else(|| format!("s3 {}", bucket.region), str::to_owned),
        is_known: bucket.endpoint.is_none() && !bucket.is_express,
    })
}

/// Reads the profile that `AWS_PROFILE` names, else the default one.
fn profile(options: &CloudOptions) -> Result<Profile, RemoteFailure> {
    let name = options.variables.get("AWS_PROFILE");
    let files = options.profile_files.iter().map(std::path::PathBuf::as_path);
    let profile = Profile::read(name.unwrap_or("default"), files)?;
    match name {
        Some(name) if profile.is_empty() => {
            let message = format!("AWS_PROFILE names the profile {name:?}, and no file with profiles has it");
            Err(RemoteFailure::new(RemoteKind::Credentials, message))
        }
        _ => Ok(profile),
    }
}

/// Returns a builder with the settings of the variables.
fn builder(variables: &Variables) -> Result<AmazonS3Builder, RemoteFailure> {
    let mut builder = AmazonS3Builder::new();
    for (name, value) in variables.iter() {
        if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>()
            && name.starts_with("AWS_")
            && !is_set_by_baton(&key)
        {
            checked(syntax_of(&key), name, value)?;
            builder = builder.with_config(key, value);
        }
    }
    Ok(builder)
}

/// Where a bucket is, and how it is addressed.
struct Bucket<'a> {
    region: &'a str,
    /// Without a slash at its end. Absent for Amazon's own servers.
    endpoint: Option<&'a str>,
    addressing: Addressing,
    /// Whether it is a directory bucket.
    is_express: bool,
    /// The host and port of the server.
    host: String,
}

impl<'a> Bucket<'a> {
    fn of(
        location: &CloudLocation,
        options: &'a CloudOptions,
        profile: &'a Profile,
    ) -> Result<Bucket<'a>, RemoteFailure> {
        let variables = &options.variables;
        let region = first([
            ("the region", options.region.as_deref()),
            ("AWS_REGION", variables.get("AWS_REGION")),
            ("AWS_DEFAULT_REGION", variables.get("AWS_DEFAULT_REGION")),
            ("the profile's region", profile.get("region")),
        ]);
        let region = region
            .map(|(what, region)| checked(Syntax::Label, what, region))
            .transpose()?;
        let endpoint = first([
            ("the endpoint", options.endpoint.as_ref().map(RedactedUrl::expose)),
            ("AWS_ENDPOINT_URL_S3", variables.get("AWS_ENDPOINT_URL_S3")),
            ("AWS_ENDPOINT_URL", variables.get("AWS_ENDPOINT_URL")),
            ("the profile's endpoint_url", profile.get("endpoint_url")),
        ]);
        let endpoint = endpoint.map(|(what, endpoint)| (what, endpoint.trim_end_matches('/')));
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
            Some((what, endpoint)) => endpoint_address(what, endpoint)?,
            // The token service's name ends with the same domain.
            None if is_express => "amazonaws.com".to_owned(),
            None => format!("s3.{region}.amazonaws.com"),
        };
        let endpoint = endpoint.map(|(_, endpoint)| endpoint);
        if addressing == Addressing::VirtualHost {
            let url = with_bucket(endpoint.unwrap_or("https://s3.amazonaws.com"), &location.bucket);
            let what = format!("the address of the bucket {} by its name", location.bucket);
            checked(Syntax::Address, &what, &url)?;
        }
        Ok(Bucket {
            region,
            endpoint,
            addressing,
            is_express,
            host,
        })
    }
}

/// Returns the first value that is set, and its name.
fn first<'a>(
    places: impl IntoIterator<Item = (&'static str, Option<&'a str>)>,
) -> Option<(&'static str, &'a str)> {
    places.into_iter().find_map(|(what, value)| Some((what, value?)))
}

/// Returns the syntax that the value of a variable must have, by the use that the library makes of it.
fn syntax_of(key: &AmazonS3ConfigKey) -> Syntax {
    match key {
        AmazonS3ConfigKey::AccessKeyId
        | AmazonS3ConfigKey::SecretAccessKey
        | AmazonS3ConfigKey::Token
        | AmazonS3ConfigKey::Encryption(_) => Syntax::Word,
        AmazonS3ConfigKey::MetadataEndpoint
        | AmazonS3ConfigKey::ContainerCredentialsFullUri
        | AmazonS3ConfigKey::StsEndpoint => Syntax::Question,
        AmazonS3ConfigKey::ContainerCredentialsRelativeUri => Syntax::Route,
        AmazonS3ConfigKey::RoleArn => Syntax::Arn,
        _ => Syntax::Text,
    }
}

/// Whether baton sets this option of the library itself: the place of the bucket, and the guarantees that baton gives.
fn is_set_by_baton(key: &AmazonS3ConfigKey) -> bool {
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

/// Returns `https://BUCKET.HOST` for `https://HOST`.
fn with_bucket(endpoint: &str, bucket: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, host)) => format!("{scheme}://{bucket}.{host}"),
        None => endpoint.to_owned(),
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
        .clone()
        .or_else(|| variables.get("AWS_ENDPOINT_URL_STS").map(RedactedUrl::from))
        .unwrap_or_else(|| format!("https://sts.{region}.amazonaws.com/").into());
    endpoint_address("the address of the token service", endpoint.expose())?;
    checked(Syntax::Arn, "the role", &role.arn)?;
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
