//! The store of a command, and how it is reached: from flags, variables and `baton.toml` to an open store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use baton_host::store::{Addressing, CloudOptions, Role, StoreError, StoreLocation, StoreUse};
use baton_host::{
    CircleCi, CloudStore, DirectoryStore, HttpOptions, Interrupt, MemoryStore, ObjectStore, Proxies,
    RedactedUrl, Secret,
};
use etcetera::BaseStrategy;

use super::args::{AddressingArg, SECONDS_MAX, StoreArgs};
use super::failure::Failure;
use super::paths;

/// Variables that begin so are given to whoever asks an object store. Nothing else of the environment is.
const PREFIXES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];
/// The variables that hold the job's identity.
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

/// The store of a command, and how it is reached.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) location: StoreLocation,
    /// For an object store.
    options: CloudOptions,
    /// The merged values of flags, variables and file.
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
            token: token.map(Secret::from),
            token_variable,
            http,
            time_budget,
        })
    }

    /// Opens the store, which must exist.
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

    /// Opens the store to write to it. A missing directory is created; a bucket never is.
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
        endpoint: args.endpoint.map(RedactedUrl::from),
        region: args.region,
        addressing: args.addressing.map(|addressing| match addressing {
            AddressingArg::Path => Addressing::Path,
            AddressingArg::VirtualHost => Addressing::VirtualHost,
        }),
        role: args.role_arn.map(|arn| Role {
            arn,
            token_variable: args.oidc_token_var,
            sts_endpoint: args.sts_endpoint.map(RedactedUrl::from),
        }),
        variables,
        profile_files,
        connections_max: workers,
        time_budget: budget,
        interrupt: Interrupt::default(),
    })
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
