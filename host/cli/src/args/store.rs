//! The options that say how an object store and CircleCI are reached: the same on the command line and in `baton.toml`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::values::{SECONDS_MAX, up_to};
use crate::paths;

/// How an object store is reached: the same on the command line and in `baton.toml`.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[command(next_help_heading = "Object store options")]
pub(crate) struct StoreArgs {
    /// URL of a server with the API of S3, Google Cloud Storage or Azure Blob Storage [default: AWS_ENDPOINT_URL_S3,
    /// AWS_ENDPOINT_URL, or the provider's own]
    #[arg(
        long,
        global = true,
        env = "BATON_ENDPOINT",
        value_name = "URL",
        hide_short_help = true
    )]
    pub(crate) endpoint: Option<String>,
    /// Region of the bucket [default: AWS_REGION, AWS_DEFAULT_REGION, or the region of the AWS profile]
    #[arg(
        long,
        global = true,
        env = "BATON_REGION",
        value_name = "NAME",
        hide_short_help = true
    )]
    pub(crate) region: Option<String>,
    /// Where the name of the bucket goes in the URL [default: path with --endpoint, otherwise virtual-host]
    #[arg(
        long,
        global = true,
        env = "BATON_ADDRESSING",
        value_enum,
        value_name = "WHERE",
        hide_short_help = true
    )]
    pub(crate) addressing: Option<AddressingArg>,
    /// PEM file with certificates to trust, in addition to the system's and the built-in ones
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
    /// AWS role to assume with the OIDC token of the job
    #[arg(
        long,
        global = true,
        env = "BATON_ROLE_ARN",
        value_name = "ARN",
        hide_short_help = true
    )]
    pub(crate) role_arn: Option<String>,
    /// Variable that contains the OIDC token of the job [default: the variable of the runner, or BATON_OIDC_TOKEN]
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
    /// URL of the token service that exchanges the OIDC token [default: AWS_ENDPOINT_URL_STS, or Amazon's in the region]
    #[arg(
        long,
        global = true,
        env = "BATON_STS_ENDPOINT",
        value_name = "URL",
        hide_short_help = true
    )]
    #[serde(skip)]
    pub(crate) sts_endpoint: Option<String>,
    /// Maximum time of one request to the store, with all attempts, in seconds, at most 604800 [default: 120]
    #[arg(
        long,
        global = true,
        env = "BATON_STORE_TIMEOUT_SECONDS",
        value_name = "N",
        value_parser = up_to::<u64>(SECONDS_MAX),
        hide_short_help = true
    )]
    pub(crate) store_timeout_seconds: Option<u64>,
    /// Permission bits of directories in a directory store, in octal. Files get the same bits without x [default: 700, or
    /// the bits of the directory if its group or others can write to it]
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
    /// Base URL of the API of CircleCI. For CircleCI server [default: https://circleci.com]
    #[arg(
        long = "api",
        global = true,
        env = "BATON_CIRCLECI_API",
        value_name = "URL",
        help_heading = "CircleCI options",
        hide_short_help = true
    )]
    // As with the OIDC token: a file that comes with a repository would send any variable to any server.
    #[serde(skip)]
    pub(crate) circleci_api: Option<String>,
    /// Variable that contains a personal API token of CircleCI [default: CIRCLE_TOKEN]
    #[arg(
        long,
        global = true,
        env = "BATON_TOKEN_VAR",
        value_name = "NAME",
        help_heading = "CircleCI options",
        hide_short_help = true
    )]
    #[serde(skip)]
    pub(crate) token_var: Option<String>,
    /// Hosts where CircleCI server stores artifacts, if not the host of the API: HOST or HOST:PORT, separated by commas
    #[arg(
        long,
        global = true,
        env = "BATON_ARTIFACT_HOST",
        value_name = "HOST",
        help_heading = "CircleCI options",
        hide_short_help = true
    )]
    #[serde(skip)]
    pub(crate) artifact_host: Option<String>,
}

/// Where the bucket's name goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AddressingArg {
    /// In the path: https://HOST/BUCKET/KEY
    Path,
    /// In the host name: https://BUCKET.HOST/KEY
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
