//! The options that say how an object store and CircleCI are reached: the same on the command line and in `baton.toml`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::values::{SECONDS_MAX, up_to};
use crate::paths;

/// How an object store is reached: the same on the command line and in `baton.toml`.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[command(next_help_heading = "Object stores")]
pub(crate) struct StoreArgs {
    /// The address of a server that speaks S3, or stands in for Google's or Azure's. Default: AWS_ENDPOINT_URL_S3,
    /// AWS_ENDPOINT_URL, or the provider's own
    #[arg(
        long,
        global = true,
        env = "BATON_ENDPOINT",
        value_name = "URL",
        hide_short_help = true
    )]
    pub(crate) endpoint: Option<String>,
    /// The region of the bucket. Default: AWS_REGION, AWS_DEFAULT_REGION, or the profile's
    #[arg(
        long,
        global = true,
        env = "BATON_REGION",
        value_name = "NAME",
        hide_short_help = true
    )]
    pub(crate) region: Option<String>,
    /// Where the bucket's name goes. Default: into the path where there is an endpoint, else into the host's name
    #[arg(
        long,
        global = true,
        env = "BATON_ADDRESSING",
        value_enum,
        value_name = "WHERE",
        hide_short_help = true
    )]
    pub(crate) addressing: Option<AddressingArg>,
    /// A file in PEM with certificates to trust, besides the system's and the built-in ones
    #[arg(
        long,
        global = true,
        env = "BATON_CA_FILE",
        value_name = "FILE",
        value_parser = paths::parser(),
        hide_short_help = true
    )]
    pub(crate) ca_file: Option<PathBuf>,
    /// Allow requests without TLS
    #[arg(
        long,
        global = true,
        env = "BATON_ALLOW_HTTP",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        hide_short_help = true
    )]
    pub(crate) allow_http: Option<bool>,
    /// A role of AWS to take on with the job's OIDC token
    #[arg(
        long,
        global = true,
        env = "BATON_ROLE_ARN",
        value_name = "ARN",
        hide_short_help = true
    )]
    pub(crate) role_arn: Option<String>,
    /// The variable that holds the job's OIDC token. Default: what CircleCI and GitHub Actions set, or BATON_OIDC_TOKEN
    #[arg(
        long,
        global = true,
        env = "BATON_OIDC_TOKEN_VAR",
        value_name = "NAME",
        hide_short_help = true
    )]
    // Not from baton.toml: it may come with a repository, and would send any variable to any server.
    #[serde(skip)]
    pub(crate) oidc_token_var: Option<String>,
    /// The address that exchanges the token. Default: AWS_ENDPOINT_URL_STS, or Amazon's in the region
    #[arg(
        long,
        global = true,
        env = "BATON_STS_ENDPOINT",
        value_name = "URL",
        hide_short_help = true
    )]
    #[serde(skip)]
    pub(crate) sts_endpoint: Option<String>,
    /// The longest that one request to the store may take with all its tries, in seconds. Default: 120
    #[arg(
        long,
        global = true,
        env = "BATON_STORE_TIMEOUT_SECONDS",
        value_name = "N",
        value_parser = up_to::<u64>(SECONDS_MAX),
        hide_short_help = true
    )]
    pub(crate) store_timeout_seconds: Option<u64>,
    /// Permission bits of directories in a store that is a directory, in octal: files have the same without x. Default: 700,
    /// and in a directory that its group or others can write to, what these bits say
    #[arg(
        long,
        global = true,
        env = "BATON_STORE_MODE",
        value_name = "MODE",
        value_parser = mode,
        hide_short_help = true
    )]
    // Not from baton.toml: it would open a store to others.
    #[serde(skip)]
    pub(crate) store_mode: Option<u32>,
    /// The origin of CircleCI's API, for a CircleCI Server. Default: https://circleci.com
    #[arg(
        long = "api",
        global = true,
        env = "BATON_CIRCLECI_API",
        value_name = "URL",
        help_heading = "CircleCI",
        hide_short_help = true
    )]
    // As with the OIDC token: a file that comes with a repository would send any variable to any server.
    #[serde(skip)]
    pub(crate) circleci_api: Option<String>,
    /// The variable that holds a personal API token of CircleCI. Default: CIRCLE_TOKEN
    #[arg(
        long,
        global = true,
        env = "BATON_TOKEN_VAR",
        value_name = "NAME",
        help_heading = "CircleCI",
        hide_short_help = true
    )]
    #[serde(skip)]
    pub(crate) token_var: Option<String>,
    /// Where a CircleCI Server keeps artifacts, if not on the API's host: HOST or HOST:PORT, several with commas between
    #[arg(
        long,
        global = true,
        env = "BATON_ARTIFACT_HOST",
        value_name = "HOST",
        help_heading = "CircleCI",
        hide_short_help = true
    )]
    #[serde(skip)]
    pub(crate) artifact_host: Option<String>,
}

/// Where the bucket's name goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AddressingArg {
    /// Into the path: https://HOST/BUCKET/KEY
    Path,
    /// Into the host's name: https://BUCKET.HOST/KEY
    VirtualHost,
}

impl StoreArgs {
    /// Returns which of the options are set that decide where requests for the store go, and with what.
    pub(crate) fn keys(&self) -> Vec<&'static str> {
        let all = [
            ("endpoint", self.endpoint.is_some()),
            ("region", self.region.is_some()),
            ("addressing", self.addressing.is_some()),
            ("ca-file", self.ca_file.is_some()),
            ("allow-http", self.allow_http.is_some()),
            ("role-arn", self.role_arn.is_some()),
        ];
        all.into_iter()
            .filter(|(_, is_set)| *is_set)
            .map(|(key, _)| key)
            .collect()
    }

    /// Returns these options, and where they are silent the other ones.
    pub(crate) fn or(self, other: StoreArgs) -> StoreArgs {
        StoreArgs {
            endpoint: self.endpoint.or(other.endpoint),
            region: self.region.or(other.region),
            addressing: self.addressing.or(other.addressing),
            ca_file: self.ca_file.or(other.ca_file),
            allow_http: self.allow_http.or(other.allow_http),
            role_arn: self.role_arn.or(other.role_arn),
            oidc_token_var: self.oidc_token_var.or(other.oidc_token_var),
            sts_endpoint: self.sts_endpoint.or(other.sts_endpoint),
            store_timeout_seconds: self.store_timeout_seconds.or(other.store_timeout_seconds),
            store_mode: self.store_mode.or(other.store_mode),
            circleci_api: self.circleci_api.or(other.circleci_api),
            token_var: self.token_var.or(other.token_var),
            artifact_host: self.artifact_host.or(other.artifact_host),
        }
    }
}

/// Reads permission bits in octal.
fn mode(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if mode <= 0o777 && !digits.starts_with('+') => Ok(mode),
        _ => Err("permission bits are octal, at most 777: for example 770".to_owned()),
    }
}
