//! Which store a command uses, and how it is reached: from flags, variables and `baton.toml` to an open store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use baton_host::{
    Addressing, CircleCi, CloudOptions, CloudStore, DirectoryStore, HttpOptions, Interrupt, MemoryStore,
    ObjectStore, Proxies, Role, StoreError, StoreLocation, StoreUse, Variables,
};
use clap::{Args, ValueEnum};
use etcetera::BaseStrategy;
use serde::Deserialize;

use super::failure::Failure;
use super::paths;
use super::settings::SECONDS_MAX;

/// Variables that begin so are given to whoever asks an object store. Nothing else of the environment is.
const PREFIXES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];
/// What holds the job's identity.
const TOKENS: [&str; 5] = [
    "CIRCLE_OIDC_TOKEN_V2",
    "BATON_OIDC_TOKEN",
    "GITLAB_OIDC_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
];
/// One try gets a part of the budget, so that a server that stands still is asked again.
const TRIES_IN_BUDGET: u32 = 4;
const TRY_MAX: Duration = Duration::from_secs(30);
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// All of a system's certificates have a few hundred KiB.
const CERTIFICATES_BYTES_MAX: u64 = 16 << 20;

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
        value_parser = super::args::up_to::<u64>(SECONDS_MAX),
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

/// Reads where a store is. A relative path is relative to `beside`, and a leading `~/` is the home directory.
pub(crate) fn location(text: &str, beside: &Path) -> Result<StoreLocation, StoreError> {
    match StoreLocation::parse(text, Path::new(""))? {
        StoreLocation::Directory(given) => match paths::expanded(&given) {
            Ok(path) => Ok(StoreLocation::Directory(beside.join(path))),
            Err(reason) => Err(StoreError::Location {
                given: text.to_owned(),
                reason,
            }),
        },
        elsewhere => Ok(elsewhere),
    }
}

/// Which store a command uses, and how it is reached.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) location: StoreLocation,
    /// For an object store.
    options: CloudOptions,
    /// What flags, variables and file say together.
    args: StoreArgs,
    workers: usize,
}

impl Store {
    /// Returns the store at `location`, or the default one. `workers` share a transfer.
    pub(crate) fn new(
        location: Option<StoreLocation>,
        args: StoreArgs,
        workers: usize,
    ) -> Result<Store, Failure> {
        let location = match location {
            Some(location) => location,
            None => StoreLocation::Directory(default_directory()?),
        };
        let options = match location {
            StoreLocation::Cloud(_) => cloud_options(args.clone(), workers)?,
            StoreLocation::Directory(_) | StoreLocation::Memory | StoreLocation::CircleCi(_) => {
                CloudOptions::default()
            }
        };
        Ok(Store {
            location,
            options,
            args,
            workers,
        })
    }

    /// Whether the files are what jobs of CircleCI stored as artifacts.
    pub(crate) fn is_circleci(&self) -> bool {
        matches!(self.location, StoreLocation::CircleCi(_))
    }

    /// Returns how CircleCI is reached. Reads the token from the variable of the name that was given.
    pub(crate) fn circleci(&self) -> Result<CircleCi, Failure> {
        let CloudOptions {
            http, time_budget, ..
        } = cloud_options(self.args.clone(), self.workers)?;
        let defaults = CircleCi::default();
        let token_variable = self.args.token_var.clone().unwrap_or(defaults.token_variable);
        let token = variable(&token_variable)?.filter(|token| !token.trim().is_empty());
        let hosts = self.args.artifact_host.as_deref().unwrap_or_default().split(',');
        Ok(CircleCi {
            base_url: self.args.circleci_api.clone().unwrap_or(defaults.base_url),
            artifact_hosts: hosts
                .map(str::trim)
                .filter(|host| !host.is_empty())
                .map(str::to_owned)
                .collect(),
            token,
            token_variable,
            http,
            time_budget,
        })
    }

    /// Opens the store as it is. It must be there.
    pub(crate) fn open(&self, interrupt: &Interrupt) -> Result<Arc<dyn ObjectStore>, StoreError> {
        match &self.location {
            StoreLocation::Directory(path) => Ok(Arc::new(DirectoryStore::open(path)?)),
            _ => self.remote(StoreUse::Read, interrupt),
        }
    }

    /// Opens the store as it is, to add to it.
    pub(crate) fn open_to_add(&self, interrupt: &Interrupt) -> Result<Arc<dyn ObjectStore>, StoreError> {
        match &self.location {
            StoreLocation::Directory(path) => {
                let store = DirectoryStore::open(path)?.with_mode(self.args.store_mode);
                Ok(Arc::new(store))
            }
            _ => self.remote(StoreUse::Write, interrupt),
        }
    }

    /// Opens the store to write to it. A directory is made if it is not there; a bucket never is.
    pub(crate) fn create(&self, interrupt: &Interrupt) -> Result<Arc<dyn ObjectStore>, StoreError> {
        match &self.location {
            StoreLocation::Directory(path) => {
                let store = DirectoryStore::create_with_mode(path, self.args.store_mode)?;
                Ok(Arc::new(store))
            }
            _ => self.remote(StoreUse::Write, interrupt),
        }
    }

    /// Opens the store to look what a command would do. A directory that is missing is as good as an empty one.
    pub(crate) fn look(&self, interrupt: &Interrupt) -> Result<Arc<dyn ObjectStore>, StoreError> {
        match (&self.location, self.open(interrupt)) {
            (StoreLocation::Directory(path), Err(StoreError::Missing(_))) => {
                Ok(Arc::new(DirectoryStore::absent(path)))
            }
            (_, opened) => opened,
        }
    }

    fn remote(&self, usage: StoreUse, interrupt: &Interrupt) -> Result<Arc<dyn ObjectStore>, StoreError> {
        match &self.location {
            StoreLocation::Cloud(location) => {
                let options = CloudOptions {
                    interrupt: interrupt.clone(),
                    ..self.options.clone()
                };
                Ok(Arc::new(CloudStore::open(location, options, usage)?))
            }
            // What is at CircleCI is read by way of the API: the component's store has nothing in it.
            StoreLocation::Directory(_) | StoreLocation::Memory | StoreLocation::CircleCi(_) => {
                Ok(Arc::new(MemoryStore::default()))
            }
        }
    }
}

fn cloud_options(args: StoreArgs, workers: usize) -> Result<CloudOptions, Failure> {
    let budget = match args.store_timeout_seconds {
        Some(0) => return Err(anyhow!("store-timeout-seconds must be at least 1").into()),
        Some(seconds) if seconds > SECONDS_MAX => {
            return Err(anyhow!("store-timeout-seconds must be at most {SECONDS_MAX}").into());
        }
        Some(seconds) => Duration::from_secs(seconds),
        None => CloudOptions::default().time_budget,
    };
    let one_try = (budget / TRIES_IN_BUDGET).min(TRY_MAX);
    let ca_pem = args
        .ca_file
        .iter()
        .map(|file| certificates(file))
        .collect::<Result<_, _>>()?;
    let wanted = |name: &str| {
        PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            || TOKENS.contains(&name)
            || args.oidc_token_var.as_deref() == Some(name)
    };
    let mut environment: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        let is_read = wanted(&name) || name.to_ascii_lowercase().ends_with("_proxy");
        match value.into_string() {
            Ok(value) => {
                environment.insert(name, value);
            }
            Err(_) if is_read => return Err(not_utf8(&name)),
            Err(_) => {}
        }
    }
    let proxies = Proxies::from_variables(|name| environment.get(name).map(String::as_str));
    let profile_files = profile_files(&environment);
    let variables = environment.into_iter().filter(|(name, _)| wanted(name)).collect();
    Ok(CloudOptions {
        http: HttpOptions {
            ca_pem,
            proxies,
            allow_http: args.allow_http.unwrap_or(false),
            idle_connections_max: workers,
            connect_timeout: one_try.min(CONNECT_MAX),
            first_byte_timeout: one_try,
            idle_timeout: one_try,
        },
        endpoint: args.endpoint,
        region: args.region,
        addressing: args.addressing.map(|addressing| match addressing {
            AddressingArg::Path => Addressing::Path,
            AddressingArg::VirtualHost => Addressing::VirtualHost,
        }),
        role: args.role_arn.map(|arn| Role {
            arn,
            token_variable: args.oidc_token_var,
            sts_endpoint: args.sts_endpoint,
        }),
        variables: Variables(variables),
        profile_files,
        connections_max: workers,
        time_budget: budget,
        interrupt: Interrupt::default(),
    })
}

/// Reads permission bits in octal.
fn mode(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    match u32::from_str_radix(digits, 8) {
        Ok(mode) if mode <= 0o777 && !digits.starts_with('+') => Ok(mode),
        _ => Err("permission bits are octal, at most 777: for example 770".to_owned()),
    }
}

/// Returns the value of a variable that a person may name. It may be a secret, and is not shown.
pub(crate) fn variable(name: &str) -> Result<Option<String>, Failure> {
    let value = std::env::var_os(name).map(|value| value.into_string());
    value.transpose().map_err(|_| not_utf8(name))
}

fn not_utf8(variable: &str) -> Failure {
    anyhow!("the value of {variable} is not UTF-8").into()
}

/// Reads a file with certificates. That it has any is checked here, where its name is known.
fn certificates(file: &Path) -> anyhow::Result<String> {
    let text = baton_host::files::read_text(file, CERTIFICATES_BYTES_MAX)
        .with_context(|| format!("the file with certificates {} cannot be read", file.display()))?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(anyhow!("there is no certificate in PEM in {}", file.display()));
    }
    Ok(text)
}

/// Where AWS's tools keep profiles: the credentials' file first.
fn profile_files(environment: &BTreeMap<String, String>) -> Vec<PathBuf> {
    let home = etcetera::home_dir().ok();
    [
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        ("AWS_CONFIG_FILE", "config"),
    ]
    .into_iter()
    .filter_map(|(variable, name)| {
        let named = environment.get(variable).filter(|file| !file.is_empty());
        match named {
            // As Amazon's tools do it.
            Some(file) => paths::expanded(Path::new(file)).ok(),
            None => Some(home.as_ref()?.join(".aws").join(name)),
        }
    })
    .collect()
}

fn default_directory() -> Result<PathBuf, Failure> {
    let data = data_directory()
        .context("the home directory is unknown, so there is no default store: name one with --store")?;
    Ok(data.join("store"))
}

/// Returns what baton may keep for this user.
pub(crate) fn data_directory() -> Result<PathBuf, etcetera::HomeDirError> {
    Ok(etcetera::choose_base_strategy()?.data_dir().join("baton"))
}
